//! The figures that probes read, and what they are counted in.

use serde::{Deserialize, Serialize};

/// A figure that a probe reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Share of processor time in use.
    Cpu,
    /// Share of memory in use. A cache without a limit has none.
    Memory,
    /// Share of the disk in use.
    Disk,
    /// Share of the allowed connections in use.
    Connections,
    /// Bytes of the database, or of the file.
    Size,
    /// Seconds for which the query that has run longest runs. There is none where our role may not see those of others.
    Query,
    /// Share of the rows that are dead, by the server's own estimate.
    Bloat,
    /// Servers that follow this one.
    Replicas,
    /// Seconds by which replication lags; there is none where nothing is replicated.
    Lag,
    /// Seconds since the file was last written.
    Age,
    /// How many files match.
    Count,
    /// Size of the newest file as a share of the largest of the others that match, the whole where it has grown. There is
    /// none where there is no other, or nothing in any.
    Relative,
    /// Whole days until the first certificate of the chain ends, rounded down: below 0 once one has.
    Days,
    /// Share of lookups in a cache that found what they looked for, since they were last counted. There is none
    /// until enough of them came.
    Hits,
    /// Share of the allowed clients that are connected.
    Clients,
    /// Seconds since the data was last saved to disk.
    Saved,
    /// Messages that wait for a worker.
    Waiting,
    /// Messages whose time has not come.
    Delayed,
    /// Messages that a worker has in hand.
    Reserved,
    /// Messages that were given up.
    Failed,
    /// Seconds that the message which comes next has waited.
    Oldest,
    /// Seconds for which the message has been kept that was done first of those that are kept.
    Done,
    /// As that, of those that were given up.
    #[serde(rename = "given_up")]
    GivenUp,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Of the whole, between 0 and 1.
    Share,
    Bytes,
    Seconds,
    Days,
    Count,
}

impl Measure {
    pub const ALL: [Self; 23] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Connections,
        Self::Size,
        Self::Query,
        Self::Bloat,
        Self::Replicas,
        Self::Lag,
        Self::Age,
        Self::Count,
        Self::Relative,
        Self::Days,
        Self::Hits,
        Self::Clients,
        Self::Saved,
        Self::Waiting,
        Self::Delayed,
        Self::Reserved,
        Self::Failed,
        Self::Oldest,
        Self::Done,
        Self::GivenUp,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Connections => "connections",
            Self::Size => "size",
            Self::Query => "query",
            Self::Bloat => "bloat",
            Self::Replicas => "replicas",
            Self::Lag => "lag",
            Self::Age => "age",
            Self::Count => "count",
            Self::Relative => "relative",
            Self::Days => "days",
            Self::Hits => "hits",
            Self::Clients => "clients",
            Self::Saved => "saved",
            Self::Waiting => "waiting",
            Self::Delayed => "delayed",
            Self::Reserved => "reserved",
            Self::Failed => "failed",
            Self::Oldest => "oldest",
            Self::Done => "done",
            Self::GivenUp => "given_up",
        }
    }

    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Cpu
            | Self::Memory
            | Self::Disk
            | Self::Connections
            | Self::Bloat
            | Self::Hits
            | Self::Relative
            | Self::Clients => Unit::Share,
            Self::Size => Unit::Bytes,
            Self::Query
            | Self::Lag
            | Self::Age
            | Self::Saved
            | Self::Oldest
            | Self::Done
            | Self::GivenUp => Unit::Seconds,
            Self::Count
            | Self::Replicas
            | Self::Waiting
            | Self::Delayed
            | Self::Reserved
            | Self::Failed => Unit::Count,
            Self::Days => Unit::Days,
        }
    }
}
