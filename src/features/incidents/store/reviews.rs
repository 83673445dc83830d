//! Reviews as rows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::incidents::incident::{IncidentId, State};
use crate::features::incidents::review::{Hand, Review, Written};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{incident, incident_review as row};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::{PersonId, Scope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    incident_id: Uuid,
    summary: String,
    cause: String,
    went_well: String,
    went_badly: String,
    saved_at: DateTime<Utc>,
    saved_by: Uuid,
    saved_name: String,
    signed_at: Option<DateTime<Utc>>,
    signed_by: Option<Uuid>,
    signed_name: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    approved_by: Option<Uuid>,
    approved_name: Option<String>,
    authors: Vec<Option<Uuid>>,
}

fn hand(at: Option<DateTime<Utc>>, by: Option<Uuid>, name: Option<String>) -> Option<Hand> {
    Some(Hand {
        at: at?,
        by: by?.into(),
        name: name?,
    })
}

impl From<Row> for Review {
    fn from(row: Row) -> Self {
        Self {
            incident: row.incident_id.into(),
            written: Written {
                summary: row.summary,
                cause: row.cause,
                went_well: row.went_well,
                went_badly: row.went_badly,
            },
            authors: row
                .authors
                .into_iter()
                .flatten()
                .map(PersonId::from)
                .collect(),
            saved: Hand {
                at: row.saved_at,
                by: row.saved_by.into(),
                name: row.saved_name,
            },
            signed: hand(row.signed_at, row.signed_by, row.signed_name),
            approved: hand(row.approved_at, row.approved_by, row.approved_name),
        }
    }
}

pub fn of(conn: &mut Conn, id: IncidentId) -> Result<Option<Review>> {
    let found: Option<Row> = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    Ok(found.map(Review::from))
}

/// Signed reviews that wait for somebody's approval, the oldest on top, with the title of their incident.
pub fn to_approve(conn: &mut Conn, scope: &Scope, at_most: i64) -> Result<Vec<(Review, String)>> {
    let mut query = row::table
        .inner_join(incident::table)
        .filter(row::signed_at.is_not_null())
        .filter(row::approved_at.is_null())
        .filter(incident::state.eq(State::Resolved.as_str()))
        .order((row::signed_at, row::incident_id))
        .limit(at_most)
        .select((Row::as_select(), incident::title))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(incident::platform_id.eq_any(platforms));
    }
    let rows: Vec<(Row, String)> = query.load(conn)?;
    let read = |(row, title): (Row, String)| (row.into(), title);
    Ok(rows.into_iter().map(read).collect())
}

pub fn save(tx: &mut Tx<'_>, review: &Review) -> Result<()> {
    let Review {
        written,
        authors,
        saved,
        signed,
        approved,
        ..
    } = review;
    let authors: Vec<Option<Uuid>> = authors.iter().map(|it| Some(it.uuid())).collect();
    let (signed, approved) = (signed.as_ref(), approved.as_ref());
    let values = (
        row::summary.eq(&written.summary),
        row::cause.eq(&written.cause),
        row::went_well.eq(&written.went_well),
        row::went_badly.eq(&written.went_badly),
        row::authors.eq(authors),
        row::saved_at.eq(saved.at),
        row::saved_by.eq(saved.by.uuid()),
        row::saved_name.eq(&saved.name),
        row::signed_at.eq(signed.map(|it| it.at)),
        row::signed_by.eq(signed.map(|it| it.by.uuid())),
        row::signed_name.eq(signed.map(|it| &it.name)),
        row::approved_at.eq(approved.map(|it| it.at)),
        row::approved_by.eq(approved.map(|it| it.by.uuid())),
        row::approved_name.eq(approved.map(|it| &it.name)),
    );
    diesel::insert_into(row::table)
        .values((row::incident_id.eq(review.incident.uuid()), values.clone()))
        .on_conflict(row::incident_id)
        .do_update()
        .set(values)
        .execute(&mut **tx)?;
    Ok(())
}
