//! What is scraped of a service, as tiles: what its rules read, and what its scrapes keep.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::overview::LitSources;
use super::rule::Reading;
use super::scraped::{Asked, Scraped};
use super::words;
use crate::features::health::board::{ProbeStatus, ServiceStatus};
use crate::features::health::series::Figure;
use crate::features::packs::pack::{
    Check, GrowthOf, ItemId, MetricOf, QuantileOf, Rule, Selector, Source, Take,
};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store as packs;
use crate::foundation::db::{self, Conn};
use crate::foundation::web::spark::Spark;
use crate::foundation::web::{Lamp, Tile};

const STEP: TimeDelta = TimeDelta::minutes(5);
const STEPS: i32 = 12;

/// Over what growth and quantiles of kept metrics are shown.
const SHOWN_OVER: Lasting = Lasting::from_secs(300);
const QUANTILE_OVER: Lasting = Lasting::from_secs(3_600);

/// One thing to show.
struct Shown<'s> {
    name: String,
    source: Source,
    scrape: &'s ProbeStatus,
}

impl Shown<'_> {
    const fn asked(&self) -> Asked<'_> {
        Asked {
            scrape: self.scrape.item.id,
            source: &self.source,
        }
    }
}

/// A tile for each, with its last hour.
pub fn tiles(
    conn: &mut Conn,
    status: &ServiceStatus,
    lit: &LitSources,
    now: DateTime<Utc>,
) -> db::Result<Vec<Tile>> {
    let platform = status.platform.id;
    let shown = shown(conn, status)?;
    let asked: Vec<Asked<'_>> = shown.iter().map(Shown::asked).collect();
    let since = now - STEP * (STEPS + 1);
    let scraped = Scraped::read_since(conn, &asked, now, since)?;
    let tile = |one: &Shown<'_>| {
        let tile = tile(one, &scraped, lit.over_source(platform, &one.source), now);
        let spark = Spark::new("the last hour", history(one, &scraped, now));
        Tile {
            spark: tile.reading.is_some().then_some(spark),
            ..tile
        }
    };
    Ok(shown.iter().map(tile).collect())
}

/// What the rules of these services read now, for the Overview.
pub fn of_rules(
    conn: &mut Conn,
    board: &[ServiceStatus],
    lit: &LitSources,
    now: DateTime<Utc>,
) -> db::Result<Vec<Tile>> {
    let rules = packs::live::<Rule>(conn)?;
    let shown: Vec<(&ServiceStatus, Shown<'_>)> = board
        .iter()
        .flat_map(|service| read(&rules, service).map(move |one| (service, one)))
        .collect();
    let asked: Vec<Asked<'_>> = shown.iter().map(|(_, one)| one.asked()).collect();
    let pages: HashMap<ItemId, DateTime<Utc>> = shown
        .iter()
        .filter_map(|(_, one)| Some((one.scrape.item.id, one.scrape.checked_at?)))
        .collect();
    let since = |scrape: ItemId| pages.get(&scrape).copied().unwrap_or(now);
    let scraped = Scraped::read(conn, &asked, now, since)?;
    let tile = |(service, one): &(&ServiceStatus, Shown<'_>)| {
        let lit = lit.over_source(service.platform.id, &one.source);
        let mut tile = tile(one, &scraped, lit, now).href(format!("/services/{}", service.id));
        tile.name = format!("{} {}: {}", service.platform.name, service.name, one.name);
        tile
    };
    Ok(shown.iter().map(tile).collect())
}

fn scrapes(service: &ServiceStatus) -> impl Iterator<Item = &ProbeStatus> {
    let probes = service.probes.iter();
    probes.filter(|probe| matches!(probe.item.spec.check, Check::Prometheus(_)))
}

/// What rules read of a service's scrapes.
fn read<'s>(
    rules: &[packs::Item<Rule>],
    service: &'s ServiceStatus,
) -> impl Iterator<Item = Shown<'s>> {
    rules.iter().filter_map(move |rule| {
        let on = &rule.spec.on;
        if rule.platform != service.platform.id || !is_figure(on) {
            return None;
        }
        let mut scrapes = scrapes(service);
        Some(Shown {
            scrape: scrapes.find(|scrape| on.probe() == Some(scrape.item.slug.as_str()))?,
            name: rule.name.clone(),
            source: on.clone(),
        })
    })
}

/// That, and what its scrapes keep besides.
fn shown<'s>(conn: &mut Conn, service: &'s ServiceStatus) -> db::Result<Vec<Shown<'s>>> {
    if scrapes(service).next().is_none() {
        return Ok(Vec::new());
    }
    let rules = packs::live::<Rule>(conn)?;
    let mut shown: Vec<Shown<'s>> = read(&rules, service).collect();
    for scrape in scrapes(service) {
        let Check::Prometheus(check) = &scrape.item.spec.check else {
            continue;
        };
        let is_read = |name: &String| shown.iter().any(|it| it.source.metrics().contains(name));
        let kept: Vec<&String> = check.keep.iter().filter(|name| !is_read(name)).collect();
        shown.extend(kept.into_iter().map(|name| Shown {
            name: name.trim_end_matches("_bucket").to_owned(),
            source: by_its_name(&scrape.item.slug, name),
            scrape,
        }));
    }
    Ok(shown)
}

/// That something is not there is no figure.
const fn is_figure(on: &Source) -> bool {
    on.is_scraped() && !matches!(on, Source::Absence(_))
}

/// How a metric is shown that no rule reads: by what Prometheus's custom says of its name.
fn by_its_name(scrape: &str, name: &str) -> Source {
    let scrape = scrape.to_owned();
    if let Some(histogram) = name.strip_suffix("_bucket") {
        return Source::Quantile(QuantileOf {
            scrape,
            select: Selector::named(histogram),
            quantile: 0.95,
            window: QUANTILE_OVER,
            least: 1.0,
            unit: None,
        });
    }
    let select = Selector::named(name);
    if name.ends_with("_total") {
        return Source::Rate(GrowthOf {
            scrape,
            select,
            window: SHOWN_OVER,
            unit: None,
        });
    }
    Source::Metric(MetricOf {
        scrape,
        select,
        take: Some(Take::Sum),
        unit: None,
    })
}

fn tile(shown: &Shown<'_>, scraped: &Scraped, lit: Option<Lamp>, now: DateTime<Utc>) -> Tile {
    let Shown { source, scrape, .. } = shown;
    let from = format!("scrape {}", scrape.item.slug);
    let read = scrape.checked_at.filter(|_| scrape.error.is_none());
    let figure = scraped.figure(scrape.item.id, source, now, read);
    let note = source.to_string();
    let (Figure::Number(_), Some(seen)) = (figure, read) else {
        let note = match figure {
            Figure::Scarce => format!("not enough data: {note}"),
            _ => note,
        };
        let tile = Tile::unknown(&shown.name, from, scrape.checked_at).note(note);
        return Tile {
            lamp: lit.unwrap_or(tile.lamp),
            ..tile
        };
    };
    let text = words::figure_of(source, &Reading::of(figure));
    let tile = Tile::new(
        &shown.name,
        lit.unwrap_or(Lamp::Clear),
        text,
        "",
        from,
        seen,
    );
    tile.note(note)
        .stale_after(scrape.item.spec.interval.delta() * 3, now)
}

/// The figure as it was every five minutes. Between two pages, what counts is the last that was read.
fn history(shown: &Shown<'_>, scraped: &Scraped, now: DateTime<Utc>) -> Vec<Option<f64>> {
    let scrape = shown.scrape.item.id;
    let at = |back: i32| {
        let moment = now - STEP * back;
        let read = scraped.read_before(scrape, moment, moment - STEP);
        match scraped.figure(scrape, &shown.source, moment, read) {
            Figure::Number(number) => Some(number),
            _ => None,
        }
    };
    (0..STEPS).rev().map(at).collect()
}
