//! Reading a list whole, with one SHA-256 for each of its files.

use std::io::{self, Read};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::listed::ListedEntry;
use super::lists::LoadError;
use super::ofac::{self, Oddities};
use super::plain;
use super::store::lists::FileDigest;

/// Names of people who do not exist, for the demo.
pub const DEMO_LIST: &str = include_str!("demo_list.csv");
pub const DEMO_SOURCE: &str = "demo-invented";
pub const OFAC_SOURCE: &str = "ofac-sdn";

/// A list that was read and understood, not yet in place.
pub struct ReadList {
    pub(super) source: String,
    pub(super) invented: bool,
    pub(super) published: NaiveDate,
    pub(super) sha256: [u8; 32],
    pub(super) files: Vec<FileDigest>,
    pub(super) entries: Vec<ListedEntry>,
    pub odd: Oddities,
}

/// Reads OFAC's three files.
pub fn read_ofac(
    sdn: impl Read,
    alt: impl Read,
    add: impl Read,
    published: NaiveDate,
) -> Result<ReadList, LoadError> {
    let (mut entries_in, mut aliases_in) = (Hashing::new(sdn), Hashing::new(alt));
    let mut addresses_in = Hashing::new(add);
    let mut entries = Vec::new();
    let odd = ofac::read::<LoadError>(
        &mut entries_in,
        &mut aliases_in,
        &mut addresses_in,
        |entry| {
            entries.push(entry);
            Ok(())
        },
    )?;
    let parts = [
        ("add", addresses_in.finish()),
        ("alt", aliases_in.finish()),
        ("sdn", entries_in.finish()),
    ];
    let mut digest = Sha256::new();
    for (_, (part, _)) in &parts {
        digest.update(part);
    }
    Ok(ReadList {
        source: OFAC_SOURCE.to_owned(),
        invented: false,
        published,
        sha256: digest.finalize().into(),
        files: parts.map(|(name, part)| file_digest(name, part)).into(),
        entries,
        odd,
    })
}

fn file_digest(name: &str, (sha256, bytes): ([u8; 32], u64)) -> FileDigest {
    FileDigest {
        name: name.to_owned(),
        sha256: hex::encode(sha256),
        bytes,
    }
}

/// Whether a list may be called so: short, lower case, as it stands beside each hit.
pub fn is_source(name: &str) -> bool {
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    rest && name.len() <= 31 && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Names that our own lists have.
pub fn is_taken(name: &str) -> bool {
    [OFAC_SOURCE, DEMO_SOURCE].contains(&name)
}

/// Reads a list in the plain format.
pub fn read_plain(
    source: &str,
    list: impl Read,
    published: NaiveDate,
) -> Result<ReadList, LoadError> {
    let mut list = Hashing::new(list);
    let entries = plain::read(&mut list)?;
    let (sha256, bytes) = list.finish();
    Ok(ReadList {
        source: source.to_owned(),
        invented: false,
        published,
        sha256,
        files: vec![file_digest("list", (sha256, bytes))],
        entries,
        odd: Oddities::default(),
    })
}

/// Reads the demo's list, which is part of the program.
pub fn read_demo(published: NaiveDate) -> Result<ReadList, LoadError> {
    let list = read_plain(DEMO_SOURCE, DEMO_LIST.as_bytes(), published)?;
    Ok(ReadList {
        invented: true,
        ..list
    })
}

/// A reader that hashes what passes through it.
struct Hashing<R> {
    inner: R,
    digest: Sha256,
    bytes: u64,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    fn finish(self) -> ([u8; 32], u64) {
        (self.digest.finalize().into(), self.bytes)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}
