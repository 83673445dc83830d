//! What the pages of access reviews show.

use std::collections::BTreeMap;

use askama::Template;

use super::store::{Line, Review};
use crate::features::people::views::Names;
use crate::foundation::auth::{Permission, Role, Signed};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::When;
use crate::foundation::web::{Chrome, Lamp, Problems, Who};

struct Row {
    href: String,
    opened: When,
    due: When,
    lamp: Lamp,
    word: &'static str,
    answered: String,
    signed: Option<(When, Option<Who>)>,
}

#[derive(Template)]
#[template(path = "people/reviews.html")]
pub struct List {
    chrome: Chrome,
    lamp: Lamp,
    verdict: String,
    detail: &'static str,
    rows: Vec<Row>,
    may_open: bool,
}

/// How a review stands, in a word.
fn state(review: &Review, chrome: &Chrome) -> (Lamp, &'static str) {
    match review.signed_at {
        Some(_) => (Lamp::Clear, "Signed"),
        None if chrome.now >= review.due_at => (Lamp::Red, "Overdue"),
        None => (Lamp::Yellow, "Open"),
    }
}

fn signer(review: &Review, names: &Names) -> Option<Who> {
    review.signed_by.map(|by| names.person(by.into()))
}

impl List {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        found: Vec<(Review, i64, i64)>,
        names: &Names,
    ) -> Self {
        let open = found
            .iter()
            .find(|(review, _, _)| review.signed_at.is_none());
        let (lamp, verdict, detail) = match open {
            Some((review, all, answered)) => {
                let left = all - answered;
                let lines = if left == 1 {
                    "1 line".to_owned()
                } else {
                    format!("{left} lines")
                };
                let (lamp, _) = state(review, &chrome);
                let verdict = if lamp == Lamp::Red {
                    format!("The access review is overdue: {lines} to answer")
                } else {
                    format!("An access review is open: {lines} to answer")
                };
                (
                    lamp,
                    verdict,
                    "When every line is answered, an administrator signs it.",
                )
            }
            None if found.is_empty() => (
                Lamp::Blue,
                "No access review has been opened yet".to_owned(),
                "One opens on the first of each month.",
            ),
            None => (
                Lamp::Clear,
                "The last access review is signed".to_owned(),
                "The next one opens on the first of the month.",
            ),
        };
        let may_open = open.is_none() && signed.may(Permission::PeopleManage);
        let rows = found.iter().map(|(review, all, answered)| {
            let (lamp, word) = state(review, &chrome);
            Row {
                href: format!("/people/reviews/{}", review.id),
                opened: chrome.at(&review.opened_at),
                due: chrome.at(&review.due_at),
                lamp,
                word,
                answered: format!("{answered} of {all}"),
                signed: review
                    .signed_at
                    .map(|at| (chrome.at(&at), signer(review, names))),
            }
        });
        Self {
            rows: rows.collect(),
            lamp,
            verdict,
            detail,
            may_open,
            chrome,
        }
    }
}

/// What was typed about one line.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub answer: String,
    pub note: String,
}

/// The forms of the page as they were sent, or empty.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    pub typed: BTreeMap<i32, Typed>,
    pub signature: String,
    pub problems: Problems,
}

struct LineRow {
    position: i32,
    person: Who,
    person_href: String,
    role: String,
    platforms: String,
    since: When,
    until: Option<When>,
    reason: String,
    seen: Option<When>,
    act: Option<When>,
    /// How it was answered, by whom, with which note.
    answer: Option<(Lamp, &'static str, Who, String)>,
    is_own: bool,
    typed: Typed,
}

#[derive(Template)]
#[template(path = "people/review.html")]
pub struct One {
    chrome: Chrome,
    id: String,
    lamp: Lamp,
    word: &'static str,
    opened: When,
    opened_by: Who,
    due: When,
    lines: Vec<LineRow>,
    left: usize,
    /// When, by whom, the name as they typed it, and the hash of all lines.
    signed: Option<(When, Option<Who>, String, String)>,
    may_answer: bool,
    may_sign: bool,
    forms: Forms,
}

impl One {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        (review, lines): (Review, Vec<Line>),
        names: &Names,
        mut forms: Forms,
    ) -> Self {
        let (lamp, word) = state(&review, &chrome);
        let manages = signed.may(Permission::PeopleManage) && review.signed_at.is_none();
        let left = lines.iter().filter(|line| line.answer.is_none()).count();
        let rows = lines.into_iter().map(|line| {
            let typed = forms.typed.remove(&line.position).unwrap_or_default();
            LineRow::new(line, typed, signed, names, &chrome)
        });
        let lines: Vec<LineRow> = rows.collect();
        Self {
            id: review.id.to_string(),
            lamp,
            word,
            opened: chrome.at(&review.opened_at),
            opened_by: names.actor(&review.opened_by),
            due: chrome.at(&review.due_at),
            may_answer: manages
                && lines
                    .iter()
                    .any(|line| line.answer.is_none() && !line.is_own),
            may_sign: manages && left == 0,
            left,
            lines,
            signed: review.signed_at.map(|at| {
                let by = signer(&review, names);
                let hash = review.lines_sha256.map(hex::encode).unwrap_or_default();
                let typed = review.signature.unwrap_or_default();
                (chrome.at(&at), by, typed, hash)
            }),
            forms,
            chrome,
        }
    }
}

impl LineRow {
    fn new(line: Line, typed: Typed, signed: &Signed, names: &Names, chrome: &Chrome) -> Self {
        let (lamp, word) = match line.answer.as_deref() {
            Some("revoked") => (Lamp::Red, "Revoked"),
            _ => (Lamp::Clear, "Confirmed"),
        };
        let role = line.role.parse::<Role>();
        Self {
            position: line.position,
            person: names.person(line.person()),
            person_href: format!("/people/{}", line.person_id),
            role: role.map_or_else(|_| line.role.clone(), |role| role.label().to_owned()),
            since: chrome.at(&line.starts_at),
            until: line.ends_at.map(|at| chrome.until(&at)),
            seen: line.last_seen.map(|at| chrome.ago(&at)),
            act: line.last_act.map(|at| chrome.ago(&at)),
            answer: line.answered_by.map(|by| {
                (
                    lamp,
                    word,
                    names.person(PersonId::from(by)),
                    line.note.clone(),
                )
            }),
            is_own: line.person() == signed.person,
            platforms: line.platforms,
            reason: line.reason,
            typed,
        }
    }
}
