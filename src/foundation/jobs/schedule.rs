//! What runs by the clock, and what becomes of it when nobody is there at its time.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::foundation::kernel::{Timetable, TimetableError};

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
    pub pattern: String,
    timetable: Timetable,
}

impl Schedule {
    /// `pattern` has the five cron fields; `zone` is an IANA name. Late slots are run.
    pub fn new(
        name: &'static str,
        pattern: &str,
        zone: &str,
        kind: &'static str,
    ) -> Result<Self, TimetableError> {
        Ok(Self {
            name,
            kind,
            payload: Value::Null,
            late: Late::Run,
            pattern: pattern.to_owned(),
            timetable: Timetable::in_zone(pattern, zone)?,
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

    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.timetable.zone()
    }

    /// The first slot after `after`.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.timetable.after(after).next()
    }

    /// The slots after `after` up to and including `until`, oldest first.
    pub fn slots(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        self.timetable
            .after(after)
            .take_while(move |slot| *slot <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_after_the_first_moment_and_up_to_the_last() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let hourly = Schedule::new("test", "0 * * * *", "UTC", "test").unwrap();
        let slots: Vec<_> = hourly
            .slots(at("2026-06-01T09:00:00Z"), at("2026-06-01T11:00:00Z"))
            .collect();
        assert_eq!(
            slots,
            [at("2026-06-01T10:00:00Z"), at("2026-06-01T11:00:00Z")]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Schedule::new("t", "61 * * * *", "UTC", "t").is_err());
        assert!(Schedule::new("t", "* * * * * *", "UTC", "t").is_err());
        assert!(Schedule::new("t", "* * * * *", "Mars/Olympus", "t").is_err());
    }
}
