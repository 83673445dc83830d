//! Jobs that the platform runs by itself and that report to us, as packs write them.

use serde::{Deserialize, Serialize};

use crate::features::packs::quantity::Lasting;

/// A job that gives a sign of life when it has run. Silence is what is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// How long after the last sign of life the next is due. Either this or `cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Lasting>,
    /// The five fields of its line in the crontab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA zone of `cron`; by default the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How long after it was due, or after a run began, it is still waited for.
    #[serde(default = "ten_minutes")]
    pub grace: Lasting,
    /// An obligation that its runs serve: within so long of what happened, one has to have come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Lasting>,
    /// Whether what the job says is kept, for those who see heartbeats. Not where it may name what few may know.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub keep_output: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

const fn yes() -> bool {
    true
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
const fn is_yes(keep: &bool) -> bool {
    *keep
}

const fn ten_minutes() -> Lasting {
    Lasting::from_secs(600)
}

impl Heartbeat {
    /// The zone of its schedule on a platform of this zone.
    #[must_use]
    pub fn zone<'a>(&'a self, platform: &'a str) -> &'a str {
        self.zone.as_deref().unwrap_or(platform)
    }
}
