//! What the pages about digests show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::compose::{OVERDUE, UNSIGNED};
use super::digest::{Digest, Figure, Kind, Trend, trend};
use crate::features::packs::store::Watched;
use crate::foundation::web::{Chrome, Lamp};

/// `GET /digests`
#[derive(Template)]
#[template(path = "digests/list.html")]
pub(super) struct List {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
    pub next: Option<String>,
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

/// From so many failed runs of all on, a day was a bad one, and one to look at.
const FAILED_RED: f64 = 0.5;
const FAILED_YELLOW: f64 = 0.01;

/// What was bad, then what nobody knows: only a day of which everything is known was a good one.
fn lamp(digest: &Digest) -> Lamp {
    let value = |name: &str| digest.figure(name).map(|it| it.value);
    let over = |name: &str, most: f64| value(name).flatten().is_some_and(|it| it > most);
    let is_unknown = |name: &&str| value(name) == Some(None);
    let decides = [
        "Red alerts",
        "Yellow alerts",
        "Failed runs",
        "Checklists missed",
    ];
    if over("Red alerts", 0.0) || over("Checklists missed", 0.0) || over("Failed runs", FAILED_RED)
    {
        Lamp::Red
    } else if over("Yellow alerts", 0.0)
        || over(OVERDUE, 0.0)
        || over(UNSIGNED, 0.0)
        || over("Failed runs", FAILED_YELLOW)
    {
        Lamp::Yellow
    } else if decides.iter().any(is_unknown) {
        Lamp::Unknown
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
        let is_first = rows.iter().all(|it| it.lamp == Lamp::Unknown);
        let sentence = match worse {
            0 if is_first => format!("{}: there is nothing to compare it with", row.name),
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

#[cfg(test)]
mod tests {
    use super::super::digest::{Contents, DigestId, Period, Unit};
    use super::*;
    use crate::foundation::kernel::PlatformId;

    fn lit(figures: &[(&str, Option<f64>)]) -> Lamp {
        let at = DateTime::UNIX_EPOCH;
        let figure = |(name, value): &(&str, Option<f64>)| Figure {
            name: (*name).to_owned(),
            value: *value,
            unit: Unit::Count,
            source: String::new(),
            less_is_better: Some(true),
        };
        lamp(&Digest {
            id: DigestId::new(),
            platform: PlatformId::new(),
            kind: Kind::Daily,
            period: Period { from: at, to: at },
            made_at: at,
            contents: Contents {
                figures: figures.iter().map(figure).collect(),
                ..Contents::default()
            },
        })
    }

    #[test]
    fn only_a_day_of_which_everything_is_known_is_green() {
        for (figures, lamp) in [
            (
                vec![("Red alerts", Some(0.0)), ("Failed runs", Some(0.0))],
                Lamp::Clear,
            ),
            (
                vec![("Red alerts", Some(0.0)), ("Failed runs", None)],
                Lamp::Unknown,
            ),
            (
                vec![("Red alerts", Some(1.0)), ("Failed runs", None)],
                Lamp::Red,
            ),
            (vec![("Failed runs", Some(1.0))], Lamp::Red),
            (vec![("Failed runs", Some(0.02))], Lamp::Yellow),
            (vec![("Checklists missed", Some(1.0))], Lamp::Red),
            (vec![(OVERDUE, Some(1.0))], Lamp::Yellow),
        ] {
            assert_eq!(lit(&figures), lamp, "{figures:?}");
        }
    }
}
