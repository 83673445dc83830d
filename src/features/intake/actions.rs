//! What people and programs do with intake.

use std::io::{BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use uuid::Uuid;

use super::batch::{Batch, BatchId, State};
use super::desk::Desk;
use super::events::Why;
use super::names;
use super::reading::{self, search_token};
use super::store::{self, Filter, NewBatch, Platform, SubjectLine, SubjectRecord};
use super::{Error, events};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, ActorKind, Event, FormKey, NewJob, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::files::upload::LineCount;
use crate::foundation::files::{FileReader, Stored};
use crate::foundation::jobs::{self, Interrupted, JobContext, Stop};
use crate::foundation::kernel::SubjectId;
use crate::foundation::web::paging::{Cursor, Page};

/// Largest upload. The command line has no limit.
pub const UPLOAD_LIMIT_BYTES: u64 = 512_000_000;
/// How long an uploaded file is kept, for questions about what was in it.
pub const KEEP_UPLOAD: Duration = Duration::days(30);

/// A file to be taken in.
pub struct Order<'a> {
    pub platform: &'a Platform,
    pub name: &'a str,
    pub ignore_unknown: bool,
    /// Where it could be counted beforehand.
    pub lines_total: Option<u64>,
}

/// What came of handing a file in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    New(BatchId),
    /// The same bytes were handed in before.
    Known(BatchId, State),
    /// They were handed in before and nobody was reading them any more: the reading goes on.
    Resumed(BatchId),
}

impl Received {
    pub fn batch(self) -> BatchId {
        match self {
            Self::New(id) | Self::Known(id, _) | Self::Resumed(id) => id,
        }
    }
}

/// Registers a file that somebody reads at once, at the command line.
pub fn receive(
    desk: &impl Desk,
    order: &Order<'_>,
    sha256: Option<[u8; 32]>,
) -> Result<Received, Error> {
    desk.write(|tx| {
        store::lock_platform(tx, order.platform.id)?;
        if let Some(sha256) = &sha256
            && let Some((id, state)) = store::batch_of_file(tx, order.platform.id, sha256)?
        {
            tx.record(events::repeated(id, order.platform.id))?;
            return Ok(Received::Known(id, state));
        }
        let new = NewBatch {
            id: BatchId::new(),
            platform: order.platform.id,
            source: "command_line",
            created_by: tx.actor().to_string(),
            name: order.name,
            sha256,
            file: None,
            ignore_unknown: order.ignore_unknown,
            lines_total: order.lines_total,
        };
        insert(tx, &new)?;
        Ok(Received::New(new.id))
    })
}

/// Registers an uploaded file and queues its reading. The form's key makes a double submit one.
pub fn receive_upload(
    services: &Services,
    actor: &Actor,
    order: &Order<'_>,
    file: &Stored,
    key: impl Into<FormKey>,
) -> Result<Received, Error> {
    let received = services.audit.write(actor, |tx| {
        tx.reach(order.platform.id)?;
        store::lock_platform(tx, order.platform.id)?;
        if let Some((id, state)) = store::batch_of_file(tx, order.platform.id, &file.sha256)? {
            if resume(tx, id, Some(file))? {
                tx.record(events::resumed(id, order.platform.id))?;
                return Ok(Received::Resumed(id));
            }
            tx.record(events::repeated(id, order.platform.id))?;
            return Ok(Received::Known(id, state));
        }
        let id = BatchId::new();
        tx.once(key, &format!("/intake/{id}"))?;
        file.keep(tx)?;
        let new = NewBatch {
            id,
            platform: order.platform.id,
            source: if actor.kind() == ActorKind::Key {
                "api"
            } else {
                "upload"
            },
            created_by: actor.to_string(),
            name: order.name,
            sha256: Some(file.sha256),
            file: Some(file.id),
            ignore_unknown: order.ignore_unknown,
            lines_total: order.lines_total,
        };
        insert(tx, &new)?;
        enqueue_reading(tx, id)?;
        Ok(Received::New(id))
    });
    if !matches!(received, Ok(Received::New(_))) {
        // Where nothing was registered, nobody needs the bytes.
        file.discard(services)?;
    }
    received
}

fn enqueue_reading(tx: &mut Tx<'_>, id: BatchId) -> db::Result<()> {
    let payload = serde_json::json!({ "batch": id });
    tx.enqueue(&NewJob::new(events::READ_BATCH, payload).key(id.to_string()))?;
    Ok(())
}

/// Queues the reading of an open batch that nobody reads. `file` are the same bytes, in case those
/// of the batch are not stored. `false`: somebody reads it, or there is nothing to read from.
pub(super) fn resume(tx: &mut Tx<'_>, id: BatchId, file: Option<&Stored>) -> Result<bool, Error> {
    let (now, keyring) = (tx.now(), tx.keyring());
    let Some(batch) = store::lock(tx, keyring, id)?.filter(|batch| batch.state.is_open()) else {
        return Ok(false);
    };
    // Somebody at the command line has no job, and may be reading just now.
    let at_the_command_line = batch.source == "command_line" && !batch.is_silent(now);
    if at_the_command_line || jobs::open_of(tx, events::READ_BATCH, &id.to_string())?.is_some() {
        return Ok(false);
    }
    match (batch.file, file) {
        (Some(_), _) => {}
        (None, Some(file)) => {
            file.keep(tx)?;
            store::attach(tx, id, file.id, now)?;
        }
        (None, None) => return Ok(false),
    }
    enqueue_reading(tx, id)?;
    Ok(true)
}

fn insert(tx: &mut Tx<'_>, new: &NewBatch<'_>) -> Result<(), Error> {
    let now = tx.now();
    let keyring = tx.keyring();
    store::insert_batch(tx, keyring, new, now)?;
    let batch = store::batch(tx, keyring, new.id)?.ok_or(db::Error::NotFound)?;
    tx.record(events::received(&batch))?;
    Ok(())
}

/// Reads an uploaded file, or goes on reading it.
pub fn read_upload(context: &JobContext, id: BatchId) -> Result<(), Error> {
    let services = &context.services;
    let batch = services.db.read_on(PoolKind::Jobs, |conn| {
        store::batch(conn, &services.keyring, id)
    })?;
    let Some(batch) = batch.filter(|batch| batch.state.is_open()) else {
        return Ok(());
    };
    let file = batch.file.ok_or(Error::Closed)?;
    let reader = FileReader::open(services, PoolKind::Jobs, file)?;
    match reading::read(context, id, BufReader::new(reader), || None) {
        Err(Error::Interrupted(Interrupted::Cancelled)) => {
            services
                .audit
                .write_on(PoolKind::Jobs, &Actor::job(context.kind()), |tx| {
                    end(tx, id, Why::Asked)
                })?;
            Err(Interrupted::Cancelled.into())
        }
        outcome => outcome.map(|_| ()),
    }
}

/// Stops a batch where it is. What has been taken in stays.
pub(super) fn end(tx: &mut Tx<'_>, id: BatchId, why: Why) -> Result<(), Error> {
    let (now, keyring) = (tx.now(), tx.keyring());
    let batch = store::claim(tx, keyring, id, now)?;
    store::close(tx, &batch, State::Cancelled, None, now)?;
    tx.record(events::cancelled(&batch, why))?;
    Ok(())
}

/// Stops the reading of a batch, whoever reads it: a job is asked to, a command line finds that the
/// batch is not its own any more.
pub fn cancel(services: &Services, actor: &Actor, id: BatchId, key: FormKey) -> Result<(), Error> {
    services.audit.write(actor, |tx| {
        let (now, keyring) = (tx.now(), tx.keyring());
        let batch = store::batch(tx, keyring, id)?.ok_or(db::Error::NotFound)?;
        tx.reach(batch.platform)?;
        tx.once(key, &format!("/intake/{id}"))?;
        if !batch.state.is_open() {
            return Err(Error::Closed);
        }
        // The job before the batch: a reader holds its job when it writes to the batch.
        let job = jobs::open_of(tx, events::READ_BATCH, &id.to_string())?;
        let stop = match job {
            Some(job) => jobs::request_cancel(tx, job, now)?,
            None => None,
        };
        if stop == Some(Stop::Asked) {
            tx.record(events::cancel_requested(&batch))?;
            return Ok(());
        }
        end(tx, id, Why::Asked)
    })
}

/// Digest and number of lines of something that can be read twice.
pub fn survey(mut from: impl Read) -> Result<([u8; 32], u64), Error> {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    let mut lines = LineCount::default();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((digest.finalize().into(), lines.total()));
        }
        digest.update(&buffer[..read]);
        lines.see(&buffer[..read]);
    }
}

/// What somebody asked for on the list of subjects.
#[derive(Clone, Debug)]
pub struct Search {
    pub text: String,
    pub filter: Filter,
}

/// Longest text that is searched for, in characters.
const SEARCH_CHARS: usize = 300;

fn search_place(signed: &Signed) -> String {
    format!("subject:search:{}", signed.person)
}

/// What somebody typed, as it may stand in an address: names and numbers of people do not belong
/// into histories and logs, so it is sealed, for this person only.
pub fn seal_search(services: &Services, signed: &Signed, text: &str) -> String {
    let text: String = text.trim().chars().take(SEARCH_CHARS).collect();
    let sealed = services
        .keyring
        .seal(&search_place(signed), text.as_bytes());
    URL_SAFE_NO_PAD.encode(sealed)
}

/// What [`seal_search`] sealed; `None` where it was sealed for somebody else.
pub fn open_search(services: &Services, signed: &Signed, sealed: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let text = services.keyring.open(&search_place(signed), &sealed).ok()?;
    String::from_utf8(text).ok()
}

/// A page of subjects. Looking through customers is itself recorded.
pub fn search(
    services: &Services,
    signed: &Signed,
    search: Search,
    cursor: Option<&Cursor<Uuid>>,
) -> Result<Page<SubjectLine>, Error> {
    let keyring = &services.keyring;
    let Search { text, mut filter } = search;
    let asked = format!("{text}\n{filter:?}");
    let what = keyring.token("subject:search", &asked);
    let text = text.trim().to_owned();
    read_recorded(
        services,
        signed,
        &what,
        events::subjects_searched(&what),
        |conn| {
            if !text.is_empty() {
                narrow(conn, services, &mut filter, &text)?;
            }
            Ok(store::search(conn, keyring, &filter, cursor)?)
        },
    )
}

/// An outside id is taken as such where there is one; else the text is names, an address or a
/// number.
fn narrow(
    conn: &mut Conn,
    services: &Services,
    filter: &mut Filter,
    text: &str,
) -> Result<(), Error> {
    if store::has_external_id(conn, &filter.scope, text)? {
        filter.external_id = Some(text.to_owned());
        return Ok(());
    }
    let keyring = &services.keyring;
    let token = |term: &names::Term| search_token(keyring, term).to_vec();
    filter.tokens = names::query(text)
        .iter()
        .map(|alternatives| alternatives.iter().map(token).collect())
        .collect();
    if filter.tokens.is_empty() {
        // Nothing in it can be searched for, so it finds nobody rather than everybody.
        filter.tokens.push(Vec::new());
    }
    Ok(())
}

/// Everything about one subject; reading it is recorded.
pub fn subject(
    services: &Services,
    signed: &Signed,
    id: SubjectId,
) -> Result<Option<SubjectRecord>, Error> {
    let keyring = &services.keyring;
    let platform = services.db.read(|conn| store::platform_of(conn, id))?;
    let Some(platform) = platform else {
        return Ok(None);
    };
    let what = keyring.token("subject:read", &id.to_string());
    let event = events::subject_read(id, platform);
    read_recorded(services, signed, &what, event, |conn| {
        Ok(store::records(conn, keyring, &[id])?.pop())
    })
}

/// Reads what it is an event to read: once per person and thing in a quarter of an hour. The event is there
/// before anything is read.
fn read_recorded<T>(
    services: &Services,
    signed: &Signed,
    what: &[u8; 32],
    event: Event,
    work: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<T, Error> {
    let now = services.clock.now();
    let recent = services
        .db
        .read(|conn| store::recently_read(conn, signed.person, what, now))?;
    if !recent {
        note_reading(services, signed, what, event)?;
    }
    services.db.read_for(PoolKind::Web, &signed.actor(), work)
}

/// Writes the event of a reading, unless it stands in the log already.
pub fn note_reading(
    services: &Services,
    signed: &Signed,
    what: &[u8; 32],
    event: Event,
) -> db::Result<()> {
    let noted = services.audit.write(&signed.actor(), |tx| {
        let now = tx.now();
        if store::note_reading(tx, signed.person, what, now)? {
            tx.record(event)?;
        }
        Ok(())
    });
    match noted {
        // Another tab of the same person was faster, and its event stands for both.
        Err(db::Error::NoEvent) => Ok(()),
        other => other,
    }
}

/// The batch whose rejected rows somebody is about to download; that is recorded.
pub fn open_rejected(
    services: &Services,
    signed: &Signed,
    id: BatchId,
) -> Result<Option<(Batch, Option<Vec<u8>>)>, Error> {
    let keyring = &services.keyring;
    let batch = services.db.read(|conn| store::batch(conn, keyring, id))?;
    let Some(batch) = batch.filter(|batch| signed.reach().allows(batch.platform)) else {
        return Ok(None);
    };
    let what = keyring.token("intake:rejected", &id.to_string());
    let event = events::rejected_read(&batch);
    let header = read_recorded(services, signed, &what, event, |conn| {
        Ok(store::header(conn, keyring, id)?)
    })?;
    Ok(Some((batch, header)))
}
