use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Actor;
use crate::foundation::kernel::{PlatformId, SubjectId};

/// The version of the event's shape, written into each.
const SHAPE: u8 = 1;

/// Which log an event goes to. `Sar` holds everything that would betray that a report exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    Main,
    Sar,
}

impl Log {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sar => "sar",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    Denied,
}

impl Outcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub kind: &'static str,
    pub id: String,
}

impl Subject {
    #[must_use]
    pub fn new(kind: &'static str, id: impl ToString) -> Self {
        Self {
            kind,
            id: id.to_string(),
        }
    }
}

/// Something that happened, before it is written.
///
/// `details` are ids, numbers and codes. A name, a note or an address belongs into
/// [`Event::personal`].
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) log: Log,
    pub(super) kind: &'static str,
    pub(super) subject: Subject,
    pub(super) platform: Option<PlatformId>,
    pub(super) outcome: Outcome,
    pub(super) details: Map<String, Value>,
    pub(super) personal: Vec<(SubjectId, Value)>,
}

impl Event {
    /// A success in the main log; `kind` is `noun.verb_past`.
    #[must_use]
    pub fn new(kind: &'static str, subject: Subject) -> Self {
        Self {
            log: Log::Main,
            kind,
            subject,
            platform: None,
            outcome: Outcome::Success,
            details: Map::new(),
            personal: Vec::new(),
        }
    }

    #[must_use]
    pub fn log(mut self, log: Log) -> Self {
        self.log = log;
        self
    }

    #[must_use]
    pub fn platform(mut self, platform: PlatformId) -> Self {
        self.platform = Some(platform);
        self
    }

    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A detail about a person: encrypted under their key, committed to in the event.
    #[must_use]
    pub fn personal(mut self, subject: SubjectId, value: Value) -> Self {
        self.personal.push((subject, value));
        self
    }

    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    #[must_use]
    pub fn platform_id(&self) -> Option<PlatformId> {
        self.platform
    }

    #[must_use]
    pub fn details(&self) -> &Map<String, Value> {
        &self.details
    }

    /// The event as it is hashed and kept.
    pub(super) fn to_json(
        &self,
        id: Uuid,
        at: DateTime<Utc>,
        actor: &Actor,
        commitments: &[(SubjectId, [u8; 32])],
    ) -> Value {
        let mut body = json!({
            "v": SHAPE,
            "id": id.simple().to_string(),
            "at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "kind": self.kind,
            "actor": actor.to_json(),
            "subject": { "kind": self.subject.kind, "id": self.subject.id },
            "outcome": self.outcome.as_str(),
            "details": self.details,
        });
        if let Some(platform) = self.platform {
            body["platform"] = json!(platform);
        }
        if let Some(request) = actor.request() {
            body["request"] = json!(request);
        }
        if !commitments.is_empty() {
            body["commitments"] = commitments
                .iter()
                .map(|(subject, hash)| json!({ "subject": subject, "sha256": hex::encode(hash) }))
                .collect();
        }
        body
    }
}
