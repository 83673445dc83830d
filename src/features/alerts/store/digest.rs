//! Alerts of a time that is over, for those who add it up.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::timeline::first_acknowledged;
use crate::features::alerts::AlertId;
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PlatformId};

/// An alert as it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LitThen {
    pub id: AlertId,
    pub name: String,
    pub summary: String,
    /// The worst that it was, as far as that is kept.
    pub level: Level,
    pub fired_at: DateTime<Utc>,
    /// When it was first acknowledged, whatever became of that since.
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// The alerts of a platform that were lit at some moment from `from` on and before `to`, in the order in which they fired:
/// one that still burns is as much news as one that was lit.
pub fn lit(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<LitThen>> {
    type Row = (Uuid, String, String, String, bool, DateTime<Utc>);
    let rows: Vec<Row> = alert::table
        .filter(alert::platform_id.eq(platform.uuid()))
        .filter(alert::fired_at.lt(to))
        .filter(alert::resolved_at.is_null().or(alert::resolved_at.ge(from)))
        .order((alert::fired_at, alert::id))
        .select((
            alert::id,
            alert::name,
            alert::summary,
            alert::level,
            alert::was_red,
            alert::fired_at,
        ))
        .load(conn)?;
    let ids: Vec<AlertId> = rows.iter().map(|row| row.0.into()).collect();
    let acknowledged = first_acknowledged(conn, &ids)?;
    let read = |(id, name, summary, level, was_red, fired_at): Row| {
        let id = AlertId::from(id);
        // What came later was not known then.
        let acknowledged_at = acknowledged.get(&id).copied().filter(|at| *at < to);
        let level = level
            .parse::<Level>()
            .map_err(|_| Error::Damaged("an alert's level"))?;
        Ok(LitThen {
            id,
            name,
            summary,
            level: if was_red { Level::Red } else { level },
            fired_at,
            acknowledged_at,
        })
    };
    rows.into_iter().map(read).collect()
}
