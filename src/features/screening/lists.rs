//! Loading a list: read it whole or refuse it, compare it with the version before, and put the
//! difference in place in one transaction with its event.

use std::io::{self, Read};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::hit::ListId;
use super::listed::{EntryKind, ListedEntry};
use super::ofac::{self, OfacError, Warning};
use super::plain::{self, PlainError};
use super::store::lists::{self as store, NewList};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx};
use crate::foundation::db::{self, PoolKind};

/// Names of people who do not exist, for the demo.
pub const DEMO_LIST: &str = include_str!("demo_list.csv");
pub const DEMO_SOURCE: &str = "demo-invented";
pub const OFAC_SOURCE: &str = "ofac-sdn";

/// The event of a list that was put in place.
pub const LIST_LOADED: &str = "screening.list_loaded";

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Ofac(#[from] OfacError),
    #[error(transparent)]
    Plain(#[from] PlainError),
    #[error("the list is empty: that is not a list, but a mistake")]
    Empty,
    #[error("version {version} of {from} is newer than what was given ({given})")]
    Older {
        version: i32,
        from: NaiveDate,
        given: NaiveDate,
    },
    #[error("another load of the same list was faster; nothing was changed")]
    Raced,
    #[error(transparent)]
    Database(db::Error),
}

impl From<db::Error> for LoadError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unique { .. } => Self::Raced,
            other => Self::Database(other),
        }
    }
}

/// A list that was read and understood, not yet in place.
pub struct ReadList {
    source: &'static str,
    invented: bool,
    published: NaiveDate,
    sha256: [u8; 32],
    entries: Vec<ListedEntry>,
    pub warnings: Vec<Warning>,
}

/// What putting it in place did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub version: i32,
    pub sha256: [u8; 32],
    pub entries: usize,
    pub names: usize,
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    /// The very same files as last time: nothing was written.
    pub unchanged: bool,
}

/// Reads OFAC's three files.
pub fn read_ofac(
    sdn: impl Read,
    alt: impl Read,
    add: impl Read,
    published: NaiveDate,
) -> Result<ReadList, LoadError> {
    let (mut entries_in, mut aliases_in) = (Hashing::new(sdn), Hashing::new(alt));
    let mut addresses_in = Hashing::new(add);
    let mut entries = Vec::new();
    let warnings = ofac::read::<LoadError>(
        &mut entries_in,
        &mut aliases_in,
        &mut addresses_in,
        |entry| {
            entries.push(entry);
            Ok(())
        },
    )?;
    let mut digest = Sha256::new();
    for part in [
        addresses_in.finish(),
        aliases_in.finish(),
        entries_in.finish(),
    ] {
        digest.update(part);
    }
    Ok(ReadList {
        source: OFAC_SOURCE,
        invented: false,
        published,
        sha256: digest.finalize().into(),
        entries,
        warnings,
    })
}

/// Reads the demo's list, which is part of the program.
pub fn read_demo(published: NaiveDate) -> Result<ReadList, LoadError> {
    Ok(ReadList {
        source: DEMO_SOURCE,
        invented: true,
        published,
        sha256: Sha256::digest(DEMO_LIST).into(),
        entries: plain::read(DEMO_LIST.as_bytes())?,
        warnings: Vec::new(),
    })
}

/// Puts the demo's list in place; the second time nothing happens.
pub fn load_demo(services: &Services, actor: &Actor) -> Result<Loaded, LoadError> {
    let published = services.clock.now().date_naive();
    load(services, actor, read_demo(published)?)
}

/// Puts a list in place: entries that went are closed, those that changed are closed and opened
/// anew, the rest is untouched.
pub fn load(services: &Services, actor: &Actor, list: ReadList) -> Result<Loaded, LoadError> {
    if list.entries.is_empty() {
        return Err(LoadError::Empty);
    }
    let before = services.db.read_on(PoolKind::Jobs, |conn| {
        store::current_list(conn, list.source)
    })?;
    if let Some(before) = &before {
        if before.sha256 == list.sha256 {
            return Ok(Loaded::nothing_new(&list, before.version));
        }
        if before.published > list.published {
            return Err(LoadError::Older {
                version: before.version,
                from: before.published,
                given: list.published,
            });
        }
    }
    let version = before.map_or(1, |before| before.version + 1);
    services
        .audit
        .write_on(PoolKind::Jobs, actor, |tx| put_in_place(tx, &list, version))
}

fn put_in_place(tx: &mut Tx<'_>, list: &ReadList, version: i32) -> Result<Loaded, LoadError> {
    let mut before = store::current_hashes(tx, list.source)?;
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    let mut closed = Vec::new();
    for entry in &list.entries {
        match before.remove(&entry.reference) {
            None => added.push(entry),
            Some((id, hash)) if hash != entry.content_hash() => {
                closed.push(id);
                changed.push(entry);
            }
            Some(_) => {}
        }
    }
    let removed = before.len();
    closed.extend(before.into_values().map(|(id, _)| id));
    let names = list.entries.iter().map(|entry| entry.names.len()).sum();
    let loaded = Loaded {
        version,
        sha256: list.sha256,
        entries: list.entries.len(),
        names,
        added: added.len(),
        changed: changed.len(),
        removed,
        unchanged: false,
    };
    let id = ListId::new();
    let new = new_list(id, list, &loaded, tx);
    store::insert_list(tx, &new)?;
    store::close_entries(tx, &closed, version)?;
    added.extend(changed);
    store::insert_entries(tx, list.source, version, &added)?;
    tx.record(loaded_event(id, list, &loaded))?;
    Ok(loaded)
}

fn new_list(id: ListId, list: &ReadList, loaded: &Loaded, tx: &Tx<'_>) -> NewList {
    let of = |kind| {
        list.entries
            .iter()
            .filter(|entry| entry.kind == kind)
            .count()
    };
    NewList {
        id,
        source: list.source,
        version: loaded.version,
        published: list.published,
        loaded_at: tx.now(),
        loaded_by: tx.actor().to_string(),
        sha256: list.sha256,
        kinds: [
            of(EntryKind::Person),
            of(EntryKind::Company),
            of(EntryKind::Vessel),
            of(EntryKind::Aircraft),
        ],
        names: loaded.names,
        added: loaded.added,
        changed: loaded.changed,
        removed: loaded.removed,
        warnings: list.warnings.len(),
        invented: list.invented,
    }
}

fn loaded_event(id: ListId, list: &ReadList, loaded: &Loaded) -> Event {
    Event::new(LIST_LOADED, Subject::new("screening_list", id))
        .detail("source", list.source)
        .detail("version", loaded.version)
        .detail("published", list.published.to_string())
        .detail("sha256", hex::encode(loaded.sha256))
        .detail("entries", loaded.entries)
        .detail("names", loaded.names)
        .detail("added", loaded.added)
        .detail("changed", loaded.changed)
        .detail("removed", loaded.removed)
        .detail("warnings", list.warnings.len())
}

impl Loaded {
    fn nothing_new(list: &ReadList, version: i32) -> Self {
        Self {
            version,
            sha256: list.sha256,
            entries: list.entries.len(),
            names: list.entries.iter().map(|entry| entry.names.len()).sum(),
            added: 0,
            changed: 0,
            removed: 0,
            unchanged: true,
        }
    }
}

/// A reader that hashes what passes through it.
struct Hashing<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            digest: Sha256::new(),
        }
    }

    fn finish(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}
