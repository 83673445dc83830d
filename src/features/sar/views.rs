//! What the page of the grants shows.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, Days, Utc};

use super::actions::{Book, person_of};
use super::grant::{Given, Hand, State};
use super::pages::ProposalForm;
use crate::foundation::auth::Signed;
use crate::foundation::auth::sar::SarGrant;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// Days that a proposal is for, unless somebody says otherwise.
const USUAL_DAYS: u64 = 90;

/// What stands there before somebody has said what for.
#[derive(Template)]
#[template(path = "sar/opening.html")]
pub(super) struct Opening {
    pub(super) chrome: Chrome,
    pub(super) purpose: String,
    pub(super) problems: Problems,
}

#[derive(Template)]
#[template(path = "sar/grants.html")]
pub(super) struct Grants {
    chrome: Chrome,
    verdict: String,
    lamp: Lamp,
    purpose: String,
    waiting: Vec<Line>,
    held: Vec<Line>,
    ended: Vec<Line>,
    /// What this person can propose: what they hold.
    choices: Vec<SarGrant>,
    form: ProposalForm,
    problems: Problems,
}

struct Line {
    given: Given<SarGrant>,
    name: String,
    word: &'static str,
    lamp: Lamp,
    proposed_by: String,
    answered: Option<(DateTime<Utc>, String)>,
    ended: Option<(DateTime<Utc>, String)>,
    last_day: String,
    first_day: String,
    may_approve: bool,
    may_end: bool,
    is_own: bool,
}

impl Grants {
    pub(super) fn new(
        chrome: Chrome,
        signed: &Signed,
        book: Book,
        form: ProposalForm,
        problems: Problems,
    ) -> Self {
        let now = chrome.now;
        let Book {
            purpose,
            grants,
            people,
        } = book;
        let lines: Vec<(State, Line)> = grants
            .into_iter()
            .map(|given| (given.state(now), Line::new(given, signed, &people, now)))
            .collect();
        let (mut waiting, mut held, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for (state, line) in lines {
            match state {
                State::Waiting => waiting.push(line),
                State::ToCome | State::Held => held.push(line),
                State::Over | State::Ended => ended.push(line),
            }
        }
        Self {
            verdict: verdict(&waiting, &held),
            lamp: if waiting.is_empty() {
                Lamp::Clear
            } else {
                Lamp::Yellow
            },
            choices: signed.sar.iter().copied().collect(),
            form: filled(form, now),
            chrome,
            purpose,
            waiting,
            held,
            ended,
            problems,
        }
    }
}

fn verdict(waiting: &[Line], held: &[Line]) -> String {
    let mut people: Vec<PersonId> = held.iter().map(|line| line.given.person).collect();
    people.sort_unstable();
    people.dedup();
    let holders = match people.len() {
        1 => "1 person holds a grant".to_owned(),
        several => format!("{several} people hold a grant"),
    };
    match waiting.len() {
        0 => format!("{holders}; nothing waits for approval"),
        1 => format!("{holders}; 1 proposal waits for approval"),
        several => format!("{holders}; {several} proposals wait for approval"),
    }
}

/// A form that nobody has filled in begins today.
fn filled(mut form: ProposalForm, now: DateTime<Utc>) -> ProposalForm {
    let today = now.date_naive();
    if form.from.is_empty() {
        form.from = today.to_string();
    }
    if form.until.is_empty() {
        let until = today.checked_add_days(Days::new(USUAL_DAYS));
        form.until = until.unwrap_or(today).to_string();
    }
    form
}

impl Line {
    fn new(
        given: Given<SarGrant>,
        signed: &Signed,
        people: &HashMap<PersonId, String>,
        now: DateTime<Utc>,
    ) -> Self {
        let told = |hand: &Hand| (hand.at, name_of(&hand.actor, people));
        let (word, lamp) = match given.state(now) {
            State::Waiting => ("Waits for approval", Lamp::Yellow),
            State::ToCome => ("To come", Lamp::Blue),
            State::Held => ("Held", Lamp::Clear),
            State::Over => ("Run out", Lamp::Unknown),
            State::Ended if given.approved.is_some() => ("Taken back", Lamp::Unknown),
            State::Ended => ("Refused or withdrawn", Lamp::Unknown),
        };
        let last_day = given.ends_at - chrono::Duration::seconds(1);
        Self {
            name: people.get(&given.person).cloned().unwrap_or_default(),
            word,
            lamp,
            proposed_by: name_of(&given.proposed.actor, people),
            answered: given.approved.as_ref().map(told),
            ended: given.ended.as_ref().map(told),
            first_day: given.starts_at.format("%-d %b %Y").to_string(),
            last_day: last_day.format("%-d %b %Y").to_string(),
            may_approve: given
                .check_approval(signed.person, &signed.sar, now)
                .is_ok(),
            may_end: given.check_end(signed.person, &signed.sar, now).is_ok(),
            is_own: given.proposed.actor == format!("person:{}", signed.person),
            given,
        }
    }
}

fn name_of(actor: &str, people: &HashMap<PersonId, String>) -> String {
    match person_of(actor) {
        Some(person) => people
            .get(&person)
            .cloned()
            .unwrap_or_else(|| actor.to_owned()),
        None if actor == "time" => "its time ran out".to_owned(),
        None => match actor.strip_prefix("command_line:") {
            Some(user) => format!("{user}, on the command line"),
            None => actor.to_owned(),
        },
    }
}
