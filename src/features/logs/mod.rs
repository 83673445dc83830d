//! Logs of the platforms: read from files, taken from senders, counted and kept for a while.
//!
//! Invariants:
//! - a line is kept once: how far a file has been read is written in the transaction that keeps its lines, under a turn
//!   that one process has at a time; a delivery that has a name is taken once;
//! - secrets and numbers of cards are taken out before anything is kept, and a line about a suspicious-activity report
//!   is neither kept nor counted, because nobody may learn from us that there is one;
//! - what is counted is counted whether it is kept or not, and rules read counts alone;
//! - lines are samples and not evidence: no event of the audit log stands behind one, and their time ends.
//!
//! Deliberately absent: a language to search in. Whoever needs more than these filters has a system for logs, and this
//! is not to be one.

pub mod actions;
pub mod api;
pub mod files;
pub mod filter;
pub mod line;
pub mod mask;
pub mod moment;
pub mod pages;
pub mod runner;
pub mod store;
pub mod views;

use crate::foundation::auth::Permission::LogsRead;
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new()
        .get("/logs", Access::Needs(LogsRead), pages::list)
        .post(
            "/api/v1/logs",
            Access::Key(KeyScope::LogsWrite),
            api::hand_in,
        )
}
