//! Rules as packs write them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AbsenceOf, GrowthOf, LinesOf, Measure, MetricOf, ProbeState, QuantileOf, ShareOf, Unit,
};
use crate::features::packs::quantity::{Lasting, Quantity};
use crate::foundation::kernel::Level;

/// The latencies of so many results are kept, so no rule can count more of them.
pub const RESULTS_AT_MOST: u32 = 20;

/// Condition → alert. A rule may have up to three levels; it still makes one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub name: String,
    pub on: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yellow: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue: Option<Condition>,
    /// How long the alert stays lit after the condition ends.
    #[serde(default)]
    pub keep_firing_for: Option<Lasting>,
    #[serde(default)]
    pub no_data: NoData,
    /// How long there must be no data before `no_data` is acted on.
    #[serde(default)]
    pub no_data_for: Lasting,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Who is told; by default the policy of the pack for the alert's level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<String>,
    /// Who is expected to act.
    #[serde(default)]
    pub owner: String,
}

impl Rule {
    /// The levels that the rule has, most urgent first.
    pub fn levels(&self) -> impl Iterator<Item = (Level, &Condition)> {
        [
            (Level::Red, &self.red),
            (Level::Yellow, &self.yellow),
            (Level::Blue, &self.blue),
        ]
        .into_iter()
        .filter_map(|(level, condition)| Some((level, condition.as_ref()?)))
    }

    /// An event lasts no time of its own, so its lamp is kept lit for an hour unless told otherwise.
    #[must_use]
    pub fn keep_firing_for(&self) -> Lasting {
        let default = match self.on {
            Source::Event(_) => Lasting::from_secs(3_600),
            _ => Lasting::ZERO,
        };
        self.keep_firing_for.unwrap_or(default)
    }
}

/// What a rule reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// The state of a probe.
    State(String),
    /// The latency of a probe's own results; consecutive ones are counted.
    Latency(String),
    Measure(MeasureOf),
    /// The last reported value.
    Indicator(String),
    /// The time since the last report.
    Age(String),
    /// An event of this type was reported.
    Event(String),
    /// Whether a job of the platform gives its signs of life.
    Heartbeat(String),
    /// Whether calls of a connector go out.
    Connector(String),
    /// How many lines a log had.
    Log(LinesOf),
    /// A scraped number as it is now.
    Metric(MetricOf),
    /// What a scraped counter grows by a second.
    Rate(GrowthOf),
    /// What a scraped counter grew by in a window.
    Increase(GrowthOf),
    Share(ShareOf),
    /// A quantile of a scraped histogram.
    Quantile(QuantileOf),
    /// That a scrape does not bring a metric.
    Absence(AbsenceOf),
    /// How much faster than it may the error budget of a target is used up.
    #[serde(rename = "burn_rate")]
    BurnRate(String),
}

impl Source {
    /// The thing with a service that it reads, if it reads one: its kind and its name.
    #[must_use]
    pub fn reads(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Heartbeat(slug) => Some(("heartbeat", slug)),
            Self::Connector(slug) => Some(("connector", slug)),
            Self::Log(of) => Some(("log_source", &of.source)),
            Self::BurnRate(slug) => Some(("slo", slug)),
            on => on.probe().map(|probe| ("probe", probe)),
        }
    }

    /// The probe that it reads, if it reads one.
    #[must_use]
    pub fn probe(&self) -> Option<&str> {
        match self {
            Self::State(probe) | Self::Latency(probe) => Some(probe),
            Self::Measure(of) => Some(&of.probe),
            Self::Metric(of) => Some(&of.scrape),
            Self::Rate(of) | Self::Increase(of) => Some(&of.scrape),
            Self::Share(of) => Some(&of.scrape),
            Self::Quantile(of) => Some(&of.scrape),
            Self::Absence(of) => Some(&of.scrape),
            Self::Indicator(_)
            | Self::Age(_)
            | Self::Event(_)
            | Self::Heartbeat(_)
            | Self::Connector(_)
            | Self::Log(_)
            | Self::BurnRate(_) => None,
        }
    }

    /// The number that a threshold over this stands for.
    #[must_use]
    pub fn number(&self, threshold: Quantity) -> f64 {
        match self.unit() {
            Some(unit) => threshold.counted_in(unit),
            None => threshold.value(),
        }
    }

    /// What it is counted in, where that is known from the source alone.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Measure(of) => Some(of.name.unit()),
            Self::Metric(of) => Some(of.unit()),
            // Seconds in a second are a number.
            Self::Rate(of) if of.unit() == Unit::Bytes => Some(Unit::Bytes),
            Self::Rate(_) => Some(Unit::Count),
            Self::Increase(of) => Some(of.unit()),
            Self::Share(_) => Some(Unit::Share),
            Self::Quantile(of) => Some(of.unit()),
            _ => None,
        }
    }

    /// Whether it reads what was scraped.
    #[must_use]
    pub const fn is_scraped(&self) -> bool {
        matches!(
            self,
            Self::Metric(_)
                | Self::Rate(_)
                | Self::Increase(_)
                | Self::Share(_)
                | Self::Quantile(_)
                | Self::Absence(_)
        )
    }

    /// The names of the metrics that it reads.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        match self {
            Self::Metric(of) => vec![of.select.name.clone()],
            Self::Rate(of) | Self::Increase(of) => vec![of.select.name.clone()],
            Self::Share(of) => vec![of.part.name.clone(), of.whole.name.clone()],
            Self::Quantile(of) => vec![of.buckets()],
            Self::Absence(of) => vec![of.select.name.clone()],
            _ => Vec::new(),
        }
    }

    /// How far back it looks; nothing where only what is now counts.
    #[must_use]
    pub const fn window(&self) -> Option<Lasting> {
        match self {
            Self::Rate(of) | Self::Increase(of) => Some(of.window),
            Self::Share(of) => of.window,
            Self::Quantile(of) => Some(of.window),
            _ => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(probe) => write!(f, "state of {probe}"),
            Self::Latency(probe) => write!(f, "latency of {probe}"),
            Self::Measure(of) => write!(f, "{} of {}", of.name.as_str(), of.probe),
            Self::Indicator(indicator) => write!(f, "{indicator}"),
            Self::Age(indicator) => write!(f, "age of {indicator}"),
            Self::Event(event) => write!(f, "event {event}"),
            Self::Heartbeat(heartbeat) => write!(f, "heartbeat {heartbeat}"),
            Self::Connector(connector) => write!(f, "connector {connector}"),
            Self::Log(lines) => lines.fmt(f),
            Self::Metric(of) => of.fmt(f),
            Self::Rate(of) => write!(f, "rate of {} over {}", of.select, of.window),
            Self::Increase(of) => write!(f, "increase of {} over {}", of.select, of.window),
            Self::Share(of) => of.fmt(f),
            Self::Quantile(of) => of.fmt(f),
            Self::Absence(of) => write!(f, "absence of {}", of.select),
            Self::BurnRate(slo) => write!(f, "burn rate of {slo}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureOf {
    pub probe: String,
    pub name: Measure,
}

/// The state that a rule is about: of a probe up, down or unknown, of a heartbeat late or down, of a connector failing,
/// open or disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Is {
    Up,
    Down,
    Unknown,
    /// Due, and within its grace.
    Late,
    /// The last call failed, and the next goes out all the same.
    Failing,
    /// Calls are kept back.
    Open,
    /// Every call goes out, whatever became of the last: two people wanted it.
    Disabled,
}

impl PartialEq<ProbeState> for Is {
    fn eq(&self, state: &ProbeState) -> bool {
        matches!(
            (self, state),
            (Self::Up, ProbeState::Up)
                | (Self::Down, ProbeState::Down)
                | (Self::Unknown, ProbeState::Unknown)
        )
    }
}

/// When one level of a rule is on. Event rules need no test: `blue = {}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Is>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Quantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Quantity>,
    /// Where a level that is on goes off again; by default the threshold itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<Quantity>,
    /// How many results in a row must pass the threshold (latency only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<u32>,
    /// How long it must last.
    #[serde(default, rename = "for")]
    pub lasting: Lasting,
}

impl Rule {
    /// The worst of its levels at whose threshold a reading lies, however long it would have to last.
    #[must_use]
    pub fn level_at(&self, reading: f64) -> Option<Level> {
        let holds = |condition: &Condition| {
            condition.threshold().is_some_and(|(at, above)| {
                let at = at.value();
                if above { reading > at } else { reading < at }
            })
        };
        let mut levels = self.levels();
        levels.find(|(_, it)| holds(it)).map(|(level, _)| level)
    }
}

impl Condition {
    /// The threshold and whether values above it are the bad ones.
    #[must_use]
    pub fn threshold(&self) -> Option<(Quantity, bool)> {
        self.above
            .map(|above| (above, true))
            .or_else(|| self.below.map(|below| (below, false)))
    }
}

/// What a rule makes of having nothing to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// Whatever was, stays.
    #[default]
    Keep,
    /// The rule's most urgent level is on.
    Fire,
    /// No level is on.
    Ok,
}
