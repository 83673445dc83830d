//! What must not stand in a log and sometimes does: secrets, and numbers of cards. It is taken out before anything is
//! kept.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::line::Line;

const MASKED: &str = "[masked]";

/// Names of fields whose values are secrets, whatever they look like.
const SECRET_NAMES: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "api_key",
    "apikey",
    "cookie",
    "private_key",
    "credential",
];

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that the tests have read") // start-up
}

/// `Bearer …`, tokens of three parts, secrets of webhooks.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\bwhsec_[\w+/=-]{8,}",
    )
});

/// `password=…`, `"token": "…"`, also within a text that is quoted itself.
static PAIRS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b([\w-]*(?:password|passwd|secret|token|api_?key|private_key|credential)s?\\?["']?\s*[=:]\s*)(\\?"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s,;&"']+)"#,
    )
});

/// Headers that are secrets to the end of their line.
static HEADERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)\b((?:set-)?cookie|authorization)(\\?["']?\s*[:=]\s*)[^\r\n]+"#)
});

/// The part of an address between its `:` and its `@`.
static IN_ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(://[^\s:/@]*:)[^\s@/]+(@)"));

/// Digits in groups, in which the number of a card may stand.
static DIGITS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d(?:[ -]?\d){12,}"));

/// Takes secrets out of everything that a line says.
pub fn mask(line: &mut Line) {
    line.message = masked(&line.message);
    line.component = masked(&line.component);
    line.code = masked(&line.code);
    mask_fields(&mut line.fields);
    if line.message.is_empty() {
        line.message = Value::Object(line.fields.clone()).to_string();
    }
}

fn mask_fields(fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        let name = name.to_ascii_lowercase().replace('-', "_");
        if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
            *value = Value::String(MASKED.to_owned());
        } else {
            mask_value(value);
        }
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = masked(text),
        Value::Number(number) => {
            let digits = number.to_string();
            if without_cards(&digits) != digits {
                *value = Value::String(MASKED.to_owned());
            }
        }
        Value::Array(all) => all.iter_mut().for_each(mask_value),
        Value::Object(fields) => mask_fields(fields),
        Value::Null | Value::Bool(_) => {}
    }
}

fn masked(text: &str) -> String {
    let text = HEADERS.replace_all(text, format!("${{1}}${{2}}{MASKED}"));
    let text = TOKENS.replace_all(&text, MASKED);
    let text = PAIRS.replace_all(&text, format!("${{1}}{MASKED}"));
    let text = IN_ADDRESS.replace_all(&text, format!("${{1}}{MASKED}${{2}}"));
    without_cards(&text)
}

fn without_cards(text: &str) -> String {
    let found = |found: &Captures<'_>| mask_cards(&found[0]);
    DIGITS.replace_all(text, found).into_owned()
}

/// Masks every number of a card among groups of digits, whatever stands before and after it.
fn mask_cards(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut out = String::new();
    let mut at = 0;
    while at < letters.len() {
        let begins = is_digit(at) && (at == 0 || !is_digit(at - 1));
        let card = begins.then(|| {
            let ends = (at + 1..=letters.len()).filter(|end| !is_digit(*end));
            ends.take(CARD_GROUPS)
                .find(|end| is_card(&letters[at..*end]))
        });
        if let Some(end) = card.flatten() {
            out.push_str(MASKED);
            at = end;
        } else {
            out.push(letters[at]);
            at += 1;
        }
    }
    out
}

/// A card's number is written in at most so many groups, and what lies between two of them.
const CARD_GROUPS: usize = 8;

/// Whether it is as long as a card's number, begins like one, and its check digit is right (ISO/IEC 7812-1, Luhn).
fn is_card(letters: &[char]) -> bool {
    let digits: Vec<u32> = letters.iter().filter_map(|it| it.to_digit(10)).collect();
    let begins = digits.first().is_some_and(|first| (2..=6).contains(first));
    if !begins || !(13..=19).contains(&digits.len()) {
        return false;
    }
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, *digit) {
        (0, digit) => digit,
        (_, digit) if digit < 5 => digit * 2,
        (_, digit) => digit * 2 - 9,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::logs::line::read_all;
    use crate::foundation::kernel::is_about_sar;

    fn read(text: &str) -> Line {
        let mut line = read_all(text, |_| false).remove(0);
        mask(&mut line);
        line
    }

    #[test]
    fn secrets_are_taken_out_and_the_rest_stays() {
        for (given, kept) in [
            (
                "sent Bearer abc.def-ghi123 to the bank",
                "sent [masked] to the bank",
            ),
            (
                "login password=hunter2 user=ada failed",
                "login password=[masked] user=ada failed",
            ),
            ("DB_PASSWORD: 'x y' set", "DB_PASSWORD: [masked] set"),
            ("said password=\"it never ends", "said password=[masked]"),
            ("sent Cookie: session=abc; b=c", "sent Cookie: [masked]"),
            (
                "sent authorization: Token abcdef",
                "sent authorization: [masked]",
            ),
            (
                "postgres://app:s3cr3t@db:5432/x is away",
                "postgres://app:[masked]@db:5432/x is away",
            ),
            (
                "card 4111 1111 1111 1111 declined",
                "card [masked] declined",
            ),
            ("card 4111 1111 1111 1111 12/28", "card [masked] 12/28"),
            ("card 4111-1111-1111-1111 123", "card [masked] 123"),
            ("amount 100 4111 1111 1111 1111", "amount 100 [masked]"),
            ("card_4111111111111111", "card_[masked]"),
            (
                "order 1795704866123 took 12 ms",
                "order 1795704866123 took 12 ms",
            ),
            (
                "id 41111111111111111111111111",
                "id 41111111111111111111111111",
            ),
            ("tokens used: none of them", "tokens used: none of them"),
        ] {
            assert_eq!(read(given).message, kept);
        }
    }

    #[test]
    fn what_json_says_is_masked_wherever_it_stands() {
        let line = read(
            r#"{"msg":"in","user":"ada","authorization":"x","card":4111111111111111,"code":"4111111111111111","a":{"api-key":"y","n":[{"cookie":1}]}}"#,
        );
        assert_eq!(line.fields["user"], "ada");
        assert_eq!(line.fields["authorization"], MASKED);
        assert_eq!(line.fields["card"], MASKED);
        assert_eq!(line.code, MASKED);
        assert_eq!(line.fields["a"]["api-key"], MASKED);
        assert_eq!(line.fields["a"]["n"][0]["cookie"], MASKED);
        let silent =
            read(r#"{"level":"info","cookie":"session=abc","body":"{\"password\":\"hunter2\"}"}"#);
        assert!(silent.message.contains("body"), "{}", silent.message);
        assert!(!silent.message.contains("abc") && !silent.message.contains("hunter2"));
        assert!(!silent.fields["body"].to_string().contains("hunter2"));
    }

    #[test]
    fn what_goes_on_from_a_line_that_is_not_kept_is_not_kept_either() {
        let text =
            "INFO one\nINFO SAR for C-1\n  at C-1\nINFO two\n  about a SAR\n  more\nINFO three";
        let kept = read_all(text, is_about_sar);
        let messages: Vec<_> = kept.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(messages, ["INFO one", "INFO three"]);
    }
}
