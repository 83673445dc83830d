//! History for the demo, so that its charts are not empty. Every row of it is marked, and the pages
//! say that it is invented.

use std::collections::HashMap;

use chrono::{DateTime, Days, DurationRound, NaiveTime, TimeDelta, Utc};

use super::latency::Histogram;
use super::probe::fnv1a_64;
use super::store::reports;
use super::store::samples::{self, Sample, Span};
use crate::features::packs::pack::{Indicator, ItemId, Probe};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db::{self, Conn};

/// One row stands for five minutes, like a step of the charts.
const STEP: TimeDelta = TimeDelta::minutes(5);

/// Days that have hours beneath them; those before have only their sums.
const DETAILED_DAYS: u64 = 1;
const DAYS: u64 = 90;

/// So lately nothing failed: a budget that burned until a moment ago would light a lamp over what is invented. No short
/// window of a burn rate over 30 days is longer.
const QUIET: TimeDelta = TimeDelta::hours(6);

/// Nobody looks at what the demo reported longer ago.
const REPORTS_KEPT: TimeDelta = TimeDelta::hours(1);

/// What the demo's platforms are said to report.
const VALUES: [(&str, f64); 10] = [
    ("concurrent_users", 61.0),
    ("ncc_qos", 99.1),
    ("legal_search_p95", 6.2),
    ("invoice_upload_p95", 2.9),
    ("dashboard_p95", 1.1),
    ("external_latency", 3.8),
    ("upstream_429", 0.0),
    ("app_memory", 46.0),
    ("llm_tokens", 38.0),
    ("bank_connectors_open", 0.0),
];

/// Gives every probe that has none a past, and every indicator named above a value. A second start
/// finds them there and changes nothing.
pub fn fill(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        fill_probes(conn, now)?;
        fill_indicators(conn, now, &[])
    })
}

/// Reports for the demo's platforms, so that what they report does not go stale while the demo runs. An
/// indicator that a person has reported is theirs from then on. `otherwise` are those that do not say that all is well.
pub fn report(services: &Services, otherwise: &[(&str, f64)]) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        fill_indicators(conn, now, otherwise)
    })
}

fn fill_probes(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<()> {
    let probes = packs::live::<Probe>(conn)?;
    let ids: Vec<ItemId> = probes.iter().map(|probe| probe.id).collect();
    let known = samples::since(conn, &ids, Span::Day, now - Days::new(DAYS))?;
    let fresh: Vec<_> = probes
        .iter()
        .filter(|probe| !known.contains_key(&probe.id))
        .collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let detailed = today - Days::new(DETAILED_DAYS);
    for probe in fresh {
        let minutes = steps(detailed, now.duration_trunc(STEP).unwrap_or(now), STEP);
        let history = minutes.map(|at| {
            let is_quiet = at >= now - QUIET - STEP;
            invented(probe, at, 10, if is_quiet { None } else { Some(400) })
        });
        let history: Vec<Sample> = history.collect();
        samples::insert(conn, probe.id, Span::Minute, &history)?;
        let days = steps(today - Days::new(DAYS), detailed, TimeDelta::days(1));
        let past: Vec<Sample> = days
            .map(|at| invented(probe, at, 2_880, Some(80)))
            .collect();
        samples::insert(conn, probe.id, Span::Day, &past)?;
    }
    samples::roll_up_since(conn, detailed, now)
}

fn steps(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step: TimeDelta,
) -> impl Iterator<Item = DateTime<Utc>> {
    std::iter::successors(Some(from), move |at| Some(*at + step)).take_while(move |at| *at < to)
}

/// The same for the same probe and time, so that a demo looks alike whenever it starts. One row in so many has a failure in
/// it: of the fine ones few enough that a target of three nines is kept.
fn invented(
    probe: &packs::Item<Probe>,
    at: DateTime<Utc>,
    runs: i64,
    fails: Option<u64>,
) -> Sample {
    let id = probe.id.uuid();
    let mut seed = id.as_bytes().to_vec();
    seed.extend(at.timestamp().to_be_bytes());
    let dice = fnv1a_64(&seed);
    let typical_us = 4_000 + i64::try_from(fnv1a_64(id.as_bytes()) % 60_000).unwrap_or(0);
    // Every twentieth is slow.
    let failed = if fails.is_some_and(|one_in| dice.is_multiple_of(one_in)) {
        1 + runs / 50
    } else {
        0
    };
    let slow = if (dice / 80).is_multiple_of(20) {
        runs / 4
    } else {
        0
    };
    // Who is not asked takes no time to answer.
    let timed = if probe.spec.check.is_asked() {
        runs - failed
    } else {
        0
    };
    let mut histogram = Histogram::default();
    for run in 0..timed {
        let spread = i64::try_from((dice >> (run % 32)) % 40).unwrap_or(0);
        let latency = typical_us * (80 + spread) / 100;
        histogram.record(if run < slow { latency * 6 } else { latency });
    }
    Sample {
        at,
        good: runs - failed,
        failed,
        unknown: 0,
        histogram,
        demo: true,
    }
}

fn fill_indicators(
    conn: &mut Conn,
    now: DateTime<Utc>,
    otherwise: &[(&str, f64)],
) -> db::Result<()> {
    let indicators = packs::live::<Indicator>(conn)?;
    let ids: Vec<ItemId> = indicators.iter().map(|item| item.id).collect();
    let reported = reports::last_reports(conn, &ids)?;
    let values: HashMap<&str, f64> = VALUES
        .into_iter()
        .chain(otherwise.iter().copied())
        .collect();
    let ours = |item: &&packs::Item<Indicator>| reported.get(&item.id).is_none_or(|it| it.demo);
    for indicator in indicators.iter().filter(ours) {
        if let Some(value) = values.get(indicator.slug.as_str()) {
            reports::insert_report(conn, indicator.id, now, *value, true)?;
            reports::prune_reports(conn, indicator.id, now - REPORTS_KEPT)?;
        }
    }
    Ok(())
}
