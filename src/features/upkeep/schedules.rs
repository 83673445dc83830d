//! What runs by the clock here: when it last did, when it will again, and what was missed.

use chrono::{DateTime, Utc};

use super::pages::standing;
use crate::foundation::db::{self, Conn};
use crate::foundation::jobs::{self, Late, Registry, ScheduleView};
use crate::foundation::web::Lamp;

pub struct Row {
    pub schedule: ScheduleView,
    /// How its latest run stands.
    pub lamp: Lamp,
    pub word: &'static str,
    /// What becomes of a slot that is missed.
    pub missed_slots: &'static str,
}

pub fn rows(conn: &mut Conn, registry: &Registry, now: DateTime<Utc>) -> db::Result<Vec<Row>> {
    let all = jobs::schedules(conn, registry, now)?;
    Ok(all.into_iter().map(|it| Row::of(it, registry)).collect())
}

impl Row {
    fn of(schedule: ScheduleView, registry: &Registry) -> Self {
        let (lamp, word) = match &schedule.last {
            Some(job) => standing(job, registry),
            None => (Lamp::Unknown, "None on record"),
        };
        Self {
            missed_slots: match schedule.late {
                Late::Run => "a missed one is run late",
                Late::Skip => "a missed one is left out",
            },
            schedule,
            lamp,
            word,
        }
    }
}
