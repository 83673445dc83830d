//! Signalbox holds its own log against its own tree, a stretch at a time, all of it again and again.
//!
//! It is no proof to anybody else: this process has no key from outside, and reads what the database says. But whoever has
//! changed a row, a tile or a checkpoint is found within the time that a round takes, and not when somebody next exports.
//! The main log alone is looked at, so that nothing is said of the other.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::store;
use crate::foundation::Services;
use crate::foundation::audit::note::{Checkpoint, SignedCheckpoint};
use crate::foundation::audit::projection::Body;
use crate::foundation::audit::store::{self as log, StoredTree};
use crate::foundation::audit::tiles::Tile;
use crate::foundation::audit::{Actor, Event, Log, Outcome, Subject, Unaudited, tree};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::jobs::{JobContext, JobError, Lane, Late, Registry, Schedule};

pub const CHECK: &str = "audit_log.check";
/// The event of what did not hold.
pub const FAILED: &str = "audit_log.check_failed";

/// The leaves of one tile.
const TILE: u64 = 256;
/// Events of one turn: a few seconds of work.
const AT_ONCE: u64 = 200 * TILE;

pub fn register(registry: &mut Registry) {
    registry.handle(CHECK, check).lane(Lane::HEAVY);
    let often = Schedule::new(CHECK, "7,22,37,52 * * * *", "UTC", CHECK)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(often.late(Late::Skip));
}

fn check(context: &JobContext, _: Value) -> Result<(), JobError> {
    turn(&context.services).map_err(JobError::from)
}

/// How far it has come, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub next: u64,
    pub checked_at: DateTime<Utc>,
    pub whole_at: Option<DateTime<Utc>>,
    pub finding: Option<String>,
}

/// One turn: the newest checkpoint and the anchors, and the next stretch of events. What does not hold is an event.
pub fn turn(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let (from, found) = services.db.read_on(PoolKind::Jobs, |conn| {
        let from = store::check_standing(conn)?.map_or(0, |it| it.next);
        Ok::<_, db::Error>((from, stretch(conn, from)?))
    })?;
    let Some(found) = found else {
        return Ok(());
    };
    let standing = |before: Option<Standing>| Standing {
        next: match found {
            Ok(next) => next,
            // It is looked at again, until it is mended.
            Err(_) => from,
        },
        checked_at: now,
        whole_at: match found {
            Ok(0) => Some(now),
            _ => before.and_then(|it| it.whole_at),
        },
        finding: found.as_ref().err().cloned(),
    };
    match &found {
        Ok(_) => services.audit.write_unaudited(Unaudited::LogCheck, |conn| {
            let before = store::check_standing(conn)?;
            store::save_check(conn, &standing(before))
        }),
        Err(finding) => services
            .audit
            .write_on(PoolKind::Jobs, &Actor::job(CHECK), |tx| {
                let before = store::check_standing(tx)?;
                store::save_check(tx, &standing(before))?;
                let event = Event::new(FAILED, Subject::new("audit_log", Log::Main.as_str()));
                tx.record(
                    event
                        .outcome(Outcome::Failure)
                        .detail("finding", finding.as_str()),
                )?;
                Ok(())
            }),
    }
}

/// What was found, in words.
type Finding = String;

/// Looks at a stretch. `Ok` is where the next one begins; 0 where this was the last. `None` before there is a checkpoint.
fn stretch(conn: &mut Conn, from: u64) -> db::Result<Option<Result<u64, Finding>>> {
    let Some(stored) = log::newest_checkpoint(conn, Log::Main)? else {
        return Ok(None);
    };
    let Ok(signed) = SignedCheckpoint::parse(&stored.note) else {
        return Ok(Some(Err("the newest checkpoint cannot be read".to_owned())));
    };
    let checkpoint = signed.checkpoint;
    if (checkpoint.size, checkpoint.root) != (stored.size, stored.root) {
        let finding = "the newest checkpoint says something else than its row";
        return Ok(Some(Err(finding.to_owned())));
    }
    let found = whole(conn, &checkpoint, from);
    match found {
        Ok(found) => Ok(Some(found)),
        // What is not there, or has no form, is a finding; a database that is away is none.
        Err(db::Error::NotFound) => Ok(Some(Err("a part of the log's tree is missing".to_owned()))),
        Err(db::Error::Damaged(what)) => Ok(Some(Err(what.to_owned()))),
        Err(error) => Err(error),
    }
}

fn whole(conn: &mut Conn, checkpoint: &Checkpoint, from: u64) -> db::Result<Result<u64, Finding>> {
    let (size, root) = (checkpoint.size, &checkpoint.root);
    if root_of(conn, size)? != *root {
        let finding = format!("the tree of {size} events is not that of the newest checkpoint");
        return Ok(Err(finding));
    }
    for anchor in log::newest_anchors(conn, Log::Main)? {
        let Ok(signed) = SignedCheckpoint::parse(&anchor.note) else {
            return Ok(Err("an anchor cannot be read".to_owned()));
        };
        let anchored = signed.checkpoint;
        // What an epoch before this one anchored, that epoch answers for: a part of it may be lost, and said to be.
        if anchored.origin != checkpoint.origin {
            continue;
        }
        if anchored.size > size || root_of(conn, anchored.size)? != anchored.root {
            let finding = format!(
                "the anchor of {} events contradicts the tree",
                anchored.size
            );
            return Ok(Err(finding));
        }
    }
    let pruned = log::head(conn, Log::Main)?.pruned_to;
    let from = from.max(pruned) / TILE * TILE;
    if from >= size {
        return Ok(Ok(0));
    }
    let to = size.min(from + AT_ONCE);
    let mut at = from;
    while at < to {
        if let Some(finding) = tile(conn, size, root, at, pruned)? {
            return Ok(Err(finding));
        }
        at += TILE;
    }
    Ok(Ok(if to == size { 0 } else { to }))
}

fn root_of(conn: &mut Conn, size: u64) -> db::Result<tree::Hash> {
    tree::root(&StoredTree::new(conn, Log::Main, size), size)
}

/// One tile: its rows are its leaves, and its first leaf leads up to the root, which takes in all the others.
fn tile(
    conn: &mut Conn,
    size: u64,
    root: &tree::Hash,
    first: u64,
    pruned: u64,
) -> db::Result<Option<Finding>> {
    let leaves: Tile = log::tile(conn, Log::Main, size, 0, first / TILE)?;
    let leaf = leaves
        .hashes()
        .first()
        .copied()
        .ok_or(db::Error::NotFound)?;
    let proof = tree::inclusion_proof(&StoredTree::new(conn, Log::Main, size), first, size)?;
    if !tree::verify_inclusion(first, size, leaf, &proof, root) {
        return Ok(Some(format!("event {first} is not in the tree")));
    }
    let end = size.min(first + TILE);
    let rows = log::events(conn, Log::Main, first.max(pruned), end)?;
    let mut expected = first.max(pruned);
    for row in rows {
        if row.idx != expected {
            return Ok(Some(format!("event {expected} is missing")));
        }
        let at = usize::try_from(row.idx - first).unwrap_or(usize::MAX);
        let hash = tree::leaf_hash(&row.body);
        if leaves.hashes().get(at) != Some(&hash) || row.leaf_hash != hash {
            return Ok(Some(format!("the bytes of event {expected} were changed")));
        }
        let differs = match Body::parse(&row.body) {
            Ok(body) => row.projection.first_difference(&body.projection),
            Err(_) => Some("body"),
        };
        if let Some(column) = differs {
            let finding = format!("event {expected} says something else than its column {column}");
            return Ok(Some(finding));
        }
        expected += 1;
    }
    if expected != end {
        return Ok(Some(format!("event {expected} is missing")));
    }
    Ok(None)
}
