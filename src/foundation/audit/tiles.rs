//! The tree as tiles (C2SP tlog-tiles): 256 hashes of one tree level in a row.
//!
//! Tile level L holds hashes of tree level 8·L. Full tiles never change; the last one of each
//! level grows to the right, so the tile of an earlier size is a prefix of today's.

use std::fmt;
use std::str::FromStr;

use super::tree::{Hash, empty_root, node_hash};

/// Hashes in a full tile.
pub const WIDTH: usize = 256;

const HASH_BYTES: usize = 32;

/// The first number of a path's part: `x001/234` counts in thousands.
const PATH_BASE: u64 = 1000;

/// Which tile, and how many of its hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    pub level: u32,
    pub index: u64,
    /// 1 to [`WIDTH`].
    pub width: usize,
}

/// All tiles of a tree of `size` leaves, lowest level first.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TileId> {
    (0..8)
        .map(move |level| (level, hashes_at(size, level)))
        .take_while(|(_, hashes)| *hashes > 0)
        .flat_map(|(level, hashes)| {
            (0..hashes.div_ceil(WIDTH as u64)).map(move |index| TileId {
                level,
                index,
                width: width_at(hashes, index),
            })
        })
}

/// How many hashes tile level `level` has in a tree of `size` leaves.
pub fn hashes_at(size: u64, level: u32) -> u64 {
    size >> (8 * level)
}

/// How many hashes of a tile belong to the tree of `size` leaves; the tile may hold more by now.
pub fn width_of(size: u64, level: u32, index: u64) -> usize {
    width_at(hashes_at(size, level), index)
}

fn width_at(hashes: u64, index: u64) -> usize {
    let left = hashes.saturating_sub(index * WIDTH as u64);
    usize::try_from(left).map_or(WIDTH, |left| left.min(WIDTH))
}

/// `0/x001/234` when full, `0/x001/234.p/17` when not.
impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.level)?;
        let mut scale = 1;
        while self.index / scale >= PATH_BASE {
            scale *= PATH_BASE;
        }
        while scale > 1 {
            write!(f, "x{:03}/", self.index / scale % PATH_BASE)?;
            scale /= PATH_BASE;
        }
        write!(f, "{:03}", self.index % PATH_BASE)?;
        if self.width < WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// Only the one spelling that [`TileId`]'s `Display` writes is accepted.
impl FromStr for TileId {
    type Err = ();

    fn from_str(path: &str) -> Result<Self, ()> {
        let (level, rest) = path.split_once('/').ok_or(())?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().map_err(|_| ())?),
            None => (rest, WIDTH),
        };
        let mut number = 0_u64;
        for part in index.split('/') {
            let digits: u64 = part.trim_start_matches('x').parse().map_err(|_| ())?;
            number = number
                .checked_mul(PATH_BASE)
                .and_then(|n| n.checked_add(digits))
                .ok_or(())?;
        }
        let id = Self {
            level: level.parse().map_err(|_| ())?,
            index: number,
            width,
        };
        if width > 0 && id.to_string() == path {
            Ok(id)
        } else {
            Err(())
        }
    }
}

/// Where a complete subtree's hash is found: in which tile, and which subtree of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    pub level: u32,
    pub index: u64,
    inner_level: u32,
    inner_index: usize,
}

impl Location {
    /// Of the subtree over leaves `index << level ..`.
    pub fn of(level: u32, index: u64) -> Self {
        let inner_level = level % 8;
        let first = index << inner_level;
        let within = (first % WIDTH as u64) >> inner_level;
        Self {
            level: level / 8,
            index: first / WIDTH as u64,
            inner_level,
            inner_index: usize::try_from(within).unwrap_or(WIDTH),
        }
    }

    /// The hash, out of the tile that this location names.
    pub fn read(&self, tile: &Tile) -> Option<Hash> {
        tile.subtree(self.inner_level, self.inner_index)
    }
}

/// Up to 256 hashes of one level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tile {
    hashes: Vec<Hash>,
}

impl Tile {
    /// `None` unless the bytes are 1 to 256 whole hashes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        let fits = rest.is_empty() && (1..=WIDTH).contains(&hashes.len());
        fits.then(|| Self {
            hashes: hashes.to_vec(),
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The hash over all 256, which stands in the tile above; `None` for an unfinished tile.
    pub fn summary(&self) -> Option<Hash> {
        self.subtree(8, 0)
    }

    /// The hash of the complete subtree of 2^`level` hashes that begins at `index << level`;
    /// `None` where this tile does not reach.
    fn subtree(&self, level: u32, index: usize) -> Option<Hash> {
        let count = 1_usize.checked_shl(level)?;
        let start = index.checked_mul(count)?;
        self.hashes
            .get(start..start.checked_add(count)?)
            .map(complete_root)
    }
}

/// The root over a power of two of hashes.
fn complete_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}

/// The right edge of a growing tree: the unfinished tile of each level. It is all that one
/// needs to add leaves and to know the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Takes up a tree of `size` leaves from its unfinished tiles, lowest level first;
    /// `None` when their widths are not those of that size.
    pub fn resume(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = levels
            .iter()
            .zip(0..)
            .all(|(hashes, level)| hashes.len() as u64 == hashes_at(size, level) % WIDTH as u64);
        let reaches = u32::try_from(levels.len())
            .ok()
            .is_some_and(|n| n >= 8 || hashes_at(size, n) == 0);
        (fits && reaches).then_some(Self { size, levels })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf and calls `finished` with each tile that it completes.
    pub fn push(&mut self, leaf: Hash, mut finished: impl FnMut(TileId, Tile)) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() < WIDTH {
                return;
            }
            let tile = Tile {
                hashes: std::mem::take(row),
            };
            hash = complete_root(&tile.hashes);
            let level = u32::try_from(level).unwrap_or(u32::MAX);
            let index = hashes_at(self.size, level) / WIDTH as u64 - 1;
            finished(
                TileId {
                    level,
                    index,
                    width: WIDTH,
                },
                tile,
            );
        }
    }

    /// The unfinished tiles, lowest level first.
    pub fn unfinished(&self) -> impl Iterator<Item = (TileId, Tile)> {
        self.levels
            .iter()
            .zip(0..)
            .filter(|(row, _)| !row.is_empty())
            .map(|(row, level)| {
                let index = hashes_at(self.size, level) / WIDTH as u64;
                (
                    TileId {
                        level,
                        index,
                        width: row.len(),
                    },
                    Tile {
                        hashes: row.clone(),
                    },
                )
            })
    }

    /// The root: complete subtrees joined from the right, smallest first.
    pub fn root(&self) -> Hash {
        let mut joined: Option<Hash> = None;
        for row in &self.levels {
            let mut end = row.len();
            while end > 0 {
                let span = 1 << end.trailing_zeros();
                let left = complete_root(&row[end - span..end]);
                joined = Some(joined.map_or(left, |right| node_hash(&left, &right)));
                end -= span;
            }
        }
        joined.unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::tree::{self, Nodes, leaf_hash};
    use super::*;

    struct Stored(HashMap<(u32, u64), Tile>);

    impl Nodes for Stored {
        type Error = ();
        fn node(&self, level: u32, index: u64) -> Result<Hash, ()> {
            let location = Location::of(level, index);
            let tile = self.0.get(&(location.level, location.index)).ok_or(())?;
            location.read(tile).ok_or(())
        }
    }

    #[test]
    fn an_edge_knows_the_root_of_every_size_and_resumes_anywhere() {
        let mut edge = Edge::default();
        let mut stored = Stored(HashMap::new());
        assert_eq!(edge.root(), empty_root());
        for n in 0..66_000_u64 {
            edge.push(leaf_hash(&n.to_be_bytes()), |id, tile| {
                stored.0.insert((id.level, id.index), tile);
            });
            if n < 600 || n % 9_973 == 0 || n > 65_530 && n < 65_540 {
                for (id, tile) in edge.unfinished() {
                    stored.0.insert((id.level, id.index), tile);
                }
                assert_eq!(
                    tree::root(&stored, n + 1),
                    Ok(edge.root()),
                    "size {}",
                    n + 1
                );
                assert_eq!(Edge::resume(n + 1, edge.levels.clone()), Some(edge.clone()));
                assert_eq!(Edge::resume(n + 2, edge.levels.clone()), None);
            }
        }
        // An earlier root from today's tiles, across tile levels.
        let sizes: Vec<_> = tiles_of(66_000).collect();
        assert_eq!(sizes.len(), 258 + 2 + 1);
        assert_eq!(
            sizes[257],
            TileId {
                level: 0,
                index: 257,
                width: 208
            }
        );
    }

    #[test]
    fn paths_follow_the_specification() {
        for (level, index, width, path) in [
            (0, 0, 256, "0/000"),
            (0, 1_234_067, 256, "0/x001/x234/067"),
            (0, 273, 112, "0/273.p/112"),
            (1, 1_000, 1, "1/x001/000.p/1"),
        ] {
            let id = TileId {
                level,
                index,
                width,
            };
            assert_eq!(id.to_string(), path);
            assert_eq!(path.parse(), Ok(id));
        }
        for path in [
            "0/0",
            "0/x000/001",
            "00/000",
            "0/000.p/256",
            "0/000.p/0",
            "0/001/002",
            "0/../000",
            "0/000.p/01",
        ] {
            assert_eq!(path.parse::<TileId>(), Err(()), "{path}");
        }
    }

    #[test]
    fn a_tile_is_whole_hashes() {
        assert!(Tile::from_bytes(&[]).is_none());
        assert!(Tile::from_bytes(&[0; 33]).is_none());
        assert!(Tile::from_bytes(&[0; 32 * 257]).is_none());
        assert_eq!(
            Tile::from_bytes(&[7; 64]).map(|t| t.to_bytes()),
            Some(vec![7; 64])
        );
    }

    proptest! {
        #[test]
        fn any_path_round_trips(level in 0_u32..8, index in 0_u64..1 << 50, width in 1_usize..=256) {
            let id = TileId { level, index, width };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
