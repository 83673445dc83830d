//! Intake: how records from outside come in, and the subjects that they describe.
//!
//! Invariants:
//! - a file is taken in once: the same bytes again change nothing, and a row that says what is
//!   known already counts as unchanged;
//! - nothing is lost: a row that cannot be taken in is kept, sealed, with the reasons, and can be
//!   downloaded, mended and sent again;
//! - a chunk of rows, the batch's position and the event commit together, so that a reading can be
//!   killed anywhere and goes on; only the last reader of a batch changes anything;
//! - a batch ends with its job: what nobody reads any more is queued again or given up, and may come
//!   again;
//! - what is searched for stands sealed in addresses;
//! - every personal field stands in one document under the subject's own key; search goes over
//!   keyed hashes; messages name columns and never repeat values;
//! - reading somebody's record is itself an event, once per reader in a quarter of an hour.
//!
//! Memory does not grow with the file: rows are cut, parsed and written in bounded chunks.

pub mod actions;
pub mod api;
pub mod batch;
mod batch_views;
pub mod care;
pub mod column;
pub mod country;
mod currency;
pub mod desk;
mod document;
mod error;
pub mod events;
pub mod jobs;
pub mod names;
mod ndjson;
mod pages;
pub mod policy;
pub mod profile;
pub mod reading;
mod records;
mod rejected;
mod row;
pub mod store;
pub mod subject;
mod upload;
mod views;

pub use country::Country;
pub use error::Error;
pub use subject::{Personal, Risk, Status, SubjectKind};
pub use views::{Standing, risk_lamp, status_lamp};

use crate::foundation::auth::Permission;
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::SubjectsRead);
    Routes::new()
        .get("/intake", read, pages::batches)
        .post(
            "/intake",
            Access::Needs(Permission::IntakeWrite),
            upload::post,
        )
        .get("/intake/{id}", read, pages::batch)
        .post(
            "/intake/{id}/cancellation",
            Access::Needs(Permission::IntakeWrite),
            pages::cancel,
        )
        .get("/intake/{id}/rejected", read, pages::rejected)
        .get("/subjects", read, pages::subjects)
        .post("/subjects", read, pages::search)
        .post(
            "/api/v1/subjects",
            Access::Key(KeyScope::SubjectsWrite),
            api::hand_in,
        )
        .get(
            "/api/v1/intake/{id}",
            Access::Key(KeyScope::SubjectsWrite),
            api::batch,
        )
}
