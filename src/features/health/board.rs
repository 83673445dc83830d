//! Services as people see them: what their probes say, taken together.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::latency::Histogram;
use super::store::samples::{self, Sample, Span};
use super::store::{self, State};
use crate::features::packs::pack::{Is, ItemId, Measure, Probe, ProbeState, Rule, Service, Source};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PlatformId, Scope};

/// Steps of a spark line, over the last hour.
pub const SPARK_STEP: TimeDelta = TimeDelta::minutes(5);
const SPARK_STEPS: i32 = 12;

/// How a service stands. Worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A probe is down that its rules call critical, or every probe is.
    Down,
    /// A probe is down, and no rule calls that critical.
    Impaired,
    /// None is down, and not all are known.
    Unknown,
    Up,
}

/// A service with its probes.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    pub id: ItemId,
    pub slug: String,
    pub name: String,
    pub about: String,
    pub platform: Watched,
    pub state: Standing,
    /// Since when; `None` where no probe ever ran.
    pub since: Option<DateTime<Utc>>,
    /// Of the last hour, over all probes.
    pub p95_us: Option<i64>,
    pub error_share: Option<f64>,
    /// p95 in milliseconds, in steps over the last hour.
    pub spark: Vec<Option<f64>>,
    pub checked_at: Option<DateTime<Utc>>,
    pub probes: Vec<ProbeStatus>,
    /// Whether invented history of the demo is among the figures.
    pub demo: bool,
}

/// A probe as it stands now.
#[derive(Clone, Debug)]
pub struct ProbeStatus {
    pub item: Item<Probe>,
    /// Whether a rule is red when this probe is down.
    pub critical: bool,
    pub state: ProbeState,
    pub since: Option<DateTime<Utc>>,
    pub checked_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub message: String,
    pub latency_us: Option<i64>,
    /// None while the last run read none.
    pub measures: Vec<(Measure, f64)>,
    /// When the last figures were read.
    pub measured_at: Option<DateTime<Utc>>,
    pub skipped: i64,
    pub missed: i64,
}

impl ProbeStatus {
    /// A probe that has not run when it should have is unknown, whatever it said last.
    fn of(item: Item<Probe>, critical: bool, state: Option<&State>, now: DateTime<Utc>) -> Self {
        let Some(state) = state else {
            return Self {
                item,
                critical,
                state: ProbeState::Unknown,
                since: None,
                checked_at: None,
                error: None,
                message: "it has not run yet".to_owned(),
                latency_us: None,
                measures: Vec::new(),
                measured_at: None,
                skipped: 0,
                missed: 0,
            };
        };
        let unheard = !state.is_heard(&item.spec, now);
        Self {
            item,
            critical,
            state: if unheard {
                ProbeState::Unknown
            } else {
                state.standing.state
            },
            since: Some(if unheard {
                state.due_at
            } else {
                state.standing.since
            }),
            checked_at: state.checked_at,
            error: state.error.clone(),
            message: state.message.clone(),
            latency_us: state.latencies_us.first().copied(),
            measures: if unheard {
                Vec::new()
            } else {
                state.current_measures().to_vec()
            },
            measured_at: state.measured_at,
            skipped: state.skipped,
            missed: state.missed,
        }
    }
}

/// All services of these platforms, worst first.
pub fn services(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<ServiceStatus>> {
    let services = packs::live_within::<Service>(conn, scope)?;
    let mut all = with_probes(conn, services, scope, now)?;
    all.sort_by_key(|service| service.state);
    Ok(all)
}

/// One of them, without what only the others need.
pub fn service(
    conn: &mut Conn,
    id: ItemId,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<ServiceStatus> {
    let mut services = packs::live_within::<Service>(conn, scope)?;
    services.retain(|service| service.id == id);
    with_probes(conn, services, scope, now)?
        .pop()
        .ok_or(Error::NotFound)
}

fn with_probes(
    conn: &mut Conn,
    services: Vec<Item<Service>>,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<Vec<ServiceStatus>> {
    let wanted: HashSet<(PlatformId, &str)> = services
        .iter()
        .map(|it| (it.platform, it.slug.as_str()))
        .collect();
    let platforms: HashMap<PlatformId, Watched> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let states = store::states(conn)?;
    let mut probes: HashMap<(PlatformId, String), Vec<ProbeStatus>> = HashMap::new();
    let critical = critical_probes(conn, scope)?;
    for item in packs::live_within::<Probe>(conn, scope)? {
        if !wanted.contains(&(item.platform, item.spec.service.as_str())) {
            continue;
        }
        let key = (item.platform, item.spec.service.clone());
        let is_critical = critical.contains(&(item.platform, item.slug.clone()));
        let state = states.get(&item.id);
        let probe = ProbeStatus::of(item, is_critical, state, now);
        probes.entry(key).or_default().push(probe);
    }
    let ids: Vec<ItemId> = probes
        .values()
        .flatten()
        .map(|probe| probe.item.id)
        .collect();
    let from = now - SPARK_STEP * SPARK_STEPS;
    let samples = samples::since(conn, &ids, Span::Minute, from)?;
    let mut all = Vec::new();
    for item in services {
        let Some(platform) = platforms.get(&item.platform) else {
            continue;
        };
        let own = probes
            .remove(&(item.platform, item.slug.clone()))
            .unwrap_or_default();
        all.push(ServiceStatus::of(
            item,
            platform.clone(),
            own,
            &samples,
            now,
        ));
    }
    Ok(all)
}

/// The probes that a red rule waits for to be down. How bad it is that a probe is down is the rules' word.
fn critical_probes(conn: &mut Conn, scope: &Scope) -> Result<HashSet<(PlatformId, String)>> {
    let watched = |item: Item<Rule>| {
        let red = item
            .spec
            .levels()
            .any(|(level, condition)| level == Level::Red && condition.is == Some(Is::Down));
        match item.spec.on {
            Source::State(probe) if red => Some((item.platform, probe)),
            _ => None,
        }
    };
    let rules = packs::live_within::<Rule>(conn, scope)?;
    Ok(rules.into_iter().filter_map(watched).collect())
}

impl ServiceStatus {
    fn of(
        item: Item<Service>,
        platform: Watched,
        probes: Vec<ProbeStatus>,
        samples: &HashMap<ItemId, Vec<Sample>>,
        now: DateTime<Utc>,
    ) -> Self {
        let own: Vec<&Sample> = probes
            .iter()
            .filter_map(|probe| samples.get(&probe.item.id))
            .flatten()
            .collect();
        let (state, since) = together(&probes);
        let mut histogram = Histogram::default();
        for sample in &own {
            histogram.add(&sample.histogram);
        }
        let failed: i64 = own.iter().map(|sample| sample.failed).sum();
        let known: i64 = own.iter().map(|sample| sample.failed + sample.good).sum();
        Self {
            id: item.id,
            slug: item.slug,
            name: item.name,
            about: item.spec.about,
            platform,
            state,
            since,
            p95_us: histogram.quantile_us(0.95),
            error_share: share(failed, known),
            spark: steps(&own, now, SPARK_STEP, SPARK_STEPS, |histogram| {
                histogram.quantile_us(0.95)
            }),
            checked_at: probes.iter().filter_map(|probe| probe.checked_at).max(),
            demo: own.iter().any(|sample| sample.demo),
            probes,
        }
    }
}

/// A service's probes taken together, and since when it is so: one that is down outweighs one that is not
/// known, and only all of them together make it well.
fn together(probes: &[ProbeStatus]) -> (Standing, Option<DateTime<Utc>>) {
    let of = |state| probes.iter().filter(move |probe| probe.state == state);
    let down = of(ProbeState::Down).count();
    let critical = of(ProbeState::Down).any(|probe| probe.critical);
    let earliest = |state| of(state).filter_map(|probe| probe.since).min();
    if critical || (down > 0 && down == probes.len()) {
        (Standing::Down, earliest(ProbeState::Down))
    } else if down > 0 {
        (Standing::Impaired, earliest(ProbeState::Down))
    } else if probes.is_empty() || of(ProbeState::Unknown).next().is_some() {
        (Standing::Unknown, earliest(ProbeState::Unknown))
    } else {
        let latest = probes.iter().filter_map(|probe| probe.since).max();
        (Standing::Up, latest)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of an hour are small")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A figure of the latencies, in milliseconds, for each of the last `count` steps. A step without
/// samples is unknown.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    reason = "latencies are far below 2^53 µs"
)]
pub fn steps(
    samples: &[&Sample],
    now: DateTime<Utc>,
    step: TimeDelta,
    count: i32,
    figure: impl Fn(&Histogram) -> Option<i64>,
) -> Vec<Option<f64>> {
    let start = now - step * count;
    let mut histograms = vec![Histogram::default(); usize::try_from(count).unwrap_or(0)];
    for sample in samples {
        let index = (sample.at - start)
            .num_milliseconds()
            .div_euclid(step.num_milliseconds());
        let slot = usize::try_from(index)
            .ok()
            .and_then(|index| histograms.get_mut(index));
        if let Some(histogram) = slot {
            histogram.add(&sample.histogram);
        }
    }
    let millis = |histogram| figure(histogram).map(|us| us as f64 / 1_000.0);
    histograms.iter().map(millis).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(secs, 0).unwrap()
    }

    fn probe(state: ProbeState, critical: bool) -> ProbeStatus {
        use crate::features::packs::pack::{Check, Host};
        use crate::features::packs::quantity::Lasting;
        let spec = Probe {
            id: "p".into(),
            service: "s".into(),
            check: Check::Host(Host { disk: "/".into() }),
            interval: Lasting::from_secs(30),
            timeout: None,
            retries: 0,
            failures_to_down: 3,
            successes_to_up: 2,
        };
        let item = Item {
            id: ItemId::new(),
            platform: PlatformId::new(),
            slug: "p".into(),
            name: "p".into(),
            changed_at: at(0),
            retired_at: None,
            declared_at: at(0),
            spec,
        };
        ProbeStatus {
            state,
            ..ProbeStatus::of(item, critical, None, at(0))
        }
    }

    #[test]
    fn a_service_is_down_when_a_rule_says_that_it_matters_or_nothing_is_left() {
        use ProbeState::{Down, Unknown, Up};
        let check = |probes: &[(ProbeState, bool)], expected| {
            let probes: Vec<_> = probes
                .iter()
                .map(|(state, critical)| probe(*state, *critical))
                .collect();
            assert_eq!(together(&probes).0, expected);
        };
        check(&[], Standing::Unknown);
        check(&[(Up, true), (Up, false)], Standing::Up);
        check(&[(Up, true), (Unknown, false)], Standing::Unknown);
        check(&[(Down, true), (Unknown, false)], Standing::Down);
        check(&[(Up, true), (Down, false)], Standing::Impaired);
        check(&[(Down, false), (Down, false)], Standing::Down);
        check(&[(Down, false), (Unknown, true)], Standing::Impaired);
    }

    #[test]
    fn a_step_without_samples_is_unknown() {
        let mut histogram = Histogram::default();
        histogram.record(7_500);
        let sample = Sample {
            at: at(60),
            good: 1,
            failed: 0,
            unknown: 0,
            histogram,
            demo: false,
        };
        let minute = TimeDelta::minutes(1);
        let drawn = steps(&[&sample], at(180), minute, 3, |histogram| {
            histogram.quantile_us(1.0)
        });
        assert_eq!(drawn, [None, Some(10.0), None]);
    }
}
