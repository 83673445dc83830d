//! What a pack says, as types. A file that parses has the right shape; whether it makes sense is
//! the linter's word.

mod backups;
mod causes;
mod check;
mod checklists;
mod connectors;
mod external;
mod heartbeats;
mod levels;
mod logs;
mod maintenance;
mod measure;
mod metrics;
mod oncall;
mod queue;
mod rules;
mod selector;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use self::backups::{BackupPlan, Promised};
pub use self::causes::Inhibition;
pub use self::check::{
    Certificate, Check, Files, Host, Http, Postgres, Redis, Tcp, Tls, Which, host_and_port,
};
pub use self::checklists::{CheckItem, Checklist, Evidence, Expect, Occasion, ReleaseGate, Stage};
pub use self::connectors::Connector;
pub use self::external::ExternalService;
pub use self::heartbeats::Heartbeat;
pub use self::levels::{Capacity, Counted, Observed, Reported, Sli, Slo, Used, Within};
pub use self::logs::{ErrorCode, LinesOf, LogSource};
pub use self::maintenance::Maintenance;
pub use self::measure::{Measure, Unit};
pub use self::metrics::{
    AbsenceOf, GrowthOf, MetricOf, Prometheus, QuantileOf, Scrape, ShareOf, Take,
};
pub use self::oncall::{Contact, DigestKind, Escalation, REPEAT_AT_MOST, Rota, Step, Target, Turn};
pub use self::queue::{Layout, OF_QUERY, Queue};
pub use self::rules::{Condition, Is, MeasureOf, NoData, RESULTS_AT_MOST, Rule, Source};
pub use self::selector::{Labels, Matcher, Selector, take_name, take_quoted};
use super::quantity::Lasting;

crate::typed_id!(
    /// Something that a pack defines, as it is known to the database.
    ItemId,
);

/// One platform's file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    pub platform: Platform,
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
    #[serde(default, rename = "probe")]
    pub probes: Vec<Probe>,
    #[serde(default, rename = "scrape")]
    pub scrapes: Vec<Scrape>,
    #[serde(default, rename = "indicator")]
    pub indicators: Vec<Indicator>,
    #[serde(default, rename = "event_type")]
    pub event_types: Vec<EventType>,
    #[serde(default, rename = "heartbeat")]
    pub heartbeats: Vec<Heartbeat>,
    #[serde(default, rename = "connector")]
    pub connectors: Vec<Connector>,
    #[serde(default, rename = "log_source")]
    pub log_sources: Vec<LogSource>,
    #[serde(default, rename = "error_code")]
    pub error_codes: Vec<ErrorCode>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
    #[serde(default, rename = "slo")]
    pub slos: Vec<Slo>,
    #[serde(default, rename = "capacity")]
    pub capacities: Vec<Capacity>,
    #[serde(default, rename = "inhibit")]
    pub inhibitions: Vec<Inhibition>,
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
    #[serde(default, rename = "contact")]
    pub contacts: Vec<Contact>,
    #[serde(default, rename = "rota")]
    pub rotas: Vec<Rota>,
    #[serde(default, rename = "escalation")]
    pub escalations: Vec<Escalation>,
    #[serde(default, rename = "external_service")]
    pub external_services: Vec<ExternalService>,
    #[serde(default, rename = "backup_plan")]
    pub backup_plans: Vec<BackupPlan>,
    #[serde(default, rename = "checklist")]
    pub checklists: Vec<Checklist>,
    #[serde(default, rename = "release_gate")]
    pub release_gates: Vec<ReleaseGate>,
    #[serde(default, rename = "runbook")]
    pub runbooks: Vec<Runbook>,
    #[serde(default, rename = "accept")]
    pub accepted: Vec<Acceptance>,
}

impl Pack {
    /// What is probed, pages of metrics among it.
    #[must_use]
    pub fn all_probes(&self) -> Vec<Probe> {
        let read: Vec<&Source> = self.read().collect();
        let scrapes = self
            .scrapes
            .iter()
            .map(|it| it.probe(&self.rules, &self.slos));
        let probes = self.probes.iter().cloned();
        probes
            .map(|it| it.keeping(&self.rules, &self.slos))
            .chain(scrapes)
            .map(|it| it.keeping_what(&read))
            .collect()
    }

    /// What checklists and gates of releases read.
    fn read(&self) -> impl Iterator<Item = &Source> {
        let items = self.checklists.iter().flat_map(|list| &list.items);
        let items = items.filter_map(|item| item.read.as_ref());
        items.chain(self.release_gates.iter().map(|gate| &gate.read))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// Short name in addresses and on the command line.
    pub id: String,
    pub name: String,
    /// The version of the file, as its author counts.
    pub version: String,
    /// IANA zone of the platform's business day.
    #[serde(default = "utc")]
    pub zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// Services that it cannot do without: while one of them is red, nobody is told of this one as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub id: String,
    pub service: String,
    pub check: Check,
    #[serde(default = "thirty_seconds")]
    pub interval: Lasting,
    /// Of one attempt; by default the smaller of 10 s and 0.4 of the interval.
    #[serde(default)]
    pub timeout: Option<Lasting>,
    #[serde(default = "one")]
    pub retries: u32,
    #[serde(default = "three")]
    pub failures_to_down: u32,
    #[serde(default = "two")]
    pub successes_to_up: u32,
}

const fn thirty_seconds() -> Lasting {
    Lasting::from_secs(30)
}
const fn one() -> u32 {
    1
}
const fn two() -> u32 {
    2
}
const fn three() -> u32 {
    3
}

impl Probe {
    #[must_use]
    pub fn timeout(&self) -> Lasting {
        let default = (self.interval.millis() * 2 / 5).min(10_000);
        self.timeout.unwrap_or(Lasting::from_millis(default))
    }

    /// What all attempts of one run share: 0.8 of the interval.
    #[must_use]
    pub fn deadline(&self) -> Lasting {
        Lasting::from_millis(self.interval.millis() * 4 / 5)
    }

    /// What a run can take at most: all attempts wait in vain, with a pause before each retry.
    #[must_use]
    pub fn longest_run(&self) -> Lasting {
        const PAUSE_MS: i64 = 1_200;
        let retries = i64::from(self.retries);
        let attempts = self.timeout().millis() * (retries + 1) + PAUSE_MS * retries;
        self.deadline().min(Lasting::from_millis(attempts))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub about: String,
    /// How often a report is due. A value twice as old is shown as unknown and read as no data.
    #[serde(default)]
    pub expect_every: Option<Lasting>,
    /// Whether a value that a person reports counts only once a second person has agreed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub four_eyes: bool,
    /// The event whose message carries the value, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_event: Option<FromEvent>,
}

/// Where in the message of an event a value stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEvent {
    #[serde(rename = "type")]
    pub event_type: String,
    /// Keys of objects, one in the other: `data.score`.
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventType {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// Whether it stands in the notification centre of those who may see the platform's health.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shown: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    Up,
    Down,
    /// Neither: never run, a run was missed, or our own network was away.
    #[default]
    Unknown,
}

impl ProbeState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl std::str::FromStr for ProbeState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "unknown" => Ok(Self::Unknown),
            other => Err(format!("\"{other}\" is not a state: up, down or unknown")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    pub id: String,
    pub title: String,
    pub steps: Vec<String>,
    pub owner: String,
    pub version: String,
    #[serde(deserialize_with = "date")]
    pub next_review: NaiveDate,
    /// The runbooks that it may lead on to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<String>,
}

/// A date is quoted text, so that it reads the same in the file and in the database.
fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!("\"{text}\" is not a date: write \"2026-11-20\""))
    })
}

/// A warning that the pack's author has seen and lives with, for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    pub warning: String,
    /// Id of the thing that the warning is about.
    pub on: String,
    pub reason: String,
}
