//! How far escalations have come.

pub mod overrides;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::escalation::{Escalation, Phase};
use crate::features::alerts::AlertId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::escalation;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::Level;

#[derive(Queryable, Selectable)]
#[diesel(table_name = escalation)]
struct Row {
    alert_id: Uuid,
    policies: Value,
    phase: String,
    level: String,
    begun: i32,
    step: i32,
    round: i32,
    due_at: Option<DateTime<Utc>>,
    told_lately: bool,
    told_in_round: bool,
    held_back: bool,
    flap_told: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Escalation {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = || Error::Damaged("an escalation");
        Ok(Self {
            policies: serde_json::from_value(row.policies).map_err(|_| damaged())?,
            phase: row.phase.parse::<Phase>().map_err(|_| damaged())?,
            level: row.level.parse::<Level>().map_err(|_| damaged())?,
            begun: row.begun.unsigned_abs(),
            step: usize::try_from(row.step).map_err(|_| damaged())?,
            round: row.round.unsigned_abs(),
            due_at: row.due_at,
            told_lately: row.told_lately,
            told_in_round: row.told_in_round,
            held_back: row.held_back,
            flap_told: row.flap_told,
        })
    }
}

/// What changes from step to step.
#[derive(AsChangeset, Insertable)]
#[diesel(table_name = escalation, treat_none_as_null = true)]
struct Standing {
    phase: &'static str,
    level: &'static str,
    begun: i32,
    step: i32,
    round: i32,
    due_at: Option<DateTime<Utc>>,
    told_lately: bool,
    told_in_round: bool,
    held_back: bool,
    flap_told: Option<DateTime<Utc>>,
}

impl From<&Escalation> for Standing {
    fn from(it: &Escalation) -> Self {
        Self {
            phase: it.phase.as_str(),
            level: it.level.as_str(),
            begun: i32::try_from(it.begun).unwrap_or(i32::MAX),
            step: i32::try_from(it.step).unwrap_or(i32::MAX),
            round: i32::try_from(it.round).unwrap_or(i32::MAX),
            due_at: it.due_at,
            told_lately: it.told_lately,
            told_in_round: it.told_in_round,
            held_back: it.held_back,
            flap_told: it.flap_told,
        }
    }
}

/// The escalations that are not over, and those of these alerts. One that cannot be read is left out and logged.
pub fn open_and_of(conn: &mut Conn, alerts: &[AlertId]) -> Result<HashMap<AlertId, Escalation>> {
    let ids: Vec<Uuid> = alerts.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = escalation::table
        .filter(
            escalation::phase
                .ne(Phase::Over.as_str())
                .or(escalation::alert_id.eq_any(ids)),
        )
        .select(Row::as_select())
        .load(conn)?;
    let mut found = HashMap::new();
    for row in rows {
        let id = AlertId::from(row.alert_id);
        match Escalation::try_from(row) {
            Ok(escalation) => drop(found.insert(id, escalation)),
            Err(error) => tracing::error!(%error, alert = %id, "an escalation cannot be read"),
        }
    }
    Ok(found)
}

/// That of an alert, locked.
pub fn lock(tx: &mut Tx<'_>, alert: AlertId) -> Result<Option<Escalation>> {
    let row: Option<Row> = escalation::table
        .find(alert.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?;
    row.map(Escalation::try_from).transpose()
}

pub fn insert(tx: &mut Tx<'_>, alert: AlertId, new: &Escalation) -> Result<()> {
    let policies =
        serde_json::to_value(&new.policies).map_err(|error| Error::Event(error.to_string()))?;
    let now = tx.now();
    diesel::insert_into(escalation::table)
        .values((
            escalation::alert_id.eq(alert.uuid()),
            escalation::policies.eq(policies),
            escalation::opened_at.eq(now),
            Standing::from(new),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn save(tx: &mut Tx<'_>, alert: AlertId, changed: &Escalation) -> Result<()> {
    diesel::update(escalation::table.find(alert.uuid()))
        .set(Standing::from(changed))
        .execute(&mut **tx)?;
    Ok(())
}
