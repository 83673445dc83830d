//! What the pages about releases show.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, Utc};

use super::pages::{StepForm, Typed};
use super::release::{Gate, List as Stands, Outcome, Release, State};
use super::store::Happened;
use crate::features::packs::pack::Stage;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

pub type Names = HashMap<PlatformId, String>;

/// `GET /releases`
#[derive(Template)]
#[template(path = "releases/list.html")]
pub(super) struct List {
    pub chrome: Chrome,
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
    pub open: Vec<Row>,
    pub over: Vec<Row>,
    pub next: Option<String>,
    pub may_act: bool,
}

pub(super) struct Row {
    pub id: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub name: String,
    pub platform: String,
    pub planned_at: DateTime<Utc>,
    pub by: String,
    pub ended_at: Option<DateTime<Utc>>,
}

impl Row {
    pub(super) fn of(release: &Release, names: &Names) -> Self {
        let (lamp, word) = state(release);
        Self {
            id: release.id.to_string(),
            lamp,
            word,
            name: format!("{} to {}", release.from, release.to),
            platform: names.get(&release.platform).cloned().unwrap_or_default(),
            planned_at: release.planned_at,
            by: release.proposed.name.clone(),
            ended_at: release.ended_at,
        }
    }
}

/// The lamp, the sentence and what stands below it.
pub(super) fn verdict(open: &[Release]) -> (Lamp, String, String) {
    let count = |is: fn(&Release) -> bool| open.iter().filter(|it| is(it)).count() as u64;
    let under_way = count(|it| it.state.is_under_way());
    let waiting = count(|it| it.approved.is_none() && !it.state.is_under_way());
    let detail = match waiting {
        0 => String::new(),
        1 => "1 waits to be approved.".to_owned(),
        many => format!("{many} wait to be approved."),
    };
    match under_way {
        0 => (Lamp::Clear, "No release is under way".to_owned(), detail),
        1 => (Lamp::Yellow, "1 release is under way".to_owned(), detail),
        many => {
            let many = counted(many, "release", "releases");
            (Lamp::Yellow, format!("{many} are under way"), detail)
        }
    }
}

pub(super) const fn state(release: &Release) -> (Lamp, &'static str) {
    match release.state {
        State::Draft => (Lamp::Blue, "draft"),
        State::GatesPassed => (Lamp::Blue, "gates have passed"),
        State::Deploying => (Lamp::Yellow, "being deployed"),
        State::Verifying => (Lamp::Yellow, "being verified"),
        State::Done => (Lamp::Clear, "done"),
        State::GoingBack => (Lamp::Red, "going back"),
        State::RolledBack => (Lamp::Red, "rolled back"),
        State::Abandoned => (Lamp::Unknown, "abandoned"),
    }
}

/// `GET /releases/new`
#[derive(Template)]
#[template(path = "releases/new.html")]
pub(super) struct NewPage {
    pub chrome: Chrome,
    pub platforms: Vec<(String, String)>,
    pub typed: Typed,
    pub problems: Problems,
}

/// `GET /releases/{id}`
#[derive(Template)]
#[template(path = "releases/one.html")]
pub(super) struct One {
    pub chrome: Chrome,
    pub row: Row,
    pub next: String,
    pub release: Release,
    pub list: Option<(String, String, Lamp)>,
    pub gates: Vec<GateRow>,
    /// Gates of the present step that were not asked in this round.
    pub named: Vec<String>,
    pub before: Vec<GateRow>,
    pub timeline: Vec<Happened>,
    pub may: May,
    pub form: StepForm,
    pub problems: Problems,
}

/// What the reader may do now.
#[derive(Default)]
pub(super) struct May {
    pub approve: bool,
    pub own: bool,
    pub ask: bool,
    pub start: bool,
    pub verify: bool,
    pub list_again: bool,
    pub finish: bool,
    /// No gate says that the version before is back, so that a person does.
    pub is_back: bool,
    pub roll_back: bool,
    pub abandon: bool,
}

impl May {
    pub(super) fn of(
        release: &Release,
        gates: &[Gate],
        (named, list): (usize, Stands),
        signed: &Signed,
    ) -> Self {
        let act = signed.may_at(Permission::ReleasesAct, release.platform);
        let state = release.state;
        let before = matches!(state, State::Draft | State::GatesPassed);
        let mut current = release.current(gates).into_iter();
        let asking = current.any(|gate| gate.outcome == Outcome::Pending);
        Self {
            approve: before
                && release.approved.is_none()
                && signed.may_at(Permission::ReleasesApprove, release.platform),
            own: release.proposed.person == signed.person,
            ask: act && state.stage().is_some() && !asking,
            start: act && state == State::GatesPassed,
            verify: act && state == State::Deploying,
            list_again: act && release.may_list_again(list).is_ok(),
            finish: act && state == State::Verifying && release.is_clear(gates, named),
            is_back: act && state == State::GoingBack && release.is_clear(gates, named),
            roll_back: act && state.is_under_way(),
            abandon: act && before,
        }
    }
}

pub(super) struct GateRow {
    pub id: String,
    pub name: String,
    pub stage: &'static str,
    pub lamp: Lamp,
    pub word: &'static str,
    pub value: String,
    pub source: String,
    pub asked_at: DateTime<Utc>,
    pub not_before: DateTime<Utc>,
    pub seen_at: Option<DateTime<Utc>>,
    pub overridden: Option<(String, DateTime<Utc>, String)>,
    pub may_override: bool,
}

impl GateRow {
    pub(super) fn of(release: &Release, gate: &Gate, signed: &Signed) -> Self {
        let (lamp, word) = match (&gate.overridden, gate.outcome) {
            (Some(_), _) => (Lamp::Yellow, "overridden"),
            (None, Outcome::Pending) => (Lamp::Blue, "waits for something to read"),
            (None, Outcome::Pass) => (Lamp::Clear, "passed"),
            (None, Outcome::Fail) => (Lamp::Red, "did not pass"),
            (None, Outcome::Unknown) => (Lamp::Unknown, "nobody knows"),
        };
        let over = gate.overridden.as_ref();
        Self {
            id: gate.spec.id.clone(),
            name: gate.spec.name.clone(),
            stage: match gate.spec.stage {
                Stage::Before => "before",
                Stage::After => "after",
                Stage::Rollback => "after going back",
            },
            lamp,
            word,
            value: gate.value.clone(),
            source: gate.source.clone(),
            asked_at: gate.asked_at,
            not_before: gate.not_before,
            seen_at: gate.seen_at,
            overridden: over.map(|(by, why)| (by.name.clone(), by.at, why.clone())),
            may_override: signed.may_at(Permission::ReleasesApprove, release.platform)
                && release.may_override(gate, signed.person).is_ok(),
        }
    }
}

/// What comes next, in a sentence.
pub(super) fn next(release: &Release, gates: &[Gate], named: usize, list: Stands) -> String {
    let current = release.current(gates);
    let closed = current
        .iter()
        .filter(|gate| gate.may_be_overridden())
        .count() as u64;
    let pending = current.iter().any(|gate| gate.outcome == Outcome::Pending);
    let gates = if pending {
        Some("Its gates are being asked.".to_owned())
    } else if closed > 0 {
        Some(format!(
            "{} not passed.",
            match closed {
                1 => "1 gate has".to_owned(),
                many => format!("{many} gates have"),
            }
        ))
    } else if !release.is_clear(gates, named) {
        Some("Its gates have to be asked.".to_owned())
    } else {
        None
    };
    match release.state {
        State::Draft | State::GatesPassed => {
            let mut missing = Vec::new();
            if release.approved.is_none() {
                missing.push("It waits to be approved by somebody else.".to_owned());
            }
            let about_list = match list {
                Stands::Ready => None,
                Stands::Unsigned => Some("Its checklist is not signed."),
                Stands::Unreviewed => Some(
                    "Not everything in its checklist passed: somebody else has to look it over.",
                ),
                Stands::Over => Some(
                    "Its checklist was objected to or called off, and has to be started again.",
                ),
            };
            missing.extend(about_list.map(str::to_owned));
            missing.extend(gates);
            if missing.is_empty() {
                "Everything is there: the deployment can begin.".to_owned()
            } else {
                missing.join(" ")
            }
        }
        State::Deploying => "Deploy it with your own tools, then have it verified.".to_owned(),
        State::Verifying => {
            gates.unwrap_or_else(|| "All gates have passed: it can be finished.".to_owned())
        }
        State::GoingBack => gates.unwrap_or_else(|| {
            "Put the earlier version back with your own tools, then say that it is back.".to_owned()
        }),
        State::Done | State::RolledBack | State::Abandoned => String::new(),
    }
}
