use askama::Template;
use chrono::{DateTime, Utc};

use super::claim::Claim;
use super::pages::Typed;
use crate::features::health::store::claims::Said;
use crate::features::health::store::reports::Report;
use crate::features::packs::pack::{Indicator, ItemId};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::{Item, Watched};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Chrome, Lamp, Problems, filters};

/// An indicator in a list.
pub struct Row {
    pub id: ItemId,
    pub name: String,
    pub platform: String,
    pub unit: String,
    pub value: Option<String>,
    pub at: Option<DateTime<Utc>>,
    pub lamp: Lamp,
    pub word: &'static str,
}

impl Row {
    #[must_use]
    pub fn of(
        item: &Item<Indicator>,
        last: Option<&Report>,
        platforms: &[Watched],
        now: DateTime<Utc>,
    ) -> Self {
        let every = item.spec.expect_every.map(Lasting::delta);
        let late = |by: i32| {
            last.zip(every)
                .is_some_and(|(report, every)| now - report.at > every * by)
        };
        let (lamp, word) = match last {
            None => (Lamp::Unknown, "Never reported"),
            Some(_) if late(2) => (Lamp::Unknown, "Too old to count"),
            Some(_) if late(1) => (Lamp::Yellow, "Due"),
            Some(_) => (Lamp::Clear, "Reported"),
        };
        let platform = platforms.iter().find(|it| it.id == item.platform);
        Self {
            id: item.id,
            name: item.name.clone(),
            platform: platform.map(|it| it.name.clone()).unwrap_or_default(),
            unit: item.spec.unit.clone(),
            value: last.map(|report| report.value.to_string()),
            at: last.map(|report| report.at),
            lamp,
            word,
        }
    }
}

/// `GET /indicators`
#[derive(Template)]
#[template(path = "indicators/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
}

/// `GET /indicators/{id}`
#[derive(Template)]
#[template(path = "indicators/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub row: Row,
    pub spec: Indicator,
    pub waiting: Vec<Claim>,
    pub said: Vec<Said>,
    pub may_report: bool,
    pub me: PersonId,
    pub typed: Typed,
    pub problems: Problems,
}

impl One {
    fn is_own(&self, claim: &Claim) -> bool {
        claim.made_by == self.me
    }

    /// Values that people reported, to choose which is corrected.
    fn correctable(&self) -> impl Iterator<Item = (String, String, bool)> {
        let counting = self.said.iter().filter(|said| !said.superseded);
        let claims = counting.filter_map(|said| said.claim.as_ref());
        claims.map(|claim| {
            let id = claim.id.to_string();
            let label = format!(
                "{} {} as of {} UTC",
                claim.value,
                self.row.unit,
                claim.as_of.format("%Y-%m-%d %H:%M")
            );
            let chosen = self.typed.corrects == id;
            (id, label, chosen)
        })
    }
}
