//! The messages that were taken.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::{ReceiptId, SourceId};
use crate::features::hooks::actions::Message;
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::event_receipt;
use crate::foundation::db::{Conn, Result};

/// Longer than anybody sends again: the table of retries ends after three days.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// Notes a message under its id, which is once. What it says is kept where nobody knows its type.
pub fn insert(
    tx: &mut Tx<'_>,
    source: SourceId,
    message: &Message,
    kind: &str,
    known: Option<ItemId>,
) -> Result<()> {
    let (now, id) = (tx.now(), ReceiptId::new());
    let body = known
        .is_none()
        .then(|| tx.keyring().seal(&place(id), &message.body));
    diesel::insert_into(event_receipt::table)
        .values((
            event_receipt::id.eq(id.uuid()),
            event_receipt::source_id.eq(source.uuid()),
            event_receipt::message_id.eq(&message.id),
            event_receipt::at.eq(now),
            event_receipt::kind.eq(kind),
            event_receipt::event_type_id.eq(known.map(ItemId::uuid)),
            event_receipt::body.eq(body),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn was_known(conn: &mut Conn, source: SourceId, message: &str) -> Result<bool> {
    let known: Option<Option<Uuid>> = event_receipt::table
        .filter(event_receipt::source_id.eq(source.uuid()))
        .filter(event_receipt::message_id.eq(message))
        .select(event_receipt::event_type_id)
        .first(conn)
        .optional()?;
    Ok(known.flatten().is_some())
}

/// A message as it is listed.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: ReceiptId,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub message: String,
    pub known: bool,
}

type Row = (Uuid, DateTime<Utc>, String, String, Option<Uuid>);

fn kept((id, at, kind, message, known): Row) -> Kept {
    Kept {
        id: id.into(),
        at,
        kind,
        message,
        known: known.is_some(),
    }
}

/// The newest first.
pub fn last(conn: &mut Conn, source: SourceId, at_most: i64) -> Result<Vec<Kept>> {
    let rows: Vec<Row> = event_receipt::table
        .filter(event_receipt::source_id.eq(source.uuid()))
        .order((event_receipt::at.desc(), event_receipt::id.desc()))
        .limit(at_most)
        .select((
            event_receipt::id,
            event_receipt::at,
            event_receipt::kind,
            event_receipt::message_id,
            event_receipt::event_type_id,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(kept).collect())
}

/// What a message of a type that nobody knew said.
pub fn unknown(
    conn: &mut Conn,
    keyring: &Keyring,
    source: SourceId,
    id: ReceiptId,
) -> Result<(Kept, Vec<u8>)> {
    let (row, body): (Row, Option<Vec<u8>>) = event_receipt::table
        .find(id.uuid())
        .filter(event_receipt::source_id.eq(source.uuid()))
        .filter(event_receipt::body.is_not_null())
        .select((
            (
                event_receipt::id,
                event_receipt::at,
                event_receipt::kind,
                event_receipt::message_id,
                event_receipt::event_type_id,
            ),
            event_receipt::body,
        ))
        .first(conn)?;
    let body = keyring.open(&place(id), &body.unwrap_or_default())?;
    Ok((kept(row), body))
}

fn place(id: ReceiptId) -> String {
    format!("event_receipt:body:{id}")
}

/// Removes what is older than it is kept, so many at once.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_once: i64) -> Result<usize> {
    let old: Vec<Uuid> = event_receipt::table
        .filter(event_receipt::at.lt(now - KEPT))
        .order(event_receipt::at)
        .limit(at_once)
        .select(event_receipt::id)
        .load(conn)?;
    Ok(diesel::delete(event_receipt::table.filter(event_receipt::id.eq_any(old))).execute(conn)?)
}
