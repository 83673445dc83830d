//! What a message says, once it is known who signed it. Pure.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::foundation::kernel::is_about_sar;

crate::typed_id!(
    /// A program that sends events.
    SourceId,
    /// A message that was taken.
    ReceiptId,
);

/// Longest type of an event, in bytes.
const TYPE_AT_MOST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// By a person.
    Paused,
    /// Removed, and kept for the record.
    Retired,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Retired];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a standing of a source"))
    }
}

/// As Standard Webhooks has it: a type, and whatever belongs to it. Other keys are the sender's.
#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the body is not a JSON object with a \"type\" that is a text")]
    Shape,
    #[error("a type is 1 to 64 small letters, digits, '.', '-' and '_', and begins with a letter")]
    Type,
    #[error("events of this type are not taken")]
    Closed,
}

/// The type of the event in a message.
///
/// # Errors
/// It is no event, or one that is taken from nobody.
pub fn type_of(body: &[u8]) -> Result<String, Unfit> {
    let sent: Sent = serde_json::from_slice(body).map_err(|_| Unfit::Shape)?;
    let kind = sent.kind;
    let inner =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let begins = kind.starts_with(|c: char| c.is_ascii_lowercase());
    // What names a report at all is refused, however it is spelled.
    if is_about_sar(&kind) {
        return Err(Unfit::Closed);
    }
    if !begins || kind.len() > TYPE_AT_MOST || !kind.chars().all(inner) {
        return Err(Unfit::Type);
    }
    Ok(kind)
}

/// Whether anything in a message names a report, as it is written or as it is meant.
#[must_use]
pub fn names_a_report(body: &[u8]) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::String(text) => is_about_sar(text),
            Value::Array(all) => all.iter().any(within),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| is_about_sar(name) || within(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    let meant: Option<Value> = serde_json::from_slice(body).ok();
    is_about_sar(&String::from_utf8_lossy(body)) || meant.as_ref().is_some_and(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_type_and_may_say_anything_else() {
        for (body, expected) in [
            (
                r#"{"type":"invoice.flagged","timestamp":"2026-11-20T10:00:00Z","data":{"id":7}}"#,
                Ok("invoice.flagged"),
            ),
            (r#"{"type":"a"}"#, Ok("a")),
            (r#"{"data":{}}"#, Err(Unfit::Shape)),
            (r#"{"type":7}"#, Err(Unfit::Shape)),
            ("[]", Err(Unfit::Shape)),
            ("not json", Err(Unfit::Shape)),
            (r#"{"type":""}"#, Err(Unfit::Type)),
            (r#"{"type":"Invoice"}"#, Err(Unfit::Type)),
            (r#"{"type":"<b>"}"#, Err(Unfit::Type)),
            (r#"{"type":"sar.filed"}"#, Err(Unfit::Closed)),
            (r#"{"type":"report.SAR"}"#, Err(Unfit::Closed)),
            (r#"{"type":"sars.filed"}"#, Err(Unfit::Closed)),
            (
                r#"{"type":"suspicious_activity_report.filed"}"#,
                Err(Unfit::Closed),
            ),
            (r#"{"type":"suspicious-activity.due"}"#, Err(Unfit::Closed)),
            (r#"{"type":"sarcasm.noted"}"#, Ok("sarcasm.noted")),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(type_of(body.as_bytes()), expected, "{body}");
        }
        let long = format!(r#"{{"type":"{}"}}"#, "a".repeat(65));
        assert_eq!(type_of(long.as_bytes()), Err(Unfit::Type));
    }

    #[test]
    fn a_report_is_seen_wherever_a_message_names_it() {
        for body in [
            r#"{"type":"a","data":{"text":"SAR filed for C-1"}}"#,
            r#"{"type":"a","data":[{"sar_id":7}]}"#,
            r#"{"type":"a","data":"S\u0041R filed"}"#,
            r#"{"type":"a","data":"suspicious\nactivity"}"#,
            r#"{"type":"a","suspiciousActivityReport":null}"#,
        ] {
            assert!(names_a_report(body.as_bytes()), "{body}");
        }
        let other = r#"{"type":"a","data":{"customer":"Sarah","note":"necessary"}}"#;
        assert!(!names_a_report(other.as_bytes()));
    }

    #[test]
    fn standings_are_what_they_are_called() {
        for standing in Standing::ALL {
            assert_eq!(standing.as_str().parse(), Ok(standing));
        }
    }
}
