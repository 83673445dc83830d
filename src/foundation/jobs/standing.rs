//! How the queue stands as a whole, and how each schedule does.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use uuid::Uuid;

use super::registry::Registry;
use super::schedule::Late;
use super::view::{self, JobView};
use crate::foundation::db::schema::{job, job_schedule};
use crate::foundation::db::{self, Conn};

/// What is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct QueueStanding {
    /// Due, and not begun.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// Not due yet.
    #[diesel(sql_type = BigInt)]
    pub delayed: i64,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Given up, as long as they are on record.
    #[diesel(sql_type = BigInt)]
    pub given_up: i64,
    /// Since when the one that is most overdue is due.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<DateTime<Utc>>,
}

pub fn standing(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<QueueStanding> {
    Ok(diesel::sql_query(
        "SELECT count(*) FILTER (WHERE state = 'waiting' AND run_at <= $1) AS waiting, \
             count(*) FILTER (WHERE state = 'waiting' AND run_at > $1) AS delayed, \
             count(*) FILTER (WHERE state = 'running') AS running, \
             count(*) FILTER (WHERE state = 'discarded') AS given_up, \
             min(run_at) FILTER (WHERE state = 'waiting' AND run_at <= $1) AS oldest \
         FROM job WHERE state IN ('waiting', 'running', 'discarded')",
    )
    .bind::<Timestamptz, _>(now)
    .get_result(conn)?)
}

/// A schedule as its table shows it.
#[derive(Clone, Debug)]
pub struct ScheduleView {
    pub name: &'static str,
    pub pattern: String,
    pub zone: String,
    pub late: Late,
    /// The job of its latest slot, while that is on record.
    pub last: Option<JobView>,
    pub next: Option<DateTime<Utc>>,
    /// Slots that nobody was there for, ever.
    pub missed: i64,
    pub missed_at: Option<DateTime<Utc>>,
}

/// The schedules of this version, by name.
pub fn schedules(
    conn: &mut Conn,
    registry: &Registry,
    now: DateTime<Utc>,
) -> db::Result<Vec<ScheduleView>> {
    let known: Vec<(String, i64, Option<DateTime<Utc>>)> = job_schedule::table
        .select((
            job_schedule::name,
            job_schedule::missed,
            job_schedule::missed_at,
        ))
        .load(conn)?;
    let known: HashMap<String, (i64, Option<DateTime<Utc>>)> = known
        .into_iter()
        .map(|(name, missed, at)| (name, (missed, at)))
        .collect();
    let mut all = Vec::new();
    for schedule in registry.schedules() {
        let latest: Option<Uuid> = job::table
            .filter(job::schedule.eq(schedule.name))
            .order(job::slot.desc())
            .select(job::id)
            .first(conn)
            .optional()?;
        let last = match latest {
            Some(id) => view::find(conn, id.into())?,
            None => None,
        };
        let (missed, missed_at) = known.get(schedule.name).copied().unwrap_or_default();
        all.push(ScheduleView {
            name: schedule.name,
            pattern: schedule.pattern.clone(),
            zone: schedule.zone().name().to_owned(),
            late: schedule.late,
            last,
            next: schedule.next(now),
            missed,
            missed_at,
        });
    }
    all.sort_by_key(|schedule| schedule.name);
    Ok(all)
}
