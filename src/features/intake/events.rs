//! What intake leaves in the audit log. Ids, counts and codes only.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batch::{Batch, BatchId, Counts};
use crate::foundation::audit::{Event, NewJob, Outcome, Subject};
use crate::foundation::kernel::{PlatformId, SubjectId};

pub const CHUNK_RECORDED: &str = "intake.chunk_recorded";

/// The kind of job that reads an uploaded file.
pub const READ_BATCH: &str = "intake.read_batch";
/// The kind of job that ends a batch whose own job has ended.
pub const CLOSE_BATCH: &str = "intake.close_batch";
/// The kind of job that assesses the subjects of a chunk; the reviews handle it.
pub const ASSESS_CHUNK: &str = "reviews.assess_chunk";

fn about(kind: &'static str, batch: BatchId, platform: PlatformId) -> Event {
    Event::new(kind, Subject::new("intake_batch", batch)).platform(platform)
}

pub fn received(batch: &Batch) -> Event {
    about("intake.batch_received", batch.id, batch.platform)
        .detail("source", batch.source.as_str())
        .detail("sha256", batch.sha256.as_ref().map(hex::encode))
        .detail("ignore_unknown", batch.ignore_unknown)
}

/// Reading begins, or goes on after `rows_read`.
pub fn opened(batch: &Batch) -> Event {
    about("intake.batch_opened", batch.id, batch.platform)
        .detail("reader", batch.reader)
        .detail("rows_read", batch.rows_read)
}

/// One chunk: which rows, what became of them, whose they are, and a digest of their content.
pub struct ChunkRecord<'a> {
    pub batch: &'a Batch,
    pub number: i32,
    pub from_row: u64,
    pub to_row: u64,
    pub counts: Counts,
    pub digest: [u8; 32],
    /// New and changed ones.
    pub subjects: &'a [SubjectId],
}

pub fn chunk_recorded(record: &ChunkRecord<'_>) -> Event {
    about(CHUNK_RECORDED, record.batch.id, record.batch.platform)
        .detail("chunk", record.number)
        .detail("from_row", record.from_row)
        .detail("to_row", record.to_row)
        .detail("added", record.counts.added)
        .detail("changed", record.counts.changed)
        .detail("unchanged", record.counts.unchanged)
        .detail("rejected", record.counts.rejected)
        .detail("digest", hex::encode(record.digest))
        .detail("subjects", json!(record.subjects))
}

/// What follows from a recorded chunk: its new and changed subjects are assessed.
pub fn assess(event: &Event) -> Option<NewJob> {
    let details = event.details();
    let subjects = details.get("subjects")?;
    if subjects.as_array().is_none_or(Vec::is_empty) {
        return None;
    }
    let chunk = details.get("chunk")?;
    let batch = &event.subject().id;
    let payload = json!({ "batch": batch, "chunk": chunk, "subjects": subjects });
    Some(NewJob::new(ASSESS_CHUNK, payload).key(format!("{batch}:{chunk}")))
}

pub fn closed(batch: &Batch, sha256: Option<&[u8]>) -> Event {
    about("intake.batch_closed", batch.id, batch.platform)
        .detail("chunks", batch.chunks)
        .detail("added", batch.counts.added)
        .detail("changed", batch.counts.changed)
        .detail("unchanged", batch.counts.unchanged)
        .detail("rejected", batch.counts.rejected)
        .detail("sha256", sha256.map(hex::encode))
}

pub fn refused(batch: &Batch) -> Event {
    about("intake.batch_refused", batch.id, batch.platform).outcome(Outcome::Failure)
}

/// Why a batch ended before its file did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody wanted it so.
    Asked,
    /// Its job was tried too often.
    GivenUp,
    /// It came through a pipe, and its reader was not heard of any more.
    Silent,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::GivenUp => "given_up",
            Self::Silent => "silent",
        }
    }
}

pub fn cancelled(batch: &Batch, why: Why) -> Event {
    about("intake.batch_cancelled", batch.id, batch.platform)
        .outcome(Outcome::Failure)
        .detail("why", why.as_str())
        .detail("rows_read", batch.rows_read)
}

/// The job that reads the batch is asked to stop.
pub fn cancel_requested(batch: &Batch) -> Event {
    about("intake.batch_cancel_requested", batch.id, batch.platform)
        .detail("rows_read", batch.rows_read)
}

/// What was read is not what had been handed in.
pub fn file_changed(batch: &Batch, read: &[u8; 32]) -> Event {
    about("intake.file_changed", batch.id, batch.platform)
        .outcome(Outcome::Failure)
        .detail("promised_sha256", batch.sha256.as_ref().map(hex::encode))
        .detail("read_sha256", hex::encode(read))
        .detail("rows_read", batch.rows_read)
}

/// A batch that nobody was reading any more goes on.
pub fn resumed(batch: BatchId, platform: PlatformId) -> Event {
    about("intake.batch_resumed", batch, platform)
}

/// Rejected rows were removed, because their time was over.
pub fn rejections_expired(batch: &Batch, removed: usize) -> Event {
    about("intake.rejected_rows_expired", batch.id, batch.platform).detail("removed", removed)
}

/// What follows when the job of a batch ends without having read it: the batch ends too.
pub fn after_job(event: &Event) -> Option<NewJob> {
    let details = event.details();
    let why = match event.kind() {
        "job.discarded" => Why::GivenUp,
        "job.cancel_requested"
            if details
                .get("at_once")
                .is_some_and(|at_once| at_once == true) =>
        {
            Why::Asked
        }
        _ => return None,
    };
    let batch = details.get("key")?;
    (details.get("kind")? == READ_BATCH)
        .then(|| NewJob::new(CLOSE_BATCH, json!({ "batch": batch, "why": why })))
}

/// Somebody downloads the rows that were not taken in.
pub fn rejected_read(batch: &Batch) -> Event {
    about("intake.rejected_rows_read", batch.id, batch.platform)
        .detail("rejected", batch.counts.rejected)
}

/// Somebody reads all that is known about one subject.
pub fn subject_read(subject: SubjectId, platform: PlatformId) -> Event {
    Event::new("subject.read", Subject::new("subject", subject)).platform(platform)
}

/// Somebody looks through subjects; what they typed stands as a keyed hash.
pub fn subjects_searched(filters: &[u8; 32]) -> Event {
    Event::new(
        "subject.searched",
        Subject::new("subjects", hex::encode(&filters[..16])),
    )
}

/// The same file was handed in again; nothing changes.
pub fn repeated(batch: BatchId, platform: PlatformId) -> Event {
    about("intake.file_repeated", batch, platform)
}
