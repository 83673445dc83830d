//! A batch: one file of subjects on its way in.

use chrono::{DateTime, TimeDelta, Utc};

use super::row::{Problem, Row};
use crate::foundation::files::FileId;
use crate::foundation::kernel::PlatformId;

crate::typed_id!(
    /// One file of subjects.
    BatchId,
);

/// Most rows that are written in one transaction, under one event.
pub const CHUNK_ROWS: usize = 1_000;
/// Most bytes of rejected rows that a chunk keeps in memory.
const CHUNK_BYTES: usize = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Stored, and in the queue.
    Waiting,
    Reading,
    Done,
    /// Not a subjects file; nothing was taken in.
    Refused,
    Cancelled,
}

impl State {
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Reading,
        Self::Done,
        Self::Refused,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Reading)
    }
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub rejected: u64,
}

impl Counts {
    pub fn rows(self) -> u64 {
        self.added + self.changed + self.unchanged + self.rejected
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.rejected += other.rejected;
    }
}

/// A batch as it is kept.
#[derive(Clone, Debug)]
pub struct Batch {
    pub id: BatchId,
    pub platform: PlatformId,
    pub source: String,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub name: String,
    pub sha256: Option<Vec<u8>>,
    pub file: Option<FileId>,
    pub ignore_unknown: bool,
    pub state: State,
    pub refusal: Option<String>,
    pub reader: i32,
    pub chunks: i32,
    pub rows_read: u64,
    pub lines_read: u64,
    pub lines_total: Option<u64>,
    pub counts: Counts,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When its reader last committed something.
    pub heard_at: DateTime<Utc>,
    /// When its rejected rows were removed, because their time was over.
    pub rejections_expired_at: Option<DateTime<Utc>>,
}

/// A reader that commits nothing for this long is not there any more: a chunk takes seconds.
const SILENCE: TimeDelta = TimeDelta::minutes(15);

impl Batch {
    /// Whether somebody should be reading it and seems not to.
    pub fn is_silent(&self, now: DateTime<Utc>) -> bool {
        self.state.is_open() && now - self.heard_at > SILENCE
    }

    /// Whether it came through a pipe: nobody can go on reading it.
    pub fn is_piped(&self) -> bool {
        self.sha256.is_none() && self.file.is_none()
    }
}

/// A row that was read, and where it stands.
pub struct Accepted {
    pub row_number: u64,
    pub line_number: u64,
    pub raw: Vec<u8>,
    pub row: Row,
    /// Keyed hash of all that the row says.
    pub content: [u8; 32],
}

/// A row that is not taken in, kept as it was.
pub struct Rejected {
    pub row_number: u64,
    pub line_number: u64,
    pub raw: Vec<u8>,
    pub problems: Vec<Problem>,
}

/// Rows that are written together.
#[derive(Default)]
pub struct Chunk {
    pub accepted: Vec<Accepted>,
    pub rejected: Vec<Rejected>,
    /// The last row and line that the chunk deals with.
    pub up_to_row: u64,
    pub up_to_line: u64,
    bytes: usize,
}

impl Chunk {
    pub fn accept(&mut self, accepted: Accepted) {
        self.up_to_row = accepted.row_number;
        self.bytes += accepted.raw.len();
        self.accepted.push(accepted);
    }

    pub fn reject(&mut self, rejected: Rejected) {
        self.up_to_row = rejected.row_number;
        self.bytes += rejected.raw.len();
        self.rejected.push(rejected);
    }

    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.rejected.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.accepted.len() + self.rejected.len() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES
    }
}
