//! Who somebody is and what they may do.

pub mod guard;
mod permissions;
mod signed;

pub use permissions::{Permission, Role, permissions_of};
pub use signed::Signed;
