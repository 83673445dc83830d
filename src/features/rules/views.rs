//! What the pages of rules show.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::backtest::{BackTest, Compared, Done};
use super::choices::Choices;
use super::fields::{Part, Takes};
use super::form::Typed;
use super::replay::Firing;
use super::versions::Version;
use crate::features::alerts::words::reading;
use crate::features::packs::accepted::Accepted;
use crate::features::packs::pack::{ItemId, Rule, Runbook};
use crate::features::packs::views::Preview;
use crate::foundation::kernel::{Level, PlatformId};
use crate::foundation::web::format::{counted, duration, percent};
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

impl Row {
    fn lamp(&self) -> Lamp {
        match self.lit {
            Some(level) => level.into(),
            None if self.is_blind => Lamp::Unknown,
            None => Lamp::Clear,
        }
    }

    fn standing(&self) -> &'static str {
        match (self.lit, self.is_blind) {
            (Some(_), false) => "Lit",
            (Some(_), true) => "Lit, sees nothing",
            (None, true) => "Sees nothing",
            (None, false) => "Not lit",
        }
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

/// A back-test as it is shown.
pub struct Tested {
    pub lamp: Lamp,
    pub sentence: String,
    /// Why it cannot be told, or what else is to be known.
    pub note: String,
    pub facts: Vec<(&'static str, String)>,
    pub since: Option<DateTime<Utc>>,
    /// The newest first.
    pub rows: Vec<FiringRow>,
    /// How many more there are.
    pub more: usize,
    /// When the lamp was lit, and would not have been by this.
    pub unexplained: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    pub is_compared: bool,
}

pub struct FiringRow {
    pub lamp: Lamp,
    pub from: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub lasted: String,
    pub peak: String,
    pub was_fired: bool,
}

/// The most rows of a back-test that a page shows.
const FIRINGS_SHOWN: usize = 50;

impl Tested {
    #[must_use]
    pub fn of(rule: &Rule, tested: &BackTest, compared: Option<&Compared>) -> Self {
        match tested {
            BackTest::Done(done) => Self::done(rule, done, compared),
            BackTest::Empty(grain) => Self::nothing(
                "Nothing is kept yet that could be gone through",
                format!("It will be: {grain}, for 30 days."),
            ),
            BackTest::NotKept(why) => {
                Self::nothing("This cannot be told from what is kept", why.clone())
            }
        }
    }

    fn nothing(sentence: &str, note: String) -> Self {
        Self {
            lamp: Lamp::Unknown,
            sentence: sentence.to_owned(),
            note,
            facts: Vec::new(),
            since: None,
            rows: Vec::new(),
            more: 0,
            unexplained: Vec::new(),
            is_compared: false,
        }
    }

    fn done(rule: &Rule, done: &Done, compared: Option<&Compared>) -> Self {
        let rows = done.firings.iter().enumerate();
        let rows = rows.map(|(index, firing)| {
            let was_fired = compared.is_some_and(|it| it.fired.get(index) == Some(&true));
            FiringRow::of(rule, firing, done, was_fired)
        });
        let mut rows: Vec<FiringRow> = rows.collect();
        rows.reverse();
        let more = rows.len().saturating_sub(FIRINGS_SHOWN);
        rows.truncate(FIRINGS_SHOWN);
        let worst = done.firings.iter().map(|firing| firing.level).max();
        Self {
            lamp: worst.map_or(Lamp::Clear, Lamp::from),
            sentence: sentence(done),
            note: done.caveat.unwrap_or_default().to_owned(),
            facts: facts(done, compared),
            since: Some(done.since),
            rows,
            more,
            unexplained: compared
                .map(|it| it.unexplained.iter().map(|lit| (lit.from, lit.until)))
                .into_iter()
                .flatten()
                .collect(),
            is_compared: compared.is_some(),
        }
    }
}

impl FiringRow {
    fn of(rule: &Rule, firing: &Firing, done: &Done, was_fired: bool) -> Self {
        let peak = firing.peak.as_ref();
        Self {
            lamp: firing.level.into(),
            from: firing.from,
            until: firing.until,
            lasted: length(firing.until.unwrap_or(done.until) - firing.from),
            peak: peak.map_or_else(String::new, |peak| reading(rule, peak, &done.unit)),
            was_fired,
        }
    }
}

/// "Would have fired 14 times in 30 days".
fn sentence(done: &Done) -> String {
    let span = match done.span().num_days() {
        29.. => "in 30 days".to_owned(),
        _ => format!("in the {} that are kept", length(done.span())),
    };
    match done.firings.len() {
        0 => format!("Would not have fired {span}"),
        fired => format!("Would have fired {} {span}", times(fired as u64)),
    }
}

fn facts(done: &Done, compared: Option<&Compared>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Kept", done.grain.clone()),
        (
            "Something to read",
            format!("{} of that time", percent(done.share(), 1)),
        ),
    ];
    if !done.firings.is_empty() {
        facts.push(("Lit in all", length(done.lit())));
    }
    if let Some(compared) = compared {
        let before = match compared.before {
            0 => String::new(),
            before => format!(", and {} before that", times(before as u64)),
        };
        let really = format!("{} in that time{before}", times(compared.times as u64));
        facts.push(("Really fired", really));
    }
    facts
}

/// "never", "once", "14 times".
fn times(count: u64) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => counted(many, "time", "times"),
    }
}

fn length(span: TimeDelta) -> String {
    duration(span.to_std().unwrap_or_default())
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
    pub kind: &'static str,
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
