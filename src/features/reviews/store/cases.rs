//! Cases as rows: locked, saved, claimed.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::reviews::case::{Case, CaseId, Claim, KIND, LEASE_MINUTES, OpenedFor};
use crate::features::reviews::risk::{Band, Contribution};
use crate::features::reviews::verdict::Status;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::review_case;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Scope, SubjectId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = review_case)]
pub(super) struct CaseRow {
    id: Uuid,
    number: i64,
    platform_id: Uuid,
    subject_id: Uuid,
    external_id: String,
    subject_kind: String,
    status: String,
    band: String,
    score: i16,
    policy_version: i32,
    opened_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    claimed_by: Option<Uuid>,
    claimed_until: Option<DateTime<Utc>>,
    parked_until: Option<DateTime<Utc>>,
    version: i32,
    screening_policy_version: i32,
    opened_for: String,
}

impl From<CaseRow> for Case {
    fn from(row: CaseRow) -> Self {
        let claim = row.claimed_by.zip(row.claimed_until);
        Self {
            id: row.id.into(),
            number: row.number,
            platform: row.platform_id.into(),
            subject: row.subject_id.into(),
            external_id: row.external_id,
            company: row.subject_kind == "company",
            // The columns' checks allow no other texts; these are the safe readings of one.
            status: Status::parse(&row.status).unwrap_or(Status::Open),
            band: Band::parse(&row.band).unwrap_or(Band::High),
            score: u16::try_from(row.score).unwrap_or(0),
            policy_version: row.policy_version,
            screening_policy_version: row.screening_policy_version,
            opened_for: OpenedFor::parse(&row.opened_for).unwrap_or(OpenedFor::Assessment),
            opened_at: row.opened_at,
            due_at: row.due_at,
            closed_at: row.closed_at,
            claim: claim.map(|(by, until)| Claim {
                by: by.into(),
                until,
            }),
            parked_until: row.parked_until,
            version: row.version,
        }
    }
}

pub fn find(conn: &mut Conn, id: CaseId) -> db::Result<Case> {
    let row: CaseRow = review_case::table
        .find(id.uuid())
        .select(CaseRow::as_select())
        .first(conn)?;
    Ok(row.into())
}

/// Why the case was flagged, as it was when the case was opened or last assessed.
pub fn contributions(conn: &mut Conn, id: CaseId) -> db::Result<Vec<Contribution>> {
    let value: serde_json::Value = review_case::table
        .find(id.uuid())
        .select(review_case::contributions)
        .first(conn)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The case, locked until the transaction ends.
pub fn lock(tx: &mut Tx<'_>, id: CaseId) -> db::Result<Case> {
    let row: CaseRow = review_case::table
        .find(id.uuid())
        .select(CaseRow::as_select())
        .for_update()
        .first(&mut **tx)?;
    Ok(row.into())
}

/// Whom a case is about: what has to be locked before the case is.
pub fn subject_of(conn: &mut Conn, id: CaseId) -> db::Result<SubjectId> {
    let subject: Uuid = review_case::table
        .find(id.uuid())
        .select(review_case::subject_id)
        .first(conn)?;
    Ok(subject.into())
}

/// The open case of each of these subjects that has one, locked in the order of the subjects.
pub fn lock_open(tx: &mut Tx<'_>, subjects: &[SubjectId]) -> db::Result<HashMap<SubjectId, Case>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<CaseRow> = review_case::table
        .filter(review_case::kind.eq(KIND))
        .filter(review_case::subject_id.eq_any(ids))
        .filter(review_case::closed_at.is_null())
        .order(review_case::subject_id)
        .select(CaseRow::as_select())
        .for_update()
        .load(&mut **tx)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.subject_id.into(), row.into()))
        .collect())
}

pub fn insert(tx: &mut Tx<'_>, case: &Case, contributions: &[Contribution]) -> db::Result<()> {
    diesel::insert_into(review_case::table)
        .values((
            review_case::id.eq(case.id.uuid()),
            review_case::platform_id.eq(case.platform.uuid()),
            review_case::kind.eq(KIND),
            review_case::subject_id.eq(case.subject.uuid()),
            review_case::external_id.eq(&case.external_id),
            review_case::subject_kind.eq(if case.company { "company" } else { "person" }),
            review_case::status.eq(case.status.as_str()),
            review_case::band.eq(case.band.as_str()),
            review_case::score.eq(points(case.score)),
            review_case::contributions.eq(serde_json::json!(contributions)),
            review_case::policy_version.eq(case.policy_version),
            review_case::screening_policy_version.eq(case.screening_policy_version),
            review_case::opened_for.eq(case.opened_for.as_str()),
            review_case::opened_at.eq(case.opened_at),
            review_case::due_at.eq(case.due_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes what the state machine made of a locked case.
pub fn save(tx: &mut Tx<'_>, case: &Case) -> db::Result<()> {
    diesel::update(review_case::table.find(case.id.uuid()))
        .set((
            review_case::status.eq(case.status.as_str()),
            review_case::band.eq(case.band.as_str()),
            review_case::score.eq(points(case.score)),
            review_case::due_at.eq(case.due_at),
            review_case::closed_at.eq(case.closed_at),
            review_case::claimed_by.eq(case.claim.map(|claim| claim.by.uuid())),
            review_case::claimed_until.eq(case.claim.map(|claim| claim.until)),
            review_case::parked_until.eq(case.parked_until),
            review_case::version.eq(case.version),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn save_contributions(
    tx: &mut Tx<'_>,
    id: CaseId,
    contributions: &[Contribution],
) -> db::Result<()> {
    diesel::update(review_case::table.find(id.uuid()))
        .set(review_case::contributions.eq(serde_json::json!(contributions)))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(diesel::QueryableByName)]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Claims the case that is due first and free: one statement, so that two people at once get two
/// cases and nobody waits for anybody.
pub fn claim_next(tx: &mut Tx<'_>, by: PersonId, scope: &Scope) -> db::Result<Option<CaseId>> {
    let now = tx.now();
    let claimed: Option<Claimed> = diesel::sql_query(
        "UPDATE review_case SET claimed_by = $1, claimed_until = $2, version = version + 1 \
         WHERE id = (SELECT id FROM review_case \
                     WHERE closed_at IS NULL AND status = 'open' \
                       AND (claimed_until IS NULL OR claimed_until <= $3) \
                       AND ($4 IS NULL OR platform_id = ANY($4)) \
                     ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id",
    )
    .bind::<SqlUuid, _>(by.uuid())
    .bind::<Timestamptz, _>(now + Duration::minutes(LEASE_MINUTES))
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Array<SqlUuid>>, _>(scope.ids())
    .get_result(&mut **tx)
    .optional()?;
    Ok(claimed.map(|claimed| claimed.id.into()))
}

/// Whether a parked case's time has come.
pub fn any_parked_due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<bool> {
    let due = review_case::table
        .filter(review_case::status.eq("parked"))
        .filter(review_case::parked_until.le(now));
    Ok(diesel::select(diesel::dsl::exists(due)).get_result(conn)?)
}

/// Parked cases whose time has come, locked.
pub fn lock_due_parked(tx: &mut Tx<'_>, limit: i64) -> db::Result<Vec<Case>> {
    let now = tx.now();
    let rows: Vec<CaseRow> = review_case::table
        .filter(review_case::status.eq("parked"))
        .filter(review_case::parked_until.le(now))
        .order(review_case::id)
        .limit(limit)
        .select(CaseRow::as_select())
        .for_update()
        .skip_locked()
        .load(&mut **tx)?;
    Ok(rows.into_iter().map(Case::from).collect())
}

fn points(score: u16) -> i16 {
    i16::try_from(score).unwrap_or(1000)
}
