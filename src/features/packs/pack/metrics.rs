//! Metrics that are scraped, and what rules read of them, as packs write it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::selector::Selector;
use super::{Check, Probe, Rule, Slo, Source, Unit, one, thirty_seconds, three, two};
use crate::features::packs::quantity::Lasting;

/// A page of metrics that is fetched at an interval. It is a probe: it has a state, a latency and a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    pub id: String,
    pub service: String,
    pub url: String,
    #[serde(default = "thirty_seconds")]
    pub interval: Lasting,
    #[serde(default)]
    pub timeout: Option<Lasting>,
    #[serde(default)]
    pub bearer_file: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password_file: String,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub keep: Vec<String>,
}

impl Scrape {
    /// The probe that it is. It keeps what these rules and targets read of it.
    #[must_use]
    pub fn probe(&self, rules: &[Rule], slos: &[Slo]) -> Probe {
        let probe = Probe {
            id: self.id.clone(),
            service: self.service.clone(),
            check: Check::Prometheus(Prometheus {
                url: self.url.clone(),
                bearer_file: self.bearer_file.clone(),
                user: self.user.clone(),
                password_file: self.password_file.clone(),
                labels: self.labels.clone(),
                keep: self.keep.clone(),
            }),
            interval: self.interval,
            timeout: self.timeout,
            retries: one(),
            failures_to_down: three(),
            successes_to_up: two(),
        };
        probe.keeping(rules, slos)
    }
}

impl Probe {
    /// The same; where it scrapes metrics, it keeps what these rules and targets read of it.
    #[must_use]
    pub fn keeping(self, rules: &[Rule], slos: &[Slo]) -> Self {
        let held = slos.iter().filter(|slo| slo.on.probe() == Some(&self.id));
        let held: Vec<String> = held.flat_map(|slo| slo.on.metrics()).collect();
        let read: Vec<&Source> = rules.iter().map(|rule| &rule.on).collect();
        self.keeping_what(&read).keeping_named(held)
    }

    /// The same of metrics by their names.
    fn keeping_named(mut self, names: Vec<String>) -> Self {
        if let Check::Prometheus(check) = &mut self.check {
            let keep: BTreeSet<String> = check.keep.drain(..).chain(names).collect();
            check.keep = keep.into_iter().collect();
        }
        self
    }

    /// The same of what others read.
    #[must_use]
    pub fn keeping_what(mut self, read: &[&Source]) -> Self {
        if let Check::Prometheus(check) = &mut self.check {
            let read = read
                .iter()
                .filter(|on| on.probe() == Some(&self.id))
                .flat_map(|on| on.metrics());
            let keep: BTreeSet<String> = check.keep.drain(..).chain(read).collect();
            check.keep = keep.into_iter().collect();
        }
        self
    }
}

/// How metrics are fetched, and which of them are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    pub url: String,
    /// Read at every run, as the other one. Empty: no token.
    #[serde(default)]
    pub bearer_file: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password_file: String,
    /// The labels that are kept; series that look alike without the others are added up. Empty: all.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Names of the metrics that are kept.
    #[serde(default)]
    pub keep: Vec<String>,
}

/// A number as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricOf {
    pub scrape: String,
    pub select: Selector,
    /// How several series become the one number that is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<Take>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    Sum,
    Max,
    Min,
}

impl Take {
    const fn of(self) -> &'static str {
        match self {
            Self::Sum => "sum of",
            Self::Max => "highest",
            Self::Min => "lowest",
        }
    }
}

/// What a counter grew by in a window, over all series; a second, or in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowthOf {
    pub scrape: String,
    pub select: Selector,
    pub window: Lasting,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

/// A part in the whole: of what two counters grew by in a window, or, without one, of two numbers as they are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareOf {
    pub scrape: String,
    pub part: Selector,
    pub whole: Selector,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Lasting>,
    /// The whole has to have grown by this much, or there is not enough data.
    #[serde(default = "twenty")]
    pub least: f64,
}

/// What so large a share of all observations in a window stay under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileOf {
    pub scrape: String,
    /// The histogram, by its name without `_bucket`.
    pub select: Selector,
    pub quantile: f64,
    pub window: Lasting,
    #[serde(default = "twenty")]
    pub least: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

/// That no series is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsenceOf {
    pub scrape: String,
    pub select: Selector,
}

const fn twenty() -> f64 {
    20.0
}

/// What a metric is counted in, which Prometheus's custom puts at the end of its name.
fn unit_of(select: &Selector) -> Unit {
    let name = select.name.trim_end_matches("_total");
    [
        ("_seconds", Unit::Seconds),
        ("_bytes", Unit::Bytes),
        ("_ratio", Unit::Share),
    ]
    .into_iter()
    .find(|(end, _)| name.ends_with(end))
    .map_or(Unit::Count, |(_, unit)| unit)
}

impl MetricOf {
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit.unwrap_or_else(|| unit_of(&self.select))
    }
}

impl GrowthOf {
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit.unwrap_or_else(|| unit_of(&self.select))
    }
}

impl QuantileOf {
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit.unwrap_or_else(|| unit_of(&self.select))
    }

    /// The name of its buckets.
    #[must_use]
    pub fn buckets(&self) -> String {
        format!("{}_bucket", self.select.name)
    }
}

impl fmt::Display for MetricOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.take {
            Some(take) => write!(f, "{} {}", take.of(), self.select),
            None => write!(f, "{}", self.select),
        }
    }
}

impl fmt::Display for ShareOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share of {} in {}", self.part, self.whole)?;
        match self.window {
            Some(window) => write!(f, " over {window}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for QuantileOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.quantile * 10_000.0).round() / 100.0;
        write!(f, "p{percent} of {} over {}", self.select, self.window)
    }
}
