//! What the pages about digests show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::digest::{Digest, Figure, Kind, Trend, trend};
use crate::features::packs::store::Watched;
use crate::foundation::web::{Chrome, Lamp};

/// `GET /digests`
#[derive(Template)]
#[template(path = "digests/list.html")]
pub(super) struct List {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
}

pub(super) struct Row {
    pub id: String,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub red: String,
    pub failed: String,
    pub made_at: DateTime<Utc>,
}

fn title(digest: &Digest, platform: Option<&Watched>) -> String {
    let zone = platform.map_or(chrono_tz::Tz::UTC, |it| it.zone);
    let day = digest.period.from.with_timezone(&zone).date_naive();
    match digest.kind {
        Kind::Daily => format!("{}", day.format("%A, %-d %b %Y")),
        Kind::Weekly => format!("The week from {}", day.format("%-d %b %Y")),
    }
}

fn lamp(digest: &Digest) -> Lamp {
    let is_some = |name: &str| digest.figure(name).and_then(|it| it.value).unwrap_or(0.0) > 0.0;
    if is_some("Red alerts") || is_some("Checklists missed") {
        Lamp::Red
    } else if is_some("Yellow alerts") || is_some("Checklists overdue now") {
        Lamp::Yellow
    } else {
        Lamp::Clear
    }
}

impl Row {
    pub(super) fn of(digest: &Digest, platform: Option<&Watched>) -> Self {
        let text = |name: &str| digest.figure(name).map(Figure::text).unwrap_or_default();
        Self {
            id: digest.id.to_string(),
            name: title(digest, platform),
            platform: platform.map_or_else(String::new, |it| it.name.clone()),
            lamp: lamp(digest),
            red: text("Red alerts"),
            failed: text("Failed runs"),
            made_at: digest.made_at,
        }
    }
}

/// `GET /digests/{id}`
#[derive(Template)]
#[template(path = "digests/one.html")]
pub(super) struct One {
    pub chrome: Chrome,
    pub row: Row,
    pub sentence: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub figures: Vec<FigureRow>,
    pub worst: Vec<String>,
    pub capacity: Vec<String>,
    pub information: Vec<String>,
    pub before: Option<String>,
}

pub(super) struct FigureRow {
    pub name: String,
    pub text: String,
    pub was: String,
    pub trend: &'static str,
    pub lamp: Lamp,
    pub source: String,
}

impl FigureRow {
    fn of(figure: &Figure, before: Option<&Digest>) -> Self {
        let was = before.and_then(|it| it.figure(&figure.name));
        let (lamp, trend) = match trend(figure, was) {
            Trend::Same => (Lamp::Clear, "as before"),
            Trend::Better => (Lamp::Clear, "better"),
            Trend::Worse => (Lamp::Yellow, "worse"),
            Trend::Other => (Lamp::Blue, "other than before"),
            Trend::Unknown => (Lamp::Unknown, "nothing to compare"),
        };
        Self {
            name: figure.name.clone(),
            text: figure.text(),
            was: was.map_or_else(|| "unknown".to_owned(), Figure::text),
            trend,
            lamp,
            source: figure.source.clone(),
        }
    }
}

impl One {
    pub(super) fn of(
        chrome: Chrome,
        digest: &Digest,
        before: Option<&Digest>,
        platform: Option<&Watched>,
    ) -> Self {
        let row = Row::of(digest, platform);
        let figures = digest.contents.figures.iter();
        let rows: Vec<FigureRow> = figures.map(|it| FigureRow::of(it, before)).collect();
        let worse = rows.iter().filter(|it| it.lamp == Lamp::Yellow).count();
        let sentence = match worse {
            0 => format!("{}: nothing is worse than before", row.name),
            1 => format!("{}: 1 figure is worse than before", row.name),
            many => format!("{}: {many} figures are worse than before", row.name),
        };
        Self {
            chrome,
            row,
            sentence,
            from: digest.period.from,
            to: digest.period.to,
            figures: rows,
            worst: digest.contents.worst.clone(),
            capacity: digest.contents.capacity.clone(),
            information: digest.contents.information.clone(),
            before: before.map(|it| it.id.to_string()),
        }
    }
}
