//! Alerts of a time that is over, for those who add it up.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PlatformId};

/// An alert as it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LitThen {
    pub name: String,
    pub summary: String,
    /// The worst that it was, as far as that is kept.
    pub level: Level,
    pub fired_at: DateTime<Utc>,
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// The alerts of a platform that were lit from `from` on and before `to`, in order.
pub fn lit(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<LitThen>> {
    type Row = (
        String,
        String,
        String,
        bool,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
    );
    let rows: Vec<Row> = alert::table
        .filter(alert::platform_id.eq(platform.uuid()))
        .filter(alert::fired_at.ge(from))
        .filter(alert::fired_at.lt(to))
        .order((alert::fired_at, alert::id))
        .select((
            alert::name,
            alert::summary,
            alert::level,
            alert::was_red,
            alert::fired_at,
            alert::acknowledged_at,
        ))
        .load(conn)?;
    let read = |(name, summary, level, was_red, fired_at, acknowledged_at): Row| {
        let level = level
            .parse::<Level>()
            .map_err(|_| Error::Damaged("an alert's level"))?;
        Ok(LitThen {
            name,
            summary,
            level: if was_red { Level::Red } else { level },
            fired_at,
            acknowledged_at,
        })
    };
    rows.into_iter().map(read).collect()
}
