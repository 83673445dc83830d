//! The verbs: read (which is an event), ask for an export, fetch one.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ExportId;
use super::archive::archive;
use super::filter::{Asked, Filter, stated};
use super::rows;
use super::store::{self, Export};
use crate::foundation::Services;
use crate::foundation::audit::export::{ExportError, ExportRequest};
use crate::foundation::audit::{Actor, Event, FormKey, Log, NewJob, Subject, Tx, store as log};
use crate::foundation::auth::{Signed, people};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::files::{FileReader, FileWriter, NewFile, Stored};
use crate::foundation::jobs::{JobContext, JobError};
use crate::foundation::kernel::PersonId;
use crate::foundation::web;

/// The job that makes an export.
pub const MAKE_EXPORT: &str = "audit_log.make_export";

/// How long a finished export can be fetched.
const KEEP: TimeDelta = TimeDelta::days(7);

const LIMIT_BYTES: u64 = 16 << 30;

/// Events read in one go for CSV and NDJSON.
const CHUNK_EVENTS: i64 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
    Verifiable,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Verifiable, Self::Csv, Self::Ndjson];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Verifiable => "verifiable",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::Csv => "CSV, for spreadsheets",
            Self::Ndjson => "NDJSON, for programs",
            Self::Verifiable => "Verifiable: the whole log with its proofs",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Verifiable => "tar",
            other => other.as_str(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

/// Turns what was typed into a filter: an e-mail address is looked up.
pub fn resolve(conn: &mut Conn, signed: &Signed, asked: &Asked) -> Result<Filter, web::Error> {
    let actor = match stated(&asked.actor) {
        Some(typed) if typed.contains('@') => {
            let found = people::find_by_email(conn, typed)?;
            // Nobody acts under an empty id, so an unknown address finds nothing.
            Some(
                found
                    .map(|person| person.id.to_string())
                    .unwrap_or_default(),
            )
        }
        other => other.map(ToOwned::to_owned),
    };
    let platform = stated(&asked.platform).and_then(|id| id.parse().ok());
    asked
        .resolve(signed.zone, actor, platform)
        .map_err(|error| web::Error::Malformed(error.to_string()))
}

/// Reads the log, which is an event once per person and thing in a quarter of an hour.
pub fn read<T>(
    services: &Services,
    signed: &Signed,
    what: &Reading,
    work: impl FnOnce(&mut Conn) -> Result<T, web::Error>,
) -> Result<T, web::Error> {
    let token = services.keyring.token("audit_log:read", &what.key());
    let now = services.clock.now();
    let recent = services
        .db
        .read(|conn| store::recently_read(conn, signed.person, &token, now))?;
    if recent {
        return services.db.read(work);
    }
    services.audit.write(&signed.actor(), |tx| {
        store::note_reading(tx, signed.person, &token, now)?;
        tx.record(what.event(services))?;
        work(tx)
    })
}

/// What of the log is read.
pub enum Reading {
    Search(Filter),
    Event(u64),
}

impl Reading {
    fn key(&self) -> String {
        match self {
            Self::Search(filter) => json!(filter).to_string(),
            Self::Event(idx) => format!("#{idx}"),
        }
    }

    fn event(&self, services: &Services) -> Event {
        match self {
            Self::Search(filter) => {
                Event::new("audit_log.searched", Subject::new("audit_log", "main"))
                    .detail("filter", loggable(services, filter))
            }
            Self::Event(idx) => {
                Event::new("audit_log.event_read", Subject::new("audit_event", idx))
            }
        }
    }
}

/// The filter as it may stand in an event. Somebody may have typed a name: what does not look like
/// an id or a code is kept as a keyed hash.
fn loggable(services: &Services, filter: &Filter) -> Value {
    let text = |typed: &Option<String>| {
        typed.as_ref().map(|typed| {
            let is_code = typed.len() <= 64
                && typed
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
            let has_digit_or_dot = typed.bytes().any(|b| b.is_ascii_digit() || b == b'.');
            if is_code && has_digit_or_dot {
                typed.clone()
            } else {
                format!(
                    "keyed:{}",
                    hex::encode(services.keyring.token("audit_log:typed", typed))
                )
            }
        })
    };
    json!({
        "actor": text(&filter.actor),
        "kind": text(&filter.kind),
        "subject": text(&filter.subject),
        "outcome": filter.outcome,
        "platform": filter.platform,
        "from": filter.from,
        "until": filter.until,
    })
}

/// Puts an export into the queue.
pub fn ask_for_export(
    services: &Services,
    signed: &Signed,
    format: Format,
    asked: &Asked,
    key: FormKey,
) -> Result<ExportId, web::Error> {
    let id = ExportId::new();
    let filter = services.db.read(|conn| resolve(conn, signed, asked))?;
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/audit/exports/{id}"))?;
        let job = NewJob::new(MAKE_EXPORT, json!({"export": id}));
        let export = Export {
            id,
            person: signed.person,
            job: job.id().into(),
            format: format.as_str().to_owned(),
            filter: json!(filter),
            asked_at: tx.now(),
            result: None,
        };
        store::add_export(tx, &export)?;
        tx.enqueue(&job)?;
        let event = Event::new("audit_log.export_requested", Subject::new("export", id))
            .detail("format", format.as_str())
            .detail("filter", loggable(services, &filter));
        tx.record(event)?;
        Ok(id)
    })
}

/// Opens a finished export for its download, which is an event.
pub fn open_file(
    services: &Services,
    signed: &Signed,
    id: ExportId,
) -> Result<FileReader, web::Error> {
    let export = services.db.read(|conn| store::export(conn, id))?;
    let result = export.result.ok_or(web::Error::NotFound)?;
    let reader = FileReader::open(services, PoolKind::Exports, result.file)?;
    services
        .audit
        .write::<_, web::Error>(&signed.actor(), |tx| {
            let event = Event::new("audit_log.export_downloaded", Subject::new("export", id))
                .detail("sha256", result.sha256.as_str());
            tx.record(event)?;
            Ok(())
        })?;
    Ok(reader)
}

/// The job: makes the file and registers it. Run again, it starts again; finished, it does nothing.
pub fn make_export(context: &JobContext, id: ExportId) -> Result<(), JobError> {
    let export = context.read(|conn| Ok(store::export(conn, id)?))?;
    if export.result.is_some() {
        return Ok(());
    }
    let format = Format::parse(&export.format).ok_or_else(|| hopeless("an unknown format"))?;
    let actor = Actor::person(export.person);
    let services = &context.services;
    let new = NewFile {
        purpose: "export",
        name: &format!("signalbox-audit-{id}.{}", format.extension()),
        created_by: &actor,
        limit_bytes: LIMIT_BYTES,
        keep: KEEP,
    };
    let mut writer = FileWriter::create(services, &new).map_err(failed)?;
    let events = match format {
        Format::Verifiable => write_verifiable(context, export.person, id, &mut writer)?,
        Format::Csv | Format::Ndjson => write_rows(context, &export, format, &mut writer)?,
    };
    let stored = writer.finish().map_err(failed)?;
    context.write_as(&actor, |tx| register(tx, id, &stored, events))
}

fn register(tx: &mut Tx<'_>, id: ExportId, stored: &Stored, events: u64) -> Result<(), JobError> {
    let now = tx.now();
    stored.keep(tx)?;
    store::finish_export(tx, id, stored, events, now)?;
    let event = Event::new("audit_log.export_made", Subject::new("export", id))
        .detail("events", events)
        .detail("sha256", hex::encode(stored.sha256));
    tx.record(event)?;
    Ok(())
}

fn write_rows(
    context: &JobContext,
    export: &Export,
    format: Format,
    writer: &mut FileWriter,
) -> Result<u64, JobError> {
    let filter: Filter =
        serde_json::from_value(export.filter.clone()).map_err(|e| hopeless(&e.to_string()))?;
    let head = context.read(|conn| Ok(log::head(conn, Log::Main)?))?;
    if format == Format::Csv {
        writer.write(rows::CSV_HEADER.as_bytes()).map_err(failed)?;
    }
    let mut after = -1;
    let mut written = 0;
    loop {
        let chunk = context.services.db.read_on(PoolKind::Exports, |conn| {
            store::next_events(conn, &filter, after, head.size.cast_signed(), CHUNK_EVENTS)
        })?;
        let Some(last) = chunk.last() else {
            return Ok(written);
        };
        after = last.idx.cast_signed();
        for event in &chunk {
            let line = match format {
                Format::Csv => rows::csv_line(event).map_err(failed)?,
                Format::Ndjson | Format::Verifiable => rows::ndjson_line(event),
            };
            writer.write(&line).map_err(failed)?;
        }
        written += chunk.len() as u64;
        context.progress(written, None)?;
    }
}

/// Makes the verifiable export in a folder of its own, packs it, and removes the folder.
fn write_verifiable(
    context: &JobContext,
    person: PersonId,
    id: ExportId,
    writer: &mut FileWriter,
) -> Result<u64, JobError> {
    let services = &context.services;
    let folder = services
        .config
        .data_dir
        .join("exports")
        .join(id.to_string());
    remove_folder(&folder).map_err(failed)?;
    let request = ExportRequest {
        log: Log::Main,
        from: None,
        to: None,
        disclose: false,
    };
    let made = services.audit.export(
        &Actor::person(person),
        &request,
        &folder,
        &mut |done, total| context.progress(done, Some(total)).is_ok(),
    );
    let outcome = match made {
        Ok(exported) => {
            let packed = archive(&folder, "signalbox-audit", &mut |piece| {
                writer.write(piece).map_err(std::io::Error::other)
            });
            packed.map(|()| exported.manifest.count).map_err(failed)
        }
        Err(ExportError::Cancelled) => context
            .check()
            .map_err(JobError::from)
            .and(Err(failed("interrupted"))),
        Err(ExportError::NothingSealed) => Err(hopeless(
            "nothing has been sealed yet: the sealer is not running",
        )),
        Err(error) => Err(failed(error)),
    };
    remove_folder(&folder).map_err(failed)?;
    outcome
}

fn remove_folder(folder: &std::path::Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(error: impl std::fmt::Display) -> JobError {
    JobError::Failed(error.to_string())
}

fn hopeless(why: &str) -> JobError {
    JobError::Hopeless(why.to_owned())
}

/// What the pages say about the seal.
pub struct Seal {
    pub size: u64,
    pub sealed_at: Option<DateTime<Utc>>,
    pub waiting: i64,
}

/// More waiting events than this are "more than".
pub const MOST_WAITING: i64 = 1_000;

pub fn seal(conn: &mut Conn) -> db::Result<Seal> {
    let head = log::head(conn, Log::Main)?;
    Ok(Seal {
        size: head.size,
        sealed_at: head.sealed_at,
        waiting: log::waiting(conn, Log::Main, MOST_WAITING)?,
    })
}
