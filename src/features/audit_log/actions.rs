//! The verbs: read (which is an event), ask for an export, fetch one.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ExportId;
use super::filter::{Asked, Filter, Unreadable, stated};
use super::store::{self, Export};
use crate::foundation::Services;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::{Event, FormKey, Log, NewJob, Subject, store as log};
use crate::foundation::auth::{Permission, Signed, Watch, people};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::files::FileReader;
use crate::foundation::kernel::Scope;
use crate::foundation::web::{self, Refusal};

/// The job that makes an export.
pub const MAKE_EXPORT: &str = "audit_log.make_export";

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

    pub const fn extension(self) -> &'static str {
        match self {
            Self::Verifiable => "tar",
            other => other.as_str(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

/// Turns what was typed into a filter: an e-mail address is looked up, and the reader's reach is added.
pub fn resolve(
    services: &Services,
    signed: &Signed,
    asked: &Asked,
    reach: &Scope,
) -> Result<Filter, web::Error> {
    let unreadable = |error: Unreadable| web::Error::Malformed(error.to_string());
    asked.check().map_err(unreadable)?;
    let actor = match stated(&asked.actor) {
        Some(typed) if typed.contains('@') => {
            let found = services
                .db
                .read(|conn| people::find_by_email(conn, typed))?;
            // Nobody acts under an empty id, so an unknown address finds nothing.
            Some(
                found
                    .map(|person| person.id.to_string())
                    .unwrap_or_default(),
            )
        }
        other => other.map(ToOwned::to_owned),
    };
    let mut filter = asked
        .resolve(signed.preferences.zone, actor, reach.ids())
        .map_err(unreadable)?;
    (filter.from, filter.until) = signed.watch().narrow(filter.from, filter.until);
    Ok(filter)
}

/// Reads the log, which is an event once per person and thing in a quarter of an hour. The event is
/// there before anything is shown; asking for what is not there is no reading.
pub fn read<T>(
    services: &Services,
    signed: &Signed,
    what: &Reading,
    work: impl Fn(&mut Conn) -> Result<T, web::Error>,
) -> Result<T, web::Error> {
    let token = services.keyring.token("audit_log:read", &what.key());
    let now = services.clock.now();
    let read = services.db.read(|conn| {
        let recent = store::recently_read(conn, signed.person, &token, now)?;
        if !recent {
            what.find(conn, signed)?;
        }
        recent.then(|| work(conn)).transpose()
    })?;
    if let Some(read) = read {
        return Ok(read);
    }
    note_reading(services, signed, what, &token)?;
    services.db.read(work)
}

fn note_reading(
    services: &Services,
    signed: &Signed,
    what: &Reading,
    token: &[u8; 32],
) -> db::Result<()> {
    let noted = services.audit.write(&signed.actor(), |tx| {
        let now = tx.now();
        if store::note_reading(tx, signed.person, token, now)? {
            tx.record(what.event(services))?;
        }
        Ok(())
    });
    match noted {
        // Another tab of the same person was faster, and its event stands for both.
        Err(db::Error::NoEvent) => Ok(()),
        other => other,
    }
}

/// What of the log is read.
pub enum Reading {
    Search(Filter),
    Event(u64),
}

impl Reading {
    /// Whether there is anything to read for this person.
    fn find(&self, conn: &mut Conn, signed: &Signed) -> Result<(), web::Error> {
        match self {
            Self::Search(_) => Ok(()),
            Self::Event(idx) => readable_event(conn, signed, *idx).map(drop),
        }
    }

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
        "reach": filter.reach,
    })
}

/// What was asked for, and the event that says so.
pub struct Asking {
    pub export: ExportId,
    pub event: Uuid,
}

impl Asking {
    /// Where whoever asked sees that the event is sealed, and goes on from.
    pub fn receipt(&self) -> String {
        format!(
            "/audit/receipts/{}?then=/audit/exports/{}",
            self.event, self.export
        )
    }
}

/// Whether somebody may see an export: whoever reaches everything sees all, others those in which
/// nothing is that they do not reach.
pub fn may_see(signed: &Signed, export: &Export) -> bool {
    let (reach, watch) = (signed.reach(), signed.watch());
    if *reach == Scope::All && watch.is_whole_log() {
        return true;
    }
    // Whatever it was filtered by, it is the whole log.
    if Format::parse(&export.format) == Some(Format::Verifiable) {
        return false;
    }
    let filter: Option<Filter> = serde_json::from_value(export.filter.clone()).ok();
    filter.is_some_and(|filter| {
        let within = match (reach, filter.reach) {
            (Scope::All, _) => true,
            (Scope::Only(_), None) => false,
            (Scope::Only(_), Some(ids)) => ids.iter().all(|id| reach.allows((*id).into())),
        };
        within && watch.covers_all(filter.from, filter.until)
    })
}

/// An export, if this person may see it.
pub fn visible_export(
    conn: &mut Conn,
    signed: &Signed,
    id: ExportId,
) -> Result<Export, web::Error> {
    let export = store::export(conn, id)?;
    if may_see(signed, &export) {
        Ok(export)
    } else {
        Err(web::Error::NotFound)
    }
}

/// Puts an export into the queue.
pub fn ask_for_export(
    services: &Services,
    signed: &Signed,
    format: Format,
    asked: &Asked,
    key: FormKey,
) -> Result<Asking, web::Error> {
    if format == Format::Verifiable && *signed.reach() != Scope::All {
        return Err(web::Error::Refused(Refusal::new(
            "export_beyond_reach",
            "A verifiable export is the whole log, and you see only some platforms.",
            "Ask somebody who audits all platforms, or export as CSV or NDJSON what you see.",
        )));
    }
    if format == Format::Verifiable && !signed.watch().is_whole_log() {
        return Err(web::Error::Refused(Refusal::new(
            "export_beyond_dates",
            "A verifiable export is the whole log, and your audit is limited to some dates.",
            "Export as CSV or NDJSON what you see, or ask an administrator for a wider audit.",
        )));
    }
    let id = ExportId::new();
    let reach = signed.view();
    let filter = resolve(services, signed, asked, &reach)?;
    services.audit.write(&signed.actor(), |tx| {
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
        let asking = Asking {
            export: id,
            event: tx.record(event)?,
        };
        tx.once(key, &asking.receipt())?;
        Ok(asking)
    })
}

/// Opens a finished export for its download, which is an event.
pub fn open_file(
    services: &Services,
    signed: &Signed,
    id: ExportId,
) -> Result<FileReader, web::Error> {
    let export = services.db.read(|conn| visible_export(conn, signed, id))?;
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

/// The event at this index, if the person may read it: one that is out of reach does not exist for them.
pub fn readable_event(conn: &mut Conn, signed: &Signed, idx: u64) -> Result<EventRow, web::Error> {
    let event = log::event(conn, Log::Main, idx)?;
    if may_read(signed.reach(), signed.watch(), &event) {
        Ok(event)
    } else {
        Err(web::Error::NotFound)
    }
}

/// What became of an event, for whoever caused it.
pub enum Receipt {
    /// Since when it waits for the seal.
    Waiting(DateTime<Utc>),
    Sealed(Box<EventRow>),
}

/// The receipt of an event. Until it is sealed nobody but who caused it knows its id; from then on the
/// event says whose it is.
pub fn receipt(conn: &mut Conn, signed: &Signed, event: Uuid) -> Result<Receipt, web::Error> {
    if let Some(idx) = log::index_of(conn, Log::Main, event)? {
        let row = log::event(conn, Log::Main, idx)?;
        let is_theirs = row.projection.actor_kind == "person"
            && row.projection.actor_id == signed.person.to_string();
        let reach = signed.reach_for(Permission::AuditRead);
        return if is_theirs || may_read(&reach, signed.watch(), &row) {
            Ok(Receipt::Sealed(Box::new(row)))
        } else {
            Err(web::Error::NotFound)
        };
    }
    let since = log::waits_since(conn, event)?;
    since.map(Receipt::Waiting).ok_or(web::Error::NotFound)
}

/// Whether an event is within reach and within the dates of an audit; one of no platform is for who reaches all.
pub fn may_read(reach: &Scope, watch: &Watch, event: &EventRow) -> bool {
    let within_reach = match event.projection.platform_id {
        Some(platform) => reach.allows(platform.into()),
        None => *reach == Scope::All,
    };
    within_reach && watch.covers(event.projection.recorded_at)
}
