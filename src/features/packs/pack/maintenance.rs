//! Times in which a platform is worked on, as packs write them.

use serde::{Deserialize, Serialize};

use super::Target;

/// A maintenance window that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    pub id: String,
    pub name: String,
    /// "first Saturday 02:00-04:00 America/New_York"
    pub when: String,
    #[serde(default)]
    pub about: String,
    /// The services that are worked on; none named: all of them.
    #[serde(default)]
    pub services: Vec<String>,
    /// Who is told two days ahead.
    #[serde(default)]
    pub tell: Vec<Target>,
}
