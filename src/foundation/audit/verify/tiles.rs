//! The tree as it stands in the export.

use super::super::package::TILES;
use super::super::tiles::{Location, Tile, TileId, WIDTH, tiles_of, width_of};
use super::super::tree::{self, Hash, Nodes};
use super::files::Package;
use super::{Failure, refuted};

pub(super) struct TileFiles<'a> {
    package: &'a Package,
    size: u64,
}

impl<'a> TileFiles<'a> {
    pub(super) fn new(package: &'a Package, size: u64) -> Self {
        Self { package, size }
    }

    /// Every tile is the one in the manifest; the unfinished ones lead to
    /// the root of the checkpoint, and each full one to the tile above it. In this order, because
    /// a tile that is held to the root can then be trusted about the ones below.
    pub(super) fn check(&self, root: &Hash) -> Result<(), Failure> {
        for id in tiles_of(self.size) {
            Self::parse(id, &self.package.read(&path(id))?)?;
        }
        if tree::root(self, self.size)? != *root {
            return Err(refuted(
                TILES,
                "the hashes do not lead to the root of the checkpoint",
            ));
        }
        let mut above: Option<(TileId, Tile)> = None;
        // The tiles above come first.
        let full = tiles_of(self.size).filter(|id| id.width == WIDTH);
        let mut ids: Vec<_> = full.collect();
        ids.sort_by_key(|id| (std::cmp::Reverse(id.level), id.index));
        for id in ids {
            let parent = self.id(id.level + 1, id.index / WIDTH as u64);
            if above.as_ref().is_none_or(|(held, _)| *held != parent) {
                above = Some((parent, self.tile(parent)?));
            }
            let at = id.index % WIDTH as u64;
            let listed = above
                .as_ref()
                .and_then(|(_, tile)| Location::of(0, at).read(tile));
            if listed != self.tile(id)?.summary() {
                return Err(refuted(
                    path(id),
                    format!("its hash is not the one in {}", path(parent)),
                ));
            }
        }
        Ok(())
    }

    /// The leaf hashes of events `index * 256 ..`.
    pub(super) fn leaves(&self, index: u64) -> Result<Tile, Failure> {
        self.tile(self.id(0, index))
    }

    fn tile(&self, id: TileId) -> Result<Tile, Failure> {
        Self::parse(id, &self.package.read_unchecked(&path(id))?)
    }

    fn parse(id: TileId, bytes: &[u8]) -> Result<Tile, Failure> {
        Tile::from_bytes(bytes)
            .filter(|tile| tile.hashes().len() == id.width)
            .ok_or_else(|| refuted(path(id), "it is not as many hashes as its name says"))
    }

    fn id(&self, level: u32, index: u64) -> TileId {
        TileId {
            level,
            index,
            width: width_of(self.size, level, index),
        }
    }
}

impl Nodes for TileFiles<'_> {
    type Error = Failure;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Failure> {
        let location = Location::of(level, index);
        let id = self.id(location.level, location.index);
        location
            .read(&self.tile(id)?)
            .ok_or_else(|| refuted(path(id), "it is too short"))
    }
}

fn path(id: TileId) -> String {
    format!("{TILES}/{id}")
}
