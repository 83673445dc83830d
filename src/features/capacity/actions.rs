//! Reading what is in use.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::store::{self, Reading};
use crate::features::health::store as health;
use crate::features::health::store::{reports, slices};
use crate::features::packs::pack::{Capacity, EventType, Indicator, ItemId, Probe, Used};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db::{self, Conn, PoolKind};

/// Events are counted over so long.
const OVER: TimeDelta = TimeDelta::hours(24);

/// Writes down what is in use now, of what is known. Returns how many readings were new.
pub fn read_use(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let read = services
        .db
        .read_on(PoolKind::Jobs, |conn| read(conn, now))?;
    if read.is_empty() {
        return Ok(0);
    }
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        let mut new = 0;
        for (capacity, reading) in &read {
            new += usize::from(store::add(conn, *capacity, reading)?);
        }
        Ok(new)
    })
}

/// What is in use now; what is stale is not.
pub fn read(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<(ItemId, Reading)>> {
    let capacities = packs::live::<Capacity>(conn)?;
    if capacities.is_empty() {
        return Ok(Vec::new());
    }
    let zones: HashMap<_, _> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it.zone))
        .collect();
    let states = health::states(conn)?;
    let probes = packs::live::<Probe>(conn)?;
    let indicators = packs::live::<Indicator>(conn)?;
    let event_types = packs::live::<EventType>(conn)?;
    let ids: Vec<ItemId> = indicators.iter().map(|it| it.id).collect();
    let reported = reports::last_reports(conn, &ids)?;
    let mut found = Vec::new();
    for capacity in &capacities {
        let zone = zones.get(&capacity.platform).copied().unwrap_or_default();
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let here =
            |platform, slug: &str, wanted: &str| platform == capacity.platform && slug == wanted;
        let value = match &capacity.spec.on {
            Used::Measure(of) => {
                let probe = probes
                    .iter()
                    .find(|it| here(it.platform, &it.slug, &of.probe));
                probe.and_then(|probe| measured(probe, of.name, &states, now))
            }
            Used::Indicator(slug) => {
                let indicator = indicators
                    .iter()
                    .find(|it| here(it.platform, &it.slug, slug));
                indicator.and_then(|it| fresh(it, reported.get(&it.id)?, now))
            }
            Used::Events(slug) => {
                let of = event_types
                    .iter()
                    .find(|it| here(it.platform, &it.slug, slug));
                match of {
                    // What was reported before it was declared was not counted.
                    Some(of) if now - of.declared_at >= OVER => {
                        let count = slices::events_since(conn, of.id.uuid(), now - OVER)?;
                        #[allow(clippy::cast_precision_loss, reason = "events of a day are few")]
                        Some((now, count as f64, false))
                    }
                    _ => None,
                }
            }
        };
        if let Some((at, value, demo)) = value {
            let day = day(at);
            found.push((
                capacity.id,
                Reading {
                    day,
                    at,
                    value,
                    demo,
                },
            ));
        }
    }
    Ok(found)
}

/// A reading of something that is read all the time says nothing of now when it is older than this.
const STALE: TimeDelta = TimeDelta::minutes(30);

/// For how long the last reading of each says what is in use: for twice the interval of its source, as for rules, and
/// for ever where nobody is said to report again.
pub fn good_for(
    conn: &mut Conn,
    capacities: &[Item<Capacity>],
) -> db::Result<HashMap<ItemId, Option<TimeDelta>>> {
    let probes = packs::live::<Probe>(conn)?;
    let indicators = packs::live::<Indicator>(conn)?;
    let of = |capacity: &Item<Capacity>| match &capacity.spec.on {
        Used::Events(_) => Some(STALE),
        Used::Measure(of) => {
            let mut probes = probes.iter().filter(|it| it.platform == capacity.platform);
            let probe = probes.find(|it| it.slug == of.probe);
            let twice = probe.map(|it| it.spec.interval.delta() * 2);
            Some(twice.map_or(STALE, |twice| twice.max(STALE)))
        }
        Used::Indicator(slug) => {
            let mut all = indicators
                .iter()
                .filter(|it| it.platform == capacity.platform);
            match all.find(|it| it.slug == *slug) {
                Some(indicator) => indicator.spec.expect_every.map(|it| it.delta() * 2),
                None => Some(STALE),
            }
        }
    };
    Ok(capacities.iter().map(|it| (it.id, of(it))).collect())
}

type Value = (DateTime<Utc>, f64, bool);

fn measured(
    probe: &Item<Probe>,
    name: crate::features::packs::pack::Measure,
    states: &HashMap<ItemId, health::State>,
    now: DateTime<Utc>,
) -> Option<Value> {
    let state = states.get(&probe.id)?;
    if !state.is_heard(&probe.spec, now) {
        return None;
    }
    let measures = state.current_measures().iter();
    let (_, value) = measures.into_iter().find(|(of, _)| *of == name)?;
    Some((state.measured_at?, *value, false))
}

fn fresh(
    indicator: &Item<Indicator>,
    report: &reports::Report,
    now: DateTime<Utc>,
) -> Option<Value> {
    let every = indicator.spec.expect_every;
    let stale = every.is_some_and(|every| now - report.at > every.delta() * 2);
    (!stale).then_some((report.at, report.value, report.demo))
}
