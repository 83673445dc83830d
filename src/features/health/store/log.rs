//! What probes did, and how they changed: read for people.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::{probe_change, probe_run};
use crate::foundation::db::{Conn, Result};

/// A change of a probe's state.
#[derive(Clone, Debug, Queryable)]
pub struct StateChange {
    pub probe_id: Uuid,
    pub at: DateTime<Utc>,
    pub was: String,
    pub now: String,
    pub message: String,
}

/// How these probes changed, newest first.
pub fn changes(conn: &mut Conn, probes: &[ItemId], at_most: i64) -> Result<Vec<StateChange>> {
    let ids: Vec<Uuid> = probes.iter().map(|id| id.uuid()).collect();
    Ok(probe_change::table
        .filter(probe_change::probe_id.eq_any(ids))
        .order(probe_change::at.desc())
        .limit(at_most)
        .select((
            probe_change::probe_id,
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
