//! Every change of state that there was.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::BreakerId;
use super::proposals::ProposalId;
use crate::features::connectors::breaker::{State, Turn, Why};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{breaker, breaker_turn};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::PersonId;

/// Who turned it, where a person did.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    pub person: PersonId,
    pub name: &'a str,
    pub reason: &'a str,
    pub proposal: Option<ProposalId>,
}

pub fn insert(tx: &mut Tx<'_>, id: BreakerId, turn: &Turn, hand: Option<Hand<'_>>) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(breaker_turn::table)
        .values((
            breaker_turn::id.eq(Uuid::now_v7()),
            breaker_turn::breaker_id.eq(id.uuid()),
            breaker_turn::at.eq(now),
            breaker_turn::was.eq(turn.was.as_str()),
            breaker_turn::now.eq(turn.now.as_str()),
            breaker_turn::why.eq(turn.why.as_str()),
            breaker_turn::by_person.eq(hand.map(|hand| hand.person.uuid())),
            breaker_turn::by_name.eq(hand.map(|hand| hand.name)),
            breaker_turn::reason.eq(hand.map(|hand| hand.reason)),
            breaker_turn::proposal_id.eq(hand.and_then(|hand| hand.proposal).map(ProposalId::uuid)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A change of state as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub at: DateTime<Utc>,
    pub turn: Turn,
    pub by: Option<String>,
    pub reason: Option<String>,
}

/// The newest changes first.
pub fn last(conn: &mut Conn, id: BreakerId, at_most: i64) -> Result<Vec<Kept>> {
    type Row = (
        DateTime<Utc>,
        String,
        String,
        String,
        Option<String>,
        Option<String>,
    );
    let rows: Vec<Row> = breaker_turn::table
        .filter(breaker_turn::breaker_id.eq(id.uuid()))
        .order((breaker_turn::at.desc(), breaker_turn::id.desc()))
        .limit(at_most)
        .select((
            breaker_turn::at,
            breaker_turn::was,
            breaker_turn::now,
            breaker_turn::why,
            breaker_turn::by_name,
            breaker_turn::reason,
        ))
        .load(conn)?;
    let state = |text: &str| {
        text.parse::<State>()
            .map_err(|_| Error::Damaged("a breaker's turn"))
    };
    rows.into_iter()
        .map(|(at, was, now, why, by, reason)| {
            Ok(Kept {
                at,
                turn: Turn {
                    was: state(&was)?,
                    now: state(&now)?,
                    why: why
                        .parse::<Why>()
                        .map_err(|_| Error::Damaged("a breaker's turn"))?,
                },
                by,
                reason,
            })
        })
        .collect()
}

/// How the breakers of a connector stood at a moment, and every change of theirs since, oldest first. Of very many
/// changes the last, and then that moment is the first of them.
pub fn of_connector(
    conn: &mut Conn,
    connector: ItemId,
    from: DateTime<Utc>,
) -> Result<Vec<(BreakerId, DateTime<Utc>, State)>> {
    const AT_MOST: i64 = 20_000;
    let read = |text: &str| {
        text.parse::<State>()
            .map_err(|_| Error::Damaged("a breaker's turn"))
    };
    let now: Vec<(Uuid, String)> = breaker::table
        .filter(breaker::connector_id.eq(connector.uuid()))
        .filter(breaker::retired_at.is_null())
        .select((breaker::id, breaker::state))
        .load(conn)?;
    let ids: Vec<Uuid> = now.iter().map(|(id, _)| *id).collect();
    let mut turns: Vec<(Uuid, DateTime<Utc>, String, String)> = breaker_turn::table
        .filter(breaker_turn::breaker_id.eq_any(ids))
        .filter(breaker_turn::at.gt(from))
        .order((breaker_turn::at.desc(), breaker_turn::id.desc()))
        .limit(AT_MOST)
        .select((
            breaker_turn::breaker_id,
            breaker_turn::at,
            breaker_turn::was,
            breaker_turn::now,
        ))
        .load(conn)?;
    turns.reverse();
    let is_cut = i64::try_from(turns.len()).is_ok_and(|count| count >= AT_MOST);
    let from = match turns.first() {
        Some((_, first, ..)) if is_cut => *first,
        _ => from,
    };
    let mut stood = Vec::with_capacity(now.len() + turns.len());
    for (id, now) in &now {
        let first = turns.iter().find(|(of, ..)| of == id);
        let state = first.map_or(now, |(_, _, was, _)| was);
        stood.push(((*id).into(), from, read(state)?));
    }
    for (id, at, _, now) in &turns {
        stood.push(((*id).into(), *at, read(now)?));
    }
    Ok(stood)
}
