//! Lists that people go through, and the gates of a release, as packs write them.

use serde::{Deserialize, Serialize};

use super::{Condition, Is, Source};
use crate::features::packs::quantity::{Lasting, Quantity};

/// A list that somebody goes through and signs, and somebody else looks over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// When it opens: five fields as in a crontab. Either this, `maintenance` or `on_demand`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA zone of `cron`; by default the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The maintenance window with which it opens, and by whose end it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// What somebody starts it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_demand: Option<Occasion>,
    /// How long after it opened it is to be signed, and as long again to be reviewed.
    #[serde(default = "one_day")]
    pub within: Lasting,
    /// Who is expected to do it.
    #[serde(default)]
    pub owner: String,
    #[serde(rename = "item")]
    pub items: Vec<CheckItem>,
}

const fn one_day() -> Lasting {
    Lasting::from_secs(86_400)
}

impl Checklist {
    /// The zone of its schedule on a platform of this zone.
    #[must_use]
    pub fn zone<'a>(&'a self, platform: &'a str) -> &'a str {
        self.zone.as_deref().unwrap_or(platform)
    }
}

/// What a list is started for by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// A release: it starts the list by itself.
    Deployment,
    Maintenance,
    Other,
}

impl Occasion {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Maintenance => "maintenance",
            Self::Other => "other",
        }
    }
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckItem {
    pub id: String,
    pub text: String,
    /// What is read for it, in the words of rules. With `expect` it answers by itself; without, a person judges what was
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    #[serde(default, skip_serializing_if = "Evidence::is_none")]
    pub evidence: Evidence,
}

impl CheckItem {
    /// Whether it answers by itself.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.read.is_some() && self.expect.is_some()
    }
}

/// What has to be read for an item to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Is>,
    /// That a scrape brings a metric.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub served: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Quantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Quantity>,
}

impl Expect {
    /// The same, as a rule says it.
    #[must_use]
    pub fn condition(&self) -> Condition {
        Condition {
            is: self.is,
            above: self.above,
            below: self.below,
            ..Condition::default()
        }
    }
}

/// Whether an item takes something that shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    #[default]
    None,
    Optional,
    Required,
}

impl Evidence {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands out references"
    )]
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// What has to hold before a release begins, or after its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseGate {
    pub id: String,
    pub name: String,
    pub stage: Stage,
    pub read: Source,
    pub expect: Expect,
    /// How long is waited first, so that what was just started has begun.
    #[serde(default)]
    pub wait: Lasting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Before,
    After,
    /// After going back to the version before.
    Rollback,
}

impl Stage {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Rollback => "rollback",
        }
    }
}
