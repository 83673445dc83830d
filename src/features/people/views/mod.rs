//! What the pages of people show.

mod list;
mod names;
mod person;
mod proposal;

pub use list::{Filter, Found, List};
pub use names::Names;
pub use person::{Forms, Found as PersonFound, PersonPage};
pub use proposal::{GrantPage, HandedPage, ProposalFound, ProposalPage};

use chrono::{DateTime, Utc};

use super::ask::{GrantAsk, Payload, role_names};
use super::proposal::{Decision, State};
use super::store::{Platform, Proposal};
use crate::foundation::auth::grants::Held;
use crate::foundation::auth::{QUEUES, Role, Watch};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::format::{When, last_day};
use crate::foundation::web::{Chrome, Lamp, Who};

/// "Lait, FinChat", or every one.
pub(in crate::features::people) fn platforms_of(scope: &Scope, known: &[Platform]) -> String {
    match scope {
        Scope::All => "every platform".to_owned(),
        Scope::Only(ids) if ids.is_empty() => "no platform".to_owned(),
        Scope::Only(ids) => {
            let name = |id: &PlatformId| {
                let found = known.iter().find(|platform| platform.id == *id);
                found.map_or_else(|| id.to_string(), |platform| platform.name.clone())
            };
            ids.iter().map(name).collect::<Vec<_>>().join(", ")
        }
    }
}

/// "Operator on every platform until 5 Dec 2026".
fn held_line(held: &Held, platforms: &[Platform], chrome: &Chrome) -> String {
    let mut line = format!(
        "{} on {}",
        held.role.label(),
        platforms_of(&held.scope, platforms)
    );
    if !held.period.counts(chrome.now) {
        line += &format!(" from {}", moment(held.period.starts_at, chrome));
    }
    if let Some(end) = held.period.ends_at {
        line += &format!(" until {}", last_moment(end, chrome));
    }
    if held.role == Role::Auditor {
        line += &format!(
            ", may look at {}",
            watch_lines(&held.watch, chrome).join(", ")
        );
    }
    line
}

fn moment(at: DateTime<Utc>, chrome: &Chrome) -> String {
    at.with_timezone(&chrome.zone)
        .format("%-d %b %Y, %H:%M")
        .to_string()
}

/// The last day that is in, or the moment where the end falls within a day.
fn last_moment(end: DateTime<Utc>, chrome: &Chrome) -> String {
    last_day(end, chrome.zone).unwrap_or_else(|| moment(end, chrome))
}

/// What an auditor is shown, in lines.
fn watch_lines(watch: &Watch, chrome: &Chrome) -> Vec<String> {
    let day = |at: DateTime<Utc>| {
        at.with_timezone(&chrome.zone)
            .format("%-d %b %Y")
            .to_string()
    };
    let last = |at: DateTime<Utc>| day(at - chrono::TimeDelta::seconds(1));
    let log = match (watch.log_from, watch.log_until) {
        (None, None) => "the whole log".to_owned(),
        (Some(from), None) => format!("the log from {}", day(from)),
        (None, Some(until)) => format!("the log to {}", last(until)),
        (Some(from), Some(until)) => format!("the log from {} to {}", day(from), last(until)),
    };
    let queues = match &watch.queues {
        None => "every review queue".to_owned(),
        Some(queues) if queues.is_empty() => "no review queue".to_owned(),
        Some(queues) => {
            let label = |kind: &String| {
                let found = QUEUES.iter().find(|(known, _)| known == kind);
                found.map_or_else(|| kind.clone(), |(_, label)| (*label).to_owned())
            };
            let names: Vec<String> = queues.iter().map(label).collect();
            format!("the review queue {}", names.join(", "))
        }
    };
    vec![log, queues]
}

/// What a proposal asks for, as a list of terms.
fn terms_of(
    payload: &Payload,
    platforms: &[Platform],
    chrome: &Chrome,
) -> Vec<(&'static str, String)> {
    match payload {
        Payload::Grant(ask) => terms_of_grant(ask, platforms, chrome),
        Payload::Enable => vec![("What happens", "They can sign in again, with the roles that they hold.".to_owned())],
        Payload::ResetFactors => vec![(
            "What happens",
            "Their authenticator and recovery codes are worth nothing, their sessions end, and the next sign-in with \
             their password sets up new ones."
                .to_owned(),
        )],
        Payload::Recovery { factors } => {
            let lost = if *factors { "Password and second factor" } else { "Password" };
            vec![
                ("Lost", lost.to_owned()),
                (
                    "What happens",
                    "Their sessions end. Whoever approves is shown a link once, and whoever proposed was shown a code: \
                     the person needs both to choose a new password."
                        .to_owned(),
                ),
            ]
        }
    }
}

fn terms_of_grant(
    ask: &GrantAsk,
    platforms: &[Platform],
    chrome: &Chrome,
) -> Vec<(&'static str, String)> {
    let mut terms = vec![
        ("Roles", role_names(&ask.roles)),
        ("Where", platforms_of(&ask.scope(), platforms)),
        (
            "From",
            ask.starts_at
                .map_or_else(|| "the approval on".to_owned(), |at| moment(at, chrome)),
        ),
        (
            "Until",
            ask.ends_at.map_or_else(
                || "somebody takes it away".to_owned(),
                |end| last_moment(end, chrome),
            ),
        ),
    ];
    if ask.audits() {
        terms.push(("May look at", watch_lines(&ask.watch, chrome).join(", ")));
    }
    terms
}

/// A row of a list of proposals.
pub struct ProposalLine {
    href: String,
    what: String,
    person: Who,
    by: Who,
    /// Whoever proposed it asks for themselves.
    is_for_oneself: bool,
    at: When,
    reason: String,
    lamp: Lamp,
    word: String,
    /// Why the reader cannot approve it, where they could otherwise.
    why_not: Option<String>,
}

impl ProposalLine {
    fn new(
        proposal: &Proposal,
        names: &Names,
        chrome: &Chrome,
        viewer: Option<crate::foundation::kernel::PersonId>,
    ) -> Self {
        let (lamp, word) = state_of(proposal.standing.state(chrome.now));
        Self {
            href: format!("/people/proposals/{}", proposal.id),
            what: proposal.payload.summary(),
            person: names.person(proposal.standing.person),
            by: names.person(proposal.standing.proposed_by),
            is_for_oneself: proposal.standing.is_for_oneself(),
            at: chrome.ago(&proposal.proposed_at),
            reason: proposal.reason.clone(),
            lamp,
            word: word.to_owned(),
            why_not: viewer
                .and_then(|viewer| proposal.standing.may_approve(viewer, chrome.now).err())
                .map(|fault| fault.to_string()),
        }
    }
}

fn state_of(state: State) -> (Lamp, &'static str) {
    match state {
        State::Waiting => (Lamp::Yellow, "Waits for a second administrator"),
        State::Lapsed => (Lamp::Unknown, "Void: nobody answered in time"),
        State::Decided(Decision::Approved) => (Lamp::Clear, "Approved"),
        State::Decided(Decision::Refused) => (Lamp::Blue, "Refused"),
        State::Decided(Decision::Withdrawn) => (Lamp::Unknown, "Withdrawn"),
    }
}
