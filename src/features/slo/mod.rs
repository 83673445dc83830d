//! Service levels: how well services did, held against what is promised of them.
//!
//! Invariants:
//! - good, bad, unknown and planned time are told apart, and add up to all the time there was;
//! - what is unknown is never taken for good, and a window counts as planned only if it was announced 48 hours ahead;
//! - a quarter of an hour is settled once, ten minutes after its end; what comes in later changes nothing;
//! - a month is frozen once, by whichever process comes first, with its audit event; the database lets nobody change
//!   one. A month of which there is no report is listed as missing, and none is made up for it;
//! - nothing is averaged: results, buckets and time are added up.
//!
//! Deliberately absent: reading results that were dropped before a pack named the target, and lighting lamps, which is
//! the rules' (`alerts`).

pub mod actions;
pub mod budget;
pub mod demo;
mod file;
mod frozen;
pub mod jobs;
pub mod month;
mod pages;
mod plans;
pub mod runner;
pub mod store;
mod trend;
mod views;

use crate::foundation::auth::Permission::HealthRead;
use crate::foundation::web::{Access, Routes};

crate::typed_id!(
    /// A frozen month.
    MonthId,
);

pub fn routes() -> Routes {
    let read = Access::Needs(HealthRead);
    Routes::new()
        .get("/backups", read, plans::list)
        .get("/service-levels", read, pages::list)
        .get("/service-levels/{id}", read, pages::one)
        .get("/service-levels/months/{id}", read, frozen::month)
        .get("/service-levels/months/{id}/file", read, frozen::download)
        .get("/service-levels/months/{id}/print", read, frozen::print)
}
