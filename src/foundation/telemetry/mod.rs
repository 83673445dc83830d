//! Logs and metrics about ourselves.
//!
//! Invariants: one line for each event, whatever the input; no secret and no personal data in
//! either; metric labels come from closed sets and route templates only.

pub mod logs;
pub mod metrics;
