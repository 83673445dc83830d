use askama::Template;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Country;
use super::batch::{Batch, State};
use super::pages::{Asked, UploadForm};
use super::store::{Platform, Rejection, SubjectLine};
use super::subject::{Risk, Status, SubjectKind};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::web::format::number;
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp, filters};

/// A choice of a select box.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen: value == chosen,
    }
}

fn platform_choices(platforms: &[Platform], chosen: &str) -> Vec<Choice> {
    platforms
        .iter()
        .map(|platform| choice(&platform.slug, &platform.name, chosen))
        .collect()
}

/// A state in a word, with its lamp.
pub struct Standing {
    pub lamp: Lamp,
    pub word: &'static str,
}

fn standing(batch: &Batch) -> Standing {
    let (lamp, word) = match batch.state {
        State::Waiting => (Lamp::Unknown, "Waiting to be read"),
        State::Reading => (Lamp::Blue, "Being read"),
        State::Done if batch.counts.rejected > 0 => (Lamp::Yellow, "Done, some rows rejected"),
        State::Done => (Lamp::Clear, "Done"),
        State::Refused => (Lamp::Red, "Refused"),
        State::Cancelled => (Lamp::Yellow, "Cancelled"),
    };
    Standing { lamp, word }
}

/// Who handed it in, as far as that needs no name: people stand in the audit log by their id.
fn source(batch: &Batch) -> String {
    match batch.created_by.strip_prefix("command_line:") {
        Some(user) => format!("{user} at the command line"),
        None => "Upload".to_owned(),
    }
}

#[derive(Template)]
#[template(path = "intake/batches.html")]
pub(super) struct Batches {
    chrome: Chrome,
    may_upload: bool,
    form: UploadForm,
    platforms: Vec<Choice>,
    rows: Vec<BatchLine>,
    next: Option<String>,
    previous: Option<String>,
}

struct BatchLine {
    batch: Batch,
    standing: Standing,
    platform: String,
    source: String,
}

impl Batches {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        form: UploadForm,
        platforms: Vec<Platform>,
        page: Page<Batch>,
    ) -> Self {
        let link = |cursor: Option<String>| cursor.map(|c| format!("/intake?cursor={c}"));
        let name = |id| {
            let found = platforms.iter().find(|platform| platform.id == id);
            found.map_or_else(String::new, |platform| platform.name.clone())
        };
        Self {
            chrome,
            may_upload: signed.may(Permission::IntakeWrite),
            platforms: platform_choices(&platforms, &form.platform),
            form,
            next: link(page.next),
            previous: link(page.previous),
            rows: page
                .items
                .into_iter()
                .map(|batch| BatchLine {
                    standing: standing(&batch),
                    platform: name(batch.platform),
                    source: source(&batch),
                    batch,
                })
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "intake/batch.html")]
pub(super) struct BatchPage {
    chrome: Chrome,
    batch: Batch,
    platform: String,
    source: String,
    standing: Standing,
    sha256: Option<String>,
    /// "3,100 rows a second".
    rate: String,
    rejections: Vec<Rejection>,
    next: Option<String>,
    previous: Option<String>,
}

impl BatchPage {
    pub fn new(
        chrome: Chrome,
        batch: Batch,
        platform: String,
        rejections: Page<Rejection>,
    ) -> Self {
        let link = |cursor: Option<String>| {
            cursor.map(|cursor| format!("/intake/{}?cursor={cursor}", batch.id))
        };
        Self {
            rate: rate(&batch, chrome.now),
            source: source(&batch),
            standing: standing(&batch),
            sha256: batch.sha256.as_ref().map(hex::encode),
            next: link(rejections.next),
            previous: link(rejections.previous),
            rejections: rejections.items,
            chrome,
            platform,
            batch,
        }
    }
}

/// How fast it went, and how long it still takes, from what has been read so far.
fn rate(batch: &Batch, now: DateTime<Utc>) -> String {
    let Some(started) = batch.started_at else {
        return String::new();
    };
    let took = (batch.finished_at.unwrap_or(now) - started).num_milliseconds();
    let rows = i64::try_from(batch.counts.rows()).unwrap_or(i64::MAX);
    if took < 100 || rows == 0 {
        return String::new();
    }
    let per_second = rows.saturating_mul(1_000) / took;
    let speed = format!("{} rows a second", number(per_second));
    let left = batch
        .lines_total
        .filter(|_| batch.state.is_open() && batch.lines_read > 0)
        .map(|total| {
            let lines = i64::try_from(batch.lines_read).unwrap_or(i64::MAX).max(1);
            let left = i64::try_from(total.saturating_sub(batch.lines_read)).unwrap_or(i64::MAX);
            left.saturating_mul(took) / lines / 1_000
        });
    match left {
        Some(seconds) if seconds >= 60 => format!("{speed}, about {} min left", seconds / 60 + 1),
        Some(seconds) => format!("{speed}, about {} s left", seconds + 1),
        None => speed,
    }
}

#[derive(Template)]
#[template(path = "intake/subjects.html")]
pub(super) struct Subjects {
    chrome: Chrome,
    asked: Asked,
    filtered: bool,
    platforms: Vec<Choice>,
    statuses: Vec<Choice>,
    risks: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<SubjectRow>,
    next: Option<String>,
    previous: Option<String>,
}

struct SubjectRow {
    line: SubjectLine,
    platform: String,
    status: Standing,
    risk: Option<Standing>,
    country: Option<&'static str>,
}

pub fn status_lamp(status: Status) -> Standing {
    let lamp = match status {
        Status::NotStarted | Status::Pending => Lamp::Unknown,
        Status::InReview => Lamp::Blue,
        Status::Approved => Lamp::Clear,
        Status::Rejected => Lamp::Red,
        Status::Expired => Lamp::Yellow,
    };
    Standing {
        lamp,
        word: status.label(),
    }
}

pub fn risk_lamp(risk: Risk) -> Standing {
    let lamp = match risk {
        Risk::Low => Lamp::Clear,
        Risk::Medium => Lamp::Blue,
        Risk::High => Lamp::Yellow,
        Risk::Prohibited => Lamp::Red,
    };
    Standing {
        lamp,
        word: risk.label(),
    }
}

impl Subjects {
    pub fn new(
        chrome: Chrome,
        asked: Asked,
        platforms: Vec<Platform>,
        page: Page<SubjectLine>,
    ) -> Self {
        let link = |cursor: Option<String>| cursor.map(|cursor| address(&asked, &cursor));
        let name = |id| {
            let found = platforms.iter().find(|platform| platform.id == id);
            found.map_or_else(String::new, |platform| platform.name.clone())
        };
        let filters = [
            &asked.q,
            &asked.platform,
            &asked.status,
            &asked.risk,
            &asked.kind,
        ];
        Self {
            chrome,
            filtered: filters.iter().any(|text| !text.is_empty()),
            platforms: platform_choices(&platforms, &asked.platform),
            statuses: Status::ALL
                .map(|status| choice(status.as_str(), status.label(), &asked.status))
                .into(),
            risks: Risk::ALL
                .map(|risk| choice(risk.as_str(), risk.label(), &asked.risk))
                .into(),
            kinds: SubjectKind::ALL
                .map(|kind| choice(kind.as_str(), kind.label(), &asked.kind))
                .into(),
            next: link(page.next),
            previous: link(page.previous),
            rows: page
                .items
                .into_iter()
                .map(|line| SubjectRow {
                    platform: name(line.platform),
                    status: status_lamp(line.status),
                    risk: line.risk.map(risk_lamp),
                    country: line
                        .personal
                        .as_ref()
                        .and_then(|personal| personal.country)
                        .map(Country::name),
                    line,
                })
                .collect(),
            asked,
        }
    }
}

/// The list's state lives in its address.
fn address(asked: &Asked, cursor: &str) -> String {
    let pairs = [
        ("q", asked.q.as_str()),
        ("platform", &asked.platform),
        ("status", &asked.status),
        ("risk", &asked.risk),
        ("kind", &asked.kind),
        ("cursor", cursor),
    ];
    let query: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    format!("/subjects?{}", query.join("&"))
}
