//! Which lines somebody wants to see, as they typed it and as it can be asked.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::features::packs::severity::Severity;

/// The fields of the filter form. They live in the address, so that a view can be kept and sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub source: String,
    pub level: String,
    pub component: String,
    pub code: String,
    pub text: String,
    pub slower: String,
    pub within: String,
    pub until: String,
}

/// A filter that can be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub source: Option<Uuid>,
    pub level: Severity,
    pub component: Option<String>,
    pub code: Option<String>,
    /// Stands somewhere in the message, or is the component, in any case.
    pub text: Option<String>,
    pub slower_ms: Option<f64>,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A length of time to look back over, and how many of its bars make a chart of it.
pub struct Span {
    pub name: &'static str,
    pub label: &'static str,
    pub length: TimeDelta,
    pub step: TimeDelta,
}

pub const SPANS: [Span; 5] = [
    Span {
        name: "15m",
        label: "15 minutes",
        length: TimeDelta::minutes(15),
        step: TimeDelta::minutes(1),
    },
    Span {
        name: "1h",
        label: "An hour",
        length: TimeDelta::hours(1),
        step: TimeDelta::minutes(1),
    },
    Span {
        name: "24h",
        label: "24 hours",
        length: TimeDelta::hours(24),
        step: TimeDelta::minutes(15),
    },
    Span {
        name: "7d",
        label: "7 days",
        length: TimeDelta::days(7),
        step: TimeDelta::hours(2),
    },
    Span {
        name: "30d",
        label: "30 days",
        length: TimeDelta::days(30),
        step: TimeDelta::hours(12),
    },
];

/// What is looked back over where nobody says.
const USUAL: usize = 1;

const MOST_BYTES: usize = 256;

/// Why a filter cannot be applied, for the person.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("\"{0}\" is none of the logs; choose one from the list")]
    Source(String),
    #[error("\"{0}\" is not a level; choose one from the list")]
    Level(String),
    #[error("\"{0}\" is not a number of milliseconds such as 500")]
    Slower(String),
    #[error("\"{0}\" is not a length of time to look back over; choose one from the list")]
    Within(String),
    #[error("\"{0}\" is not a time such as 2026-11-20T14:05")]
    Until(String),
    #[error("the field {0} has control characters, or more than {MOST_BYTES} bytes")]
    Text(&'static str),
}

impl Asked {
    /// Where `until` is said, it is told in this zone.
    pub fn resolve(&self, zone: Tz, now: DateTime<Utc>) -> Result<Filter, Unreadable> {
        let fields = [
            ("component", &self.component),
            ("code", &self.code),
            ("text", &self.text),
        ];
        let wrong = fields
            .into_iter()
            .find(|(_, text)| text.len() > MOST_BYTES || text.contains(char::is_control));
        if let Some((name, _)) = wrong {
            return Err(Unreadable::Text(name));
        }
        let until = match stated(&self.until) {
            None => now,
            Some(text) => moment(text, zone).ok_or_else(|| Unreadable::Until(short(text)))?,
        };
        Ok(Filter {
            source: stated(&self.source)
                .map(|text| text.parse().map_err(|_| Unreadable::Source(short(text))))
                .transpose()?,
            level: stated(&self.level)
                .map(|text| text.parse().map_err(|_| Unreadable::Level(short(text))))
                .transpose()?
                .unwrap_or_default(),
            component: stated(&self.component).map(ToOwned::to_owned),
            code: stated(&self.code).map(ToOwned::to_owned),
            text: stated(&self.text).map(ToOwned::to_owned),
            slower_ms: stated(&self.slower)
                .map(|text| {
                    let number: Option<f64> = text.parse().ok();
                    let number = number.filter(|it| it.is_finite() && *it >= 0.0);
                    number.ok_or_else(|| Unreadable::Slower(short(text)))
                })
                .transpose()?,
            from: until - self.span()?.length,
            until,
        })
    }

    pub fn span(&self) -> Result<&'static Span, Unreadable> {
        match stated(&self.within) {
            None => Ok(&SPANS[USUAL]),
            Some(text) => SPANS
                .iter()
                .find(|span| span.name == text)
                .ok_or_else(|| Unreadable::Within(short(text))),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As the query of an address, without the fields that are empty.
    pub fn query(&self) -> String {
        let fields = [
            ("source", &self.source),
            ("level", &self.level),
            ("component", &self.component),
            ("code", &self.code),
            ("text", &self.text),
            ("slower", &self.slower),
            ("within", &self.within),
            ("until", &self.until),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(given)
            .finish()
    }
}

fn stated(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A time of the clock on the wall of this zone; of one that comes twice, the later, so that nothing is left out.
fn moment(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    const YEARS: std::ops::Range<&str> = "1970".."9999";
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let wall = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    if !text.get(..4).is_some_and(|year| YEARS.contains(&year)) {
        return None;
    }
    let at = zone.from_local_datetime(&wall).latest();
    // A time that the clock leaps over is taken as if it had not leapt.
    let at = at.or_else(|| {
        zone.from_local_datetime(&(wall + TimeDelta::hours(1)))
            .latest()
    });
    at.map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_left_empty_asks_for_the_last_hour() {
        let now = at("2026-11-20T12:00:00Z");
        let filter = Asked::default().resolve(Tz::UTC, now).unwrap();
        assert_eq!(
            (filter.from, filter.until),
            (at("2026-11-20T11:00:00Z"), now)
        );
        assert_eq!(filter.level, Severity::Unknown);
    }

    #[test]
    fn until_is_told_in_the_readers_zone() {
        let asked = Asked {
            until: "2026-11-20T14:05".to_owned(),
            within: "15m".to_owned(),
            ..Asked::default()
        };
        let filter = asked
            .resolve(Tz::America__New_York, at("2026-11-26T00:00:00Z"))
            .unwrap();
        assert_eq!(filter.until, at("2026-11-20T19:05:00Z"));
        assert_eq!(filter.from, at("2026-11-20T18:50:00Z"));
    }

    #[test]
    fn what_cannot_be_read_is_said_in_words() {
        let wrong = |change: fn(&mut Asked)| {
            let mut asked = Asked::default();
            change(&mut asked);
            asked.resolve(Tz::UTC, Utc::now()).unwrap_err().to_string()
        };
        assert!(wrong(|it| it.slower = "soon".to_owned()).contains("such as 500"));
        assert!(wrong(|it| it.slower = "-1".to_owned()).contains("such as 500"));
        assert!(wrong(|it| it.level = "loud".to_owned()).contains("list"));
        assert!(wrong(|it| it.within = "1y".to_owned()).contains("list"));
        assert!(wrong(|it| it.until = "9999999-01-01T00:00".to_owned()).contains("such as"));
        assert!(wrong(|it| it.until = "now".to_owned()).contains("such as"));
        assert!(wrong(|it| it.source = "x".to_owned()).contains("logs"));
        assert!(wrong(|it| it.text = "a\u{0}".to_owned()).contains("text"));
    }
}
