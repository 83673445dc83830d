use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::Error;
use super::super::batch::{Batch, BatchId, Counts, State};
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::{intake_batch, intake_record};
use crate::foundation::db::{self, Conn};
use crate::foundation::files::FileId;
use crate::foundation::kernel::{PlatformId, Scope, SubjectId};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};

/// A batch that is about to come in.
pub struct NewBatch<'a> {
    pub id: BatchId,
    pub platform: PlatformId,
    pub source: &'static str,
    pub created_by: String,
    pub name: &'a str,
    pub sha256: Option<[u8; 32]>,
    pub file: Option<FileId>,
    pub ignore_unknown: bool,
    pub lines_total: Option<u64>,
}

fn name_place(id: BatchId) -> String {
    format!("intake_batch:name:{id}")
}

fn header_place(id: BatchId) -> String {
    format!("intake_batch:header:{id}")
}

pub fn insert(
    conn: &mut Conn,
    keyring: &Keyring,
    new: &NewBatch<'_>,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::insert_into(intake_batch::table)
        .values((
            intake_batch::id.eq(new.id.uuid()),
            intake_batch::platform_id.eq(new.platform.uuid()),
            intake_batch::source.eq(new.source),
            intake_batch::created_by.eq(&new.created_by),
            intake_batch::created_at.eq(now),
            intake_batch::name.eq(keyring.seal(&name_place(new.id), new.name.as_bytes())),
            intake_batch::sha256.eq(new.sha256.as_ref().map(<[u8; 32]>::as_slice)),
            intake_batch::file_id.eq(new.file.map(FileId::uuid)),
            intake_batch::ignore_unknown.eq(new.ignore_unknown),
            intake_batch::state.eq(State::Waiting.as_str()),
            intake_batch::lines_total.eq(new.lines_total.map(signed)),
            intake_batch::heard_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = intake_batch)]
struct BatchRow {
    id: Uuid,
    platform_id: Uuid,
    source: String,
    created_by: String,
    created_at: DateTime<Utc>,
    name: Vec<u8>,
    sha256: Option<Vec<u8>>,
    file_id: Option<Uuid>,
    ignore_unknown: bool,
    state: String,
    refusal: Option<String>,
    reader: i32,
    chunks: i32,
    rows_read: i64,
    lines_read: i64,
    lines_total: Option<i64>,
    added: i64,
    changed: i64,
    unchanged: i64,
    rejected: i64,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    heard_at: DateTime<Utc>,
    rejections_expired_at: Option<DateTime<Utc>>,
}

impl BatchRow {
    fn open(self, keyring: &Keyring) -> db::Result<Batch> {
        let id = BatchId::from(self.id);
        let name = keyring.open(&name_place(id), &self.name)?;
        Ok(Batch {
            id,
            platform: self.platform_id.into(),
            source: self.source,
            created_by: self.created_by,
            created_at: self.created_at,
            name: String::from_utf8_lossy(&name).into_owned(),
            sha256: self.sha256,
            file: self.file_id.map(FileId::from),
            ignore_unknown: self.ignore_unknown,
            state: State::parse(&self.state).unwrap_or(State::Waiting),
            refusal: self.refusal,
            reader: self.reader,
            chunks: self.chunks,
            rows_read: unsigned(self.rows_read),
            lines_read: unsigned(self.lines_read),
            lines_total: self.lines_total.map(unsigned),
            counts: Counts {
                added: unsigned(self.added),
                changed: unsigned(self.changed),
                unchanged: unsigned(self.unchanged),
                rejected: unsigned(self.rejected),
            },
            started_at: self.started_at,
            finished_at: self.finished_at,
            heard_at: self.heard_at,
            rejections_expired_at: self.rejections_expired_at,
        })
    }
}

pub fn batch(conn: &mut Conn, keyring: &Keyring, id: BatchId) -> db::Result<Option<Batch>> {
    intake_batch::table
        .find(id.uuid())
        .select(BatchRow::as_select())
        .first(conn)
        .optional()?
        .map(|row| row.open(keyring))
        .transpose()
}

/// The batch that took this file in, or is about to.
pub fn batch_of_file(
    conn: &mut Conn,
    platform: PlatformId,
    sha256: &[u8; 32],
) -> db::Result<Option<(BatchId, State)>> {
    let row: Option<(Uuid, String)> = intake_batch::table
        .filter(intake_batch::platform_id.eq(platform.uuid()))
        .filter(intake_batch::sha256.eq(sha256.as_slice()))
        .filter(intake_batch::state.eq_any(["waiting", "reading", "done"]))
        .select((intake_batch::id, intake_batch::state))
        .first(conn)
        .optional()?;
    Ok(row.map(|(id, state)| (id.into(), State::parse(&state).unwrap_or(State::Waiting))))
}

/// Gives an open batch the stored file that it is to be read from.
pub fn attach(conn: &mut Conn, id: BatchId, file: FileId, now: DateTime<Utc>) -> db::Result<()> {
    diesel::update(intake_batch::table.find(id.uuid()))
        .set((
            intake_batch::file_id.eq(file.uuid()),
            intake_batch::heard_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The batch, locked to the end of the transaction.
pub fn lock(conn: &mut Conn, keyring: &Keyring, id: BatchId) -> db::Result<Option<Batch>> {
    intake_batch::table
        .find(id.uuid())
        .select(BatchRow::as_select())
        .for_update()
        .first(conn)
        .optional()?
        .map(|row| row.open(keyring))
        .transpose()
}

/// Open batches whose readers have committed nothing since, the longest silent first.
pub fn silent(conn: &mut Conn, since: DateTime<Utc>, limit: i64) -> db::Result<Vec<BatchId>> {
    let ids: Vec<Uuid> = intake_batch::table
        .filter(intake_batch::state.eq_any(["waiting", "reading"]))
        .filter(intake_batch::heard_at.lt(since))
        .order(intake_batch::heard_at)
        .select(intake_batch::id)
        .limit(limit)
        .load(conn)?;
    Ok(ids.into_iter().map(BatchId::from).collect())
}

/// Batches of the platforms in reach, newest first.
pub fn batches(
    conn: &mut Conn,
    keyring: &Keyring,
    scope: &Scope,
    cursor: Option<&Cursor<Uuid>>,
) -> db::Result<Page<Batch>> {
    let mut query = intake_batch::table
        .select(BatchRow::as_select())
        .limit(page_limit())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(intake_batch::platform_id.eq_any(platforms));
    }
    query = match cursor {
        Some(cursor) if cursor.direction == Direction::Previous => query
            .filter(intake_batch::id.gt(cursor.key))
            .order(intake_batch::id.asc()),
        Some(cursor) => query
            .filter(intake_batch::id.lt(cursor.key))
            .order(intake_batch::id.desc()),
        None => query.order(intake_batch::id.desc()),
    };
    let rows: Vec<BatchRow> = query.load(conn)?;
    let batches = rows
        .into_iter()
        .map(|row| row.open(keyring))
        .collect::<db::Result<Vec<_>>>()?;
    Ok(Page::from_rows(batches, cursor, |batch| batch.id.uuid()))
}

pub(super) fn page_limit() -> i64 {
    i64::try_from(PAGE_ROWS).unwrap_or(50) + 1
}

/// Makes the caller the batch's reader. Whoever read it before changes nothing more.
pub fn claim(
    conn: &mut Conn,
    keyring: &Keyring,
    id: BatchId,
    now: DateTime<Utc>,
) -> Result<Batch, Error> {
    use diesel::dsl::sql;
    use diesel::sql_types::{Nullable, Timestamptz};
    let claimed = diesel::update(
        intake_batch::table
            .find(id.uuid())
            .filter(intake_batch::state.eq_any(["waiting", "reading"])),
    )
    .set((
        intake_batch::reader.eq(intake_batch::reader + 1),
        intake_batch::state.eq(State::Reading.as_str()),
        intake_batch::heard_at.eq(now),
        intake_batch::started_at.eq(sql::<Nullable<Timestamptz>>("coalesce(started_at, ")
            .bind::<Timestamptz, _>(now)
            .sql(")")),
    ))
    .execute(conn)
    .map_err(db::Error::from)?;
    if claimed == 0 {
        return Err(Error::Closed);
    }
    Ok(batch(conn, keyring, id)?.ok_or(db::Error::NotFound)?)
}

/// Adds a chunk's outcome to the batch, if the caller is still its reader.
pub fn advance(
    conn: &mut Conn,
    batch: &Batch,
    counts: Counts,
    row: u64,
    line: u64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let changed = diesel::update(ours(batch))
        .set((
            intake_batch::heard_at.eq(now),
            intake_batch::chunks.eq(intake_batch::chunks + 1),
            intake_batch::rows_read.eq(signed(row)),
            intake_batch::lines_read.eq(signed(line)),
            intake_batch::added.eq(intake_batch::added + signed(counts.added)),
            intake_batch::changed.eq(intake_batch::changed + signed(counts.changed)),
            intake_batch::unchanged.eq(intake_batch::unchanged + signed(counts.unchanged)),
            intake_batch::rejected.eq(intake_batch::rejected + signed(counts.rejected)),
        ))
        .execute(conn)
        .map_err(db::Error::from)?;
    held(changed)
}

/// Since when the oldest batch waits to be read to its end.
pub fn waiting_since(conn: &mut Conn) -> db::Result<Option<DateTime<Utc>>> {
    Ok(intake_batch::table
        .filter(intake_batch::state.eq_any(["waiting", "reading"]))
        .select(diesel::dsl::min(intake_batch::created_at))
        .first(conn)?)
}

/// Ends the reading, as `state`.
pub fn close(
    conn: &mut Conn,
    batch: &Batch,
    state: State,
    sha256: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let changed = diesel::update(ours(batch))
        .set((
            intake_batch::state.eq(state.as_str()),
            intake_batch::finished_at.eq(now),
            sha256.map(|sha256| intake_batch::sha256.eq(sha256)),
        ))
        .execute(conn)
        .map_err(db::Error::from)?;
    held(changed)
}

/// Ends the reading before its first row, and says why.
pub fn refuse(conn: &mut Conn, batch: &Batch, why: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let changed = diesel::update(ours(batch))
        .set((
            intake_batch::state.eq(State::Refused.as_str()),
            intake_batch::refusal.eq(why),
            intake_batch::finished_at.eq(now),
        ))
        .execute(conn)
        .map_err(db::Error::from)?;
    held(changed)
}

/// Keeps the first row of the file, for the download of rejected rows.
pub fn keep_header(
    conn: &mut Conn,
    keyring: &Keyring,
    batch: &Batch,
    header: &[u8],
) -> Result<(), Error> {
    let changed = diesel::update(ours(batch))
        .set(intake_batch::header.eq(keyring.seal(&header_place(batch.id), header)))
        .execute(conn)
        .map_err(db::Error::from)?;
    held(changed)
}

/// The first row of the file; `None` for NDJSON.
pub fn header(conn: &mut Conn, keyring: &Keyring, id: BatchId) -> db::Result<Option<Vec<u8>>> {
    let sealed: Option<Vec<u8>> = intake_batch::table
        .find(id.uuid())
        .select(intake_batch::header)
        .first(conn)?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let header = keyring.open(&header_place(id), &sealed)?;
    Ok((!header.is_empty()).then_some(header))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn ours(batch: &Batch) -> _ {
    let id: Uuid = batch.id.uuid();
    let reader: i32 = batch.reader;
    intake_batch::table
        .filter(intake_batch::id.eq(id))
        .filter(intake_batch::reader.eq(reader))
        .filter(intake_batch::state.eq("reading"))
}

fn held(changed: usize) -> Result<(), Error> {
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::TakenOver)
    }
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A batch that spoke of a subject, and what it did.
#[derive(Clone, Debug)]
pub struct SubjectBatch {
    pub batch: BatchId,
    pub name: String,
    pub row: i64,
    pub outcome: String,
    pub at: DateTime<Utc>,
}

/// The latest batches that spoke of a subject.
pub fn batches_of(
    conn: &mut Conn,
    keyring: &Keyring,
    subject: SubjectId,
) -> db::Result<Vec<SubjectBatch>> {
    type Row = (Uuid, Vec<u8>, i64, String, DateTime<Utc>);
    let rows: Vec<Row> = intake_record::table
        .inner_join(intake_batch::table)
        .filter(intake_record::subject_id.eq(subject.uuid()))
        .order(intake_record::batch_id.desc())
        .select((
            intake_batch::id,
            intake_batch::name,
            intake_record::row_number,
            intake_record::outcome,
            intake_batch::created_at,
        ))
        .limit(20)
        .load(conn)?;
    rows.into_iter()
        .map(|(id, name, row, outcome, at)| {
            let batch = BatchId::from(id);
            let name = keyring.open(&name_place(batch), &name)?;
            Ok(SubjectBatch {
                batch,
                name: String::from_utf8_lossy(&name).into_owned(),
                row,
                outcome,
                at,
            })
        })
        .collect()
}
