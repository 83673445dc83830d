use std::collections::{HashMap, HashSet};

use askama::Template;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::actions::{Format, MOST_WAITING, Receipt, Seal, may_read};
use super::filter::{Asked, OUTCOMES};
use super::proof::Proof;
use super::store::Export;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::projection::{Body, details_as_they_stand};
use crate::foundation::audit::store::{StoredAnchor, StoredCheckpoint};
use crate::foundation::auth::{Permission, Signed, Watch, people};
use crate::foundation::db::{self, Conn};
use crate::foundation::jobs::JobView;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp, Problems, filters};

pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

fn choice(value: impl Into<String>, label: impl Into<String>, chosen: &str) -> Choice {
    let value = value.into();
    Choice {
        label: label.into(),
        chosen: value == chosen,
        value,
    }
}

/// Who stands behind the actors' ids.
pub struct Names(HashMap<PersonId, String>);

impl Names {
    pub fn load(conn: &mut Conn, events: &[EventRow]) -> db::Result<Self> {
        let person = |event: &EventRow| {
            let is_person = event.projection.actor_kind == "person";
            is_person
                .then(|| event.projection.actor_id.parse().ok())
                .flatten()
        };
        let ids: HashSet<PersonId> = events.iter().filter_map(person).collect();
        people::names(conn, &Vec::from_iter(ids)).map(Self)
    }

    fn actor(&self, event: &EventRow) -> String {
        let id = &event.projection.actor_id;
        let name = id.parse().ok().and_then(|id: PersonId| self.0.get(&id));
        name.unwrap_or(id).clone()
    }
}

fn lamp_of(outcome: &str) -> Lamp {
    match outcome {
        "success" => Lamp::Clear,
        "denied" => Lamp::Yellow,
        _ => Lamp::Red,
    }
}

fn word_of(outcome: &str) -> String {
    let known = OUTCOMES.iter().find(|(value, _)| *value == outcome);
    known.map_or_else(|| outcome.to_owned(), |(_, label)| (*label).to_owned())
}

/// One line of the list.
pub struct Line {
    pub idx: u64,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub actor: String,
    pub actor_kind: String,
    pub actor_filter: String,
    pub subject_kind: String,
    pub subject: String,
    pub subject_filter: String,
    pub platform: String,
    pub lamp: Lamp,
    pub outcome: String,
    pub details: Vec<(String, String)>,
}

impl Line {
    /// The subject as a column has room for it.
    fn subject_short(&self) -> String {
        end_of(&self.subject)
    }

    fn new(event: &EventRow, names: &Names, platforms: &[(Uuid, String)]) -> Self {
        let columns = &event.projection;
        let filter = |name: &str, value: &str| {
            let mut asked = Asked::default();
            match name {
                "actor" => value.clone_into(&mut asked.actor),
                _ => value.clone_into(&mut asked.subject),
            }
            format!("/audit?{}", asked.query())
        };
        Self {
            idx: event.idx,
            at: columns.recorded_at,
            kind: columns.kind.clone(),
            actor: names.actor(event),
            actor_kind: columns.actor_kind.replace('_', " "),
            actor_filter: filter("actor", &columns.actor_id),
            subject_kind: columns.subject_kind.replace('_', " "),
            subject: columns.subject_id.clone(),
            subject_filter: filter("subject", &columns.subject_id),
            platform: platform_name(columns.platform_id, platforms),
            lamp: lamp_of(&columns.outcome),
            outcome: word_of(&columns.outcome),
            details: details(event),
        }
    }
}

/// The end of an id, which tells it from its neighbours; the beginning is the moment at which it was made.
fn end_of(id: &str) -> String {
    match (Uuid::try_parse(id), id.rsplit_once('-')) {
        (Ok(_), Some((_, end))) => format!("…{end}"),
        _ => id.to_owned(),
    }
}

fn platform_name(id: Option<Uuid>, platforms: &[(Uuid, String)]) -> String {
    let found = platforms.iter().find(|(known, _)| Some(*known) == id);
    found
        .map(|(_, name)| name.clone())
        .or(id.map(|id| id.to_string()))
        .unwrap_or_default()
}

fn details(event: &EventRow) -> Vec<(String, String)> {
    let shown = |value: &serde_json::Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned)
    };
    details_as_they_stand(&event.body)
        .iter()
        .map(|(name, value)| (name.replace('_', " "), shown(value)))
        .collect()
}

/// What the database had for the list.
pub struct Found {
    pub events: Page<EventRow>,
    pub names: Names,
    pub kinds: Vec<String>,
    pub platforms: Vec<(Uuid, String)>,
    pub seal: Seal,
}

#[derive(Template)]
#[template(path = "audit_log/list.html")]
pub struct List {
    chrome: Chrome,
    asked: Asked,
    filtered: bool,
    lines: Vec<Line>,
    kinds: Vec<String>,
    outcomes: Vec<Choice>,
    platforms: Vec<Choice>,
    sealed: SealLine,
    /// What of the log the reader is shown, where it is not all of it.
    within: Watch,
    export_href: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

impl List {
    pub fn new(chrome: Chrome, signed: &Signed, asked: Asked, found: Found) -> Self {
        let query = asked.query();
        let link = |cursor: Option<String>| {
            cursor.map(|cursor| {
                format!(
                    "/audit?{query}{}cursor={cursor}",
                    if query.is_empty() { "" } else { "&" }
                )
            })
        };
        let events = &found.events.items;
        Self {
            lines: events
                .iter()
                .map(|event| Line::new(event, &found.names, &found.platforms))
                .collect(),
            outcomes: OUTCOMES
                .iter()
                .map(|(value, label)| choice(*value, *label, &asked.outcome))
                .collect(),
            platforms: found
                .platforms
                .iter()
                .map(|(id, name)| choice(id.to_string(), name, &asked.platform))
                .collect(),
            export_href: signed
                .may(Permission::AuditExport)
                .then(|| format!("/audit/exports?{query}#new")),
            previous: link(found.events.previous),
            next: link(found.events.next),
            kinds: found.kinds,
            sealed: SealLine::new(&found.seal),
            within: signed.watch().clone(),
            filtered: !asked.is_empty(),
            chrome,
            asked,
        }
    }
}

/// "Sealed to #41, last checkpoint 12:03; 2 waiting".
pub struct SealLine {
    pub last: Option<u64>,
    pub at: Option<DateTime<Utc>>,
    pub waiting: String,
}

impl SealLine {
    fn new(seal: &Seal) -> Self {
        let waiting = match seal.waiting {
            0 => String::new(),
            count if count >= MOST_WAITING => {
                format!("more than {} waiting for the seal", MOST_WAITING - 1)
            }
            count => format!("{count} waiting for the seal"),
        };
        Self {
            last: seal.size.checked_sub(1),
            at: seal.sealed_at,
            waiting,
        }
    }
}

#[derive(Template)]
#[template(path = "audit_log/event.html")]
pub struct EventPage {
    chrome: Chrome,
    line: Line,
    id: String,
    request: String,
    commitments: usize,
    body: String,
    proof: Option<Proof>,
    claim: String,
}

impl EventPage {
    pub fn new(
        chrome: Chrome,
        (event, names, platforms, proof): (EventRow, Names, Vec<(Uuid, String)>, Option<Proof>),
    ) -> Self {
        let parsed = Body::parse(&event.body).ok();
        Self {
            chrome,
            line: Line::new(&event, &names, &platforms),
            id: event.projection.id.simple().to_string(),
            request: parsed
                .as_ref()
                .and_then(Body::request)
                .unwrap_or_default()
                .to_owned(),
            commitments: parsed.map_or(0, |body| body.commitments.len()),
            body: String::from_utf8_lossy(&event.body).into_owned(),
            claim: proof.as_ref().map(Proof::claim).unwrap_or_default(),
            proof,
        }
    }
}

/// How an export stands.
pub struct ExportLine {
    pub export: Export,
    pub label: &'static str,
    pub lamp: Lamp,
    pub word: &'static str,
}

impl ExportLine {
    fn new(export: Export, job: Option<&JobView>) -> Self {
        let (lamp, word) = match (&export.result, job) {
            (Some(_), _) => (Lamp::Clear, "Ready"),
            (None, Some(job)) if job.state.is_open() => (Lamp::Blue, "Being made"),
            _ => (Lamp::Red, "Not made"),
        };
        let label = Format::parse(&export.format).map_or("", Format::label);
        Self {
            export,
            label,
            lamp,
            word,
        }
    }
}

#[derive(Template)]
#[template(path = "audit_log/exports.html")]
pub struct Exports {
    chrome: Chrome,
    asked: Asked,
    filtered: bool,
    lines: Vec<ExportLine>,
    formats: Vec<(&'static str, &'static str)>,
    /// Whether the reader sees all platforms, and so may have the whole log.
    whole: bool,
    problems: Problems,
}

impl Exports {
    pub fn new(
        chrome: Chrome,
        asked: Asked,
        exports: Vec<Export>,
        jobs: Vec<Option<JobView>>,
        whole: bool,
    ) -> Self {
        let line = |(export, job): (Export, Option<JobView>)| ExportLine::new(export, job.as_ref());
        Self {
            chrome,
            filtered: !asked.is_empty(),
            asked,
            lines: exports.into_iter().zip(jobs).map(line).collect(),
            whole,
            formats: Format::ALL
                .iter()
                .filter(|format| whole || **format != Format::Verifiable)
                .map(|format| (format.as_str(), format.label()))
                .collect(),
            problems: Problems::default(),
        }
    }
}

#[derive(Template)]
#[template(path = "audit_log/export.html")]
pub struct ExportPage {
    chrome: Chrome,
    line: ExportLine,
    job: Option<JobView>,
}

impl ExportPage {
    pub fn new(chrome: Chrome, export: Export, job: Option<JobView>) -> Self {
        Self {
            chrome,
            line: ExportLine::new(export, job.as_ref()),
            job,
        }
    }
}

/// Where the log stands, for the page on verifying.
pub struct Standing {
    pub seal: Seal,
    pub origin: Option<String>,
    pub checkpoint: Option<StoredCheckpoint>,
    /// The newest of each place.
    pub anchors: Vec<StoredAnchor>,
    /// How far the application has checked it by itself.
    pub check: Option<super::checking::Standing>,
}

#[derive(Template)]
#[template(path = "audit_log/verify.html")]
pub struct Verify {
    pub chrome: Chrome,
    pub standing: Standing,
    /// Application, sealer and database run under one system user.
    pub one_user: bool,
    /// The folders of anchors.
    pub anchors: Vec<String>,
}

#[derive(Template)]
#[template(path = "audit_log/receipt.html")]
pub struct ReceiptPage {
    chrome: Chrome,
    event: String,
    /// Since when it waits; nothing once it is sealed.
    waiting: Option<DateTime<Utc>>,
    sealed: Option<SealedLine>,
    then: Option<String>,
}

struct SealedLine {
    idx: u64,
    kind: String,
    at: DateTime<Utc>,
    href: Option<String>,
}

impl ReceiptPage {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        event: Uuid,
        receipt: Receipt,
        then: Option<&str>,
    ) -> Self {
        let (waiting, sealed) = match receipt {
            Receipt::Waiting(since) => (Some(since), None),
            Receipt::Sealed(row) => {
                let reach = signed.reach_for(Permission::AuditRead);
                let may_read = may_read(&reach, signed.watch(), &row);
                let line = SealedLine {
                    idx: row.idx,
                    at: row.projection.recorded_at,
                    href: may_read.then(|| format!("/audit/events/{}", row.idx)),
                    kind: row.projection.kind,
                };
                (None, Some(line))
            }
        };
        Self {
            chrome,
            event: event.simple().to_string(),
            waiting,
            sealed,
            then: then.map(ToOwned::to_owned),
        }
    }
}
