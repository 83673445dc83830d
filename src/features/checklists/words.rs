//! How lists, answers and states are called on pages.

use chrono::{DateTime, Utc};

use super::run::{Outcome, Run, State};
use crate::features::packs::pack::{Checklist, Occasion};
use crate::foundation::kernel::Timetable;
use crate::foundation::web::Lamp;
use crate::foundation::web::format::counted;

/// "Every day at 08:00, America/New_York, to be signed within 2h"
pub fn when(list: &Checklist, platform_zone: &str) -> String {
    let within = list.within;
    if let Some(cron) = &list.cron {
        let zone = list.zone(platform_zone);
        let words =
            Timetable::in_zone(cron, zone).map_or_else(|_| cron.clone(), |table| table.words());
        return format!("{words}, {zone}, to be signed within {within}");
    }
    if list.maintenance.is_some() {
        return "With its maintenance window, to be signed by the end of it".to_owned();
    }
    let occasion = match list.on_demand {
        Some(Occasion::Deployment) => "With each release",
        Some(Occasion::Maintenance) => "When somebody works on the platform",
        Some(Occasion::Other) | None => "When somebody starts it",
    };
    format!("{occasion}, to be signed within {within}")
}

pub fn state(run: &Run, now: DateTime<Utc>) -> (Lamp, String) {
    let overdue = run.is_overdue(now);
    match run.state {
        State::Open if overdue => (Lamp::Red, "overdue, not signed".to_owned()),
        State::Open => (Lamp::Yellow, "to be signed".to_owned()),
        State::Signed if overdue => (Lamp::Red, "overdue, not reviewed".to_owned()),
        State::Signed => (Lamp::Yellow, "to be reviewed".to_owned()),
        State::Accepted => match run.signature.as_ref().map_or(0, |it| it.failed) {
            0 => (Lamp::Clear, "signed and reviewed".to_owned()),
            failed => {
                let failed = counted(failed.unsigned_abs().into(), "exception", "exceptions");
                (Lamp::Yellow, format!("reviewed, with {failed}"))
            }
        },
        State::Objected => (Lamp::Red, "reviewed, with an objection".to_owned()),
        State::Missed => (Lamp::Red, "missed".to_owned()),
        State::CalledOff => (Lamp::Unknown, "called off".to_owned()),
    }
}

pub const fn outcome(outcome: Outcome) -> (Lamp, &'static str) {
    match outcome {
        Outcome::Pass => (Lamp::Clear, "as it should be"),
        Outcome::Fail => (Lamp::Red, "not as it should be"),
        Outcome::Unknown => (Lamp::Unknown, "nobody knows"),
        Outcome::NotApplicable => (Lamp::Blue, "does not apply"),
    }
}
