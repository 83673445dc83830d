//! Audited writes: the one way to change state.
//!
//! Invariants:
//! - a business change and its event commit together or not at all; a transaction that records
//!   nothing is rolled back;
//! - an event's bytes are fixed when it is written and hold no personal data: personal details
//!   stand beside it, encrypted under their subject's key, and the event keeps a salted
//!   commitment to them;
//! - no lock is taken on the way in: the sealer, another process, gives the order;
//! - writes without an event are the closed list [`Unaudited`].

mod actor;
pub mod anchors;
pub mod epoch;
mod event;
pub mod export;
mod export_events;
mod export_folder;
pub mod forms;
pub mod jcs;
mod job;
pub mod note;
mod origin;
pub mod package;
pub mod projection;
mod rows;
pub mod seal;
pub mod sealer;
pub mod store;
mod store_standing;
pub mod tiles;
pub mod tree;
mod tx;
pub mod verify;

pub use actor::{Actor, ActorKind};
pub use event::{Event, Log, Outcome, Subject};
pub use job::NewJob;
pub use tx::{FormKey, Tx};

use super::crypto::Keyring;
use super::db::{Conn, Db, Error, PoolKind};
use super::kernel::Clock;

/// What follows from an event: the jobs to enqueue in the same transaction.
pub type Reactions = fn(&Event) -> Vec<NewJob>;

/// High-volume writes that are no decisions of anyone and have no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unaudited {
    /// Measurements and their roll-ups, and what an alert that is lit says of the present.
    Sample,
    /// When a session was last used, and what its top bar is set to.
    SessionTouch,
    /// A session's row that its audited end has left behind.
    SessionEnd,
    /// A job's claim, lease, progress and retry.
    JobHeartbeat,
    /// A notice's claim by whoever sends it; what comes of it is an event.
    NoticeLease,
    /// Tries at the door, counted before the secret is checked.
    Throttle,
    /// The same of somebody who is signed in and proves again who they are.
    Proof,
    /// Tries with keys, counted likewise, and when a key was last used.
    KeyUse,
    /// A question that was put to a device at the door; its answer is an event.
    DoorQuestion,
    /// The same for somebody who is signed in.
    Question,
    /// How often somebody was denied something; the denials that count are events.
    Denial,
    /// The moment a lamp's condition became true; what it leads to is an event.
    RuleState,
    /// What a platform's job says of itself, and when it is next due; what turns its heartbeat is an event.
    Ping,
    /// A call to somebody else, and what came of it; what turns its breaker is an event.
    Call,
    /// A form put aside until its author has signed in again.
    ParkedForm,
    /// Ciphertexts put under a newer key, between the two events of a rotation.
    Rewrap,
    /// Encrypted chunks of a file whose registration is the event.
    FileChunk,
    /// Lines of the platforms' logs, how far their files have been read, and how many there were.
    LogLine,
    /// How far the log has been held against its tree; what does not hold is an event.
    LogCheck,
    /// Removal of rows whose time is over, by a schedule that is itself recorded.
    Expiry,
}

impl Unaudited {
    /// On whose behalf it is done, as row security is told.
    const fn context(self) -> &'static str {
        match self {
            Self::Sample => "job:samples",
            Self::SessionTouch | Self::SessionEnd => "job:sessions",
            Self::JobHeartbeat => "job:queue",
            Self::NoticeLease => "job:notices",
            Self::Throttle | Self::Proof | Self::KeyUse | Self::Denial => "job:throttle",
            Self::DoorQuestion | Self::Question => "job:passkeys",
            Self::RuleState => "job:rules",
            Self::Ping => "job:heartbeats",
            Self::Call => "job:connectors",
            Self::ParkedForm => "job:parked_forms",
            Self::Rewrap => "job:encryption_keys",
            Self::FileChunk => "job:files",
            Self::LogLine => "job:logs",
            Self::LogCheck => "job:log_check",
            Self::Expiry => "job:expiry",
        }
    }
}

#[derive(Clone)]
pub struct Audit {
    db: Db,
    clock: Clock,
    keyring: Keyring,
    reactions: Reactions,
}

impl Audit {
    #[must_use]
    pub fn new(db: Db, clock: Clock, keyring: Keyring, reactions: Reactions) -> Self {
        Self {
            db,
            clock,
            keyring,
            reactions,
        }
    }

    /// Runs `work` in a writing transaction that must record at least one event.
    pub fn write<T, E: From<Error>>(
        &self,
        actor: &Actor,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_on(PoolKind::Web, actor, work)
    }

    /// [`Audit::write`] on another pool.
    pub fn write_on<T, E: From<Error>>(
        &self,
        pool: PoolKind,
        actor: &Actor,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.db.write_ending(pool, actor, |conn| {
            let mut tx = Tx::new(conn, actor, self);
            let outcome = work(&mut tx)?;
            Ok((outcome, tx.finish()?))
        })
    }

    /// Reads records whose reading is itself an event: the event commits with the read, or the
    /// caller gets nothing.
    pub fn read<T, E: From<Error>>(
        &self,
        actor: &Actor,
        purpose: &str,
        event: Event,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write(actor, |tx| {
            tx.record(event.detail("purpose", purpose))?;
            work(tx)
        })
    }

    /// Writes without an event, for the closed list of reasons.
    pub fn write_unaudited<T, E: From<Error>>(
        &self,
        reason: Unaudited,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let pool = match reason {
            Unaudited::ParkedForm
            | Unaudited::SessionTouch
            | Unaudited::Proof
            | Unaudited::KeyUse
            | Unaudited::Question
            | Unaudited::Ping
            | Unaudited::Denial => PoolKind::Web,
            // The reserve: whoever has to mend things gets in when every page is stuck.
            Unaudited::SessionEnd | Unaudited::Throttle | Unaudited::DoorQuestion => {
                PoolKind::SignIn
            }
            Unaudited::Sample
            | Unaudited::LogLine
            | Unaudited::JobHeartbeat
            | Unaudited::NoticeLease
            | Unaudited::Call
            | Unaudited::RuleState
            | Unaudited::Rewrap
            | Unaudited::FileChunk
            | Unaudited::LogCheck
            | Unaudited::Expiry => PoolKind::Jobs,
        };
        self.db.write_on(pool, &reason.context(), work)
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

/// No event leads anywhere: for command lines and tests that want the write alone.
#[must_use]
pub fn no_reactions(_: &Event) -> Vec<NewJob> {
    Vec::new()
}
