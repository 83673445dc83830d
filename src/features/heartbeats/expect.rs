//! From what a pack says to what is expected.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::heartbeat::{Expected, Heartbeat as Beat, Schedule};
use super::store::Held;
use crate::features::packs::pack::Heartbeat;
use crate::features::packs::store::Item;
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

/// Brings what is held in line with what its pack says by now. Another schedule or grace counts from `now`, when it is
/// first seen, so that nothing turns in the past; one that was retired and has come back begins anew. False where
/// nothing has changed.
pub fn adopt(held: &mut Held, item: &Item<Heartbeat>, platform: Tz, now: DateTime<Utc>) -> bool {
    let (schedule, grace_ms) = (key(&item.spec, platform), item.spec.grace.millis());
    if item.declared_at > held.beat.expected_since {
        held.beat = Beat::new(now.max(item.declared_at));
    } else if held.schedule != schedule {
        held.beat.reschedule(now);
    } else if held.grace_ms != grace_ms {
        held.beat.change(now);
    } else {
        return false;
    }
    held.schedule = schedule;
    held.grace_ms = grace_ms;
    true
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
