//! How often rules lit their lamps, and when.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::{About, Alert, AlertRow, read_all};
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Result};

/// The last time that each of these rules lit its lamp.
pub fn last(conn: &mut Conn, rules: &[ItemId]) -> Result<HashMap<ItemId, DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Last {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Timestamptz)]
        fired_at: DateTime<Utc>,
    }
    // One look into the index for each: there are many more alerts than rules.
    let rows: Vec<Last> = diesel::sql_query(
        "SELECT asked.id, last.fired_at FROM unnest($1) AS asked (id) CROSS JOIN LATERAL ( \
             SELECT fired_at FROM alert WHERE rule_id = asked.id AND about = 'platform' \
             ORDER BY fired_at DESC LIMIT 1) AS last",
    )
    .bind::<Array<SqlUuid>, _>(uuids(rules))
    .load(conn)?;
    let keyed = rows.into_iter().map(|row| (row.id.into(), row.fired_at));
    Ok(keyed.collect())
}

/// How often each of these rules lit its lamp since a moment. One that is lit again before anybody saw it is one alert,
/// and counts each time.
pub fn times(
    conn: &mut Conn,
    rules: &[ItemId],
    since: DateTime<Utc>,
) -> Result<HashMap<ItemId, i64>> {
    #[derive(QueryableByName)]
    struct Times {
        #[diesel(sql_type = SqlUuid)]
        rule_id: Uuid,
        #[diesel(sql_type = BigInt)]
        times: i64,
    }
    let rows: Vec<Times> = diesel::sql_query(
        "SELECT rule_id, count(*) AS times FROM alert JOIN alert_change AS change ON change.alert_id = alert.id \
         WHERE rule_id = ANY($1) AND about = 'platform' AND fired_at > $2 AND change.at > $2 AND kind = 'fired' \
         GROUP BY rule_id",
    )
    .bind::<Array<SqlUuid>, _>(uuids(rules))
    .bind::<Timestamptz, _>(since)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.rule_id.into(), row.times))
        .collect())
}

fn uuids(rules: &[ItemId]) -> Vec<Uuid> {
    rules.iter().map(|id| id.uuid()).collect()
}

/// A time in which a rule's lamp was lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lit {
    pub from: DateTime<Utc>,
    /// Nothing where it is lit.
    pub until: Option<DateTime<Utc>>,
}

/// When a rule's lamp was lit since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// It was lit at that moment already: from then on, for as long as it stayed so.
    pub already: Option<Lit>,
    /// Each time that it was lit since, oldest first.
    pub times: Vec<Lit>,
}

/// When a rule's lamp was lit since a moment. Of very many times, the last.
pub fn of_rule(conn: &mut Conn, rule: ItemId, since: DateTime<Utc>) -> Result<Fired> {
    const AT_MOST: i64 = 5_000;
    let mut turns: Vec<Turn> = diesel::sql_query(
        "SELECT change.at, kind FROM alert JOIN alert_change AS change ON change.alert_id = alert.id \
         WHERE rule_id = $1 AND about = 'platform' AND change.at > $2 AND kind IN ('fired', 'resolved') \
         ORDER BY change.at DESC, change.id DESC LIMIT $3",
    )
    .bind::<SqlUuid, _>(rule.uuid())
    .bind::<Timestamptz, _>(since)
    .bind::<BigInt, _>(AT_MOST)
    .load(conn)?;
    turns.reverse();
    let is_whole = i64::try_from(turns.len()).is_ok_and(|count| count < AT_MOST);
    let lit_at = match turns.first() {
        _ if !is_whole => false,
        Some(first) => first.kind == "resolved",
        None => is_lit(conn, rule)?,
    };
    Ok(followed(&turns, lit_at.then_some(since)))
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// The times between being lit and going out, of a lamp that was lit since `already` or was not.
fn followed(turns: &[Turn], already: Option<DateTime<Utc>>) -> Fired {
    let mut fired = Fired {
        already: already.map(|from| Lit { from, until: None }),
        times: Vec::new(),
    };
    for turn in turns {
        if turn.kind == "fired" {
            fired.times.push(Lit {
                from: turn.at,
                until: None,
            });
            continue;
        }
        let last = fired.times.last_mut().or(fired.already.as_mut());
        if let Some(last) = last.filter(|last| last.until.is_none()) {
            last.until = Some(turn.at);
        }
    }
    fired
}

fn is_lit(conn: &mut Conn, rule: ItemId) -> Result<bool> {
    let lit = alert::table
        .filter(alert::rule_id.eq(rule.uuid()))
        .filter(alert::about.eq(About::Platform.as_str()))
        .filter(alert::status.eq("firing"));
    Ok(diesel::select(diesel::dsl::exists(lit)).get_result(conn)?)
}

/// The last alerts of a rule, newest first.
pub fn alerts(conn: &mut Conn, rule: ItemId, at_most: i64) -> Result<Vec<Alert>> {
    let rows: Vec<AlertRow> = alert::table
        .filter(alert::rule_id.eq(rule.uuid()))
        .filter(alert::about.eq(About::Platform.as_str()))
        .order((alert::fired_at.desc(), alert::id.desc()))
        .limit(at_most)
        .select(AlertRow::as_select())
        .load(conn)?;
    read_all(rows)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_lamp_that_was_lit_before_goes_out_first() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let turn = |minute, kind: &str| Turn {
            at: at(minute),
            kind: kind.to_owned(),
        };
        let lit = |from, until: Option<i64>| Lit {
            from: at(from),
            until: until.map(at),
        };
        let turns = [turn(5, "resolved"), turn(7, "fired"), turn(9, "resolved")];
        let fired = followed(&turns, Some(at(0)));
        assert_eq!(fired.already, Some(lit(0, Some(5))));
        assert_eq!(fired.times, [lit(7, Some(9))]);
        let fired = followed(&[], Some(at(0)));
        assert_eq!(fired.already, Some(lit(0, None)));
        let fired = followed(&[turn(3, "fired")], None);
        assert_eq!((fired.already, fired.times), (None, vec![lit(3, None)]));
    }
}
