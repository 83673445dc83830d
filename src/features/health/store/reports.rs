//! What was reported: values of indicators, and events.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{event_report, event_tally, indicator_report};
use crate::foundation::db::{Conn, Result};

/// How long reports are kept. The last value of an indicator stays for as long as it is the last, and the
/// tally of events is never reduced; what was reported and by whom stands in the audit log.
const KEPT: TimeDelta = TimeDelta::days(90);

/// The last report of an indicator.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Report {
    #[diesel(sql_type = SqlUuid)]
    indicator_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = diesel::sql_types::Double)]
    pub value: f64,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub demo: bool,
}

pub fn last_reports(conn: &mut Conn, indicators: &[ItemId]) -> Result<HashMap<ItemId, Report>> {
    let ids: Vec<Uuid> = indicators.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Report> = diesel::sql_query(
        "SELECT last.indicator_id, last.at, last.value, last.demo FROM unnest($1) AS wanted (id) \
         CROSS JOIN LATERAL (SELECT * FROM indicator_report WHERE indicator_id = wanted.id AND superseded_by IS NULL \
                             ORDER BY at DESC, id DESC LIMIT 1) AS last",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.indicator_id.into(), row))
        .collect())
}

pub fn insert_report(
    conn: &mut Conn,
    indicator: ItemId,
    at: DateTime<Utc>,
    value: f64,
    demo: bool,
) -> Result<()> {
    diesel::insert_into(indicator_report::table)
        .values((
            indicator_report::id.eq(Uuid::now_v7()),
            indicator_report::indicator_id.eq(indicator.uuid()),
            indicator_report::at.eq(at),
            indicator_report::value.eq(value),
            indicator_report::demo.eq(demo),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn prune_reports(conn: &mut Conn, indicator: ItemId, before: DateTime<Utc>) -> Result<()> {
    diesel::delete(indicator_report::table)
        .filter(indicator_report::indicator_id.eq(indicator.uuid()))
        .filter(indicator_report::at.lt(before))
        .execute(conn)?;
    Ok(())
}

pub fn insert_event(tx: &mut Tx<'_>, event_type: ItemId) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(event_report::table)
        .values((
            event_report::id.eq(Uuid::now_v7()),
            event_report::event_type_id.eq(event_type.uuid()),
            event_report::at.eq(now),
        ))
        .execute(&mut **tx)?;
    diesel::insert_into(event_tally::table)
        .values((
            event_tally::event_type_id.eq(event_type.uuid()),
            event_tally::reports.eq(1),
        ))
        .on_conflict(event_tally::event_type_id)
        .do_update()
        .set(event_tally::reports.eq(event_tally::reports + 1))
        .execute(&mut **tx)?;
    Ok(())
}

/// When events of these types were reported since a moment, newest first.
pub fn events_of(
    conn: &mut Conn,
    types: &[ItemId],
    since: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<(ItemId, DateTime<Utc>)>> {
    let types: Vec<Uuid> = types.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, DateTime<Utc>)> = event_report::table
        .filter(event_report::event_type_id.eq_any(types))
        .filter(event_report::at.gt(since))
        .order((event_report::at.desc(), event_report::id.desc()))
        .limit(at_most)
        .select((event_report::event_type_id, event_report::at))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, at)| (id.into(), at)).collect())
}

/// How often each type of event was reported, ever.
pub fn event_tallies(conn: &mut Conn) -> Result<HashMap<ItemId, i64>> {
    let rows: Vec<(Uuid, i64)> = event_tally::table
        .select((event_tally::event_type_id, event_tally::reports))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, reports)| (id.into(), reports))
        .collect())
}

/// How many of a type's events are older than `at`: those counted, less those that came since.
pub fn events_before(conn: &mut Conn, event_type: ItemId, at: DateTime<Utc>) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Before {
        #[diesel(sql_type = BigInt)]
        reports: i64,
    }
    // One statement, so that an event which commits meanwhile is in both numbers or in none.
    let before: Before = diesel::sql_query(
        "SELECT coalesce((SELECT reports FROM event_tally WHERE event_type_id = $1), 0) \
                - (SELECT count(*) FROM event_report WHERE event_type_id = $1 AND at >= $2) AS reports",
    )
    .bind::<SqlUuid, _>(event_type.uuid())
    .bind::<Timestamptz, _>(at)
    .get_result(conn)?;
    Ok(before.reports)
}

/// Drops what is older than it is kept. Returns how many rows went.
pub fn prune(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize> {
    let events = diesel::delete(event_report::table)
        .filter(event_report::at.lt(now - KEPT))
        .execute(conn)?;
    let reports = diesel::sql_query(
        "DELETE FROM indicator_report AS old WHERE at < $1 AND EXISTS (\
             SELECT FROM indicator_report AS newer WHERE newer.indicator_id = old.indicator_id \
                AND newer.superseded_by IS NULL AND (newer.at, newer.id) > (old.at, old.id))",
    )
    .bind::<Timestamptz, _>(now - KEPT)
    .execute(conn)?;
    Ok(events + reports)
}
