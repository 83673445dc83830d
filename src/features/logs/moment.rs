//! When a line says that it was written.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: DateTime<Utc>,
    /// Whether it says in which zone; one that does not is taken for UTC.
    pub zoned: bool,
}

impl Moment {
    const fn zoned(at: DateTime<Utc>) -> Self {
        Self { at, zoned: true }
    }
}

/// The time that a text begins with, and what comes after it.
#[must_use]
pub fn leading(text: &str) -> (Option<Moment>, &str) {
    const FORMATS: [(&str, usize); 4] = [
        ("%Y-%m-%d %H:%M:%S", 19),
        ("%Y-%m-%dT%H:%M:%S", 19),
        ("%Y/%m/%d %H:%M:%S", 19),
        ("%d/%b/%Y:%H:%M:%S", 20),
    ];
    let inner = text.trim_start_matches('[');
    for (format, length) in FORMATS {
        if let Some(head) = inner.get(..length)
            && let Ok(wall) = NaiveDateTime::parse_from_str(head, format)
        {
            let (millis, rest) = fraction(&inner[length..]);
            let (offset, rest) = offset(rest);
            let at = wall + millis;
            let told = offset.and_then(|offset| at.and_local_timezone(offset).single());
            let moment = match told {
                Some(at) => Moment::zoned(at.to_utc()),
                None => Moment {
                    at: at.and_utc(),
                    zoned: false,
                },
            };
            return (Some(moment), rest);
        }
    }
    (None, text)
}

/// What a time has below its second: `,123` or `.123456`.
fn fraction(rest: &str) -> (TimeDelta, &str) {
    let Some(digits) = rest.strip_prefix([',', '.']) else {
        return (TimeDelta::zero(), rest);
    };
    let end = digits
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(digits.len());
    let millis: String = digits[..end].chars().chain("000".chars()).take(3).collect();
    let millis = TimeDelta::milliseconds(millis.parse().unwrap_or(0));
    (millis, &digits[end..])
}

/// `Z`, `UTC`, `+0200`, ` -05:00`.
fn offset(rest: &str) -> (Option<FixedOffset>, &str) {
    let bare = rest.trim_start_matches(' ');
    for name in ["Z", "UTC", "GMT"] {
        if let Some(after) = bare.strip_prefix(name)
            && !after.starts_with(|it: char| it.is_alphanumeric())
        {
            return (FixedOffset::east_opt(0), after);
        }
    }
    let read = || {
        let sign = match bare.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours: i32 = digits(bare.get(1..3)?)?;
        let colon = usize::from(bare.get(3..4) == Some(":"));
        let end = 5 + colon;
        let minutes: i32 = digits(bare.get(3 + colon..end)?)?;
        let offset = FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))?;
        Some((offset, bare.get(end..)?))
    };
    match read() {
        Some((offset, after)) => (Some(offset), after),
        None => (None, rest),
    }
}

fn digits(text: &str) -> Option<i32> {
    let all = text.chars().all(|it| it.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// A time in a field: ISO 8601 with or without a zone, or seconds or milliseconds since 1970.
#[must_use]
pub fn of(value: &Value) -> Option<Moment> {
    /// Numbers above this many seconds are milliseconds: it lies in the year 5138.
    const SECONDS_END: f64 = 1e11;
    match value {
        Value::String(text) => {
            let text = text.trim();
            DateTime::parse_from_rfc3339(text)
                .map(|at| Moment::zoned(at.to_utc()))
                .ok()
                .or_else(|| leading(text).0)
        }
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|it| it.is_finite())?;
            let millis = if seconds.abs() < SECONDS_END {
                seconds * 1_000.0
            } else {
                seconds
            };
            #[allow(
                clippy::cast_possible_truncation,
                reason = "what is cut off lies below a millisecond"
            )]
            DateTime::from_timestamp_millis(millis as i64).map(Moment::zoned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, bool, &str) {
        let (moment, rest) = leading(text);
        let moment = moment.expect("a time");
        (moment.at.to_rfc3339(), moment.zoned, rest)
    }

    #[test]
    fn what_says_its_zone_is_believed() {
        let same = "2026-11-26T15:00:00+00:00";
        for text in [
            "2026-11-26T15:00:00Z rest",
            "2026-11-26 15:00:00 UTC rest",
            "2026-11-26T10:00:00-0500 rest",
            "2026-11-26 10:00:00-05:00 rest",
            "2026/11/26 17:00:00 +0200 rest",
        ] {
            assert_eq!(read(text), (same.to_owned(), true, " rest"), "{text}");
        }
        assert_eq!(
            read("[26/Nov/2026:10:00:00 -0500] rest"),
            (same.to_owned(), true, "] rest")
        );
    }

    #[test]
    fn what_does_not_is_taken_for_utc_and_says_so() {
        assert_eq!(
            read("2026-11-26 15:00:00,123 - api"),
            ("2026-11-26T15:00:00.123+00:00".to_owned(), false, " - api")
        );
        assert!(!read("2026-11-26 15:00:00 Zed").1);
        assert_eq!(leading("nothing of the kind").0, None);
    }
}
