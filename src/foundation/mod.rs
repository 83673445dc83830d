//! The mechanisms: everything below the pages.
//!
//! Invariants:
//! - nothing here imports `features` or `app`; the architecture test reads the imports;
//! - within the foundation the order is kernel → config, telemetry, crypto → db → audit → web, auth,
//!   with jobs standing on audit;
//! - there is no second way to change state besides [`audit::Audit::write`], apart from the closed
//!   list of [`audit::Unaudited`] writes.

pub mod audit;
pub mod auth;
pub mod config;
pub mod crypto;
pub mod db;
pub mod files;
pub mod jobs;
pub mod kernel;
pub mod policy;
pub mod rotation;
pub mod services;
pub mod telemetry;
pub mod web;

pub use services::Services;
