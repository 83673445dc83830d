//! Whom a platform buys something from, and whom one calls about it, as packs write it.

use serde::{Deserialize, Serialize};

/// A service of somebody else's that the platform leans on. Nobody of theirs is ever told by us: they are for people to
/// call. What is not given for an installation is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalService {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// Whether the platform stands still without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whom one asks for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contact: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone: String,
    /// Where they say how they are.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The connector that asks it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
}
