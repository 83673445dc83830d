use chrono::{DateTime, Duration, Utc};
use diesel::dsl::sum;
use diesel::prelude::*;

use super::{
    ABANDONED_AFTER_HOURS, CHUNK_BYTES, FileError, FileId, QUOTA_BYTES, key_place, name_place,
};
use crate::foundation::crypto::{CryptoError, DataKey, Keyring};
use crate::foundation::db::schema::{file, file_chunk};
use crate::foundation::db::{self, Conn};

/// What is known about a stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    pub id: FileId,
    /// As it was sent: to be shown and offered for a download, never used as a path.
    pub name: String,
    pub content_type: String,
    pub bytes: u64,
    pub sha256: Vec<u8>,
}

pub(super) struct NewRow<'a> {
    pub id: FileId,
    pub purpose: &'static str,
    pub name: Vec<u8>,
    pub wrapped: Vec<u8>,
    pub created_by: &'a str,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Bytes in use: those of finished files, and a whole chunk for each of an unfinished one.
pub fn used(conn: &mut Conn) -> db::Result<i64> {
    use bigdecimal::{BigDecimal, ToPrimitive};
    let finished: Option<BigDecimal> = file::table
        .filter(file::state.eq("complete"))
        .select(sum(file::byte_count))
        .first(conn)?;
    let unfinished: i64 = file_chunk::table
        .inner_join(file::table)
        .filter(file::state.eq("writing"))
        .count()
        .get_result(conn)?;
    let finished = finished.and_then(|sum| sum.to_i64()).unwrap_or(0);
    let chunk = i64::try_from(CHUNK_BYTES).unwrap_or(i64::MAX);
    Ok(finished.saturating_add(unfinished.saturating_mul(chunk)))
}

/// Refuses more bytes once the quota is used up.
pub(super) fn check_room(conn: &mut Conn) -> Result<(), FileError> {
    if used(conn)? >= QUOTA_BYTES {
        return Err(FileError::QuotaFull);
    }
    Ok(())
}

/// Forgets a file that nobody needs after all, with its chunks. One that is registered stays.
pub(super) fn discard(conn: &mut Conn, id: FileId) -> db::Result<()> {
    diesel::delete(file::table.filter(file::id.eq(id.uuid()).and(file::state.eq("writing"))))
        .execute(conn)?;
    Ok(())
}

/// Registers a file that is about to be written, if there is room.
pub(super) fn insert(conn: &mut Conn, row: &NewRow<'_>) -> Result<(), FileError> {
    check_room(conn)?;
    diesel::insert_into(file::table)
        .values((
            file::id.eq(row.id.uuid()),
            file::purpose.eq(row.purpose),
            file::name.eq(&row.name),
            file::wrapped.eq(&row.wrapped),
            file::created_by.eq(row.created_by),
            file::created_at.eq(row.created_at),
            file::expires_at.eq(row.expires_at),
        ))
        .execute(conn)
        .map_err(db::Error::from)?;
    Ok(())
}

pub(super) fn insert_chunk(
    conn: &mut Conn,
    id: FileId,
    position: u64,
    ciphertext: &[u8],
) -> db::Result<()> {
    diesel::insert_into(file_chunk::table)
        .values((
            file_chunk::file_id.eq(id.uuid()),
            file_chunk::position.eq(i32::try_from(position).unwrap_or(i32::MAX)),
            file_chunk::ciphertext.eq(ciphertext),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn complete(
    conn: &mut Conn,
    id: FileId,
    content_type: &str,
    bytes: u64,
    sha256: &[u8],
) -> db::Result<()> {
    let changed = diesel::update(file::table.find(id.uuid()))
        .set((
            file::state.eq("complete"),
            file::content_type.eq(content_type),
            file::byte_count.eq(i64::try_from(bytes).unwrap_or(i64::MAX)),
            file::sha256.eq(sha256),
        ))
        .execute(conn)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = file)]
struct FileRow {
    name: Vec<u8>,
    content_type: Option<String>,
    wrapped: Vec<u8>,
    byte_count: Option<i64>,
    sha256: Option<Vec<u8>>,
}

/// A complete file that has not expired, and its key.
pub(super) fn open(
    conn: &mut Conn,
    keyring: &Keyring,
    id: FileId,
    now: DateTime<Utc>,
) -> Result<(FileInfo, DataKey), FileError> {
    let row = file::table
        .find(id.uuid())
        .filter(file::state.eq("complete"))
        .filter(file::expires_at.gt(now))
        .select(FileRow::as_select())
        .first(conn)
        .optional()
        .map_err(db::Error::from)?
        .ok_or(FileError::Gone)?;
    let crypto = |error: CryptoError| FileError::Database(error.into());
    let key = DataKey::unwrap(keyring, &key_place(id), &row.wrapped).map_err(crypto)?;
    let name = keyring.open(&name_place(id), &row.name).map_err(crypto)?;
    let info = FileInfo {
        id,
        name: String::from_utf8_lossy(&name).into_owned(),
        content_type: row.content_type.unwrap_or_default(),
        bytes: row.byte_count.and_then(|n| n.try_into().ok()).unwrap_or(0),
        sha256: row.sha256.unwrap_or_default(),
    };
    Ok((info, key))
}

pub(super) fn chunk(conn: &mut Conn, id: FileId, position: u64) -> db::Result<Vec<u8>> {
    let position = i32::try_from(position).unwrap_or(i32::MAX);
    Ok(file_chunk::table
        .find((id.uuid(), position))
        .select(file_chunk::ciphertext)
        .first(conn)?)
}

/// Deletes files whose time is over and those that were never finished. Returns how many.
pub fn expire(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<usize> {
    let abandoned = now - Duration::hours(ABANDONED_AFTER_HOURS);
    Ok(diesel::delete(
        file::table.filter(
            file::expires_at.le(now).or(file::state
                .eq("writing")
                .and(file::created_at.le(abandoned))),
        ),
    )
    .execute(conn)?)
}
