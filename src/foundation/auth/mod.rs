//! Who somebody is, how they prove it, and what they may do.

pub mod csrf;
pub mod guard;
pub mod password;
mod permissions;
pub mod recovery;
mod signed;
pub mod throttle;
pub mod totp;

pub use permissions::{Permission, Role, permissions_of};
pub use signed::Signed;
