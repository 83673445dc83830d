//! The offline verifier: holds an export to what it claims, with nothing but the export.
//!
//! Invariants:
//! - no database, no network, and no trust in anything that stands in the directory: the key and
//!   outside anchors come from the caller;
//! - the first bad record is named. Tiles are held to the signed root before events are held to
//!   the tiles, so that what is blamed is what was changed;
//! - `tools/verify_audit.py` says the same in another language, and tests compare the two.

mod anchors;
mod decisions;
mod details;
mod events;
mod files;
mod tiles;

use std::fmt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use self::anchors::{Anchors, Ground};
use self::decisions::Decisions;
use self::files::Package;
use self::tiles::TileFiles;
use super::note::{SignedCheckpoint, VerificationKey};
use super::package::{CHECKPOINT, FORMAT, MANIFEST, Manifest};
use super::projection::moment_text;
use super::tree;

/// An export of a living log whose newest event is older than this is worth a question.
const STALE_AFTER: TimeDelta = TimeDelta::hours(24);

/// Clocks may differ by this much before an event counts as coming from the future.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// What the caller knows from elsewhere.
pub struct Outside {
    /// Today's key first: the checkpoint has to bear it. Former ones may stand on anchors.
    pub keys: Vec<VerificationKey>,
    pub anchors: Vec<SignedCheckpoint>,
    pub now: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Failure {
    /// Nothing that can be judged.
    #[error("unusable: {0}")]
    Unusable(String),
    /// The first record that does not hold.
    #[error("{place}: {problem}")]
    Refuted { place: String, problem: String },
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

fn refuted(place: impl fmt::Display, problem: impl fmt::Display) -> Failure {
    Failure::Refuted {
        place: place.to_string(),
        problem: problem.to_string(),
    }
}

/// What was verified, and how far it goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub origin: String,
    pub tree_size: u64,
    pub root: tree::Hash,
    pub from: u64,
    pub to: u64,
    pub pruned_to: u64,
    /// The name of the key that signed; `None` when no key was given.
    pub key_name: Option<String>,
    pub anchors_inside: usize,
    pub anchors_outside: usize,
    /// Of both, those of a part that a later epoch has lost.
    pub anchors_lost: usize,
    /// A line for each epoch after the first.
    pub epochs: Vec<String>,
    pub disclosed: u64,
    pub erased: u64,
    pub withheld: u64,
    pub newest: Option<DateTime<Utc>>,
    pub warnings: Vec<String>,
}

/// Verifies the export in `folder`.
pub fn verify(folder: &Path, outside: &Outside) -> Result<Report, Failure> {
    let package = Package::open(folder)?;
    let manifest = &package.manifest;
    check_ranges(manifest)?;
    package.check_closed_list()?;

    let signed = read_checkpoint(&package, outside)?;
    let checkpoint = &signed.checkpoint;
    let tiles = TileFiles::new(&package, checkpoint.size);
    tiles.check(&checkpoint.root)?;
    let decisions = Decisions::check(&package, &tiles, checkpoint)?;
    let ground = Ground {
        tiles: &tiles,
        newest: checkpoint,
        decisions: &decisions,
        outside,
    };
    let anchors = Anchors::check(&package, &ground)?;
    let seen = events::check(&package, &tiles, outside.now + CLOCK_SKEW)?;

    let mut report = Report {
        origin: checkpoint.origin.clone(),
        tree_size: checkpoint.size,
        root: checkpoint.root,
        from: manifest.from,
        to: manifest.to,
        pruned_to: manifest.pruned_to,
        key_name: outside.keys.first().map(|key| key.name().to_owned()),
        anchors_inside: anchors.inside,
        anchors_outside: anchors.outside,
        anchors_lost: anchors.lost,
        epochs: decisions.tell(),
        disclosed: seen.details.disclosed,
        erased: seen.details.erased,
        withheld: seen.details.withheld,
        newest: seen.newest,
        warnings: Vec::new(),
    };
    report.warnings = warnings(&report, seen.future, outside);
    Ok(report)
}

/// What the manifest says of itself has to be possible before anything is held to it.
fn check_ranges(manifest: &Manifest) -> Result<(), Failure> {
    if manifest.format != FORMAT {
        return Err(Failure::Unusable(format!(
            "the format is {:?}, not {FORMAT}",
            manifest.format
        )));
    }
    let Manifest {
        from,
        to,
        count,
        pruned_to,
        tree_size,
        ..
    } = *manifest;
    if from > to || to > tree_size || to - from != count {
        return Err(refuted(
            MANIFEST,
            "from, to, count and tree_size contradict each other",
        ));
    }
    if pruned_to > from {
        return Err(refuted(MANIFEST, "the range begins below what was pruned"));
    }
    Ok(())
}

fn read_checkpoint(package: &Package, outside: &Outside) -> Result<SignedCheckpoint, Failure> {
    let bytes = package.read(CHECKPOINT)?;
    let text = String::from_utf8(bytes).map_err(|_| refuted(CHECKPOINT, "not UTF-8"))?;
    let signed = SignedCheckpoint::parse(&text).map_err(|e| refuted(CHECKPOINT, e))?;
    if let Some(key) = outside.keys.first() {
        signed.verify(key).map_err(|e| refuted(CHECKPOINT, e))?;
    }
    let manifest = &package.manifest;
    if signed.checkpoint.origin != manifest.origin || signed.checkpoint.size != manifest.tree_size {
        return Err(refuted(
            CHECKPOINT,
            "its origin or size is not the manifest's",
        ));
    }
    Ok(signed)
}

fn warnings(
    report: &Report,
    future: Option<(u64, DateTime<Utc>)>,
    outside: &Outside,
) -> Vec<String> {
    let mut found = Vec::new();
    if report.anchors_outside == 0 {
        found.push(
            "no anchor from outside was given: a tail cut by the database's owner would not show"
                .to_owned(),
        );
    }
    if let Some((idx, at)) = future {
        found.push(format!(
            "event #{idx} is from the future: {}",
            moment_text(at)
        ));
    }
    if report.from == report.to {
        found.push("the export holds no events: how fresh it is cannot be told".to_owned());
    } else if report.to < report.tree_size {
        found.push(
            "the export ends before the newest event: how fresh it is cannot be told".to_owned(),
        );
    } else if let Some(newest) = report.newest
        && newest < outside.now - STALE_AFTER
    {
        found.push(format!(
            "the newest event is of {}: is this the newest export?",
            moment_text(newest)
        ));
    }
    found
}

impl Report {
    /// The first line of the answer.
    pub fn verdict(&self) -> &'static str {
        if self.key_name.is_some() {
            "verified"
        } else {
            "consistent; key not checked"
        }
    }
}

/// The verdict, then the facts, one a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict())?;
        writeln!(f, "log: {}", self.origin)?;
        writeln!(
            f,
            "tree: {} events, root {}",
            self.tree_size,
            hex::encode(self.root)
        )?;
        if self.from == self.to {
            writeln!(f, "events: none")?;
        } else {
            writeln!(
                f,
                "events: {}, #{} to #{}",
                self.to - self.from,
                self.from,
                self.to - 1
            )?;
        }
        if self.pruned_to > 0 {
            writeln!(f, "bodies pruned to #{}", self.pruned_to)?;
        }
        for epoch in &self.epochs {
            writeln!(f, "{epoch}")?;
        }
        if let Some(name) = &self.key_name {
            writeln!(f, "signed by: {name}")?;
        }
        writeln!(
            f,
            "anchors: {} in the export, {} from outside",
            self.anchors_inside, self.anchors_outside
        )?;
        if self.anchors_lost > 0 {
            writeln!(f, "anchors of a lost part: {}", self.anchors_lost)?;
        }
        writeln!(
            f,
            "personal details: {} disclosed, {} erased, {} withheld",
            self.disclosed, self.erased, self.withheld
        )?;
        if let Some(newest) = self.newest {
            writeln!(f, "newest event: {}", moment_text(newest))?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}
