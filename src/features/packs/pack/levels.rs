//! How well services are promised to do, and how much they are made for, as packs write it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MeasureOf, Selector};
use crate::features::packs::quantity::{Lasting, Quantity};

/// A target for a service: what share of its results has to be good, over which time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    pub id: String,
    pub name: String,
    pub service: String,
    #[serde(default)]
    pub about: String,
    pub on: Sli,
    pub target: Quantity,
    #[serde(default = "thirty_days")]
    pub window: Lasting,
    /// Fewer results than this in the window say nothing.
    #[serde(default = "twenty")]
    pub least: u32,
    /// How soon it is promised to be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<Lasting>,
    /// How much of the last work is promised not to be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Lasting>,
    /// The heartbeat of the job whose dumps keep that promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dumps: Option<String>,
}

const fn thirty_days() -> Lasting {
    Lasting::from_secs(30 * 86_400)
}

const fn twenty() -> u32 {
    20
}

impl Slo {
    /// The share of bad results that the target leaves.
    #[must_use]
    pub fn allowed(&self) -> f64 {
        1.0 - self.target.value()
    }
}

/// What makes a result of a service a good one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Sli {
    /// The probe's run succeeded.
    Availability(String),
    /// The probe was answered within a time.
    Latency(Within),
    /// What two scraped counters grew by: the whole, and of it the bad or the good part.
    Counted(Counted),
    /// Observations of a scraped histogram that were at most so large.
    Histogram(Observed),
    /// What is reported was at most, or at least, so much.
    Reports(Reported),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    pub probe: String,
    pub within: Lasting,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    pub scrape: String,
    pub total: Selector,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Selector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<Selector>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    pub scrape: String,
    /// The histogram, by its name without `_bucket`.
    pub select: Selector,
    /// A bound that the histogram has, as its label `le` writes it.
    pub bucket: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    pub indicator: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

impl Observed {
    /// Its buckets, of all bounds.
    #[must_use]
    pub fn buckets(&self) -> Selector {
        Selector {
            name: format!("{}_bucket", self.select.name),
            matchers: self.select.matchers.clone(),
        }
    }
}

impl Sli {
    /// The probe or scrape that it reads, if it reads one.
    #[must_use]
    pub fn probe(&self) -> Option<&str> {
        match self {
            Self::Availability(probe) => Some(probe),
            Self::Latency(of) => Some(&of.probe),
            Self::Counted(of) => Some(&of.scrape),
            Self::Histogram(of) => Some(&of.scrape),
            Self::Reports(_) => None,
        }
    }

    /// The names of the scraped metrics that it reads.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        match self {
            Self::Counted(of) => [Some(&of.total), of.good.as_ref(), of.bad.as_ref()]
                .into_iter()
                .flatten()
                .map(|select| select.name.clone())
                .collect(),
            Self::Histogram(of) => vec![of.buckets().name],
            _ => Vec::new(),
        }
    }

    /// Whether the budget is one of time: results come at an even pace, whatever the platform is asked meanwhile.
    #[must_use]
    pub const fn is_of_time(&self) -> bool {
        matches!(
            self,
            Self::Availability(_) | Self::Latency(_) | Self::Reports(_)
        )
    }
}

impl fmt::Display for Sli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability(probe) => write!(f, "runs of the probe {probe} that succeed"),
            Self::Latency(of) => write!(f, "runs of the probe {} within {}", of.probe, of.within),
            Self::Counted(of) => match (&of.good, &of.bad) {
                (Some(good), _) => write!(f, "{good} in {}", of.total),
                (None, Some(bad)) => write!(f, "{} without {bad}", of.total),
                (None, None) => write!(f, "{}", of.total),
            },
            Self::Histogram(of) => write!(f, "{} up to {}", of.select, of.bucket),
            Self::Reports(of) => match (of.at_most, of.at_least) {
                (Some(most), _) => write!(f, "reports of {} up to {most}", of.indicator),
                (None, Some(least)) => write!(f, "reports of {} from {least}", of.indicator),
                (None, None) => write!(f, "reports of {}", of.indicator),
            },
        }
    }
}

/// A limit that a platform is made for, and what comes closer to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    pub on: Used,
    pub limit: Quantity,
    #[serde(default)]
    pub unit: String,
    /// The share of the limit from which it is worth a look.
    #[serde(default = "four_fifths")]
    pub warn: Quantity,
}

const fn four_fifths() -> Quantity {
    Quantity::Number(0.8)
}

/// What is held against a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Used {
    /// The last report.
    Indicator(String),
    /// A figure of a probe.
    Measure(MeasureOf),
    /// How often an event was reported in the last 24 hours.
    Events(String),
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indicator(id) => write!(f, "reports of {id}"),
            Self::Measure(of) => write!(f, "{} of the probe {}", of.name.as_str(), of.probe),
            Self::Events(id) => write!(f, "events {id} of the last 24 hours"),
        }
    }
}
