//! What was decided about hits, or proposed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::screening::hit::{Disposition, DispositionId, Hit, HitId, Outcome};
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::SubjectKey;
use crate::foundation::db::schema::{screening_disposition, screening_hit};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Scope, SubjectId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = screening_disposition)]
struct DispositionRow {
    id: Uuid,
    hit_id: Uuid,
    outcome: String,
    reason: String,
    two_people: bool,
    payload_hash: Vec<u8>,
    state: String,
    proposer_id: Uuid,
    proposed_at: DateTime<Utc>,
    approver_id: Option<Uuid>,
    approved_at: Option<DateTime<Utc>>,
}

/// A disposition with what became of it, for the history of a hit.
#[derive(Debug)]
pub struct Said {
    pub disposition: Disposition,
    /// When the second person answered, if one did.
    pub answered_at: Option<DateTime<Utc>>,
    /// The answer was no.
    pub refused: bool,
    /// Without the key, notes stay closed.
    pub note: Option<String>,
}

/// The newest of what was ever said about the hits of a subject; more than this is for the audit log.
const MAX_SAID: i64 = 300;

impl From<DispositionRow> for Disposition {
    fn from(row: DispositionRow) -> Self {
        Self {
            id: row.id.into(),
            hit: row.hit_id.into(),
            outcome: Outcome::parse(&row.outcome).unwrap_or(Outcome::NeedsInformation),
            reason: row.reason,
            two_people: row.two_people,
            payload_hash: row.payload_hash.try_into().unwrap_or_default(),
            proposer: row.proposer_id.into(),
            proposed_at: row.proposed_at,
            approver: row.approver_id.map(PersonId::from),
            effective: row.state == "effective",
        }
    }
}

/// The proposed or effective disposition of each hit of a subject.
pub fn of_subject(conn: &mut Conn, subject: SubjectId) -> db::Result<HashMap<HitId, Disposition>> {
    let rows: Vec<DispositionRow> = screening_disposition::table
        .inner_join(screening_hit::table)
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .filter(screening_disposition::state.eq_any(["proposed", "effective"]))
        .select(DispositionRow::as_select())
        .load(conn)?;
    let dispositions = rows.into_iter().map(Disposition::from);
    Ok(dispositions
        .map(|disposition| (disposition.hit, disposition))
        .collect())
}

/// All that was said about the hits of a subject, also what no longer holds: the newest first.
pub fn history(
    conn: &mut Conn,
    subject: SubjectId,
    key: Option<&SubjectKey>,
) -> db::Result<Vec<Said>> {
    let rows: Vec<(DispositionRow, Vec<u8>)> = screening_disposition::table
        .inner_join(screening_hit::table)
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .order((
            screening_disposition::proposed_at.desc(),
            screening_disposition::id.desc(),
        ))
        .limit(MAX_SAID)
        .select((DispositionRow::as_select(), screening_disposition::note))
        .load(conn)?;
    rows.into_iter()
        .map(|(row, sealed)| {
            let note = match key {
                Some(key) => Some(open_note(row.id.into(), &sealed, key)?),
                None => None,
            };
            Ok(Said {
                answered_at: row.approved_at,
                refused: row.state == "refused",
                disposition: row.into(),
                note,
            })
        })
        .collect()
}

/// The proposal that stands, locked.
pub fn lock_proposal(tx: &mut Tx<'_>, hit: HitId) -> db::Result<Option<Disposition>> {
    let row: Option<DispositionRow> = screening_disposition::table
        .filter(screening_disposition::hit_id.eq(hit.uuid()))
        .filter(screening_disposition::state.eq("proposed"))
        .select(DispositionRow::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?;
    Ok(row.map(Disposition::from))
}

/// Proposals by others on these platforms, the oldest first: hit and subject.
pub fn awaiting(
    conn: &mut Conn,
    but_not: PersonId,
    scope: &Scope,
    limit: i64,
) -> db::Result<Vec<(Disposition, SubjectId)>> {
    let mut query = screening_disposition::table
        .inner_join(screening_hit::table)
        .filter(screening_disposition::state.eq("proposed"))
        .filter(screening_disposition::proposer_id.ne(but_not.uuid()))
        .order((
            screening_disposition::proposed_at,
            screening_disposition::id,
        ))
        .limit(limit)
        .select((DispositionRow::as_select(), screening_hit::subject_id))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(screening_hit::platform_id.eq_any(platforms));
    }
    let rows: Vec<(DispositionRow, Uuid)> = query.load(conn)?;
    let awaiting = rows
        .into_iter()
        .map(|(row, subject)| (row.into(), subject.into()));
    Ok(awaiting.collect())
}

/// A new disposition, with its note under the subject's key.
pub fn insert(
    tx: &mut Tx<'_>,
    hit: &Hit,
    disposition: &Disposition,
    note: &str,
    key: &SubjectKey,
) -> db::Result<()> {
    let state = if disposition.effective {
        "effective"
    } else {
        "proposed"
    };
    diesel::insert_into(screening_disposition::table)
        .values((
            screening_disposition::id.eq(disposition.id.uuid()),
            screening_disposition::hit_id.eq(hit.id.uuid()),
            screening_disposition::outcome.eq(disposition.outcome.as_str()),
            screening_disposition::reason.eq(&disposition.reason),
            screening_disposition::note.eq(key.seal(&note_place(disposition.id), note.as_bytes())),
            screening_disposition::subject_hash.eq(&hit.subject_hash),
            screening_disposition::entry_hash.eq(&hit.entry_hash),
            screening_disposition::two_people.eq(disposition.two_people),
            screening_disposition::payload_hash.eq(disposition.payload_hash.as_slice()),
            screening_disposition::state.eq(state),
            screening_disposition::proposer_id.eq(disposition.proposer.uuid()),
            screening_disposition::proposed_at.eq(disposition.proposed_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn note_place(disposition: DispositionId) -> String {
    format!("screening_disposition:note:{disposition}")
}

/// The note of a disposition, in the clear.
pub fn note(conn: &mut Conn, id: DispositionId, key: &SubjectKey) -> db::Result<String> {
    let sealed: Vec<u8> = screening_disposition::table
        .find(id.uuid())
        .select(screening_disposition::note)
        .first(conn)?;
    open_note(id, &sealed, key)
}

fn open_note(id: DispositionId, sealed: &[u8], key: &SubjectKey) -> db::Result<String> {
    let plain = key.open(&note_place(id), sealed)?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// The second person's answer. The conditional update makes one of two at once win.
pub fn answer(
    tx: &mut Tx<'_>,
    disposition: DispositionId,
    by: PersonId,
    agreed: bool,
) -> db::Result<()> {
    let now = tx.now();
    let state = if agreed { "effective" } else { "refused" };
    let proposed = screening_disposition::table
        .find(disposition.uuid())
        .filter(screening_disposition::state.eq("proposed"));
    let changed = diesel::update(proposed)
        .set((
            screening_disposition::state.eq(state),
            screening_disposition::approver_id.eq(by.uuid()),
            screening_disposition::approved_at.eq(now),
        ))
        .execute(&mut **tx)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}

/// What was said about a hit before its contents changed, or before something else is said.
pub fn void(tx: &mut Tx<'_>, hit: HitId) -> db::Result<usize> {
    let standing = screening_disposition::table
        .filter(screening_disposition::hit_id.eq(hit.uuid()))
        .filter(screening_disposition::state.eq_any(["proposed", "effective"]));
    Ok(diesel::update(standing)
        .set(screening_disposition::state.eq("void"))
        .execute(&mut **tx)?)
}
