//! By when somebody is to look.

use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use crate::foundation::kernel::Level;

/// By when a firing alert wants to be acknowledged. Blue: the end of the next business day where the
/// platform is (weekends are none; holidays come with the calendar).
#[must_use]
pub fn acknowledge_by(level: Level, since: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    match level {
        Level::Red => since + TimeDelta::minutes(15),
        Level::Yellow => since + TimeDelta::hours(1),
        Level::Blue => next_business_day(since, zone, 17),
    }
}

/// When whoever is to hear of information hears of it, in the morning of the next business day; of anything else at once.
#[must_use]
pub fn told_from(level: Level, since: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    (level == Level::Blue).then(|| next_business_day(since, zone, 9))
}

fn next_business_day(since: DateTime<Utc>, zone: Tz, hour: u32) -> DateTime<Utc> {
    let mut day = since.with_timezone(&zone).date_naive();
    loop {
        day = day.succ_opt().unwrap_or(day);
        if !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            break;
        }
    }
    let then = day.and_time(NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default());
    // No zone moves its clocks by day; if one did, the day itself still holds.
    zone.from_local_datetime(&then)
        .earliest()
        .map_or_else(|| then.and_utc(), |local| local.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn red_has_a_quarter_of_an_hour_and_yellow_an_hour() {
        let now = at("2026-11-20T10:00:00Z");
        let by = |level| acknowledge_by(level, now, Tz::UTC) - now;
        assert_eq!(by(Level::Red), TimeDelta::minutes(15));
        assert_eq!(by(Level::Yellow), TimeDelta::hours(1));
    }

    #[test]
    fn blue_has_the_next_business_day_where_the_platform_is() {
        let by = |since: &str, zone: Tz| acknowledge_by(Level::Blue, at(since), zone);
        let friday = "2026-11-20T10:00:00Z";
        assert_eq!(by(friday, Tz::UTC), at("2026-11-23T17:00:00Z"));
        assert_eq!(
            by(friday, Tz::America__New_York),
            at("2026-11-23T22:00:00Z")
        );
        // Monday morning in Auckland, while it is Sunday in UTC.
        let sunday = "2026-11-22T20:00:00Z";
        assert_eq!(by(sunday, Tz::UTC), at("2026-11-23T17:00:00Z"));
        assert_eq!(
            by(sunday, Tz::Pacific__Auckland),
            at("2026-11-24T04:00:00Z")
        );
    }

    #[test]
    fn of_information_people_hear_in_the_morning_of_the_next_business_day() {
        let friday = at("2026-11-20T03:00:00Z");
        let zone = Tz::America__New_York;
        // It is Thursday there.
        let told = told_from(Level::Blue, friday, zone);
        assert_eq!(told, Some(at("2026-11-20T14:00:00Z")));
        assert_eq!(told_from(Level::Yellow, friday, zone), None);
    }
}
