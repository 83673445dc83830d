//! How probes stand, what they measured, and what was reported.

pub mod claims;
pub mod hasten;
pub mod log;
pub mod measured;
pub mod overdue;
pub mod past;
pub mod reports;
pub mod samples;
pub mod series;
pub mod slices;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use self::samples::{Sample, Span};
use super::cache::Tally;
use super::latency::Histogram;
use super::probe::{self, Outcome, Run, Standing};
use crate::features::packs::pack::{ItemId, Measure, Probe, ProbeState, RESULTS_AT_MOST};
use crate::features::packs::store::Item;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{probe_change, probe_run, probe_state};
use crate::foundation::db::{Conn, Result};

/// How many latencies are kept for rules that count results in a row.
const LATENCIES_KEPT: usize = RESULTS_AT_MOST as usize;

/// A probe's row.
#[derive(Clone, Debug)]
pub struct State {
    pub standing: Standing,
    pub due_at: DateTime<Utc>,
    pub checked_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub message: String,
    /// Of the last results in a row that have one, newest first.
    pub latencies_us: Vec<i64>,
    /// The figures of the last run that read any.
    pub measures: Vec<(Measure, f64)>,
    pub measured_at: Option<DateTime<Utc>>,
    /// Whether that was the last run.
    pub measured_now: bool,
    pub skipped: i64,
    pub missed: i64,
    /// What the next run counts from.
    pub tally: Option<Tally>,
}

impl State {
    /// The figures as they stand now: none where the last run did not read them.
    #[must_use]
    pub fn current_measures(&self) -> &[(Measure, f64)] {
        if self.measured_now {
            &self.measures
        } else {
            &[]
        }
    }

    /// Whether it has run when it should have.
    #[must_use]
    pub fn is_heard(&self, probe: &Probe, now: DateTime<Utc>) -> bool {
        now <= probe::silent_after(self.due_at, probe)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = probe_state)]
struct StateRow {
    probe_id: Uuid,
    state: String,
    since: DateTime<Utc>,
    failures: i32,
    successes: i32,
    due_at: DateTime<Utc>,
    checked_at: Option<DateTime<Utc>>,
    outcome: Option<String>,
    error: Option<String>,
    message: String,
    latencies_us: Vec<Option<i64>>,
    measures: Value,
    measured_at: Option<DateTime<Utc>>,
    skipped: i64,
    missed: i64,
    tally: Option<Value>,
}

impl From<StateRow> for State {
    fn from(row: StateRow) -> Self {
        Self {
            standing: Standing {
                state: row.state.parse().unwrap_or_default(),
                since: row.since,
                failures: row.failures.unsigned_abs(),
                successes: row.successes.unsigned_abs(),
            },
            due_at: row.due_at,
            checked_at: row.checked_at,
            error: row.error,
            message: row.message,
            latencies_us: row.latencies_us.into_iter().flatten().collect(),
            measures: serde_json::from_value(row.measures).unwrap_or_default(),
            measured_at: row.measured_at,
            measured_now: row.outcome.is_some() && row.measured_at == row.checked_at,
            skipped: row.skipped,
            missed: row.missed,
            tally: row
                .tally
                .and_then(|tally| serde_json::from_value(tally).ok()),
        }
    }
}

/// How every probe stands that ever ran.
pub fn states(conn: &mut Conn) -> Result<HashMap<ItemId, State>> {
    let rows: Vec<StateRow> = probe_state::table
        .select(StateRow::as_select())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.probe_id.into(), row.into()))
        .collect())
}

/// Gives a row to each probe that has none, with the slot that it runs in first: the next one, so that
/// replicas which start together agree on it. One whose interval has changed gets its next slot anew, and
/// one that has come back begins anew: nobody missed the runs that nobody wanted.
pub fn enrol(
    conn: &mut Conn,
    probes: &[(&Item<Probe>, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<_> = probes
        .iter()
        .map(|(item, due_at)| {
            (
                probe_state::probe_id.eq(item.id.uuid()),
                probe_state::interval_ms.eq(item.spec.interval.millis()),
                probe_state::due_at.eq(*due_at),
                Beginning::at(now),
            )
        })
        .collect();
    diesel::insert_into(probe_state::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)?;
    for (item, due_at) in probes {
        let returned = probe_state::table
            .find(item.id.uuid())
            .filter(probe_state::due_at.lt(item.declared_at));
        diesel::update(returned)
            .set((probe_state::due_at.eq(*due_at), Beginning::at(now)))
            .execute(conn)?;
        let interval_ms = item.spec.interval.millis();
        let rescheduled = probe_state::table
            .find(item.id.uuid())
            .filter(probe_state::interval_ms.is_distinct_from(interval_ms));
        diesel::update(rescheduled)
            .set((
                probe_state::interval_ms.eq(interval_ms),
                probe_state::due_at.eq(*due_at),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// How a probe stands before its first run.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = probe_state, treat_none_as_null = true)]
struct Beginning {
    state: &'static str,
    since: DateTime<Utc>,
    failures: i32,
    successes: i32,
    lease: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    outcome: Option<String>,
    error: Option<String>,
    message: &'static str,
    latencies_us: Vec<i64>,
}

impl Beginning {
    const fn at(now: DateTime<Utc>) -> Self {
        Self {
            state: ProbeState::Unknown.as_str(),
            since: now,
            failures: 0,
            successes: 0,
            lease: None,
            lease_until: None,
            outcome: None,
            error: None,
            message: "",
            latencies_us: Vec::new(),
        }
    }
}

/// A run that this process has taken on; nobody else runs the probe until the lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    pub probe: ItemId,
    pub lease: Uuid,
    pub due_at: DateTime<Utc>,
    pub claimed_at: DateTime<Utc>,
    pub standing: Standing,
    pub tally: Option<Tally>,
}

/// Takes on probes that are due, each with a lease of its own length.
pub fn claim(
    conn: &mut Conn,
    leases: &BTreeMap<ItemId, TimeDelta>,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Claim>> {
    let ours: Vec<Uuid> = leases.keys().map(|id| id.uuid()).collect();
    let free = probe_state::lease_until
        .is_null()
        .or(probe_state::lease_until.lt(now));
    let due: Vec<StateRow> = probe_state::table
        .filter(probe_state::probe_id.eq_any(ours))
        .filter(probe_state::due_at.le(now))
        .filter(free)
        .order(probe_state::due_at)
        .limit(at_most)
        .select(StateRow::as_select())
        .for_update()
        .skip_locked()
        .load(conn)?;
    let mut claims = Vec::with_capacity(due.len());
    for row in due {
        let (probe, lease) = (ItemId::from(row.probe_id), Uuid::now_v7());
        let until = now + leases.get(&probe).copied().unwrap_or(TimeDelta::minutes(1));
        diesel::update(probe_state::table.find(probe.uuid()))
            .set((
                probe_state::lease.eq(lease),
                probe_state::lease_until.eq(until),
            ))
            .execute(conn)?;
        let state = State::from(row);
        claims.push(Claim {
            probe,
            lease,
            due_at: state.due_at,
            claimed_at: now,
            standing: state.standing,
            tally: state.tally,
        });
    }
    Ok(claims)
}

/// A finished run on its way into the database.
#[derive(Clone, Debug)]
pub struct Finished {
    pub claim: Claim,
    pub run: Run,
    pub standing: Standing,
    pub next_due_at: DateTime<Utc>,
    /// The interval that the next run was reckoned with.
    pub interval_ms: i64,
    pub skipped: i64,
    pub missed: i64,
}

/// Notes a run. False when the lease was lost: somebody else has run the probe since, and what we
/// found is dropped.
pub fn finish(conn: &mut Conn, finished: &Finished) -> Result<bool> {
    let Finished {
        claim,
        run,
        standing,
        ..
    } = finished;
    type Held = (Vec<Option<i64>>, Option<i64>, DateTime<Utc>);
    let held: Option<Held> = probe_state::table
        .find(claim.probe.uuid())
        .filter(probe_state::lease.eq(claim.lease))
        .select((
            probe_state::latencies_us,
            probe_state::interval_ms,
            probe_state::due_at,
        ))
        .for_update()
        .first(conn)
        .optional()?;
    let Some((known, interval_ms, due_at)) = held else {
        return Ok(false);
    };
    // A result that took no time breaks the row: what came before it does not stand for now.
    let latencies: Vec<i64> = match run.latency_us {
        None => Vec::new(),
        Some(latency_us) => std::iter::once(latency_us)
            .chain(known.into_iter().flatten())
            .take(LATENCIES_KEPT)
            .collect(),
    };
    // A pack may have changed the interval meanwhile, and with it the next slot.
    let next_due_at = if interval_ms.is_none_or(|known| known == finished.interval_ms) {
        finished.next_due_at
    } else {
        due_at
    };
    let error = match &run.outcome {
        Outcome::Failed(failure) => Some(failure.kind.as_str()),
        _ => None,
    };
    let tally = run
        .tally
        .as_ref()
        .and_then(|tally| serde_json::to_value(tally).ok());
    diesel::update(probe_state::table.find(claim.probe.uuid()))
        .set((
            probe_state::state.eq(standing.state.as_str()),
            probe_state::since.eq(standing.since),
            probe_state::failures.eq(count(standing.failures)),
            probe_state::successes.eq(count(standing.successes)),
            probe_state::due_at.eq(next_due_at),
            probe_state::lease.eq(None::<Uuid>),
            probe_state::lease_until.eq(None::<DateTime<Utc>>),
            probe_state::checked_at.eq(run.at),
            probe_state::outcome.eq(run.outcome.as_str()),
            probe_state::error.eq(error),
            probe_state::message.eq(run.outcome.message()),
            probe_state::tally.eq(tally),
            probe_state::latencies_us.eq(latencies),
            probe_state::skipped.eq(probe_state::skipped + finished.skipped),
            probe_state::missed.eq(probe_state::missed + finished.missed),
        ))
        .execute(conn)?;
    let measures = run.outcome.measures();
    if matches!(run.outcome, Outcome::Good(_)) || !measures.is_empty() {
        let kept = serde_json::to_value(measures).unwrap_or_default();
        diesel::update(probe_state::table.find(claim.probe.uuid()))
            .set((
                probe_state::measures.eq(kept),
                probe_state::measured_at.eq(run.at),
            ))
            .execute(conn)?;
    }
    measured::record(conn, claim.probe, run.at, measures)?;
    insert_run(conn, claim.probe, run, error)?;
    add_to_minute(conn, claim.probe, run)?;
    let refused = series::record(conn, claim.probe, run.at, &run.scraped)?;
    if refused > 0 {
        tracing::warn!(probe = %claim.probe, refused, "a scrape's labels change too often: new series are not kept");
    }
    Ok(true)
}

fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn insert_run(conn: &mut Conn, probe: ItemId, run: &Run, error: Option<&str>) -> Result<()> {
    diesel::insert_into(probe_run::table)
        .values((
            probe_run::probe_id.eq(probe.uuid()),
            probe_run::at.eq(run.at),
            probe_run::outcome.eq(run.outcome.as_str()),
            probe_run::error.eq(error),
            probe_run::message.eq(run.outcome.message()),
            probe_run::latency_us.eq(run.latency_us),
            probe_run::attempts.eq(count(run.attempts)),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

fn add_to_minute(conn: &mut Conn, probe: ItemId, run: &Run) -> Result<()> {
    let mut histogram = Histogram::default();
    if let Some(latency_us) = run.latency_us {
        histogram.record(latency_us);
    }
    let one = |is: bool| i64::from(is);
    let sample = Sample {
        at: run
            .at
            .duration_trunc(TimeDelta::minutes(1))
            .unwrap_or(run.at),
        good: one(matches!(run.outcome, Outcome::Good(_))),
        failed: one(matches!(run.outcome, Outcome::Failed(_))),
        unknown: one(matches!(run.outcome, Outcome::Unknown(_))),
        histogram,
        demo: false,
    };
    samples::add(conn, probe, Span::Minute, &sample)
}

pub fn insert_change(
    tx: &mut Tx<'_>,
    probe: ItemId,
    was: ProbeState,
    finished: &Finished,
) -> Result<()> {
    diesel::insert_into(probe_change::table)
        .values((
            probe_change::probe_id.eq(probe.uuid()),
            probe_change::at.eq(finished.standing.since),
            probe_change::was.eq(was.as_str()),
            probe_change::now.eq(finished.standing.state.as_str()),
            probe_change::message.eq(finished.run.outcome.message()),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(())
}
