//! Loading a list: compare it with the version before, refuse it, or put the difference in place in
//! one transaction with its event.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::hit::ListId;
use super::listed::EntryKind;
use super::ofac::OfacError;
use super::plain::PlainError;
use super::policy::{self as policy_rows, ListsPolicy};
pub use super::read::{
    DEMO_LIST, DEMO_SOURCE, OFAC_SOURCE, ReadList, is_source, is_taken, read_demo, read_ofac,
    read_plain,
};
use super::store::lists::{self as store, FileDigest, NewList};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::files::FileError;
use crate::foundation::jobs::{Interrupted, JobContext};
use crate::foundation::policy::{self, InForce, PolicyError};

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
    #[error("the list cannot have been published on {given}: today is {today}")]
    Future { given: NaiveDate, today: NaiveDate },
    #[error(
        "{lost} of {of} {what} would vanish, which is more than the {percent} % that policy allows; \
         that is most often a broken download. If the list really is that much shorter, say so and \
         why"
    )]
    Dropped {
        what: &'static str,
        lost: usize,
        of: usize,
        percent: u16,
    },
    #[error("another load of the same list was faster; nothing was changed")]
    Raced,
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Database(db::Error),
}

impl LoadError {
    /// Whether the list is at fault: trying again changes nothing.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Raced | Self::Policy(_) | Self::Interrupted(_) | Self::Database(_)
        ) && !self.is_broken_read()
    }

    /// A stored file that breaks off is our trouble, though the reader of CSV is told of it.
    fn is_broken_read(&self) -> bool {
        let csv = match self {
            Self::Ofac(OfacError::Csv { source, .. }) => source,
            Self::Plain(PlainError::Csv(source)) => source,
            Self::File(error) => return !matches!(error, FileError::Gone),
            _ => return false,
        };
        csv.is_io_error()
    }
}

impl From<db::Error> for LoadError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unique { .. } => Self::Raced,
            other => Self::Database(other),
        }
    }
}

/// Who puts a list in place.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Why a list that is much shorter than the one before is right all the same.
    pub accept_drop: Option<String>,
    /// Who asked for it, where that is not the actor.
    pub asked_by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new version is in place.
    Loaded,
    /// The very same files, published again later: the version holds on.
    Confirmed,
    /// The very same files of the same day: nothing was written.
    Unchanged,
}

/// What putting it in place did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    pub outcome: Outcome,
    pub version: i32,
    /// Over the hashes of all files; each has its own in `files`.
    pub sha256: [u8; 32],
    pub files: Vec<FileDigest>,
    pub entries: usize,
    pub names: usize,
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub warnings: usize,
    pub notes: Vec<String>,
}

/// Puts the demo's list in place; the second time nothing happens.
pub fn load_demo(services: &Services, actor: &Actor) -> Result<Loaded, LoadError> {
    let published = services.clock.now().date_naive();
    load(services, actor, &read_demo(published)?, &Order::default())
}

/// Puts a list in place: entries that went are closed, those that changed are closed and opened
/// anew, the rest is untouched.
pub fn load(
    services: &Services,
    actor: &Actor,
    list: &ReadList,
    order: &Order,
) -> Result<Loaded, LoadError> {
    load_by(services, list, |place| {
        services
            .audit
            .write_on(PoolKind::Jobs, actor, |tx| place(tx, order))
    })
}

/// [`load`] in a job, which writes only while it is its own.
pub fn load_in(context: &JobContext, list: &ReadList, order: &Order) -> Result<Loaded, LoadError> {
    load_by(&context.services, list, |place| {
        context.write_as(&Actor::job(context.kind()), |tx| place(tx, order))
    })
}

type Place<'a> = &'a dyn Fn(&mut Tx<'_>, &Order) -> Result<Loaded, LoadError>;

fn load_by(
    services: &Services,
    list: &ReadList,
    write: impl FnOnce(Place<'_>) -> Result<Loaded, LoadError>,
) -> Result<Loaded, LoadError> {
    let now = services.clock.now();
    let today = now.date_naive();
    if list.published > today {
        let given = list.published;
        return Err(LoadError::Future { given, today });
    }
    if list.entries.is_empty() {
        return Err(LoadError::Empty);
    }
    let (before, rules) = services.db.read_on(PoolKind::Jobs, |conn| {
        let rules: InForce<ListsPolicy> = policy::at(conn, policy_rows::LISTS, now)?;
        Ok::<_, LoadError>((store::current_list(conn, &list.source)?, rules))
    })?;
    // Nothing to write means no transaction: one without an event would be refused.
    if let Some(before) = &before
        && before.sha256 == list.sha256
        && before.published == list.published
    {
        return Ok(loaded(list, Outcome::Unchanged, before.version));
    }
    write(&|tx, order| place(tx, list, order, rules.value))
}

/// Decides on the locked source what becomes of the list, and does it.
fn place(
    tx: &mut Tx<'_>,
    list: &ReadList,
    order: &Order,
    rules: ListsPolicy,
) -> Result<Loaded, LoadError> {
    store::lock_source(tx, &list.source)?;
    let Some(before) = store::current_list(tx, &list.source)? else {
        return put_in_place(tx, list, order, 1);
    };
    if before.published > list.published {
        return Err(LoadError::Older {
            version: before.version,
            from: before.published,
            given: list.published,
        });
    }
    if before.sha256 == list.sha256 {
        if before.published == list.published {
            return Err(LoadError::Raced);
        }
        return confirm(tx, list, order, before.version);
    }
    if order.accept_drop.is_none() {
        let names_before = usize::try_from(before.names).unwrap_or(0);
        let names = list.entries.iter().map(|entry| entry.names.len()).sum();
        check_drop(
            "names",
            names_before.saturating_sub(names),
            names_before,
            rules,
        )?;
        let known = store::current_hashes(tx, &list.source)?;
        let there: HashSet<&str> = list.entries.iter().map(|e| e.reference.as_str()).collect();
        let lost = known.keys().filter(|known| !there.contains(known.as_str()));
        check_drop("entries", lost.count(), known.len(), rules)?;
    }
    put_in_place(tx, list, order, before.version + 1)
}

fn check_drop(
    what: &'static str,
    lost: usize,
    of: usize,
    rules: ListsPolicy,
) -> Result<(), LoadError> {
    let percent = rules.accept_drop_percent;
    if lost * 100 > of * usize::from(percent) {
        return Err(LoadError::Dropped {
            what,
            lost,
            of,
            percent,
        });
    }
    Ok(())
}

fn asked_by(tx: &Tx<'_>, order: &Order) -> String {
    let asked = order.asked_by.clone();
    asked.unwrap_or_else(|| tx.actor().to_string())
}

/// The files are those of the version that is in place: it holds on from a later day.
fn confirm(
    tx: &mut Tx<'_>,
    list: &ReadList,
    order: &Order,
    version: i32,
) -> Result<Loaded, LoadError> {
    let (now, by) = (tx.now(), asked_by(tx, order));
    store::confirm(tx, &list.source, version, list.published, &by, now)?;
    let about = Subject::new("screening_list", format!("{}/{version}", list.source));
    tx.record(
        Event::new("screening.list_confirmed", about)
            .detail("source", list.source.as_str())
            .detail("version", version)
            .detail("published", list.published.to_string())
            .detail("asked_by", order.asked_by.clone())
            .detail("sha256", hex::encode(list.sha256)),
    )?;
    Ok(loaded(list, Outcome::Confirmed, version))
}

fn loaded(list: &ReadList, outcome: Outcome, version: i32) -> Loaded {
    Loaded {
        outcome,
        version,
        sha256: list.sha256,
        files: list.files.clone(),
        entries: list.entries.len(),
        names: list.entries.iter().map(|entry| entry.names.len()).sum(),
        added: 0,
        changed: 0,
        removed: 0,
        warnings: list.odd.total,
        notes: list.odd.notes(),
    }
}

fn put_in_place(
    tx: &mut Tx<'_>,
    list: &ReadList,
    order: &Order,
    version: i32,
) -> Result<Loaded, LoadError> {
    let mut before = store::current_hashes(tx, &list.source)?;
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
    let loaded = Loaded {
        added: added.len(),
        changed: changed.len(),
        removed,
        ..loaded(list, Outcome::Loaded, version)
    };
    let id = ListId::new();
    let new = new_list(id, list, order, &loaded, tx);
    store::insert_list(tx, &new)?;
    store::close_entries(tx, &closed, version)?;
    added.extend(changed);
    store::insert_entries(tx, &list.source, version, &added)?;
    tx.record(loaded_event(id, list, order, &loaded))?;
    Ok(loaded)
}

fn new_list(id: ListId, list: &ReadList, order: &Order, loaded: &Loaded, tx: &Tx<'_>) -> NewList {
    let of = |kind| {
        list.entries
            .iter()
            .filter(|entry| entry.kind == kind)
            .count()
    };
    NewList {
        id,
        source: list.source.clone(),
        version: loaded.version,
        published: list.published,
        loaded_at: tx.now(),
        loaded_by: asked_by(tx, order),
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
        warnings: loaded.warnings,
        invented: list.invented,
        files: loaded.files.clone(),
        notes: loaded.notes.clone(),
        drop_accepted: order.accept_drop.clone(),
    }
}

fn loaded_event(id: ListId, list: &ReadList, order: &Order, loaded: &Loaded) -> Event {
    let files = loaded.files.iter();
    let files: Vec<_> = files.map(|f| format!("{} {}", f.sha256, f.name)).collect();
    Event::new(LIST_LOADED, Subject::new("screening_list", id))
        .detail("source", list.source.as_str())
        .detail("version", loaded.version)
        .detail("published", list.published.to_string())
        .detail("asked_by", order.asked_by.clone())
        .detail("drop_accepted", order.accept_drop.is_some())
        .detail("sha256", hex::encode(loaded.sha256))
        .detail("files", files)
        .detail("entries", loaded.entries)
        .detail("names", loaded.names)
        .detail("added", loaded.added)
        .detail("changed", loaded.changed)
        .detail("removed", loaded.removed)
        .detail("warnings", loaded.warnings)
}
