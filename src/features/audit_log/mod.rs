//! The audit log as people see it: search, one event, exports, and what verifying proves.
//!
//! Invariants:
//! - what is shown is what is sealed, in the order of the seal: the index is the cursor;
//! - reading the log is itself an event, once per person and filter in a quarter of an hour;
//! - an export is asked for, made and downloaded by events; its page states count and hash;
//! - whoever is limited to platforms sees their events and no others; a verifiable export is the whole
//!   log, so only somebody who reaches everything can have one;
//! - personal details are never shown or exported here.
//!
//! Deliberately absent: totals (counting a million rows costs more than reading a page of them),
//! and the second log, which is another grant.

mod actions;
pub mod api;
mod archive;
pub mod checking;
pub mod filter;
pub mod jobs;
mod making;
mod pages;
mod proof;
mod rows;
mod store;
mod views;

pub use store::purge_readings;

use crate::foundation::auth::Permission;
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

crate::typed_id!(
    /// An export that somebody asked for on a page.
    ExportId,
);

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::AuditRead);
    let export = Access::Needs(Permission::AuditExport);
    Routes::new()
        .get(
            "/api/v1/audit/events",
            Access::Key(KeyScope::AuditRead),
            api::events,
        )
        .get("/audit", read, pages::list)
        .get("/audit/exports", export, pages::exports)
        .post("/audit/exports", export, pages::ask_for_export)
        .with_step_up()
        .get("/audit/exports/{id}", export, pages::export)
        .get("/audit/exports/{id}/file", export, pages::download)
        .get(
            "/audit/verify",
            Access::Needs(Permission::AuditVerify),
            pages::verify,
        )
        .get("/audit/events/{idx}", read, pages::event)
        .get("/audit/receipts/{id}", Access::Signed, pages::receipt)
}
