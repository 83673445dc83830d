//! The Merkle tree of RFC 6962: hashes, roots and proofs, with no storage of its own.
//!
//! A tree of `size` leaves is cut at the largest power of two below `size`; its left part is
//! therefore always complete and never changes again. [`Nodes`] gives the hashes of complete
//! subtrees, from which every root and every proof of every earlier size can be built.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// Where the hash of the complete subtree over leaves `index * 2^level ..` is looked up.
pub trait Nodes {
    type Error;
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

pub fn leaf_hash(body: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(body)
        .finalize()
        .into()
}

pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of the tree of the first `size` leaves.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 {
        return Ok(empty_root());
    }
    range_hash(nodes, 0, size)
}

/// Proves that leaf `index` stands in the tree of `size` leaves. Needs `index < size`.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Proves that the tree of `new` leaves only added to the tree of `old`. Needs `old <= new`.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    // Down to the subtree that ends where the old tree ended.
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    // When the old tree is itself a complete left part, its root is known to the verifier.
    if start > 0 {
        proof.push(range_hash(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// RFC 9162, section 2.1.3.2.
pub fn verify_inclusion(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if position % 2 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position % 2 == 0 && position != 0 {
                position /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position /= 2;
        last /= 2;
    }
    last == 0 && hash == *root
}

/// RFC 9162, section 2.1.4.2. A proof from the empty tree says nothing and is refused, unless
/// both trees are empty.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root && (old > 0 || *old_root == empty_root());
    }
    if old == 0 || old > new {
        return false;
    }
    let mut rest = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        rest.next()
    };
    let Some(first) = first else { return false };
    let (mut position, mut last) = (old - 1, new - 1);
    while position % 2 == 1 {
        position /= 2;
        last /= 2;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if position % 2 == 1 || position == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while position % 2 == 0 && position != 0 {
                position /= 2;
                last /= 2;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        position /= 2;
        last /= 2;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two below `count`, for `count > 1`.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The hash over leaves `start .. end`, where `start` is where a subtree of that span begins.
fn range_hash<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let count = end - start;
    if count.is_power_of_two() {
        let level = count.ilog2();
        return nodes.node(level, start >> level);
    }
    let middle = start + split(count);
    let left = range_hash(nodes, start, middle)?;
    let right = range_hash(nodes, middle, end)?;
    Ok(node_hash(&left, &right))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::PathBuf;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::Deserialize;

    use super::*;

    /// A tree in memory that follows the RFC's definition word by word.
    struct Leaves(Vec<Hash>);

    impl Nodes for Leaves {
        type Error = Infallible;
        fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            let width = 1_usize << level;
            let start = usize::try_from(index).unwrap() * width;
            Ok(mth(&self.0[start..start + width]))
        }
    }

    fn mth(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => empty_root(),
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
            }
        }
    }

    fn leaves(count: u64) -> Leaves {
        Leaves((0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect())
    }

    fn vectors(path: &str) -> Option<PathBuf> {
        let root = std::env::var("SIGNALBOX_REFERENCE").unwrap_or("../shared/reference".into());
        let folder = PathBuf::from(root).join("standards/merkle").join(path);
        if folder.exists() {
            return Some(folder);
        }
        println!("skipped: tree vectors need {}", folder.display());
        None
    }

    fn json_files(folder: PathBuf) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![folder];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }

    fn hash(text: Option<&String>) -> Option<Hash> {
        STANDARD.decode(text?).ok()?.try_into().ok()
    }

    /// Some vectors of consistency hold roots that are no hashes; a hash of them is as good for
    /// comparing.
    fn any_root(text: Option<&String>) -> Option<Hash> {
        let bytes = text
            .map_or(Ok(Vec::new()), |text| STANDARD.decode(text))
            .ok()?;
        let whole = bytes.as_slice().try_into();
        Some(whole.unwrap_or_else(|_| Sha256::digest(&bytes).into()))
    }

    fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
        texts
            .into_iter()
            .flatten()
            .map(|text| hash(Some(text)))
            .collect()
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inclusion {
        leaf_idx: u64,
        tree_size: u64,
        root: Option<String>,
        leaf_hash: Option<String>,
        proof: Option<Vec<String>>,
        want_err: bool,
    }

    #[derive(Deserialize)]
    struct Consistency {
        size1: u64,
        size2: u64,
        root1: Option<String>,
        root2: Option<String>,
        proof: Option<Vec<String>>,
        #[serde(rename = "wantErr")]
        want_err: bool,
    }

    #[test]
    fn inclusion_vectors() {
        let Some(folder) = vectors("inclusion") else {
            return;
        };
        for path in json_files(folder) {
            let case: Inclusion = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let parts = (
                hash(case.leaf_hash.as_ref()),
                hashes(case.proof.as_ref()),
                hash(case.root.as_ref()),
            );
            let verified = match parts {
                (Some(leaf), Some(proof), Some(root)) => {
                    verify_inclusion(case.leaf_idx, case.tree_size, leaf, &proof, &root)
                }
                _ => false,
            };
            assert_eq!(verified, !case.want_err, "{}", path.display());
        }
    }

    #[test]
    fn consistency_vectors() {
        let Some(folder) = vectors("consistency") else {
            return;
        };
        for path in json_files(folder) {
            let case: Consistency = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let parts = (
                any_root(case.root1.as_ref()),
                any_root(case.root2.as_ref()),
                hashes(case.proof.as_ref()),
            );
            let verified = match parts {
                (Some(old), Some(new), Some(proof)) => {
                    verify_consistency(case.size1, case.size2, &old, &new, &proof)
                }
                _ => false,
            };
            assert_eq!(verified, !case.want_err, "{}", path.display());
        }
    }

    #[test]
    fn certificate_transparency_tree() {
        let bodies = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let leaves = Leaves(
            bodies
                .iter()
                .map(|b| leaf_hash(&hex::decode(b).unwrap()))
                .collect(),
        );
        for (size, wanted) in [
            (
                0,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                1,
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            ),
            (
                3,
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            ),
            (
                7,
                "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            ),
            (
                8,
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ),
        ] {
            assert_eq!(
                hex::encode(root(&leaves, size).unwrap()),
                wanted,
                "size {size}"
            );
        }
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other() {
        let all = leaves(40);
        for size in 1..=40 {
            let size_root = root(&all, size).unwrap();
            for index in 0..size {
                let proof = inclusion_proof(&all, index, size).unwrap();
                let leaf = leaf_hash(&index.to_be_bytes());
                assert!(verify_inclusion(index, size, leaf, &proof, &size_root));
                assert!(!verify_inclusion(index ^ 1, size, leaf, &proof, &size_root));
            }
            for old in 1..=size {
                let old_root = root(&all, old).unwrap();
                let proof = consistency_proof(&all, old, size).unwrap();
                assert!(verify_consistency(old, size, &old_root, &size_root, &proof));
                assert!(!verify_consistency(
                    old,
                    size,
                    &leaf_hash(b"x"),
                    &size_root,
                    &proof
                ));
            }
        }
    }
}
