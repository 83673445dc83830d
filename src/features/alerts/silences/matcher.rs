//! Which labels are meant: `name="value"`, `!=`, `=~`, `!~`, as Alertmanager writes them. An expression has to match the
//! whole value. A label that is not there has the empty value.

use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::features::alerts::labels::Labels;

/// Longest name or value, in bytes.
pub const LONGEST: usize = 1_000;
/// Most matchers that stand together.
pub const AT_MOST: usize = 20;

/// How large a compiled expression may be, in bytes: somebody's typing must not eat the machine.
const COMPILED_AT_MOST: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    #[serde(rename = "=")]
    Is,
    #[serde(rename = "!=")]
    IsNot,
    #[serde(rename = "=~")]
    Matches,
    #[serde(rename = "!~")]
    MatchesNot,
}

impl Op {
    /// Those of two characters before the one that begins like them.
    const ALL: [Self; 4] = [Self::IsNot, Self::Matches, Self::MatchesNot, Self::Is];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }

    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesNot)
    }

    #[must_use]
    pub const fn is_equal(self) -> bool {
        matches!(self, Self::Is | Self::Matches)
    }

    #[must_use]
    pub const fn of(is_regex: bool, is_equal: bool) -> Self {
        match (is_regex, is_equal) {
            (false, true) => Self::Is,
            (false, false) => Self::IsNot,
            (true, true) => Self::Matches,
            (true, false) => Self::MatchesNot,
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Matcher {
    pub name: String,
    pub op: Op,
    pub value: String,
    regex: Option<Regex>,
}

/// A matcher as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    name: String,
    op: Op,
    value: String,
}

impl TryFrom<Written> for Matcher {
    type Error = String;

    fn try_from(from: Written) -> Result<Self, String> {
        Self::new(from.name, from.op, from.value)
    }
}

impl From<Matcher> for Written {
    fn from(from: Matcher) -> Self {
        Self {
            name: from.name,
            op: from.op,
            value: from.value,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\"", self.name, self.op.as_str())?;
        for c in self.value.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

impl Matcher {
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(name: String, op: Op, value: String) -> Result<Self, String> {
        if !is_label_name(&name) {
            return Err(format!(
                "{name:?} is not the name of a label: letters, digits and _, not beginning with a digit"
            ));
        }
        if name.len() > LONGEST || value.len() > LONGEST {
            return Err(format!(
                "a name and a value have at most {LONGEST} characters"
            ));
        }
        if value.chars().any(|c| c.is_control() && c != '\n') {
            return Err(format!(
                "the value of {name} holds a character that cannot be seen"
            ));
        }
        let regex = op.is_regex().then(|| compile(&value)).transpose()?;
        Ok(Self {
            name,
            op,
            value,
            regex,
        })
    }

    /// `name="value"`.
    #[must_use]
    pub fn is(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            op: Op::Is,
            value: value.to_owned(),
            regex: None,
        }
    }

    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name).map_or("", String::as_str))
    }

    fn accepts(&self, value: &str) -> bool {
        match (&self.regex, self.op) {
            (Some(regex), Op::Matches) => regex.is_match(value),
            (Some(regex), Op::MatchesNot) => !regex.is_match(value),
            (_, op) => (value == self.value) == op.is_equal(),
        }
    }
}

/// By itself first: an expression that closes a bracket of ours would not be held to the whole value.
fn compile(value: &str) -> Result<Regex, String> {
    let build = |text: &str| {
        regex::RegexBuilder::new(text)
            .size_limit(COMPILED_AT_MOST)
            .build()
    };
    build(value)
        .and_then(|_| build(&format!("^(?s:{value})$")))
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("the expression {value:?} is too large: write a simpler one")
            }
            _ => format!("{value:?} is not a regular expression"),
        })
}

fn is_label_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// Whether every one of them matches.
#[must_use]
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// Whether together they say something: there are some, not too many, and one rejects the empty value. Without one the
/// rest would also be true of alerts that have none of these labels.
///
/// # Errors
/// What is wrong with them, in words.
pub fn check(matchers: &[Matcher]) -> Result<(), String> {
    if matchers.is_empty() {
        return Err("say which alerts are meant: at least one matcher".to_owned());
    }
    if matchers.len() > AT_MOST {
        return Err(format!("at most {AT_MOST} matchers stand together"));
    }
    if !matchers.iter().any(|matcher| !matcher.accepts("")) {
        return Err(
            "at least one matcher has to ask for a value, such as alertname=\"api-down\": these would also be true of \
             alerts that have none of these labels"
                .to_owned(),
        );
    }
    Ok(())
}

/// Reads matchers as people write them: one to a line, or between commas, with or without quotation marks and braces.
///
/// # Errors
/// What is wrong with the first that cannot be read, in words.
pub fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.trim();
    let text = text
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(text);
    pieces(text)
        .iter()
        .map(|piece| piece.trim())
        .filter(|piece| !piece.is_empty())
        .map(parse_one)
        .collect()
}

/// The text at its commas and line ends, of which those between quotation marks are none.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        let ends = matches!(c, ',' | '\n' | '\r') && !quoted;
        if ends {
            pieces.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

fn parse_one(piece: &str) -> Result<Matcher, String> {
    let wrong = || format!("{piece:?} is not a matcher: write alertname=\"api-down\"");
    let at = piece.find(['=', '!']).ok_or_else(wrong)?;
    let (name, rest) = piece.split_at(at);
    let op = Op::ALL
        .into_iter()
        .find(|op| rest.starts_with(op.as_str()))
        .ok_or_else(wrong)?;
    let value = rest[op.as_str().len()..].trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(wrong)?,
        None => value.to_owned(),
    };
    Matcher::new(name.trim().to_owned(), op, value)
}

/// What stands before the closing quotation mark, which is the last character.
fn unquote(quoted: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(value),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                // In an expression a backslash stands for itself before anything else.
                c @ ('"' | '\\') => value.push(c),
                other => {
                    value.push('\\');
                    value.push(other);
                }
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn each_kind_compares_the_whole_value_and_a_missing_label_is_empty() {
        let check = |text: &str, value: &str, expected: bool| {
            let matchers = parse(text).unwrap();
            let found = all_match(&matchers, &labels(&[("job", value)]));
            assert_eq!(found, expected, "{text} on {value:?}");
        };
        check("job=api", "api", true);
        check("job=\"api\"", "apis", false);
        check("job!=api", "web", true);
        check("job!=api", "api", false);
        check("job=~api|web", "web", true);
        check("job=~ap", "api", false);
        check("job=~\"a.*\"", "a\nb", true);
        check("job!~\"ap|we\"", "api", true);
        check("job=~\"a|b\"", "xb", false);
        check("other=\"\"", "api", true);
        check("other!=x", "api", true);
        check("other=~.+", "api", false);
    }

    #[test]
    fn they_are_read_in_lines_or_between_commas() {
        let read = |text: &str| -> Vec<String> {
            parse(text)
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        let two = ["alertname=\"a,b\"", "job=~\"x\\\"\\\\d+\""];
        assert_eq!(read("alertname=\"a,b\"\r\njob=~\"x\\\"\\\\d+\"\n\n"), two);
        assert_eq!(read("{alertname=\"a,b\", job=~\"x\\\"\\\\d+\"}"), two);
        assert_eq!(read("job=~\\d+"), ["job=~\"\\\\d+\""]);
        for bad in [
            "job",
            "=x",
            "1a=x",
            "job=\"x",
            "job=\"x\"y",
            "job=~(",
            "a b=c",
            "job=x\u{1b}",
            "job=~a)|(b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(
            parse("job=~(a{1000}){1000}")
                .unwrap_err()
                .contains("too large")
        );
    }

    #[test]
    fn at_least_one_has_to_reject_nothing_at_all() {
        let check = |text: &str| super::check(&parse(text).unwrap());
        for fine in ["a=b", "a=~.+", "a=~b|c", "a!=\"\"", "a!~x*", "a=~.*\nb=c"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for empty in ["", "a=\"\"", "a!=b", "a=~.*", "a!~b", "a=~x?"] {
            assert!(check(empty).is_err(), "{empty}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(name in "[a-z_][a-z0-9_]{0,8}", value in "[ -~\n]{0,20}", equal: bool) {
            let matcher = Matcher::new(name, Op::of(false, equal), value).unwrap();
            prop_assert_eq!(parse(&matcher.to_string()).unwrap(), vec![matcher]);
        }

        #[test]
        fn a_matcher_and_its_opposite_never_agree(value in "[ab]{0,3}", expression in "[ab.|*]{0,4}", regex: bool) {
            let of = |equal| Matcher::new("l".into(), Op::of(regex, equal), expression.clone());
            if let (Ok(is), Ok(is_not)) = (of(true), of(false)) {
                let labels = labels(&[("l", &value)]);
                prop_assert_ne!(is.matches(&labels), is_not.matches(&labels));
            }
        }

        #[test]
        fn nothing_typed_is_a_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
        }
    }
}
