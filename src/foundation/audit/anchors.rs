//! Checkpoints put outside the database, so that its owner alone cannot rewrite the past.
//!
//! The place is a file of signed notes that is only ever appended to. Mount it from another
//! machine, or copy it away: each copy pins the log as it was.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bytea, Text, Timestamptz};

use super::note::{self, SignedCheckpoint, VerificationKey};
use super::origin::Origin;
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
        "{path} reaches to {found} events, and the database says that {recorded} were anchored there. Is the \
         folder mounted? Put the file back, or name another folder for anchors", path = .path.display()
    )]
    Missing {
        path: PathBuf,
        found: u64,
        recorded: u64,
    },
    #[error(
        "the newest checkpoint in {path} is not of this log or not signed with this sealer's key. Find out who \
         wrote it; if the key was lost, run `signalbox audit epoch begin`", path = .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "the log `{log}` was anchored with {anchored} events and the database has {found}: it was restored \
         or cut. Sealing goes on only after somebody has decided what happened: `signalbox audit epoch begin`"
    )]
    Behind {
        log: &'static str,
        anchored: u64,
        found: u64,
    },
    #[error(
        "the log `{log}` has another history than when it was anchored with {size} events. Sealing goes on \
         only after somebody has decided what happened: `signalbox audit epoch begin`"
    )]
    Rewritten { log: &'static str, size: u64 },
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<diesel::result::Error> for AnchorError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl AnchorError {
    /// Whether the log itself is in doubt. All else is about the place, and may mend.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Behind { .. } | Self::Rewritten { .. } | Self::Foreign(_) => true,
            Self::Database(error) => matches!(error, db::Error::Damaged(_)),
            Self::File(..) | Self::Unreadable(..) | Self::Missing { .. } => false,
        }
    }
}

/// One log's file of anchors in one folder.
pub struct AnchorFile {
    path: PathBuf,
    place: String,
    log: Log,
    key: VerificationKey,
}

impl AnchorFile {
    /// The file of `log` in `folder`, whose notes are signed with `key`. Nothing is made before the first
    /// anchor: a folder that is not mounted must not look like an empty one.
    #[must_use]
    pub fn new(folder: &Path, log: Log, key: VerificationKey) -> Self {
        Self {
            path: folder.join(format!("{}.checkpoints", log.as_str())),
            place: folder.display().to_string(),
            log,
            key,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn log(&self) -> Log {
        self.log
    }

    /// Holds the database to the newest anchor: it must not be behind it, and must have grown
    /// out of it.
    pub fn check(&self, conn: &mut Conn, origin: &str, size: u64) -> Result<(), AnchorError> {
        store::require_anchors_within(conn, self.log, size)?;
        let newest = self.standing(conn)?;
        let Some(anchor) =
            newest.and_then(|found| self.of_this_epoch(found, origin, size).transpose())
        else {
            return Ok(());
        };
        let anchor = anchor?.checkpoint;
        let log = self.log.as_str();
        if anchor.size > size {
            return Err(AnchorError::Behind {
                log,
                anchored: anchor.size,
                found: size,
            });
        }
        let stored = StoredTree::new(conn, self.log, size);
        if tree::root(&stored, anchor.size)? == anchor.root {
            Ok(())
        } else {
            Err(AnchorError::Rewritten {
                log,
                size: anchor.size,
            })
        }
    }

    /// Anchors the newest checkpoint unless it is anchored already, first in the file and then in
    /// the database: a row never speaks of an anchor that does not exist. What is anchored is what the
    /// file says; a row decides nothing.
    pub fn anchor(&self, conn: &mut Conn, now: DateTime<Utc>) -> Result<Option<u64>, AnchorError> {
        let Some(checkpoint) = store::newest_checkpoint(conn, self.log)? else {
            return Ok(None);
        };
        if checkpoint.size == 0 {
            return Ok(None);
        }
        let signed = SignedCheckpoint::parse(&checkpoint.note).map_err(|_| store::damaged())?;
        let current = signed.checkpoint;
        let newest = self.standing(conn)?;
        let newest = newest
            .and_then(|found| {
                self.of_this_epoch(found, &current.origin, current.size)
                    .transpose()
            })
            .transpose()?;
        let anchored = newest.map_or(0, |found| found.checkpoint.size);
        if anchored > current.size {
            return Err(AnchorError::Behind {
                log: self.log.as_str(),
                anchored,
                found: current.size,
            });
        }
        let is_new = anchored < current.size;
        if is_new {
            self.append(&checkpoint.note)
                .map_err(|e| AnchorError::File(self.path.clone(), e))?;
        }
        conn.transaction(|conn| self.record(conn, &checkpoint, now))?;
        store::require_anchors_within(conn, self.log, current.size)?;
        Ok(is_new.then_some(current.size))
    }

    /// The newest note. The file must reach as far as the table says that it does.
    fn standing(&self, conn: &mut Conn) -> Result<Option<SignedCheckpoint>, AnchorError> {
        let newest = self.newest()?;
        self.require_reach(conn, newest.as_ref())?;
        Ok(newest)
    }

    /// Whether the table knows of more in this place than is there: a folder that is not mounted looks like one
    /// in which nothing was ever anchored.
    fn require_reach(
        &self,
        conn: &mut Conn,
        newest: Option<&SignedCheckpoint>,
    ) -> Result<(), AnchorError> {
        let recorded = store::anchored_at(conn, self.log, &self.place)?.unwrap_or(0);
        let found = newest.map_or(0, |found| found.checkpoint.size);
        if recorded > found {
            return Err(AnchorError::Missing {
                path: self.path.clone(),
                found,
                recorded,
            });
        }
        Ok(())
    }

    /// The note, if it is of the epoch of `origin`. One of an earlier epoch says nothing here: what became
    /// of it is in the first event of this one.
    fn of_this_epoch(
        &self,
        note: SignedCheckpoint,
        origin: &str,
        size: u64,
    ) -> Result<Option<SignedCheckpoint>, AnchorError> {
        let foreign = || AnchorError::Foreign(self.path.clone());
        let ours: Origin = origin.parse().map_err(|()| foreign())?;
        let its: Origin = note.checkpoint.origin.parse().map_err(|()| foreign())?;
        if its.log != ours.log {
            return Err(foreign());
        }
        match its.epoch.cmp(&ours.epoch) {
            Ordering::Less => Ok(None),
            Ordering::Greater => Err(AnchorError::Behind {
                log: self.log.as_str(),
                anchored: note.checkpoint.size,
                found: size,
            }),
            Ordering::Equal => {
                note.verify(&self.key).map_err(|_| foreign())?;
                Ok(Some(note))
            }
        }
    }

    /// Every note of the file, in its order; none where it does not exist and nothing was anchored in it.
    pub fn all(&self, conn: &mut Conn) -> Result<Vec<SignedCheckpoint>, AnchorError> {
        let notes = match std::fs::read_to_string(&self.path) {
            Ok(text) => {
                note::parse_all(&text).map_err(|e| AnchorError::Unreadable(self.path.clone(), e))?
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(AnchorError::File(self.path.clone(), e)),
        };
        self.require_reach(conn, notes.last())?;
        Ok(notes)
    }

    fn record(
        &self,
        conn: &mut Conn,
        anchored: &store::StoredCheckpoint,
        now: DateTime<Utc>,
    ) -> db::Result<()> {
        let prefix = self.log.prefix();
        sql_query(format!(
            "INSERT INTO {prefix}_anchor (size, root, note, place, anchored_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING"
        ))
        .bind::<BigInt, _>(anchored.size.cast_signed())
        .bind::<Bytea, _>(anchored.root.as_slice())
        .bind::<Text, _>(&anchored.note)
        .bind::<Text, _>(&self.place)
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
    /// note goes first: it was never recorded as an anchor. Nothing else is ever taken away, so that the
    /// file may be one that can only be appended to.
    fn append(&self, note: &str) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        let tail = read_tail(&mut file)?;
        if tail.torn {
            file.set_len(tail.start + tail.whole().len() as u64)?;
        }
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
        Ok(notes.into_iter().next_back())
    }
}

/// The end of the file, which may begin inside one note and end inside another.
struct Tail {
    start: u64,
    text: String,
    /// Something unfinished stands at the end.
    torn: bool,
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
    let mut bytes = bytes.split_off(lost);
    let length = bytes.len();
    // One that ends inside it is torn like any other.
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| std::io::Error::new(ErrorKind::InvalidData, "not UTF-8"))?;
    let mut tail = Tail {
        start: start + lost as u64,
        text,
        torn: false,
    };
    tail.torn = tail.whole().len() < length;
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::super::note::{Checkpoint, CheckpointSigner};
    use super::*;

    fn signer() -> CheckpointSigner {
        CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap()
    }

    fn note(size: u64) -> String {
        signer().sign(&Checkpoint {
            origin: "signalbox.test/main/1".into(),
            size,
            root: [1; 32],
        })
    }

    #[test]
    fn the_newest_of_many_is_found_and_a_torn_one_is_not_one() {
        let folder = tempfile::tempdir().unwrap();
        let anchors = folder.path().join("anchors");
        let file = AnchorFile::new(&anchors, Log::Main, signer().verification_key());
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
