//! Checkpoints that stood outside the database: today's tree has to have grown out of each.

use super::super::note::{Checkpoint, SignedCheckpoint};
use super::super::package::{ANCHORS, AnchorLine};
use super::super::tree;
use super::files::Package;
use super::tiles::TileFiles;
use super::{Failure, Outside, refuted};

/// How many anchors the tree was held to.
pub(super) struct Anchors {
    pub(super) inside: usize,
    pub(super) outside: usize,
}

impl Anchors {
    pub(super) fn check(
        package: &Package,
        tiles: &TileFiles<'_>,
        newest: &Checkpoint,
        outside: &Outside,
    ) -> Result<Self, Failure> {
        let mut counted = Self {
            inside: 0,
            outside: 0,
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
            hold(&place, &anchor, tiles, newest, outside)?;
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
            hold(&place, anchor, tiles, newest, outside)?;
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

fn hold(
    place: &str,
    anchor: &SignedCheckpoint,
    tiles: &TileFiles<'_>,
    newest: &Checkpoint,
    outside: &Outside,
) -> Result<(), Failure> {
    if let Some(key) = &outside.key {
        anchor.verify(key).map_err(|e| refuted(place, e))?;
    }
    let Checkpoint { size, root, .. } = anchor.checkpoint;
    if size > newest.size {
        let missing = format!(
            "the log had {size} events and this export's tree has {}",
            newest.size
        );
        return Err(refuted(place, missing));
    }
    if tree::root(tiles, size)? == root {
        Ok(())
    } else {
        Err(refuted(
            place,
            "the log that it was taken from had another history",
        ))
    }
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
