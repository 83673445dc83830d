//! The last calls.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::BreakerId;
use crate::features::connectors::breaker::Verdict;
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::{breaker, breaker_call};
use crate::foundation::db::{Conn, Result};

/// How long calls are kept.
pub const KEPT: TimeDelta = TimeDelta::days(7);

/// What the longest answer is cut to, in characters.
const LONGEST: usize = 300;

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub verdict: Verdict,
    /// What it answered, or what kept us from hearing it.
    pub answer: String,
    pub took_ms: i64,
}

pub fn insert(
    conn: &mut Conn,
    id: BreakerId,
    ended: &Ended,
    trial: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let wait = match ended.verdict {
        Verdict::Limited(wait) => wait.map(|wait| wait.num_seconds().max(0)),
        _ => None,
    };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let answer: String = ended.answer.chars().map(plain).take(LONGEST).collect();
    diesel::insert_into(breaker_call::table)
        .values((
            breaker_call::id.eq(Uuid::now_v7()),
            breaker_call::breaker_id.eq(id.uuid()),
            breaker_call::at.eq(now),
            breaker_call::verdict.eq(ended.verdict.as_str()),
            breaker_call::answer.eq(answer),
            breaker_call::took_ms.eq(ended.took_ms.max(0)),
            breaker_call::wait_secs.eq(wait),
            breaker_call::trial.eq(trial),
        ))
        .execute(conn)?;
    Ok(())
}

/// A call as it is kept.
#[derive(Clone, Debug, Queryable)]
pub struct Kept {
    pub at: DateTime<Utc>,
    pub verdict: String,
    pub answer: String,
    pub took_ms: i64,
    pub wait_secs: Option<i64>,
    pub trial: bool,
}

pub fn last(conn: &mut Conn, id: BreakerId, at_most: i64) -> Result<Vec<Kept>> {
    Ok(breaker_call::table
        .filter(breaker_call::breaker_id.eq(id.uuid()))
        .order((breaker_call::at.desc(), breaker_call::id.desc()))
        .limit(at_most)
        .select((
            breaker_call::at,
            breaker_call::verdict,
            breaker_call::answer,
            breaker_call::took_ms,
            breaker_call::wait_secs,
            breaker_call::trial,
        ))
        .load(conn)?)
}

/// A call through one of the breakers of a connector: when it ended, and whether it had failed.
pub type Ending = (BreakerId, DateTime<Utc>, bool);

/// The calls of a connector that were answered or failed since `from`, oldest first, and from when on these are all.
pub fn of_connector(
    conn: &mut Conn,
    connector: ItemId,
    from: DateTime<Utc>,
) -> Result<(DateTime<Utc>, Vec<Ending>)> {
    const AT_MOST: i64 = 100_000;
    let breakers: Vec<Uuid> = breaker::table
        .filter(breaker::connector_id.eq(connector.uuid()))
        .filter(breaker::retired_at.is_null())
        .select(breaker::id)
        .load(conn)?;
    let mut calls: Vec<(Uuid, DateTime<Utc>, String)> = breaker_call::table
        .filter(breaker_call::breaker_id.eq_any(breakers))
        .filter(breaker_call::at.gt(from))
        .filter(breaker_call::verdict.eq_any(["answered", "failed"]))
        .order((breaker_call::at.desc(), breaker_call::id.desc()))
        .limit(AT_MOST)
        .select((
            breaker_call::breaker_id,
            breaker_call::at,
            breaker_call::verdict,
        ))
        .load(conn)?;
    calls.reverse();
    let is_cut = i64::try_from(calls.len()).is_ok_and(|count| count >= AT_MOST);
    let from = match calls.first() {
        Some((_, first, _)) if is_cut => *first,
        _ => from,
    };
    let ended = calls.into_iter();
    let ended = ended.map(|(id, at, verdict)| (id.into(), at, verdict == "failed"));
    Ok((from, ended.collect()))
}

/// How often each asked us to wait since a moment.
pub fn limited_since(conn: &mut Conn, since: DateTime<Utc>) -> Result<HashMap<BreakerId, i64>> {
    let rows: Vec<(Uuid, i64)> = breaker_call::table
        .filter(breaker_call::at.gt(since))
        .filter(breaker_call::verdict.eq("limited"))
        .group_by(breaker_call::breaker_id)
        .select((breaker_call::breaker_id, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, count)| (id.into(), count))
        .collect())
}

/// Removes what is older than it is kept, so many at once.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_once: i64) -> Result<usize> {
    let old: Vec<Uuid> = breaker_call::table
        .filter(breaker_call::at.lt(now - KEPT))
        .order(breaker_call::at)
        .limit(at_once)
        .select(breaker_call::id)
        .load(conn)?;
    Ok(diesel::delete(breaker_call::table.filter(breaker_call::id.eq_any(old))).execute(conn)?)
}
