//! Every change of state that there was.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::BreakerId;
use super::proposals::ProposalId;
use crate::features::connectors::breaker::{State, Turn, Why};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::breaker_turn;
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
