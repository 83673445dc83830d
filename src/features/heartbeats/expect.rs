//! From what a pack says to what is expected.

use chrono_tz::Tz;

use super::heartbeat::{Expected, Schedule};
use crate::features::packs::pack::Heartbeat;
use crate::foundation::db;
use crate::foundation::kernel::Timetable;

/// What is expected of a heartbeat on a platform of this zone.
///
/// # Errors
/// The schedule cannot be read. The linter lets no such pack through.
pub fn expected(spec: &Heartbeat, platform: Tz) -> db::Result<Expected> {
    let damaged = db::Error::Damaged("the schedule of a heartbeat");
    let schedule = match (spec.every, &spec.cron) {
        (Some(every), None) => Schedule::Every(every.delta()),
        (None, Some(pattern)) => match Timetable::in_zone(pattern, spec.zone(platform.name())) {
            Ok(timetable) => Schedule::At(Box::new(timetable)),
            Err(_) => return Err(damaged),
        },
        _ => return Err(damaged),
    };
    Ok(Expected {
        schedule,
        grace: spec.grace.delta(),
    })
}

/// The same for the same schedule.
#[must_use]
pub fn key(spec: &Heartbeat, platform: Tz) -> String {
    match (spec.every, &spec.cron) {
        (Some(every), _) => format!("every {every}"),
        (None, Some(pattern)) => format!("{pattern} {}", spec.zone(platform.name())),
        (None, None) => String::new(),
    }
}

/// The schedule as people read it: "every 5m", "at 02:00, Africa/Lagos".
#[must_use]
pub fn words(spec: &Heartbeat, platform: Tz) -> String {
    match (spec.every, &spec.cron) {
        (Some(every), _) => format!("Every {every}"),
        (None, Some(pattern)) => {
            let zone = spec.zone(platform.name());
            match Timetable::in_zone(pattern, zone) {
                Ok(timetable) => format!("{}, {zone}", timetable.words()),
                Err(_) => format!("{pattern}, {zone}"),
            }
        }
        (None, None) => String::new(),
    }
}
