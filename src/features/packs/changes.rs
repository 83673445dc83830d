//! Changes of packs from the pages: one path, whoever wrote the text and with what.
//!
//! A new text is read and linted as on the command line, with the parameters that are in force. What only adds to what
//! is watched, or makes it stricter, is applied at once by one person who may; what lowers a guard, or may, waits for a
//! second one, who applies exactly the text that they were shown, over exactly the revision that it was written over.

use super::actions::{self, ApplyError, Difference, Prepared, Why};
use super::change::{Answer, Change, ChangeId, Kind, REASON_AT_MOST, SOURCE_AT_MOST, Unanswerable};
use super::guards::Lowering;
use super::lint::Finding;
use super::parameters::Given;
use super::store::revisions::{self, Revision};
use super::store::{self, Applied, Watched, changes};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal as Refused};

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the pack in force was applied before Signalbox kept what packs say, so there is no text to change"
    )]
    NoSource,
    #[error("revision {0} has been applied since you began, and your text would undo it")]
    Overtaken(i64),
    #[error("this is what is in force, to the letter")]
    Same,
    #[error("a pack has at most {} KiB", SOURCE_AT_MOST / 1024)]
    TooLong,
    #[error("this is the pack of {0}, and another's page")]
    OtherPlatform(String),
    #[error("say why, for whoever looks at it and for later")]
    NoReason,
    #[error("a reason has at most {REASON_AT_MOST} characters")]
    LongReason,
    #[error("{0} changes wait for an answer already: answer some of them first")]
    TooMany(i64),
    #[error(transparent)]
    Unanswerable(#[from] Unanswerable),
    #[error(transparent)]
    Pack(#[from] ApplyError),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl Refusal {
    /// The field that it is about, where it is about one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoReason | Self::LongReason => Some("reason"),
            Self::Overtaken(_)
            | Self::Same
            | Self::TooLong
            | Self::OtherPlatform(_)
            | Self::Pack(ApplyError::Unreadable(_) | ApplyError::Wrong(_)) => Some("source"),
            // It is about the form as a whole, which stays as it was typed.
            Self::TooMany(_) => Some(""),
            _ => None,
        }
    }
}

impl From<Refusal> for web::Error {
    fn from(refusal: Refusal) -> Self {
        let advice = match &refusal {
            Refusal::NoSource => {
                "Apply the file once from the command line: signalbox pack apply FILE."
            }
            Refusal::Unanswerable(Unanswerable::Overtaken) => {
                "Open the change: its text is kept, and leads to a new one."
            }
            _ => "Nothing was changed. Look at it again.",
        };
        match refusal {
            Refusal::Database(error) | Refusal::Pack(ApplyError::Database(error)) => error.into(),
            refusal => Self::Refused(Refused::new("pack_refused", sentence(&refusal), advice)),
        }
    }
}

/// A text that somebody wants to be in force.
#[derive(Clone, Debug)]
pub struct Draft {
    pub source: String,
    pub reason: String,
    /// The revision that it was written over.
    pub base: i64,
}

impl Draft {
    /// A text that came through a form, whose lines browsers end their own way.
    #[must_use]
    pub fn new(source: &str, reason: &str, base: i64) -> Self {
        Self {
            source: source.replace("\r\n", "\n"),
            reason: reason.trim().to_owned(),
            base,
        }
    }
}

/// What a text would do.
#[derive(Debug)]
pub struct Looked {
    pub prepared: Prepared,
    pub differences: Vec<Difference>,
    pub lowers: Vec<Lowering>,
}

impl Looked {
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.prepared.findings
    }
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is in force, as this revision.
    Applied(i64),
    /// It waits for a second person.
    Proposed(ChangeId),
}

/// What runs on a platform, with its text.
pub struct Running {
    pub platform: Watched,
    pub applied: Applied,
    pub kept: Revision,
}

impl Running {
    /// The values that a changed text is read with: what was decided when it was applied, and for what is named newly
    /// what this process is given.
    #[must_use]
    pub fn given(&self, environment: Given) -> Given {
        environment.decided(&self.platform.slug, &self.kept.parameters())
    }
}

/// # Errors
/// There is no pack, or no text of it.
pub fn running(conn: &mut Conn, platform: &Watched) -> Result<Running, Refusal> {
    let applied = revisions::in_force(conn, platform.id)?.ok_or(db::Error::NotFound)?;
    with_source(conn, platform, applied)
}

fn with_source(conn: &mut Conn, platform: &Watched, applied: Applied) -> Result<Running, Refusal> {
    let kept = revisions::one(conn, platform.id, applied.revision)?.ok_or(Refusal::NoSource)?;
    Ok(Running {
        platform: platform.clone(),
        applied,
        kept,
    })
}

/// What a text would do over what runs; nothing is written.
///
/// # Errors
/// Why it cannot be applied.
pub fn look(conn: &mut Conn, running: &Running, source: &str) -> Result<Looked, Refusal> {
    if source.len() > SOURCE_AT_MOST {
        return Err(Refusal::TooLong);
    }
    // How lines end is no matter.
    if source.lines().eq(running.kept.source.lines()) {
        return Err(Refusal::Same);
    }
    let prepared = Prepared::new(source, &running.given(actions::environment()))?;
    let named = &prepared.file.pack.platform.id;
    if *named != running.platform.slug {
        return Err(Refusal::OtherPlatform(named.clone()));
    }
    Ok(Looked {
        differences: prepared.differences(conn)?,
        lowers: prepared.lowers(conn)?,
        prepared,
    })
}

/// Whether one person is enough for it.
#[must_use]
pub fn is_at_once(signed: &Signed, platform: &Watched, lowers: &[Lowering]) -> bool {
    lowers.is_empty() && signed.may_at(Permission::PacksApply, platform.id)
}

/// Applies a text at once where one person may, and proposes it otherwise.
///
/// # Errors
/// Why it is neither.
pub fn submit(
    services: &Services,
    signed: &Signed,
    platform: &Watched,
    draft: &Draft,
    key: FormKey,
) -> Result<Submitted, Refusal> {
    if draft.reason.is_empty() {
        return Err(Refusal::NoReason);
    }
    if draft.reason.chars().count() > REASON_AT_MOST {
        return Err(Refusal::LongReason);
    }
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/packs/{}", platform.slug))?;
        let running = lock(tx, platform)?;
        if running.applied.revision != draft.base {
            return Err(Refusal::Overtaken(running.applied.revision));
        }
        let looked = look(tx, &running, &draft.source)?;
        if is_at_once(signed, platform, &looked.lowers) {
            let why = Why {
                name: Some(&signed.name),
                reason: Some(&draft.reason),
                change: None,
            };
            let outcome = actions::apply_within(tx, &looked.prepared, why)?;
            return Ok(Submitted::Applied(outcome.revision));
        }
        propose(tx, signed, platform, draft, &looked).map(Submitted::Proposed)
    })
}

fn propose(
    tx: &mut Tx<'_>,
    signed: &Signed,
    platform: &Watched,
    draft: &Draft,
    looked: &Looked,
) -> Result<ChangeId, Refusal> {
    let open = changes::open_on(tx, platform.id)?;
    if open >= changes::OPEN_AT_MOST {
        return Err(Refusal::TooMany(open));
    }
    let change = Change {
        id: ChangeId::new(),
        platform: platform.id,
        base: draft.base,
        source: looked.prepared.source.clone(),
        digest: looked.prepared.digest.clone(),
        reason: draft.reason.clone(),
        lowers: looked.lowers.iter().map(ToString::to_string).collect(),
        asked_at: tx.now(),
        asked_by: signed.person,
        asked_name: signed.name.clone(),
        answer: None,
    };
    changes::insert(tx, &change)?;
    tx.record(
        told("pack.change_proposed", platform, &change).detail("reason", draft.reason.as_str()),
    )?;
    Ok(change.id)
}

/// Nobody applies another pack of the platform meanwhile.
fn lock(tx: &mut Tx<'_>, platform: &Watched) -> Result<Running, Refusal> {
    tx.reach(platform.id)?;
    store::lock_known(tx, &platform.slug)?;
    let applied = revisions::lock_in_force(tx, platform.id)?;
    with_source(tx, platform, applied)
}

fn told(kind: &'static str, platform: &Watched, change: &Change) -> Event {
    Event::new(kind, Subject::new("pack", &platform.slug))
        .platform(platform.id)
        .detail("change", change.id.to_string())
        .detail("base", change.base)
        .detail("sha256", hex::encode(&change.digest))
        .detail("lowers", actions::summary(&change.lowers))
}

/// A second person applies exactly the text that they were shown. Returns the revision that it became.
///
/// # Errors
/// Why it is not applied.
pub fn approve(
    services: &Services,
    signed: &Signed,
    (platform, id): (&Watched, ChangeId),
    seen: &[u8],
    key: FormKey,
) -> Result<i64, Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/packs/{}/changes/{id}", platform.slug))?;
        let running = lock(tx, platform)?;
        let change = changes::lock(tx, platform.id, id)?;
        change.may(Kind::Applied, signed.person, running.applied.revision, seen)?;
        let looked = look(tx, &running, &change.source)?;
        let why = Why {
            name: Some(&signed.name),
            reason: Some(&change.reason),
            change: Some(&change),
        };
        let outcome = actions::apply_within(tx, &looked.prepared, why)?;
        let answer = Answer {
            kind: Kind::Applied,
            at: tx.now(),
            name: signed.name.clone(),
            reason: None,
            revision: Some(outcome.revision),
        };
        changes::answer(tx, id, (signed.person, &signed.name), &answer)?;
        Ok(outcome.revision)
    })
}

/// A second person rejects it, with a reason.
///
/// # Errors
/// Why it is not rejected.
pub fn reject(
    services: &Services,
    signed: &Signed,
    of: (&Watched, ChangeId),
    reason: &str,
    key: FormKey,
) -> Result<(), Refusal> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refusal::NoReason);
    }
    if reason.chars().count() > REASON_AT_MOST {
        return Err(Refusal::LongReason);
    }
    put_aside(services, signed, of, (Kind::Rejected, Some(reason)), key)
}

/// Whoever proposed it takes it back.
///
/// # Errors
/// Why it stays.
pub fn withdraw(
    services: &Services,
    signed: &Signed,
    of: (&Watched, ChangeId),
    key: FormKey,
) -> Result<(), Refusal> {
    put_aside(services, signed, of, (Kind::Withdrawn, None), key)
}

fn put_aside(
    services: &Services,
    signed: &Signed,
    (platform, id): (&Watched, ChangeId),
    (kind, reason): (Kind, Option<&str>),
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/packs/{}/changes/{id}", platform.slug))?;
        tx.reach(platform.id)?;
        let change = changes::lock(tx, platform.id, id)?;
        change.may(kind, signed.person, change.base, &change.digest)?;
        let answer = Answer {
            kind,
            at: tx.now(),
            name: signed.name.clone(),
            reason: reason.map(str::to_owned),
            revision: None,
        };
        changes::answer(tx, id, (signed.person, &signed.name), &answer)?;
        let event = match kind {
            Kind::Withdrawn => told("pack.change_withdrawn", platform, &change),
            _ => told("pack.change_rejected", platform, &change),
        };
        tx.record(match reason {
            Some(reason) => event.detail("reason", reason),
            None => event,
        })?;
        Ok(())
    })
}
