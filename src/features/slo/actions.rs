//! Settling what is over, and freezing months.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::MonthId;
use super::file;
use super::month::{self, LAG, QUARTER, day_ends, quarter};
use super::store::months::{self, Figure, Month};
use super::store::{self, Promised, Settled, Spent};
use crate::features::alerts::burning::Targets;
use crate::features::health::slice::Tally;
use crate::features::health::store::slices;
use crate::features::packs::pack::{ItemId, Slo};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::Scope;

/// Results in minutes are kept for a little longer than this.
const BACK: TimeDelta = TimeDelta::hours(47);

/// What was left undone for longer is caught up with a part at a time.
const AT_ONCE: TimeDelta = TimeDelta::days(4);

/// Quarters of one target that are over.
struct Due {
    of: Promised,
    quarters: Vec<Spent>,
}

/// Settles the quarters that are over, and sums up the days. Returns how many spans were written.
pub fn settle(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let due = services.db.read_on(PoolKind::Jobs, |conn| due(conn, now))?;
    let mut written = 0;
    for one in due {
        written += services.audit.write_unaudited(Unaudited::Sample, |conn| {
            store::insert_quarters(conn, one.of, &one.quarters)
        })?;
    }
    written += sum_up_days(services)?;
    Ok(written)
}

fn due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<Due>> {
    let back = now - BACK - AT_ONCE;
    let mut targets = Targets::read(conn, &Scope::All, back)?;
    let ids: Vec<ItemId> = targets.slos.iter().map(|it| it.id).collect();
    let settled = store::settled(conn, &ids)?;
    let mut spans = HashMap::new();
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
        if from < until {
            spans.insert(slo.id, (from, until));
        }
    }
    // What was left undone for long was planned long ago.
    if let Some(oldest) = spans.values().map(|(from, _)| *from).min()
        && oldest < back
    {
        targets = Targets::read(conn, &Scope::All, oldest)?;
    }
    let mut due = Vec::new();
    for slo in &targets.slos {
        if let Some((from, until)) = spans.get(&slo.id) {
            let quarters = quarters(conn, &targets, slo, (*from, *until))?;
            let of = promised(slo);
            due.push(Due { of, quarters });
        }
    }
    Ok(due)
}

pub(super) fn promised(slo: &Item<Slo>) -> Promised {
    Promised {
        slo: slo.id,
        share: slo.spec.target.value(),
    }
}

/// What the quarters between two moments were, each by itself.
pub(super) fn quarters(
    conn: &mut Conn,
    targets: &Targets,
    slo: &Item<Slo>,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> db::Result<Vec<Spent>> {
    let Some(source) = targets.source(slo) else {
        return Ok(Vec::new());
    };
    let slices = slices::fine(conn, source, from - QUARTER, until + QUARTER)?;
    let planned = targets.planned(slo);
    let every = source.slack();
    let spent = |at: DateTime<Utc>| Spent {
        at,
        until: at + QUARTER,
        tally: Tally::settled(&slices, &planned, (at, at + QUARTER), every),
    };
    let all = std::iter::successors(Some(from), |at| Some(*at + QUARTER));
    Ok(all.take_while(|at| *at < until).map(spent).collect())
}

/// The targets that ever were, where their platforms are, and how far each is settled.
struct Ever {
    slos: Vec<Item<Slo>>,
    platforms: Vec<Watched>,
    settled: HashMap<ItemId, Settled>,
    targets: Targets,
}

impl Ever {
    fn read(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Self> {
        let slos = packs::ever::<Slo>(conn)?;
        let ids: Vec<ItemId> = slos.iter().map(|it| it.id).collect();
        Ok(Self {
            settled: store::settled(conn, &ids)?,
            platforms: packs::platforms(conn)?,
            targets: Targets::read(conn, &Scope::All, now)?,
            slos,
        })
    }

    fn zone(&self, slo: &Item<Slo>) -> Tz {
        let platform = self.platforms.iter().find(|it| it.id == slo.platform);
        platform.map_or(Tz::UTC, |it| it.zone)
    }

    /// Whether more quarters of it are to come. Of one that was taken away, or has nothing to read any more, none are.
    fn goes_on(&self, slo: &Item<Slo>) -> bool {
        slo.retired_at.is_none() && self.targets.source(slo).is_some()
    }

    /// Up to where its days can be summed up: where no quarter follows, its last day is as whole as it will be.
    fn days_over(&self, slo: &Item<Slo>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.settled.get(&slo.id)?.until?;
        if self.goes_on(slo) {
            return Some(until);
        }
        Some(day_ends(until, self.zone(slo)).min(now - LAG))
    }

    /// Whether all its days up to a moment are summed up: months are added up from days.
    fn is_summed_up(&self, slo: &Item<Slo>, ends_at: DateTime<Utc>) -> bool {
        let Some(it) = self.settled.get(&slo.id) else {
            return true;
        };
        let Some(until) = it.until else {
            return true;
        };
        let last = if self.goes_on(slo) {
            ends_at
        } else {
            day_ends(until, self.zone(slo)).min(ends_at)
        };
        it.days_until.is_some_and(|days| days >= last)
    }
}

fn sum_up_days(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let ever = services
        .db
        .read_on(PoolKind::Jobs, |conn| Ever::read(conn, now))?;
    let over = |slo: &Item<Slo>| {
        let settled = ever.settled.get(&slo.id)?;
        let first = settled.first?;
        let from = settled.days_until.map_or(first, |at| at.max(first));
        let days = month::days(from, ever.days_over(slo, now)?, ever.zone(slo));
        (!days.is_empty()).then_some((slo.id, days))
    };
    let over: Vec<_> = ever.slos.iter().filter_map(over).collect();
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
    for Ripe {
        month,
        figures,
        platform,
    } in ripe
    {
        let text = file::text(&platform, &month, &figures)
            .map_err(|_| db::Error::Damaged("a month that no file can be made of"))?;
        let done = services.audit.write_on(PoolKind::Jobs, actor, |tx| {
            if months::insert(tx, &month, &figures)? {
                months::keep(tx, month.id, &text, month.frozen_at)?;
                tx.record(
                    Event::new(
                        "service_level.month_frozen",
                        Subject::new("service_level_month", month.id),
                    )
                    .platform(month.platform)
                    .detail("month", month.month.format("%Y-%m").to_string())
                    .detail("targets", figures.len())
                    .detail("sha256", months::digest(&text)),
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

/// A month that can be frozen.
struct Ripe {
    month: Month,
    figures: Vec<Figure>,
    /// The short name of its platform.
    platform: String,
}

fn ripe(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<Ripe>> {
    let known = months::all(conn, &Scope::All)?;
    let ever = Ever::read(conn, now)?;
    let mut ripe = Vec::new();
    for platform in &ever.platforms {
        let slos = ever.slos.iter().filter(|it| it.platform == platform.id);
        let slos: Vec<&Item<Slo>> = slos.collect();
        let oldest = |slo: &&Item<Slo>| ever.settled.get(&slo.id)?.oldest;
        let Some(first) = slos.iter().filter_map(oldest).min() else {
            continue;
        };
        for begins in month::over(first, now, platform.zone) {
            let is_known = |it: &Month| it.platform == platform.id && it.month == begins;
            if known.iter().any(is_known) {
                continue;
            }
            let Some(month) = described(platform, begins, now) else {
                continue;
            };
            let is_summed_up = |slo: &&Item<Slo>| ever.is_summed_up(slo, month.ends_at);
            if slos.iter().all(is_summed_up)
                && let Some(figures) = figures(conn, &month, &slos)?
            {
                let platform = platform.slug.clone();
                ripe.push(Ripe {
                    month,
                    figures,
                    platform,
                });
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

/// What the days of a month add up to; nothing where there are none, of which nothing is made up. A target that its pack
/// took away since is part of it with the days that it had, and each with what it promised then.
fn figures(conn: &mut Conn, month: &Month, slos: &[&Item<Slo>]) -> db::Result<Option<Vec<Figure>>> {
    let ids: Vec<ItemId> = slos.iter().map(|it| it.id).collect();
    let sums = store::whole_days(conn, &ids, month.starts_at, month.ends_at)?;
    if sums.is_empty() {
        return Ok(None);
    }
    let promises = store::promises(conn, &ids, month.starts_at, month.ends_at)?;
    let was_there = |slo: &&&Item<Slo>| {
        let is_live = slo.retired_at.is_none() && slo.declared_at < month.ends_at;
        is_live || sums.contains_key(&slo.id)
    };
    let figure = |slo: &&Item<Slo>| {
        let sum = sums.get(&slo.id);
        let promised = promises.get(&slo.id);
        let changed = slo.changed_at > slo.declared_at && slo.changed_at > month.starts_at;
        Figure {
            slo: slo.id,
            slug: slo.slug.clone(),
            name: slo.name.clone(),
            service: slo.spec.service.clone(),
            measured: slo.spec.on.to_string(),
            of_time: slo.spec.on.is_of_time(),
            share: promised.map_or_else(|| slo.spec.target.value(), |it| it.share),
            shares: promised.map(|it| (it.least, it.most)),
            changed_at: changed.then_some(slo.changed_at),
            retired_at: slo.retired_at,
            least: i32::try_from(slo.spec.least).unwrap_or(i32::MAX),
            tally: sum.map(|it| it.tally).unwrap_or_default(),
            days: sum.map_or(0, |it| i32::try_from(it.spans).unwrap_or(i32::MAX)),
            days_from: sum.map(|it| it.from),
            days_until: sum.map(|it| it.until),
        }
    };
    Ok(Some(slos.iter().filter(was_there).map(figure).collect()))
}
