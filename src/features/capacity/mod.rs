//! Capacity: how much of what a platform is made for is in use, and when the rest will be.
//!
//! Invariants:
//! - what is in use is read where it is measured or reported; what is stale is unknown and not written down;
//! - a day keeps its lowest, highest and last reading, and nothing is averaged;
//! - no forecast without 14 days of readings, and none that a few odd days could bend.
//!
//! Deliberately absent: lamps. A rule on the same figure lights them.

pub mod actions;
pub mod demo;
mod pages;
pub mod runner;
pub mod store;
pub mod trend;
mod views;

use crate::foundation::auth::Permission::HealthRead;
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new().get("/capacity", Access::Needs(HealthRead), pages::list)
}
