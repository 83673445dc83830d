//! Days of what was in use, as rows.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Double, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::capacity_day;
use crate::foundation::db::{Conn, Result};

const DAYS_KEPT: TimeDelta = TimeDelta::days(7 * 366);

/// A reading, and the day that it was taken on.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub day: NaiveDate,
    pub at: DateTime<Utc>,
    pub value: f64,
    pub demo: bool,
}

/// A day as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    pub day: NaiveDate,
    pub high: f64,
    pub last: f64,
    pub last_at: DateTime<Utc>,
    pub demo: bool,
}

/// Adds a reading to its day. One that is no newer than the last is known already.
pub fn add(conn: &mut Conn, capacity: ItemId, reading: &Reading) -> Result<bool> {
    let written = diesel::sql_query(
        "INSERT INTO capacity_day (capacity_id, day, low, high, last, last_at, readings, demo) \
         VALUES ($1, $2, $3, $3, $3, $4, 1, $5) \
         ON CONFLICT (capacity_id, day) DO UPDATE SET \
             low = least(capacity_day.low, excluded.low), high = greatest(capacity_day.high, excluded.high), \
             last = excluded.last, last_at = excluded.last_at, readings = capacity_day.readings + 1, \
             demo = capacity_day.demo OR excluded.demo \
             WHERE capacity_day.last_at < excluded.last_at",
    )
    .bind::<SqlUuid, _>(capacity.uuid())
    .bind::<Date, _>(reading.day)
    .bind::<Double, _>(reading.value)
    .bind::<Timestamptz, _>(reading.at)
    .bind::<Bool, _>(reading.demo)
    .execute(conn)?;
    Ok(written == 1)
}

/// The days since `from`, oldest first.
pub fn since(
    conn: &mut Conn,
    capacities: &[ItemId],
    from: DateTime<Utc>,
) -> Result<HashMap<ItemId, Vec<Kept>>> {
    type Row = (Uuid, NaiveDate, f64, f64, DateTime<Utc>, bool);
    let ids: Vec<Uuid> = capacities.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = capacity_day::table
        .filter(capacity_day::capacity_id.eq_any(ids))
        .filter(capacity_day::day.ge(from.date_naive()))
        .order(capacity_day::day)
        .select((
            capacity_day::capacity_id,
            capacity_day::day,
            capacity_day::high,
            capacity_day::last,
            capacity_day::last_at,
            capacity_day::demo,
        ))
        .load(conn)?;
    let mut found: HashMap<ItemId, Vec<Kept>> = HashMap::new();
    for (id, day, high, last, last_at, demo) in rows {
        found.entry(id.into()).or_default().push(Kept {
            day,
            high,
            last,
            last_at,
            demo,
        });
    }
    Ok(found)
}

/// Drops what is older than it is kept, a part at a time. Returns how many rows went.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_most: i64) -> Result<usize> {
    Ok(diesel::sql_query(
        "DELETE FROM capacity_day WHERE ctid = ANY (ARRAY(\
             SELECT ctid FROM capacity_day WHERE day < $1 LIMIT $2))",
    )
    .bind::<Date, _>((now - DAYS_KEPT).date_naive())
    .bind::<BigInt, _>(at_most)
    .execute(conn)?)
}
