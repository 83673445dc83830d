//! Settling what is over, and freezing months.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::MonthId;
use super::month::{self, QUARTER, quarter};
use super::store::months::{self, Figure, Month};
use super::store::{self, Settled, Spent};
use crate::features::alerts::burning::Targets;
use crate::features::health::slice::Tally;
use crate::features::health::store::slices;
use crate::features::packs::pack::{ItemId, Slo};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PlatformId, Scope};

/// A run may take so long, and what is scraped is summed up within it: only then is a quarter settled.
const LAG: TimeDelta = TimeDelta::minutes(10);

/// Results in minutes are kept for a little longer than this.
const BACK: TimeDelta = TimeDelta::hours(47);

/// What was left undone for longer is caught up with a part at a time.
const AT_ONCE: TimeDelta = TimeDelta::days(4);

/// Quarters of one target that are over.
struct Due {
    slo: ItemId,
    quarters: Vec<Spent>,
}

/// Settles the quarters that are over, and sums up the days. Returns how many spans were written.
pub fn settle(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let (due, zones) = services.db.read_on(PoolKind::Jobs, |conn| {
        let slos = packs::live::<Slo>(conn)?;
        let zones: HashMap<ItemId, Tz> = {
            let platforms = packs::platforms(conn)?;
            let zone = |slo: &Item<Slo>| platforms.iter().find(|it| it.id == slo.platform);
            let zone = |slo: &Item<Slo>| zone(slo).map_or(Tz::UTC, |it| it.zone);
            slos.iter().map(|slo| (slo.id, zone(slo))).collect()
        };
        Ok::<_, db::Error>((due(conn, now)?, zones))
    })?;
    let mut written = 0;
    for one in due {
        written += services.audit.write_unaudited(Unaudited::Sample, |conn| {
            store::insert_quarters(conn, one.slo, &one.quarters)
        })?;
    }
    written += sum_up_days(services, &zones)?;
    Ok(written)
}

fn due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<Due>> {
    let targets = Targets::read(conn, &Scope::All, now - BACK - AT_ONCE)?;
    let ids: Vec<ItemId> = targets.slos.iter().map(|it| it.id).collect();
    let settled = store::settled(conn, &ids)?;
    let mut due = Vec::new();
    for slo in &targets.slos {
        let Some(source) = targets.source(slo) else {
            continue;
        };
        let settled = settled.get(&slo.id).and_then(|it| it.until);
        let from = if let Some(until) = settled {
            // One that its pack took away and brought back begins anew.
            until.max(quarter(slo.declared_at))
        } else {
            let oldest = slices::oldest(conn, source, now - BACK)?;
            quarter(oldest.map_or(slo.declared_at, |at| at.min(slo.declared_at)))
        };
        let until = quarter(now - LAG).min(from + AT_ONCE);
        if until <= from {
            continue;
        }
        let slices = slices::fine(conn, source, from, until)?;
        let planned = targets.planned(slo);
        let quarters = std::iter::successors(Some(from), |at| Some(*at + QUARTER))
            .take_while(|at| *at < until)
            .map(|at| Spent {
                at,
                until: at + QUARTER,
                tally: Tally::of(&slices, &planned, at, at + QUARTER, source.slack()),
            });
        due.push(Due {
            slo: slo.id,
            quarters: quarters.collect(),
        });
    }
    Ok(due)
}

fn sum_up_days(services: &Services, zones: &HashMap<ItemId, Tz>) -> db::Result<usize> {
    let ids: Vec<ItemId> = zones.keys().copied().collect();
    let settled = services
        .db
        .read_on(PoolKind::Jobs, |conn| store::settled(conn, &ids))?;
    let over = |slo: &ItemId, it: &Settled| {
        let (first, until) = (it.first?, it.until?);
        let from = it.days_until.map_or(first, |at| at.max(first));
        let zone = zones.get(slo).copied().unwrap_or_default();
        let days = month::days(from, until, zone);
        (!days.is_empty()).then_some((*slo, days))
    };
    let over: Vec<_> = settled
        .iter()
        .filter_map(|(slo, it)| over(slo, it))
        .collect();
    let mut written = 0;
    for (slo, days) in over {
        written += services.audit.write_unaudited(Unaudited::Sample, |conn| {
            let mut written = 0;
            for (begins, ends) in &days {
                written += usize::from(store::sum_up_day(conn, slo, *begins, *ends)?);
            }
            Ok::<_, db::Error>(written)
        })?;
    }
    Ok(written)
}

/// Freezes every month that is over, is settled, and has not been frozen. Returns how many were.
pub fn freeze(services: &Services, actor: &Actor) -> db::Result<usize> {
    let now = services.clock.now();
    let ripe = services
        .db
        .read_on(PoolKind::Jobs, |conn| ripe(conn, now))?;
    let mut frozen = 0;
    for (month, figures) in ripe {
        let done = services.audit.write_on(PoolKind::Jobs, actor, |tx| {
            if months::insert(tx, &month, &figures)? {
                tx.record(
                    Event::new(
                        "service_level.month_frozen",
                        Subject::new("service_level_month", month.id),
                    )
                    .platform(month.platform)
                    .detail("month", month.month.format("%Y-%m").to_string())
                    .detail("targets", figures.len()),
                )?;
            }
            Ok(())
        });
        match done {
            Ok(()) => frozen += 1,
            // Somebody else was quicker: then there was nothing to record.
            Err(db::Error::NoEvent) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(frozen)
}

fn ripe(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<(Month, Vec<Figure>)>> {
    let known = months::all(conn, &Scope::All)?;
    let targets = Targets::read(conn, &Scope::All, now)?;
    let mut of: BTreeMap<PlatformId, Vec<&Item<Slo>>> = BTreeMap::new();
    for slo in &targets.slos {
        of.entry(slo.platform).or_default().push(slo);
    }
    let mut ripe = Vec::new();
    for platform in packs::platforms(conn)? {
        let Some(slos) = of.get(&platform.id) else {
            continue;
        };
        let ids: Vec<ItemId> = slos.iter().map(|it| it.id).collect();
        let settled = store::settled(conn, &ids)?;
        let Some(first) = settled.values().filter_map(|it| it.oldest).min() else {
            continue;
        };
        for begins in month::over(first, now, platform.zone) {
            let is_known = |it: &Month| it.platform == platform.id && it.month == begins;
            if known.iter().any(is_known) {
                continue;
            }
            let Some(month) = described(&platform, begins, now) else {
                continue;
            };
            // One that has nothing to read any more is not waited for.
            let is_settled = |slo: &&&Item<Slo>| {
                let until = settled.get(&slo.id).and_then(|it| it.until);
                targets.source(slo).is_none() || until.is_none_or(|it| it >= month.ends_at)
            };
            if slos.iter().filter(|slo| !is_settled(slo)).count() == 0
                && let Some(figures) = figures(conn, &month, slos)?
            {
                ripe.push((month, figures));
            }
        }
    }
    Ok(ripe)
}

fn described(platform: &Watched, begins: chrono::NaiveDate, now: DateTime<Utc>) -> Option<Month> {
    let (starts_at, ends_at) = month::bounds(begins, platform.zone)?;
    Some(Month {
        id: MonthId::new(),
        platform: platform.id,
        month: begins,
        zone: platform.zone.name().to_owned(),
        starts_at,
        ends_at,
        frozen_at: now,
    })
}

/// What the days of a month add up to; nothing where there are none, of which nothing is made up.
fn figures(conn: &mut Conn, month: &Month, slos: &[&Item<Slo>]) -> db::Result<Option<Vec<Figure>>> {
    let ids: Vec<ItemId> = slos.iter().map(|it| it.id).collect();
    let sums = store::whole_days(conn, &ids, month.starts_at, month.ends_at)?;
    if sums.is_empty() {
        return Ok(None);
    }
    let figure = |slo: &&Item<Slo>| {
        let sum = sums.get(&slo.id);
        Figure {
            slo: slo.id,
            slug: slo.slug.clone(),
            name: slo.name.clone(),
            service: slo.spec.service.clone(),
            measured: slo.spec.on.to_string(),
            of_time: slo.spec.on.is_of_time(),
            share: slo.spec.target.value(),
            least: i32::try_from(slo.spec.least).unwrap_or(i32::MAX),
            tally: sum.map(|it| it.tally).unwrap_or_default(),
            days: sum.map_or(0, |it| i32::try_from(it.spans).unwrap_or(i32::MAX)),
            days_from: sum.map(|it| it.from),
            days_until: sum.map(|it| it.until),
        }
    };
    Ok(Some(slos.iter().map(figure).collect()))
}
