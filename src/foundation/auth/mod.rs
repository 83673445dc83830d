//! Who somebody is, how they prove it, and what they may do.
//!
//! Invariants:
//! - nobody is signed in without a first factor (a password, or the organisation's own provider) and a second one;
//!   half way there, a session opens the pages that lead on and no others;
//! - every secret that is checked has been counted before, for unknown names too;
//! - whatever can be used once (a code, a recovery code, a link) is used up by a conditional update;
//! - the database holds no secret that signs anybody in: tokens and codes are stored as hashes,
//!   authenticator seeds encrypted;
//! - a request's person or key, and what they may do, are read from the database at that request.
//!
//! Deliberately absent: pages. They are in `features/account`.

pub mod attempts;
pub mod break_glass;
pub mod ceremony;
mod client_address;
pub mod confirmation;
pub mod csrf;
pub mod denials;
pub mod device;
pub mod devices;
pub mod factors;
pub mod facts;
pub mod grants;
pub mod guard;
pub mod identities;
pub mod keys;
pub mod limits;
pub mod parked;
pub mod passkeys;
pub mod password;
pub mod people;
mod permissions;
pub mod preferences;
pub mod provider;
pub mod recovery;
pub mod roster;
pub mod sar;
pub mod session_store;
pub mod sessions;
mod signed;
pub mod spelling;
pub mod throttle;
pub mod token;
pub mod totp;
mod turned_away;
mod watch;

pub use permissions::{
    Grant, Permission, Role, RoleConflict, check_roles, permissions_of, reach_of,
};
pub use signed::{FormToken, HalfSigned, Signed};
pub use watch::{QUEUES, Watch};
