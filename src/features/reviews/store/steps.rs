//! The timeline of a case.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::reviews::case::Case;
use crate::features::reviews::step::{Step, What};
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::SubjectKey;
use crate::foundation::db::schema::case_step;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// The newest steps are shown; a case with more is a case for the audit log.
const MAX_STEPS: i64 = 300;

#[derive(Queryable, Selectable)]
#[diesel(table_name = case_step)]
struct StepRow {
    id: Uuid,
    at: DateTime<Utc>,
    person_id: Option<Uuid>,
    case_version: i32,
    what: String,
    note: Option<Vec<u8>>,
}

/// Adds a step to the timeline of a case, after its version was raised.
pub fn add(
    tx: &mut Tx<'_>,
    case: &Case,
    by: Option<PersonId>,
    what: What,
    note: Option<(&str, &SubjectKey)>,
) -> db::Result<()> {
    let id = Uuid::now_v7();
    let now = tx.now();
    let note = note.map(|(text, key)| key.seal(&note_place(id), text.as_bytes()));
    diesel::insert_into(case_step::table)
        .values((
            case_step::id.eq(id),
            case_step::case_id.eq(case.id.uuid()),
            case_step::at.eq(now),
            case_step::person_id.eq(by.map(PersonId::uuid)),
            case_step::case_version.eq(case.version),
            case_step::what.eq(what.as_str()),
            case_step::note.eq(note),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn note_place(id: Uuid) -> String {
    format!("case_step:note:{id}")
}

/// The steps of a case, the newest first. Without the key, notes stay closed.
pub fn of_case(conn: &mut Conn, case: &Case, key: Option<&SubjectKey>) -> db::Result<Vec<Step>> {
    let rows: Vec<StepRow> = case_step::table
        .filter(case_step::case_id.eq(case.id.uuid()))
        .order((case_step::at.desc(), case_step::id.desc()))
        .limit(MAX_STEPS)
        .select(StepRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| step(row, key)).collect()
}

fn step(row: StepRow, key: Option<&SubjectKey>) -> db::Result<Step> {
    let note = match (&row.note, key) {
        (Some(sealed), Some(key)) => {
            let plain = key.open(&note_place(row.id), sealed)?;
            Some(String::from_utf8_lossy(&plain).into_owned())
        }
        _ => None,
    };
    Ok(Step {
        at: row.at,
        by: row.person_id.map(PersonId::from),
        case_version: row.case_version,
        what: What::parse(&row.what).unwrap_or(What::Noted),
        note,
    })
}
