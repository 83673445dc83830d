//! Business days as an authority counts them.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The key of the policy's rows.
pub const POLICY: &str = "calendar.us";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Where the authority's day begins.
    #[serde(with = "zone_name")]
    pub zone: Tz,
    /// Days besides weekends that are no business days.
    pub holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// What is wrong with the calendar, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        let free = |date: &NaiveDate| matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        if self.holidays.is_empty() {
            Some("holidays has to name the days that are no business days")
        } else if self.holidays.iter().any(free) {
            Some(
                "holidays has to leave out Saturdays and Sundays, which are no business days anyway",
            )
        } else {
            None
        }
    }

    /// The authority's date at a moment.
    pub fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    pub fn is_business_day(&self, date: NaiveDate) -> bool {
        !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&date)
    }

    /// The date `days` business days after `from`; the day itself does not count.
    pub fn business_days_after(&self, from: NaiveDate, days: u16) -> NaiveDate {
        let mut date = from;
        let mut left = days;
        while left > 0 {
            date = date.checked_add_days(Days::new(1)).unwrap_or(date);
            if self.is_business_day(date) {
                left -= 1;
            }
        }
        date
    }
}

mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the migration installs.
    fn installed() -> Calendar {
        let migration = include_str!("../../../migrations/2026-11-26-000310_calendar/up.sql");
        let (_, json) = migration
            .split_once("install_policy('calendar.us', '")
            .unwrap();
        let (json, _) = json.split_once("');").unwrap();
        serde_json::from_str(json).unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weekends_and_holidays_do_not_count() {
        let calendar = installed();
        let after = |from, days| {
            let date = calendar.business_days_after(date(from), days);
            date.to_string()
        };
        assert_eq!(after("2026-03-06", 1), "2026-03-09", "a weekend");
        assert_eq!(after("2026-11-25", 1), "2026-11-27", "Thanksgiving");
        assert_eq!(after("2026-11-20", 10), "2026-12-07");
        assert_eq!(after("2026-12-24", 10), "2027-01-11", "over the year's end");
    }

    #[test]
    fn a_day_that_only_some_keep_counts() {
        assert!(installed().is_business_day(date("2026-07-03")));
        assert!(!installed().is_business_day(date("2027-07-05")));
    }

    #[test]
    fn the_day_is_the_authoritys() {
        let evening: DateTime<Utc> = "2026-03-03T02:30:00Z".parse().unwrap();
        assert_eq!(installed().date(evening), date("2026-03-02"));
    }
}
