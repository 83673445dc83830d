//! The last assessment of each subject.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::features::reviews::risk::{Assessment, Band};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::kyc_assessment;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope, SubjectId};

/// Rows sent in one statement.
const ROWS_AT_ONCE: usize = 1_000;

/// An assessment as it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub assessment: Assessment,
    pub policy_version: i32,
    pub basis: Vec<u8>,
    pub assessed_at: DateTime<Utc>,
    /// Nothing before the first approval.
    pub review_at: Option<DateTime<Utc>>,
    pub document_expires: Option<NaiveDate>,
    /// Nothing where no list was in force.
    pub screened_at: Option<DateTime<Utc>>,
    /// "ofac-sdn:3", one for each list.
    pub screened_lists: Vec<String>,
}

pub struct NewStanding {
    pub subject: SubjectId,
    pub platform: PlatformId,
    pub assessment: Assessment,
    pub policy_version: i32,
    pub basis: [u8; 32],
    pub review_at: Option<DateTime<Utc>>,
    pub document_expires: Option<NaiveDate>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = kyc_assessment)]
struct Row {
    subject_id: Uuid,
    score: i16,
    band: String,
    contributions: serde_json::Value,
    policy_version: i32,
    basis: Vec<u8>,
    assessed_at: DateTime<Utc>,
    review_at: Option<DateTime<Utc>>,
    document_expires: Option<NaiveDate>,
    screened_at: Option<DateTime<Utc>>,
    screened_lists: Vec<Option<String>>,
}

pub fn of_subjects(
    conn: &mut Conn,
    subjects: &[SubjectId],
) -> db::Result<HashMap<SubjectId, Standing>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<Row> = kyc_assessment::table
        .filter(kyc_assessment::subject_id.eq_any(ids))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(standing).collect())
}

fn standing(row: Row) -> (SubjectId, Standing) {
    let standing = Standing {
        assessment: Assessment {
            score: u16::try_from(row.score).unwrap_or(0),
            band: Band::parse(&row.band).unwrap_or(Band::High),
            contributions: serde_json::from_value(row.contributions).unwrap_or_default(),
        },
        policy_version: row.policy_version,
        basis: row.basis,
        assessed_at: row.assessed_at,
        review_at: row.review_at,
        document_expires: row.document_expires,
        screened_at: row.screened_at,
        screened_lists: row.screened_lists.into_iter().flatten().collect(),
    };
    (row.subject_id.into(), standing)
}

/// Writes assessments. What a subject was screened with stays as it was: see [`mark_screened`].
pub fn save(tx: &mut Tx<'_>, standings: &[NewStanding]) -> db::Result<()> {
    let now = tx.now();
    for standings in standings.chunks(ROWS_AT_ONCE) {
        let rows: Vec<_> = standings
            .iter()
            .map(|new| {
                (
                    kyc_assessment::subject_id.eq(new.subject.uuid()),
                    kyc_assessment::platform_id.eq(new.platform.uuid()),
                    kyc_assessment::score.eq(i16::try_from(new.assessment.score).unwrap_or(1000)),
                    kyc_assessment::band.eq(new.assessment.band.as_str()),
                    kyc_assessment::contributions
                        .eq(serde_json::json!(new.assessment.contributions)),
                    kyc_assessment::policy_version.eq(new.policy_version),
                    kyc_assessment::basis.eq(new.basis.to_vec()),
                    kyc_assessment::assessed_at.eq(now),
                    kyc_assessment::review_at.eq(new.review_at),
                    kyc_assessment::document_expires.eq(new.document_expires),
                    kyc_assessment::screened_lists.eq(Vec::<String>::new()),
                )
            })
            .collect();
        diesel::insert_into(kyc_assessment::table)
            .values(rows)
            .on_conflict(kyc_assessment::subject_id)
            .do_update()
            .set((
                kyc_assessment::score.eq(excluded(kyc_assessment::score)),
                kyc_assessment::band.eq(excluded(kyc_assessment::band)),
                kyc_assessment::contributions.eq(excluded(kyc_assessment::contributions)),
                kyc_assessment::policy_version.eq(excluded(kyc_assessment::policy_version)),
                kyc_assessment::basis.eq(excluded(kyc_assessment::basis)),
                kyc_assessment::assessed_at.eq(excluded(kyc_assessment::assessed_at)),
                kyc_assessment::review_at.eq(excluded(kyc_assessment::review_at)),
                kyc_assessment::document_expires.eq(excluded(kyc_assessment::document_expires)),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// These subjects have been compared with these lists, whether or not anything came of it.
pub fn mark_screened(tx: &mut Tx<'_>, subjects: &[SubjectId], lists: &[String]) -> db::Result<()> {
    let now = tx.now();
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    diesel::update(kyc_assessment::table.filter(kyc_assessment::subject_id.eq_any(ids)))
        .set((
            kyc_assessment::screened_at.eq(now),
            kyc_assessment::screened_lists.eq(lists),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A person has approved: the clock of the next review starts anew, and an expired paper that they
/// have seen is not brought up again.
pub fn set_approved(
    tx: &mut Tx<'_>,
    subject: SubjectId,
    review_at: DateTime<Utc>,
) -> db::Result<()> {
    let today = tx.now().date_naive();
    diesel::update(kyc_assessment::table.find(subject.uuid()))
        .set(kyc_assessment::review_at.eq(review_at))
        .execute(&mut **tx)?;
    diesel::update(
        kyc_assessment::table
            .find(subject.uuid())
            .filter(kyc_assessment::document_expires.lt(today)),
    )
    .set(kyc_assessment::document_expires.eq(None::<NaiveDate>))
    .execute(&mut **tx)?;
    Ok(())
}

/// Subjects whose review is due or whose paper has expired by `now`, in the order of their ids after
/// this one. Who of them is approved, intake knows.
pub fn due_again(
    conn: &mut Conn,
    now: DateTime<Utc>,
    after: Option<SubjectId>,
    limit: i64,
) -> db::Result<Vec<SubjectId>> {
    let due = kyc_assessment::review_at
        .le(now)
        .or(kyc_assessment::document_expires.lt(now.date_naive()));
    let mut query = kyc_assessment::table
        .filter(due)
        .order(kyc_assessment::subject_id)
        .limit(limit)
        .select(kyc_assessment::subject_id)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(kyc_assessment::subject_id.gt(after.uuid()));
    }
    let ids: Vec<Uuid> = query.load(conn)?;
    Ok(ids.into_iter().map(SubjectId::from).collect())
}

/// Subjects on these platforms who were last compared before `since`, or never, in the order of their ids after
/// this one.
pub fn compared_before(
    conn: &mut Conn,
    scope: &Scope,
    since: DateTime<Utc>,
    after: Option<SubjectId>,
    limit: i64,
) -> db::Result<Vec<SubjectId>> {
    let mut query = kyc_assessment::table
        .filter(
            kyc_assessment::screened_at
                .is_null()
                .or(kyc_assessment::screened_at.lt(since)),
        )
        .select(kyc_assessment::subject_id)
        .order(kyc_assessment::subject_id)
        .limit(limit)
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(kyc_assessment::platform_id.eq_any(platforms));
    }
    if let Some(after) = after {
        query = query.filter(kyc_assessment::subject_id.gt(after.uuid()));
    }
    let ids: Vec<Uuid> = query.load(conn)?;
    Ok(ids.into_iter().map(SubjectId::from).collect())
}
