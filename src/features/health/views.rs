//! What health pages show.

mod tiles;

use std::collections::HashSet;

use askama::Template;
use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

pub use self::tiles::{Lit, figure, indicator_tile, measure_tiles};
use super::board::{ProbeStatus, ServiceStatus, Standing, steps};
use super::latency::Histogram;
use super::probe::ErrorKind;
use super::store::log::{RunLine, StateChange};
use super::store::samples::Sample;
use crate::features::packs::pack::ProbeState;
use crate::foundation::web::chart::{Chart, Drawing, Series};
use crate::foundation::web::format::{decimal, percent};
use crate::foundation::web::spark::{Days, Spark};
use crate::foundation::web::{Chrome, Lamp};

/// Steps of the latency chart: a day in five minutes each.
pub const CHART_STEP: TimeDelta = TimeDelta::minutes(5);
pub const CHART_STEPS: i32 = 288;

#[derive(Template)]
#[template(path = "health/services.html")]
pub struct Services {
    pub chrome: Chrome,
    pub rows: Vec<ServiceRow>,
    /// Whether invented history of the demo is among the figures.
    pub demo: bool,
}

/// One line of a table of services.
pub struct ServiceRow {
    pub id: String,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub why: String,
    pub since: Option<DateTime<Utc>>,
    pub p95: Option<String>,
    pub errors: Option<String>,
    pub spark: Spark,
    pub checked_at: Option<DateTime<Utc>>,
}

impl From<&ServiceStatus> for ServiceRow {
    fn from(service: &ServiceStatus) -> Self {
        let telling = match service.state {
            Standing::Down | Standing::Impaired => ProbeState::Down,
            Standing::Unknown | Standing::Up => ProbeState::Unknown,
        };
        let worst = service
            .probes
            .iter()
            .filter(|probe| probe.state == telling)
            .max_by_key(|probe| probe.critical);
        Self {
            id: service.id.to_string(),
            name: service.name.clone(),
            platform: service.platform.name.clone(),
            lamp: service.state.lamp(),
            word: service.state.word(),
            why: match (service.state, worst) {
                (Standing::Up, _) => String::new(),
                (_, None) => "nothing probes it".to_owned(),
                (_, Some(probe)) => why(probe),
            },
            since: service.since,
            p95: service.p95_us.map(millis),
            errors: service.error_share.map(|share| percent(share, 1)),
            spark: Spark::new("p95 of the last hour, ms", service.spark.clone()),
            checked_at: service.checked_at,
        }
    }
}

impl Standing {
    #[must_use]
    pub const fn lamp(self) -> Lamp {
        match self {
            Self::Up => Lamp::Clear,
            Self::Impaired => Lamp::Yellow,
            Self::Down => Lamp::Red,
            Self::Unknown => Lamp::Unknown,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "Up",
            Self::Impaired => "Impaired",
            Self::Down => "Down",
            Self::Unknown => "Unknown",
        }
    }
}

#[must_use]
pub const fn lamp(state: ProbeState) -> Lamp {
    match state {
        ProbeState::Up => Lamp::Clear,
        ProbeState::Down => Lamp::Red,
        ProbeState::Unknown => Lamp::Unknown,
    }
}

#[must_use]
pub const fn word(state: ProbeState) -> &'static str {
    match state {
        ProbeState::Up => "Up",
        ProbeState::Down => "Down",
        ProbeState::Unknown => "Unknown",
    }
}

/// "connection refused", "wrong answer: status 500", or why nobody knows.
#[must_use]
pub fn why(probe: &ProbeStatus) -> String {
    let label = probe.error.as_deref().map(error_label);
    match (probe.state, label) {
        (ProbeState::Up, _) => String::new(),
        (ProbeState::Down, Some(label)) => {
            // Where the kind alone sends nobody anywhere, the probe's own words do.
            let says_it = |kind: ErrorKind| kind.label() == label;
            let vague = [ErrorKind::Tls, ErrorKind::WrongAnswer]
                .into_iter()
                .any(says_it);
            let message = if vague { probe.message.as_str() } else { "" };
            let between = if message.is_empty() { "" } else { ": " };
            format!("{}: {label}{between}{message}", probe.item.slug)
        }
        (ProbeState::Unknown, _) if probe.message.is_empty() => {
            format!("{}: not heard of", probe.item.slug)
        }
        _ => format!("{}: {}", probe.item.slug, probe.message),
    }
}

/// An error kind as it is stored, for people.
#[must_use]
pub fn error_label(stored: &str) -> &'static str {
    use ErrorKind::{Authentication, Dns, Refused, Timeout, Tls, WrongAnswer};
    [Refused, Timeout, Dns, Tls, Authentication, WrongAnswer]
        .into_iter()
        .find(|kind| kind.as_str() == stored)
        .map_or("failed", ErrorKind::label)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "latencies are far below 2^53 µs"
)]
#[must_use]
pub fn millis(us: i64) -> String {
    decimal(us as f64 / 1_000.0, 1)
}

/// The p50 and p95 of the last day.
#[must_use]
pub fn latency_chart(samples: &[&Sample], now: DateTime<Utc>, zone: Tz) -> Drawing {
    let end = now;
    let series = |name, share| {
        let figure = |histogram: &Histogram| histogram.quantile_us(share);
        Series::new(name, steps(samples, end, CHART_STEP, CHART_STEPS, figure))
    };
    Chart::line(
        "latency",
        "Latency of the last 24 hours",
        "ms",
        end,
        CHART_STEP,
    )
    .series(series("p95", 0.95))
    .series(series("p50", 0.5))
    .draw(zone)
}

/// What is known of the last ninety days: sums of days, and of what has not been summed up yet, hours and
/// minutes.
pub struct Known<'s> {
    pub days: Vec<&'s Sample>,
    pub hours: Vec<&'s Sample>,
    pub minutes: Vec<&'s Sample>,
}

impl Known<'_> {
    /// Checks of a day that were good and that failed. The sum of a day is its own; where there is none
    /// yet, its hours stand for it, and its minutes for an hour that is not over.
    fn of(&self, day: NaiveDate) -> (i64, i64) {
        let add = |(good, failed), sample: &&Sample| (good + sample.good, failed + sample.failed);
        let on = |sample: &&&Sample| sample.at.date_naive() == day;
        if self.days.iter().any(|sample| on(&sample)) {
            return self.days.iter().filter(on).fold((0, 0), add);
        }
        let hour = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
        let summed: HashSet<_> = self.hours.iter().map(|sample| sample.at).collect();
        let rest = self
            .minutes
            .iter()
            .filter(|sample| !summed.contains(&hour(sample.at)));
        self.hours.iter().chain(rest).filter(on).fold((0, 0), add)
    }
}

/// One cell for each of the last ninety days, the running one included.
#[must_use]
pub fn ninety_days(known: &Known<'_>, now: DateTime<Utc>) -> Days {
    let today = now.date_naive();
    let cells = (0..90).rev().map(|back| {
        let day = today - TimeDelta::days(back);
        let (good, failed) = known.of(day);
        let (lamp, words) = match (good, failed) {
            (0, 0) => (Lamp::Unknown, "nothing known".to_owned()),
            (_, 0) => (Lamp::Clear, "all checks were good".to_owned()),
            (good, failed) => {
                #[allow(clippy::cast_precision_loss, reason = "checks of a day are few")]
                let share = failed as f64 / (good + failed) as f64;
                let lamp = if share > 0.01 {
                    Lamp::Red
                } else {
                    Lamp::Yellow
                };
                (lamp, format!("{} of the checks failed", percent(share, 2)))
            }
        };
        (lamp, format!("{}: {words}", day.format("%-d %b")))
    });
    Days::new("Checks of the last 90 days", cells)
}

/// One line of the probe log.
pub struct LogLine {
    pub at: DateTime<Utc>,
    pub probe: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub message: String,
    pub latency: Option<String>,
    pub attempts: i32,
}

impl LogLine {
    #[must_use]
    pub fn of(run: &RunLine, probes: &[ProbeStatus]) -> Self {
        let probe = probes
            .iter()
            .find(|probe| probe.item.id.uuid() == run.probe_id);
        let (lamp, word) = match (run.outcome.as_str(), run.error.as_deref()) {
            ("good", _) => (Lamp::Clear, "good"),
            ("failed", Some(error)) => (Lamp::Red, error_label(error)),
            ("failed", None) => (Lamp::Red, "failed"),
            _ => (Lamp::Unknown, "unknown"),
        };
        Self {
            at: run.at,
            probe: probe
                .map(|probe| probe.item.slug.clone())
                .unwrap_or_default(),
            lamp,
            word,
            message: run.message.clone(),
            latency: run.latency_us.map(millis),
            attempts: run.attempts,
        }
    }
}

/// One line of how the probes changed.
pub struct ChangeLine {
    pub at: DateTime<Utc>,
    pub probe: String,
    pub lamp: Lamp,
    /// "Up, was Unknown"
    pub what: String,
    pub message: String,
}

impl ChangeLine {
    #[must_use]
    pub fn of(change: &StateChange, probes: &[ProbeStatus]) -> Self {
        let (was, now): (ProbeState, ProbeState) = (
            change.was.parse().unwrap_or_default(),
            change.now.parse().unwrap_or_default(),
        );
        let probe = probes
            .iter()
            .find(|probe| probe.item.id.uuid() == change.probe_id);
        Self {
            at: change.at,
            probe: probe
                .map(|probe| probe.item.slug.clone())
                .unwrap_or_default(),
            lamp: lamp(now),
            what: format!("{}, was {}", word(now), word(was).to_lowercase()),
            message: change.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: &str, good: i64, failed: i64) -> Sample {
        Sample {
            at: at.parse().unwrap(),
            good,
            failed,
            unknown: 0,
            histogram: Histogram::default(),
            demo: false,
        }
    }

    #[test]
    fn a_day_without_a_sum_of_its_own_is_its_hours_and_the_minutes_after_them() {
        let day = sample("2026-03-01T00:00:00Z", 100, 1);
        let (first, second) = (
            sample("2026-03-02T00:00:00Z", 60, 2),
            sample("2026-03-02T01:00:00Z", 60, 0),
        );
        let (old, new) = (
            sample("2026-03-02T01:59:00Z", 1, 0),
            sample("2026-03-02T02:03:00Z", 1, 1),
        );
        let known = Known {
            days: vec![&day],
            hours: vec![&first, &second],
            minutes: vec![&old, &new],
        };
        let of = |date: &str| known.of(date.parse().unwrap());
        assert_eq!(of("2026-03-01"), (100, 1));
        assert_eq!(of("2026-03-02"), (121, 3));
        assert_eq!(of("2026-03-03"), (0, 0));
    }
}
