use askama::Template;
use chrono::{DateTime, Utc};

use crate::foundation::web::Chrome;

/// `GET /packs`
#[derive(Template)]
#[template(path = "packs/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub packs: Vec<PackCard>,
}

/// A platform's pack, as it was last applied.
pub struct PackCard {
    pub platform: String,
    pub slug: String,
    pub version: String,
    pub revision: i64,
    pub digest: String,
    pub applied_at: DateTime<Utc>,
    pub applied_by: String,
    /// "3 services, 5 probes, …"
    pub runs: String,
    /// Parameters that this installation gave a value for, and those left at their default.
    pub given: Vec<String>,
    pub defaults: Vec<String>,
    pub accepted: Vec<Accepted>,
}

/// A promise that the pack cannot keep, and why its author lives with that.
#[derive(serde::Deserialize)]
pub struct Accepted {
    pub warning: String,
    pub on: String,
    pub message: String,
    pub reason: String,
}
