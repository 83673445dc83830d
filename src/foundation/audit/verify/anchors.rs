//! Checkpoints that stood outside the database: today's tree has to have grown out of each.

use super::super::note::{Checkpoint, SignedCheckpoint};
use super::super::origin::Origin;
use super::super::package::{ANCHORS, AnchorLine};
use super::super::tree;
use super::decisions::Decisions;
use super::files::Package;
use super::tiles::TileFiles;
use super::{Failure, Outside, refuted};

/// How many anchors the tree was held to.
pub(super) struct Anchors {
    pub(super) inside: usize,
    pub(super) outside: usize,
    /// Those that reach into what an epoch has lost: today's tree cannot have grown out of them.
    pub(super) lost: usize,
}

/// What anchors are held to.
pub(super) struct Ground<'a> {
    pub(super) tiles: &'a TileFiles<'a>,
    pub(super) newest: &'a Checkpoint,
    pub(super) decisions: &'a Decisions,
    pub(super) outside: &'a Outside,
}

impl Anchors {
    pub(super) fn check(package: &Package, ground: &Ground<'_>) -> Result<Self, Failure> {
        let Ground {
            newest, outside, ..
        } = *ground;
        let mut counted = Self {
            inside: 0,
            outside: 0,
            lost: 0,
        };
        let mut lines = package.lines(ANCHORS)?;
        loop {
            let place = format!("{ANCHORS} line {}", counted.inside + 1);
            let Some(line) = lines.next(|| place.clone())? else {
                break;
            };
            let line = AnchorLine::parse_line(line).map_err(|e| refuted(&place, e))?;
            let anchor = SignedCheckpoint::parse(&line.note).map_err(|e| refuted(&place, e))?;
            if !same_log(&anchor.checkpoint, newest) {
                return Err(refuted(&place, "it is of another log"));
            }
            counted.lost += usize::from(!hold(&place, &anchor, ground)?);
            counted.inside += 1;
        }
        lines.finish()?;
        // A file from outside may hold both logs; what is not about this one says nothing here.
        for anchor in outside
            .anchors
            .iter()
            .filter(|anchor| same_log(&anchor.checkpoint, newest))
        {
            let place = format!("anchor of size {}", anchor.checkpoint.size);
            counted.lost += usize::from(!hold(&place, anchor, ground)?);
            counted.outside += 1;
        }
        if counted.outside == 0 && !outside.anchors.is_empty() {
            return Err(Failure::Unusable(format!(
                "no anchor given is of {}",
                newest.origin
            )));
        }
        Ok(counted)
    }
}

/// Answers whether the tree was held to the anchor; `false` for one of a part that the next epoch says is lost.
fn hold(place: &str, anchor: &SignedCheckpoint, ground: &Ground<'_>) -> Result<bool, Failure> {
    let Ground {
        tiles,
        newest,
        decisions,
        outside,
    } = ground;
    if !outside.keys.is_empty() {
        anchor
            .verify_any(&outside.keys)
            .map_err(|e| refuted(place, e))?;
    }
    let Checkpoint { size, root, .. } = anchor.checkpoint;
    let epoch = epoch_of(&anchor.checkpoint).ok_or_else(|| refuted(place, "it has no epoch"))?;
    if Some(epoch) > epoch_of(newest) {
        return Err(refuted(place, "it is of a later epoch than this export"));
    }
    if let Some(next) = decisions.next_after(epoch).filter(|next| size > next.known) {
        // A history that was gone on with instead of the known one has anchors too, out of which the tree has grown.
        return if size <= newest.size && tree::root(*tiles, size)? == root {
            Ok(true)
        } else {
            let hidden = format!(
                "the log had {size} events, and epoch {} began as if it had never had more than {}",
                next.epoch, next.known
            );
            Err(refuted(place, hidden))
        };
    }
    if size > decisions.kept_of(epoch) {
        return Ok(false);
    }
    if size > newest.size {
        let missing = format!(
            "the log had {size} events and this export's tree has {}; if the export is older than the \
             anchor, make a new one: a tree that stays smaller has lost events",
            newest.size
        );
        return Err(refuted(place, missing));
    }
    if tree::root(*tiles, size)? == root {
        Ok(true)
    } else {
        Err(refuted(
            place,
            "the log that it was taken from had another history",
        ))
    }
}

pub(super) fn epoch_of(checkpoint: &Checkpoint) -> Option<u32> {
    let origin: Origin = checkpoint.origin.parse().ok()?;
    Some(origin.epoch)
}

/// Whether two origins differ in nothing but their epoch.
fn same_log(one: &Checkpoint, other: &Checkpoint) -> bool {
    let log = |checkpoint: &Checkpoint| {
        checkpoint
            .origin
            .rsplit_once('/')
            .map(|(log, _)| log.to_owned())
    };
    log(one) == log(other)
}
