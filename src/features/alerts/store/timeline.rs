//! What happened to an alert, in order.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::alerts::AlertId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{alert, alert_change};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::Level;

/// A line of an alert's timeline.
#[derive(Clone, Debug, Queryable)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub kind: String,
    pub level: String,
    pub who: String,
    pub text: String,
}

pub fn insert_change(
    tx: &mut Tx<'_>,
    alert: AlertId,
    kind: &'static str,
    level: Level,
    who: &str,
    text: &str,
) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(alert_change::table)
        .values((
            alert_change::id.eq(Uuid::now_v7()),
            alert_change::alert_id.eq(alert.uuid()),
            alert_change::at.eq(now),
            alert_change::kind.eq(kind),
            alert_change::level.eq(level.as_str()),
            alert_change::who.eq(who),
            alert_change::text.eq(text),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The end of the timeline, oldest first.
pub fn changes(conn: &mut Conn, alert: AlertId) -> Result<Vec<Change>> {
    const AT_MOST: i64 = 500;
    let mut changes: Vec<Change> = alert_change::table
        .filter(alert_change::alert_id.eq(alert.uuid()))
        .order((alert_change::at.desc(), alert_change::id.desc()))
        .limit(AT_MOST)
        .select((
            alert_change::at,
            alert_change::kind,
            alert_change::level,
            alert_change::who,
            alert_change::text,
        ))
        .load(conn)?;
    changes.reverse();
    Ok(changes)
}

/// When each of these alerts was first acknowledged, whatever became of that since.
pub fn first_acknowledged(
    conn: &mut Conn,
    alerts: &[AlertId],
) -> Result<HashMap<AlertId, DateTime<Utc>>> {
    let ids: Vec<Uuid> = alerts.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = alert_change::table
        .filter(alert_change::alert_id.eq_any(ids))
        .filter(alert_change::kind.eq("acknowledged"))
        .group_by(alert_change::alert_id)
        .select((alert_change::alert_id, diesel::dsl::min(alert_change::at)))
        .load(conn)?;
    let keyed = |(id, at): (Uuid, Option<_>)| Some((id.into(), at?));
    Ok(rows.into_iter().filter_map(keyed).collect())
}

/// When each of these alerts fired.
pub fn fired(conn: &mut Conn, alerts: &[AlertId]) -> Result<HashMap<AlertId, DateTime<Utc>>> {
    let ids: Vec<Uuid> = alerts.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, DateTime<Utc>)> = alert::table
        .filter(alert::id.eq_any(ids))
        .select((alert::id, alert::fired_at))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, at)| (id.into(), at)).collect())
}
