//! What the pages about checklists show.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, Utc};

use super::run::{self, Answer, Gap, Run, Shown, State};
use super::words;
use crate::features::alerts::store::Alert;
use crate::features::packs::pack::{CheckItem, Checklist, Evidence};
use crate::features::packs::store::{Item, Watched};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::format::{bytes, counted};
use crate::foundation::web::{Chrome, Lamp, Problems};

/// The platforms, by id.
pub type Platforms = HashMap<PlatformId, Watched>;

fn name_of(platforms: &Platforms, id: PlatformId) -> String {
    platforms
        .get(&id)
        .map_or_else(String::new, |it| it.name.clone())
}

/// `GET /checklists`
#[derive(Template)]
#[template(path = "checklists/list.html")]
pub(super) struct List {
    pub chrome: Chrome,
    pub verdict: Verdict,
    pub waiting: Vec<Row>,
    /// Others that wait, and are due later.
    pub more: usize,
    pub lists: Vec<ListRow>,
    pub over: Vec<Row>,
    pub next: Option<String>,
    /// What waits stands on the first page alone.
    pub is_first: bool,
}

pub(super) struct Verdict {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Verdict {
    /// Of what waits, whom for, and how much of it too long.
    pub(super) fn of(waiting: &[Row], lists: usize) -> Self {
        let mine = waiting.iter().filter(|row| row.mine).count() as u64;
        let overdue = waiting.iter().filter(|row| row.overdue).count();
        let late = match overdue {
            0 => String::new(),
            1 => "; 1 is overdue".to_owned(),
            many => format!("; {many} are overdue"),
        };
        let verb = if mine == 1 { "waits" } else { "wait" };
        let sentence = match mine {
            0 if lists == 0 => "No list is to be gone through yet".to_owned(),
            0 => format!("No checklist waits for you{late}"),
            many => format!(
                "{} {verb} for you{late}",
                counted(many, "checklist", "checklists")
            ),
        };
        let others = waiting.len() as u64 - mine;
        let detail = if others == 0 {
            String::new()
        } else {
            format!(
                "{} for others.",
                match others {
                    1 => "1 waits".to_owned(),
                    many => format!("{many} wait"),
                }
            )
        };
        Self {
            lamp: match (overdue, mine, lists) {
                (1.., ..) => Lamp::Red,
                (_, 1.., _) => Lamp::Yellow,
                (_, _, 0) => Lamp::Unknown,
                _ => Lamp::Clear,
            },
            sentence,
            detail,
        }
    }
}

/// A run in a list.
pub(super) struct Row {
    pub id: String,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: String,
    pub slot: DateTime<Utc>,
    pub deadline: Option<DateTime<Utc>>,
    pub by: String,
    pub subject: String,
    pub mine: bool,
    pub overdue: bool,
}

impl Row {
    pub(super) fn of(
        run: &Run,
        platforms: &Platforms,
        signed: &Signed,
        now: DateTime<Utc>,
    ) -> Self {
        let (lamp, word) = words::state(run, now);
        let signer = run.signature.as_ref().map(|it| it.name.as_str());
        let reviewer = run.review.as_ref().map(|it| it.name.as_str());
        let by: Vec<&str> = signer.into_iter().chain(reviewer).collect();
        Self {
            id: run.id.to_string(),
            name: run.name.clone(),
            platform: name_of(platforms, run.platform),
            lamp,
            word,
            slot: run.slot,
            deadline: run.deadline(),
            by: by.join(", then "),
            subject: run.subject.clone(),
            mine: is_mine(run, signed),
            overdue: run.is_overdue(now),
        }
    }
}

/// Whether the reader can do what comes next.
fn is_mine(run: &Run, signed: &Signed) -> bool {
    match (&run.state, &run.signature) {
        (State::Open, _) => signed.may_at(Permission::ChecklistsAct, run.platform),
        (State::Signed, Some(signature)) => {
            signed.may_at(Permission::ChecklistsReview, run.platform)
                && !signature.performers.contains(&signed.person)
        }
        _ => false,
    }
}

/// A list that a pack names.
pub(super) struct ListRow {
    pub id: String,
    pub name: String,
    pub platform: String,
    pub when: String,
    pub items: String,
    pub owner: String,
}

impl ListRow {
    pub(super) fn of(list: &Item<Checklist>, platforms: &Platforms) -> Self {
        let zone = platforms
            .get(&list.platform)
            .map_or("UTC", |it| it.zone.name());
        let read = list.spec.items.iter().filter(|item| item.is_read()).count();
        let all = counted(list.spec.items.len() as u64, "item", "items");
        let items = match read {
            0 => format!("{all}, by hand"),
            read if read == list.spec.items.len() => format!("{all}, read by themselves"),
            read => format!("{all}, {read} read by themselves"),
        };
        Self {
            id: list.id.to_string(),
            name: list.name.clone(),
            platform: name_of(platforms, list.platform),
            when: words::when(&list.spec, zone),
            items,
            owner: list.spec.owner.clone(),
        }
    }
}

/// `GET /checklists/{id}`
#[derive(Template)]
#[template(path = "checklists/history.html")]
pub(super) struct History {
    pub chrome: Chrome,
    pub row: ListRow,
    pub about: String,
    pub lines: Vec<(String, String)>,
    pub runs: Vec<Row>,
    /// Whether the reader may start it; why not, where they may not.
    pub may_start: bool,
    pub by_itself: bool,
    pub next: Option<String>,
    pub subject: String,
    pub problems: Problems,
}

/// What an item asks for, in words.
pub(super) fn asked(item: &CheckItem) -> String {
    let read = match (&item.read, item.is_read()) {
        (Some(source), true) => format!("read: {source}"),
        (Some(source), false) => format!("judged by a person, who is shown {source}"),
        (None, _) => "by hand".to_owned(),
    };
    match item.evidence {
        Evidence::None => read,
        Evidence::Optional => format!("{read}; evidence can be added"),
        Evidence::Required => format!("{read}; with evidence"),
    }
}

/// `GET /checklists/runs/{id}`
#[derive(Template)]
#[template(path = "checklists/run.html")]
pub(super) struct One {
    pub chrome: Chrome,
    pub facts: Facts,
    pub lines: Vec<Line>,
    /// What a signature is bound to.
    pub stands: String,
    pub gaps: usize,
    pub may_act: bool,
    pub may_sign: bool,
    pub may_review: bool,
    /// Whether the reader went through it, so that somebody else has to review it.
    pub own: bool,
    pub may_call_off: bool,
    pub reads: bool,
    pub note: String,
    pub why: String,
    pub problems: Problems,
}

/// What stands above the items, on the page and on paper.
pub(super) struct Facts {
    pub id: String,
    pub list: String,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: String,
    pub about: String,
    pub subject: String,
    pub slot: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub opened_by: String,
    pub due_at: DateTime<Utc>,
    pub window: Option<String>,
    pub signed: Option<(DateTime<Utc>, String)>,
    pub digest: String,
    pub reviewed: Option<(DateTime<Utc>, String, String)>,
    pub ended: Option<(DateTime<Utc>, String)>,
    pub sentence: String,
}

impl Facts {
    pub(super) fn of(
        run: &Run,
        answers: &[Answer],
        platforms: &Platforms,
        now: DateTime<Utc>,
    ) -> Self {
        let (lamp, word) = words::state(run, now);
        let signature = run.signature.as_ref();
        Self {
            id: run.id.to_string(),
            list: run.item.to_string(),
            name: run.name.clone(),
            platform: name_of(platforms, run.platform),
            sentence: sentence(run, answers, &word),
            lamp,
            word,
            about: run.spec.about.clone(),
            subject: run.subject.clone(),
            slot: run.slot,
            opened_at: run.opened_at,
            opened_by: run.opened_name.clone(),
            due_at: run.due_at,
            window: run.window.map(|id| id.to_string()),
            signed: signature.map(|it| (it.at, it.name.clone())),
            digest: signature
                .map(|it| hex::encode(&it.digest))
                .unwrap_or_default(),
            reviewed: run
                .review
                .as_ref()
                .map(|it| (it.at, it.name.clone(), it.note.clone())),
            ended: run.ended.clone(),
        }
    }
}

/// "2 of 4 items are not as they should be; to be signed"
fn sentence(run: &Run, answers: &[Answer], word: &str) -> String {
    let all = run.spec.items.len();
    if matches!(run.state, State::Missed | State::CalledOff) {
        return format!("{}: {word}", run.name);
    }
    match run::failed(run, answers) {
        0 => format!("{}: {word}", run.name),
        1 => format!("1 of {all} items is not as it should be; {word}"),
        failed => format!("{failed} of {all} items are not as they should be; {word}"),
    }
}

/// An item, and what was answered.
pub(super) struct Line {
    pub id: String,
    pub text: String,
    pub asked: String,
    pub is_read: bool,
    pub answer: Option<AnswerView>,
    pub files: Vec<FileView>,
    pub gap: Option<&'static str>,
}

pub(super) struct AnswerView {
    pub lamp: Lamp,
    pub word: &'static str,
    pub value: String,
    pub source: String,
    pub seen_at: Option<DateTime<Utc>>,
    pub at: DateTime<Utc>,
    pub by: String,
    pub note: String,
    pub reference: String,
    pub alert: Option<String>,
}

pub(super) struct FileView {
    pub id: String,
    pub by: String,
    pub at: DateTime<Utc>,
    pub bytes: String,
    pub sha256: String,
}

impl Line {
    pub(super) fn all(run: &Run, answers: &[Answer], shown: &[Shown]) -> Vec<Self> {
        let gaps = run.gaps(answers, shown);
        let gap = |id: &str| {
            let found = gaps.iter().find(|(item, _)| item.id == id);
            found.map(|(_, gap)| Gap::as_str(*gap))
        };
        let line = |item: &CheckItem| Self {
            id: item.id.clone(),
            text: item.text.clone(),
            asked: asked(item),
            is_read: item.is_read(),
            answer: run::last(&item.id, answers).map(|answer| AnswerView::of(item, answer)),
            files: files(&item.id, shown),
            gap: gap(&item.id),
        };
        run.spec.items.iter().map(line).collect()
    }
}

pub(super) fn files(item: &str, shown: &[Shown]) -> Vec<FileView> {
    let of_item = shown.iter().filter(|file| file.item == item);
    of_item
        .map(|file| FileView {
            id: file.id.to_string(),
            by: file.name.clone(),
            at: file.at,
            bytes: bytes(file.bytes.unsigned_abs()),
            sha256: hex::encode(&file.sha256),
        })
        .collect()
}

impl AnswerView {
    pub(super) fn of(item: &CheckItem, answer: &Answer) -> Self {
        let waits = !item.is_read() && answer.by.is_none();
        let (lamp, word) = if waits {
            (Lamp::Unknown, "to be judged")
        } else {
            words::outcome(answer.outcome)
        };
        Self {
            lamp,
            word,
            value: answer.value.clone(),
            source: answer.source.clone(),
            seen_at: answer.seen_at,
            at: answer.at,
            by: answer.name.clone(),
            note: answer.note.clone(),
            reference: answer.reference.clone(),
            alert: answer.alert.map(|id| id.to_string()),
        }
    }
}

/// `GET /checklists/runs/{id}/items/{item}`
#[derive(Template)]
#[template(path = "checklists/item.html")]
pub(super) struct ItemPage {
    pub chrome: Chrome,
    pub run: String,
    pub name: String,
    pub platform: String,
    pub line: Line,
    pub given: Vec<AnswerView>,
    pub may_act: bool,
    pub takes_files: bool,
    pub alerts: Vec<(String, String)>,
    pub form: super::items::Typed,
    pub problems: Problems,
}

pub(super) fn alert_choices(open: &[Alert]) -> Vec<(String, String)> {
    open.iter()
        .map(|alert| (alert.id.to_string(), alert.name.clone()))
        .collect()
}

/// `GET /checklists/runs/{id}/print`
#[derive(Template)]
#[template(path = "checklists/print.html")]
pub(super) struct Sheet {
    pub chrome: Chrome,
    pub facts: Facts,
    pub lines: Vec<Line>,
}
