//! What the pages about alerts show.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use super::alert::acknowledge_by;
use super::store::{Alert, Change};
use crate::features::health::board::ServiceStatus;
use crate::features::health::views::{LogLine, ServiceRow};
use crate::features::packs::pack::{ItemId, ProbeState, Runbook};
use crate::features::packs::store::{Item, Watched};
use crate::foundation::kernel::{Level, PlatformId};
use crate::foundation::web::chart::{Days, Drawing};
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems, Tile};

/// `GET /`
#[derive(Template)]
#[template(path = "alerts/overview.html")]
pub struct Overview {
    pub chrome: Chrome,
    pub verdict: Verdict,
    pub attention: Vec<AlertRow>,
    pub may_act: bool,
    pub groups: Vec<Group>,
    pub services: Vec<ServiceRow>,
    pub demo: bool,
}

/// Tiles under one heading.
pub struct Group {
    pub name: &'static str,
    pub tiles: Vec<Tile>,
}

/// The whole page in one sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Verdict {
    /// Services that are down or have a red or yellow alert need attention; where none does, alerts
    /// about anything else do; then comes what nobody knows.
    #[must_use]
    pub fn of(services: &[ServiceStatus], open: &[Alert]) -> Self {
        let pressing: Vec<&Alert> = open
            .iter()
            .filter(|alert| alert.level > Level::Blue)
            .collect();
        let needs = |service: &&ServiceStatus| {
            service.state == ProbeState::Down
                || pressing
                    .iter()
                    .any(|alert| alert.service == Some(service.id))
        };
        let total = services.len() as u64;
        let needing = services.iter().filter(needs).count() as u64;
        let unknown = services
            .iter()
            .filter(|it| it.state == ProbeState::Unknown)
            .count() as u64;
        let elsewhere = pressing
            .iter()
            .filter(|alert| {
                !services
                    .iter()
                    .any(|service| alert.service == Some(service.id))
            })
            .count() as u64;
        let of_all = format!("of {}", counted(total, "service", "services"));
        let others = counted(elsewhere, "alert needs attention", "alerts need attention");
        let worst = pressing.iter().map(|alert| alert.level).max();
        let lamp = worst.map_or(Lamp::Clear, Lamp::from);
        let down = services
            .iter()
            .any(|service| service.state == ProbeState::Down);
        let said = |lamp, sentence: String, detail: String| Self {
            lamp,
            sentence,
            detail,
        };
        if total == 0 && pressing.is_empty() {
            let how = "Services come with packs: signalbox pack apply FILE.";
            return said(
                Lamp::Unknown,
                "Nothing is watched yet".to_owned(),
                how.to_owned(),
            );
        }
        if needing > 0 {
            let verb = if needing == 1 { "needs" } else { "need" };
            let detail = if elsewhere > 0 {
                format!("Beside them, {others}.")
            } else {
                String::new()
            };
            let lamp = if down { Lamp::Red } else { lamp };
            return said(lamp, format!("{needing} {of_all} {verb} attention"), detail);
        }
        if elsewhere > 0 {
            return said(lamp, others, format!("No service is down, out of {total}."));
        }
        if unknown > 0 {
            let verb = if unknown == 1 { "is" } else { "are" };
            let detail = "They have not been heard of, or not for long enough.";
            return said(
                Lamp::Unknown,
                format!("{unknown} {of_all} {verb} unknown"),
                detail.to_owned(),
            );
        }
        let sentence = if total == 1 {
            "The one service is well".to_owned()
        } else {
            format!("All {total} services are well")
        };
        said(Lamp::Clear, sentence, String::new())
    }
}

/// `GET /alerts`
#[derive(Template)]
#[template(path = "alerts/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub open: bool,
    pub rows: Vec<AlertRow>,
    pub pending: Vec<PendingRow>,
    pub may_act: bool,
    /// There are more than a page shows.
    pub storm: bool,
    pub next: Option<String>,
}

/// A condition that holds and has not lasted long enough.
pub struct PendingRow {
    pub name: String,
    pub platform: String,
    pub since: DateTime<Utc>,
}

/// An alert in a list.
pub struct AlertRow {
    pub id: String,
    pub lamp: Lamp,
    pub badge: String,
    pub name: String,
    pub platform: String,
    pub summary: String,
    pub since: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    pub owner: String,
    pub clock: Clock,
}

/// Who has it in hand, or by when somebody should.
pub enum Clock {
    Due(DateTime<Utc>),
    Overdue(DateTime<Utc>),
    Held { name: String, until: DateTime<Utc> },
    Done,
}

/// What lists need to know beside the alerts.
pub struct Directory {
    pub platforms: HashMap<PlatformId, Watched>,
    pub owners: HashMap<ItemId, String>,
}

impl Directory {
    #[must_use]
    pub fn row(&self, alert: &Alert, now: DateTime<Utc>) -> AlertRow {
        AlertRow {
            id: alert.id.to_string(),
            lamp: if alert.firing {
                alert.level.into()
            } else {
                Lamp::Unknown
            },
            badge: badge(alert, now),
            name: alert.name.clone(),
            platform: self.platform(alert.platform),
            summary: alert.summary.clone(),
            since: alert.fired_at,
            ended: alert.resolved_at,
            owner: self.owners.get(&alert.rule).cloned().unwrap_or_default(),
            clock: clock(alert, now),
        }
    }

    #[must_use]
    pub fn platform(&self, id: PlatformId) -> String {
        self.platforms
            .get(&id)
            .map(|platform| platform.name.clone())
            .unwrap_or_default()
    }
}

/// "Red, firing": never the colour alone.
fn badge(alert: &Alert, now: DateTime<Utc>) -> String {
    let level = Lamp::from(alert.level).word();
    let state = match (alert.firing, alert.is_acknowledged(now)) {
        (true, true) => "acknowledged",
        (true, false) => "firing",
        (false, _) => "resolved",
    };
    format!("{level}, {state}")
}

fn clock(alert: &Alert, now: DateTime<Utc>) -> Clock {
    match &alert.acknowledged {
        Some(held) if alert.is_acknowledged(now) && alert.firing => Clock::Held {
            name: held.name.clone(),
            until: held.until,
        },
        Some(_) if !alert.firing => Clock::Done,
        _ if !alert.is_open() => Clock::Done,
        _ => {
            let by = acknowledge_by(alert.level, alert.level_at);
            if now > by {
                Clock::Overdue(by)
            } else {
                Clock::Due(by)
            }
        }
    }
}

/// `GET /alerts/{id}`
#[derive(Template)]
#[template(path = "alerts/alert.html")]
pub struct AlertPage {
    pub chrome: Chrome,
    pub row: AlertRow,
    pub active_at: DateTime<Utc>,
    pub fingerprint: String,
    pub service: Option<(String, String)>,
    pub note: Option<String>,
    pub timeline: Vec<TimelineRow>,
    pub runbook: Option<RunbookCard>,
    /// Whether the reader may acknowledge it now; why not, where they may not.
    pub form: Option<Problems>,
    pub no_form: &'static str,
}

pub struct TimelineRow {
    pub lamp: Option<Lamp>,
    pub what: String,
    pub at: DateTime<Utc>,
    pub note: String,
}

impl From<&Change> for TimelineRow {
    fn from(change: &Change) -> Self {
        let level: Option<Level> = change.level.parse().ok();
        let named = level.map_or("", |level| Lamp::from(level).word());
        let what = match change.kind.as_str() {
            "fired" => format!("{named} alert fired"),
            "moved" => format!("Level changed, now {}", change.level),
            "acknowledged" => format!("{} acknowledged it", change.who),
            "acknowledgement_ended" => "The acknowledgement ended".to_owned(),
            _ => "Resolved".to_owned(),
        };
        let lit = matches!(change.kind.as_str(), "fired" | "moved");
        Self {
            lamp: level.filter(|_| lit).map(Lamp::from),
            what,
            at: change.at,
            note: change.text.clone(),
        }
    }
}

/// A runbook beside something that it mends.
pub struct RunbookCard {
    pub id: String,
    pub title: String,
    pub steps: Vec<String>,
    pub owner: String,
    pub version: String,
    pub next_review: NaiveDate,
    pub overdue: bool,
}

impl RunbookCard {
    #[must_use]
    pub fn of(item: &Item<Runbook>, now: DateTime<Utc>) -> Self {
        let runbook = &item.spec;
        Self {
            id: item.id.to_string(),
            title: runbook.title.clone(),
            steps: runbook.steps.clone(),
            owner: runbook.owner.clone(),
            version: runbook.version.clone(),
            next_review: runbook.next_review,
            overdue: runbook.next_review < now.date_naive(),
        }
    }
}

/// `GET /runbooks/{id}`
#[derive(Template)]
#[template(path = "alerts/runbook.html")]
pub struct RunbookPage {
    pub chrome: Chrome,
    pub runbook: RunbookCard,
    pub platform: String,
    pub retired: bool,
    /// The rules that lead here.
    pub rules: Vec<String>,
}

/// `GET /services/{id}`
#[derive(Template)]
#[template(path = "alerts/service.html")]
pub struct ServicePage {
    pub chrome: Chrome,
    pub row: ServiceRow,
    pub about: String,
    pub probes: Vec<ProbeRow>,
    pub days: Days,
    pub chart: Drawing,
    pub demo: bool,
    pub log: Vec<LogLine>,
    pub alerts: Vec<AlertRow>,
    pub runbooks: Vec<RunbookCard>,
    pub tiles: Vec<Tile>,
}

pub struct ProbeRow {
    pub name: String,
    pub kind: &'static str,
    pub target: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub why: String,
    pub since: Option<DateTime<Utc>>,
    pub interval: String,
    pub latency: Option<String>,
    pub skipped: i64,
    pub missed: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::alerts::AlertId;

    fn service(state: ProbeState) -> ServiceStatus {
        ServiceStatus {
            id: ItemId::new(),
            slug: "api".into(),
            name: "API".into(),
            about: String::new(),
            platform: Watched {
                id: PlatformId::new(),
                slug: "p".into(),
                name: "P".into(),
            },
            state,
            since: None,
            p95_us: None,
            error_share: None,
            spark: Vec::new(),
            checked_at: None,
            probes: Vec::new(),
            demo: false,
        }
    }

    fn alert(level: Level, service: Option<ItemId>) -> Alert {
        let now = Utc::now();
        Alert {
            id: AlertId::new(),
            platform: PlatformId::new(),
            rule: ItemId::new(),
            service,
            fingerprint: "0".repeat(16),
            firing: true,
            level,
            name: "A".into(),
            summary: String::new(),
            active_at: now,
            fired_at: now,
            level_at: now,
            was_red: level == Level::Red,
            resolved_at: None,
            acknowledged: None,
        }
    }

    #[test]
    fn the_verdict_counts_services_first() {
        use ProbeState::{Down, Unknown, Up};
        let check = |services: &[ServiceStatus], open: &[Alert], lamp, sentence: &str| {
            let verdict = Verdict::of(services, open);
            assert_eq!((verdict.lamp, verdict.sentence.as_str()), (lamp, sentence));
        };
        check(&[], &[], Lamp::Unknown, "Nothing is watched yet");
        check(
            &[service(Up), service(Up)],
            &[],
            Lamp::Clear,
            "All 2 services are well",
        );
        check(
            &[service(Up), service(Unknown)],
            &[],
            Lamp::Unknown,
            "1 of 2 services is unknown",
        );
        check(
            &[service(Down), service(Up)],
            &[],
            Lamp::Red,
            "1 of 2 services needs attention",
        );
        let slow = service(Up);
        let lit = alert(Level::Yellow, Some(slow.id));
        check(
            &[slow, service(Up)],
            &[lit],
            Lamp::Yellow,
            "1 of 2 services needs attention",
        );
        let elsewhere = alert(Level::Red, None);
        check(
            &[service(Up)],
            &[elsewhere],
            Lamp::Red,
            "1 alert needs attention",
        );
        check(
            &[service(Up)],
            &[alert(Level::Blue, None)],
            Lamp::Clear,
            "The one service is well",
        );
    }
}
