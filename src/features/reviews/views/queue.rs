//! The queue, and what awaits an approval.

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use super::{band_lamp, band_word, kind_word};
use crate::features::reviews::case::Case;
use crate::features::reviews::risk::Band;
use crate::features::reviews::verdict::Status;
use crate::features::screening::hit::Hit;
use crate::foundation::web::{Chrome, Lamp, filters};

/// A row of the queue.
pub struct Row {
    pub href: String,
    pub number: i64,
    pub subject: String,
    pub kind: &'static str,
    pub platform: String,
    pub status: &'static str,
    pub band: &'static str,
    pub lamp: Lamp,
    pub score: u16,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub overdue: bool,
    pub claimed_by: Option<String>,
    pub current: bool,
}

/// An option of a filter.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

#[derive(Template)]
#[template(path = "reviews/queue.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a page shows or does not show"
)]
pub struct Queue {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub statuses: Vec<Choice>,
    pub bands: Vec<Choice>,
    pub platforms: Vec<Choice>,
    pub mine: bool,
    pub overdue: bool,
    pub filtered: bool,
    pub may_act: bool,
    pub to_report: Vec<ToReport>,
    pub lagging: Option<Lagging>,
}

/// Subjects that have not been compared with the lists as they are now.
pub struct Lagging {
    pub count: u64,
    pub or_more: bool,
}

/// A confirmed hit that is still to be reported.
pub struct ToReport {
    pub href: String,
    pub number: i64,
    pub subject: String,
    pub list: String,
    pub confirmed_at: DateTime<Utc>,
    pub due: String,
    pub lamp: Lamp,
    pub left: String,
}

#[derive(Template)]
#[template(path = "reviews/approvals.html")]
pub struct Approvals {
    pub chrome: Chrome,
    pub rows: Vec<Awaiting>,
}

/// Something that somebody else proposed.
pub struct Awaiting {
    pub href: String,
    pub what: String,
    pub subject: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

impl Row {
    pub fn new(
        case: &Case,
        now: DateTime<Utc>,
        platform: String,
        claimed_by: Option<String>,
    ) -> Self {
        Self {
            href: format!("/reviews/{}", case.id),
            number: case.number,
            subject: case.external_id.clone(),
            kind: kind_word(case.company),
            platform,
            status: case.status.label(),
            band: band_word(case.band),
            lamp: band_lamp(case.band),
            score: case.score,
            opened_at: case.opened_at,
            due_at: case.due_at,
            overdue: case.is_overdue(now),
            claimed_by,
            current: false,
        }
    }
}

pub fn statuses(chosen: Option<Status>) -> Vec<Choice> {
    Status::ALL
        .into_iter()
        .map(|status| Choice {
            value: status.as_str().to_owned(),
            label: status.label().to_owned(),
            chosen: chosen == Some(status),
        })
        .collect()
}

pub fn bands(chosen: Option<Band>) -> Vec<Choice> {
    Band::ALL
        .into_iter()
        .map(|band| Choice {
            value: band.as_str().to_owned(),
            label: band_word(band).to_owned(),
            chosen: chosen == Some(band),
        })
        .collect()
}

impl ToReport {
    /// Nothing where the hit has no clock. `today` is the authority's.
    pub fn new(hit: &Hit, case: &Case, today: NaiveDate) -> Option<Self> {
        let (confirmed_at, due) = (hit.confirmed_at?, hit.report_due?);
        let (lamp, left) = time_left(due, today);
        Some(Self {
            href: format!("/reviews/{}#hit-{}", case.id, hit.id),
            number: case.number,
            subject: case.external_id.clone(),
            list: format!("{} {}", hit.source, hit.reference),
            confirmed_at,
            due: due.format("%-d %b %Y").to_string(),
            lamp,
            left,
        })
    }
}

/// How long there is left to report a hit, in words and as a lamp.
pub(super) fn time_left(due: NaiveDate, today: NaiveDate) -> (Lamp, String) {
    match (due - today).num_days() {
        -1 => (Lamp::Red, "Overdue by a day".to_owned()),
        days if days < 0 => (Lamp::Red, format!("Overdue by {} days", -days)),
        0 => (Lamp::Red, "Due today".to_owned()),
        1 => (Lamp::Yellow, "One day left".to_owned()),
        days if days <= 3 => (Lamp::Yellow, format!("{days} days left")),
        days => (Lamp::Blue, format!("{days} days left")),
    }
}
