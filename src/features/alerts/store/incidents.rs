//! The incident that an alert belongs to, for whoever looks at the alert.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use uuid::Uuid;

use crate::features::alerts::AlertId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::alert_incident;
use crate::foundation::db::{Conn, Result};

/// An incident, as its alerts know it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Belongs {
    pub incident: Uuid,
    pub title: String,
    /// It is not resolved: while that is so, no other incident has the alert.
    pub live: bool,
}

/// The incident that has an alert, or had it last.
pub fn of_alert(conn: &mut Conn, alert: AlertId) -> Result<Option<Belongs>> {
    Ok(alert_incident::table
        .find(alert.uuid())
        .select((
            alert_incident::incident_id,
            alert_incident::title,
            alert_incident::live,
        ))
        .first(conn)
        .optional()?)
}

/// Those of these alerts that belong to an incident that is not resolved.
pub fn taken(conn: &mut Conn, alerts: &[AlertId]) -> Result<HashSet<AlertId>> {
    let ids: Vec<Uuid> = alerts.iter().map(|id| id.uuid()).collect();
    let live = alert_incident::alert_id
        .eq_any(ids)
        .and(alert_incident::live);
    let taken: Vec<Uuid> = QueryDsl::filter(alert_incident::table, live)
        .select(alert_incident::alert_id)
        .load(conn)?;
    Ok(taken.into_iter().map(AlertId::from).collect())
}

/// Gives an alert to an incident. False where another one that is not resolved has it.
pub fn give(tx: &mut Tx<'_>, alert: AlertId, incident: Uuid, title: &str) -> Result<bool> {
    let values = (
        alert_incident::incident_id.eq(incident),
        alert_incident::title.eq(title),
        alert_incident::live.eq(true),
    );
    let free = alert_incident::live
        .eq(false)
        .or(alert_incident::incident_id.eq(incident));
    let given = diesel::insert_into(alert_incident::table)
        .values((alert_incident::alert_id.eq(alert.uuid()), values))
        .on_conflict(alert_incident::alert_id)
        .do_update()
        .set(values);
    Ok(FilterDsl::filter(given, free).execute(&mut **tx)? == 1)
}

/// It belongs to that incident no more.
pub fn take(tx: &mut Tx<'_>, alert: AlertId, incident: Uuid) -> Result<()> {
    let held = alert_incident::table.find(alert.uuid());
    let held = QueryDsl::filter(held, alert_incident::incident_id.eq(incident));
    diesel::delete(held).execute(&mut **tx)?;
    Ok(())
}

/// The incident is resolved: its alerts may come to belong to another.
pub fn release(tx: &mut Tx<'_>, incident: Uuid) -> Result<()> {
    let held = QueryDsl::filter(
        alert_incident::table,
        alert_incident::incident_id.eq(incident),
    );
    diesel::update(held)
        .set(alert_incident::live.eq(false))
        .execute(&mut **tx)?;
    Ok(())
}
