//! A service with everything about it.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use chrono::{DateTime, TimeDelta, Utc};

use super::figures;
use super::overview::LitSources;
use super::pages::directory;
use super::store::{self, Alert};
use super::views::{self, ProbeRow, RunbookCard};
use super::windows;
use crate::features::health::board::{self, ServiceStatus};
use crate::features::health::store::log;
use crate::features::health::store::samples::{self, Span};
use crate::features::health::views as health_views;
use crate::features::packs::accepted::{self, Accepted};
use crate::features::packs::pack::{ItemId, Probe, Rule, Runbook};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Nav, Tile, block};

/// How much of the probe log, of the changes and of the alerts the page shows.
const LOG_LINES: i64 = 50;
const CHANGES_SHOWN: i64 = 20;
const ALERTS_SHOWN: i64 = 20;
const WINDOWS_SHOWN: usize = 3;

/// `GET /services/{id}`: probes, latency, alerts and runbooks of one service.
pub async fn service(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let (app, now, zone) = (
        services.clone(),
        services.clock.now(),
        signed.preferences.zone,
    );
    let id = id.into_inner();
    let sight = Sight {
        health: signed.reach().clone(),
        alerts: signed.reach_for(Permission::AlertsRead),
        acts: signed.reach_for(Permission::AlertsAct),
        now,
    };
    let found = block(move || {
        app.db
            .read(|conn| read_service(conn, id, sight).map_err(web::Error::from))
    })
    .await?;
    let status = &found.status;
    let minutes: Vec<_> = found.minutes.values().flatten().collect();
    let days: Vec<_> = found.days.values().flatten().collect();
    let demo = minutes.iter().chain(&days).any(|sample| sample.demo);
    let known = health_views::Known {
        days,
        hours: found.hours.values().flatten().collect(),
        minutes: minutes.clone(),
    };
    let over = |probe: &Item<Probe>, measure| found.lit.over(probe, measure);
    let of_this = std::slice::from_ref(status);
    let groups = health_views::measure_tiles(of_this, &over, now);
    let measured = groups.into_iter().flat_map(|(_, tiles)| tiles);
    web::page(&views::ServicePage {
        chrome: Chrome::new(&signed, &services, &status.name, Nav::Services),
        row: status.into(),
        may_read_rules: signed.may_at(Permission::PacksRead, status.platform.id),
        about: status.about.clone(),
        probes: status.probes.iter().map(probe_row).collect(),
        days: health_views::ninety_days(&known, now),
        chart: health_views::latency_chart(&minutes, now, zone),
        demo,
        changes: found.changes,
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
        tiles: measured.chain(found.scraped).collect(),
        maintenance: found.maintenance,
        accepted: found.accepted,
    })
}

type Samples = HashMap<ItemId, Vec<samples::Sample>>;

/// What the reader of a page may see of it, and when.
struct Sight {
    health: Scope,
    alerts: Scope,
    acts: Scope,
    now: DateTime<Utc>,
}

struct Found {
    status: ServiceStatus,
    minutes: Samples,
    hours: Samples,
    days: Samples,
    lit: LitSources,
    scraped: Vec<Tile>,
    changes: Vec<health_views::ChangeLine>,
    log: Vec<health_views::LogLine>,
    alerts: Vec<Alert>,
    directory: views::Directory,
    runbooks: Vec<packs::Item<Runbook>>,
    maintenance: Vec<windows::pages::Window>,
    accepted: Vec<Accepted>,
}

fn read_service(conn: &mut Conn, id: ItemId, sight: Sight) -> db::Result<Found> {
    let now = sight.now;
    let status = board::service(conn, id, &sight.health, now)?;
    let probes: Vec<ItemId> = status.probes.iter().map(|probe| probe.item.id).collect();
    let runs = log::runs(conn, &probes, LOG_LINES)?;
    let day = health_views::CHART_STEP * health_views::CHART_STEPS;
    let changes = log::changes(conn, &probes, CHANGES_SHOWN)?;
    let mut alerts = Vec::new();
    if sight.alerts.allows(status.platform.id) {
        alerts = store::of_service(conn, id, ALERTS_SHOWN)?;
    }
    let lit = LitSources::read(conn, &alerts)?;
    let mut maintenance = Vec::new();
    if sight.alerts.allows(status.platform.id) {
        let here = Scope::one(status.platform.id);
        maintenance = windows::pages::upcoming(conn, &here, now)?;
        maintenance.retain(|it| it.is_about(id));
        maintenance.truncate(WINDOWS_SHOWN);
    }
    let slugs: Vec<&str> = status
        .probes
        .iter()
        .map(|it| it.item.slug.as_str())
        .collect();
    Ok(Found {
        accepted: accepted::among(conn, status.platform.id, accepted::OF_SCRAPE, &slugs)?,
        maintenance,
        minutes: samples::since(conn, &probes, Span::Minute, now - day)?,
        // Of the days that have no sum yet: the running one, and for a while the one before.
        hours: samples::since(conn, &probes, Span::Hour, now - TimeDelta::days(2))?,
        days: samples::since(conn, &probes, Span::Day, now - TimeDelta::days(90))?,
        log: runs
            .iter()
            .map(|run| health_views::LogLine::of(run, &status.probes))
            .collect(),
        changes: changes
            .iter()
            .map(|change| health_views::ChangeLine::of(change, &status.probes))
            .collect(),
        scraped: figures::tiles(conn, &status, &lit, now)?,
        lit,
        alerts,
        directory: directory(conn, sight.acts, now)?,
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
        timed: probe.item.spec.check.is_asked(),
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
