//! What of the log somebody wants to see.

use chrono::{DateTime, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
}

pub const OUTCOMES: [(&str, &str); 3] = [
    ("success", "Success"),
    ("failure", "Failure"),
    ("denied", "Denied"),
];

/// Why a filter cannot be applied, for the person.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("\"{0}\" is not a day such as 2026-11-20")]
    Day(String),
    #[error("\"{0}\" is not an outcome")]
    Outcome(String),
}

impl Asked {
    /// Applies the reader's zone to the days. `actor` and `platform` are what the caller has found
    /// behind the words that were typed.
    pub fn resolve(
        &self,
        zone: Tz,
        actor: Option<String>,
        platform: Option<Uuid>,
    ) -> Result<Filter, Unreadable> {
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
            from: day(&self.from)?.and_then(|day| beginning(day, zone)),
            until: last.and_then(|day| beginning(day, zone)),
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
    let read = |text: &str| text.parse().map_err(|_| Unreadable::Day(text.to_owned()));
    stated(text).map(read).transpose()
}

/// The first moment of a day; where the clock jumps over midnight, the first that there is.
fn beginning(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    (0..24).find_map(|hour| {
        let local = day.and_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&local)
            .earliest()
            .map(|at| at.to_utc())
    })
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
