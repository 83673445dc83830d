//! Figures as tiles: those that probes read, and those that are reported.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::features::health::board::{ProbeStatus, ServiceStatus};
use crate::features::health::store::reports::Report;
use crate::features::packs::pack::{Check, Indicator, Measure, Probe, Unit};
use crate::features::packs::store::Item;
use crate::foundation::web::format::{bytes, decimal, duration, number, percent};
use crate::foundation::web::{Lamp, Tile};

/// Which lamp a rule has lit over a probe's figure, if one has.
pub type Lit<'l> = &'l dyn Fn(&Item<Probe>, Measure) -> Option<Lamp>;

/// A tile for each figure that probes read, in groups of a kind.
#[must_use]
pub fn measure_tiles(
    services: &[ServiceStatus],
    lit: Lit<'_>,
    now: DateTime<Utc>,
) -> [(&'static str, Vec<Tile>); 6] {
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
        ("Caches", tiles_of("redis")),
        ("Queues", tiles_of("queue")),
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
        // The rest of a queue stands beside what waits in it.
        Measure::Waiting => "Waiting",
        Measure::Delayed
        | Measure::Reserved
        | Measure::Failed
        | Measure::Oldest
        | Measure::Done
        | Measure::GivenUp => return None,
        // What else a database tells stands beside its connections, its size and its lag.
        Measure::Query | Measure::Bloat | Measure::Replicas => return None,
        // How large a file is against the largest that is kept stands beside its size.
        Measure::Relative => return None,
        Measure::Cpu => "Processor",
        Measure::Memory => "Memory",
        Measure::Disk => "Disk",
        Measure::Connections => "Connections",
        Measure::Size => "Size",
        Measure::Lag => "Replication lag",
        Measure::Age => "Age",
        Measure::Count => "Files",
        Measure::Hits => "Cache hits",
        Measure::Clients => "Clients",
        Measure::Saved => "Since the last save",
        Measure::Days => "Time to the certificate's end",
    };
    // A service has one database, but any number of dumps and certificates.
    let which = match probe.item.spec.check {
        Check::File(_) | Check::Tls(_) | Check::Queue(_) => format!(" {}", probe.item.slug),
        _ => String::new(),
    };
    let name = format!("{} {}{which}: {name}", service.platform.name, service.name);
    let source = format!("probe {}", probe.item.slug);
    let href = format!("/services/{}", service.id);
    let value = probe
        .measures
        .iter()
        .find(|(of, _)| *of == measure)
        .map(|(_, value)| *value);
    // What is alarming is the rules' word.
    let over = std::iter::once(measure).chain(beside(measure).iter().copied());
    let lamp = over.filter_map(|of| lit(&probe.item, of)).min();
    let tile = match (value, probe.measured_at) {
        (Some(value), Some(seen)) => {
            let (lamp, reading) = (lamp.unwrap_or(Lamp::Clear), reading(value, measure.unit()));
            Tile::new(name, lamp, reading, "", source, seen).note(note(probe, measure))
        }
        // A rule may want somebody to follow, and it is this tile that wears its lamp.
        (None, Some(seen)) if let (Measure::Lag, Some(lamp)) = (measure, lamp) => {
            Tile::new(name, lamp, "none", "", source, seen).note(note(probe, measure))
        }
        (_, seen) => {
            // Nothing is replicated there, or nobody knows; either way there is nothing to wait for. Nor is there
            // for what a server that tells its figures has left out, but for hits, which are still being counted.
            let told = !probe.measures.is_empty();
            let nothing = measure == Measure::Lag || told && measure != Measure::Hits;
            return (!nothing).then(|| Tile::unknown(name, source, seen).href(href));
        }
    };
    let stale = probe.item.spec.interval.delta() * 3;
    Some(tile.stale_after(stale, now).href(href))
}

/// The figures that a tile shows beside its own, whose lamps it wears as well.
const fn beside(measure: Measure) -> &'static [Measure] {
    match measure {
        Measure::Waiting => &[Measure::Oldest],
        Measure::Connections => &[Measure::Query],
        Measure::Size => &[Measure::Bloat, Measure::Relative],
        Measure::Lag => &[Measure::Replicas],
        _ => &[],
    }
}

/// "longest 12 s, 3 delayed", of a queue; "longest query 2 s", of a database; "accounts kept 1h", of a cache.
fn note(probe: &ProbeStatus, measure: Measure) -> String {
    let beside = |of: Measure| {
        let found = probe.measures.iter().find(|(known, _)| *known == of);
        found.map(|(_, value)| figure(*value, of))
    };
    match measure {
        Measure::Waiting => {}
        Measure::Connections => {
            let query = beside(Measure::Query);
            return query.map_or_else(String::new, |it| format!("longest query {it}"));
        }
        Measure::Size if matches!(probe.item.spec.check, Check::Postgres(_)) => {
            let dead = beside(Measure::Bloat);
            return dead.map_or_else(String::new, |it| {
                format!("{it} of the rows dead, estimated")
            });
        }
        Measure::Size => {
            let relative = beside(Measure::Relative);
            return relative.map_or_else(String::new, |it| format!("{it} of the largest kept"));
        }
        Measure::Lag if matches!(probe.item.spec.check, Check::Postgres(_)) => {
            let replicas = beside(Measure::Replicas);
            return replicas.map_or_else(String::new, |it| format!("replicas: {it}"));
        }
        Measure::Hits => {
            let Check::Redis(cache) = &probe.item.spec.check else {
                return String::new();
            };
            let kept = cache.lifetimes.iter();
            let kept: Vec<String> = kept
                .map(|(what, long)| format!("{what} kept {long}"))
                .collect();
            return kept.join(", ");
        }
        _ => return String::new(),
    }
    let told = |of: Measure, word: &str| {
        let (_, value) = probe.measures.iter().find(|(known, _)| *known == of)?;
        let value = figure(*value, of);
        Some(match of {
            Measure::Oldest => format!("{word} {value}"),
            _ => format!("{value} {word}"),
        })
    };
    let parts = [
        told(Measure::Oldest, "longest"),
        told(Measure::Delayed, "delayed"),
        told(Measure::Reserved, "in hand"),
        told(Measure::Failed, "failed"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
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

/// A figure of this kind, in what it is counted in.
#[must_use]
pub fn figure(value: f64, measure: Measure) -> String {
    reading(value, measure.unit())
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
