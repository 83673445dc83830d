//! What the pages of incidents show.

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use super::incident::{Cause, Incident, Means, State};
use super::review::{FollowUp, Progress, Review};
use super::store::entries::Audience;
use super::timeline::Line;
use crate::foundation::kernel::Level;
use crate::foundation::web::format::{counted, duration};
use crate::foundation::web::{Chrome, Lamp, Problems};

/// "Red, open": never the colour alone.
#[must_use]
pub fn badge(incident: &Incident) -> String {
    let level = Lamp::from(incident.level).word();
    format!("{level}, {}", incident.state.as_str())
}

/// Lit while it hurts.
#[must_use]
pub fn lamp(incident: &Incident) -> Lamp {
    match incident.state {
        State::Open | State::Mitigated => incident.level.into(),
        State::Resolved | State::Reviewed | State::Closed => Lamp::Clear,
    }
}

fn span(time: Option<chrono::TimeDelta>) -> String {
    match time.and_then(|time| time.to_std().ok()) {
        Some(std::time::Duration::ZERO) => "0 s".to_owned(),
        Some(time) => duration(time),
        None => String::new(),
    }
}

/// `GET /incidents`
#[derive(Template)]
#[template(path = "incidents/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
    pub live: Vec<Row>,
    pub over: Vec<Row>,
    pub actions: Vec<ActionRow>,
    pub means: Vec<MeansRow>,
    /// Slug and name, and which one is chosen.
    pub platforms: Vec<(String, String)>,
    pub platform: String,
    pub state: String,
    pub next: Option<String>,
    pub is_first: bool,
    pub may_open: bool,
}

impl List {
    fn states() -> [(&'static str, &'static str); 5] {
        [
            ("open", "Open"),
            ("mitigated", "Mitigated"),
            ("resolved", "Resolved"),
            ("reviewed", "Reviewed"),
            ("closed", "Closed without a review"),
        ]
    }

    fn has_means(&self) -> bool {
        self.means.iter().any(|row| row.count > 0)
    }
}

/// An incident in a list.
pub struct Row {
    pub id: String,
    pub lamp: Lamp,
    pub badge: String,
    pub title: String,
    pub platform: String,
    pub opened: DateTime<Utc>,
    pub leads: String,
    pub acknowledged: String,
    pub resolved: String,
    /// What it still waits for.
    pub waits: Option<(Lamp, String)>,
}

impl Row {
    #[must_use]
    pub fn of(incident: &Incident, platform: String, now: DateTime<Utc>) -> Self {
        let waits = match incident.state {
            State::Open | State::Mitigated if incident.commander.is_none() => {
                Some((Lamp::Yellow, "somebody to lead it".to_owned()))
            }
            State::Resolved if incident.is_review_overdue(now) => {
                Some((Lamp::Red, "its review, which is overdue".to_owned()))
            }
            State::Resolved if incident.was_red => Some((Lamp::Blue, "its review".to_owned())),
            State::Resolved => Some((Lamp::Blue, "its closing".to_owned())),
            _ => None,
        };
        Self {
            id: incident.id.to_string(),
            lamp: lamp(incident),
            badge: badge(incident),
            title: incident.title.clone(),
            platform,
            opened: incident.opened_at,
            leads: incident
                .commander
                .as_ref()
                .map_or_else(String::new, |it| it.name.clone()),
            acknowledged: span(incident.time_to_acknowledge()),
            resolved: span(incident.time_to_resolve()),
            waits,
        }
    }
}

/// How long incidents took, over some days.
pub struct MeansRow {
    pub days: i64,
    pub count: u64,
    pub acknowledge: String,
    pub resolve: String,
}

impl MeansRow {
    #[must_use]
    pub fn of(days: i64, means: &Means) -> Self {
        Self {
            days,
            count: means.count,
            acknowledge: span(means.acknowledge),
            resolve: span(means.resolve),
        }
    }
}

/// An action of a review.
pub struct ActionRow {
    pub id: String,
    pub incident: String,
    pub title: String,
    pub text: String,
    pub owner: String,
    pub due: NaiveDate,
    pub lamp: Lamp,
    pub word: &'static str,
    pub outcome: String,
    pub is_open: bool,
    pub ended: Option<(DateTime<Utc>, String)>,
}

impl ActionRow {
    #[must_use]
    pub fn of(it: &FollowUp, title: &str, now: DateTime<Utc>) -> Self {
        let (lamp, word) = match it.state {
            Progress::Open if it.is_overdue(now) => (Lamp::Red, "overdue"),
            Progress::Open => (Lamp::Blue, "open"),
            Progress::Done => (Lamp::Clear, "done"),
            Progress::Dropped => (Lamp::Unknown, "dropped"),
        };
        Self {
            id: it.id.to_string(),
            incident: it.incident.to_string(),
            title: title.to_owned(),
            text: it.text.clone(),
            owner: it.owner_name.clone(),
            due: it.due,
            lamp,
            word,
            outcome: it.outcome.clone(),
            is_open: it.state == Progress::Open,
            ended: it.ended.clone(),
        }
    }
}

/// How many are open, in one sentence.
#[must_use]
pub fn verdict(
    live: &[Incident],
    overdue_actions: u64,
    overdue_reviews: u64,
) -> (Lamp, String, String) {
    let count = live.len() as u64;
    let worst = live.iter().map(|it| it.level).max();
    let sentence = match count {
        0 => "No incident is open".to_owned(),
        1 => "1 incident is open".to_owned(),
        many => format!("{many} incidents are open"),
    };
    let mut detail = Vec::new();
    let unled = live.iter().filter(|it| it.commander.is_none()).count() as u64;
    if unled > 0 {
        let which = if unled == count && count == 1 {
            "Nobody leads it".to_owned()
        } else {
            format!("Nobody leads {unled} of them")
        };
        detail.push(which);
    }
    if overdue_reviews > 0 {
        detail.push(format!(
            "{} overdue",
            counted(overdue_reviews, "review is", "reviews are")
        ));
    }
    if overdue_actions > 0 {
        detail.push(format!(
            "{} overdue",
            counted(overdue_actions, "action is", "actions are")
        ));
    }
    let late = overdue_actions + overdue_reviews > 0;
    let lamp = match worst {
        Some(level) => level.into(),
        None if late => Lamp::Yellow,
        None => Lamp::Clear,
    };
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!("{}.", detail.join(". "))
    };
    (lamp, sentence, detail)
}

/// `GET /incidents/new`
#[derive(Template)]
#[template(path = "incidents/new.html")]
pub struct NewPage {
    pub chrome: Chrome,
    pub platforms: Vec<(String, String)>,
    /// The alert that it is opened of: its id and its name.
    pub alert: Option<(String, String)>,
    /// Those that are open already, where the alert may belong instead.
    pub others: Vec<(String, String)>,
    /// Where the alert belongs already.
    pub way: Option<(&'static str, String)>,
    pub typed: super::pages::new::Typed,
    pub problems: Problems,
}

/// `GET /incidents/{id}`
#[derive(Template)]
#[template(path = "incidents/one.html")]
pub struct OnePage {
    pub chrome: Chrome,
    pub id: String,
    pub lamp: Lamp,
    pub badge: String,
    pub platform: String,
    pub verdict: String,
    pub times: Times,
    pub incident: Incident,
    pub alerts: Vec<AlertLine>,
    pub runbooks: Vec<RunbookLine>,
    /// Those of the platform that could be opened.
    pub more_runbooks: Vec<(String, String)>,
    pub timeline: Vec<Line>,
    /// What the reader may do; nothing where they only read, or nothing is left to do.
    pub may: May,
    pub people: Vec<(String, String)>,
    /// Alerts of the platform that could be attached.
    pub free: Vec<(String, String)>,
    pub review: String,
    /// There are older lines than those of the timeline.
    pub is_cut: bool,
    /// What was typed, where its form is not there any more.
    pub unkept: Vec<String>,
    /// Where what was refused can be done.
    pub way: Option<(&'static str, String)>,
    pub form: super::pages::one::Typed,
    pub problems: Problems,
    /// The update that is being corrected.
    pub correcting: bool,
}

impl OnePage {
    fn audiences() -> [Audience; 2] {
        Audience::ALL
    }

    fn attached(&self) -> impl Iterator<Item = &AlertLine> {
        self.alerts.iter().filter(|line| line.is_attached)
    }
}

/// What a reader may do with an incident.
#[derive(Clone, Debug, Default)]
pub struct May {
    /// It is not closed for good, and they work on incidents there.
    pub act: bool,
    /// It is not resolved either.
    pub attach: bool,
    pub mitigate: bool,
    pub resolve: bool,
    pub reopen: bool,
    pub close: bool,
    pub lead: bool,
}

/// How long it took, and from what that is measured.
pub struct Times {
    pub from: String,
    pub acknowledge: String,
    pub resolve: String,
}

impl Times {
    #[must_use]
    pub fn of(incident: &Incident, has_alerts: bool) -> Self {
        let from = if has_alerts && incident.began_at < incident.opened_at {
            "the moment at which the first of its alerts fired"
        } else {
            "the moment at which it was opened"
        };
        Self {
            from: from.to_owned(),
            acknowledge: span(incident.time_to_acknowledge()),
            resolve: span(incident.time_to_resolve()),
        }
    }
}

/// What an incident is about and how it stands, in one sentence.
#[must_use]
pub fn sentence(incident: &Incident) -> String {
    let led = match &incident.commander {
        Some(held) => format!("{} leads it.", held.name),
        None => "Nobody leads it yet.".to_owned(),
    };
    let cause = match incident.cause {
        Cause::Person => format!("{} opened it.", incident.opened_name),
        Cause::Escalation => "A step of an escalation opened it.".to_owned(),
        Cause::AuditVerification | Cause::SignInStorm => {
            "Signalbox opened it by itself.".to_owned()
        }
    };
    match incident.state {
        State::Open | State::Mitigated => format!("{cause} {led}"),
        State::Resolved if incident.was_red => {
            "It is resolved, and its review is due before it is closed for good.".to_owned()
        }
        State::Resolved => "It is resolved. Close it, or write its review.".to_owned(),
        State::Reviewed => "It is closed for good, by its review.".to_owned(),
        State::Closed => "It is closed for good.".to_owned(),
    }
}

pub struct AlertLine {
    pub id: String,
    pub name: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub fired: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    pub is_attached: bool,
}

impl AlertLine {
    #[must_use]
    pub fn of(of: &super::timeline::OfIncident) -> Self {
        let alert = &of.alert;
        let (lamp, word) = if alert.firing {
            (alert.level.into(), "firing")
        } else {
            (Lamp::Unknown, "resolved")
        };
        Self {
            id: alert.id.to_string(),
            name: alert.name.clone(),
            lamp,
            word,
            fired: alert.fired_at,
            ended: alert.resolved_at,
            is_attached: of.attached.detached_at.is_none(),
        }
    }
}

/// A runbook with its steps, as far as they are ticked.
pub struct RunbookLine {
    pub id: String,
    pub title: String,
    /// Its pack has dropped it since.
    pub retired: bool,
    pub done: usize,
    pub steps: Vec<StepLine>,
}

pub struct StepLine {
    pub position: i32,
    pub text: String,
    /// Who ticked it, and when.
    pub ticked: Option<(String, DateTime<Utc>)>,
}

/// `GET /incidents/{id}/review`
#[derive(Template)]
#[template(path = "incidents/review.html")]
pub struct ReviewPage {
    pub chrome: Chrome,
    pub id: String,
    pub title: String,
    pub platform: String,
    pub lamp: Lamp,
    pub verdict: String,
    pub due: Option<DateTime<Utc>>,
    pub review: Option<Review>,
    /// What a form that is saved begins from.
    pub base: String,
    /// Somebody else has saved it since what is in the form was begun.
    pub has_moved: bool,
    /// What a signature and an approval are bound to.
    pub digest: String,
    pub actions: Vec<ActionRow>,
    pub may_write: bool,
    pub may_sign: bool,
    pub may_answer: bool,
    /// The reader wrote or signed it.
    pub is_own: bool,
    pub may_add: bool,
    pub may_end: bool,
    pub people: Vec<(String, String)>,
    pub form: super::pages::review::Typed,
    pub problems: Problems,
}

impl ReviewPage {
    fn open_actions(&self) -> impl Iterator<Item = &ActionRow> {
        self.actions.iter().filter(|row| row.is_open)
    }

    fn has_open(&self) -> bool {
        self.open_actions().next().is_some()
    }
}

/// Levels that an incident may have.
#[must_use]
pub fn level(text: &str) -> Option<Level> {
    match text {
        "red" => Some(Level::Red),
        "yellow" => Some(Level::Yellow),
        _ => None,
    }
}
