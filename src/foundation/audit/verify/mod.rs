//! The offline verifier: holds an export to what it claims, with nothing but the export.
//!
//! Invariants:
//! - no database, no network, and no trust in anything that stands in the directory: the key and
//!   outside anchors come from the caller;
//! - the first bad record is named. Tiles are held to the signed root before events are held to
//!   the tiles, so that what is blamed is what was changed;
//! - `tools/verify_audit.py` says the same in another language, and tests compare the two.

mod anchors;
mod details;
mod events;
mod files;
mod tiles;

use std::fmt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use self::anchors::Anchors;
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
    pub key: Option<VerificationKey>,
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
    let anchors = Anchors::check(&package, &tiles, checkpoint, outside)?;
    let seen = events::check(&package, &tiles)?;

    let mut report = Report {
        origin: checkpoint.origin.clone(),
        tree_size: checkpoint.size,
        root: checkpoint.root,
        from: manifest.from,
        to: manifest.to,
        pruned_to: manifest.pruned_to,
        key_name: outside.key.as_ref().map(|key| key.name().to_owned()),
        anchors_inside: anchors.inside,
        anchors_outside: anchors.outside,
        disclosed: seen.details.disclosed,
        erased: seen.details.erased,
        withheld: seen.details.withheld,
        newest: seen.newest,
        warnings: Vec::new(),
    };
    report.warnings = warnings(&report, outside);
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
    if let Some(key) = &outside.key {
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

fn warnings(report: &Report, outside: &Outside) -> Vec<String> {
    let mut found = Vec::new();
    if report.anchors_outside == 0 {
        found.push(
            "no anchor from outside was given: a tail cut by the database's owner would not show"
                .to_owned(),
        );
    }
    if let Some(newest) = report.newest {
        if newest > outside.now + CLOCK_SKEW {
            found.push(format!(
                "an event is from the future: {}",
                moment_text(newest)
            ));
        } else if report.to == report.tree_size && newest < outside.now - STALE_AFTER {
            found.push(format!(
                "the newest event is of {}: is this the newest export?",
                moment_text(newest)
            ));
        }
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
        if let Some(name) = &self.key_name {
            writeln!(f, "signed by: {name}")?;
        }
        writeln!(
            f,
            "anchors: {} in the export, {} from outside",
            self.anchors_inside, self.anchors_outside
        )?;
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
