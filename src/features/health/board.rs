//! Services as people see them: what their probes say, taken together.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::latency::Histogram;
use super::store::samples::{self, Sample, Span};
use super::store::{self, State};
use crate::features::packs::pack::{ItemId, Measure, Probe, ProbeState, Service};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// Steps of a spark line, over the last hour.
pub const SPARK_STEP: TimeDelta = TimeDelta::minutes(5);
const SPARK_STEPS: i32 = 12;

/// A service with its probes.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    pub id: ItemId,
    pub slug: String,
    pub name: String,
    pub about: String,
    pub platform: Watched,
    pub state: ProbeState,
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
    pub state: ProbeState,
    pub since: Option<DateTime<Utc>>,
    pub checked_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub message: String,
    pub latency_us: Option<i64>,
    pub measures: Vec<(Measure, f64)>,
    pub skipped: i64,
    pub missed: i64,
}

impl ProbeStatus {
    /// A probe that has not been heard of for two intervals is unknown, whatever it said last.
    fn of(item: Item<Probe>, state: Option<&State>, now: DateTime<Utc>) -> Self {
        let Some(state) = state else {
            return Self {
                item,
                state: ProbeState::Unknown,
                since: None,
                checked_at: None,
                error: None,
                message: "it has not run yet".to_owned(),
                latency_us: None,
                measures: Vec::new(),
                skipped: 0,
                missed: 0,
            };
        };
        let unheard = now - state.due_at > item.spec.interval.delta() * 2;
        Self {
            item,
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
                state.measures.clone()
            },
            skipped: state.skipped,
            missed: state.missed,
        }
    }
}

/// All services that are watched, worst first.
pub fn services(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<ServiceStatus>> {
    let platforms: HashMap<PlatformId, Watched> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let states = store::states(conn)?;
    let mut probes: HashMap<(PlatformId, String), Vec<ProbeStatus>> = HashMap::new();
    for item in packs::live::<Probe>(conn)? {
        let key = (item.platform, item.spec.service.clone());
        let probe = ProbeStatus::of(item.clone(), states.get(&item.id), now);
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
    for item in packs::live::<Service>(conn)? {
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
    all.sort_by_key(|service| match service.state {
        ProbeState::Down => 0,
        ProbeState::Unknown => 1,
        ProbeState::Up => 2,
    });
    Ok(all)
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

/// The worst of a service's probes, and since when it is so: one that is down outweighs one that is
/// not known, and only all of them together make it well.
fn together(probes: &[ProbeStatus]) -> (ProbeState, Option<DateTime<Utc>>) {
    for worst in [ProbeState::Down, ProbeState::Unknown] {
        let mut such = probes
            .iter()
            .filter(|probe| probe.state == worst)
            .peekable();
        if such.peek().is_some() {
            return (worst, such.filter_map(|probe| probe.since).min());
        }
    }
    match probes {
        [] => (ProbeState::Unknown, None),
        all => (
            ProbeState::Up,
            all.iter().filter_map(|probe| probe.since).max(),
        ),
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
