//! What health pages show.

use std::collections::HashSet;
use std::time::Duration;

use askama::Template;
use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::board::{ProbeStatus, ServiceStatus, Standing, steps};
use super::latency::Histogram;
use super::probe::ErrorKind;
use super::store::reports::Report;
use super::store::samples::Sample;
use super::store::{RunLine, StateChange};
use crate::features::packs::pack::{Indicator, Measure, Probe, ProbeState, Unit};
use crate::features::packs::store::Item;
use crate::foundation::web::chart::{Chart, Drawing, Series};
use crate::foundation::web::format::{bytes, decimal, duration, number, percent};
use crate::foundation::web::spark::{Days, Spark};
use crate::foundation::web::{Chrome, Lamp, Tile};

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

/// "connection refused", or why nobody knows.
#[must_use]
pub fn why(probe: &ProbeStatus) -> String {
    let label = probe.error.as_deref().map(error_label);
    match (probe.state, label) {
        (ProbeState::Up, _) => String::new(),
        (ProbeState::Down, Some(label)) => format!("{}: {label}", probe.item.slug),
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

/// Which lamp a rule has lit over a probe's figure, if one has.
pub type Lit<'l> = &'l dyn Fn(&Item<Probe>, Measure) -> Option<Lamp>;

/// A tile for each figure that probes read, in groups of a kind.
#[must_use]
pub fn measure_tiles(
    services: &[ServiceStatus],
    lit: Lit<'_>,
    now: DateTime<Utc>,
) -> [(&'static str, Vec<Tile>); 4] {
    let tiles_of = |kind| {
        let probes = services
            .iter()
            .flat_map(|service| service.probes.iter().map(move |probe| (service, probe)))
            .filter(|(_, probe)| probe.item.spec.check.kind() == kind);
        probes
            .flat_map(|(service, probe)| {
                let measures = probe.item.spec.check.measures().iter();
                measures.filter_map(|measure| measure_tile(service, probe, *measure, lit, now))
            })
            .collect()
    };
    [
        ("Databases", tiles_of("postgres")),
        ("Hosts", tiles_of("host")),
        ("Files", tiles_of("file")),
        ("Certificates", tiles_of("tls")),
    ]
}

fn measure_tile(
    service: &ServiceStatus,
    probe: &ProbeStatus,
    measure: Measure,
    lit: Lit<'_>,
    now: DateTime<Utc>,
) -> Option<Tile> {
    let name = match measure {
        Measure::Cpu => "Processor",
        Measure::Memory => "Memory",
        Measure::Disk => "Disk",
        Measure::Connections => "Connections",
        Measure::Size => "Size",
        Measure::Lag => "Replication lag",
        Measure::Age => "Age",
        Measure::Count => "Files",
        Measure::Days => "Time to the certificate's end",
    };
    let name = format!("{} {}: {name}", service.platform.name, service.name);
    let source = format!("probe {}", probe.item.slug);
    let href = format!("/services/{}", service.id);
    let value = probe
        .measures
        .iter()
        .find(|(of, _)| *of == measure)
        .map(|(_, value)| *value);
    let (Some(value), Some(seen)) = (value, probe.measured_at) else {
        // Nothing is replicated there, or nobody knows; either way there is nothing to wait for.
        let nothing = measure == Measure::Lag;
        return (!nothing).then(|| Tile::unknown(name, source, probe.measured_at).href(href));
    };
    let reading = reading(value, measure.unit());
    // What is alarming is the rules' word.
    let lamp = lit(&probe.item, measure).unwrap_or(Lamp::Clear);
    let tile = Tile::new(name, lamp, reading, "", source, seen);
    Some(
        tile.stale_after(probe.item.spec.interval.delta() * 3, now)
            .href(href),
    )
}

/// "21 days"; "ended 3 days ago".
fn days(value: f64) -> String {
    let counted = |days: f64| {
        let word = if (days - 1.0).abs() < f64::EPSILON {
            "day"
        } else {
            "days"
        };
        format!("{} {word}", decimal(days, 0))
    };
    if value < 0.0 {
        format!("ended {} ago", counted(-value))
    } else {
        counted(value)
    }
}

/// A figure in what it is counted in.
fn reading(value: f64, unit: Unit) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes and long times are whole and not negative"
    )]
    let whole = value.max(0.0) as u64;
    match unit {
        Unit::Share => percent(value, 0),
        Unit::Bytes => bytes(whole),
        Unit::Seconds if value < 60.0 => format!("{} s", decimal(value, 1)),
        Unit::Seconds => duration(Duration::from_secs(whole)),
        Unit::Days => days(value),
        Unit::Count => number(whole),
    }
}

/// A tile for an indicator; grey when its report is overdue.
#[must_use]
pub fn indicator_tile(
    indicator: &Item<Indicator>,
    report: Option<&Report>,
    lit: Option<Lamp>,
    now: DateTime<Utc>,
) -> Tile {
    let source = "reported by the platform";
    let Some(report) = report else {
        let tile = Tile::unknown(&indicator.name, source, None);
        return match lit {
            // A rule may be waiting for the first report in vain.
            Some(lamp) => Tile { lamp, ..tile },
            None => tile,
        };
    };
    let lamp = lit.unwrap_or(Lamp::Clear);
    let source = if report.demo {
        "demo value, invented"
    } else {
        source
    };
    let reading = format!("{} {}", decimal(report.value, 2), indicator.spec.unit);
    let tile = Tile::new(
        &indicator.name,
        lamp,
        reading.trim_end(),
        "",
        source,
        report.at,
    );
    match indicator.spec.expect_every {
        Some(every) => tile.stale_after(every.delta() * 2, now),
        None => tile,
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
