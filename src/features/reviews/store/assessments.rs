//! The last assessment of each subject.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::features::reviews::risk::{Assessment, Band, Contribution};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::kyc_assessment;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::SubjectId;

/// Rows sent in one statement.
const ROWS_AT_ONCE: usize = 1_000;

/// An assessment as it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub assessment: Assessment,
    pub policy_version: i32,
    pub basis: Vec<u8>,
    pub assessed_at: DateTime<Utc>,
    pub review_at: DateTime<Utc>,
}

pub struct NewStanding {
    pub subject: SubjectId,
    pub assessment: Assessment,
    pub policy_version: i32,
    pub basis: [u8; 32],
    pub review_at: DateTime<Utc>,
}

type Row = (
    Uuid,
    i16,
    String,
    serde_json::Value,
    i32,
    Vec<u8>,
    DateTime<Utc>,
    DateTime<Utc>,
);

pub fn of_subjects(
    conn: &mut Conn,
    subjects: &[SubjectId],
) -> db::Result<HashMap<SubjectId, Standing>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<Row> = kyc_assessment::table
        .filter(kyc_assessment::subject_id.eq_any(ids))
        .select((
            kyc_assessment::subject_id,
            kyc_assessment::score,
            kyc_assessment::band,
            kyc_assessment::contributions,
            kyc_assessment::policy_version,
            kyc_assessment::basis,
            kyc_assessment::assessed_at,
            kyc_assessment::review_at,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(standing).collect())
}

fn standing(row: Row) -> (SubjectId, Standing) {
    let (id, score, band, contributions, policy_version, basis, assessed_at, review_at) = row;
    let contributions: Vec<Contribution> =
        serde_json::from_value(contributions).unwrap_or_default();
    let standing = Standing {
        assessment: Assessment {
            score: u16::try_from(score).unwrap_or(0),
            band: Band::parse(&band).unwrap_or(Band::High),
            contributions,
        },
        policy_version,
        basis,
        assessed_at,
        review_at,
    };
    (id.into(), standing)
}

pub fn save(tx: &mut Tx<'_>, standings: &[NewStanding]) -> db::Result<()> {
    let now = tx.now();
    for standings in standings.chunks(ROWS_AT_ONCE) {
        let rows: Vec<_> = standings
            .iter()
            .map(|new| {
                (
                    kyc_assessment::subject_id.eq(new.subject.uuid()),
                    kyc_assessment::score.eq(i16::try_from(new.assessment.score).unwrap_or(1000)),
                    kyc_assessment::band.eq(new.assessment.band.as_str()),
                    kyc_assessment::contributions
                        .eq(serde_json::json!(new.assessment.contributions)),
                    kyc_assessment::policy_version.eq(new.policy_version),
                    kyc_assessment::basis.eq(new.basis.to_vec()),
                    kyc_assessment::assessed_at.eq(now),
                    kyc_assessment::review_at.eq(new.review_at),
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
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
