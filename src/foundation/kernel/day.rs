use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The first moment of a day; where the clock jumps over midnight, the first that there is.
#[must_use]
pub fn day_begins(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    (0..24).find_map(|hour| {
        let local = day.and_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&local)
            .earliest()
            .map(|at| at.to_utc())
    })
}

/// The moment at which the clocks of a zone say `local`. A time that does not exist moves forward to the first that
/// does; of one that comes twice it is the first.
#[must_use]
pub fn local_moment(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    // No zone has ever left out more than a day.
    const MINUTES: i64 = 25 * 60;
    (0..MINUTES).find_map(|minutes| {
        let local = local.checked_add_signed(TimeDelta::minutes(minutes))?;
        zone.from_local_datetime(&local)
            .earliest()
            .map(|at| at.to_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_clocks_leave_out_moves_forward_and_what_they_say_twice_is_the_first() {
        let at = |local: &str, zone: Tz| {
            let local = local.parse().unwrap();
            local_moment(local, zone).unwrap().to_rfc3339()
        };
        let new_york = Tz::America__New_York;
        assert_eq!(
            at("2026-03-08T02:30:00", new_york),
            "2026-03-08T07:00:00+00:00"
        );
        assert_eq!(
            at("2026-11-01T01:30:00", new_york),
            "2026-11-01T05:30:00+00:00"
        );
        assert_eq!(
            at("2026-07-04T02:00:00", new_york),
            "2026-07-04T06:00:00+00:00"
        );
        // Samoa had no 30 December 2011.
        let gone = at("2011-12-30T12:00:00", Tz::Pacific__Apia);
        assert_eq!(gone, "2011-12-30T10:00:00+00:00");
    }
}
