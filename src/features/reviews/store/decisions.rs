//! Decisions about cases, proposed and taken.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::reviews::case::{Case, CaseId, DecisionId};
use crate::features::reviews::proposal::Proposal;
use crate::features::reviews::verdict::Verdict;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::SubjectKey;
use crate::foundation::db::schema::{case_decision, review_case};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Scope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = case_decision)]
struct DecisionRow {
    id: Uuid,
    case_id: Uuid,
    decision: String,
    reasons: Vec<Option<String>>,
    note: Vec<u8>,
    payload_hash: Vec<u8>,
    state: String,
    proposer_id: Uuid,
    proposed_at: DateTime<Utc>,
    approver_id: Option<Uuid>,
    approved_at: Option<DateTime<Utc>>,
}

/// A decision as pages show it.
#[derive(Clone, Debug)]
pub struct Decision {
    pub id: DecisionId,
    pub case: CaseId,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    sealed_note: Vec<u8>,
    pub payload_hash: [u8; 32],
    pub proposed: bool,
    pub effective: bool,
    pub proposer: PersonId,
    pub proposed_at: DateTime<Utc>,
    pub approver: Option<PersonId>,
    pub approved_at: Option<DateTime<Utc>>,
}

impl Decision {
    /// The note, in the clear.
    pub fn note(&self, key: &SubjectKey) -> db::Result<String> {
        let plain = key.open(&note_place(self.id), &self.sealed_note)?;
        Ok(String::from_utf8_lossy(&plain).into_owned())
    }

    pub fn proposal(&self) -> Proposal {
        Proposal {
            id: self.id,
            verdict: self.verdict,
            by: self.proposer,
            payload_hash: self.payload_hash,
        }
    }
}

impl From<DecisionRow> for Decision {
    fn from(row: DecisionRow) -> Self {
        Self {
            id: row.id.into(),
            case: row.case_id.into(),
            verdict: Verdict::parse(&row.decision).unwrap_or(Verdict::RequestInformation),
            reasons: row.reasons.into_iter().flatten().collect(),
            sealed_note: row.note,
            payload_hash: row.payload_hash.try_into().unwrap_or_default(),
            proposed: row.state == "proposed",
            effective: row.state == "effective",
            proposer: row.proposer_id.into(),
            proposed_at: row.proposed_at,
            approver: row.approver_id.map(PersonId::from),
            approved_at: row.approved_at,
        }
    }
}

/// What is written of a new decision.
pub struct NewDecision<'a> {
    pub id: DecisionId,
    pub verdict: Verdict,
    pub reasons: &'a [String],
    pub note: &'a str,
    pub payload_hash: [u8; 32],
    pub two_people: bool,
    pub by: PersonId,
}

pub fn insert(
    tx: &mut Tx<'_>,
    case: &Case,
    new: &NewDecision<'_>,
    key: &SubjectKey,
) -> db::Result<()> {
    let state = if new.two_people {
        "proposed"
    } else {
        "effective"
    };
    let now = tx.now();
    diesel::insert_into(case_decision::table)
        .values((
            case_decision::id.eq(new.id.uuid()),
            case_decision::case_id.eq(case.id.uuid()),
            case_decision::decision.eq(new.verdict.as_str()),
            case_decision::reasons.eq(new.reasons),
            case_decision::note.eq(key.seal(&note_place(new.id), new.note.as_bytes())),
            case_decision::case_version.eq(case.version),
            case_decision::payload_hash.eq(new.payload_hash.as_slice()),
            case_decision::two_people.eq(new.two_people),
            case_decision::state.eq(state),
            case_decision::proposer_id.eq(new.by.uuid()),
            case_decision::proposed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn note_place(id: DecisionId) -> String {
    format!("case_decision:note:{id}")
}

/// All decisions of a case, the oldest first.
pub fn of_case(conn: &mut Conn, case: CaseId) -> db::Result<Vec<Decision>> {
    let rows: Vec<DecisionRow> = case_decision::table
        .filter(case_decision::case_id.eq(case.uuid()))
        .order((case_decision::proposed_at, case_decision::id))
        .limit(200)
        .select(DecisionRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Decision::from).collect())
}

/// The proposal that stands, locked.
pub fn lock_proposal(tx: &mut Tx<'_>, case: CaseId) -> db::Result<Option<Decision>> {
    let row: Option<DecisionRow> = case_decision::table
        .filter(case_decision::case_id.eq(case.uuid()))
        .filter(case_decision::state.eq("proposed"))
        .select(DecisionRow::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?;
    Ok(row.map(Decision::from))
}

/// Proposals by others on these platforms, the oldest first, with their cases' numbers and subjects.
pub fn awaiting(
    conn: &mut Conn,
    but_not: PersonId,
    scope: &Scope,
    limit: i64,
) -> db::Result<Vec<(Decision, i64, String)>> {
    let mut query = case_decision::table
        .inner_join(review_case::table)
        .filter(case_decision::state.eq("proposed"))
        .filter(case_decision::proposer_id.ne(but_not.uuid()))
        .order((case_decision::proposed_at, case_decision::id))
        .limit(limit)
        .select((
            DecisionRow::as_select(),
            review_case::number,
            review_case::external_id,
        ))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(review_case::platform_id.eq_any(platforms));
    }
    let rows: Vec<(DecisionRow, i64, String)> = query.load(conn)?;
    let awaiting = rows
        .into_iter()
        .map(|(row, number, external_id)| (row.into(), number, external_id));
    Ok(awaiting.collect())
}

/// The second person's answer. The conditional update makes one of two at once win.
pub fn answer(tx: &mut Tx<'_>, id: DecisionId, by: PersonId, agreed: bool) -> db::Result<()> {
    let now = tx.now();
    let state = if agreed { "effective" } else { "refused" };
    let proposed = case_decision::table
        .find(id.uuid())
        .filter(case_decision::state.eq("proposed"));
    let changed = diesel::update(proposed)
        .set((
            case_decision::state.eq(state),
            case_decision::approver_id.eq(by.uuid()),
            case_decision::approved_at.eq(now),
        ))
        .execute(&mut **tx)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}

/// A proposal whose facts have changed, or that its author takes back.
pub fn void_proposals(tx: &mut Tx<'_>, case: CaseId) -> db::Result<usize> {
    let proposed = case_decision::table
        .filter(case_decision::case_id.eq(case.uuid()))
        .filter(case_decision::state.eq("proposed"));
    Ok(diesel::update(proposed)
        .set(case_decision::state.eq("void"))
        .execute(&mut **tx)?)
}
