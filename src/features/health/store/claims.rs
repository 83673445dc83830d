//! What people say of indicators.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::health::claims::claim::{Answer, Claim, ClaimId, File};
use crate::features::packs::pack::{Indicator, ItemId};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{indicator_claim, indicator_report};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PersonId;

#[derive(Queryable, Selectable)]
#[diesel(table_name = indicator_claim)]
struct Row {
    id: Uuid,
    value: f64,
    as_of: DateTime<Utc>,
    evidence: String,
    evidence_sha256: Option<String>,
    file_id: Option<Uuid>,
    file_bytes: Option<i64>,
    corrects: Option<Uuid>,
    made_at: DateTime<Utc>,
    made_by: Uuid,
    made_name: String,
    needs_second: bool,
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
    answered_name: Option<String>,
}

impl From<Row> for Claim {
    fn from(row: Row) -> Self {
        let answered = row.answer.zip(row.answered_at);
        Self {
            id: row.id.into(),
            value: row.value,
            as_of: row.as_of,
            evidence: row.evidence,
            sha256: row.evidence_sha256,
            file: row.file_id.zip(row.file_bytes).map(|(id, bytes)| File {
                id,
                bytes: bytes.unsigned_abs(),
            }),
            corrects: row.corrects.map(ClaimId::from),
            made_at: row.made_at,
            made_by: row.made_by.into(),
            made_name: row.made_name,
            needs_second: row.needs_second,
            answer: answered.map(|(answer, at)| Answer {
                approved: answer == "approved",
                at,
                name: row.answered_name.unwrap_or_default(),
            }),
        }
    }
}

pub fn insert(tx: &mut Tx<'_>, indicator: ItemId, claim: &Claim) -> Result<()> {
    diesel::insert_into(indicator_claim::table)
        .values((
            indicator_claim::id.eq(claim.id.uuid()),
            indicator_claim::indicator_id.eq(indicator.uuid()),
            indicator_claim::value.eq(claim.value),
            indicator_claim::as_of.eq(claim.as_of),
            indicator_claim::evidence.eq(&claim.evidence),
            indicator_claim::evidence_sha256.eq(&claim.sha256),
            indicator_claim::file_id.eq(claim.file.map(|file| file.id)),
            indicator_claim::file_bytes.eq(claim
                .file
                .map(|file| i64::try_from(file.bytes).unwrap_or(i64::MAX))),
            indicator_claim::corrects.eq(claim.corrects.map(ClaimId::uuid)),
            indicator_claim::made_at.eq(claim.made_at),
            indicator_claim::made_by.eq(claim.made_by.uuid()),
            indicator_claim::made_name.eq(&claim.made_name),
            indicator_claim::needs_second.eq(claim.needs_second),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Makes a report of it, which rules read from then on, and takes the one that it corrects out of force. False where that
/// one does not count any more: two corrections of one value cannot both be right.
pub fn count(tx: &mut Tx<'_>, indicator: ItemId, claim: &Claim) -> Result<bool> {
    if let Some(corrected) = claim.corrects {
        let superseded = diesel::update(indicator_report::table)
            .filter(indicator_report::claim_id.eq(corrected.uuid()))
            .filter(indicator_report::superseded_by.is_null())
            .set(indicator_report::superseded_by.eq(claim.id.uuid()))
            .execute(&mut **tx)?;
        if superseded == 0 {
            return Ok(false);
        }
    }
    diesel::insert_into(indicator_report::table)
        .values((
            indicator_report::id.eq(Uuid::now_v7()),
            indicator_report::indicator_id.eq(indicator.uuid()),
            indicator_report::at.eq(claim.as_of),
            indicator_report::value.eq(claim.value),
            indicator_report::demo.eq(false),
            indicator_report::claim_id.eq(claim.id.uuid()),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}

/// Whether a value that was reported by hand still counts.
pub fn is_in_force(conn: &mut Conn, claim: ClaimId) -> Result<bool> {
    let counts = indicator_report::table
        .filter(indicator_report::claim_id.eq(claim.uuid()))
        .filter(indicator_report::superseded_by.is_null());
    Ok(diesel::select(diesel::dsl::exists(counts)).get_result(conn)?)
}

/// One of this indicator's.
pub fn one(conn: &mut Conn, indicator: ItemId, id: ClaimId) -> Result<Claim> {
    let row: Row = indicator_claim::table
        .find(id.uuid())
        .filter(indicator_claim::indicator_id.eq(indicator.uuid()))
        .select(Row::as_select())
        .first(conn)?;
    Ok(row.into())
}

/// One of this indicator's, locked.
pub fn lock(conn: &mut Conn, indicator: ItemId, id: ClaimId) -> Result<Claim> {
    let row: Row = indicator_claim::table
        .find(id.uuid())
        .filter(indicator_claim::indicator_id.eq(indicator.uuid()))
        .select(Row::as_select())
        .for_update()
        .first(conn)?;
    Ok(row.into())
}

pub fn answer(
    tx: &mut Tx<'_>,
    id: ClaimId,
    answer: &str,
    (person, name): (PersonId, &str),
) -> Result<()> {
    let now = tx.now();
    diesel::update(indicator_claim::table.find(id.uuid()))
        .set((
            indicator_claim::answer.eq(answer),
            indicator_claim::answered_at.eq(now),
            indicator_claim::answered_by.eq(person.uuid()),
            indicator_claim::answered_name.eq(name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Those that wait for a second person, oldest first.
pub fn waiting(conn: &mut Conn, indicator: ItemId) -> Result<Vec<Claim>> {
    let rows: Vec<Row> = indicator_claim::table
        .filter(indicator_claim::indicator_id.eq(indicator.uuid()))
        .filter(indicator_claim::needs_second)
        .filter(indicator_claim::answer.is_null())
        .order((indicator_claim::made_at, indicator_claim::id))
        .limit(50)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Claim::from).collect())
}

/// All that wait for a second person, with their indicators, the oldest first.
pub fn all_waiting(conn: &mut Conn) -> Result<Vec<(Item<Indicator>, Claim)>> {
    let rows: Vec<(Uuid, Row)> = indicator_claim::table
        .filter(indicator_claim::needs_second)
        .filter(indicator_claim::answer.is_null())
        .order(indicator_claim::made_at)
        .limit(200)
        .select((indicator_claim::indicator_id, Row::as_select()))
        .load(conn)?;
    let live = packs::live::<Indicator>(conn)?;
    let with = |(id, row): (Uuid, Row)| {
        let item = live.iter().find(|item| item.id.uuid() == id)?;
        Some((item.clone(), Claim::from(row)))
    };
    Ok(rows.into_iter().filter_map(with).collect())
}

/// A report, and what a person said with it.
pub struct Said {
    pub at: DateTime<Utc>,
    pub value: f64,
    pub claim: Option<Claim>,
    /// Another stands in its place.
    pub superseded: bool,
}

/// The last reports of an indicator, newest first: the first that is not superseded is what rules read.
pub fn reports(conn: &mut Conn, indicator: ItemId, at_most: i64) -> Result<Vec<Said>> {
    let rows: Vec<(DateTime<Utc>, f64, Option<Uuid>, Option<Row>)> = indicator_report::table
        .left_join(indicator_claim::table)
        .filter(indicator_report::indicator_id.eq(indicator.uuid()))
        .order((indicator_report::at.desc(), indicator_report::id.desc()))
        .limit(at_most)
        .select((
            indicator_report::at,
            indicator_report::value,
            indicator_report::superseded_by,
            Option::<Row>::as_select(),
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(at, value, superseded_by, row)| Said {
            at,
            value,
            superseded: superseded_by.is_some(),
            claim: row.map(Claim::from),
        })
        .collect())
}
