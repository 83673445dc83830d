//! The Overview: everything that is watched, in one sentence, then in tiles, then in a table.

use std::collections::HashMap;

use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};

use super::figures;
use super::pages::directory;
use super::store::{self, Alert, rules};
use super::verdict::Verdict;
use super::views::{self, Group};
use super::windows;
use crate::features::connectors;
use crate::features::health::board::{self, ServiceStatus};
use crate::features::health::store::reports;
use crate::features::health::views as health_views;
use crate::features::heartbeats;
use crate::features::packs::pack::{Indicator, ItemId, Measure, Probe, Rule, Source};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{self, Log};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, PlatformId, Scope};
use crate::foundation::web::format::number;
use crate::foundation::web::{self, Chrome, Lamp, Nav, Tile, block};

/// Maintenance is told of so long ahead.
const SOON: TimeDelta = TimeDelta::hours(48);

/// Unsealed for longer than this, and the seal is behind.
const SEAL_LATE: TimeDelta = TimeDelta::seconds(60);

/// Rules are evaluated every two seconds; silence for this long means that nobody does.
pub(super) const TICK_LATE: TimeDelta = TimeDelta::seconds(20);

/// `GET /` for who is signed in.
pub async fn overview(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, now) = (services.clone(), services.clock.now());
    if !signed.may(Permission::HealthRead) && !signed.may(Permission::AlertsRead) {
        return web::page(&views::Overview {
            chrome: Chrome::new(&signed, &services, "Overview", Nav::Overview),
            verdict: Verdict::nothing_to_see(),
            attention: Vec::new(),
            groups: Vec::new(),
            demo: false,
            services: Vec::new(),
            maintenance: Vec::new(),
            simulator: None,
        });
    }
    // The page is everybody's front door, so what it shows is asked for part by part.
    let within = |permission| signed.reach_for(permission).narrowed(signed.platform);
    let health = within(Permission::HealthRead);
    let alerts = within(Permission::AlertsRead);
    let acts = signed.reach_for(Permission::AlertsAct);
    let (board, open, directory, groups, maintenance) = block(move || {
        app.db.read(|conn| {
            let board = board::services(conn, &health, now)?;
            let open = store::open(conn, &alerts)?;
            let groups = groups(conn, &health, &board, &open, now)?;
            let mut maintenance = windows::pages::upcoming(conn, &alerts, now)?;
            maintenance.retain(|it| it.starts - now < SOON);
            let directory = directory(conn, acts, now)?;
            Ok::<_, web::Error>((board, open, directory, groups, maintenance))
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
        groups,
        maintenance,
        demo: board.iter().any(|service| service.demo),
        services: board.iter().map(health_views::ServiceRow::from).collect(),
        simulator: services.config.simulator_url(),
    })
}

fn groups(
    conn: &mut Conn,
    scope: &Scope,
    board: &[ServiceStatus],
    open: &[Alert],
    now: DateTime<Utc>,
) -> db::Result<Vec<Group>> {
    let lit = LitSources::read(conn, open)?;
    let over = |probe: &Item<Probe>, measure| lit.over(probe, measure);
    let mut signalbox = vec![alerts_tile(conn, open, now)?];
    let beats = heartbeats::board::all(conn, scope, now)?;
    signalbox.extend(heartbeats::views::tile(&beats));
    let calls = connectors::board::rows(conn, scope, now)?;
    signalbox.extend(connectors::views::tile(&calls));
    // The log is of all platforms together.
    if *scope == Scope::All {
        signalbox.push(seal_tile(conn, now)?);
    }
    let groups = [
        ("Alerts and evidence", signalbox),
        ("Indicators", indicator_tiles(conn, scope, &lit, now)?),
        ("Metrics", figures::of_rules(conn, board, &lit, now)?),
    ];
    let groups = groups
        .into_iter()
        .chain(health_views::measure_tiles(board, &over, now));
    let filled = groups.filter(|(_, tiles)| !tiles.is_empty());
    Ok(filled.map(|(name, tiles)| Group { name, tiles }).collect())
}

fn alerts_tile(conn: &mut Conn, open: &[Alert], now: DateTime<Utc>) -> db::Result<Tile> {
    let Some(evaluated) = rules::last_tick(conn)? else {
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

/// Tiles of all indicators; one that nobody has ever reported says so.
fn indicator_tiles(
    conn: &mut Conn,
    scope: &Scope,
    lit: &LitSources,
    now: DateTime<Utc>,
) -> db::Result<Vec<Tile>> {
    let indicators = packs::live_within::<Indicator>(conn, scope)?;
    let ids: Vec<ItemId> = indicators.iter().map(|item| item.id).collect();
    let reports = reports::last_reports(conn, &ids)?;
    let platforms: HashMap<PlatformId, String> = packs::platforms(conn)?
        .into_iter()
        .map(|platform| (platform.id, platform.name))
        .collect();
    let tiles = indicators.iter().map(|item| {
        let report = reports.get(&item.id);
        let whose = platforms.get(&item.platform).map_or("", String::as_str);
        health_views::indicator_tile(item, report, lit.of_indicator(item), now)
            .note(whose)
            .href(format!("/indicators/{}", item.id))
    });
    Ok(tiles.collect())
}

/// The lamps that are lit, by what their rules read.
pub(super) struct LitSources(HashMap<PlatformId, Vec<(Source, Level)>>);

impl LitSources {
    pub(super) fn read(conn: &mut Conn, open: &[Alert]) -> db::Result<Self> {
        let lit: HashMap<ItemId, Level> = open
            .iter()
            .filter(|alert| alert.firing)
            .filter_map(|alert| Some((alert.rule?, alert.level)))
            .collect();
        let mut by_platform: HashMap<_, Vec<_>> = HashMap::new();
        for rule in packs::live::<Rule>(conn)? {
            if let Some(level) = lit.get(&rule.id) {
                let of = by_platform.entry(rule.platform).or_default();
                of.push((rule.spec.on, *level));
            }
        }
        Ok(Self(by_platform))
    }

    /// The worst lamp over a figure of a probe.
    pub(super) fn over(&self, probe: &Item<Probe>, measure: Measure) -> Option<Lamp> {
        self.worst(
            probe.platform,
            |on| matches!(on, Source::Measure(of) if of.probe == probe.slug && of.name == measure),
        )
    }

    /// The worst lamp over this source itself.
    pub(super) fn over_source(&self, platform: PlatformId, source: &Source) -> Option<Lamp> {
        self.worst(platform, |on| on == source)
    }

    fn of_indicator(&self, indicator: &Item<Indicator>) -> Option<Lamp> {
        self.worst(indicator.platform, |on| {
            matches!(on, Source::Indicator(slug) | Source::Age(slug) if *slug == indicator.slug)
        })
    }

    fn worst(&self, platform: PlatformId, reads: impl Fn(&Source) -> bool) -> Option<Lamp> {
        let of = self.0.get(&platform)?;
        let levels = of
            .iter()
            .filter(|(on, _)| reads(on))
            .map(|(_, level)| *level);
        levels.max().map(Lamp::from)
    }
}
