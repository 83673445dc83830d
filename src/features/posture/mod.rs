//! The security posture: what protects this installation, looked at when somebody asks, and how to mend what does not.
//!
//! Invariants:
//! - what stands here was looked at for this page, or is shown by a test that is named; nothing is taken from what the
//!   configuration wishes where it can be seen from outside;
//! - a look changes nothing, and what could not be looked at says so and is no good news;
//! - `signalbox doctor` judges with the same words.

pub mod database;
pub mod files;
pub mod finding;
pub mod settings;
