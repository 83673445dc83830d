//! The directory: a closed list of files, each held to its size and hash while it is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::package::{
    ANCHORS, CHECKPOINT, DECISIONS, DETAILS, EVENTS, FileEntry, MANIFEST, Manifest, TILES,
};
use super::super::tiles::{TileId, tiles_of, width_of};
use super::{Failure, refuted};

/// Longer than any line that an event of allowed size can have.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The manifest and files that are read whole are smaller than this.
const MAX_WHOLE_BYTES: u64 = 1 << 28;

pub(super) struct Package {
    folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl Package {
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST);
        let unreadable = |e| Failure::Unusable(format!("{}: {e}", path.display()));
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_WHOLE_BYTES).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        let manifest = Manifest::parse(&bytes).map_err(|e| refuted(MANIFEST, e))?;
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
        })
    }

    /// The list is closed: the manifest names exactly the files that an export of this size has, and the
    /// folder has exactly those that the manifest names.
    pub(super) fn check_closed_list(&self) -> Result<(), Failure> {
        self.check_names()?;
        let mut found = Vec::new();
        list(&self.folder, "", &mut found)?;
        found.retain(|path| path != MANIFEST);
        found.sort();
        if let Some(extra) = found
            .iter()
            .find(|path| !self.manifest.files.contains_key(*path))
        {
            return Err(refuted(extra, "is not in the manifest"));
        }
        let missing = self
            .manifest
            .files
            .keys()
            .find(|path| found.binary_search(path).is_err());
        match missing {
            Some(path) => Err(refuted(path, "is missing")),
            None => Ok(()),
        }
    }

    /// Nobody signs the manifest, so it has no say in what belongs to an export.
    fn check_names(&self) -> Result<(), Failure> {
        let Manifest {
            files, tree_size, ..
        } = &self.manifest;
        for name in [CHECKPOINT, EVENTS, ANCHORS, DETAILS] {
            if !files.contains_key(name) {
                return Err(refuted(name, "is not in the manifest"));
            }
        }
        let optional = usize::from(files.contains_key(DECISIONS));
        // Ends at the first tile that is not listed, whatever size the manifest claims.
        let mut tiles = 0;
        for id in tiles_of(*tree_size) {
            let path = format!("{TILES}/{id}");
            if !files.contains_key(&path) {
                return Err(refuted(path, "is not in the manifest"));
            }
            tiles += 1;
        }
        if files.len() == 4 + optional + tiles {
            return Ok(());
        }
        let belongs = |path: &str| {
            let id = path
                .strip_prefix(TILES)
                .and_then(|rest| rest.strip_prefix('/')?.parse::<TileId>().ok());
            [CHECKPOINT, EVENTS, ANCHORS, DETAILS, DECISIONS].contains(&path)
                || id.is_some_and(|id| id.width == width_of(*tree_size, id.level, id.index))
        };
        let stranger = files.keys().find(|path| !belongs(path));
        Err(refuted(
            stranger.map_or(MANIFEST, String::as_str),
            "does not belong to an export of this size",
        ))
    }

    /// A small file, whole and held to the manifest.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.read_unchecked(path)?;
        self.hold(path, bytes.len() as u64, Sha256::digest(&bytes).as_slice())?;
        Ok(bytes)
    }

    /// A file that was held to the manifest before.
    pub(super) fn read_unchecked(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.file(path)?
            .take(MAX_WHOLE_BYTES)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn lines(&self, path: &'static str) -> Result<Lines<'_>, Failure> {
        Ok(Lines {
            package: self,
            path,
            reader: BufReader::with_capacity(1 << 16, self.file(path)?),
            digest: Sha256::new(),
            bytes: 0,
            line: Vec::new(),
        })
    }

    fn file(&self, path: &str) -> Result<File, Failure> {
        let open = File::open(self.folder.join(path));
        open.map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => refuted(path, "is missing"),
            _ => Failure::Unusable(format!("{path}: {e}")),
        })
    }

    fn hold(&self, path: &str, bytes: u64, digest: &[u8]) -> Result<(), Failure> {
        let found = FileEntry {
            bytes,
            sha256: hex::encode(digest),
        };
        match self.manifest.files.get(path) {
            Some(entry) if *entry == found => Ok(()),
            Some(_) => Err(refuted(path, "its size or sha256 is not the manifest's")),
            None => Err(refuted(path, "is not in the manifest")),
        }
    }
}

/// Paths below `folder`, with `/` between their parts. What is no plain file or folder is listed
/// too, and then is not in the manifest.
fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        if name.to_str().is_none() {
            return Err(refuted(path, "its name is not UTF-8"));
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() {
            found.push(path);
        } else {
            return Err(refuted(path, "is not a plain file"));
        }
    }
    Ok(())
}

/// A file line by line. Its hash is compared after its last line, so that a changed line is
/// named by its own record and not by its file.
pub(super) struct Lines<'a> {
    package: &'a Package,
    path: &'static str,
    reader: BufReader<File>,
    digest: Sha256,
    bytes: u64,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// The next line without its end; `place` names it in a complaint.
    pub(super) fn next(&mut self, place: impl FnOnce() -> String) -> Result<Option<&str>, Failure> {
        self.line.clear();
        let read = (&mut self.reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.digest.update(&self.line);
        self.bytes += read as u64;
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(refuted(place(), "the line has no end"));
        };
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(refuted(place(), "not UTF-8")),
        }
    }

    /// Holds the file, read to its end, to the manifest.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.package
            .hold(self.path, self.bytes, self.digest.finalize().as_slice())
    }
}
