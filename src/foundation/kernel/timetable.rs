//! When something is due: cron fields in an IANA zone.
//!
//! In spring a time that does not exist moves forward to the first one that does; in autumn a
//! time of day that comes twice is taken once, the first time. Patterns with a wildcard or step in
//! the hour or minute run through the doubled hour.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

/// The five fields, and what may stand in each.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7, or SUN to SAT"),
];

/// What crontabs allow in place of the fields.
const NAMED: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Times of day, week and month, somewhere.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: Tz,
}

/// Why there is no such timetable, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    #[error(
        "\"{0}\" is not a cron pattern of five fields: minute, hour, day of the month, month, day of the week"
    )]
    Fields(String),
    #[error("\"{value}\" is not {article} {field}: {allowed}, lists such as 1,15, ranges such as 9-17 and steps such as */10",
        article = if field.starts_with('h') { "an" } else { "a" })]
    Field {
        value: String,
        field: &'static str,
        allowed: &'static str,
    },
    #[error("\"{0}\" is not a cron pattern")]
    Pattern(String),
    #[error("no day ever matches \"{0}\"")]
    Never(String),
    #[error("\"{0}\" is not an IANA time zone, such as Africa/Lagos")]
    Zone(String),
}

impl Timetable {
    /// `pattern` has the five cron fields, or is a name such as @daily.
    pub fn new(pattern: &str, zone: Tz) -> Result<Self, TimetableError> {
        let cron = parse(pattern).map_err(|()| what_is_wrong(pattern))?;
        Ok(Self { cron, zone })
    }

    /// `zone` is an IANA name.
    pub fn in_zone(pattern: &str, zone: &str) -> Result<Self, TimetableError> {
        let zone = Tz::from_str(zone).map_err(|_| TimetableError::Zone(zone.to_owned()))?;
        Self::new(pattern, zone)
    }

    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The times after `after`, without end where there always is another.
    pub fn after(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        self.cron
            .iter_after(after.with_timezone(&self.zone))
            .map(|time| time.with_timezone(&Utc))
    }

    /// The first time after `after`; there is none where no day ever matches.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.after(after).next()
    }

    /// "Every day at 02:00", without the zone.
    #[must_use]
    pub fn words(&self) -> String {
        const CLOCK: usize = "02:00".len();
        let words = self.cron.describe();
        let words = words.trim_end_matches('.');
        match words.strip_prefix("At ") {
            Some(every) if every.starts_with("every ") => every.replacen('e', "E", 1),
            Some(clock) if clock.len() == CLOCK => format!("Every day at {clock}"),
            _ => words.to_owned(),
        }
    }
}

fn parse(pattern: &str) -> Result<Cron, ()> {
    let pattern = pattern.trim();
    let named = NAMED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(pattern));
    let fields = named.map_or(pattern, |(_, fields)| fields);
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .build()
        .parse(fields)
        .map_err(drop)
}

/// Each field is tried alone, so that the one that is wrong can be named.
fn what_is_wrong(pattern: &str) -> TimetableError {
    let values: Vec<&str> = pattern.split_whitespace().collect();
    if values.len() != FIELDS.len() {
        return TimetableError::Fields(pattern.to_owned());
    }
    let wrong = (0..FIELDS.len()).find(|place| {
        let mut alone = ["*"; FIELDS.len()];
        alone[*place] = values[*place];
        parse(&alone.join(" ")).is_err()
    });
    match wrong {
        Some(place) => {
            let (field, allowed) = FIELDS[place];
            TimetableError::Field {
                value: values[place].to_owned(),
                field,
                allowed,
            }
        }
        None => TimetableError::Pattern(pattern.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pattern: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        let until: DateTime<Utc> = until.parse().unwrap();
        Timetable::in_zone(pattern, zone)
            .unwrap()
            .after(after.parse().unwrap())
            .take_while(|time| *time <= until)
            .map(|time| time.format("%m-%dT%H:%MZ").to_string())
            .collect()
    }

    #[test]
    fn a_daily_time_follows_its_zone() {
        assert_eq!(
            times(
                "30 2 * * *",
                "Africa/Lagos",
                "2026-06-01T00:00:00Z",
                "2026-06-03T00:00:00Z"
            ),
            ["06-01T01:30Z", "06-02T01:30Z"]
        );
    }

    #[test]
    fn a_time_that_does_not_exist_moves_forward_and_comes_once() {
        assert_eq!(
            times(
                "30 2 * * *",
                "America/New_York",
                "2026-03-07T12:00:00Z",
                "2026-03-10T00:00:00Z"
            ),
            ["03-08T07:00Z", "03-09T06:30Z"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_taken_once() {
        assert_eq!(
            times(
                "30 1 * * *",
                "America/New_York",
                "2026-10-31T12:00:00Z",
                "2026-11-03T00:00:00Z"
            ),
            ["11-01T05:30Z", "11-02T06:30Z"]
        );
    }

    #[test]
    fn asking_between_the_two_halves_gives_no_second_time() {
        assert_eq!(
            times(
                "30 1 * * *",
                "America/New_York",
                "2026-11-01T05:30:00Z",
                "2026-11-02T00:00:00Z"
            ),
            [""; 0]
        );
    }

    #[test]
    fn an_hourly_time_runs_through_the_doubled_hour() {
        assert_eq!(
            times(
                "0 * * * *",
                "America/New_York",
                "2026-11-01T04:30:00Z",
                "2026-11-01T08:00:00Z"
            ),
            [
                "11-01T05:00Z",
                "11-01T06:00Z",
                "11-01T07:00Z",
                "11-01T08:00Z"
            ]
        );
    }

    #[test]
    fn the_first_saturday_can_be_named() {
        assert_eq!(
            times(
                "0 2 * * 6#1",
                "UTC",
                "2026-11-01T00:00:00Z",
                "2026-12-31T00:00:00Z"
            ),
            ["11-07T02:00Z", "12-05T02:00Z"]
        );
    }

    #[test]
    fn crontabs_own_names_are_known() {
        assert_eq!(
            times(
                "@daily",
                "UTC",
                "2026-11-01T00:00:00Z",
                "2026-11-02T23:00:00Z"
            ),
            ["11-02T00:00Z"]
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words() {
        let said = |pattern: &str| {
            Timetable::new(pattern, Tz::UTC)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert!(
            said("61 * * * *").starts_with("\"61\" is not a minute: 0 to 59"),
            "{}",
            said("61 * * * *")
        );
        assert!(said("0 24 * * *").starts_with("\"24\" is not an hour: 0 to 23"));
        assert!(said("0 0 * FOO *").starts_with("\"FOO\" is not a month"));
        assert!(said("* * * * * *").contains("minute, hour, day of the month"));
        assert!(said("").contains("five fields"));
        assert!(said("@fortnightly").contains("five fields"));
        let nowhere = Timetable::in_zone("* * * * *", "Mars/Olympus");
        assert!(matches!(nowhere, Err(TimetableError::Zone(_))));
    }

    #[test]
    fn a_day_that_never_comes_has_no_next_time() {
        let never = Timetable::new("0 0 30 2 *", Tz::UTC).unwrap();
        assert_eq!(never.next("2026-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_timetable_is_said_in_words() {
        let words = |pattern: &str| Timetable::new(pattern, Tz::UTC).unwrap().words();
        assert_eq!(words("0 2 * * *"), "Every day at 02:00");
        assert_eq!(words("*/5 * * * *"), "Every 5 minutes");
        assert_eq!(words("0 3 * * 0"), "At 03:00, on Sunday");
        assert_eq!(words("30 4 1 * *"), "At 04:30, on day 1");
    }
}
