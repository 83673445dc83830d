//! The rows of access reviews.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::ReviewId;
use crate::foundation::audit::jcs;
use crate::foundation::db::schema::{access_review, access_review_line};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// Five years of months.
const MOST: i64 = 60;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = access_review)]
pub struct Review {
    pub id: Uuid,
    pub opened_at: DateTime<Utc>,
    pub opened_by: String,
    pub due_at: DateTime<Utc>,
    pub signed_at: Option<DateTime<Utc>>,
    pub signed_by: Option<Uuid>,
    pub signature: Option<String>,
    pub lines_sha256: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = access_review_line)]
pub struct Line {
    pub review_id: Uuid,
    pub position: i32,
    pub person_id: Uuid,
    pub role: String,
    pub platforms: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
    pub reason: String,
    pub granted_by: String,
    pub last_seen: Option<DateTime<Utc>>,
    pub last_act: Option<DateTime<Utc>>,
    pub answer: Option<String>,
    pub note: String,
    pub answered_by: Option<Uuid>,
    pub answered_at: Option<DateTime<Utc>>,
}

impl Line {
    #[must_use]
    pub fn person(&self) -> PersonId {
        self.person_id.into()
    }
}

pub fn add(
    conn: &mut Conn,
    id: ReviewId,
    by: &str,
    (opened_at, due_at): (DateTime<Utc>, DateTime<Utc>),
    lines: &[Line],
) -> db::Result<()> {
    diesel::insert_into(access_review::table)
        .values((
            access_review::id.eq(id.uuid()),
            access_review::opened_at.eq(opened_at),
            access_review::opened_by.eq(by),
            access_review::due_at.eq(due_at),
        ))
        .execute(conn)?;
    // A statement has room for so many parameters.
    for chunk in lines.chunks(1_000) {
        diesel::insert_into(access_review_line::table)
            .values(chunk)
            .execute(conn)?;
    }
    Ok(())
}

pub fn find(conn: &mut Conn, id: ReviewId) -> db::Result<Review> {
    Ok(access_review::table
        .find(id.uuid())
        .select(Review::as_select())
        .first(conn)?)
}

/// The same, locked until the transaction ends: answers and the signature come one after the other.
pub fn lock(conn: &mut Conn, id: ReviewId) -> db::Result<Review> {
    Ok(access_review::table
        .find(id.uuid())
        .select(Review::as_select())
        .for_update()
        .first(conn)?)
}

pub fn lines(conn: &mut Conn, id: ReviewId) -> db::Result<Vec<Line>> {
    Ok(access_review_line::table
        .filter(access_review_line::review_id.eq(id.uuid()))
        .order(access_review_line::position)
        .select(Line::as_select())
        .load(conn)?)
}

/// The open one, where there is one.
pub fn open(conn: &mut Conn) -> db::Result<Option<Review>> {
    Ok(access_review::table
        .filter(access_review::signed_at.is_null())
        .select(Review::as_select())
        .first(conn)
        .optional()?)
}

/// The newest, each with its lines and how many of them are answered.
pub fn newest(conn: &mut Conn) -> db::Result<Vec<(Review, i64, i64)>> {
    let reviews: Vec<Review> = access_review::table
        .order(access_review::opened_at.desc())
        .limit(MOST)
        .select(Review::as_select())
        .load(conn)?;
    reviews
        .into_iter()
        .map(|review| {
            let lines =
                access_review_line::table.filter(access_review_line::review_id.eq(review.id));
            let all: i64 = lines.count().get_result(conn)?;
            let answered: i64 = lines
                .filter(access_review_line::answer.is_not_null())
                .count()
                .get_result(conn)?;
            Ok((review, all, answered))
        })
        .collect()
}

pub fn answer(
    conn: &mut Conn,
    line: &Line,
    (answer, note): (&str, &str),
    by: PersonId,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::update(access_review_line::table.find((line.review_id, line.position)))
        .set((
            access_review_line::answer.eq(answer),
            access_review_line::note.eq(note),
            access_review_line::answered_by.eq(by.uuid()),
            access_review_line::answered_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn sign(
    conn: &mut Conn,
    id: ReviewId,
    (by, signature): (PersonId, &str),
    sha256: [u8; 32],
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::update(access_review::table.find(id.uuid()))
        .set((
            access_review::signed_at.eq(now),
            access_review::signed_by.eq(by.uuid()),
            access_review::signature.eq(signature),
            access_review::lines_sha256.eq(sha256.to_vec()),
        ))
        .execute(conn)?;
    Ok(())
}

/// A line with its answer as it is signed: RFC 8785 JSON.
pub fn signed_text(line: &Line) -> db::Result<String> {
    let whole = json!({
        "position": line.position,
        "person": line.person_id,
        "role": line.role,
        "platforms": line.platforms,
        "starts_at": line.starts_at.to_rfc3339(),
        "ends_at": line.ends_at.map(|at| at.to_rfc3339()),
        "reason": line.reason,
        "granted_by": line.granted_by,
        "answer": line.answer,
        "note": line.note,
        "answered_by": line.answered_by,
        "answered_at": line.answered_at.map(|at| at.to_rfc3339()),
    });
    let bytes = jcs::to_vec(&whole).map_err(|error| db::Error::Event(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| db::Error::Event(error.to_string()))
}

/// The hash of all lines with their answers, as one JSON array: what is signed.
pub fn digest(lines: &[Line]) -> db::Result<[u8; 32]> {
    let texts: db::Result<Vec<String>> = lines.iter().map(signed_text).collect();
    Ok(Sha256::digest(format!("[{}]", texts?.join(","))).into())
}
