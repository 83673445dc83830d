//! What a list says of one person, company, vessel or aircraft, whatever file it came from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::birth::Birth;
use crate::features::intake::Country;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    Person,
    Company,
    Vessel,
    Aircraft,
}

impl EntryKind {
    pub const ALL: [Self; 4] = [Self::Person, Self::Company, Self::Vessel, Self::Aircraft];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Company => "company",
            Self::Vessel => "vessel",
            Self::Aircraft => "aircraft",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How much the list itself trusts an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Primary,
    Strong,
    /// A nickname or a common word: never enough on its own.
    Weak,
}

impl Quality {
    pub const ALL: [Self; 3] = [Self::Primary, Self::Strong, Self::Weak];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Strong => "strong",
            Self::Weak => "weak",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|quality| quality.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedName {
    pub name: String,
    pub quality: Quality,
}

/// One entry of a list. Its hash covers everything here, so that a change of any part reopens what
/// was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedEntry {
    /// The source's own number for it; unique within one version of the list.
    pub reference: String,
    pub kind: EntryKind,
    /// The primary name first; at least one.
    pub names: Vec<ListedName>,
    pub programs: Vec<String>,
    pub title: Option<String>,
    pub births: Vec<Birth>,
    /// Nationality and citizenship of people, seats of companies, addresses of both.
    pub countries: Vec<Country>,
    /// Places of birth as written.
    pub birth_places: Vec<String>,
    /// Passports and other papers as written.
    pub documents: Vec<String>,
    pub addresses: Vec<String>,
    /// The free text as it came.
    pub remarks: String,
}

impl ListedEntry {
    pub fn primary_name(&self) -> &str {
        self.names.first().map_or("", |name| name.name.as_str())
    }

    pub fn content_hash(&self) -> [u8; 32] {
        // Fields are written in the order of their declaration, so equal entries give equal bytes.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(bytes).into()
    }
}
