//! Packs: one TOML file per platform, and everything that it names.
//!
//! Invariants:
//! - a file holds no address or credential of an installation: those are parameters, and a secret
//!   is always the name of a file that is read where it is used;
//! - a pack is applied whole, in one audited transaction, or not at all;
//! - what a pack stops naming is retired and keeps its history; nothing is deleted;
//! - what was ever applied is kept as it was given, and never changed;
//! - from the pages, what lowers a guard takes a second person, and no key and no job takes part in it;
//! - the definitions belong to this feature. What happens to them belongs to others: `health` keeps
//!   how probes stand, `alerts` keeps which rules are lit.

pub mod accepted;
pub mod actions;
mod aliases;
pub mod calendar;
pub mod change;
mod change_file;
pub mod change_pages;
pub mod changes;
pub mod file;
pub mod guards;
mod left_out;
pub mod lines;
pub mod lint;
pub mod own;
pub mod pack;
pub mod pages;
pub mod parameters;
pub mod pattern;
pub mod quantity;
pub mod severity;
pub mod store;
pub mod views;

pub use parameters::Given;

use crate::foundation::auth::Permission::{PacksApply, PacksPropose, PacksRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let (read, propose) = (Access::Needs(PacksRead), Access::Needs(PacksPropose));
    let apply = Access::Needs(PacksApply);
    Routes::new()
        .get("/packs", read, pages::list)
        .get("/packs/{platform}", read, pages::one)
        .get(
            "/packs/{platform}/revisions/{revision}",
            read,
            pages::revision,
        )
        .get("/packs/{platform}/change", propose, change_pages::form)
        .post("/packs/{platform}/trial", propose, change_pages::try_out)
        .post("/packs/{platform}/change/file", propose, change_file::take)
        .post("/packs/{platform}/change", propose, change_pages::submit)
        .with_step_up()
        .get(
            "/packs/{platform}/changes/{change}",
            read,
            change_pages::one,
        )
        .post(
            "/packs/{platform}/changes/{change}/approval",
            apply,
            change_pages::approve,
        )
        .with_step_up()
        .post(
            "/packs/{platform}/changes/{change}/rejection",
            apply,
            change_pages::reject,
        )
        .post(
            "/packs/{platform}/changes/{change}/withdrawal",
            propose,
            change_pages::withdraw,
        )
}
