//! The rows of proposals.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::ask::Payload;
use super::proposal::{Decision, Kind, ProposalId, Standing};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{person_proposal, platform};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId};

/// More proposals than anybody reads; older ones are in the audit log.
const MOST: i64 = 100;
/// More platforms than there are.
const MOST_PLATFORMS: i64 = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub id: PlatformId,
    pub name: String,
}

pub fn platforms(conn: &mut Conn) -> db::Result<Vec<Platform>> {
    let rows: Vec<(Uuid, String)> = platform::table
        .order(platform::name)
        .select((platform::id, platform::name))
        .limit(MOST_PLATFORMS)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| Platform {
            id: id.into(),
            name,
        })
        .collect())
}

/// A proposal with everything that was said.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub id: ProposalId,
    pub standing: Standing,
    pub payload: Payload,
    pub reason: String,
    /// Keyed hash of the code that the proposer gives to the person.
    pub confirmation: Option<Vec<u8>>,
    pub proposed_at: DateTime<Utc>,
    pub decided_by: Option<PersonId>,
    pub decided_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = person_proposal)]
struct Row {
    id: Uuid,
    person_id: Uuid,
    kind: String,
    payload: Value,
    payload_sha256: Vec<u8>,
    reason: String,
    confirmation: Option<Vec<u8>>,
    proposed_by: Uuid,
    proposed_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    decision: Option<String>,
    decided_by: Option<Uuid>,
    decided_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> db::Result<Proposal> {
        let damaged = || db::Error::Damaged("a proposal");
        let kind = Kind::parse(&self.kind).ok_or_else(damaged)?;
        let sha256 = self.payload_sha256.try_into().map_err(|_| damaged())?;
        Ok(Proposal {
            id: self.id.into(),
            standing: Standing {
                person: self.person_id.into(),
                proposed_by: self.proposed_by.into(),
                expires_at: self.expires_at,
                decision: self.decision.as_deref().and_then(Decision::parse),
                payload_sha256: sha256,
            },
            payload: Payload::read(kind, self.payload)?,
            reason: self.reason,
            confirmation: self.confirmation,
            proposed_at: self.proposed_at,
            decided_by: self.decided_by.map(PersonId::from),
            decided_at: self.decided_at,
        })
    }
}

pub fn add(conn: &mut Conn, proposal: &Proposal) -> db::Result<()> {
    diesel::insert_into(person_proposal::table)
        .values((
            person_proposal::id.eq(proposal.id.uuid()),
            person_proposal::person_id.eq(proposal.standing.person.uuid()),
            person_proposal::kind.eq(proposal.payload.kind().as_str()),
            person_proposal::payload.eq(proposal.payload.to_json()),
            person_proposal::payload_sha256.eq(proposal.standing.payload_sha256.to_vec()),
            person_proposal::reason.eq(&proposal.reason),
            person_proposal::confirmation.eq(&proposal.confirmation),
            person_proposal::proposed_by.eq(proposal.standing.proposed_by.uuid()),
            person_proposal::proposed_at.eq(proposal.proposed_at),
            person_proposal::expires_at.eq(proposal.standing.expires_at),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn find(conn: &mut Conn, id: ProposalId) -> db::Result<Proposal> {
    let row: Row = person_proposal::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    row.read()
}

/// The same, locked until the transaction ends.
pub fn lock(conn: &mut Conn, id: ProposalId) -> db::Result<Proposal> {
    let row: Row = person_proposal::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(conn)?;
    row.read()
}

/// Writes the answer.
pub fn decide(
    tx: &mut Tx<'_>,
    proposal: &Proposal,
    decision: Decision,
    by: PersonId,
) -> db::Result<()> {
    let now = tx.now();
    let approved = decision == Decision::Approved;
    let sha256 = approved.then(|| proposal.standing.payload_sha256.to_vec());
    let changed = diesel::update(
        person_proposal::table
            .find(proposal.id.uuid())
            .filter(person_proposal::decision.is_null()),
    )
    .set((
        person_proposal::decision.eq(decision.as_str()),
        person_proposal::decided_by.eq(by.uuid()),
        person_proposal::decided_at.eq(now),
        person_proposal::decided_sha256.eq(sha256),
    ))
    .execute(&mut **tx)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}

/// Those that wait, the oldest first: of one person, or of all.
pub fn waiting(
    conn: &mut Conn,
    person: Option<PersonId>,
    now: DateTime<Utc>,
) -> db::Result<Vec<Proposal>> {
    let mut query = person_proposal::table
        .filter(person_proposal::decision.is_null())
        .filter(person_proposal::expires_at.gt(now))
        .select(Row::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(person_proposal::person_id.eq(person.uuid()));
    }
    let rows: Vec<Row> = query
        .order((person_proposal::proposed_at, person_proposal::id))
        .limit(MOST)
        .load(conn)?;
    rows.into_iter().map(Row::read).collect()
}

/// The grants about these people that were approved until a moment, the newest first.
pub fn approved_grants(
    conn: &mut Conn,
    people: &[PersonId],
    until: DateTime<Utc>,
) -> db::Result<Vec<Proposal>> {
    let ids: Vec<Uuid> = people.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = person_proposal::table
        .filter(person_proposal::person_id.eq_any(ids))
        .filter(person_proposal::kind.eq(Kind::Grant.as_str()))
        .filter(person_proposal::decision.eq(Decision::Approved.as_str()))
        .filter(person_proposal::decided_at.le(until))
        .order((
            person_proposal::decided_at.desc(),
            person_proposal::id.desc(),
        ))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::read).collect()
}

/// The newest ones about somebody, answered or not.
pub fn about(conn: &mut Conn, person: PersonId) -> db::Result<Vec<Proposal>> {
    let rows: Vec<Row> = person_proposal::table
        .filter(person_proposal::person_id.eq(person.uuid()))
        .order((
            person_proposal::proposed_at.desc(),
            person_proposal::id.desc(),
        ))
        .select(Row::as_select())
        .limit(MOST)
        .load(conn)?;
    rows.into_iter().map(Row::read).collect()
}
