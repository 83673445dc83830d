//! The pages where health and alerts meet: the Overview, and a service with everything about it.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use chrono::{DateTime, TimeDelta, Utc};

use super::pages::directory;
use super::store::{self, Alert};
use super::views::{self, Group, ProbeRow, RunbookCard, Verdict};
use crate::features::health::board::{self, ServiceStatus};
use crate::features::health::store::samples::{self, Span};
use crate::features::health::{store as health, views as health_views};
use crate::features::packs::pack::{Indicator, ItemId, Rule, Runbook, Source};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{self, Log};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Level;
use crate::foundation::web::format::{counted, number};
use crate::foundation::web::{self, Chrome, Lamp, Nav, Tile, block};

/// Unsealed for longer than this, and the seal is behind.
const SEAL_LATE: TimeDelta = TimeDelta::seconds(60);

/// Rules are evaluated every two seconds; silence for this long means that nobody does.
const TICK_LATE: TimeDelta = TimeDelta::seconds(20);

/// How much of the probe log a service page shows.
const LOG_LINES: i64 = 50;
const ALERTS_SHOWN: i64 = 20;

/// `GET /` for who is signed in.
pub async fn overview(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, now) = (services.clone(), services.clock.now());
    let (board, open, directory, groups) = block(move || {
        app.db.read(|conn| {
            let board = board::services(conn, now)?;
            let open = store::open(conn)?;
            let groups = groups(conn, &board, &open, now)?;
            Ok::<_, web::Error>((board, open, super::pages::directory(conn)?, groups))
        })
    })
    .await?;
    let wants_a_hand = |alert: &&Alert| !alert.is_acknowledged(now);
    web::page(&views::Overview {
        chrome: Chrome::new(&signed, &services, "Overview", Nav::Overview),
        verdict: Verdict::of(&board, &open),
        attention: open
            .iter()
            .filter(wants_a_hand)
            .map(|alert| directory.row(alert, now))
            .collect(),
        may_act: signed.may(Permission::AlertsAct),
        groups,
        demo: board.iter().any(|service| service.demo),
        services: board.iter().map(health_views::ServiceRow::from).collect(),
    })
}

fn groups(
    conn: &mut Conn,
    board: &[ServiceStatus],
    open: &[Alert],
    now: DateTime<Utc>,
) -> db::Result<Vec<Group>> {
    let (databases, hosts) = health_views::measure_tiles(board, now);
    let signalbox = vec![alerts_tile(conn, open, now)?, seal_tile(conn, now)?];
    let groups = [
        ("Alerts and evidence", signalbox),
        ("Indicators", indicator_tiles(conn, open, now)?),
        ("Databases", databases),
        ("Hosts", hosts),
    ];
    let filled = groups.into_iter().filter(|(_, tiles)| !tiles.is_empty());
    Ok(filled.map(|(name, tiles)| Group { name, tiles }).collect())
}

fn alerts_tile(conn: &mut Conn, open: &[Alert], now: DateTime<Utc>) -> db::Result<Tile> {
    let Some(evaluated) = store::last_tick(conn)? else {
        return Ok(Tile::unknown("Open alerts", "rules", None).href("/alerts"));
    };
    let of = |level| open.iter().filter(|alert| alert.level == level).count();
    let lamp = open
        .iter()
        .map(|alert| alert.level)
        .max()
        .map_or(Lamp::Clear, Lamp::from);
    let note = format!(
        "{} red, {} yellow, {} blue",
        of(Level::Red),
        of(Level::Yellow),
        of(Level::Blue)
    );
    let tile = Tile::new(
        "Open alerts",
        lamp,
        open.len().to_string(),
        "",
        "rules, evaluated",
        evaluated,
    );
    Ok(tile.note(note).href("/alerts").stale_after(TICK_LATE, now))
}

/// Where the seal of the audit log stands, and whether events wait for it.
fn seal_tile(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Tile> {
    let head = audit::store::head(conn, Log::Main)?;
    let waiting_since = audit::store::waiting_since(conn, Log::Main)?;
    let source = "sealer";
    let Some(sealed_at) = head.sealed_at else {
        return Ok(Tile::unknown("Audit seal", source, None));
    };
    let (lamp, note) = match waiting_since {
        Some(since) if now - since > SEAL_LATE => (Lamp::Red, "events wait to be sealed"),
        Some(_) => (Lamp::Clear, "sealing"),
        None => (Lamp::Clear, "nothing waits"),
    };
    let reading = format!("#{}", number(head.size));
    Ok(Tile::new("Audit log sealed to", lamp, reading, "", source, sealed_at).note(note))
}

fn indicator_tiles(conn: &mut Conn, open: &[Alert], now: DateTime<Utc>) -> db::Result<Vec<Tile>> {
    let indicators = packs::live::<Indicator>(conn)?;
    let ids: Vec<ItemId> = indicators.iter().map(|item| item.id).collect();
    let reports = health::last_reports(conn, &ids)?;
    let lit: HashMap<ItemId, Level> = open
        .iter()
        .filter(|alert| alert.firing)
        .map(|alert| (alert.rule, alert.level))
        .collect();
    let rules = packs::live_rules(conn)?;
    let lamp_of = |indicator: &packs::Item<Indicator>| {
        let reads = |rule: &&packs::Item<serde_json::Value>| {
            let on = serde_json::from_value::<Rule>(rule.spec.clone()).map(|rule| rule.on);
            rule.platform == indicator.platform
                && matches!(on, Ok(Source::Indicator(slug) | Source::Age(slug)) if slug == indicator.slug)
        };
        let levels = rules
            .iter()
            .filter(reads)
            .filter_map(|rule| lit.get(&rule.id).copied());
        levels.max().map(Lamp::from)
    };
    // An indicator that nobody has ever reported is listed on the pack's page, not here.
    let tiles = indicators
        .iter()
        .filter(|item| reports.contains_key(&item.id))
        .map(|item| health_views::indicator_tile(item, reports.get(&item.id), lamp_of(item), now));
    Ok(tiles.collect())
}

/// `GET /services/{id}`: probes, latency, alerts and runbooks of one service.
pub async fn service(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let (app, now, zone) = (services.clone(), services.clock.now(), signed.zone);
    let id = id.into_inner();
    let found = block(move || {
        app.db
            .read(|conn| read_service(conn, id, now).map_err(web::Error::from))
    })
    .await?;
    let status = &found.status;
    let minutes: Vec<_> = found.minutes.values().flatten().collect();
    let days: Vec<_> = found.days.values().flatten().collect();
    let (databases, hosts) = health_views::measure_tiles(std::slice::from_ref(status), now);
    web::page(&views::ServicePage {
        chrome: Chrome::new(&signed, &services, &status.name, Nav::Services),
        row: status.into(),
        about: status.about.clone(),
        probes: status.probes.iter().map(probe_row).collect(),
        days: health_views::ninety_days(&days, now),
        chart: health_views::latency_chart(&minutes, now, zone),
        demo: minutes.iter().chain(&days).any(|sample| sample.demo),
        log: found.log,
        alerts: found
            .alerts
            .iter()
            .map(|alert| found.directory.row(alert, now))
            .collect(),
        runbooks: found
            .runbooks
            .iter()
            .map(|item| RunbookCard::of(item, now))
            .collect(),
        tiles: databases.into_iter().chain(hosts).collect(),
    })
}

type Samples = HashMap<ItemId, Vec<samples::Sample>>;

struct Found {
    status: ServiceStatus,
    minutes: Samples,
    days: Samples,
    log: Vec<health_views::LogLine>,
    alerts: Vec<Alert>,
    directory: views::Directory,
    runbooks: Vec<packs::Item<Runbook>>,
}

fn read_service(conn: &mut Conn, id: ItemId, now: DateTime<Utc>) -> db::Result<Found> {
    let status = board::services(conn, now)?
        .into_iter()
        .find(|service| service.id == id)
        .ok_or(db::Error::NotFound)?;
    let probes: Vec<ItemId> = status.probes.iter().map(|probe| probe.item.id).collect();
    let runs = health::runs(conn, &probes, LOG_LINES)?;
    let day = health_views::CHART_STEP * health_views::CHART_STEPS;
    Ok(Found {
        minutes: samples::since(conn, &probes, Span::Minute, now - day)?,
        days: samples::since(conn, &probes, Span::Day, now - TimeDelta::days(90))?,
        log: runs
            .iter()
            .map(|run| health_views::LogLine::of(run, &status.probes))
            .collect(),
        alerts: store::of_service(conn, id, ALERTS_SHOWN)?,
        directory: directory(conn)?,
        runbooks: runbooks_of(conn, &status)?,
        status,
    })
}

/// The runbooks that the rules on this service's probes lead to.
fn runbooks_of(conn: &mut Conn, status: &ServiceStatus) -> db::Result<Vec<packs::Item<Runbook>>> {
    let own = |slug: &str| status.probes.iter().any(|probe| probe.item.slug == slug);
    let wanted: Vec<String> = packs::live_rules(conn)?
        .into_iter()
        .filter(|rule| rule.platform == status.platform.id)
        .filter_map(|rule| serde_json::from_value::<Rule>(rule.spec).ok())
        .filter(|rule| rule.on.probe().is_some_and(own))
        .filter_map(|rule| rule.runbook)
        .collect();
    let mut runbooks = packs::live::<Runbook>(conn)?;
    runbooks.retain(|item| item.platform == status.platform.id && wanted.contains(&item.slug));
    Ok(runbooks)
}

fn probe_row(probe: &board::ProbeStatus) -> ProbeRow {
    ProbeRow {
        name: probe.item.slug.clone(),
        kind: probe.item.spec.check.kind(),
        target: probe.item.spec.check.target(),
        lamp: health_views::lamp(probe.state),
        word: health_views::word(probe.state),
        why: health_views::why(probe),
        since: probe.since,
        interval: probe.item.spec.interval.to_string(),
        latency: probe.latency_us.map(health_views::millis),
        skipped: probe.skipped,
        missed: probe.missed,
    }
}

impl ProbeRow {
    /// "every 30s, 2 runs missed"
    #[must_use]
    pub fn rhythm(&self) -> String {
        let lost = |count: i64, what: &str| {
            let count = count.unsigned_abs();
            (count > 0).then(|| format!(", {} {what}", counted(count, "run", "runs")))
        };
        let missed = lost(self.missed, "missed").unwrap_or_default();
        let skipped = lost(self.skipped, "skipped").unwrap_or_default();
        format!("every {}{missed}{skipped}", self.interval)
    }
}
