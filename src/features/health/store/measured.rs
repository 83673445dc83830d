//! What probes read, in steps of five minutes: its lowest, its highest and its last value in each.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Double, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::packs::pack::{ItemId, Measure};
use crate::foundation::db::schema::measure_step;
use crate::foundation::db::{Conn, Result};

/// How long each step is.
pub const STEP: TimeDelta = TimeDelta::minutes(5);
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// A step of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Queryable)]
pub struct Step {
    /// Its beginning.
    pub at: DateTime<Utc>,
    pub low: f64,
    pub high: f64,
    pub last: f64,
}

/// Adds what a run read to the steps that it falls in. Of several figures of one name the first counts, as it does on pages.
pub fn record(
    conn: &mut Conn,
    probe: ItemId,
    at: DateTime<Utc>,
    measures: &[(Measure, f64)],
) -> Result<()> {
    if measures.is_empty() {
        return Ok(());
    }
    let (names, values): (Vec<&str>, Vec<f64>) = measures
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .unzip();
    diesel::sql_query(
        "INSERT INTO measure_step (probe_id, name, at, low, high, last) \
         SELECT DISTINCT ON (name) $1, name, date_bin('5 minutes', $2, 'epoch'), value, value, value \
         FROM unnest($3, $4) WITH ORDINALITY AS read (name, value, place) ORDER BY name, place \
         ON CONFLICT (probe_id, name, at) DO UPDATE SET low = least(measure_step.low, excluded.low), \
             high = greatest(measure_step.high, excluded.high), last = excluded.last",
    )
    .bind::<SqlUuid, _>(probe.uuid())
    .bind::<Timestamptz, _>(at)
    .bind::<Array<Text>, _>(names)
    .bind::<Array<Double>, _>(values)
    .execute(conn)?;
    Ok(())
}

/// The steps of one figure since `from`, oldest first.
pub fn since(
    conn: &mut Conn,
    probe: ItemId,
    name: Measure,
    from: DateTime<Utc>,
) -> Result<Vec<Step>> {
    Ok(measure_step::table
        .filter(measure_step::probe_id.eq(probe.uuid()))
        .filter(measure_step::name.eq(name.as_str()))
        .filter(measure_step::at.ge(from))
        .order(measure_step::at)
        .select((
            measure_step::at,
            measure_step::low,
            measure_step::high,
            measure_step::last,
        ))
        .load(conn)?)
}

/// The highest that each figure of these probes was in the steps that begin from `from` on and before `to`.
pub fn highest(
    conn: &mut Conn,
    probes: &[ItemId],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<(ItemId, Measure), f64>> {
    let ids: Vec<Uuid> = probes.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, String, Option<f64>)> = measure_step::table
        .filter(measure_step::probe_id.eq_any(ids))
        .filter(measure_step::at.ge(from))
        .filter(measure_step::at.lt(to))
        .group_by((measure_step::probe_id, measure_step::name))
        .select((
            measure_step::probe_id,
            measure_step::name,
            diesel::dsl::max(measure_step::high),
        ))
        .load(conn)?;
    let known = |name: &str| Measure::ALL.into_iter().find(|it| it.as_str() == name);
    Ok(rows
        .into_iter()
        .filter_map(|(probe, name, high)| Some(((probe.into(), known(&name)?), high?)))
        .collect())
}

/// Drops what is older than it is kept. Returns how many rows went.
pub fn prune(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize> {
    Ok(diesel::delete(measure_step::table)
        .filter(measure_step::at.lt(now - KEPT))
        .execute(conn)?)
}
