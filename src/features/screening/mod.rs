//! Screening: sanctions lists, and the comparison of subjects with them.
//!
//! Invariants:
//! - A score is an integer of thousandths (0 to 1000) and is the same for the same two records and
//!   the same list, on every machine.
//! - A list that was loaded once is never altered: a new version closes entries and opens others,
//!   so that a hit can always name the version and the entry that it was made from.
//! - The very same files published again later confirm the version that is in place: it does not turn
//!   yellow, and nobody is compared anew.
//! - A hit that two people confirmed keeps its clock until it is reported or two people take it back.
//! - Vessels and aircraft stand in the list and are never compared with people or companies.
//! - What matched and what differed is personal data of the subject, and stored under its key.

pub mod actions;
pub mod birth;
pub mod calendar;
pub mod country_names;
pub mod current;
pub mod explanation;
pub mod hit;
pub mod index;
pub mod listed;
pub mod lists;
pub mod loads;
pub mod matching;
pub mod name;
pub mod oddities;
pub mod ofac;
mod pages;
pub mod plain;
pub mod policy;
mod read;
mod side;
mod store;
mod upload;
pub mod word;

pub use store::lists::{ListRow, all_lists, current_lists, entries};
pub use store::{dispositions, hits};

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::ScreeningRead);
    let load = Access::Needs(Permission::ScreeningLoad);
    Routes::new()
        .get("/screening/lists", read, pages::list)
        .post("/screening/lists", load, upload::post)
        .get("/screening/lists/upload", load, upload::form)
        .get("/screening/lists/loads/{id}", read, pages::load)
}
