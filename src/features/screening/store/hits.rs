//! Hits, and what was decided about them.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::screening::hit::{
    Disposition, DispositionId, Explanation, Hit, HitId, HitStatus, Outcome,
};
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::SubjectKey;
use crate::foundation::db::schema::{screening_disposition, screening_hit};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, SubjectId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = screening_hit)]
struct HitRow {
    id: Uuid,
    platform_id: Uuid,
    subject_id: Uuid,
    source: String,
    reference: String,
    entry_id: Uuid,
    list_version: i32,
    score: i16,
    exact: bool,
    subject_hash: Vec<u8>,
    entry_hash: Vec<u8>,
    status: String,
    found_at: DateTime<Utc>,
    version: i32,
    report_due: Option<NaiveDate>,
}

impl From<HitRow> for Hit {
    fn from(row: HitRow) -> Self {
        Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            subject: row.subject_id.into(),
            source: row.source,
            reference: row.reference,
            entry: row.entry_id.into(),
            list_version: row.list_version,
            score: u16::try_from(row.score).unwrap_or(0),
            exact: row.exact,
            subject_hash: row.subject_hash,
            entry_hash: row.entry_hash,
            // The column's check allows no other text; undecided is the safe reading of one.
            status: HitStatus::parse(&row.status).unwrap_or(HitStatus::Open),
            found_at: row.found_at,
            version: row.version,
            report_due: row.report_due,
        }
    }
}

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
}

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

const UNDECIDED: [&str; 3] = ["open", "proposed", "needs_information"];

/// The hits of these subjects, strongest first.
pub fn of_subjects(conn: &mut Conn, subjects: &[SubjectId]) -> db::Result<Vec<Hit>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<HitRow> = screening_hit::table
        .filter(screening_hit::subject_id.eq_any(ids))
        .order((screening_hit::score.desc(), screening_hit::id))
        .select(HitRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Hit::from).collect())
}

/// Whether a hit of the subject is undecided. Called in the deciding transaction.
pub fn any_undecided(conn: &mut Conn, subject: SubjectId) -> db::Result<bool> {
    let undecided = screening_hit::table
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .filter(screening_hit::status.eq_any(UNDECIDED));
    Ok(diesel::select(diesel::dsl::exists(undecided)).get_result(conn)?)
}

/// Each hit of the subject with its version: what an approval binds to.
pub fn versions(conn: &mut Conn, subject: SubjectId) -> db::Result<Vec<(Uuid, i32)>> {
    Ok(screening_hit::table
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .order(screening_hit::id)
        .select((screening_hit::id, screening_hit::version))
        .load(conn)?)
}

pub fn lock(tx: &mut Tx<'_>, id: HitId) -> db::Result<Hit> {
    let row: HitRow = screening_hit::table
        .find(id.uuid())
        .select(HitRow::as_select())
        .for_update()
        .first(&mut **tx)?;
    Ok(row.into())
}

pub fn insert(
    tx: &mut Tx<'_>,
    hit: &Hit,
    explanation: &Explanation,
    key: &SubjectKey,
) -> db::Result<()> {
    diesel::insert_into(screening_hit::table)
        .values((
            screening_hit::id.eq(hit.id.uuid()),
            screening_hit::platform_id.eq(hit.platform.uuid()),
            screening_hit::subject_id.eq(hit.subject.uuid()),
            screening_hit::source.eq(&hit.source),
            screening_hit::reference.eq(&hit.reference),
            screening_hit::entry_id.eq(hit.entry.uuid()),
            screening_hit::list_version.eq(hit.list_version),
            screening_hit::score.eq(score(hit.score)),
            screening_hit::exact.eq(hit.exact),
            screening_hit::explanation.eq(seal(hit.id, explanation, key)),
            screening_hit::subject_hash.eq(&hit.subject_hash),
            screening_hit::entry_hash.eq(&hit.entry_hash),
            screening_hit::status.eq(hit.status.as_str()),
            screening_hit::found_at.eq(hit.found_at),
            screening_hit::changed_at.eq(hit.found_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes what came of comparing again.
pub fn refresh(
    tx: &mut Tx<'_>,
    hit: &Hit,
    explanation: &Explanation,
    key: &SubjectKey,
) -> db::Result<()> {
    let now = tx.now();
    diesel::update(screening_hit::table.find(hit.id.uuid()))
        .set((
            screening_hit::entry_id.eq(hit.entry.uuid()),
            screening_hit::list_version.eq(hit.list_version),
            screening_hit::score.eq(score(hit.score)),
            screening_hit::exact.eq(hit.exact),
            screening_hit::explanation.eq(seal(hit.id, explanation, key)),
            screening_hit::subject_hash.eq(&hit.subject_hash),
            screening_hit::entry_hash.eq(&hit.entry_hash),
            screening_hit::status.eq(hit.status.as_str()),
            screening_hit::report_due.eq(hit.report_due),
            screening_hit::version.eq(hit.version),
            screening_hit::changed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes a hit's standing, and nothing of its content.
pub fn set_status(tx: &mut Tx<'_>, hit: &Hit) -> db::Result<()> {
    let now = tx.now();
    diesel::update(screening_hit::table.find(hit.id.uuid()))
        .set((
            screening_hit::status.eq(hit.status.as_str()),
            screening_hit::report_due.eq(hit.report_due),
            screening_hit::version.eq(hit.version),
            screening_hit::changed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn score(score: u16) -> i16 {
    i16::try_from(score).unwrap_or(1000)
}

fn seal(hit: HitId, explanation: &Explanation, key: &SubjectKey) -> Vec<u8> {
    let plain = serde_json::to_vec(explanation).unwrap_or_default();
    key.seal(&explanation_place(hit), &plain)
}

fn explanation_place(hit: HitId) -> String {
    format!("screening_hit:explanation:{hit}")
}

/// What matched and what differed, for as long as the subject has a key.
pub fn explanations(
    conn: &mut Conn,
    subject: SubjectId,
    key: &SubjectKey,
) -> db::Result<HashMap<HitId, Explanation>> {
    let rows: Vec<(Uuid, Vec<u8>)> = screening_hit::table
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .select((screening_hit::id, screening_hit::explanation))
        .load(conn)?;
    let mut found = HashMap::new();
    for (id, sealed) in rows {
        let id = HitId::from(id);
        let plain = key.open(&explanation_place(id), &sealed)?;
        if let Ok(explanation) = serde_json::from_slice(&plain) {
            found.insert(id, explanation);
        }
    }
    Ok(found)
}

/// The proposed or effective disposition of each hit of a subject.
pub fn dispositions(
    conn: &mut Conn,
    subject: SubjectId,
) -> db::Result<HashMap<HitId, Disposition>> {
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

/// Proposals by others, the oldest first: hit and subject.
pub fn awaiting(
    conn: &mut Conn,
    but_not: PersonId,
    limit: i64,
) -> db::Result<Vec<(Disposition, SubjectId)>> {
    let rows: Vec<(DispositionRow, Uuid)> = screening_disposition::table
        .inner_join(screening_hit::table)
        .filter(screening_disposition::state.eq("proposed"))
        .filter(screening_disposition::proposer_id.ne(but_not.uuid()))
        .order((
            screening_disposition::proposed_at,
            screening_disposition::id,
        ))
        .limit(limit)
        .select((DispositionRow::as_select(), screening_hit::subject_id))
        .load(conn)?;
    let awaiting = rows
        .into_iter()
        .map(|(row, subject)| (row.into(), subject.into()));
    Ok(awaiting.collect())
}

/// A new disposition, with its note under the subject's key.
pub fn insert_disposition(
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
    let plain = key.open(&note_place(id), &sealed)?;
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
pub fn void_dispositions(tx: &mut Tx<'_>, hit: HitId) -> db::Result<usize> {
    let standing = screening_disposition::table
        .filter(screening_disposition::hit_id.eq(hit.uuid()))
        .filter(screening_disposition::state.eq_any(["proposed", "effective"]));
    Ok(diesel::update(standing)
        .set(screening_disposition::state.eq("void"))
        .execute(&mut **tx)?)
}
