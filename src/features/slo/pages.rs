//! The pages of service levels.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::budget::Target;
use super::month as calendar;
use super::store::months::{self, Figure, Month};
use super::store::{self, Asked, Sum};
use super::trend;
use super::views::{self, List, MonthRow, One, Promise, Row, Sentence};
use crate::features::alerts::burning::{self, Targets};
use crate::features::packs::accepted;
use crate::features::packs::pack::{Heartbeat, ItemId, Service, Slo};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope, day_begins};
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, page};

/// `GET /service-levels`: every target and how it stands, the worst first.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let (rows, months) = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| {
                let platforms = platforms(conn)?;
                let rows = rows(conn, &view, &platforms, now)?;
                let months = month_rows(conn, &view, &platforms, now)?;
                Ok::<_, db::Error>((rows, months))
            })
            .map_err(web::Error::from)
    })
    .await?;
    let (plain, sparks): (Vec<Row>, Vec<_>) = rows.into_iter().unzip();
    page(&List {
        chrome: Chrome::new(&signed, &services, "Service levels", Nav::ServiceLevels),
        verdict: Sentence::of(&plain),
        rows: plain.into_iter().zip(sparks).collect(),
        months,
    })
}

/// A month is frozen by the hour, once its last quarter is settled.
const FREEZES_WITHIN: TimeDelta = TimeDelta::hours(2);

type Platforms = HashMap<PlatformId, Watched>;

pub(super) fn platforms(conn: &mut Conn) -> db::Result<Platforms> {
    let platforms = packs::platforms(conn)?.into_iter();
    Ok(platforms.map(|it| (it.id, it)).collect())
}

fn zone(platforms: &Platforms, slo: &Item<Slo>) -> Tz {
    platforms.get(&slo.platform).map_or(Tz::UTC, |it| it.zone)
}

fn target(slo: &Slo, window: TimeDelta, passed: TimeDelta) -> Target {
    Target {
        share: slo.target.value(),
        window_ms: window.num_milliseconds(),
        passed_ms: passed.num_milliseconds(),
        least: slo.least.into(),
        of_time: slo.on.is_of_time(),
    }
}

/// From when on a target's window reaches back, and the first midnight after that.
fn asked(slo: &Item<Slo>, zone: Tz, now: DateTime<Utc>) -> Asked {
    let from = calendar::next_quarter(now - slo.spec.window.delta());
    let next = from.with_timezone(&zone).date_naive().succ_opt();
    let day = next.and_then(|day| day_begins(day, zone)).unwrap_or(from);
    // The quarters of so long ago are gone, and their days remain.
    let is_kept = from >= now - store::QUARTERS_KEPT;
    let from = if is_kept { from } else { day };
    let slo = slo.id;
    Asked { slo, from, day }
}

/// How much of the time that was asked for there has been.
fn passed(asked: &Asked, sum: Option<&Sum>, now: DateTime<Utc>) -> TimeDelta {
    let due = calendar::settled_by(now);
    let until = sum.map_or(due, |sum| sum.until.max(due));
    (until - asked.from).max(TimeDelta::zero())
}

fn row(slo: &Item<Slo>, target: &Target, sum: Option<&Sum>, place: String) -> Row {
    let tally = sum.map(|it| it.tally).unwrap_or_default();
    let row = Row::new(slo.id, &slo.name, target, &tally);
    Row {
        place,
        measured: slo.spec.on.to_string(),
        since: sum.map(|it| it.from),
        until: sum.map(|it| it.until),
        ..row
    }
}

type Listed = (Row, crate::foundation::web::spark::Spark);

fn rows(
    conn: &mut Conn,
    view: &Scope,
    platforms: &Platforms,
    now: DateTime<Utc>,
) -> db::Result<Vec<Listed>> {
    let slos = packs::live_within::<Slo>(conn, view)?;
    let asked: Vec<Asked> = slos
        .iter()
        .map(|slo| asked(slo, zone(platforms, slo), now))
        .collect();
    let sums = store::since(conn, &asked)?;
    let ids: Vec<ItemId> = slos.iter().map(|it| it.id).collect();
    let back = TimeDelta::days(trend::TREND_DAYS + 1);
    let days = store::each_day(conn, &ids, now - back)?;
    let names: HashMap<(PlatformId, String), String> = packs::live_within::<Service>(conn, view)?
        .into_iter()
        .map(|it| ((it.platform, it.slug), it.name))
        .collect();
    let mut rows: Vec<Listed> = slos
        .iter()
        .zip(&asked)
        .map(|(slo, asked)| {
            let key = (slo.platform, slo.spec.service.clone());
            let service = names.get(&key).map_or("", String::as_str);
            let platform = platforms
                .get(&slo.platform)
                .map_or("", |it| it.name.as_str());
            let place = format!("{platform}, {service}");
            let sum = sums.get(&slo.id);
            let passed = passed(asked, sum, now);
            let target = target(&slo.spec, slo.spec.window.delta(), passed);
            let days = days.get(&slo.id).map_or(&[][..], Vec::as_slice);
            let spark = trend::spark(days, &target, now);
            (row(slo, &target, sum, place), spark)
        })
        .collect();
    // What nobody knows may be bad: it stands before what is well.
    rows.sort_by_key(|(row, _)| (row.lamp == Lamp::Clear, row.lamp));
    Ok(rows)
}

/// The months that are over, newest first; those of which there is no report are missing.
fn month_rows(
    conn: &mut Conn,
    view: &Scope,
    platforms: &Platforms,
    now: DateTime<Utc>,
) -> db::Result<Vec<MonthRow>> {
    let frozen = months::all(conn, view)?;
    let mut of: HashMap<PlatformId, Vec<&Month>> = HashMap::new();
    for month in &frozen {
        of.entry(month.platform).or_default().push(month);
    }
    let mut rows: Vec<(NaiveDate, MonthRow)> = Vec::new();
    for (platform, known) in of {
        let Some(watched) = platforms.get(&platform) else {
            continue;
        };
        let Some(first) = known.iter().map(|it| it.starts_at).min() else {
            continue;
        };
        // The middle of a month is in it in every zone.
        let within = first + TimeDelta::days(14);
        for month in calendar::over(within, now, watched.zone) {
            let frozen = known.iter().find(|it| it.month == month);
            let row = MonthRow {
                platform: watched.name.clone(),
                name: views::month_name(month),
                frozen: frozen.map(|it| (it.id, it.frozen_at)),
                waits: calendar::bounds(month, watched.zone)
                    .is_some_and(|(_, ends)| now < ends + FREEZES_WITHIN),
            };
            rows.push((month, row));
        }
    }
    rows.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.platform.cmp(&y.platform)));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// `GET /service-levels/{id}`: one target, where its time went, and its months.
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (now, zone) = (services.clock.now(), signed.preferences.zone);
        let reach = signed.reach().clone();
        let found = services
            .db
            .read(|conn| Found::read(conn, &reach, id, now))?;
        let slo = &found.slo;
        let (target, of_month) = found.targets(now);
        Ok::<_, web::Error>(One {
            chrome: Chrome::new(&signed, &services, &slo.name, Nav::ServiceLevels),
            row: row(
                slo,
                &target,
                found.rolling.as_ref(),
                found.platform.name.clone(),
            ),
            about: slo.spec.about.clone(),
            window: slo.spec.window.to_string(),
            running: (
                views::month_name(found.month),
                row(slo, &of_month, found.running.as_ref(), String::new()),
            ),
            chart: trend::chart(&found.days, &target, now, zone),
            pace: found.pace,
            promise: found.promise,
            changed_at: found
                .rolling
                .filter(|sum| slo.changed_at > sum.from && slo.changed_at > slo.declared_at)
                .map(|_| slo.changed_at),
            service: found.service,
            months: found
                .months
                .into_iter()
                .map(|(month, figure)| {
                    let row = Row::of_month(&month, &figure);
                    (month, row)
                })
                .collect(),
        })
    })
    .await?;
    page(&view)
}

struct Found {
    slo: Item<Slo>,
    platform: Watched,
    service: Option<(ItemId, String)>,
    rolling: Option<Sum>,
    month: NaiveDate,
    month_lasts: TimeDelta,
    running: Option<Sum>,
    asked: [Asked; 2],
    days: Vec<store::Spent>,
    pace: Option<String>,
    promise: Promise,
    months: Vec<(Month, Figure)>,
}

impl Found {
    fn read(conn: &mut Conn, reach: &Scope, id: ItemId, now: DateTime<Utc>) -> db::Result<Self> {
        let slo = packs::item::<Slo>(conn, id)?;
        if !reach.allows(slo.platform) {
            return Err(db::Error::NotFound);
        }
        let platform = platforms(conn)?
            .remove(&slo.platform)
            .ok_or(db::Error::NotFound)?;
        let month = calendar::month_of(now, platform.zone);
        let (begins, ends) = calendar::bounds(month, platform.zone).ok_or(db::Error::NotFound)?;
        let this_month = Asked {
            slo: id,
            from: begins,
            day: begins,
        };
        let window = asked(&slo, platform.zone, now);
        let back = TimeDelta::days(trend::CHART_DAYS + 1);
        Ok(Self {
            service: named::<Service>(conn, &slo, Some(&slo.spec.service), |it| &it.name)?,
            rolling: store::since(conn, &[window])?.remove(&id),
            month,
            month_lasts: ends - begins,
            running: store::since(conn, &[this_month])?.remove(&id),
            asked: [window, this_month],
            days: store::each_day(conn, &[id], now - back)?
                .remove(&id)
                .unwrap_or_default(),
            pace: pace(conn, &slo, now)?,
            promise: promise(conn, &slo)?,
            months: months::of_slo(conn, id)?,
            platform,
            slo,
        })
    }
}

impl Found {
    /// What is promised of the window, and of the month that is running.
    fn targets(&self, now: DateTime<Utc>) -> (Target, Target) {
        let spec = &self.slo.spec;
        let [window, month] = &self.asked;
        let rolling = passed(window, self.rolling.as_ref(), now);
        let running = passed(month, self.running.as_ref(), now);
        (
            target(spec, spec.window.delta(), rolling),
            target(spec, self.month_lasts, running),
        )
    }
}

/// What the target's pack calls by this name.
fn named<T: packs::Definition>(
    conn: &mut Conn,
    slo: &Item<Slo>,
    slug: Option<&str>,
    name: impl Fn(&Item<T>) -> &String,
) -> db::Result<Option<(ItemId, String)>> {
    let Some(slug) = slug else {
        return Ok(None);
    };
    match packs::by_slug::<T>(conn, slo.platform, slug) {
        Ok(item) => Ok(Some((item.id, name(&item).clone()))),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn pace(conn: &mut Conn, slo: &Item<Slo>, now: DateTime<Utc>) -> db::Result<Option<String>> {
    let here = Scope::one(slo.platform);
    let targets = Targets::read(conn, &here, now - TimeDelta::days(4))?;
    let Some(source) = targets.source(slo).filter(|_| slo.retired_at.is_none()) else {
        return Ok(None);
    };
    let burn = burning::of(conn, slo, source, &targets.planned(slo), now)?;
    Ok(burn.as_ref().map(views::pace))
}

fn promise(conn: &mut Conn, slo: &Item<Slo>) -> db::Result<Promise> {
    Ok(Promise {
        rto: slo.spec.rto.map(|it| it.to_string()),
        rpo: slo.spec.rpo.map(|it| it.to_string()),
        dumps: named::<Heartbeat>(conn, slo, slo.spec.dumps.as_deref(), |it| &it.name)?,
        not_reachable: accepted::of(conn, slo.platform, "promise-not-reachable", &slo.slug)?,
    })
}
