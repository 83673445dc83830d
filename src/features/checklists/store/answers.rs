//! What was answered, and what shows it. Rows are only ever added.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::checklists::run::{Answer, EvidenceId, Outcome, RunId, Shown};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{checklist_answer, checklist_evidence};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::PersonId;

#[derive(Queryable, Selectable)]
#[diesel(table_name = checklist_answer)]
struct Row {
    item: String,
    at: DateTime<Utc>,
    answered_by: Option<Uuid>,
    answered_name: String,
    outcome: String,
    value: String,
    source: String,
    seen_at: Option<DateTime<Utc>>,
    note: String,
    reference: String,
    alert_id: Option<Uuid>,
}

impl TryFrom<Row> for Answer {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = |_| Error::Damaged("an answer of a checklist");
        Ok(Self {
            outcome: row.outcome.parse::<Outcome>().map_err(damaged)?,
            item: row.item,
            at: row.at,
            by: row.answered_by.map(PersonId::from),
            name: row.answered_name,
            value: row.value,
            source: row.source,
            seen_at: row.seen_at,
            note: row.note,
            reference: row.reference,
            alert: row.alert_id,
        })
    }
}

/// In the order in which they were given.
pub fn of_run(conn: &mut Conn, run: RunId) -> Result<Vec<Answer>> {
    let rows: Vec<Row> = checklist_answer::table
        .filter(checklist_answer::run_id.eq(run.uuid()))
        .order((checklist_answer::at, checklist_answer::id))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Answer::try_from).collect()
}

pub fn insert(tx: &mut Tx<'_>, run: RunId, answer: &Answer) -> Result<()> {
    diesel::insert_into(checklist_answer::table)
        .values((
            checklist_answer::id.eq(Uuid::now_v7()),
            checklist_answer::run_id.eq(run.uuid()),
            checklist_answer::item.eq(&answer.item),
            checklist_answer::at.eq(answer.at),
            checklist_answer::answered_by.eq(answer.by.map(PersonId::uuid)),
            checklist_answer::answered_name.eq(&answer.name),
            checklist_answer::outcome.eq(answer.outcome.as_str()),
            checklist_answer::value.eq(&answer.value),
            checklist_answer::source.eq(&answer.source),
            checklist_answer::seen_at.eq(answer.seen_at),
            checklist_answer::note.eq(&answer.note),
            checklist_answer::reference.eq(&answer.reference),
            checklist_answer::alert_id.eq(answer.alert),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = checklist_evidence)]
struct ShownRow {
    id: Uuid,
    run_id: Uuid,
    item: String,
    at: DateTime<Utc>,
    added_by: Uuid,
    added_name: String,
    file_id: Uuid,
    byte_count: i64,
    sha256: Vec<u8>,
}

impl From<ShownRow> for Shown {
    fn from(row: ShownRow) -> Self {
        Self {
            id: row.id.into(),
            item: row.item,
            at: row.at,
            by: row.added_by.into(),
            name: row.added_name,
            file: row.file_id,
            bytes: row.byte_count,
            sha256: row.sha256,
        }
    }
}

/// The files of a run, in the order in which they were added.
pub fn shown(conn: &mut Conn, run: RunId) -> Result<Vec<Shown>> {
    let rows: Vec<ShownRow> = checklist_evidence::table
        .filter(checklist_evidence::run_id.eq(run.uuid()))
        .order((checklist_evidence::at, checklist_evidence::id))
        .select(ShownRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Shown::from).collect())
}

/// A file, and what it belongs to.
pub fn one_shown(conn: &mut Conn, id: EvidenceId) -> Result<(RunId, Shown)> {
    let row: ShownRow = checklist_evidence::table
        .find(id.uuid())
        .select(ShownRow::as_select())
        .first(conn)?;
    Ok((row.run_id.into(), row.into()))
}

pub fn insert_shown(tx: &mut Tx<'_>, run: RunId, new: &Shown) -> Result<()> {
    diesel::insert_into(checklist_evidence::table)
        .values((
            checklist_evidence::id.eq(new.id.uuid()),
            checklist_evidence::run_id.eq(run.uuid()),
            checklist_evidence::item.eq(&new.item),
            checklist_evidence::at.eq(new.at),
            checklist_evidence::added_by.eq(new.by.uuid()),
            checklist_evidence::added_name.eq(&new.name),
            checklist_evidence::file_id.eq(new.file),
            checklist_evidence::byte_count.eq(new.bytes),
            checklist_evidence::sha256.eq(&new.sha256),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
