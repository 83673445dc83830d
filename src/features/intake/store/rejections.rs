//! Rows that were not taken in, sealed as they came.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::super::batch::BatchId;
use super::batches::{page_limit, unsigned};
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::{intake_batch, intake_rejection};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::paging::{Cursor, Direction, Page};

fn rejection_place(id: BatchId, row: u64) -> String {
    format!("intake_rejection:ciphertext:{id}:{row}")
}

pub(super) fn seal_rejected(keyring: &Keyring, id: BatchId, row: u64, raw: &[u8]) -> Vec<u8> {
    keyring.seal(&rejection_place(id, row), raw)
}

/// A row that was not taken in, as the page lists it.
#[derive(Clone, Debug)]
pub struct Rejection {
    pub row: i64,
    pub line: i64,
    /// Column (where one is meant) and message.
    pub problems: Vec<(Option<String>, String)>,
}

pub fn rejections(
    conn: &mut Conn,
    id: BatchId,
    cursor: Option<&Cursor<i64>>,
) -> db::Result<Page<Rejection>> {
    let mut query = intake_rejection::table
        .filter(intake_rejection::batch_id.eq(id.uuid()))
        .select((
            intake_rejection::row_number,
            intake_rejection::line_number,
            intake_rejection::problems,
        ))
        .limit(page_limit())
        .into_boxed();
    query = match cursor {
        Some(cursor) if cursor.direction == Direction::Previous => query
            .filter(intake_rejection::row_number.lt(cursor.key))
            .order(intake_rejection::row_number.desc()),
        Some(cursor) => query
            .filter(intake_rejection::row_number.gt(cursor.key))
            .order(intake_rejection::row_number.asc()),
        None => query.order(intake_rejection::row_number.asc()),
    };
    let rows: Vec<(i64, i64, Value)> = query.load(conn)?;
    let rejections = rows
        .into_iter()
        .map(|(row, line, problems)| Rejection {
            row,
            line,
            problems: read_problems(&problems),
        })
        .collect();
    Ok(Page::from_rows(rejections, cursor, |rejection| {
        rejection.row
    }))
}

fn read_problems(problems: &Value) -> Vec<(Option<String>, String)> {
    let text = |problem: &Value, field: &str| problem[field].as_str().map(str::to_owned);
    problems
        .as_array()
        .into_iter()
        .flatten()
        .map(|problem| {
            (
                text(problem, "column"),
                text(problem, "message").unwrap_or_default(),
            )
        })
        .collect()
}

/// A rejected row as it stood in the file.
pub struct RejectedRow {
    pub row: i64,
    pub problems: Vec<(Option<String>, String)>,
    pub raw: Vec<u8>,
}

/// Up to `limit` rejected rows after `row`, opened.
pub fn rejected_raw(
    conn: &mut Conn,
    keyring: &Keyring,
    id: BatchId,
    after_row: i64,
    limit: i64,
) -> db::Result<Vec<RejectedRow>> {
    let rows: Vec<(i64, Value, Vec<u8>)> = intake_rejection::table
        .filter(intake_rejection::batch_id.eq(id.uuid()))
        .filter(intake_rejection::row_number.gt(after_row))
        .order(intake_rejection::row_number)
        .select((
            intake_rejection::row_number,
            intake_rejection::problems,
            intake_rejection::ciphertext,
        ))
        .limit(limit)
        .load(conn)?;
    rows.into_iter()
        .map(|(row, problems, sealed)| {
            Ok(RejectedRow {
                row,
                problems: read_problems(&problems),
                raw: keyring.open(&rejection_place(id, unsigned(row)), &sealed)?,
            })
        })
        .collect()
}

/// Batches that ended before `before` and still keep rejected rows, the oldest first.
pub fn with_old_rejections(
    conn: &mut Conn,
    before: DateTime<Utc>,
    limit: i64,
) -> db::Result<Vec<BatchId>> {
    let ids: Vec<Uuid> = intake_batch::table
        .filter(intake_batch::rejected.gt(0))
        .filter(intake_batch::rejections_expired_at.is_null())
        .filter(intake_batch::finished_at.lt(before))
        .order(intake_batch::finished_at)
        .select(intake_batch::id)
        .limit(limit)
        .load(conn)?;
    Ok(ids.into_iter().map(BatchId::from).collect())
}

/// Removes up to `limit` rejected rows of a batch. Returns how many.
pub fn remove_rejections(conn: &mut Conn, id: BatchId, limit: i64) -> db::Result<usize> {
    let rows = intake_rejection::table
        .filter(intake_rejection::batch_id.eq(id.uuid()))
        .order(intake_rejection::row_number)
        .select(intake_rejection::row_number)
        .limit(limit);
    let rows: Vec<i64> = rows.load(conn)?;
    Ok(diesel::delete(
        intake_rejection::table
            .filter(intake_rejection::batch_id.eq(id.uuid()))
            .filter(intake_rejection::row_number.eq_any(rows)),
    )
    .execute(conn)?)
}

/// Notes that the batch keeps no rejected rows any more.
pub fn rejections_expired(conn: &mut Conn, id: BatchId, now: DateTime<Utc>) -> db::Result<()> {
    diesel::update(intake_batch::table.find(id.uuid()))
        .set(intake_batch::rejections_expired_at.eq(now))
        .execute(conn)?;
    Ok(())
}
