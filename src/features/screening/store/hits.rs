//! Hits: a subject, an entry, and how alike they are.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::screening::explanation::Explanation;
use crate::features::screening::hit::{Hit, HitId, HitStatus};
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::SubjectKey;
use crate::foundation::db::schema::screening_hit;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Scope, SubjectId};

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
    two_people_at: i16,
    confirmed_at: Option<DateTime<Utc>>,
    reported_at: Option<DateTime<Utc>>,
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
            two_people_at: u16::try_from(row.two_people_at).unwrap_or(0),
            confirmed_at: row.confirmed_at,
            report_due: row.report_due,
            reported_at: row.reported_at,
        }
    }
}

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

/// The hits of these subjects, locked in the order of their ids.
pub fn lock_of_subjects(tx: &mut Tx<'_>, subjects: &[SubjectId]) -> db::Result<Vec<Hit>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<HitRow> = screening_hit::table
        .filter(screening_hit::subject_id.eq_any(ids))
        .order(screening_hit::id)
        .select(HitRow::as_select())
        .for_update()
        .load(&mut **tx)?;
    Ok(rows.into_iter().map(Hit::from).collect())
}

/// The status of each hit of the subject. Called in the deciding transaction.
pub fn statuses(conn: &mut Conn, subject: SubjectId) -> db::Result<Vec<HitStatus>> {
    let rows: Vec<String> = screening_hit::table
        .filter(screening_hit::subject_id.eq(subject.uuid()))
        .select(screening_hit::status)
        .load(conn)?;
    let status = |text: &String| HitStatus::parse(text).unwrap_or(HitStatus::Open);
    Ok(rows.iter().map(status).collect())
}

/// Confirmed hits on these platforms that are still to be reported, what is due first comes first.
pub fn to_report(conn: &mut Conn, scope: &Scope, limit: i64) -> db::Result<Vec<Hit>> {
    let mut query = screening_hit::table
        .filter(screening_hit::report_due.is_not_null())
        .filter(screening_hit::reported_at.is_null())
        .filter(screening_hit::status.ne("dismissed"))
        .order((screening_hit::report_due, screening_hit::id))
        .limit(limit)
        .select(HitRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(screening_hit::platform_id.eq_any(platforms));
    }
    let rows: Vec<HitRow> = query.load(conn)?;
    Ok(rows.into_iter().map(Hit::from).collect())
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
            screening_hit::two_people_at.eq(score(hit.two_people_at)),
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
            screening_hit::two_people_at.eq(score(hit.two_people_at)),
            screening_hit::version.eq(hit.version),
            screening_hit::changed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes a hit's standing and whom it is about, and nothing of the likeness.
pub fn set_status(tx: &mut Tx<'_>, hit: &Hit) -> db::Result<()> {
    let now = tx.now();
    diesel::update(screening_hit::table.find(hit.id.uuid()))
        .set((
            screening_hit::status.eq(hit.status.as_str()),
            screening_hit::subject_hash.eq(&hit.subject_hash),
            screening_hit::confirmed_at.eq(hit.confirmed_at),
            screening_hit::report_due.eq(hit.report_due),
            screening_hit::version.eq(hit.version),
            screening_hit::changed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes that a hit was reported, with what the authority answered under the subject's key.
pub fn set_reported(
    tx: &mut Tx<'_>,
    hit: &Hit,
    reference: &str,
    key: &SubjectKey,
) -> db::Result<()> {
    let sealed = key.seal(&reference_place(hit.id), reference.as_bytes());
    diesel::update(screening_hit::table.find(hit.id.uuid()))
        .set((
            screening_hit::reported_at.eq(hit.reported_at),
            screening_hit::report_reference.eq(sealed),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn reference_place(hit: HitId) -> String {
    format!("screening_hit:report_reference:{hit}")
}

/// What the authority answered to the report of a hit.
pub fn report_reference(
    conn: &mut Conn,
    hit: HitId,
    key: &SubjectKey,
) -> db::Result<Option<String>> {
    let sealed: Option<Vec<u8>> = screening_hit::table
        .find(hit.uuid())
        .select(screening_hit::report_reference)
        .first(conn)?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let plain = key.open(&reference_place(hit), &sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
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
