//! Checkpoints put outside the database, so that its owner alone cannot rewrite the past.
//!
//! The place is a file of signed notes that is only ever appended to. Mount it from another
//! machine, or copy it away: each copy pins the log as it was.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bytea, Text, Timestamptz};

use super::note::{self, SignedCheckpoint};
use super::store::{self, StoredTree};
use super::{Log, tree};
use crate::foundation::db::{self, Conn};

/// Enough for the last few notes; the file itself may grow for years.
const TAIL_BYTES: u64 = 16 * 1024;

/// Stands after each note.
const SEPARATOR: &str = "\n";

#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    #[error("{path} is not a file of checkpoints: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, note::Error),
    #[error(
        "the log `{log}` was anchored with {anchored} events and the database has {found}: it was restored \
         or cut. Sealing goes on only after somebody has decided what happened"
    )]
    Behind {
        log: &'static str,
        anchored: u64,
        found: u64,
    },
    #[error(
        "the log `{log}` has another history than when it was anchored with {size} events. Sealing goes on \
         only after somebody has decided what happened"
    )]
    Rewritten { log: &'static str, size: u64 },
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// One log's file of anchors.
pub struct AnchorFile {
    path: PathBuf,
    log: Log,
}

impl AnchorFile {
    /// The file of `log` in `folder`, which is made where it is missing.
    pub fn open(folder: &Path, log: Log) -> Result<Self, AnchorError> {
        std::fs::create_dir_all(folder).map_err(|e| AnchorError::File(folder.to_owned(), e))?;
        Ok(Self {
            path: folder.join(format!("{}.checkpoints", log.as_str())),
            log,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Holds the database to the newest anchor: it must not be behind it, and must have grown
    /// out of it.
    pub fn check(&self, conn: &mut Conn, size: u64) -> Result<(), AnchorError> {
        let Some(anchor) = self.newest()? else {
            return Ok(());
        };
        let anchored = anchor.checkpoint.size;
        let log = self.log.as_str();
        if anchored > size {
            return Err(AnchorError::Behind {
                log,
                anchored,
                found: size,
            });
        }
        let stored = StoredTree::new(conn, self.log, size);
        if tree::root(&stored, anchored)? == anchor.checkpoint.root {
            Ok(())
        } else {
            Err(AnchorError::Rewritten {
                log,
                size: anchored,
            })
        }
    }

    /// Anchors the newest checkpoint unless it is anchored already, first in the file and then in
    /// the database: a row never speaks of an anchor that does not exist.
    pub fn anchor(&self, conn: &mut Conn, now: DateTime<Utc>) -> Result<Option<u64>, AnchorError> {
        let Some(checkpoint) = store::newest_checkpoint(conn, self.log)? else {
            return Ok(None);
        };
        let newest = store::anchors(conn, self.log)?.pop();
        if checkpoint.size == 0 || newest.is_some_and(|anchor| anchor.size >= checkpoint.size) {
            return Ok(None);
        }
        self.append(&checkpoint.note)
            .map_err(|e| AnchorError::File(self.path.clone(), e))?;
        conn.transaction(|conn| self.record(conn, &checkpoint, now))?;
        Ok(Some(checkpoint.size))
    }

    fn record(
        &self,
        conn: &mut Conn,
        anchored: &store::StoredCheckpoint,
        now: DateTime<Utc>,
    ) -> db::Result<()> {
        let prefix = self.log.prefix();
        sql_query(format!(
            "INSERT INTO {prefix}_anchor (size, root, note, place, anchored_at) VALUES ($1, $2, $3, $4, $5)"
        ))
        .bind::<BigInt, _>(anchored.size.cast_signed())
        .bind::<Bytea, _>(anchored.root.as_slice())
        .bind::<Text, _>(&anchored.note)
        .bind::<Text, _>("file")
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
        // Checkpoints between two anchors have done their work.
        sql_query(format!(
            "DELETE FROM {prefix}_checkpoint c WHERE size < $1 \
             AND NOT EXISTS (SELECT FROM {prefix}_anchor a WHERE a.size = c.size)"
        ))
        .bind::<BigInt, _>(anchored.size.cast_signed())
        .execute(conn)?;
        Ok(())
    }

    /// One write of one whole note, on disk before we go on. What a power cut left of an earlier
    /// note goes first: it was never recorded as an anchor.
    fn append(&self, note: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        let tail = read_tail(&mut file)?;
        file.set_len(tail.start + tail.whole().len() as u64)?;
        file.write_all(format!("{note}{SEPARATOR}").as_bytes())?;
        file.sync_all()
    }

    fn newest(&self) -> Result<Option<SignedCheckpoint>, AnchorError> {
        let tail = match File::open(&self.path).and_then(|mut file| read_tail(&mut file)) {
            Ok(tail) => tail,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(AnchorError::File(self.path.clone(), e)),
        };
        let notes = note::parse_all(tail.whole_notes())
            .map_err(|e| AnchorError::Unreadable(self.path.clone(), e))?;
        Ok(notes
            .into_iter()
            .max_by_key(|signed| signed.checkpoint.size))
    }
}

/// The end of the file, which may begin inside one note and end inside another.
struct Tail {
    start: u64,
    text: String,
}

impl Tail {
    /// Without an unfinished note at the end. A whole one ends in a signature and a blank line.
    fn whole(&self) -> &str {
        let mut end = 0;
        let mut line_start = 0;
        let mut signed = false;
        for line in self.text.split_inclusive('\n') {
            line_start += line.len();
            if line == SEPARATOR && signed {
                end = line_start;
            }
            signed = line.starts_with(note::SIGNATURE_MARK) && line.ends_with('\n');
        }
        self.text.get(..end).unwrap_or_default()
    }

    /// Also without the rest of a note at the beginning.
    fn whole_notes(&self) -> &str {
        let whole = self.whole();
        if self.start == 0 {
            return whole;
        }
        let begins = |at: &usize| !whole[at + 2..].starts_with(note::SIGNATURE_MARK);
        let first = whole.match_indices("\n\n").map(|(at, _)| at).find(begins);
        first.map_or("", |at| &whole[at + 2..])
    }
}

fn read_tail(file: &mut File) -> std::io::Result<Tail> {
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // The mark before a signature is not ASCII: a tail that begins inside it loses those bytes.
    let lost = bytes
        .iter()
        .take_while(|byte| (0x80..0xC0).contains(*byte))
        .count();
    let text = String::from_utf8(bytes.split_off(lost))
        .map_err(|_| std::io::Error::new(ErrorKind::InvalidData, "not UTF-8"))?;
    Ok(Tail {
        start: start + lost as u64,
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::super::note::{Checkpoint, CheckpointSigner};
    use super::*;

    fn note(size: u64) -> String {
        let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
        signer.sign(&Checkpoint {
            origin: "signalbox.test/main/1".into(),
            size,
            root: [1; 32],
        })
    }

    #[test]
    fn the_newest_of_many_is_found_and_a_torn_one_is_not_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = AnchorFile::open(&folder.path().join("anchors"), Log::Main).unwrap();
        assert_eq!(file.newest().unwrap(), None);
        for size in 1..300 {
            file.append(&note(size)).unwrap();
            assert_eq!(
                file.newest().unwrap().map(|signed| signed.checkpoint.size),
                Some(size)
            );
        }
        let whole = std::fs::read(file.path()).unwrap();
        for torn in 1..=note(300).len() {
            let mut bytes = whole.clone();
            bytes.extend(&note(300).as_bytes()[..torn]);
            if String::from_utf8(bytes.clone()).is_err() {
                continue;
            }
            std::fs::write(file.path(), &bytes).unwrap();
            assert_eq!(
                file.newest().unwrap().map(|signed| signed.checkpoint.size),
                Some(299),
                "{torn}"
            );
            file.append(&note(301)).unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            assert_eq!(note::parse_all(&text).unwrap().len(), 300, "{torn}");
        }
    }
}
