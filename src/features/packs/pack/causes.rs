//! Which alerts are the cause of others, as packs write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// While an alert of the source is lit, nobody is told of those of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibition {
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// Labels and their values: `{ alertname = "api-down" }`.
    pub source: BTreeMap<String, String>,
    pub target: BTreeMap<String, String>,
    /// Labels that both have with the same value.
    #[serde(default)]
    pub equal: Vec<String>,
}
