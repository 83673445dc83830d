//! Jobs that have ended, for whoever looks after the queue: what there is of them, their removal, and another go.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::view::JobState;
use super::{JobId, JobView, find};
use crate::foundation::db::schema::job;
use crate::foundation::db::{self, Conn};

/// Which of the jobs that have ended are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Those that are open are never among them, whatever stands here.
    pub states: Vec<JobState>,
    /// Nothing: every kind.
    pub kind: Option<String>,
    /// They had ended by then.
    pub before: DateTime<Utc>,
}

/// The jobs of one kind that ended in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub state: JobState,
    pub kind: String,
    pub jobs: i64,
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
}

impl Ended {
    fn states(&self) -> Vec<&'static str> {
        let ended = self.states.iter().filter(|state| !state.is_open());
        ended.map(|state| state.as_str()).collect()
    }

    /// Counts them, by how they ended and by kind.
    pub fn count(&self, conn: &mut Conn) -> db::Result<Vec<Group>> {
        type Row = (
            String,
            String,
            i64,
            Option<DateTime<Utc>>,
            Option<DateTime<Utc>>,
        );
        let mut query = job::table
            .group_by((job::state, job::kind))
            .select((
                job::state,
                job::kind,
                diesel::dsl::count_star(),
                diesel::dsl::min(job::finished_at),
                diesel::dsl::max(job::finished_at),
            ))
            .filter(job::state.eq_any(self.states()))
            .filter(job::finished_at.lt(self.before))
            .order((job::state, job::kind))
            .into_boxed();
        if let Some(kind) = &self.kind {
            query = query.filter(job::kind.eq(kind));
        }
        let rows: Vec<Row> = query.load(conn)?;
        Ok(rows
            .into_iter()
            .filter_map(|(state, kind, jobs, first, last)| {
                Some(Group {
                    state: JobState::parse(&state),
                    kind,
                    jobs,
                    first: first?,
                    last: last?,
                })
            })
            .collect())
    }

    /// Removes them. Says how each had ended, and of which kind it was.
    pub fn remove(&self, conn: &mut Conn) -> db::Result<Vec<(JobState, String)>> {
        let states = self.states();
        let gone = job::table
            .filter(job::state.eq_any(states))
            .filter(job::finished_at.lt(self.before));
        let removed: Vec<(String, String)> = match &self.kind {
            Some(kind) => diesel::delete(gone.filter(job::kind.eq(kind)))
                .returning((job::state, job::kind))
                .get_results(conn)?,
            None => diesel::delete(gone)
                .returning((job::state, job::kind))
                .get_results(conn)?,
        };
        let read = |(state, kind): (String, String)| (JobState::parse(&state), kind);
        Ok(removed.into_iter().map(read).collect())
    }
}

/// The kinds of which jobs have ended.
pub fn ended_kinds(conn: &mut Conn) -> db::Result<Vec<String>> {
    Ok(job::table
        .filter(job::finished_at.is_not_null())
        .select(job::kind)
        .distinct()
        .order(job::kind)
        .load(conn)?)
}

/// How many are waiting and running, by kind.
pub fn open_groups(conn: &mut Conn) -> db::Result<Vec<(JobState, String, i64)>> {
    let rows: Vec<(String, String, i64)> = job::table
        .group_by((job::state, job::kind))
        .select((job::state, job::kind, diesel::dsl::count_star()))
        .filter(job::state.eq_any(["waiting", "running"]))
        .order((job::state, job::kind))
        .load(conn)?;
    let read = |(state, kind, jobs): (String, String, i64)| (JobState::parse(&state), kind, jobs);
    Ok(rows.into_iter().map(read).collect())
}

/// A job, locked to the end of the transaction.
pub fn lock(conn: &mut Conn, id: JobId) -> db::Result<Option<JobView>> {
    let there = job::table
        .find(id.uuid())
        .select(job::id)
        .for_update()
        .first::<uuid::Uuid>(conn)
        .optional()?;
    match there {
        Some(_) => find(conn, id),
        None => Ok(None),
    }
}

/// Puts a job that was given up back into the queue, with all its attempts before it. What it had done stays done; its
/// last error stays in view until it has ended.
///
/// # Errors
/// [`db::Error::Unique`] where another of its kind is open about the same.
pub fn put_back(conn: &mut Conn, id: JobId, now: DateTime<Utc>) -> db::Result<()> {
    let given_up = job::table.filter(job::id.eq(id.uuid()).and(job::state.eq("discarded")));
    diesel::update(given_up)
        .set((
            job::state.eq("waiting"),
            job::attempt.eq(0),
            job::cancel_requested.eq(false),
            job::run_at.eq(now),
            job::enqueued_at.eq(now),
            job::started_at.eq(None::<DateTime<Utc>>),
            job::finished_at.eq(None::<DateTime<Utc>>),
            job::progress_done.eq(0),
            job::progress_total.eq(None::<i64>),
        ))
        .execute(conn)?;
    Ok(())
}
