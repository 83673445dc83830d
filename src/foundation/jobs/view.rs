//! Jobs as pages look at them, and the end of those whose time is over.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use uuid::Uuid;

use super::JobId;
use crate::foundation::db::schema::job;
use crate::foundation::db::{self, Conn};

/// How long a job that ended well, or was cancelled, stays on record.
const KEEP_DONE: Duration = Duration::days(7);
/// How long one that was given up stays on record.
const KEEP_DISCARDED: Duration = Duration::days(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    Waiting,
    Running,
    Done,
    Discarded,
    Cancelled,
}

impl JobState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "done" => Self::Done,
            "discarded" => Self::Discarded,
            "cancelled" => Self::Cancelled,
            _ => Self::Waiting,
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }

    pub fn is_waiting(self) -> bool {
        self == Self::Waiting
    }
}

/// A job as its page shows it.
#[derive(Clone, Debug)]
pub struct JobView {
    pub id: JobId,
    pub kind: String,
    /// What it is about, where it has a key: an id.
    pub key: Option<String>,
    pub state: JobState,
    pub attempt: i16,
    pub cancel_requested: bool,
    pub done: i64,
    pub total: Option<i64>,
    pub run_at: DateTime<Utc>,
    pub enqueued_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub result: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = job)]
struct JobRow {
    id: Uuid,
    kind: String,
    key: Option<String>,
    state: String,
    attempt: i16,
    cancel_requested: bool,
    progress_done: i64,
    progress_total: Option<i64>,
    run_at: DateTime<Utc>,
    enqueued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    result: Option<String>,
}

impl From<JobRow> for JobView {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id.into(),
            kind: row.kind,
            key: row.key,
            state: JobState::parse(&row.state),
            attempt: row.attempt,
            cancel_requested: row.cancel_requested,
            done: row.progress_done,
            total: row.progress_total,
            run_at: row.run_at,
            enqueued_at: row.enqueued_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            last_error: row.last_error,
            result: row.result,
        }
    }
}

pub fn find(conn: &mut Conn, id: JobId) -> db::Result<Option<JobView>> {
    let row = job::table
        .find(id.uuid())
        .select(JobRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(JobView::from))
}

/// The newest job of this kind about this key, ended or not.
pub fn latest_of(conn: &mut Conn, kind: &str, key: &str) -> db::Result<Option<JobView>> {
    let row = job::table
        .filter(job::kind.eq(kind).and(job::key.eq(key)))
        .order(job::id.desc())
        .select(JobRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(JobView::from))
}

/// The waiting or running job of this kind about this key.
pub fn open_of(conn: &mut Conn, kind: &str, key: &str) -> db::Result<Option<JobId>> {
    let id: Option<Uuid> = job::table
        .filter(job::kind.eq(kind).and(job::key.eq(key)))
        .filter(job::state.eq_any(["waiting", "running"]))
        .select(job::id)
        .first(conn)
        .optional()?;
    Ok(id.map(JobId::from))
}

/// Jobs in some of the states, newest first: up to `limit` before `before`, or the ones after
/// `after`, oldest first.
pub fn list(
    conn: &mut Conn,
    states: &[JobState],
    before: Option<JobId>,
    after: Option<JobId>,
    limit: i64,
) -> db::Result<Vec<JobView>> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let mut query = job::table
        .filter(job::state.eq_any(states))
        .select(JobRow::as_select())
        .limit(limit)
        .into_boxed();
    query = match (before, after) {
        (_, Some(after)) => query.filter(job::id.gt(after.uuid())).order(job::id.asc()),
        (Some(before), None) => query
            .filter(job::id.lt(before.uuid()))
            .order(job::id.desc()),
        (None, None) => query.order(job::id.desc()),
    };
    let rows: Vec<JobRow> = query.load(conn)?;
    Ok(rows.into_iter().map(JobView::from).collect())
}

/// Removes up to `limit` jobs that have been on record for long enough. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    Ok(diesel::sql_query(
        "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE \
             finished_at < $1 AND state IN ('done', 'cancelled') \
             OR finished_at < $2 AND state = 'discarded' \
             ORDER BY finished_at LIMIT $3)",
    )
    .bind::<Timestamptz, _>(now - KEEP_DONE)
    .bind::<Timestamptz, _>(now - KEEP_DISCARDED)
    .bind::<BigInt, _>(limit)
    .execute(conn)?)
}
