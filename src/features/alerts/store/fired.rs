//! How often rules lit their lamps, and when.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::{About, Alert, AlertRow, read_all};
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Result};

/// The last time that each rule lit its lamp.
pub fn last(conn: &mut Conn) -> Result<HashMap<ItemId, DateTime<Utc>>> {
    let rows: Vec<(Option<Uuid>, Option<DateTime<Utc>>)> = alert::table
        .filter(alert::about.eq(About::Platform.as_str()))
        .group_by(alert::rule_id)
        .select((alert::rule_id, diesel::dsl::max(alert::fired_at)))
        .load(conn)?;
    let keyed = |(id, at): (Option<Uuid>, Option<_>)| Some((id?.into(), at?));
    Ok(rows.into_iter().filter_map(keyed).collect())
}

/// How often each rule lit its lamp since a moment. One that is lit again before anybody saw it is one alert, and counts
/// each time.
pub fn times(conn: &mut Conn, since: DateTime<Utc>) -> Result<HashMap<ItemId, i64>> {
    #[derive(QueryableByName)]
    struct Times {
        #[diesel(sql_type = SqlUuid)]
        rule_id: Uuid,
        #[diesel(sql_type = BigInt)]
        times: i64,
    }
    let rows: Vec<Times> = diesel::sql_query(
        "SELECT rule_id, count(*) AS times FROM alert JOIN alert_change AS change ON change.alert_id = alert.id \
         WHERE about = 'platform' AND fired_at > $1 AND change.at > $1 AND kind = 'fired' GROUP BY rule_id",
    )
    .bind::<Timestamptz, _>(since)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.rule_id.into(), row.times))
        .collect())
}

/// A time in which a rule's lamp was lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lit {
    pub from: DateTime<Utc>,
    /// Nothing where it is lit.
    pub until: Option<DateTime<Utc>>,
}

/// When a rule's lamp was lit since a moment, oldest first; one that was lit then already is left out.
pub fn of_rule(conn: &mut Conn, rule: ItemId, since: DateTime<Utc>) -> Result<Vec<Lit>> {
    const AT_MOST: i64 = 5_000;
    #[derive(QueryableByName)]
    struct Turn {
        #[diesel(sql_type = Timestamptz)]
        at: DateTime<Utc>,
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let turns: Vec<Turn> = diesel::sql_query(
        "SELECT change.at, kind FROM alert JOIN alert_change AS change ON change.alert_id = alert.id \
         WHERE rule_id = $1 AND about = 'platform' AND change.at > $2 AND kind IN ('fired', 'resolved') \
         ORDER BY change.at, change.id LIMIT $3",
    )
    .bind::<SqlUuid, _>(rule.uuid())
    .bind::<Timestamptz, _>(since)
    .bind::<BigInt, _>(AT_MOST)
    .load(conn)?;
    let mut lit: Vec<Lit> = Vec::new();
    for turn in turns {
        match lit.last_mut() {
            _ if turn.kind == "fired" => lit.push(Lit {
                from: turn.at,
                until: None,
            }),
            Some(last) if last.until.is_none() => last.until = Some(turn.at),
            _ => {}
        }
    }
    Ok(lit)
}

/// The last alerts of a rule, newest first.
pub fn alerts(conn: &mut Conn, rule: ItemId, at_most: i64) -> Result<Vec<Alert>> {
    let rows: Vec<AlertRow> = alert::table
        .filter(alert::rule_id.eq(rule.uuid()))
        .order((alert::fired_at.desc(), alert::id.desc()))
        .limit(at_most)
        .select(AlertRow::as_select())
        .load(conn)?;
    read_all(rows)
}
