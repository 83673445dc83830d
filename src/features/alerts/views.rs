//! What the pages about alerts show.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::clock::acknowledge_by;
use super::labels::Labels;
use super::silences::views::LENGTHS;
use super::store::timeline::Change;
use super::store::{Alert, Assigned};
use super::suppression::{Reason, Suppression};
use super::telling::Telling;
use super::verdict::Verdict;
use super::windows;
use crate::features::health::views::{ChangeLine, LogLine, ServiceRow};
use crate::features::packs::accepted::Accepted;
use crate::features::packs::pack::{ItemId, Runbook};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::{Item, Watched};
use crate::foundation::kernel::{Level, PersonId, PlatformId, Scope};
use crate::foundation::web::chart::Drawing;
use crate::foundation::web::spark::Days;
use crate::foundation::web::{Chrome, Lamp, Problems, Tile};

/// `GET /`
#[derive(Template)]
#[template(path = "alerts/overview.html")]
pub struct Overview {
    pub chrome: Chrome,
    pub verdict: Verdict,
    pub attention: Vec<AlertRow>,
    pub groups: Vec<Group>,
    pub services: Vec<ServiceRow>,
    pub demo: bool,
    /// Windows that are now or soon.
    pub maintenance: Vec<windows::pages::Window>,
    /// Where services can be broken and mended; in the demo only.
    pub simulator: Option<String>,
}

/// Tiles under one heading.
pub struct Group {
    pub name: &'static str,
    pub tiles: Vec<Tile>,
}

/// `GET /alerts`
#[derive(Template)]
#[template(path = "alerts/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub open: bool,
    /// Of them, only the reader's.
    pub mine: bool,
    pub groups: Vec<AlertGroup>,
    pub pending: Vec<PendingRow>,
    /// Whether any of them may be acknowledged.
    pub may_act: bool,
    /// How many silences of red alerts nobody has countersigned in time, and whether there are some.
    pub overdue: String,
    pub is_overdue: bool,
    /// There are more than a page shows.
    pub storm: bool,
    pub next: Option<String>,
    /// What was wrong with the form, and the note that was typed into it.
    pub problems: Problems,
    pub note: String,
}

impl List {
    fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.rows.is_empty())
    }
}

/// The alerts of one platform; of several, where what counts is the time.
pub struct AlertGroup {
    pub platform: Option<String>,
    pub rows: Vec<AlertRow>,
}

impl AlertGroup {
    /// Alerts under their platforms: the platform of the most urgent one first, and each in its order.
    #[must_use]
    pub fn by_platform(rows: Vec<AlertRow>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for row in rows {
            let of = |group: &&mut Self| group.platform.as_ref() == Some(&row.platform);
            match groups.iter_mut().find(of) {
                Some(group) => group.rows.push(row),
                None => groups.push(Self {
                    platform: Some(row.platform.clone()),
                    rows: vec![row],
                }),
            }
        }
        groups
    }
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
    /// "97.4 %", where that is not what the summary says.
    pub reading: String,
    pub since: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    pub owner: String,
    /// Who is to see to it.
    pub assigned: String,
    pub clock: Clock,
    /// Whether the reader may acknowledge it.
    pub may_act: bool,
    /// It is ticked.
    pub chosen: bool,
    /// Why nobody is told of it.
    pub suppressed: Vec<Reason>,
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
    /// Where the reader may acknowledge.
    pub acts: Scope,
    /// What keeps notices back; nothing where it is not shown.
    pub suppression: Option<Suppression>,
}

impl Directory {
    #[must_use]
    pub fn row(&self, alert: &Alert, now: DateTime<Utc>) -> AlertRow {
        let news = alert.firing && !alert.summary.contains(&alert.reading);
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
            reading: if news {
                alert.reading.clone()
            } else {
                String::new()
            },
            since: alert.fired_at,
            ended: alert.resolved_at,
            owner: alert
                .rule
                .and_then(|rule| self.owners.get(&rule).cloned())
                .unwrap_or_default(),
            assigned: alert
                .assigned
                .as_ref()
                .map(|it| it.name.clone())
                .unwrap_or_default(),
            clock: clock(alert, self.zone(alert.platform), now),
            may_act: alert.is_open() && self.acts.allows(alert.platform),
            chosen: false,
            suppressed: self
                .suppression
                .as_ref()
                .map(|it| it.of(alert))
                .unwrap_or_default(),
        }
    }

    fn zone(&self, id: PlatformId) -> Tz {
        self.platforms
            .get(&id)
            .map_or(Tz::UTC, |platform| platform.zone)
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
        (true, false) if alert.flapping_since.is_some() => "comes and goes",
        (true, false) => "firing",
        (false, _) => "resolved",
    };
    format!("{level}, {state}")
}

fn clock(alert: &Alert, zone: Tz, now: DateTime<Utc>) -> Clock {
    match &alert.acknowledged {
        Some(held) if alert.is_acknowledged(now) && alert.firing => Clock::Held {
            name: held.name.clone(),
            until: held.until,
        },
        Some(_) if !alert.firing => Clock::Done,
        _ if !alert.is_open() => Clock::Done,
        _ => {
            let by = acknowledge_by(alert.level, alert.waits_since(), zone);
            if now > by {
                Clock::Overdue(by)
            } else {
                Clock::Due(by)
            }
        }
    }
}

/// For how long somebody takes an alert in hand.
pub const HOLDS: [(&str, &str); 5] = [
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
];

/// One of these lengths.
pub fn length(known: &[(&str, &str)], chosen: &str) -> Option<TimeDelta> {
    let lasts: Lasting = chosen.parse().ok()?;
    let is_known = known.iter().any(|(value, _)| *value == chosen);
    is_known.then(|| lasts.delta())
}

/// `GET /alerts/{id}`
#[derive(Template)]
#[template(path = "alerts/alert.html")]
pub struct AlertPage {
    pub chrome: Chrome,
    pub row: AlertRow,
    pub active_at: DateTime<Utc>,
    /// What lit it, for those who may read packs.
    pub rule: Option<ItemId>,
    pub fingerprint: String,
    /// Names and values, with how bad it is.
    pub labels: Labels,
    pub service: Option<(String, String)>,
    pub note: Option<String>,
    /// Who has it in hand, whom another acknowledgement takes it over from.
    pub held_by: Option<String>,
    /// Who was told of it.
    pub telling: Telling,
    pub timeline: Vec<TimelineRow>,
    pub runbook: Option<RunbookCard>,
    /// Whether the reader may acknowledge it now; why not, where they may not.
    pub form: bool,
    pub no_form: &'static str,
    /// What was wrong with the form that came back.
    pub problems: Problems,
    /// The note that was typed into it, and what was typed to put it aside.
    pub typed: String,
    pub holds: String,
    pub lasts: String,
    pub reason: String,
    /// Whether somebody has it in hand whom the reader may relieve of it.
    pub may_let_go: bool,
    pub assigned: Option<Assigned>,
    pub is_mine: bool,
    pub me: PersonId,
    /// To whom the reader may give it.
    pub candidates: Vec<(PersonId, String)>,
    /// Whether the reader may silence it: it is lit.
    pub may_silence: bool,
    /// The incident that it belongs to, or did last: its page, its title, and whether it is not resolved. For those who
    /// may read it.
    pub incident: Option<(String, String, bool)>,
    /// Whether the reader may open one of it.
    pub may_declare: bool,
}

impl AlertPage {
    fn is_chosen(&self, id: &PersonId) -> bool {
        self.assigned.as_ref().is_some_and(|it| it.to == *id)
    }
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
            "reported" => "Reported again".to_owned(),
            "flapping" => "It comes and goes".to_owned(),
            "settled" => "Quiet again".to_owned(),
            "acknowledged" => format!("{} acknowledged it", change.who),
            "acknowledgement_ended" => "The acknowledgement ended".to_owned(),
            "let_go" => format!("{} let it go", change.who),
            "assigned" => format!("{} assigned it", change.who),
            "snoozed" => format!("Snoozed by {}", change.who),
            "silenced" => format!("Silenced by {}", change.who),
            "silence_ending" => "Its silence ends soon".to_owned(),
            "silence_ended" => format!("{} ended its silence", change.who),
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

/// `GET /services/{id}`
#[derive(Template)]
#[template(path = "alerts/service.html")]
pub struct ServicePage {
    pub chrome: Chrome,
    pub row: ServiceRow,
    pub may_read_rules: bool,
    pub about: String,
    pub probes: Vec<ProbeRow>,
    pub days: Days,
    pub chart: Drawing,
    pub demo: bool,
    pub changes: Vec<ChangeLine>,
    pub log: Vec<LogLine>,
    pub alerts: Vec<AlertRow>,
    pub runbooks: Vec<RunbookCard>,
    pub tiles: Vec<Tile>,
    /// Windows that concern it, now and soon.
    pub maintenance: Vec<windows::pages::Window>,
    /// What the linter says of its scrapes, and why the pack lives with that.
    pub accepted: Vec<Accepted>,
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
    /// Whether there is an answer to wait for.
    pub timed: bool,
    pub latency: Option<String>,
    pub skipped: i64,
    pub missed: i64,
}
