//! Logs of the platform and the codes of errors in them, as packs write them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::features::packs::quantity::Lasting;
use crate::features::packs::severity::Severity;

/// A log that is read from files, handed in by a sender, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whose lines they are where they do not say.
    #[serde(default)]
    pub component: String,
    /// A pattern of files; empty where there are none to be read.
    #[serde(default)]
    pub files: String,
    #[serde(default = "thirty_days")]
    pub keep: Lasting,
    /// How often its senders hand something in; after twice as long nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_every: Option<Lasting>,
}

const fn thirty_days() -> Lasting {
    Lasting::from_secs(30 * 86_400)
}

impl LogSource {
    /// The pattern of its files, if it has any.
    #[must_use]
    pub fn files(&self) -> Option<&str> {
        Some(self.files.as_str()).filter(|files| !files.is_empty())
    }
}

/// What an error code of the platform means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorCode {
    /// As it stands in logs: `LEGAL_001`.
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// Which lines of a log a rule counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinesOf {
    pub source: String,
    /// Lines that are this bad or worse; by default all.
    #[serde(default)]
    pub level: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub within: Lasting,
}

impl fmt::Display for LinesOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Severity::Unknown => f.write_str("lines")?,
            level => write!(f, "lines at {level} or worse")?,
        }
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        if let Some(component) = &self.component {
            write!(f, " of {component}")?;
        }
        write!(f, " in the log {} within {}", self.source, self.within)
    }
}
