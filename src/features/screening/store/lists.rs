//! Lists and entries.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::screening::hit::{EntryId, ListId};
use crate::features::screening::listed::ListedEntry;
use crate::foundation::db::schema::{screening_confirmation, screening_entry, screening_list};
use crate::foundation::db::{self, Conn};

/// Rows sent in one statement; PostgreSQL takes at most 65,535 parameters.
const ROWS_AT_ONCE: usize = 1_000;
/// Versions shown of one list.
const MAX_VERSIONS: i64 = 200;

/// A version of a list, as pages show it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = screening_list)]
pub struct ListRow {
    #[diesel(deserialize_as = Uuid)]
    pub id: ListId,
    pub source: String,
    pub version: i32,
    pub published: NaiveDate,
    pub loaded_at: DateTime<Utc>,
    pub loaded_by: String,
    pub sha256: Vec<u8>,
    pub people: i32,
    pub companies: i32,
    pub vessels: i32,
    pub aircraft: i32,
    pub names: i32,
    pub added: i32,
    pub changed: i32,
    pub removed: i32,
    pub warnings: i32,
    pub invented: bool,
    files: serde_json::Value,
    notes: serde_json::Value,
    pub drop_accepted: Option<String>,
}

/// A file that a version was read from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileDigest {
    /// `sdn`, `alt`, `add`, or `list`.
    pub name: String,
    /// In hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
    pub bytes: u64,
}

impl ListRow {
    /// One SHA-256 for each file; empty for versions from before they were kept.
    pub fn files(&self) -> Vec<FileDigest> {
        serde_json::from_value(self.files.clone()).unwrap_or_default()
    }

    /// What was odd about the files, in words.
    pub fn notes(&self) -> Vec<String> {
        serde_json::from_value(self.notes.clone()).unwrap_or_default()
    }
}

/// The latest day on which the files of a version were published again.
#[derive(Clone, Debug)]
pub struct Confirmation {
    pub published: NaiveDate,
    pub at: DateTime<Utc>,
}

/// The newest confirmation of each version that has one.
pub fn confirmations(conn: &mut Conn) -> db::Result<HashMap<(String, i32), Confirmation>> {
    type Row = (String, i32, NaiveDate, DateTime<Utc>);
    let rows: Vec<Row> = screening_confirmation::table
        .distinct_on((
            screening_confirmation::source,
            screening_confirmation::version,
        ))
        .order((
            screening_confirmation::source,
            screening_confirmation::version,
            screening_confirmation::published.desc(),
        ))
        .select((
            screening_confirmation::source,
            screening_confirmation::version,
            screening_confirmation::published,
            screening_confirmation::confirmed_at,
        ))
        .load(conn)?;
    let found = rows.into_iter().map(|(source, version, published, at)| {
        ((source, version), Confirmation { published, at })
    });
    Ok(found.collect())
}

pub fn confirm(
    conn: &mut Conn,
    source: &str,
    version: i32,
    published: NaiveDate,
    by: &str,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::insert_into(screening_confirmation::table)
        .values((
            screening_confirmation::source.eq(source),
            screening_confirmation::version.eq(version),
            screening_confirmation::published.eq(published),
            screening_confirmation::confirmed_at.eq(now),
            screening_confirmation::confirmed_by.eq(by),
        ))
        .execute(conn)?;
    Ok(())
}

/// One load of a source at a time, to the end of the transaction.
pub fn lock_source(conn: &mut Conn, source: &str) -> db::Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('screening list'), hashtext($1))")
        .bind::<diesel::sql_types::Text, _>(source)
        .execute(conn)?;
    Ok(())
}

pub struct NewList {
    pub id: ListId,
    pub source: String,
    pub version: i32,
    pub published: NaiveDate,
    pub loaded_at: DateTime<Utc>,
    pub loaded_by: String,
    pub sha256: [u8; 32],
    /// People, companies, vessels, aircraft.
    pub kinds: [usize; 4],
    pub names: usize,
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub warnings: usize,
    pub invented: bool,
    pub files: Vec<FileDigest>,
    pub notes: Vec<String>,
    pub drop_accepted: Option<String>,
}

/// What the next load of a list has to know of the last one.
pub struct LastList {
    pub version: i32,
    /// Or confirmed, if that was later.
    pub published: NaiveDate,
    pub sha256: [u8; 32],
    pub names: i32,
}

/// An entry as it stands now.
pub struct CurrentRow {
    pub id: EntryId,
    pub source: String,
    pub hash: Vec<u8>,
    pub content: ListedEntry,
}

pub fn current_list(conn: &mut Conn, source: &str) -> db::Result<Option<LastList>> {
    let row: Option<(i32, NaiveDate, Vec<u8>, i32)> = screening_list::table
        .filter(screening_list::source.eq(source))
        .order(screening_list::version.desc())
        .select((
            screening_list::version,
            screening_list::published,
            screening_list::sha256,
            screening_list::names,
        ))
        .first(conn)
        .optional()?;
    let Some((version, published, sha256, names)) = row else {
        return Ok(None);
    };
    let confirmed: Option<NaiveDate> = screening_confirmation::table
        .filter(screening_confirmation::source.eq(source))
        .filter(screening_confirmation::version.eq(version))
        .select(diesel::dsl::max(screening_confirmation::published))
        .first(conn)?;
    Ok(Some(LastList {
        version,
        published: confirmed.map_or(published, |confirmed| confirmed.max(published)),
        sha256: sha256.try_into().unwrap_or_default(),
        names,
    }))
}

/// The newest version of each list.
pub fn current_lists(conn: &mut Conn) -> db::Result<Vec<ListRow>> {
    Ok(screening_list::table
        .distinct_on(screening_list::source)
        .order((screening_list::source, screening_list::version.desc()))
        .select(ListRow::as_select())
        .load(conn)?)
}

/// Every version of every list, the newest first.
pub fn all_lists(conn: &mut Conn) -> db::Result<Vec<ListRow>> {
    Ok(screening_list::table
        .order((screening_list::loaded_at.desc(), screening_list::id.desc()))
        .limit(MAX_VERSIONS)
        .select(ListRow::as_select())
        .load(conn)?)
}

pub fn current_hashes(
    conn: &mut Conn,
    source: &str,
) -> db::Result<HashMap<String, (EntryId, Vec<u8>)>> {
    let rows: Vec<(String, Uuid, Vec<u8>)> = screening_entry::table
        .filter(screening_entry::source.eq(source))
        .filter(screening_entry::until_version.is_null())
        .select((
            screening_entry::reference,
            screening_entry::id,
            screening_entry::content_hash,
        ))
        .load(conn)?;
    let found = rows
        .into_iter()
        .map(|(reference, id, hash)| (reference, (EntryId::from(id), hash)));
    Ok(found.collect())
}

/// All current entries of all lists, in an order that does not change between processes.
pub fn current_entries(conn: &mut Conn) -> db::Result<Vec<CurrentRow>> {
    let rows: Vec<(Uuid, String, Vec<u8>, serde_json::Value)> = screening_entry::table
        .filter(screening_entry::until_version.is_null())
        .order((screening_entry::source, screening_entry::reference))
        .select((
            screening_entry::id,
            screening_entry::source,
            screening_entry::content_hash,
            screening_entry::content,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, source, hash, content)| {
            Ok(CurrentRow {
                id: id.into(),
                source,
                hash,
                content: parse(content)?,
            })
        })
        .collect()
}

/// Entries by id, as hits were made from them, whether they still stand or not.
pub fn entries(conn: &mut Conn, ids: &[EntryId]) -> db::Result<HashMap<EntryId, ListedEntry>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, serde_json::Value)> = screening_entry::table
        .filter(screening_entry::id.eq_any(ids))
        .select((screening_entry::id, screening_entry::content))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, content)| Ok((id.into(), parse(content)?)))
        .collect()
}

fn parse(content: serde_json::Value) -> db::Result<ListedEntry> {
    serde_json::from_value(content).map_err(|error| {
        db::Error::Query(diesel::result::Error::DeserializationError(error.into()))
    })
}

pub fn insert_list(conn: &mut Conn, list: &NewList) -> db::Result<()> {
    let [people, companies, vessels, aircraft] = list.kinds.map(count);
    diesel::insert_into(screening_list::table)
        .values((
            screening_list::id.eq(list.id.uuid()),
            screening_list::source.eq(&list.source),
            screening_list::version.eq(list.version),
            screening_list::published.eq(list.published),
            screening_list::loaded_at.eq(list.loaded_at),
            screening_list::loaded_by.eq(&list.loaded_by),
            screening_list::sha256.eq(list.sha256.as_slice()),
            screening_list::people.eq(people),
            screening_list::companies.eq(companies),
            screening_list::vessels.eq(vessels),
            screening_list::aircraft.eq(aircraft),
            screening_list::names.eq(count(list.names)),
            screening_list::added.eq(count(list.added)),
            screening_list::changed.eq(count(list.changed)),
            screening_list::removed.eq(count(list.removed)),
            screening_list::warnings.eq(count(list.warnings)),
            screening_list::invented.eq(list.invented),
            screening_list::files.eq(serde_json::json!(list.files)),
            screening_list::notes.eq(serde_json::json!(list.notes)),
            screening_list::drop_accepted.eq(&list.drop_accepted),
        ))
        .execute(conn)?;
    Ok(())
}

/// Lists are limited far below what an integer holds.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub fn close_entries(conn: &mut Conn, ids: &[EntryId], until: i32) -> db::Result<()> {
    for ids in ids.chunks(ROWS_AT_ONCE) {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        diesel::update(screening_entry::table.filter(screening_entry::id.eq_any(ids)))
            .set(screening_entry::until_version.eq(until))
            .execute(conn)?;
    }
    Ok(())
}

pub fn insert_entries(
    conn: &mut Conn,
    source: &str,
    since: i32,
    entries: &[&ListedEntry],
) -> db::Result<()> {
    for entries in entries.chunks(ROWS_AT_ONCE) {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    screening_entry::id.eq(EntryId::new().uuid()),
                    screening_entry::source.eq(source),
                    screening_entry::reference.eq(&entry.reference),
                    screening_entry::kind.eq(entry.kind.as_str()),
                    screening_entry::content.eq(serde_json::json!(entry)),
                    screening_entry::content_hash.eq(entry.content_hash().to_vec()),
                    screening_entry::since_version.eq(since),
                )
            })
            .collect();
        diesel::insert_into(screening_entry::table)
            .values(rows)
            .execute(conn)?;
    }
    Ok(())
}
