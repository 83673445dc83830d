//! Which alerts belong to an incident, and did.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::alerts::AlertId;
use crate::features::incidents::incident::IncidentId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::incident_alert;
use crate::foundation::db::{Conn, Result};

/// An alert of an incident, while it was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub alert: AlertId,
    pub at: DateTime<Utc>,
    pub detached_at: Option<DateTime<Utc>>,
}

/// More than this are not attached to one incident.
pub const AT_MOST: usize = 200;

/// All of them, the first first.
pub fn of(conn: &mut Conn, id: IncidentId) -> Result<Vec<Attached>> {
    let rows: Vec<(Uuid, DateTime<Utc>, Option<DateTime<Utc>>)> = incident_alert::table
        .filter(incident_alert::incident_id.eq(id.uuid()))
        .order((incident_alert::attached_at, incident_alert::id))
        .select((
            incident_alert::alert_id,
            incident_alert::attached_at,
            incident_alert::detached_at,
        ))
        .load(conn)?;
    let each = rows.into_iter().map(|(alert, at, detached_at)| Attached {
        alert: alert.into(),
        at,
        detached_at,
    });
    Ok(each.collect())
}

/// Those that are now.
pub fn now(conn: &mut Conn, id: IncidentId) -> Result<Vec<AlertId>> {
    let ids: Vec<Uuid> = incident_alert::table
        .filter(incident_alert::incident_id.eq(id.uuid()))
        .filter(incident_alert::detached_at.is_null())
        .order((incident_alert::attached_at, incident_alert::id))
        .select(incident_alert::alert_id)
        .load(conn)?;
    Ok(ids.into_iter().map(AlertId::from).collect())
}

/// Those that are now, of each of these incidents.
pub fn now_of(conn: &mut Conn, ids: &[IncidentId]) -> Result<Vec<(IncidentId, AlertId)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, Uuid)> = incident_alert::table
        .filter(incident_alert::incident_id.eq_any(ids))
        .filter(incident_alert::detached_at.is_null())
        .select((incident_alert::incident_id, incident_alert::alert_id))
        .load(conn)?;
    let keyed = |(incident, alert): (Uuid, Uuid)| (incident.into(), alert.into());
    Ok(rows.into_iter().map(keyed).collect())
}

pub fn attach(tx: &mut Tx<'_>, id: IncidentId, alert: AlertId, by: &str) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(incident_alert::table)
        .values((
            incident_alert::id.eq(Uuid::now_v7()),
            incident_alert::incident_id.eq(id.uuid()),
            incident_alert::alert_id.eq(alert.uuid()),
            incident_alert::attached_at.eq(now),
            incident_alert::attached_name.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// False where it does not belong to it now.
pub fn detach(tx: &mut Tx<'_>, id: IncidentId, alert: AlertId, by: &str) -> Result<bool> {
    let now = tx.now();
    let held = incident_alert::table
        .filter(incident_alert::incident_id.eq(id.uuid()))
        .filter(incident_alert::alert_id.eq(alert.uuid()))
        .filter(incident_alert::detached_at.is_null());
    let detached = diesel::update(held)
        .set((
            incident_alert::detached_at.eq(now),
            incident_alert::detached_name.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(detached == 1)
}
