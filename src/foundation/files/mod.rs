//! Files as encrypted chunks in PostgreSQL, so that replicas and backups hold them.
//!
//! Invariants:
//! - each file has a key of its own, wrapped by the keyring; a chunk is bound to its file, its
//!   position and to being the last one, so chunks cannot be moved, swapped or cut off unnoticed;
//! - memory does not grow with the file, in neither direction;
//! - a file counts only once [`Stored::keep`] has run in the audited transaction that registers
//!   what it is for; what is never registered goes with the next expiry;
//! - every file has an end. Ids are random; names are sealed, because people put names of people
//!   into names of files.
//!
//! Deliberately absent: unpacking archives, and believing the sender about the type.

mod download;
pub mod evidence;
mod reader;
mod sniff;
mod store;
pub mod upload;
mod writer;

pub use download::download;
pub use reader::FileReader;
pub use store::{FileInfo, used};
pub use writer::{FileWriter, NewFile, Stored};

use super::audit::Unaudited;
use super::db;
use super::jobs::{JobContext, JobError, Registry, Schedule};
use super::web;

crate::typed_id!(
    /// A stored file.
    FileId,
);

/// Plain bytes in a chunk.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// All files together; beyond it uploads are refused until some expire.
const QUOTA_BYTES: i64 = 20 << 30;

/// A file that is still being written after this long was abandoned.
const ABANDONED_AFTER_HOURS: i64 = 24;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("the space for files is full")]
    QuotaFull,
    #[error("no such file, or it has expired")]
    Gone,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<FileError> for web::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::TooLarge { limit_bytes } => Self::TooLarge {
                limit_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX),
            },
            FileError::QuotaFull => Self::Refused(web::Refusal::new(
                "file_quota",
                "The space for files is full.",
                "Nothing was kept. Ask an administrator to make room, then send it again.",
            )),
            FileError::Gone => Self::NotFound,
            FileError::Database(error) => error.into(),
        }
    }
}

/// How many chunks a file of this length has: an empty file has one, which is empty.
fn chunk_count(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_BYTES as u64).max(1)
}

fn chunk_place(file: FileId, position: u64, last: bool) -> String {
    let end = if last { "last" } else { "more" };
    format!("file_chunk:ciphertext:{file}:{position}:{end}")
}

fn key_place(file: FileId) -> String {
    format!("file:wrapped:{file}")
}

fn name_place(file: FileId) -> String {
    format!("file:name:{file}")
}

const EXPIRE: &str = "files.expire";

/// Registers the hourly removal of files whose time is over.
pub fn register(registry: &mut Registry) {
    registry.handle(EXPIRE, expire);
    let hourly = Schedule::new(EXPIRE, "17 * * * *", "UTC", EXPIRE)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(hourly.late(super::jobs::Late::Skip));
}

fn expire(context: &JobContext, _: serde_json::Value) -> Result<(), JobError> {
    let services = &context.services;
    let now = services.clock.now();
    let gone = services
        .audit
        .write_unaudited(Unaudited::Expiry, |conn| store::expire(conn, now))?;
    tracing::info!(files = gone, "removed files whose time is over");
    Ok(())
}
