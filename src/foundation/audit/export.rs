//! Writes the verifiable export of a contiguous range, in constant memory.
//!
//! Everything is read in one snapshot, and as it stands: an export of a damaged log is made all
//! the same, because the verifier is the one to judge it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::package::{
    ANCHORS, AnchorLine, CHECKPOINT, DECISIONS, DETAILS, DetailLine, Disclosure, EVENTS, EventRow,
    FORMAT, FileEntry, MANIFEST, Manifest, TILES,
};
use super::projection::Body;
use super::store::StoredCheckpoint;
use super::tiles::tiles_of;
use super::tx::detail_place;
use super::{Actor, Audit, Event, Log, Subject, jcs, note, store};
use crate::foundation::crypto::{Keyring, subject_keys};
use crate::foundation::db::schema::audit_detail;
use crate::foundation::db::{Conn, Db, Error as DbError, PoolKind};
use crate::foundation::kernel::SubjectId;

/// Events read, and tiles written, in one go.
const CHUNK_EVENTS: u64 = 4_096;
const CHUNK_TILES: usize = 256;
const CHUNK_ANCHORS: i64 = 1_000;

const BUFFER_BYTES: usize = 1 << 18;

/// What is wanted. `from` and `to` default to everything that still has a body.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    pub log: Log,
    pub from: Option<u64>,
    pub to: Option<u64>,
    /// Whether personal details are decrypted into the export. The caller has made sure that
    /// whoever asks may.
    pub disclose: bool,
}

#[derive(Clone, Debug)]
pub struct Exported {
    pub manifest: Manifest,
    /// Of `manifest.json`, and through it of everything.
    pub sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("nothing has been sealed yet; is the sealer running?")]
    NothingSealed,
    #[error("the log has events #{pruned_to} to #{size} (not included); this range is outside")]
    Range { pruned_to: u64, size: u64 },
    #[error("{} exists and is not empty", .0.display())]
    NotEmpty(PathBuf),
    #[error("the export was cancelled")]
    Cancelled,
    #[error("{0}")]
    Format(#[from] jcs::Error),
    #[error("the stored checkpoint cannot be read: {0}")]
    Checkpoint(#[from] note::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for ExportError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Called with events done and events in all; `false` stops the export.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

impl Audit {
    /// Exports into `folder`, which must be missing or empty. Begin and end are events of the log
    /// that is exported; the first is written before a byte of it leaves.
    pub fn export(
        &self,
        actor: &Actor,
        request: &ExportRequest,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<Exported, ExportError> {
        let log = request.log;
        let event = |kind| Event::new(kind, Subject::new("audit_log", log.as_str())).log(log);
        self.write_on(PoolKind::Exports, actor, |tx| {
            let begun = event("audit_log.export_begun")
                .detail("from", request.from)
                .detail("to", request.to)
                .detail("disclose", request.disclose);
            tx.record(begun).map(drop)
        })?;
        let exported = export(&self.db, &self.keyring, request, folder, progress)?;
        let manifest = &exported.manifest;
        self.write_on(PoolKind::Exports, actor, |tx| {
            let finished = event("audit_log.exported")
                .detail("from", manifest.from)
                .detail("to", manifest.to)
                .detail("tree_size", manifest.tree_size)
                .detail("manifest_sha256", exported.sha256.as_str());
            tx.record(finished).map(drop)
        })?;
        Ok(exported)
    }
}

fn export(
    db: &Db,
    keyring: &Keyring,
    request: &ExportRequest,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Exported, ExportError> {
    let mut files = Folder::create(folder)?;
    db.read_on(PoolKind::Exports, |conn| {
        store::reveal(conn, request.log)?;
        let checkpoint =
            store::newest_checkpoint(conn, request.log)?.ok_or(ExportError::NothingSealed)?;
        let manifest = begin_manifest(conn, request, &checkpoint)?;

        files.write(CHECKPOINT, checkpoint.note.as_bytes())?;
        write_tiles(conn, request.log, checkpoint.size, &mut files)?;
        write_anchors(conn, request.log, &mut files)?;
        write_decisions(conn, request.log, checkpoint.size, &mut files)?;
        write_events(conn, keyring, request, &manifest, &mut files, progress)?;
        finish(manifest, files)
    })
}

fn begin_manifest(
    conn: &mut Conn,
    request: &ExportRequest,
    checkpoint: &StoredCheckpoint,
) -> Result<Manifest, ExportError> {
    let head = store::head(conn, request.log)?;
    let size = checkpoint.size;
    let from = request.from.unwrap_or(head.pruned_to);
    let to = request.to.unwrap_or(size);
    if from < head.pruned_to || from > to || to > size {
        return Err(ExportError::Range {
            pruned_to: head.pruned_to,
            size,
        });
    }
    let signed = note::SignedCheckpoint::parse(&checkpoint.note)?;
    Ok(Manifest {
        format: FORMAT.to_owned(),
        origin: signed.checkpoint.origin,
        tree_size: size,
        from,
        to,
        count: to - from,
        pruned_to: head.pruned_to,
        files: BTreeMap::new(),
        sha256: String::new(),
    })
}

fn finish(mut manifest: Manifest, files: Folder) -> Result<Exported, ExportError> {
    manifest.files = files.entries;
    let bytes = manifest.to_bytes()?;
    create_file(&files.path.join(MANIFEST))?.write_all(&bytes)?;
    Ok(Exported {
        manifest,
        sha256: hex::encode(Sha256::digest(&bytes)),
    })
}

fn write_tiles(
    conn: &mut Conn,
    log: Log,
    size: u64,
    files: &mut Folder,
) -> Result<(), ExportError> {
    let ids: Vec<_> = tiles_of(size).collect();
    for level in ids.chunk_by(|a, b| a.level == b.level) {
        for chunk in level.chunks(CHUNK_TILES) {
            for (id, bytes) in store::tiles_as_they_stand(conn, log, chunk)? {
                files.write(&format!("{TILES}/{id}"), &bytes)?;
            }
        }
    }
    Ok(())
}

/// All that the table has, also those that the log does not reach.
fn write_anchors(conn: &mut Conn, log: Log, files: &mut Folder) -> Result<(), ExportError> {
    let mut out = files.open(ANCHORS)?;
    let mut after = (-1, String::new());
    loop {
        let anchors = store::anchors_after(conn, log, &after, CHUNK_ANCHORS)?;
        let Some(last) = anchors.last() else {
            return files.close(ANCHORS, out);
        };
        after = (last.size.cast_signed(), last.place.clone());
        for anchor in anchors {
            let line = AnchorLine::new(anchor.note, anchor.place, anchor.anchored_at);
            out.write_all(&line.to_line()?)?;
        }
    }
}

/// Epochs and prunings, for judging all the rest. One that does not read is left out, and missed.
fn write_decisions(
    conn: &mut Conn,
    log: Log,
    size: u64,
    files: &mut Folder,
) -> Result<(), ExportError> {
    let mut text = String::new();
    for decision in store::decisions(conn, log)? {
        if decision.idx >= size {
            continue;
        }
        if let Ok(body) = Body::parse(&decision.body) {
            let row = EventRow {
                idx: decision.idx,
                body: decision.body,
                leaf_hash: decision.leaf_hash,
                projection: body.projection,
            };
            row.write_line(&mut text);
        }
    }
    if text.is_empty() {
        return Ok(());
    }
    files.write(DECISIONS, text.as_bytes())
}

fn write_events(
    conn: &mut Conn,
    keyring: &Keyring,
    request: &ExportRequest,
    manifest: &Manifest,
    files: &mut Folder,
    progress: Progress<'_>,
) -> Result<(), ExportError> {
    let mut events = files.open(EVENTS)?;
    let mut details = files.open(DETAILS)?;
    let mut text = String::new();
    let mut from = manifest.from;
    while from < manifest.to {
        let to = manifest.to.min(from + CHUNK_EVENTS);
        let rows = store::events(conn, request.log, from, to)?;
        text.clear();
        for row in &rows {
            row.write_line(&mut text);
        }
        events.write_all(text.as_bytes())?;
        for line in details_of(conn, keyring, &rows, request.disclose)? {
            details.write_all(&line.to_line()?)?;
        }
        from = to;
        if !progress(from - manifest.from, manifest.count) {
            return Err(ExportError::Cancelled);
        }
    }
    files.close(EVENTS, events)?;
    files.close(DETAILS, details)
}

/// One line for each commitment. Most events have none, which their bytes show without parsing.
fn details_of(
    conn: &mut Conn,
    keyring: &Keyring,
    rows: &[EventRow],
    disclose: bool,
) -> Result<Vec<DetailLine>, ExportError> {
    let committed = |row: &&EventRow| {
        std::str::from_utf8(&row.body).is_ok_and(|body| body.contains("\"commitments\":["))
    };
    let mut lines = Vec::new();
    for row in rows.iter().filter(committed) {
        // A body that does not read is the verifier's to name.
        let Ok(body) = Body::parse(&row.body) else {
            continue;
        };
        for (position, commitment) in (0..).zip(&body.commitments) {
            lines.push(DetailLine {
                idx: row.idx,
                event: body.projection.id,
                position,
                subject: commitment.subject,
                disclosure: Disclosure::Withheld,
            });
        }
    }
    if disclose {
        disclose_into(conn, keyring, &mut lines)?;
    }
    Ok(lines)
}

fn disclose_into(
    conn: &mut Conn,
    keyring: &Keyring,
    lines: &mut [DetailLine],
) -> Result<(), ExportError> {
    let events: Vec<Uuid> = lines.iter().map(|line| line.event).collect();
    let subjects: Vec<SubjectId> = lines
        .iter()
        .map(|line| SubjectId::from(line.subject))
        .collect();
    let stored: Vec<(Uuid, i16, Vec<u8>, Vec<u8>)> = audit_detail::table
        .filter(audit_detail::event_id.eq_any(events))
        .select((
            audit_detail::event_id,
            audit_detail::position,
            audit_detail::salt,
            audit_detail::ciphertext,
        ))
        .load(conn)?;
    let stored: HashMap<(Uuid, u64), _> = stored
        .into_iter()
        .map(|(event, position, salt, sealed)| {
            (
                (event, u64::from(position.unsigned_abs())),
                (position, salt, sealed),
            )
        })
        .collect();
    let keys = subject_keys::load(conn, keyring, &subjects)?;
    for line in lines {
        let Some(key) = keys.get(&SubjectId::from(line.subject)) else {
            line.disclosure = Disclosure::Erased;
            continue;
        };
        let opened =
            stored
                .get(&(line.event, line.position))
                .and_then(|(position, salt, sealed)| {
                    let plain = key
                        .open(&detail_place(line.event, *position), sealed)
                        .ok()?;
                    disclosed(salt, &plain)
                });
        line.disclosure = opened.unwrap_or(Disclosure::Damaged);
    }
    Ok(())
}

fn disclosed(salt: &[u8], plain: &[u8]) -> Option<Disclosure> {
    Some(Disclosure::Disclosed {
        salt: salt.try_into().ok()?,
        value: serde_json::from_slice(plain).ok()?,
    })
}

/// The export's folder and what stands in it so far. Only its owner may enter.
struct Folder {
    path: PathBuf,
    entries: BTreeMap<String, FileEntry>,
}

impl Folder {
    fn create(path: &Path) -> Result<Self, ExportError> {
        make_folder(path)?;
        if std::fs::read_dir(path)?.next().is_some() {
            return Err(ExportError::NotEmpty(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            entries: BTreeMap::new(),
        })
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.path.join(name);
        path.parent().map_or(Ok(()), make_folder)?;
        create_file(&path)?.write_all(bytes)?;
        self.enter(name, bytes.len() as u64, Sha256::digest(bytes).as_slice());
        Ok(())
    }

    fn open(&self, name: &str) -> std::io::Result<HashedFile> {
        Ok(HashedFile {
            file: BufWriter::with_capacity(BUFFER_BYTES, create_file(&self.path.join(name))?),
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    fn close(&mut self, name: &str, mut file: HashedFile) -> Result<(), ExportError> {
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

struct HashedFile {
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

fn create_file(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
