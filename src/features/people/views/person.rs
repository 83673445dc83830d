use askama::Template;
use uuid::Uuid;

use super::list::{factors, state};
use super::{Names, ProposalLine, platforms_of, watch_lines};
use crate::features::people::store::{Platform, Proposal};
use crate::foundation::auth::break_glass::Use;
use crate::foundation::auth::factors::Methods;
use crate::foundation::auth::grants::{Held, Past};
use crate::foundation::auth::identities::Connection;
use crate::foundation::auth::people::Person;
use crate::foundation::auth::roster::Standing;
use crate::foundation::auth::sessions::Open;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::web::format::When;
use crate::foundation::web::{Chrome, Lamp, Problems, Who};

/// The forms of the page as they were sent, or empty.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    pub role: String,
    pub revoke_reason: String,
    pub disable_reason: String,
    pub enable_reason: String,
    pub factors_reason: String,
    pub recovery_reason: String,
    pub use_note: String,
    pub lost_factors: bool,
    pub problems: Problems,
}

struct GrantLine {
    role: &'static str,
    value: &'static str,
    lamp: Lamp,
    word: &'static str,
    since: When,
    until: Option<When>,
    platforms: String,
    watch: Vec<String>,
    reason: String,
    proposed_by: Option<Who>,
    by: Who,
}

struct PastLine {
    role: String,
    since: When,
    until: When,
    reason: String,
    by: Who,
    ended_by: Who,
    end: String,
}

/// A use of a break-glass account.
struct UseLine {
    at: When,
    network: String,
    review: Option<(When, Who, String)>,
}

impl UseLine {
    fn new(one: &Use, names: &Names, chrome: &Chrome) -> Self {
        let reviewed = one.reviewed_by.zip(one.reviewed_at);
        Self {
            at: chrome.at(&one.used_at),
            network: one.network.clone(),
            review: reviewed.map(|(by, at)| {
                let note = one.note.clone().unwrap_or_default();
                (chrome.at(&at), names.person(by.into()), note)
            }),
        }
    }
}

/// What the database had for the page.
pub struct Found {
    pub person: Person,
    pub grants: Vec<Held>,
    pub past: Vec<Past>,
    pub proposals: Vec<Proposal>,
    pub standing: Standing,
    pub open: Vec<Open>,
    pub methods: Methods,
    pub has_link: bool,
    pub connection: Option<Connection>,
    pub why_disabled: (Option<String>, Option<String>),
    pub is_break_glass: bool,
    pub uses: Vec<Use>,
    pub platforms: Vec<Platform>,
    pub names: Names,
}

#[derive(Template)]
#[template(path = "people/person.html")]
pub struct PersonPage {
    chrome: Chrome,
    id: String,
    name: String,
    email: String,
    added: When,
    lamp: Lamp,
    word: &'static str,
    /// Who shut them out, when, and why.
    disabled: Option<(When, Who, String)>,
    grants: Vec<GrantLine>,
    past: Vec<PastLine>,
    waiting: Vec<ProposalLine>,
    answered: Vec<ProposalLine>,
    factors: &'static str,
    recovery_codes_left: i64,
    last_seen: Option<When>,
    open: Vec<Open>,
    /// The session that the reader is in.
    current: Uuid,
    has_link: bool,
    /// What the provider calls them, since when, and when it was used last.
    connection: Option<(String, When, Option<When>)>,
    /// They were invited, have not come, and hold nothing.
    may_invite_again: bool,
    may_manage: bool,
    is_self: bool,
    may_read_log: bool,
    is_break_glass: bool,
    uses: Vec<UseLine>,
    /// Whether a use waits for somebody to look at it.
    used: bool,
    forms: Forms,
}

impl PersonPage {
    pub fn new(chrome: Chrome, signed: &Signed, found: Found, forms: Forms) -> Self {
        let Found { person, names, .. } = &found;
        let (lamp, word) = state(person, &found.grants, &found.standing, &chrome);
        let may_manage = signed.may(Permission::PeopleManage);
        let viewer = may_manage.then_some(signed.person);
        let (by, why) = &found.why_disabled;
        let line = |proposal: &Proposal| ProposalLine::new(proposal, names, &chrome, viewer);
        let waits = |proposal: &&Proposal| {
            proposal.standing.state(chrome.now) == crate::features::people::proposal::State::Waiting
        };
        Self {
            id: person.id.to_string(),
            added: chrome.at(&person.created_at),
            disabled: person.disabled_at.map(|at| {
                let by = by
                    .as_deref()
                    .map_or_else(|| Who::other("nobody knows whom"), |by| names.actor(by));
                (chrome.at(&at), by, why.clone().unwrap_or_default())
            }),
            grants: found
                .grants
                .iter()
                .map(|held| GrantLine::new(held, &found, &chrome))
                .collect(),
            past: found
                .past
                .iter()
                .map(|past| PastLine::new(past, names, &chrome))
                .collect(),
            waiting: found.proposals.iter().filter(waits).map(line).collect(),
            answered: found
                .proposals
                .iter()
                .filter(|one| !waits(one))
                .map(line)
                .collect(),
            factors: factors(&found.standing),
            recovery_codes_left: found.methods.recovery_codes_left,
            last_seen: found.standing.last_seen.map(|at| chrome.ago(&at)),
            current: signed.session,
            has_link: found.has_link,
            connection: found.connection.as_ref().map(|known| {
                let called = known.email.clone().unwrap_or_default();
                let used = known.last_used_at.map(|at| chrome.ago(&at));
                (called, chrome.at(&known.created_at), used)
            }),
            may_invite_again: !found.standing.password
                && found.grants.is_empty()
                && person.disabled_at.is_none(),
            may_manage,
            is_self: signed.person == person.id,
            may_read_log: signed.may(Permission::AuditRead),
            is_break_glass: found.is_break_glass,
            used: found.uses.iter().any(|one| one.reviewed_by.is_none()),
            uses: found
                .uses
                .iter()
                .map(|one| UseLine::new(one, names, &chrome))
                .collect(),
            name: person.name.clone(),
            email: person.email.clone(),
            open: found.open,
            lamp,
            word,
            forms,
            chrome,
        }
    }
}

impl GrantLine {
    fn new(held: &Held, found: &Found, chrome: &Chrome) -> Self {
        let (lamp, word) = if held.period.is_over(chrome.now) {
            (Lamp::Unknown, "Over")
        } else if found.person.disabled_at.is_some() {
            (Lamp::Unknown, "Disabled")
        } else if held.period.counts(chrome.now) {
            (Lamp::Clear, "Counts now")
        } else {
            (Lamp::Blue, "To come")
        };
        let names = &found.names;
        Self {
            role: held.role.label(),
            value: held.role.as_str(),
            lamp,
            word,
            since: chrome.at(&held.period.starts_at),
            until: held.period.ends_at.map(|end| chrome.until(&end)),
            platforms: platforms_of(&held.scope, &found.platforms),
            watch: if held.role == crate::foundation::auth::Role::Auditor {
                watch_lines(&held.watch, chrome)
            } else {
                Vec::new()
            },
            reason: held.reason.clone(),
            proposed_by: held.proposed_by.as_deref().map(|by| names.actor(by)),
            by: names.actor(&held.granted_by),
        }
    }
}

impl PastLine {
    fn new(past: &Past, names: &Names, chrome: &Chrome) -> Self {
        let role = past.role.parse::<crate::foundation::auth::Role>();
        Self {
            role: role.map_or_else(|_| past.role.clone(), |role| role.label().to_owned()),
            since: chrome.at(&past.starts_at),
            until: chrome.at(&past.ended_at),
            reason: past.reason.clone(),
            by: names.actor(&past.granted_by),
            ended_by: names.actor(&past.ended_by),
            end: past.end_reason.clone(),
        }
    }
}
