//! Access reviews (FC-9): who may do what, looked through line by line and signed.
//!
//! Invariants:
//! - a review is a copy of what was held when it was opened; a line never changes but for its answer;
//! - nobody answers a line about themselves; a line is answered once; revoking takes the role away at once;
//! - a review is signed when every line is answered, by name, over a hash of all lines;
//! - one review is open at a time; one is opened on the first of each month.

mod actions;
pub mod jobs;
pub mod pages;
mod store;
mod views;

use chrono::{DateTime, TimeDelta, Utc};

use crate::foundation::db::{self, Conn};

/// From the opening until a review is overdue.
pub const DUE_AFTER: TimeDelta = TimeDelta::days(14);

/// Whether a review waits longer than it may.
pub fn is_overdue(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<bool> {
    Ok(store::open(conn)?.is_some_and(|review| now >= review.due_at))
}

crate::typed_id!(
    /// One looking through of who may do what.
    ReviewId,
);
