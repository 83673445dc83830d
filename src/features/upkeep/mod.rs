//! Upkeep: background jobs, as a list and one by one.
//!
//! Invariants:
//! - what was given up stays in view until it is purged, because somebody has to know;
//! - a job's page shows its kind, its progress and its errors, never its payload;
//! - cancelling asks the job to stop; what it has done stays;
//! - nobody removes more than what was counted before their eyes, and nothing that is open;
//! - only what was given up runs again, with all its attempts before it.

pub mod actions;
mod choice;
mod list;
mod pages;
mod purge;
mod schedules;

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/jobs", Access::Needs(Permission::JobsRead), list::jobs)
        .get(
            "/jobs/purge",
            Access::Needs(Permission::JobsAct),
            purge::look,
        )
        .post(
            "/jobs/purge",
            Access::Needs(Permission::JobsAct),
            purge::purge,
        )
        .get(
            "/jobs/{id}",
            Access::Needs(Permission::JobsRead),
            pages::job,
        )
        .post(
            "/jobs/{id}/cancellation",
            Access::Needs(Permission::JobsAct),
            pages::cancel,
        )
        .post(
            "/jobs/{id}/retry",
            Access::Needs(Permission::JobsAct),
            pages::run_again,
        )
}
