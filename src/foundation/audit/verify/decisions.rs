//! Events by which somebody decided about the log itself: what later checks may and must rely on.

use super::super::epoch::{self, Begun};
use super::super::note::Checkpoint;
use super::super::package::{DECISIONS, DECISIONS_KINDS, EventRow, MANIFEST};
use super::super::tree;
use super::anchors::epoch_of;
use super::events::{Leaves, check_row};
use super::files::Package;
use super::tiles::TileFiles;
use super::{Failure, refuted};

#[derive(Debug, Default)]
pub(super) struct Decisions {
    epochs: Vec<(u64, Begun)>,
    pruned_to: u64,
}

impl Decisions {
    /// Each is in the tree. The epochs lead to that of the checkpoint, and what is pruned was given up.
    pub(super) fn check(
        package: &Package,
        tiles: &TileFiles<'_>,
        newest: &Checkpoint,
    ) -> Result<Self, Failure> {
        let mut found = Self::default();
        if package.manifest.files.contains_key(DECISIONS) {
            found.read(package, tiles, newest)?;
        }
        let epoch = epoch_of(newest).ok_or_else(|| refuted(DECISIONS, "the log has no epoch"))?;
        let reached = found.epochs.last().map_or(1, |(_, begun)| begun.epoch);
        if reached != epoch {
            let missing = format!("how epoch {epoch} began is missing");
            return Err(refuted(DECISIONS, missing));
        }
        if found.pruned_to != package.manifest.pruned_to {
            return Err(refuted(
                MANIFEST,
                format!(
                    "what was given up in the log lies below #{}",
                    found.pruned_to
                ),
            ));
        }
        Ok(found)
    }

    fn read(
        &mut self,
        package: &Package,
        tiles: &TileFiles<'_>,
        newest: &Checkpoint,
    ) -> Result<(), Failure> {
        let mut lines = package.lines(DECISIONS)?;
        let mut leaves = Leaves::of(tiles);
        let mut next = 0;
        for number in 1.. {
            let place = format!("{DECISIONS} line {number}");
            let wrong = |problem: &str| refuted(&place, problem);
            let Some(line) = lines.next(|| place.clone())? else {
                break;
            };
            let row = EventRow::parse_line(line).map_err(|e| refuted(&place, e))?;
            if row.idx < next || row.idx >= newest.size {
                return Err(wrong("it is not in the order of the log"));
            }
            next = row.idx + 1;
            let body = check_row(row.idx, &row, leaves.get(row.idx)?)
                .map_err(|problem| refuted(&place, problem))?;
            let kind = body.projection.kind.as_str();
            if !DECISIONS_KINDS.contains(&kind) {
                return Err(wrong("it decides nothing about the log"));
            }
            if kind == epoch::BEGUN {
                let begun = Begun::of(&body)
                    .filter(|begun| begun.kept <= row.idx && begun.kept <= begun.known)
                    .ok_or_else(|| wrong("an epoch does not begin like this"))?;
                let last = self.epochs.last().map_or(1, |(_, begun)| begun.epoch);
                if begun.epoch <= last {
                    return Err(wrong("epochs count upwards"));
                }
                self.epochs.push((row.idx, begun));
            } else {
                let (to, root) = epoch::pruned(&body)
                    .filter(|(to, _)| *to > self.pruned_to && *to <= row.idx)
                    .ok_or_else(|| wrong("bodies are not given up like this"))?;
                if tree::root(tiles, to)? != root {
                    return Err(wrong("what it gave up had another root"));
                }
                self.pruned_to = to;
            }
        }
        lines.finish()
    }

    /// How many events of this epoch, and those before it, are still in the tree.
    pub(super) fn kept_of(&self, epoch: u32) -> u64 {
        let later = self.epochs.iter().filter(|(_, begun)| begun.epoch > epoch);
        later.map(|(_, begun)| begun.kept).min().unwrap_or(u64::MAX)
    }

    /// The first epoch after this one. Whatever was anchored until it began, it has to have known of.
    pub(super) fn next_after(&self, epoch: u32) -> Option<&Begun> {
        let mut later = self.epochs.iter().map(|(_, begun)| begun);
        later.find(|begun| begun.epoch > epoch)
    }

    /// A line for each epoch, for the report.
    pub(super) fn tell(&self) -> Vec<String> {
        let line = |(idx, begun): &(u64, Begun)| {
            let lost = if begun.known > begun.kept {
                format!(
                    "events #{} to #{} of before are lost",
                    begun.kept,
                    begun.known - 1
                )
            } else {
                "nothing of before is lost".to_owned()
            };
            format!(
                "epoch {} began at #{idx} ({}): {lost}",
                begun.epoch, begun.cause
            )
        };
        self.epochs.iter().map(line).collect()
    }
}
