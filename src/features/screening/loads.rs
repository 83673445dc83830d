//! Lists that somebody uploads: stored, then read and put in place by a job with the same code as at
//! the command line.

use std::io::BufReader;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lists::{self, LoadError, Loaded, Order, Outcome};
use super::store::loads as store;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, NewJob, Subject};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::files::{FileId, FileReader, Stored};
use crate::foundation::jobs::{JobContext, JobError, Lane, Registry};

crate::typed_id!(
    /// A list that somebody uploaded.
    LoadId,
);

/// The kind of job that puts an uploaded list in place: `{"load": id}`.
pub const LOAD_LIST: &str = "screening.load_list";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ofac,
    Plain,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ofac => "ofac",
            Self::Plain => "plain",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ofac, Self::Plain]
            .into_iter()
            .find(|format| format.as_str() == text)
    }

    /// The fields of the form that hold its files.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Ofac => &["sdn", "alt", "add"],
            Self::Plain => &["list"],
        }
    }
}

/// A stored file of a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadFile {
    pub name: String,
    pub file: FileId,
    pub sha256: String,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Ended(Outcome),
    Refused,
}

/// A load as it stands.
#[derive(Clone, Debug)]
pub struct Load {
    pub id: LoadId,
    pub format: Format,
    pub source: String,
    pub published: NaiveDate,
    pub accept_drop: Option<String>,
    pub files: Vec<LoadFile>,
    pub asked_by: String,
    pub asked_at: DateTime<Utc>,
    pub state: State,
    pub refusal: Option<String>,
    pub result: Option<Loaded>,
}

/// What the form asks for.
pub struct NewLoad<'a> {
    pub format: Format,
    pub source: &'a str,
    pub published: NaiveDate,
    pub accept_drop: Option<&'a str>,
    /// Each with the field that it came in.
    pub files: Vec<(&'static str, &'a Stored)>,
}

/// Registers the files and queues their loading.
pub fn ask(
    services: &Services,
    actor: &Actor,
    new: &NewLoad<'_>,
    key: impl Into<FormKey>,
) -> db::Result<LoadId> {
    services.audit.write(actor, |tx| {
        let id = LoadId::new();
        tx.once(key, &format!("/screening/lists/loads/{id}"))?;
        let mut files = Vec::new();
        for (name, stored) in &new.files {
            stored.keep(tx)?;
            files.push(LoadFile {
                name: (*name).to_owned(),
                file: stored.id,
                sha256: hex::encode(stored.sha256),
                bytes: stored.bytes,
            });
        }
        let (now, by) = (tx.now(), tx.actor().to_string());
        store::insert(tx, id, new, &files, &by, now)?;
        let payload = json!({ "load": id });
        tx.enqueue(&NewJob::new(LOAD_LIST, payload).key(id.to_string()))?;
        let digests: Vec<_> = files
            .iter()
            .map(|file| format!("{} {}", file.sha256, file.name))
            .collect();
        tx.record(
            Event::new(
                "screening.list_uploaded",
                Subject::new("screening_load", id),
            )
            .detail("format", new.format.as_str())
            .detail("source", new.source)
            .detail("published", new.published.to_string())
            .detail("drop_accepted", new.accept_drop.is_some())
            .detail("files", digests),
        )?;
        Ok(id)
    })
}

pub fn register(registry: &mut Registry) {
    registry
        .handle(LOAD_LIST, load_list)
        .lane(Lane::HEAVY)
        .attempts(5);
}

#[derive(Deserialize)]
struct Payload {
    load: LoadId,
}

fn load_list(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let Payload { load } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    context.result(&format!("/screening/lists/loads/{load}"))?;
    let found = context.read(|conn| Ok(store::find(conn, load)?))?;
    let Some(load) = found.filter(|load| load.state == State::Waiting) else {
        return Ok(());
    };
    match put_in_place(context, &load) {
        Ok(loaded) => finish(context, &load, Ok(loaded)),
        Err(LoadError::Interrupted(why)) => Err(why.into()),
        Err(LoadError::Database(error)) => Err(error.into()),
        Err(error) if error.is_refusal() => finish(context, &load, Err(error.to_string())),
        Err(error) => Err(JobError::Failed(error.to_string())),
    }
}

/// Steps of the progress bar: reading, putting in place, done.
const STEPS: u64 = 3;

fn put_in_place(context: &JobContext, load: &Load) -> Result<Loaded, LoadError> {
    let step = |done| context.progress_as::<LoadError>(done, Some(STEPS));
    step(0)?;
    let open = |name: &str| {
        let file = load.files.iter().find(|file| file.name == name);
        let file = file.ok_or(crate::foundation::files::FileError::Gone)?;
        let reader = FileReader::open(&context.services, PoolKind::Jobs, file.file)?;
        Ok::<_, LoadError>(BufReader::new(reader))
    };
    let list = match load.format {
        Format::Ofac => lists::read_ofac(open("sdn")?, open("alt")?, open("add")?, load.published)?,
        Format::Plain => lists::read_plain(&load.source, open("list")?, load.published)?,
    };
    step(1)?;
    let order = Order {
        accept_drop: load.accept_drop.clone(),
        asked_by: Some(load.asked_by.clone()),
    };
    let loaded = lists::load_in(context, &list, &order)?;
    step(STEPS)?;
    Ok(loaded)
}

/// A job that was killed between the load and this runs again and finds the list unchanged, which is
/// as true.
fn finish(
    context: &JobContext,
    load: &Load,
    outcome: Result<Loaded, String>,
) -> Result<(), JobError> {
    context.write(|tx| {
        let now = tx.now();
        store::finish(tx, load.id, &outcome, now)?;
        let event = Event::new(
            "screening.list_upload_ended",
            Subject::new("screening_load", load.id),
        );
        let event = match &outcome {
            Ok(loaded) => event.detail("version", loaded.version),
            Err(_) => event.outcome(crate::foundation::audit::Outcome::Failure),
        };
        tx.record(event.detail("asked_by", load.asked_by.as_str()))?;
        Ok(())
    })
}
