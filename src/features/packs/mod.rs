//! Packs: one TOML file per platform, and everything that it names.
//!
//! Invariants:
//! - a file holds no address or credential of an installation: those are parameters, and a secret
//!   is always the name of a file that is read where it is used;
//! - a pack is applied whole, in one audited transaction, or not at all;
//! - what a pack stops naming is retired and keeps its history; nothing is deleted;
//! - the definitions belong to this feature. What happens to them belongs to others: `health` keeps
//!   how probes stand, `alerts` keeps which rules are lit.

pub mod accepted;
pub mod actions;
pub mod calendar;
pub mod file;
mod left_out;
pub mod lint;
pub mod pack;
pub mod pages;
pub mod parameters;
pub mod pattern;
pub mod quantity;
pub mod severity;
pub mod store;
pub mod views;

pub use parameters::Given;

use crate::foundation::auth::Permission::PacksRead;
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new().get("/packs", Access::Needs(PacksRead), pages::list)
}
