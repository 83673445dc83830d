//! What health pages show.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::board::{ProbeStatus, ServiceStatus, steps};
use super::latency::Histogram;
use super::probe::ErrorKind;
use super::store::samples::Sample;
use super::store::{Report, RunLine};
use crate::features::packs::pack::{Indicator, Measure, ProbeState};
use crate::features::packs::store::Item;
use crate::foundation::web::chart::{Chart, Days, Drawing, Series, Spark};
use crate::foundation::web::format::{bytes, decimal, percent};
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
        let worst = service
            .probes
            .iter()
            .find(|probe| probe.state == service.state);
        Self {
            id: service.id.to_string(),
            name: service.name.clone(),
            platform: service.platform.name.clone(),
            lamp: lamp(service.state),
            word: word(service.state),
            why: match (service.state, worst) {
                (ProbeState::Up, _) => String::new(),
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

/// One cell for each of the last ninety days.
#[must_use]
pub fn ninety_days(days: &[&Sample], now: DateTime<Utc>) -> Days {
    let today = now.date_naive();
    let cells = (0..90).rev().map(|back| {
        let day = today - TimeDelta::days(back);
        let of_day = days.iter().filter(|sample| sample.at.date_naive() == day);
        let (good, failed) = of_day.fold((0, 0), |(good, failed), sample| {
            (good + sample.good, failed + sample.failed)
        });
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

/// A tile for each database and host figure that probes read.
#[must_use]
pub fn measure_tiles(services: &[ServiceStatus], now: DateTime<Utc>) -> (Vec<Tile>, Vec<Tile>) {
    let (mut databases, mut hosts) = (Vec::new(), Vec::new());
    for service in services {
        for probe in &service.probes {
            let tiles = match probe.item.spec.check.kind() {
                "postgres" => &mut databases,
                "host" => &mut hosts,
                _ => continue,
            };
            for measure in probe.item.spec.check.measures() {
                tiles.push(measure_tile(service, probe, *measure, now));
            }
        }
    }
    (databases, hosts)
}

fn measure_tile(
    service: &ServiceStatus,
    probe: &ProbeStatus,
    measure: Measure,
    now: DateTime<Utc>,
) -> Tile {
    let name = match measure {
        Measure::Cpu => "Processor",
        Measure::Memory => "Memory",
        Measure::Disk => "Disk",
        Measure::Connections => "Connections",
        Measure::Size => "Size",
    };
    let name = format!("{} {}: {name}", service.platform.name, service.name);
    let source = format!("probe {}", probe.item.slug);
    let value = probe
        .measures
        .iter()
        .find(|(of, _)| *of == measure)
        .map(|(_, value)| *value);
    let (Some(value), Some(seen)) = (value, probe.checked_at) else {
        return Tile::unknown(name, source, probe.checked_at);
    };
    let (reading, lamp) = if measure.is_share() {
        // The rules decide what is alarming; the tile only says what is nearly full.
        (
            percent(value, 0),
            if value > 0.9 {
                Lamp::Yellow
            } else {
                Lamp::Clear
            },
        )
    } else {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes are whole and not negative"
        )]
        (bytes(value.max(0.0) as u64), Lamp::Clear)
    };
    Tile::new(name, lamp, reading, "", source, seen)
        .stale_after(probe.item.spec.interval.delta() * 3, now)
        .href(format!("/services/{}", service.id))
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
        return Tile::unknown(&indicator.name, source, None);
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
