//! How probes stand, what they measured, and what was reported.

pub mod samples;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use self::samples::{Sample, Span};
use super::latency::Histogram;
use super::probe::{Outcome, Run, Standing};
use crate::features::packs::pack::{ItemId, Measure, ProbeState};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{
    event_report, event_tally, indicator_report, probe_change, probe_run, probe_state,
};
use crate::foundation::db::{Conn, Result};

/// How many latencies are kept for rules that count results in a row.
const LATENCIES_KEPT: usize = 20;

/// A probe's row.
#[derive(Clone, Debug)]
pub struct State {
    pub standing: Standing,
    pub due_at: DateTime<Utc>,
    pub checked_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub message: String,
    /// Newest first.
    pub latencies_us: Vec<i64>,
    pub measures: Vec<(Measure, f64)>,
    pub skipped: i64,
    pub missed: i64,
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
    error: Option<String>,
    message: String,
    latencies_us: Vec<Option<i64>>,
    measures: Value,
    skipped: i64,
    missed: i64,
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
            skipped: row.skipped,
            missed: row.missed,
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

/// Gives a row to each probe that has none. The first slot is the next one, so that replicas which
/// start together agree on it.
pub fn enrol(
    conn: &mut Conn,
    probes: &[(ItemId, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<_> = probes
        .iter()
        .map(|(id, due_at)| {
            (
                probe_state::probe_id.eq(id.uuid()),
                probe_state::state.eq(ProbeState::Unknown.as_str()),
                probe_state::since.eq(now),
                probe_state::failures.eq(0),
                probe_state::successes.eq(0),
                probe_state::due_at.eq(*due_at),
            )
        })
        .collect();
    diesel::insert_into(probe_state::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

/// A run that this process has taken on; nobody else runs the probe until the lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    pub probe: ItemId,
    pub lease: Uuid,
    pub due_at: DateTime<Utc>,
    pub claimed_at: DateTime<Utc>,
    pub standing: Standing,
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
    let held: Option<Vec<Option<i64>>> = probe_state::table
        .find(claim.probe.uuid())
        .filter(probe_state::lease.eq(claim.lease))
        .select(probe_state::latencies_us)
        .for_update()
        .first(conn)
        .optional()?;
    let Some(known) = held else { return Ok(false) };
    let latencies: Vec<i64> = run
        .latency_us
        .into_iter()
        .chain(known.into_iter().flatten())
        .take(LATENCIES_KEPT)
        .collect();
    let error = match &run.outcome {
        Outcome::Failed(failure) => Some(failure.kind.as_str()),
        _ => None,
    };
    diesel::update(probe_state::table.find(claim.probe.uuid()))
        .set((
            probe_state::state.eq(standing.state.as_str()),
            probe_state::since.eq(standing.since),
            probe_state::failures.eq(count(standing.failures)),
            probe_state::successes.eq(count(standing.successes)),
            probe_state::due_at.eq(finished.next_due_at),
            probe_state::lease.eq(None::<Uuid>),
            probe_state::lease_until.eq(None::<DateTime<Utc>>),
            probe_state::checked_at.eq(run.at),
            probe_state::outcome.eq(run.outcome.as_str()),
            probe_state::error.eq(error),
            probe_state::message.eq(run.outcome.message()),
            probe_state::latencies_us.eq(latencies),
            probe_state::skipped.eq(probe_state::skipped + finished.skipped),
            probe_state::missed.eq(probe_state::missed + finished.missed),
        ))
        .execute(conn)?;
    if let Outcome::Good(measures) = &run.outcome {
        let measures = serde_json::to_value(measures).unwrap_or_default();
        diesel::update(probe_state::table.find(claim.probe.uuid()))
            .set(probe_state::measures.eq(measures))
            .execute(conn)?;
    }
    insert_run(conn, claim.probe, run, error)?;
    add_to_minute(conn, claim.probe, run)?;
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

/// A change of state, for the probe log.
#[derive(Clone, Debug, Queryable)]
pub struct StateChange {
    pub at: DateTime<Utc>,
    pub was: String,
    pub now: String,
    pub message: String,
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

pub fn changes(conn: &mut Conn, probe: ItemId, at_most: i64) -> Result<Vec<StateChange>> {
    Ok(probe_change::table
        .filter(probe_change::probe_id.eq(probe.uuid()))
        .order(probe_change::at.desc())
        .limit(at_most)
        .select((
            probe_change::at,
            probe_change::was,
            probe_change::now,
            probe_change::message,
        ))
        .load(conn)?)
}

/// A line of the probe log.
#[derive(Clone, Debug, Queryable)]
pub struct RunLine {
    pub probe_id: Uuid,
    pub at: DateTime<Utc>,
    pub outcome: String,
    pub error: Option<String>,
    pub message: String,
    pub latency_us: Option<i64>,
    pub attempts: i32,
}

/// The last runs of these probes, newest first.
pub fn runs(conn: &mut Conn, probes: &[ItemId], at_most: i64) -> Result<Vec<RunLine>> {
    let ids: Vec<Uuid> = probes.iter().map(|id| id.uuid()).collect();
    Ok(probe_run::table
        .filter(probe_run::probe_id.eq_any(ids))
        .order(probe_run::at.desc())
        .limit(at_most)
        .select((
            probe_run::probe_id,
            probe_run::at,
            probe_run::outcome,
            probe_run::error,
            probe_run::message,
            probe_run::latency_us,
            probe_run::attempts,
        ))
        .load(conn)?)
}

/// The last report of an indicator.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Report {
    #[diesel(sql_type = SqlUuid)]
    indicator_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = diesel::sql_types::Double)]
    pub value: f64,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub demo: bool,
}

pub fn last_reports(conn: &mut Conn, indicators: &[ItemId]) -> Result<HashMap<ItemId, Report>> {
    let ids: Vec<Uuid> = indicators.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Report> = diesel::sql_query(
        "SELECT last.indicator_id, last.at, last.value, last.demo FROM unnest($1) AS wanted (id) \
         CROSS JOIN LATERAL (SELECT * FROM indicator_report WHERE indicator_id = wanted.id \
                             ORDER BY at DESC, id DESC LIMIT 1) AS last",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.indicator_id.into(), row))
        .collect())
}

pub fn insert_report(
    conn: &mut Conn,
    indicator: ItemId,
    at: DateTime<Utc>,
    value: f64,
    demo: bool,
) -> Result<()> {
    diesel::insert_into(indicator_report::table)
        .values((
            indicator_report::id.eq(Uuid::now_v7()),
            indicator_report::indicator_id.eq(indicator.uuid()),
            indicator_report::at.eq(at),
            indicator_report::value.eq(value),
            indicator_report::demo.eq(demo),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn prune_reports(conn: &mut Conn, indicator: ItemId, before: DateTime<Utc>) -> Result<()> {
    diesel::delete(indicator_report::table)
        .filter(indicator_report::indicator_id.eq(indicator.uuid()))
        .filter(indicator_report::at.lt(before))
        .execute(conn)?;
    Ok(())
}

pub fn insert_event(tx: &mut Tx<'_>, event_type: ItemId) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(event_report::table)
        .values((
            event_report::id.eq(Uuid::now_v7()),
            event_report::event_type_id.eq(event_type.uuid()),
            event_report::at.eq(now),
        ))
        .execute(&mut **tx)?;
    diesel::insert_into(event_tally::table)
        .values((
            event_tally::event_type_id.eq(event_type.uuid()),
            event_tally::reports.eq(1),
        ))
        .on_conflict(event_tally::event_type_id)
        .do_update()
        .set(event_tally::reports.eq(event_tally::reports + 1))
        .execute(&mut **tx)?;
    Ok(())
}

/// How often each type of event was reported, ever.
pub fn event_tallies(conn: &mut Conn) -> Result<HashMap<ItemId, i64>> {
    let rows: Vec<(Uuid, i64)> = event_tally::table
        .select((event_tally::event_type_id, event_tally::reports))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, reports)| (id.into(), reports))
        .collect())
}

/// How many events of a type were reported before `at`.
pub fn events_before(conn: &mut Conn, event_type: ItemId, at: DateTime<Utc>) -> Result<i64> {
    Ok(event_report::table
        .filter(event_report::event_type_id.eq(event_type.uuid()))
        .filter(event_report::at.lt(at))
        .count()
        .get_result(conn)?)
}
