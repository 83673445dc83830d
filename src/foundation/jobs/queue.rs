//! The rows of the queue. Every change of a claimed job names its fencing number.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz};
use serde_json::Value;
use uuid::Uuid;

use super::registry::{Lane, Registry};
use super::{JobId, LEASE_SECS};
use crate::foundation::db::schema::job;
use crate::foundation::db::{self, Conn};

/// A job that is ours until its lease ends.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub job: JobId,
    pub kind: &'static str,
    pub payload: Value,
    /// What it is about, where it has a key: an id.
    pub key: Option<String>,
    pub attempt: i16,
    pub fence: i64,
}

/// Whether a claim still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Held { cancel_requested: bool },
    Lost,
}

impl Standing {
    fn from(cancel_requested: Option<bool>) -> Self {
        cancel_requested.map_or(Self::Lost, |cancel_requested| Self::Held {
            cancel_requested,
        })
    }
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::Jsonb)]
    payload: Value,
    #[diesel(sql_type = Nullable<Text>)]
    key: Option<String>,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = BigInt)]
    fence: i64,
}

/// Takes the job that has waited longest in a lane with room; `None` when there is none.
pub(super) fn claim(
    conn: &mut Conn,
    registry: &Registry,
    now: DateTime<Utc>,
) -> db::Result<Option<Claim>> {
    for (lane, kinds) in registry.lanes() {
        if !any_due(conn, &kinds, now)? || !has_room(conn, lane, &kinds)? {
            continue;
        }
        if let Some(claimed) = claim_from(conn, &kinds, now)?
            && let Some((kind, _)) = registry.find(&claimed.kind)
        {
            return Ok(Some(Claim {
                job: claimed.id.into(),
                kind,
                payload: claimed.payload,
                key: claimed.key,
                attempt: claimed.attempt,
                fence: claimed.fence,
            }));
        }
    }
    Ok(None)
}

fn any_due(conn: &mut Conn, kinds: &[&str], now: DateTime<Utc>) -> db::Result<bool> {
    let due = job::table
        .filter(job::state.eq("waiting"))
        .filter(job::run_at.le(now))
        .filter(job::kind.eq_any(kinds));
    Ok(diesel::select(diesel::dsl::exists(due)).get_result(conn)?)
}

/// Counts what runs in the lane, on all replicas. The lock lasts to the end of the claim, so that
/// two replicas cannot both see the last free place.
fn has_room(conn: &mut Conn, lane: Lane, kinds: &[&str]) -> db::Result<bool> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('job lane'), hashtext($1))")
        .bind::<Text, _>(lane.name)
        .execute(conn)?;
    let running: i64 = job::table
        .filter(job::state.eq("running"))
        .filter(job::kind.eq_any(kinds))
        .count()
        .get_result(conn)?;
    Ok(running < lane.limit)
}

fn claim_from(conn: &mut Conn, kinds: &[&str], now: DateTime<Utc>) -> db::Result<Option<Claimed>> {
    Ok(diesel::sql_query(
        "UPDATE job SET state = 'running', attempt = attempt + 1, fence = fence + 1, \
             lease_until = clock_timestamp() + make_interval(secs => $1), \
             started_at = coalesce(started_at, $2) \
         WHERE id = (SELECT id FROM job \
             WHERE state = 'waiting' AND run_at <= $2 AND kind = ANY($3) \
             ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id, kind, payload, key, attempt, fence",
    )
    .bind::<diesel::sql_types::Double, _>(lease_secs())
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(kinds)
    .get_result(conn)
    .optional()?)
}

#[allow(clippy::cast_precision_loss, reason = "a lease is a minute")]
fn lease_secs() -> f64 {
    LEASE_SECS as f64
}

/// Gives jobs whose lease has ended back to the queue. A row that a slow but living worker holds
/// locked is left to it.
pub(super) fn release_expired(conn: &mut Conn) -> db::Result<usize> {
    Ok(diesel::sql_query(
        "UPDATE job SET state = 'waiting', lease_until = NULL, \
             last_error = 'the worker stopped without a word' \
         WHERE id IN (SELECT id FROM job \
             WHERE state = 'running' AND lease_until < clock_timestamp() \
             FOR UPDATE SKIP LOCKED)",
    )
    .execute(conn)?)
}

/// Locks the job to the end of the transaction and renews its lease, if it is still ours.
pub(super) fn hold(conn: &mut Conn, id: JobId, fence: i64) -> db::Result<Standing> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        cancel_requested: bool,
    }
    let row: Option<Row> = diesel::sql_query(
        "UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => $1) \
         WHERE id = $2 AND fence = $3 AND state = 'running' RETURNING cancel_requested",
    )
    .bind::<diesel::sql_types::Double, _>(lease_secs())
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<BigInt, _>(fence)
    .get_result(conn)
    .optional()?;
    Ok(Standing::from(row.map(|row| row.cancel_requested)))
}

/// Renews the lease from outside. A job that is just writing holds its own row; it is not waited
/// for, and its own write renews the lease.
pub(super) fn renew(conn: &mut Conn, id: JobId, fence: i64) -> db::Result<Standing> {
    let free: Option<Uuid> = claimed(id, fence)
        .select(job::id)
        .for_update()
        .skip_locked()
        .first(conn)
        .optional()?;
    if free.is_some() {
        return hold(conn, id, fence);
    }
    let cancel_requested = claimed(id, fence)
        .select(job::cancel_requested)
        .first(conn)
        .optional()?;
    Ok(Standing::from(cancel_requested))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn claimed(id: JobId, fence: i64) -> _ {
    let id: Uuid = id.uuid();
    job::table
        .filter(job::id.eq(id))
        .filter(job::fence.eq(fence))
        .filter(job::state.eq("running"))
}

pub(super) fn progress(
    conn: &mut Conn,
    id: JobId,
    fence: i64,
    done: u64,
    total: Option<u64>,
) -> db::Result<Standing> {
    let standing = hold(conn, id, fence)?;
    if standing != Standing::Lost {
        diesel::update(job::table.find(id.uuid()))
            .set((
                job::progress_done.eq(count(done)),
                job::progress_total.eq(total.map(count)),
            ))
            .execute(conn)?;
    }
    Ok(standing)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn set_result(conn: &mut Conn, id: JobId, fence: i64, path: &str) -> db::Result<()> {
    diesel::update(job::table.filter(job::id.eq(id.uuid()).and(job::fence.eq(fence))))
        .set(job::result.eq(path))
        .execute(conn)?;
    Ok(())
}

/// How a claim ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Done,
    Cancelled,
    /// Tried often enough, or of no use.
    Discarded(String),
    Retry {
        at: DateTime<Utc>,
        error: String,
    },
    /// Put back unharmed: the worker is stopping.
    PutBack,
}

/// Writes the ending. `false`: the claim had been lost, and nothing was written.
pub(super) fn settle(
    conn: &mut Conn,
    claim: &Claim,
    ending: &Ending,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let (state, finished, run_at, error, uncount) = match ending {
        Ending::Done => ("done", Some(now), None, None, 0),
        Ending::Cancelled => ("cancelled", Some(now), None, None, 0),
        Ending::Discarded(error) => ("discarded", Some(now), None, Some(error), 0),
        Ending::Retry { at, error } => ("waiting", None, Some(*at), Some(error), 0),
        Ending::PutBack => ("waiting", None, Some(now), None, 1),
    };
    let changed = diesel::sql_query(
        "UPDATE job SET state = $3, lease_until = NULL, finished_at = $4, \
             run_at = coalesce($5, run_at), last_error = coalesce($6, last_error), \
             attempt = attempt - $7 \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
    )
    .bind::<diesel::sql_types::Uuid, _>(claim.job.uuid())
    .bind::<BigInt, _>(claim.fence)
    .bind::<Text, _>(state)
    .bind::<Nullable<Timestamptz>, _>(finished)
    .bind::<Nullable<Timestamptz>, _>(run_at)
    .bind::<Nullable<Text>, _>(error.map(|text| shortened(text)))
    .bind::<SmallInt, _>(uncount)
    .execute(conn)?;
    Ok(changed == 1)
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(1_000).collect()
}

/// One row for a slot; `false` when another replica was first.
pub(super) fn insert_slot(
    conn: &mut Conn,
    schedule: &super::Schedule,
    slot: DateTime<Utc>,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let inserted = diesel::insert_into(job::table)
        .values((
            job::id.eq(JobId::new().uuid()),
            job::kind.eq(schedule.kind),
            job::payload.eq(&schedule.payload),
            job::run_at.eq(now),
            job::enqueued_at.eq(now),
            job::schedule.eq(schedule.name),
            job::slot.eq(slot),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(inserted == 1)
}

/// Since when the oldest job of these kinds waits for its end.
pub fn waiting_since(conn: &mut Conn, kinds: &[&str]) -> db::Result<Option<DateTime<Utc>>> {
    Ok(job::table
        .filter(job::kind.eq_any(kinds))
        .filter(job::state.eq_any(["waiting", "running"]))
        .select(diesel::dsl::min(job::enqueued_at))
        .first(conn)?)
}

/// Since when the quick job that is most overdue should have begun. In the other lanes one waits for its turn behind
/// others that take minutes; a kind that this version does not know waits for another version, whatever is done here.
pub fn overdue_since(
    conn: &mut Conn,
    registry: &Registry,
    now: DateTime<Utc>,
) -> db::Result<Option<DateTime<Utc>>> {
    let quick = registry.lanes().remove(&Lane::QUICK).unwrap_or_default();
    Ok(job::table
        .filter(job::state.eq("waiting"))
        .filter(job::run_at.le(now))
        .filter(job::kind.eq_any(quick))
        .select(diesel::dsl::min(job::run_at))
        .first(conn)?)
}

/// Jobs by state, for `/metrics`.
pub(super) fn counts(conn: &mut Conn) -> db::Result<Vec<(String, i64)>> {
    Ok(job::table
        .filter(job::state.eq_any(["waiting", "running"]))
        .group_by(job::state)
        .select((job::state, diesel::dsl::count_star()))
        .load(conn)?)
}

/// What a request to stop led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The job was waiting and will not run.
    AtOnce,
    /// The job is running and stops when it next looks.
    Asked,
}

/// A waiting job is cancelled at once; a running one is asked to stop. `None`: it has ended.
pub fn request_cancel(conn: &mut Conn, id: JobId, now: DateTime<Utc>) -> db::Result<Option<Stop>> {
    let waiting =
        diesel::update(job::table.filter(job::id.eq(id.uuid()).and(job::state.eq("waiting"))))
            .set((
                job::state.eq("cancelled"),
                job::finished_at.eq(now),
                job::cancel_requested.eq(true),
            ))
            .execute(conn)?;
    if waiting > 0 {
        return Ok(Some(Stop::AtOnce));
    }
    let running =
        diesel::update(job::table.filter(job::id.eq(id.uuid()).and(job::state.eq("running"))))
            .set(job::cancel_requested.eq(true))
            .execute(conn)?;
    Ok((running > 0).then_some(Stop::Asked))
}
