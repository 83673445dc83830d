//! Background work: a queue in PostgreSQL, a runner, schedules, and what is done every few seconds.
//!
//! Invariants:
//! - a job is enqueued in the transaction that causes it ([`crate::foundation::audit::Tx::enqueue`]);
//! - a job runs at least once, never "exactly once": handlers are idempotent;
//! - every claim raises the job's fencing number. A handler writes through [`JobContext::write`],
//!   which checks the number under the row's lock in the same transaction, so a worker that lost
//!   its lease changes nothing;
//! - leases are measured by the database's clock, which all replicas share; due times and slots by
//!   the application's clock, which a test can move;
//! - one row for each (schedule, slot), and one open row for each (kind, key), by unique index.
//!
//! Deliberately absent: a job that waits for another. A handler enqueues what follows it.

mod context;
pub mod ended;
mod engine;
mod queue;
mod registry;
mod retry;
mod runner;
pub mod schedule;
mod scheduler;
mod standing;
mod ticker;
mod view;

pub use context::{Interrupted, JobContext, JobError};
pub use engine::{DISCARDED, Drained, run_due};
pub use queue::{Stop, overdue_since, request_cancel, waiting_since};
pub use registry::{Handler, JobHandler, Lane, Registry};
pub use runner::Runner;
pub use schedule::{Late, Schedule};
pub use scheduler::SLOT_MISSED;
pub use standing::{QueueStanding, ScheduleView, schedules, standing};
pub use ticker::Ticker;
pub use view::{JobState, JobView, find, latest_of, list, open_of, purge};

crate::typed_id!(
    /// One piece of background work.
    JobId,
);

/// How long a claim holds without being renewed.
pub const LEASE_SECS: u64 = 60;
/// How often a running job renews its claim.
pub const HEARTBEAT_SECS: u64 = 15;
