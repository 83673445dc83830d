//! What of the log somebody wants to see.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::foundation::kernel::day_begins;

/// The fields of the filter form as they were typed. They live in the address, so that a view can
/// be kept and sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub outcome: String,
    pub platform: String,
    pub from: String,
    pub until: String,
}

/// A filter that can be applied: ids instead of what was typed, moments instead of days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub actor: Option<String>,
    pub kind: Option<String>,
    pub subject: Option<String>,
    pub outcome: Option<String>,
    pub platform: Option<Uuid>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// The platforms that the reader reaches; nothing for all of them, and for what belongs to none.
    #[serde(default)]
    pub reach: Option<Vec<Uuid>>,
}

/// Longer than anything that can stand in a column of the log.
const MOST_BYTES: usize = 512;

pub const OUTCOMES: [(&str, &str); 3] = [
    ("success", "Success"),
    ("failure", "Failure"),
    ("denied", "Denied"),
];

/// Years that every program along the way can hold.
const YEARS: std::ops::Range<i32> = 1900..9999;

/// Why a filter cannot be applied, for the person.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("\"{0}\" is not a day such as 2026-11-20")]
    Day(String),
    #[error("\"{0}\" is not an outcome")]
    Outcome(String),
    #[error("\"{0}\" is not the id of a platform")]
    Platform(String),
    #[error("the field {0} has control characters, or more than {MOST_BYTES} bytes")]
    Text(&'static str),
}

impl Asked {
    /// Refuses what no column can hold, before anything is asked with it.
    pub fn check(&self) -> Result<(), Unreadable> {
        let fields = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
        ];
        let wrong = fields
            .into_iter()
            .find(|(_, text)| text.len() > MOST_BYTES || text.contains(char::is_control));
        wrong.map_or(Ok(()), |(name, _)| Err(Unreadable::Text(name)))
    }

    /// Applies the reader's zone to the days. `actor` is what the caller has found behind the words that
    /// were typed, `reach` the platforms that the reader may see.
    pub fn resolve(
        &self,
        zone: Tz,
        actor: Option<String>,
        reach: Option<Vec<Uuid>>,
    ) -> Result<Filter, Unreadable> {
        self.check()?;
        let unknown = |text: &str| Unreadable::Platform(text.chars().take(64).collect());
        let platform = stated(&self.platform)
            .map(|text| text.parse().map_err(|_| unknown(text)))
            .transpose()?;
        let outcome = stated(&self.outcome);
        if let Some(outcome) =
            outcome.filter(|given| OUTCOMES.iter().all(|(known, _)| known != given))
        {
            return Err(Unreadable::Outcome(outcome.to_owned()));
        }
        let last =
            day(&self.until)?.map(|until| until.checked_add_days(Days::new(1)).unwrap_or(until));
        Ok(Filter {
            actor,
            kind: stated(&self.action).map(ToOwned::to_owned),
            subject: stated(&self.subject).map(ToOwned::to_owned),
            outcome: outcome.map(ToOwned::to_owned),
            platform,
            from: day(&self.from)?.and_then(|day| day_begins(day, zone)),
            until: last.and_then(|day| day_begins(day, zone)),
            reach,
        })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As the query of an address, without the fields that are empty.
    pub fn query(&self) -> String {
        let fields = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
            ("outcome", &self.outcome),
            ("platform", &self.platform),
            ("from", &self.from),
            ("until", &self.until),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(given)
            .finish()
    }
}

/// What was typed, if anything was.
pub fn stated(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn day(text: &str) -> Result<Option<NaiveDate>, Unreadable> {
    let read = |text: &str| {
        let day: Option<NaiveDate> = text.parse().ok();
        day.filter(|day| YEARS.contains(&day.year()))
            .ok_or_else(|| Unreadable::Day(text.chars().take(64).collect()))
    };
    stated(text).map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, until: &str) -> Asked {
        Asked {
            from: from.into(),
            until: until.into(),
            ..Asked::default()
        }
    }

    #[test]
    fn days_are_the_readers_and_the_last_one_is_included() {
        let filter = asked("2026-03-29", "2026-03-29")
            .resolve(Tz::Europe__Madrid, None, None)
            .unwrap();
        // The day on which summer time begins has 23 hours.
        assert_eq!(filter.from.unwrap().to_string(), "2026-03-28 23:00:00 UTC");
        assert_eq!(filter.until.unwrap().to_string(), "2026-03-29 22:00:00 UTC");
        // In Beirut that day begins at one o'clock.
        let filter = asked("2026-03-29", "")
            .resolve(Tz::Asia__Beirut, None, None)
            .unwrap();
        assert_eq!(filter.from.unwrap().to_string(), "2026-03-28 22:00:00 UTC");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(
            asked("yesterday", "").resolve(Tz::UTC, None, None),
            Err(Unreadable::Day("yesterday".into()))
        );
        let outcome = Asked {
            outcome: "fine".into(),
            ..Asked::default()
        };
        assert!(outcome.resolve(Tz::UTC, None, None).is_err());
        for day in ["-9999-01-01", "+99999-01-01", "0001-01-01", "9999-12-31"] {
            assert!(
                asked(day, "").resolve(Tz::UTC, None, None).is_err(),
                "{day}"
            );
        }
        let platform = Asked {
            platform: "no id".into(),
            ..Asked::default()
        };
        assert_eq!(
            platform.resolve(Tz::UTC, None, None),
            Err(Unreadable::Platform("no id".into()))
        );
        for text in ["a\0b", "a\nb", &"x".repeat(513)] {
            let subject = Asked {
                subject: text.into(),
                ..Asked::default()
            };
            assert_eq!(
                subject.resolve(Tz::UTC, None, None),
                Err(Unreadable::Text("subject"))
            );
        }
    }

    #[test]
    fn the_query_says_what_is_filtered_and_nothing_else() {
        let asked = Asked {
            actor: "a b".into(),
            until: "2026-01-01".into(),
            ..Asked::default()
        };
        assert_eq!(asked.query(), "actor=a+b&until=2026-01-01");
        assert!(Asked::default().is_empty());
    }
}
