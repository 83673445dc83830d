//! What must not stand in a log and sometimes does: secrets, and numbers of cards. It is taken out before anything is
//! kept. And what few may know: a line about a suspicious-activity report is not kept at all.

use std::borrow::Cow;
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

/// `password=…`, `"token": "…"`, and the part of an address between its `:` and its `@`.
static PAIRS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b([\w-]*(?:password|passwd|secret|token|api_?key|private_key|credential)s?["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"']+)"#,
    )
});
static IN_ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(://[^\s:/@]*:)[^\s@/]+(@)"));

static CARD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d(?:[ -]?\d){12,18}\b"));

static REPORTS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bsars?\b|\bsuspicious[ _-]activit|\bsar[_.-]|[_.-]sar\b"));

/// Whether it says anything about a suspicious-activity report: that there is one, or that there is none.
#[must_use]
pub fn is_about_sar(line: &Line) -> bool {
    let texts = [&line.message, &line.component, &line.code];
    let in_fields = |(key, value): (&String, &Value)| {
        REPORTS.is_match(key) || REPORTS.is_match(&value.to_string())
    };
    texts.into_iter().any(|text| REPORTS.is_match(text)) || line.fields.iter().any(in_fields)
}

/// Takes secrets out of everything that a line says.
pub fn mask(line: &mut Line) {
    line.message = masked(&line.message);
    line.component = masked(&line.component);
    mask_fields(&mut line.fields);
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
        Value::Array(all) => all.iter_mut().for_each(mask_value),
        Value::Object(fields) => mask_fields(fields),
        _ => {}
    }
}

fn masked(text: &str) -> String {
    let text = TOKENS.replace_all(text, MASKED);
    let text = PAIRS.replace_all(&text, format!("${{1}}{MASKED}"));
    let text = IN_ADDRESS.replace_all(&text, format!("${{1}}{MASKED}${{2}}"));
    let text = CARD.replace_all(&text, |found: &Captures<'_>| -> Cow<'static, str> {
        let digits = &found[0];
        if is_card(digits) {
            Cow::Borrowed(MASKED)
        } else {
            Cow::Owned(digits.to_owned())
        }
    });
    text.into_owned()
}

/// Whether its check digit is right (ISO/IEC 7812-1, Luhn), so that times and ids are left as they are.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(10)).collect();
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, *digit) {
        (0, digit) => digit,
        (_, digit) if digit < 5 => digit * 2,
        (_, digit) => digit * 2 - 9,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::logs::line::read_all;

    fn read(text: &str) -> Line {
        let mut line = read_all(text).remove(0);
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
            (
                "postgres://app:s3cr3t@db:5432/x is away",
                "postgres://app:[masked]@db:5432/x is away",
            ),
            (
                "card 4111 1111 1111 1111 declined",
                "card [masked] declined",
            ),
            (
                "order 1795704866123 took 12 ms",
                "order 1795704866123 took 12 ms",
            ),
            ("tokens used: none of them", "tokens used: none of them"),
        ] {
            assert_eq!(read(given).message, kept);
        }
        let line = read(
            r#"{"msg":"in","user":"ada","authorization":"x","a":{"api-key":"y","n":[{"cookie":1}]}}"#,
        );
        assert_eq!(line.fields["user"], "ada");
        assert_eq!(line.fields["authorization"], MASKED);
        assert_eq!(line.fields["a"]["api-key"], MASKED);
        assert_eq!(line.fields["a"]["n"][0]["cookie"], MASKED);
    }

    #[test]
    fn what_few_may_know_is_recognised() {
        for about in [
            "SAR filed for C-1",
            "job sar-monthly started",
            "no suspicious activity reports are due",
            "{\"msg\":\"x\",\"kind\":\"sar.due\"}",
            "{\"msg\":\"x\",\"sar_id\":1}",
        ] {
            assert!(is_about_sar(&read_all(about)[0]), "{about}");
        }
        for other in ["the sarcophagus is closed", "caesar", "necessary"] {
            assert!(!is_about_sar(&read_all(other)[0]), "{other}");
        }
    }
}
