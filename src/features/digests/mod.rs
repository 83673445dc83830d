//! Digests: what a platform's day and week came to, with what it was before.
//!
//! Invariants:
//! - a period has one digest, whoever makes it, and a digest never changes;
//! - every figure is reckoned from what is stored, and says from what; where nothing was stored it is unknown, not zero;
//! - whoever asked for it in the pack is told once, through the outbox.
//!
//! Deliberately absent: figures that nobody stores, and digests of what was before the pack was applied.

pub mod compose;
pub mod digest;
pub mod pages;
mod queues;
pub mod runner;
pub mod store;
pub mod sweep;
mod views;

use crate::foundation::auth::Permission::ChecklistsRead;
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let read = Access::Needs(ChecklistsRead);
    Routes::new()
        .get("/digests", read, pages::list)
        .get("/digests/{id}", read, pages::one)
}
