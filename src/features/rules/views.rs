//! What the pages of rules show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::choices::Choices;
use super::fields::{Part, Takes};
use super::form::Typed;
use super::tested::{Tested, times};
use super::versions::Version;
use crate::features::packs::accepted::Accepted;
use crate::features::packs::pack::{ItemId, Runbook};
use crate::features::packs::views::Preview;
use crate::foundation::kernel::{Level, PlatformId};
use crate::foundation::web::{Chrome, Lamp, Problems};

/// `GET /rules`
#[derive(Template)]
#[template(path = "rules/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub lamp: Lamp,
    pub sentence: String,
    pub is_filtered: bool,
    pub filter: Filter,
    /// Where the reader may propose a new one: short name and name.
    pub add: Vec<(String, String)>,
    pub rows: Vec<Row>,
    pub next: Option<String>,
}

/// What the list is narrowed to, and what it can be.
pub struct Filter {
    pub platform: String,
    pub level: String,
    pub q: String,
    pub service: Option<ItemId>,
    pub platforms: Vec<(String, String)>,
}

/// A rule in the list.
pub struct Row {
    pub id: ItemId,
    pub platform: PlatformId,
    pub slug: String,
    pub place: String,
    pub name: String,
    /// Its name in the pack.
    pub key: String,
    pub kind: &'static str,
    pub reads: String,
    pub levels: Vec<Lamp>,
    pub service: Option<(ItemId, String)>,
    pub last: Option<DateTime<Utc>>,
    pub times: u64,
    pub lit: Option<Level>,
    /// Whether it cannot see what it watches.
    pub is_blind: bool,
}

/// How a rule in force stands: its lamp, and what is said beside it.
#[must_use]
pub fn standing(lit: Option<Level>, is_blind: bool) -> (Lamp, &'static str) {
    match (lit, is_blind) {
        (Some(level), false) => (level.into(), "Lit"),
        (Some(level), true) => (level.into(), "Lit, sees nothing"),
        (None, true) => (Lamp::Unknown, "Sees nothing"),
        (None, false) => (Lamp::Clear, "Not lit"),
    }
}

impl Row {
    fn lamp(&self) -> Lamp {
        standing(self.lit, self.is_blind).0
    }

    fn standing(&self) -> &'static str {
        standing(self.lit, self.is_blind).1
    }

    fn fired(&self) -> String {
        times(self.times)
    }
}

/// `GET /rules/{id}`
#[derive(Template)]
#[template(path = "rules/one.html")]
pub struct Page {
    pub chrome: Chrome,
    pub id: ItemId,
    pub slug: String,
    pub platform: String,
    pub lamp: Lamp,
    pub standing: &'static str,
    /// The alert that is lit.
    pub lit: Option<String>,
    pub reads: String,
    pub service: Option<(ItemId, String)>,
    pub levels: Vec<LevelLine>,
    pub stays_lit: String,
    pub without_data: String,
    pub tells: Option<String>,
    pub owner: String,
    pub runbook: Option<(ItemId, Runbook)>,
    pub may_change: bool,
    /// Its text in the pack; nothing where that is not kept.
    pub piece: Option<String>,
    /// Nothing of a rule that is not in force.
    pub tested: Option<Tested>,
    /// How often it lit its lamp in the last 30 days.
    pub times: u64,
    pub alerts: Vec<AlertLine>,
    pub versions: Vec<Version>,
    pub has_older: bool,
    /// What the linter says of it, and why its pack lives with that.
    pub accepted: Vec<Accepted>,
}

impl Page {
    fn fired(&self) -> String {
        times(self.times)
    }
}

/// When a level is lit.
pub struct LevelLine {
    pub lamp: Lamp,
    pub says: String,
}

/// An alert of the rule.
pub struct AlertLine {
    pub id: String,
    pub lamp: Lamp,
    pub summary: String,
    pub from: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub acknowledged: String,
}

/// A form for a rule: a new one, or one that is there.
#[derive(Template)]
#[template(path = "rules/change.html")]
pub struct ChangeForm {
    pub chrome: Chrome,
    pub lede: &'static str,
    /// Where it came from, and what that is called.
    pub back: (String, String),
    /// Where it is sent to be tried and to be proposed.
    pub trial: String,
    pub action: String,
    pub may_apply: bool,
    pub removal: Option<String>,
    /// The kinds that a new rule may be of, of which one is chosen.
    pub kinds: Vec<(&'static str, &'static str, bool)>,
    pub is_new: bool,
    pub typed: Typed,
    pub groups: Vec<Group>,
    pub problems: Problems,
    pub wrong: Vec<String>,
    pub preview: Option<Preview>,
    /// As it is in force, where it is, and as it would be.
    pub tested: Vec<(&'static str, Tested)>,
}

/// Fields under one heading.
pub struct Group {
    pub name: &'static str,
    pub lamp: Option<Lamp>,
    pub fields: Vec<Field>,
}

/// A field as it is shown.
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: String,
    pub value: String,
    pub needed: bool,
    /// What is chosen from; nothing where it is typed.
    pub options: Option<Vec<(String, String)>>,
}

impl Field {
    #[must_use]
    pub fn of(part: &Part, typed: &Typed, choices: &Choices) -> Self {
        let value = typed.get(part.name).to_owned();
        let options = match part.takes {
            Takes::One(among) => Some(choices.of(among, part.needed, &value)),
            _ => None,
        };
        Self {
            name: part.name,
            label: part.label,
            hint: part.hint.to_owned(),
            value,
            needed: part.needed,
            options,
        }
    }
}

/// `GET /rules/{id}/removal`
#[derive(Template)]
#[template(path = "rules/removal.html")]
pub struct Removal {
    pub chrome: Chrome,
    pub id: ItemId,
    pub base: i64,
    pub reason: String,
    pub problems: Problems,
    pub wrong: Vec<String>,
    pub preview: Option<Preview>,
    pub fired: String,
}

impl Removal {
    #[must_use]
    pub fn fired(count: u64) -> String {
        times(count)
    }
}
