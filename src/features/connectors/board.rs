//! Connectors as people see them: how each breaker stands now.

use chrono::{DateTime, TimeDelta, Utc};

use super::store::{self, calls};
use super::views::Row;
use crate::features::packs::store as packs;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::Scope;

/// Refusals to be asked (429) are counted over so long.
pub const LIMITED_OVER: TimeDelta = TimeDelta::hours(24);

/// All that somebody who reaches these platforms is shown, worst first.
pub fn rows(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<Row>> {
    let platforms = packs::platforms(conn)?;
    let limited = calls::limited_since(conn, now - LIMITED_OVER)?;
    let all = store::all(conn)?.into_iter();
    let mut rows: Vec<Row> = all
        .filter(|held| store::is_within(scope, held.platform))
        .map(|held| Row::of(&held, &platforms, &limited, now))
        .collect();
    rows.sort_by_key(|row| row.lamp);
    Ok(rows)
}
