//! The directory: a closed list of files, each held to its size and hash while it is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::package::{FileEntry, MANIFEST, Manifest};
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

    /// Every file is in the manifest and every file in the manifest is there.
    pub(super) fn check_closed_list(&self) -> Result<(), Failure> {
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

    /// How many files of the manifest are in this folder.
    pub(super) fn count_below(&self, folder: &str) -> usize {
        let below = |path: &&String| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        self.manifest.files.keys().filter(below).count()
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
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
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
