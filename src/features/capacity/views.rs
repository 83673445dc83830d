//! What the page of capacity shows.

use askama::Template;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::store::Kept;
use super::trend::{self, Day, Outlook};
use crate::features::packs::pack::{Capacity, ItemId, Unit, Used};
use crate::features::packs::quantity::Quantity;
use crate::features::packs::store::Item;
use crate::foundation::web::format::{bytes, counted, decimal, percent};
use crate::foundation::web::spark::Spark;
use crate::foundation::web::{Chrome, Lamp};

/// Full within so many days is worth a look.
const SOON_DAYS: f64 = 30.0;

#[derive(Template)]
#[template(path = "capacity/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
}

/// A limit and what is held against it.
pub struct Row {
    pub id: ItemId,
    pub name: String,
    pub about: String,
    pub place: String,
    pub source: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub used: Option<String>,
    pub limit: String,
    pub share: Option<String>,
    pub seen: Option<DateTime<Utc>>,
    pub outlook: String,
    pub days: String,
    pub spark: Spark,
    pub demo: bool,
}

impl Row {
    #[must_use]
    pub fn of(
        item: &Item<Capacity>,
        platform: &str,
        days: &[Kept],
        good_for: Option<TimeDelta>,
        now: DateTime<Utc>,
    ) -> Self {
        let spec = &item.spec;
        let limit = spec.limit.value();
        let said = |value: f64| amount(value, spec);
        let points: Vec<Day> = days
            .iter()
            .map(|day| Day {
                number: number(day.day),
                high: day.high,
            })
            .collect();
        let outlook = trend::outlook(&points, limit);
        let last = days.last();
        let fresh = last.filter(|day| good_for.is_none_or(|it| now - day.last_at <= it));
        let share = fresh.map(|day| day.last / limit);
        let (lamp, word) = standing(share, spec.warn.value(), outlook);
        Self {
            id: item.id,
            name: item.name.clone(),
            about: spec.about.clone(),
            place: platform.to_owned(),
            source: spec.on.to_string(),
            lamp,
            word,
            used: fresh.map(|day| said(day.last)),
            limit: said(limit),
            share: share.map(|share| percent(share, 0)),
            seen: last.map(|day| day.last_at),
            outlook: trend::words(outlook),
            days: counted(days.len() as u64, "day", "days"),
            spark: Spark::new("highest of each day", highs(days)),
            demo: days.iter().any(|day| day.demo),
        }
    }
}

fn number(day: NaiveDate) -> i64 {
    day.signed_duration_since(NaiveDate::default()).num_days()
}

/// The highest of each day, a gap where there was none.
fn highs(days: &[Kept]) -> Vec<Option<f64>> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Vec::new();
    };
    let high = |day: NaiveDate| days.iter().find(|it| it.day == day).map(|it| it.high);
    first
        .day
        .iter_days()
        .take_while(|day| *day <= last.day)
        .map(high)
        .collect()
}

/// What is unknown is grey, whatever it was before.
fn standing(share: Option<f64>, warn: f64, outlook: Outlook) -> (Lamp, &'static str) {
    let soon = matches!(outlook, Outlook::Full { in_days } if in_days <= SOON_DAYS);
    match share {
        None => (Lamp::Unknown, "Unknown"),
        Some(share) if share >= 1.0 => (Lamp::Red, "At its limit"),
        Some(share) if share >= warn => (Lamp::Yellow, "Close to its limit"),
        Some(_) if soon => (Lamp::Yellow, "Full soon"),
        Some(_) => (Lamp::Clear, "Room left"),
    }
}

fn amount(value: f64, spec: &Capacity) -> String {
    let share = matches!(&spec.on, Used::Measure(of) if of.name.unit() == Unit::Share);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes are whole and not negative"
    )]
    match spec.limit {
        Quantity::Bytes(_) => bytes(value.max(0.0) as u64),
        _ if share => percent(value, 0),
        _ => format!("{} {}", decimal(value, 1), spec.unit)
            .trim_end()
            .to_owned(),
    }
}

impl List {
    fn lamp(&self) -> Lamp {
        let order = [Lamp::Red, Lamp::Yellow, Lamp::Unknown];
        let worst = order
            .into_iter()
            .find(|lamp| self.rows.iter().any(|row| row.lamp == *lamp));
        worst.unwrap_or(Lamp::Clear)
    }

    fn sentence(&self) -> String {
        let count = |lamp| self.rows.iter().filter(|row| row.lamp == lamp).count();
        let close = count(Lamp::Red) + count(Lamp::Yellow);
        let limits = counted(self.rows.len() as u64, "limit", "limits");
        match (close, count(Lamp::Unknown)) {
            (0, 0) => format!("There is room below {limits}"),
            (0, unknown) => format!("{unknown} of {limits} cannot be told"),
            (1, _) => format!("1 of {limits} is close"),
            (close, _) => format!("{close} of {limits} are close"),
        }
    }

    const fn least() -> usize {
        trend::LEAST_DAYS
    }

    const fn most() -> i64 {
        trend::MOST_DAYS
    }

    fn demo(&self) -> bool {
        self.rows.iter().any(|row| row.demo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_grey_and_what_is_soon_full_yellow() {
        let full = |in_days| Outlook::Full { in_days };
        let lamp = |share, outlook| standing(share, 0.8, outlook).0;
        assert_eq!(lamp(None, full(3.0)), Lamp::Unknown);
        assert_eq!(lamp(Some(0.5), Outlook::NotGrowing), Lamp::Clear);
        assert_eq!(lamp(Some(0.5), full(30.0)), Lamp::Yellow);
        assert_eq!(lamp(Some(0.5), full(31.0)), Lamp::Clear);
        assert_eq!(lamp(Some(0.8), Outlook::NotGrowing), Lamp::Yellow);
        assert_eq!(lamp(Some(1.0), Outlook::Reached), Lamp::Red);
    }
}
