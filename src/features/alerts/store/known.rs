//! Alerts by what they are about, however they stand.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::{Alert, AlertRow, read_all, rows_at_most};
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// How far back a silence is held against what was lit.
pub const LATELY: TimeDelta = TimeDelta::days(30);

/// More than this is never looked at: a storm of a month.
const AT_MOST: usize = 20_000;

/// What is lit on a platform, and what was lit there in the last 30 days.
pub fn lately(conn: &mut Conn, platform: PlatformId, now: DateTime<Utc>) -> Result<Vec<Alert>> {
    let rows = alert::table
        .filter(alert::platform_id.eq(platform.uuid()))
        .filter(
            alert::fired_at
                .gt(now - LATELY)
                .or(alert::status.eq("firing")),
        )
        .order((alert::fired_at.desc(), alert::id.desc()))
        .limit(rows_at_most(AT_MOST))
        .select(AlertRow::as_select())
        .load(conn)?;
    read_all(rows)
}

/// Everything that is lit, whosever it is.
pub fn firing(conn: &mut Conn) -> Result<Vec<Alert>> {
    let rows = alert::table
        .filter(alert::status.eq("firing"))
        .limit(rows_at_most(AT_MOST))
        .select(AlertRow::as_select())
        .load(conn)?;
    read_all(rows)
}
