//! What a period came to, from what is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::digest::{Contents, Digest, Figure, Period, Unit};
use super::queues;
use crate::features::alerts::silences::store as silences;
use crate::features::alerts::store::digest as alerts;
use crate::features::capacity::store as capacity;
use crate::features::checklists::store as checklists;
use crate::features::health::latency::Histogram;
use crate::features::health::store::samples::{self, Span};
use crate::features::incidents::store as incidents;
use crate::features::logs::store as logs;
use crate::features::packs::own;
use crate::features::packs::pack::{Capacity, ItemId, LogSource, Probe, Service};
use crate::features::packs::store::{self as packs, Watched};
use crate::features::releases::store as releases;
use crate::foundation::audit::store as audit;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, PlatformId, Scope};

const WORST: usize = 5;
const INFORMATION: usize = 20;

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn number(count: i64) -> f64 {
    count as f64
}

/// Lists that are overdue at the moment at which a digest is made; not in one that is made later than this.
pub(super) const OVERDUE: &str = "Checklists overdue when this was made";
/// The same of countersignatures.
pub(super) const UNSIGNED: &str = "Countersignatures overdue when this was made";
const IN_TIME: TimeDelta = TimeDelta::hours(1);

pub(super) fn figure(name: &str, value: Option<f64>, unit: Unit, source: &str) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        source: source.to_owned(),
        less_is_better: Some(true),
    }
}

pub fn compose(
    conn: &mut Conn,
    of: &Watched,
    period: Period,
    before: Option<&Digest>,
    now: DateTime<Utc>,
) -> db::Result<Contents> {
    let mut contents = Contents::default();
    let platform = of.id;
    of_alerts(conn, platform, period, &mut contents)?;
    of_incidents(conn, platform, period, &mut contents)?;
    of_probes(conn, platform, period, &mut contents)?;
    queues::add(conn, platform, period, before, &mut contents)?;
    of_logs(conn, platform, period, &mut contents)?;
    of_capacity(conn, of, period, &mut contents)?;
    of_work(conn, platform, period, now, &mut contents)?;
    // People sign in to the house, not to one of its platforms.
    if of.slug == own::PLATFORM {
        of_the_door(conn, period, &mut contents)?;
    }
    Ok(contents)
}

fn of_alerts(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let lit = alerts::lit(conn, platform, period.from, period.to)?;
    for (level, name) in [
        (Level::Red, "Red alerts"),
        (Level::Yellow, "Yellow alerts"),
        (Level::Blue, "Blue alerts"),
    ] {
        let count = lit.iter().filter(|alert| alert.level == level).count();
        let value = Some(number(i64::try_from(count).unwrap_or(i64::MAX)));
        let less_is_better = (level != Level::Blue).then_some(true);
        contents.figures.push(Figure {
            less_is_better,
            ..figure(name, value, Unit::Count, "the alerts that were lit")
        });
    }
    let urgent = lit.iter().filter(|alert| alert.level != Level::Blue);
    let taken = urgent.clone().filter_map(|alert| {
        let taken = alert.acknowledged_at? - alert.fired_at;
        Some(number(taken.num_seconds().max(0)))
    });
    let longest = taken.reduce(f64::max);
    let source = "alerts and their first acknowledgement";
    contents.figures.push(figure(
        "Longest time to acknowledge",
        longest,
        Unit::Seconds,
        source,
    ));
    let left = urgent
        .filter(|alert| alert.acknowledged_at.is_none())
        .count();
    let left = Some(number(i64::try_from(left).unwrap_or(i64::MAX)));
    contents
        .figures
        .push(figure("Not acknowledged", left, Unit::Count, source));
    let is_news =
        |alert: &&alerts::LitThen| alert.level == Level::Blue && alert.fired_at >= period.from;
    let information = lit.iter().filter(is_news);
    let information = information.map(|alert| format!("{}: {}", alert.name, alert.summary));
    contents.information = information.take(INFORMATION).collect();
    Ok(())
}

fn of_incidents(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let opened = incidents::opened_between(conn, platform, period.from, period.to)?;
    let resolved = incidents::resolved_between(conn, platform, period.from, period.to)?;
    let longest = resolved.iter().max();
    let longest = longest.map(|took| number(took.num_seconds().max(0)));
    let source = "its incidents";
    contents.figures.extend([
        figure("Incidents", Some(number(opened)), Unit::Count, source),
        figure("Longest time to resolve", longest, Unit::Seconds, source),
    ]);
    Ok(())
}

/// The highest use of each limit, as the days of the period have it.
fn of_capacity(
    conn: &mut Conn,
    platform: &Watched,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let limits = packs::live_within::<Capacity>(conn, &Scope::one(platform.id))?;
    if limits.is_empty() {
        return Ok(());
    }
    let day = |at: DateTime<Utc>| at.with_timezone(&platform.zone).date_naive();
    let (first, end) = (day(period.from), day(period.to));
    let ids: Vec<ItemId> = limits.iter().map(|limit| limit.id).collect();
    let days = capacity::since(conn, &ids, period.from - TimeDelta::days(1))?;
    let mut uses = Vec::new();
    for limit in &limits {
        let days = days.get(&limit.id).into_iter().flatten();
        let days = days.filter(|it| (first..end).contains(&it.day));
        let Some(high) = days.map(|it| it.high).reduce(f64::max) else {
            continue;
        };
        uses.push((high / limit.spec.limit.value(), limit));
    }
    uses.sort_by(|a, b| b.0.total_cmp(&a.0));
    contents.figures.push(figure(
        "Highest use of a limit",
        uses.first().map(|(share, _)| *share),
        Unit::Share,
        "its capacity",
    ));
    let warned = uses
        .iter()
        .filter(|(share, limit)| *share >= limit.spec.warn.value());
    let line = |(share, limit): &(f64, &packs::Item<Capacity>)| {
        format!("{}: {:.0} % of its limit in use", limit.name, share * 100.0)
    };
    contents.capacity = warned.map(line).collect();
    Ok(())
}

fn of_the_door(conn: &mut Conn, period: Period, contents: &mut Contents) -> db::Result<()> {
    for (name, kind) in [
        ("Failed sign-ins", "session.sign_in_failed"),
        ("Sign-ins held back", "session.throttled"),
    ] {
        let count = audit::count_between(conn, kind, period.from, period.to)?;
        let count = Some(number(count));
        contents
            .figures
            .push(figure(name, count, Unit::Count, "the audit log"));
    }
    Ok(())
}

/// Runs of probes: those that failed, how long answers took, and which services did worst.
fn of_probes(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let scope = Scope::one(platform);
    let probes = packs::live_within::<Probe>(conn, &scope)?;
    // Where nothing is ever run, nobody misses it.
    if probes.is_empty() {
        return Ok(());
    }
    let services = packs::live_within::<Service>(conn, &scope)?;
    let ids: Vec<ItemId> = probes.iter().map(|probe| probe.id).collect();
    let samples = samples::since(conn, &ids, Span::Hour, period.from)?;
    let (mut good, mut failed) = (0, 0);
    let mut answers = Histogram::default();
    let mut by_service: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for probe in &probes {
        let hours = samples.get(&probe.id).into_iter().flatten();
        for sample in hours.filter(|sample| sample.at < period.to) {
            good += sample.good;
            failed += sample.failed;
            answers.add(&sample.histogram);
            let service = by_service.entry(probe.spec.service.as_str()).or_default();
            service.0 += sample.failed;
            service.1 += sample.good + sample.failed;
        }
    }
    let runs = good + failed;
    let share = (runs > 0).then(|| number(failed) / number(runs));
    let source = "the runs of its probes";
    contents
        .figures
        .push(figure("Failed runs", share, Unit::Share, source));
    let slowest = answers.quantile_us(0.95);
    let slowest = slowest.map(|micros| number(micros) / 1_000_000.0);
    contents.figures.push(figure(
        "95th percentile of answers",
        slowest,
        Unit::Seconds,
        source,
    ));
    let mut worst: Vec<(&str, (i64, i64))> = by_service.into_iter().collect();
    worst.retain(|(_, (failed, _))| *failed > 0);
    worst.sort_by_key(|(_, (failed, _))| std::cmp::Reverse(*failed));
    let line = |(slug, (failed, runs)): (&str, (i64, i64))| {
        let service = services.iter().find(|it| it.slug == slug);
        let name = service.map_or(slug, |it| it.name.as_str());
        format!("{name}: {failed} of {runs} runs failed")
    };
    contents.worst = worst.into_iter().take(WORST).map(line).collect();
    Ok(())
}

fn of_logs(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let sources = packs::live_within::<LogSource>(conn, &Scope::one(platform))?;
    let ids: Vec<ItemId> = sources.iter().map(|source| source.id).collect();
    let heard = logs::lines_between(conn, &ids, period.from, period.to)?;
    contents.figures.push(figure(
        "Errors in its logs",
        heard.map(number),
        Unit::Count,
        "the lines of its logs",
    ));
    Ok(())
}

fn of_work(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    now: DateTime<Utc>,
    contents: &mut Contents,
) -> db::Result<()> {
    let scope = Scope::one(platform);
    let missed = checklists::missed_between(conn, platform, period.from, period.to)?;
    let overdue = checklists::times(conn, &scope)?;
    let overdue = overdue.iter().filter(|run| run.is_overdue(now)).count();
    let overdue = i64::try_from(overdue).unwrap_or(i64::MAX);
    let unsigned = silences::overdue(conn, &scope, now)?;
    // How it stands now is no figure of a day that was over long ago.
    let is_made_up_for = now - period.to > IN_TIME;
    let [done, back] = releases::ended_between(conn, platform, period.from, period.to)?;
    let all = [
        ("Checklists missed", missed, Some(true), "its checklists"),
        (OVERDUE, overdue, Some(true), "its checklists"),
        (UNSIGNED, unsigned, Some(true), "its silences"),
        ("Releases", done, None, "its releases"),
        ("Releases rolled back", back, Some(true), "its releases"),
    ];
    let known = all
        .into_iter()
        .filter(|(name, ..)| ![OVERDUE, UNSIGNED].contains(name) || !is_made_up_for);
    for (name, count, less_is_better, source) in known {
        contents.figures.push(Figure {
            less_is_better,
            ..figure(name, Some(number(count)), Unit::Count, source)
        });
    }
    Ok(())
}
