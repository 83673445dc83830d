//! The folder of an export, and the size and hash of every file in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::export::ExportError;
use super::package::FileEntry;

const BUFFER_BYTES: usize = 1 << 18;

/// The export's folder and what stands in it so far. Only its owner may enter.
pub(super) struct Folder {
    pub path: PathBuf,
    pub entries: BTreeMap<String, FileEntry>,
}

impl Folder {
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        make_folder(path)?;
        if std::fs::read_dir(path)?.next().is_some() {
            return Err(ExportError::NotEmpty(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            entries: BTreeMap::new(),
        })
    }

    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.path.join(name);
        path.parent().map_or(Ok(()), make_folder)?;
        create_file(&path)?.write_all(bytes)?;
        self.enter(name, bytes.len() as u64, Sha256::digest(bytes).as_slice());
        Ok(())
    }

    pub fn open(&self, name: &str) -> std::io::Result<HashedFile> {
        Ok(HashedFile {
            file: BufWriter::with_capacity(BUFFER_BYTES, create_file(&self.path.join(name))?),
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    pub fn close(&mut self, name: &str, mut file: HashedFile) -> Result<(), ExportError> {
        file.flush()?;
        self.enter(name, file.bytes, file.digest.finalize().as_slice());
        Ok(())
    }

    fn enter(&mut self, name: &str, bytes: u64, digest: &[u8]) {
        let sha256 = hex::encode(digest);
        self.entries
            .insert(name.to_owned(), FileEntry { bytes, sha256 });
    }
}

pub(super) struct HashedFile {
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

pub(super) fn create_file(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
