//! What is backed up, how often, for how long, and what is promised of bringing it back, as packs write it.

use serde::{Deserialize, Serialize};

use crate::features::packs::quantity::Lasting;

/// How one kind of data is kept safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupPlan {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// What is copied, and how.
    #[serde(default)]
    pub what: String,
    /// How often, where it is by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Lasting>,
    /// How long a copy is kept, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Lasting>,
    /// The age from which the job that clears up deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_after: Option<Lasting>,
    /// Whether a copy leaves the house.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_site: bool,
    /// The probe that looks at its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The job that makes the copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<String>,
    /// How it is brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// What is promised, by what has happened.
    #[serde(default, rename = "promise", skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promised>,
}

/// What is promised of one kind of misfortune.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promised {
    pub scenario: String,
    /// How long until it works again, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<Lasting>,
    /// How much is lost, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Lasting>,
}
