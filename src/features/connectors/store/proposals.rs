//! What somebody asked for that takes a second person.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::BreakerId;
pub use crate::features::connectors::breaker::ProposalId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{breaker, breaker_proposal};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PersonId;

/// One that waits for an answer.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub id: ProposalId,
    pub reason: String,
    pub ends_at: DateTime<Utc>,
    pub asked_at: DateTime<Utc>,
    pub asked_by: PersonId,
    pub asked_name: String,
}

type Row = (Uuid, String, DateTime<Utc>, DateTime<Utc>, Uuid, String);

impl From<Row> for Proposal {
    fn from((id, reason, ends_at, asked_at, asked_by, asked_name): Row) -> Self {
        Self {
            id: id.into(),
            reason,
            ends_at,
            asked_at,
            asked_by: asked_by.into(),
            asked_name,
        }
    }
}

/// The one that waits for an answer, if there is one. Whoever answers holds the breaker's row.
pub fn open(conn: &mut Conn, of: BreakerId) -> Result<Option<Proposal>> {
    let row: Option<Row> = breaker_proposal::table
        .filter(breaker_proposal::breaker_id.eq(of.uuid()))
        .filter(breaker_proposal::answer.is_null())
        .select((
            breaker_proposal::id,
            breaker_proposal::reason,
            breaker_proposal::ends_at,
            breaker_proposal::asked_at,
            breaker_proposal::asked_by,
            breaker_proposal::asked_name,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(Proposal::from))
}

/// All that wait for an answer, the oldest first, with the breaker that each is about.
pub fn all_open(conn: &mut Conn) -> Result<Vec<(BreakerId, Proposal)>> {
    let rows: Vec<(Uuid, Row)> = breaker_proposal::table
        .inner_join(breaker::table)
        .filter(breaker_proposal::answer.is_null())
        .filter(breaker::retired_at.is_null())
        .order(breaker_proposal::asked_at)
        .limit(200)
        .select((
            breaker_proposal::breaker_id,
            (
                breaker_proposal::id,
                breaker_proposal::reason,
                breaker_proposal::ends_at,
                breaker_proposal::asked_at,
                breaker_proposal::asked_by,
                breaker_proposal::asked_name,
            ),
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, row)| (id.into(), row.into()))
        .collect())
}

pub fn insert(tx: &mut Tx<'_>, of: BreakerId, proposal: &Proposal) -> Result<()> {
    diesel::insert_into(breaker_proposal::table)
        .values((
            breaker_proposal::id.eq(proposal.id.uuid()),
            breaker_proposal::breaker_id.eq(of.uuid()),
            breaker_proposal::reason.eq(&proposal.reason),
            breaker_proposal::ends_at.eq(proposal.ends_at),
            breaker_proposal::asked_at.eq(proposal.asked_at),
            breaker_proposal::asked_by.eq(proposal.asked_by.uuid()),
            breaker_proposal::asked_name.eq(&proposal.asked_name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn answer(
    tx: &mut Tx<'_>,
    id: ProposalId,
    answer: &str,
    (person, name): (PersonId, &str),
) -> Result<()> {
    let now = tx.now();
    diesel::update(breaker_proposal::table.find(id.uuid()))
        .set((
            breaker_proposal::answer.eq(answer),
            breaker_proposal::answered_at.eq(now),
            breaker_proposal::answered_by.eq(person.uuid()),
            breaker_proposal::answered_name.eq(name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
