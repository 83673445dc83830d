//! Going on from something else than the log's own last checkpoint: after a restore, after damage, and
//! under another key.
//!
//! Invariants:
//! - one epoch is sealed with one key, and its number stands in every checkpoint's origin;
//! - an epoch's first event is the sealer's own: it binds the last checkpoint that is known from before,
//!   says how many events of the earlier epochs are kept, and who decided;
//! - nothing here is automatic: a sealer that finds a log in doubt stops until somebody decides;
//! - a decision other than to begin an epoch is made only where every place of anchors agrees with the log: a cut
//!   log must not come out of it as a whole one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use serde_json::Value;

use super::anchors::{AnchorError, AnchorFile};
use super::note::{CheckpointSigner, SignedCheckpoint};
use super::origin::Origin;
use super::projection::{Body, hex_hash, moment_text};
use super::seal::LogSealer;
use super::store::{self, StoredTree};
use super::{Actor, Event, Log, Outcome, Subject, tree};
use crate::foundation::db::{self, Conn, Error};

/// The kind of an epoch's first event.
pub const BEGUN: &str = "audit.epoch_begun";

/// The kind of the last event under an old key.
const KEY_CHANGED: &str = "audit.key_changed";

/// Why an epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The database has fewer events than were anchored, and those that it has are the anchored ones.
    Restored,
    /// The database has another history than was anchored.
    Rewritten,
    /// The newest checkpoint is not signed with the key at hand.
    KeyLost,
    /// The key is changed while both are at hand.
    KeyChanged,
}

impl Cause {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Rewritten => "rewritten",
            Self::KeyLost => "key_lost",
            Self::KeyChanged => "key_changed",
        }
    }
}

/// How a log stands to its anchors and to the key at hand.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `None` where nothing has to be decided.
    pub cause: Option<Cause>,
    pub origin: Origin,
    pub size: u64,
    /// How many events are those that were anchored.
    pub kept: u64,
    /// The last checkpoint known from outside.
    pub bound: Option<SignedCheckpoint>,
    /// The most events of which a checkpoint is known from outside. Not always those of the last one: an epoch
    /// that began after a loss may have been lost too.
    pub anchored: u64,
}

impl Finding {
    /// How many events the log is known to have had.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.anchored.max(self.kept)
    }
}

/// Compares a log with everything that was anchored of it.
pub fn examine(
    conn: &mut Conn,
    log: Log,
    signer: &CheckpointSigner,
    files: &[AnchorFile],
) -> Result<Finding, AnchorError> {
    let head = store::head(conn, log)?;
    let origin = store::origin(conn, log)?.ok_or(Error::NotFound)?;
    let origin: Origin = origin.parse().map_err(|()| store::damaged())?;
    let mut notes = Vec::new();
    for file in files {
        notes.extend(file.all(conn)?);
    }
    let standing = |note: &SignedCheckpoint| {
        let its: Origin = note.checkpoint.origin.parse().ok()?;
        (its.log == origin.log && its.epoch >= origin.epoch)
            .then_some((its.epoch, note.checkpoint.size))
    };
    notes.retain(|note| standing(note).is_some());
    notes.sort_by_key(standing);

    let (mut agreed, mut contradicted) = (0, None);
    for note in notes
        .iter()
        .filter(|note| note.checkpoint.size <= head.size)
    {
        let size = note.checkpoint.size;
        let stored = StoredTree::new(conn, log, head.size);
        if tree::root(&stored, size)? == note.checkpoint.root {
            agreed = agreed.max(size);
        } else {
            contradicted = Some(contradicted.map_or(size, |first: u64| first.min(size)));
        }
    }
    let anchored = notes.iter().map(|note| note.checkpoint.size).max();
    let bound = notes.pop();
    let is_behind = bound
        .as_ref()
        .and_then(standing)
        .is_some_and(|(epoch, size)| epoch > origin.epoch || size > head.size);
    let cause = if !is_signed_with(conn, log, signer)? {
        Some(Cause::KeyLost)
    } else if contradicted.is_some() {
        Some(Cause::Rewritten)
    } else {
        is_behind.then_some(Cause::Restored)
    };
    // Beyond a contradiction nothing agrees, whatever the sizes say.
    let kept = contradicted.map_or(head.size, |first| agreed.min(first.saturating_sub(1)));
    Ok(Finding {
        cause,
        origin,
        size: head.size,
        kept,
        bound,
        anchored: anchored.unwrap_or(0),
    })
}

/// Whether the log's newest checkpoint bears this key.
pub fn is_signed_with(conn: &mut Conn, log: Log, signer: &CheckpointSigner) -> db::Result<bool> {
    let stored = store::newest_checkpoint(conn, log)?.ok_or_else(store::damaged)?;
    let newest = SignedCheckpoint::parse(&stored.note).map_err(|_| store::damaged())?;
    Ok(newest.verify(&signer.verification_key()).is_ok())
}

/// Begins the next epoch: its first event is sealed under its name, with the key at hand.
pub fn begin(
    conn: &mut Conn,
    log: Log,
    signer: &CheckpointSigner,
    actor: &Actor,
    (finding, cause): (&Finding, Cause),
    now: DateTime<Utc>,
) -> db::Result<LogSealer> {
    require_name(signer, log, &finding.origin)?;
    let bound_epoch = finding
        .bound
        .as_ref()
        .and_then(|bound| bound.checkpoint.origin.parse::<Origin>().ok())
        .map_or(0, |origin| origin.epoch);
    let origin = Origin {
        log: finding.origin.log.clone(),
        epoch: finding.origin.epoch.max(bound_epoch) + 1,
    };
    conn.transaction(|conn| {
        let last = match finding.kept.checked_sub(1) {
            Some(last) => store::events(conn, log, last, last + 1)?.pop(),
            None => None,
        };
        let event = Event::new(BEGUN, Subject::new("audit_epoch", &origin))
            .log(log)
            .outcome(Outcome::Success)
            .detail("cause", cause.as_str())
            .detail("epoch", origin.epoch)
            .detail("former_origin", finding.origin.to_string())
            .detail("kept", finding.kept)
            .detail("known", finding.known())
            .detail("found", finding.size)
            .detail("bound", finding.bound.as_ref().map(ToString::to_string))
            .detail(
                "lost_after",
                last.map(|row| row.projection.recorded_at_text()),
            )
            .detail("lost_before", moment_text(now));
        sql_query("INSERT INTO audit_epoch (log, epoch, origin, first_idx, began_at) VALUES ($1, $2, $3, $4, $5)")
            .bind::<Text, _>(log.as_str())
            .bind::<Integer, _>(i32::try_from(origin.epoch).unwrap_or(i32::MAX))
            .bind::<Text, _>(origin.to_string())
            .bind::<BigInt, _>(finding.size.cast_signed())
            .bind::<Timestamptz, _>(now)
            .execute(conn)?;
        let mut sealer = LogSealer::take_up(conn, log, origin.to_string())?;
        if sealer.size() != finding.size {
            return Err(Error::Unavailable("the log has grown meanwhile".to_owned()));
        }
        sealer.seal_own(conn, signer, event, actor, now)?;
        Ok(sealer)
    })
}

/// Takes the log up to decide about it. What follows vouches for all of it, so no place of anchors may be unable
/// to answer, or know of more: that is for [`begin`] alone, which says what is lost.
fn resume_anchored(
    conn: &mut Conn,
    log: Log,
    signer: &CheckpointSigner,
    files: &[AnchorFile],
    now: DateTime<Utc>,
) -> Result<LogSealer, AnchorError> {
    let sealer = LogSealer::resume(conn, log, signer, now)?;
    for file in files.iter().filter(|file| file.log() == log) {
        file.check(conn, sealer.origin(), sealer.size())?;
    }
    Ok(sealer)
}

/// Changes the key of both logs, or of neither. `files` are all the places of their anchors, under the old key.
pub fn change_keys(
    conn: &mut Conn,
    keys: (&CheckpointSigner, &CheckpointSigner),
    files: &[AnchorFile],
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<(), AnchorError> {
    conn.transaction(|conn| {
        for log in Log::ALL {
            let sealer = resume_anchored(conn, log, keys.0, files, now)?;
            change_key(conn, sealer, keys, actor, now)?;
        }
        Ok(())
    })
}

/// Changes one log's key: the last event under the old one names the new one, and the next epoch begins under
/// that.
fn change_key(
    conn: &mut Conn,
    mut sealer: LogSealer,
    (old, new): (&CheckpointSigner, &CheckpointSigner),
    actor: &Actor,
    now: DateTime<Utc>,
) -> db::Result<LogSealer> {
    let log = sealer.log();
    let event = Event::new(KEY_CHANGED, Subject::new("audit_log", log.as_str()))
        .log(log)
        .detail("from", old.verification_key().to_string())
        .detail("to", new.verification_key().to_string());
    let checkpoint = sealer.seal_own(conn, old, event, actor, now)?;
    let bound = SignedCheckpoint::parse(&old.sign(&checkpoint)).map_err(|_| store::damaged())?;
    let finding = Finding {
        cause: Some(Cause::KeyChanged),
        origin: checkpoint.origin.parse().map_err(|()| store::damaged())?,
        size: checkpoint.size,
        kept: checkpoint.size,
        bound: Some(bound),
        anchored: checkpoint.size,
    };
    begin(conn, log, new, actor, (&finding, Cause::KeyChanged), now)
}

/// A log keeps its name, and the key carries it.
fn require_name(signer: &CheckpointSigner, log: Log, origin: &Origin) -> db::Result<()> {
    let named = format!("{}/{}", signer.verification_key().name(), log.as_str());
    if named == origin.log {
        return Ok(());
    }
    let name = origin
        .log
        .strip_prefix("signalbox.")
        .and_then(|rest| rest.split_once('/'))
        .map_or("", |(name, _)| name);
    Err(Error::Event(format!(
        "the key is called {named} and the log {}: make the key with --instance {name}",
        origin.log
    )))
}

/// What an epoch's first event says, for verifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub epoch: u32,
    /// How many events of earlier epochs are kept.
    pub kept: u64,
    /// How many there are known to have been.
    pub known: u64,
    pub cause: String,
}

impl Begun {
    /// `None` where the body is not that of an epoch's first event.
    #[must_use]
    pub fn of(body: &Body) -> Option<Self> {
        let details = body.value.get("details")?;
        let number = |name: &str| details.get(name).and_then(Value::as_u64);
        Some(Self {
            epoch: number("epoch").and_then(|epoch| u32::try_from(epoch).ok())?,
            kept: number("kept")?,
            known: number("known")?,
            cause: details.get("cause")?.as_str()?.to_owned(),
        })
    }
}

/// The kind of the event that gives bodies up.
const PRUNED: &str = "audit.bodies_pruned";

/// Gives up bodies below `to`, in whole partitions: says so in the log, with the root over what goes, and
/// drops them. The tree keeps every hash. Answers below which index nothing is left. `files` are all the places
/// of the log's anchors.
pub fn prune(
    conn: &mut Conn,
    log: Log,
    (signer, files): (&CheckpointSigner, &[AnchorFile]),
    actor: &Actor,
    to: u64,
    now: DateTime<Utc>,
) -> Result<u64, AnchorError> {
    #[derive(QueryableByName)]
    struct Rows {
        #[diesel(sql_type = BigInt)]
        rows: i64,
    }
    conn.transaction(|conn| {
        let mut sealer = resume_anchored(conn, log, signer, files, now)?;
        let head = store::head(conn, log)?;
        let part: Rows = sql_query("SELECT audit_partition_rows() AS rows").get_result(conn)?;
        let part = part.rows.cast_unsigned().max(1);
        let asked = to;
        let to = asked / part * part;
        if asked > head.size || to <= head.pruned_to {
            return Err(Error::Event(format!(
                "the log has bodies from #{} to #{} (not included), in parts of {part}, and only whole parts \
                 can go: nothing goes below #{asked}",
                head.pruned_to, head.size
            ))
            .into());
        }
        let root = tree::root(&StoredTree::new(conn, log, head.size), to)?;
        let event = Event::new(PRUNED, Subject::new("audit_event", to))
            .log(log)
            .detail("to", to)
            .detail("root", hex::encode(root));
        sealer.seal_own(conn, signer, event, actor, now)?;
        sql_query("SELECT audit_prune($1, $2)")
            .bind::<Text, _>(format!("{}_log", log.prefix()))
            .bind::<BigInt, _>(to.cast_signed())
            .execute(conn)?;
        Ok(to)
    })
}

/// What such an event gave up: everything below an index, and the root over it.
pub(super) fn pruned(body: &Body) -> Option<(u64, tree::Hash)> {
    let details = body.value.get("details")?;
    let to = details.get("to").and_then(Value::as_u64)?;
    let root = hex_hash(details.get("root")?.as_str()?)?;
    Some((to, root))
}
