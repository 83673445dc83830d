//! Alerts: rules, and the lamps that they light.
//!
//! Invariants:
//! - one thing lights one lamp: an alert's identity is a fingerprint of what it is about, its level is
//!   not part of it, and the database allows one lit alert of an identity;
//! - a change of an alert and its audit event are one transaction, decided under the rule's lock;
//! - a rule that cannot be evaluated changes nothing and lights a lamp of its own;
//! - no alert resolves by age, and a red one stays listed after it stops until somebody has
//!   acknowledged it.
//!
//! Deliberately absent: any way to make an alert by hand, or to close one.

pub mod actions;
pub mod alert;
pub mod evaluate;
pub mod rule;
pub mod runner;
pub mod store;
pub mod words;

crate::typed_id!(
    /// A lamp that was lit.
    AlertId,
);
