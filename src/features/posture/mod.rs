//! The security posture: what protects this installation, looked at when somebody asks, and how to mend what does not.
//!
//! Invariants:
//! - what stands here was looked at for this page, or is shown by a test that is named; nothing is taken from what the
//!   configuration wishes where it can be seen from outside;
//! - a look changes nothing, is made once for everybody who asks at the same time, and what could not be looked at says so and is no good news;
//! - `signalbox doctor` judges with the same words.

mod access;
pub mod database;
pub mod door;
pub mod files;
pub mod finding;
pub mod front;
mod hello;
mod lookout;
pub mod notices;
pub mod own_pack;
mod pages;
mod proven;
mod secrets;
pub mod settings;
mod views;

pub use lookout::Lookout;
pub use proven::PROVEN;

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    Routes::new().get(
        "/security",
        Access::Needs(Permission::SecurityRead),
        pages::show,
    )
}
