//! When a schedule is due: cron fields in an IANA zone.
//!
//! In spring a time that does not exist moves forward to the first one that does; in autumn a
//! time of day that comes twice is taken once, the first time. Patterns with a wildcard or step in
//! the hour or minute run through the doubled hour.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use serde_json::Value;

/// What becomes of a slot that was missed because nobody was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// It is run as soon as possible, under its own slot.
    Run,
    /// It is reported and left.
    Skip,
}

/// Work that comes by the clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub name: &'static str,
    pub kind: &'static str,
    pub payload: Value,
    pub late: Late,
    cron: Cron,
    zone: Tz,
}

#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("\"{0}\" is not a cron pattern of five fields: {1}")]
    Pattern(String, croner::errors::CronError),
    #[error("\"{0}\" is not an IANA time zone, such as Africa/Lagos")]
    Zone(String),
}

impl Schedule {
    /// `pattern` has the five cron fields; `zone` is an IANA name. Late slots are run.
    pub fn new(
        name: &'static str,
        pattern: &str,
        zone: &str,
        kind: &'static str,
    ) -> Result<Self, ScheduleError> {
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .build()
            .parse(pattern)
            .map_err(|error| ScheduleError::Pattern(pattern.to_owned(), error))?;
        let zone = Tz::from_str(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        Ok(Self {
            name,
            kind,
            payload: Value::Null,
            late: Late::Run,
            cron,
            zone,
        })
    }

    #[must_use]
    pub fn late(mut self, late: Late) -> Self {
        self.late = late;
        self
    }

    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// The slots after `after` up to and including `until`, oldest first.
    pub fn slots(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        self.cron
            .iter_after(after.with_timezone(&self.zone))
            .map(|slot| slot.with_timezone(&Utc))
            .take_while(move |slot| *slot <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(pattern: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        Schedule::new("test", pattern, zone, "test")
            .unwrap()
            .slots(after.parse().unwrap(), until.parse().unwrap())
            .map(|slot| slot.format("%m-%dT%H:%MZ").to_string())
            .collect()
    }

    #[test]
    fn a_daily_slot_follows_its_zone() {
        assert_eq!(
            slots(
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
            slots(
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
            slots(
                "30 1 * * *",
                "America/New_York",
                "2026-10-31T12:00:00Z",
                "2026-11-03T00:00:00Z"
            ),
            ["11-01T05:30Z", "11-02T06:30Z"]
        );
    }

    #[test]
    fn asking_between_the_two_halves_gives_no_second_slot() {
        assert_eq!(
            slots(
                "30 1 * * *",
                "America/New_York",
                "2026-11-01T05:30:00Z",
                "2026-11-02T00:00:00Z"
            ),
            [""; 0]
        );
    }

    #[test]
    fn an_hourly_slot_runs_through_the_doubled_hour() {
        assert_eq!(
            slots(
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
            slots(
                "0 2 * * 6#1",
                "UTC",
                "2026-11-01T00:00:00Z",
                "2026-12-31T00:00:00Z"
            ),
            ["11-07T02:00Z", "12-05T02:00Z"]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Schedule::new("t", "61 * * * *", "UTC", "t").is_err());
        assert!(Schedule::new("t", "* * * * * *", "UTC", "t").is_err());
        assert!(Schedule::new("t", "* * * * *", "Mars/Olympus", "t").is_err());
    }
}
