//! How many lines there were, minute by minute, for whoever goes through it again.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::total;
use crate::features::packs::pack::{ItemId, LinesOf};
use crate::foundation::db::schema::log_count;
use crate::foundation::db::{Conn, Result};

/// More minutes than this are not read: more than a month has.
const AT_MOST: i64 = 50_000;

/// The lines that a rule counts, by the minute since `from`, oldest first; minutes without one are left out. Of very many
/// the last.
pub fn minutes(
    conn: &mut Conn,
    source: ItemId,
    of: &LinesOf,
    from: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, i64)>> {
    let mut query = log_count::table
        .filter(log_count::source_id.eq(source.uuid()))
        .filter(log_count::minute.ge(from))
        .filter(log_count::level.ge(of.level.number()))
        .group_by(log_count::minute)
        .order(log_count::minute.desc())
        .limit(AT_MOST)
        .select((log_count::minute, diesel::dsl::sum(log_count::lines)))
        .into_boxed();
    if let Some(component) = &of.component {
        query = query.filter(log_count::component.eq(component));
    }
    if let Some(code) = &of.code {
        query = query.filter(log_count::code.eq(code));
    }
    let rows: Vec<(DateTime<Utc>, Option<bigdecimal::BigDecimal>)> = query.load(conn)?;
    let counted = rows.into_iter();
    let counted = counted.map(|(minute, lines)| (minute, total(lines)));
    Ok(counted.rev().collect())
}

/// The first minute since `from` in which a log had any line.
pub fn first_heard(
    conn: &mut Conn,
    source: ItemId,
    from: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    Ok(log_count::table
        .filter(log_count::source_id.eq(source.uuid()))
        .filter(log_count::minute.ge(from))
        .select(diesel::dsl::min(log_count::minute))
        .first(conn)?)
}
