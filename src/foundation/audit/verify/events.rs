//! Every event: its line, its body, its place in the tree, its columns, its id.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::super::package::{EVENTS, EventRow};
use super::super::projection::Body;
use super::super::tiles::{Tile, WIDTH};
use super::super::tree::{Hash, leaf_hash};
use super::details::{DetailCounts, Details};
use super::files::Package;
use super::tiles::TileFiles;
use super::{Failure, refuted};

pub(super) struct Seen {
    /// The latest moment that is not in the future.
    pub(super) newest: Option<DateTime<Utc>>,
    /// The first event that is.
    pub(super) future: Option<(u64, DateTime<Utc>)>,
    pub(super) details: DetailCounts,
}

pub(super) fn check(
    package: &Package,
    tiles: &TileFiles<'_>,
    now: DateTime<Utc>,
) -> Result<Seen, Failure> {
    let (from, to) = (package.manifest.from, package.manifest.to);
    let mut lines = package.lines(EVENTS)?;
    let mut details = Details::open(package)?;
    let mut leaves = Leaves::of(tiles);
    let mut ids = HashSet::new();
    let (mut newest, mut future) = (None, None);
    for idx in from..to {
        let place = || format!("event #{idx}");
        let line = lines
            .next(place)?
            .ok_or_else(|| refuted(place(), "is missing"))?;
        let row = EventRow::parse_line(line).map_err(|e| refuted(place(), e))?;
        let body =
            check_row(idx, &row, leaves.get(idx)?).map_err(|problem| refuted(place(), problem))?;
        if !ids.insert(body.projection.id) {
            return Err(refuted(place(), "its id was used before"));
        }
        let at = body.projection.recorded_at;
        if at > now {
            future = future.or(Some((idx, at)));
        } else {
            newest = newest.max(Some(at));
        }
        details.check(idx, &body)?;
    }
    if lines.next(|| EVENTS.to_owned())?.is_some() {
        return Err(refuted(
            EVENTS,
            "there are more events than the manifest says",
        ));
    }
    lines.finish()?;
    Ok(Seen {
        newest,
        future,
        details: details.finish()?,
    })
}

pub(super) fn check_row(idx: u64, row: &EventRow, leaf: Hash) -> Result<Body, String> {
    if row.idx != idx {
        return Err(format!("the line says #{}", row.idx));
    }
    if leaf_hash(&row.body) != leaf {
        return Err("the body is not the one in the tree".to_owned());
    }
    if row.leaf_hash != leaf {
        return Err("the leaf hash is not the one in the tree".to_owned());
    }
    let body = Body::parse(&row.body).map_err(|e| e.to_string())?;
    match row.projection.first_difference(&body.projection) {
        Some(column) => Err(format!("the column {column} is not what the body says")),
        None => Ok(body),
    }
}

/// Leaf hashes in ascending order, one tile in memory at a time.
pub(super) struct Leaves<'a> {
    tiles: &'a TileFiles<'a>,
    held: Option<(u64, Tile)>,
}

impl<'a> Leaves<'a> {
    pub(super) fn of(tiles: &'a TileFiles<'a>) -> Self {
        Self { tiles, held: None }
    }

    pub(super) fn get(&mut self, idx: u64) -> Result<Hash, Failure> {
        let width = WIDTH as u64;
        let index = idx / width;
        if self.held.as_ref().is_none_or(|(held, _)| *held != index) {
            self.held = Some((index, self.tiles.leaves(index)?));
        }
        let hashes = self
            .held
            .as_ref()
            .map_or(&[][..], |(_, tile)| tile.hashes());
        let within = usize::try_from(idx % width).unwrap_or(WIDTH);
        hashes
            .get(within)
            .copied()
            .ok_or_else(|| refuted(format!("event #{idx}"), "the tree does not reach it"))
    }
}
