use askama::Template;

use super::{Names, held_line, state_of, terms_of};
use crate::features::people::ask::Payload;
use crate::features::people::form::{ALL, GrantForm};
use crate::features::people::proposal::State;
use crate::features::people::store::{Platform, Proposal};
use crate::foundation::auth::grants::Held;
use crate::foundation::auth::{Permission, QUEUES, Role, Signed};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::When;
use crate::foundation::web::{Chrome, Lamp, Problems, Who};

/// Something to tick.
struct Choice {
    value: String,
    label: String,
    hint: String,
    chosen: bool,
}

/// The form for roles, for somebody who is here or for somebody new.
#[derive(Template)]
#[template(path = "people/grant.html")]
pub struct GrantPage {
    chrome: Chrome,
    title: String,
    lede: &'static str,
    action: String,
    back: String,
    /// Whom it is for; nothing for somebody new.
    person: Option<Who>,
    form: GrantForm,
    roles: Vec<Choice>,
    platforms: Vec<Choice>,
    queues: Vec<Choice>,
    problems: Problems,
}

impl GrantPage {
    /// `person` is whoever it is for; nothing for somebody new.
    pub fn new(
        chrome: Chrome,
        person: Option<(PersonId, Who)>,
        form: GrantForm,
        platforms: &[Platform],
        problems: Problems,
    ) -> Self {
        let (title, action, back) = match &person {
            None => (
                "Invite somebody".to_owned(),
                "/people/invitation".to_owned(),
                "/people".to_owned(),
            ),
            Some((id, who)) => (
                format!("Grant roles to {}", who.name),
                format!("/people/{id}/grant"),
                format!("/people/{id}"),
            ),
        };
        let lede = if person.is_none() {
            "They can set up their sign-in at once, and may do nothing until another administrator approves the roles."
        } else {
            "It counts once another administrator has approved it. Their sessions end then: they sign in again with what they hold."
        };
        Self {
            title,
            lede,
            action,
            back,
            person: person.map(|(_, who)| who),
            roles: Role::ALL
                .iter()
                .map(|role| Choice {
                    value: role.as_str().to_owned(),
                    label: role.label().to_owned(),
                    hint: about(*role).to_owned(),
                    chosen: form.role.iter().any(|value| value == role.as_str()),
                })
                .collect(),
            platforms: choices(
                "Every platform, also those to come",
                platforms
                    .iter()
                    .map(|platform| (platform.id.to_string(), platform.name.clone())),
                &form.platform,
            ),
            queues: choices(
                "Every queue, also those to come",
                QUEUES
                    .iter()
                    .map(|(kind, label)| ((*kind).to_owned(), (*label).to_owned())),
                &form.queue,
            ),
            form,
            problems,
            chrome,
        }
    }
}

fn choices(
    all: &str,
    single: impl Iterator<Item = (String, String)>,
    chosen: &[String],
) -> Vec<Choice> {
    std::iter::once((ALL.to_owned(), all.to_owned()))
        .chain(single)
        .map(|(value, label)| Choice {
            chosen: chosen.contains(&value),
            value,
            label,
            hint: String::new(),
        })
        .collect()
}

const fn about(role: Role) -> &'static str {
    match role {
        Role::Operator => "Health, alerts, jobs. Decides no case.",
        Role::Reviewer => "Claims and decides review cases.",
        Role::Compliance => "Everything a reviewer may, policy, lists and intake.",
        Role::Auditor => {
            "Reads and exports, changes nothing. Goes with no other role and has an end."
        }
        Role::Administrator => {
            "People, keys and packs. Decides no case. On single platforms only, not people."
        }
    }
}

/// A secret that is shown once, on a page that prints well.
#[derive(Template)]
#[template(path = "people/handed.html")]
pub struct HandedPage {
    pub chrome: Chrome,
    pub person: Who,
    pub title: &'static str,
    pub secret: String,
    /// How "Give it to Ada (ada@example.org)" goes on.
    pub given: String,
    pub lines: Vec<String>,
    pub next: String,
}

/// What the database had beside the proposal.
pub struct ProposalFound {
    pub names: Names,
    pub platforms: Vec<Platform>,
    pub grants: Vec<Held>,
    /// Of somebody who holds nothing yet: whether all that signing in takes is set up.
    pub newcomer: Option<bool>,
}

impl ProposalFound {
    fn in_force(&self, chrome: &Chrome) -> impl Iterator<Item = &Held> {
        let now = chrome.now;
        self.grants
            .iter()
            .filter(move |held| !held.period.is_over(now))
    }

    fn held(&self, chrome: &Chrome) -> Vec<String> {
        let line = |held| held_line(held, &self.platforms, chrome);
        self.in_force(chrome).map(line).collect()
    }

    /// A grant takes the place of the same role, whatever that reached.
    fn changes(&self, payload: &Payload, chrome: &Chrome) -> Vec<String> {
        let Payload::Grant(ask) = payload else {
            return Vec::new();
        };
        let change = |role: &Role| match self.in_force(chrome).find(|held| held.role == *role) {
            Some(held) => format!("Replaces: {}", held_line(held, &self.platforms, chrome)),
            None => format!("Adds: {}", role.label()),
        };
        ask.roles.iter().map(change).collect()
    }
}

#[derive(Template)]
#[template(path = "people/proposal.html")]
pub struct ProposalPage {
    chrome: Chrome,
    id: String,
    title: String,
    person: Who,
    person_href: String,
    by: Who,
    at: When,
    expires: When,
    reason: String,
    hash: String,
    terms: Vec<(&'static str, String)>,
    lamp: Lamp,
    word: &'static str,
    waits: bool,
    decided: Option<(Who, When)>,
    /// The roles in force or to come, and what of them the approval changes.
    held: Vec<String>,
    changes: Vec<String>,
    is_for_oneself: bool,
    /// Whether the reader is an administrator at all.
    may_manage: bool,
    why_not: Option<String>,
    is_own: bool,
    ends_sessions: bool,
    /// Of somebody who holds nothing yet: whether all that signing in takes is set up. Who invited them had the link.
    newcomer: Option<bool>,
}

impl ProposalPage {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        proposal: &Proposal,
        found: &ProposalFound,
    ) -> Self {
        let ProposalFound { names, .. } = found;
        let standing = &proposal.standing;
        let state = standing.state(chrome.now);
        let (lamp, word) = state_of(state);
        let fault = standing.may_approve(signed.person, chrome.now).err();
        Self {
            id: proposal.id.to_string(),
            title: proposal.payload.summary(),
            person: names.person(standing.person),
            person_href: format!("/people/{}", standing.person),
            by: names.person(standing.proposed_by),
            at: chrome.at(&proposal.proposed_at),
            expires: chrome.at(&standing.expires_at),
            reason: proposal.reason.clone(),
            hash: hex::encode(standing.payload_sha256),
            terms: terms_of(&proposal.payload, &found.platforms, &chrome),
            held: found.held(&chrome),
            changes: found.changes(&proposal.payload, &chrome),
            is_for_oneself: standing.is_for_oneself(),
            lamp,
            word,
            waits: state == State::Waiting,
            decided: proposal
                .decided_by
                .zip(proposal.decided_at)
                .map(|(by, at)| (names.person(by), chrome.at(&at))),
            may_manage: signed.may(Permission::PeopleManage),
            why_not: fault.map(|fault| fault.to_string()),
            is_own: standing.proposed_by == signed.person,
            ends_sessions: !matches!(proposal.payload, Payload::Enable),
            newcomer: found.newcomer,
            chrome,
        }
    }
}
