//! What the platform leans on outside of itself: banks, registers, other people's interfaces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::packs::quantity::Lasting;

/// A system of somebody else's. Each of its operations is asked by the clock and has a circuit breaker of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// The service of the platform that leans on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Where it is; the path of an operation is put behind it.
    pub url: String,
    /// Operations by name, and the path that is asked for each.
    #[serde(default = "health")]
    pub operations: BTreeMap<String, String>,
    #[serde(default = "five_minutes")]
    pub every: Lasting,
    #[serde(default = "ten_seconds")]
    pub timeout: Lasting,
    /// Who we say we are, where it wants to know whom to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// How many requests a minute it takes from us, all operations together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// A file with the value of the header Authorization, read for every call. Empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authorization_file: String,
}

fn health() -> BTreeMap<String, String> {
    BTreeMap::from([("health".to_owned(), String::new())])
}

const fn five_minutes() -> Lasting {
    Lasting::from_secs(300)
}

const fn ten_seconds() -> Lasting {
    Lasting::from_secs(10)
}

impl Connector {
    /// The address of an operation; nothing where the pack names none of this name.
    #[must_use]
    pub fn address(&self, operation: &str) -> Option<String> {
        let path = self.operations.get(operation)?;
        Some(format!("{}{path}", self.url))
    }
}
