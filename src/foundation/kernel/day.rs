use chrono::{DateTime, NaiveDate, TimeZone, Utc};
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
