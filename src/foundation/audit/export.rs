//! Writes the verifiable export of a contiguous range, in constant memory.
//!
//! Everything is read in one snapshot, and as it stands: an export of a damaged log is made all
//! the same, because the verifier is the one to judge it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::export_folder::{Folder, create_file};
use super::package::{
    ANCHORS, AnchorLine, CHECKPOINT, DECISIONS, EventRow, FORMAT, MANIFEST, Manifest, TILES,
};
use super::projection::Body;
use super::store::StoredCheckpoint;
use super::tiles::tiles_of;
use super::{Actor, Audit, Event, Log, Subject, export_events, jcs, note, store};
use crate::foundation::crypto::Keyring;
use crate::foundation::db::{Conn, Db, Error as DbError, PoolKind};

/// Tiles, and anchors, read in one go.
const CHUNK_TILES: usize = 256;
const CHUNK_ANCHORS: i64 = 1_000;

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
        let exported = export(&self.db, actor, &self.keyring, request, folder, progress)?;
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
    actor: &Actor,
    keyring: &Keyring,
    request: &ExportRequest,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Exported, ExportError> {
    let mut files = Folder::create(folder)?;
    db.read_for(PoolKind::Exports, actor, |conn| {
        store::reveal(conn, request.log)?;
        let checkpoint =
            store::newest_checkpoint(conn, request.log)?.ok_or(ExportError::NothingSealed)?;
        let manifest = begin_manifest(conn, request, &checkpoint)?;

        files.write(CHECKPOINT, checkpoint.note.as_bytes())?;
        write_tiles(conn, request.log, checkpoint.size, &mut files)?;
        write_anchors(conn, request.log, &mut files)?;
        write_decisions(conn, request.log, checkpoint.size, &mut files)?;
        export_events::write(conn, keyring, request, &manifest, &mut files, progress)?;
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
