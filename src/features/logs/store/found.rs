//! What was said: lines by a filter, and how many there were.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde_json::Value;
use uuid::Uuid;

use crate::features::logs::filter::Filter;
use crate::features::packs::pack::ItemId;
use crate::features::packs::severity::Severity;
use crate::foundation::db::schema::log_line;
use crate::foundation::db::{Conn, Result};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};

/// A line that is kept.
#[derive(Clone, Debug, Queryable)]
pub struct Kept {
    pub id: i64,
    pub source: Uuid,
    pub at: DateTime<Utc>,
    level: i16,
    pub component: String,
    pub code: String,
    pub message: String,
    pub latency_ms: Option<f64>,
    pub fields: Value,
}

impl Kept {
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::from_number(self.level)
    }
}

/// A line's place in the list.
pub type Place = (DateTime<Utc>, i64);

/// Lines of these sources, newest first.
pub fn lines(
    conn: &mut Conn,
    sources: &[ItemId],
    filter: &Filter,
    cursor: Option<&Cursor<Place>>,
) -> Result<Page<Kept>> {
    let ids: Vec<Uuid> = sources.iter().map(|id| id.uuid()).collect();
    let mut query = log_line::table
        .filter(log_line::source_id.eq_any(ids))
        .filter(log_line::at.gt(filter.from))
        .filter(log_line::at.le(filter.until))
        .select((
            log_line::id,
            log_line::source_id,
            log_line::at,
            log_line::level,
            log_line::component,
            log_line::code,
            log_line::message,
            log_line::latency_ms,
            log_line::fields,
        ))
        .limit(i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX))
        .into_boxed();
    if filter.level > Severity::Unknown {
        query = query.filter(log_line::level.ge(filter.level.number()));
    }
    if let Some(component) = &filter.component {
        query = query.filter(log_line::component.eq(component));
    }
    if let Some(code) = &filter.code {
        query = query.filter(log_line::code.eq(code));
    }
    if let Some(slower) = filter.slower_ms {
        query = query.filter(log_line::latency_ms.ge(slower).assume_not_null());
    }
    if let Some(text) = &filter.text {
        let pattern = format!("%{}%", escaped(text));
        let said = log_line::message.ilike(pattern.clone());
        query = query.filter(said.or(log_line::component.ilike(pattern)));
    }
    query = match cursor {
        Some(Cursor {
            direction: Direction::Previous,
            key: (at, id),
        }) => {
            let newer = log_line::at
                .gt(*at)
                .or(log_line::at.eq(*at).and(log_line::id.gt(*id)));
            query
                .filter(newer)
                .order((log_line::at.asc(), log_line::id.asc()))
        }
        Some(Cursor { key: (at, id), .. }) => {
            let older = log_line::at
                .lt(*at)
                .or(log_line::at.eq(*at).and(log_line::id.lt(*id)));
            query
                .filter(older)
                .order((log_line::at.desc(), log_line::id.desc()))
        }
        None => query.order((log_line::at.desc(), log_line::id.desc())),
    };
    let rows = query.load(conn)?;
    Ok(Page::from_rows(rows, cursor, |row: &Kept| (row.at, row.id)))
}

/// What was typed is what is looked for: its own `%` and `_` stand for themselves.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// How many lines there were in a step of time, all and those that are errors.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Bar {
    #[diesel(sql_type = BigInt)]
    pub step: i64,
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
    #[diesel(sql_type = BigInt)]
    pub lines: i64,
}

/// Counts of lines by step since `filter.from`. What a line says is not counted, so `text` and `slower_ms` are left out.
pub fn bars(
    conn: &mut Conn,
    sources: &[ItemId],
    filter: &Filter,
    step: TimeDelta,
) -> Result<Vec<Bar>> {
    let ids: Vec<Uuid> = sources.iter().map(|id| id.uuid()).collect();
    Ok(diesel::sql_query(
        "SELECT floor(extract(epoch FROM minute - $2) / $4)::bigint AS step, \
                coalesce(sum(lines) FILTER (WHERE level >= $5), 0)::bigint AS errors, \
                sum(lines)::bigint AS lines \
         FROM (SELECT minute, level, lines FROM log_count \
               WHERE source_id = ANY ($1) AND minute >= $2 AND minute <= $3 AND level >= $6 \
                 AND ($7 IS NULL OR component = $7) AND ($8 IS NULL OR code = $8)) AS counted \
         GROUP BY 1 ORDER BY 1",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Timestamptz, _>(filter.from)
    .bind::<Timestamptz, _>(filter.until)
    .bind::<Double, _>(step.as_seconds_f64())
    .bind::<SmallInt, _>(Severity::Error.number())
    .bind::<SmallInt, _>(filter.level.number())
    .bind::<Nullable<Text>, _>(filter.component.as_deref())
    .bind::<Nullable<Text>, _>(filter.code.as_deref())
    .load(conn)?)
}

/// Lines and errors of each source in a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    pub lines: i64,
    pub errors: i64,
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = SqlUuid)]
    source_id: Uuid,
    #[diesel(sql_type = BigInt)]
    lines: i64,
    #[diesel(sql_type = BigInt)]
    errors: i64,
}

pub fn sums(
    conn: &mut Conn,
    sources: &[ItemId],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<HashMap<ItemId, Sum>> {
    let ids: Vec<Uuid> = sources.iter().map(|id| id.uuid()).collect();
    let rows: Vec<SumRow> = diesel::sql_query(
        "SELECT source_id, sum(lines)::bigint AS lines, \
                coalesce(sum(lines) FILTER (WHERE level >= $4), 0)::bigint AS errors \
         FROM log_count WHERE source_id = ANY ($1) AND minute >= $2 AND minute <= $3 GROUP BY source_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .bind::<SmallInt, _>(Severity::Error.number())
    .load(conn)?;
    let each = rows.into_iter().map(|row| {
        let (lines, errors) = (row.lines, row.errors);
        (row.source_id.into(), Sum { lines, errors })
    });
    Ok(each.collect())
}

/// A code or a component and how often it was named.
#[derive(Clone, Debug, QueryableByName)]
pub struct Named {
    #[diesel(sql_type = SqlUuid)]
    pub source: Uuid,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Bool)]
    is_code: bool,
    #[diesel(sql_type = BigInt)]
    pub lines: i64,
}

/// The codes and the components that were named most, of each source.
pub fn named(
    conn: &mut Conn,
    sources: &[ItemId],
    filter: &Filter,
) -> Result<(Vec<Named>, Vec<Named>)> {
    let ids: Vec<Uuid> = sources.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Named> = diesel::sql_query(
        "WITH counted AS (SELECT source_id, component, code, lines FROM log_count \
             WHERE source_id = ANY ($1) AND minute >= $2 AND minute <= $3 AND level >= $4) \
         (SELECT source_id AS source, code AS name, true AS is_code, sum(lines)::bigint AS lines \
             FROM counted WHERE code <> '' GROUP BY source_id, code ORDER BY lines DESC, name LIMIT 20) \
         UNION ALL \
         (SELECT source_id AS source, component AS name, false AS is_code, sum(lines)::bigint AS lines \
             FROM counted WHERE component <> '' GROUP BY source_id, component ORDER BY lines DESC, name LIMIT 20)",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Timestamptz, _>(filter.from)
    .bind::<Timestamptz, _>(filter.until)
    .bind::<SmallInt, _>(filter.level.number())
    .load(conn)?;
    Ok(rows.into_iter().partition(|row| row.is_code))
}
