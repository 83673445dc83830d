use askama::Template;
use chrono::{DateTime, Utc};

use super::change::{Change, Kind, State};
use super::change_pages::Typed;
use super::lines::{Hunk, Line};
use super::store::revisions::Revision;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// `GET /packs`
#[derive(Template)]
#[template(path = "packs/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub packs: Vec<PackCard>,
}

/// A platform's pack, as it was last applied.
pub struct PackCard {
    pub platform: String,
    pub slug: String,
    pub version: String,
    pub revision: i64,
    pub digest: String,
    pub applied_at: DateTime<Utc>,
    pub applied_by: String,
    /// "3 services, 5 probes, …"
    pub runs: String,
    /// Parameters that this installation gave a value for, and those left at their default.
    pub given: Vec<String>,
    pub defaults: Vec<String>,
    pub accepted: Vec<Accepted>,
}

/// A promise that the pack cannot keep, and why its author lives with that.
#[derive(serde::Deserialize)]
pub struct Accepted {
    pub warning: String,
    pub on: String,
    pub message: String,
    pub reason: String,
}

/// `GET /packs/{platform}`
#[derive(Template)]
#[template(path = "packs/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub pack: PackCard,
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
    /// Those without an answer, the newest first.
    pub waiting: Vec<ChangeRow>,
    pub answered: Vec<ChangeRow>,
    pub revisions: Vec<RevisionRow>,
    /// Whether its text was kept, so that it can be exported and changed.
    pub has_source: bool,
    pub may_change: bool,
}

impl One {
    fn export(&self) -> String {
        format!("signalbox pack export {}.toml", self.pack.slug)
    }

    fn apply(&self) -> String {
        format!("signalbox pack apply {}.toml", self.pack.slug)
    }
}

/// A revision in the list of them.
pub struct RevisionRow {
    pub revision: i64,
    pub version: String,
    pub applied_at: DateTime<Utc>,
    pub by: String,
    pub reason: Option<String>,
    pub differences: Vec<String>,
    /// How many more there are.
    pub more: usize,
    pub lowers: usize,
}

impl RevisionRow {
    #[must_use]
    pub fn of(revision: Revision) -> Self {
        const SHOWN: usize = 6;
        let mut differences = revision.differences();
        let more = differences.len().saturating_sub(SHOWN);
        differences.truncate(SHOWN);
        Self {
            revision: revision.revision,
            lowers: revision.lowers().len(),
            by: applied_by(&revision),
            version: revision.version,
            applied_at: revision.applied_at,
            reason: revision.reason,
            differences,
            more,
        }
    }
}

/// Who applied a revision, and through what.
#[must_use]
pub fn applied_by(revision: &Revision) -> String {
    match revision.through.as_str() {
        "pages" => format!("{}, from the pages", revision.applied_name),
        _ => revision.applied_name.clone(),
    }
}

/// A change in a list.
pub struct ChangeRow {
    pub href: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub reason: String,
    pub asked_at: DateTime<Utc>,
    pub asked_name: String,
    pub answered_name: String,
}

impl ChangeRow {
    #[must_use]
    pub fn of(change: &Change, slug: &str, in_force: i64) -> Self {
        let (lamp, word) = standing(change.state(in_force));
        let answer = change.answer.as_ref();
        Self {
            href: format!("/packs/{slug}/changes/{}", change.id),
            lamp,
            word,
            reason: change.reason.clone(),
            asked_at: change.asked_at,
            asked_name: change.asked_name.clone(),
            answered_name: answer.map(|it| it.name.clone()).unwrap_or_default(),
        }
    }
}

#[must_use]
pub const fn standing(state: State) -> (Lamp, &'static str) {
    match state {
        State::Waits => (Lamp::Yellow, "Waits for a second person"),
        State::Overtaken => (Lamp::Yellow, "Overtaken by another revision"),
        State::Answered(Kind::Applied) => (Lamp::Clear, "Applied"),
        State::Answered(Kind::Rejected) => (Lamp::Unknown, "Rejected"),
        State::Answered(Kind::Withdrawn) => (Lamp::Unknown, "Taken back"),
    }
}

/// Lines that belong together, as they are printed.
pub struct HunkView {
    pub at: usize,
    pub lines: Vec<LineView>,
}

pub struct LineView {
    pub mark: char,
    pub text: String,
}

impl LineView {
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.mark == '+'
    }

    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.mark == '-'
    }
}

impl From<&Hunk<'_>> for HunkView {
    fn from(hunk: &Hunk<'_>) -> Self {
        let line = |line: &Line<'_>| LineView {
            mark: match line {
                Line::Same(_) => ' ',
                Line::Gone(_) => '-',
                Line::New(_) => '+',
            },
            text: line.text().to_owned(),
        };
        Self {
            at: hunk.at,
            lines: hunk.lines.iter().map(line).collect(),
        }
    }
}

/// What two texts differ in, as it is printed.
#[must_use]
pub fn hunks(before: &str, after: &str) -> Vec<HunkView> {
    let hunks = super::lines::hunks(before, after);
    hunks.iter().map(HunkView::from).collect()
}

/// `GET /packs/{platform}/revisions/{revision}`
#[derive(Template)]
#[template(path = "packs/revision.html")]
pub struct RevisionPage {
    pub chrome: Chrome,
    pub title: String,
    pub lede: &'static str,
    pub platform: String,
    pub slug: String,
    pub revision: Revision,
    pub by: String,
    /// The change that it came from.
    pub change: Option<String>,
    pub parameters: Vec<(String, Option<String>)>,
    /// The revision that it is held against, where there is one.
    pub against: Option<i64>,
    /// All that it can be held against.
    pub others: Vec<i64>,
    pub hunks: Vec<HunkView>,
}

impl RevisionPage {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates hand out references"
    )]
    fn is_against(&self, other: &i64) -> bool {
        self.against == Some(*other)
    }
}

/// `GET /packs/{platform}/change`
#[derive(Template)]
#[template(path = "packs/change.html")]
pub struct ChangeForm {
    pub chrome: Chrome,
    pub platform: String,
    pub slug: String,
    pub revision: i64,
    pub typed: Typed,
    pub problems: Problems,
    /// What the linter, or the reader, has against the text.
    pub wrong: Vec<String>,
    pub preview: Option<Preview>,
    pub may_apply: bool,
}

/// What a text would do.
pub struct Preview {
    pub at_once: bool,
    pub lowers: Vec<String>,
    pub differences: Vec<String>,
    pub findings: Vec<String>,
    pub hunks: Vec<HunkView>,
}

/// `GET /packs/{platform}/changes/{change}`
#[derive(Template)]
#[template(path = "packs/proposal.html")]
pub struct ChangePage {
    pub chrome: Chrome,
    pub platform: String,
    pub slug: String,
    pub change: Change,
    pub lamp: Lamp,
    pub sentence: &'static str,
    pub detail: String,
    pub digest: String,
    pub differences: Vec<String>,
    pub findings: Vec<String>,
    /// Why it cannot be applied as it stands.
    pub wrong: Vec<String>,
    pub hunks: Vec<HunkView>,
    pub overtaken: bool,
    pub own: bool,
    pub may_apply: bool,
    pub may_reject: bool,
    pub may_withdraw: bool,
    pub may_begin_anew: bool,
    /// What was typed as the reason of a rejection.
    pub reason: String,
    pub problems: Problems,
}
