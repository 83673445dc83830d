use std::collections::HashMap;

use askama::Template;
use serde::Deserialize;

use super::{Names, ProposalLine};
use crate::features::people::ask::role_names;
use crate::features::people::store::Proposal;
use crate::foundation::auth::break_glass::Use;
use crate::foundation::auth::grants::{FEWEST_ADMINISTRATORS, Held};
use crate::foundation::auth::people::Person;
use crate::foundation::auth::roster::{Standing, Wanted};
use crate::foundation::auth::{Permission, Role, Signed};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::When;
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp};

/// The filter as it was typed; it lives in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub q: String,
    pub role: String,
    pub state: String,
    pub cursor: String,
}

impl Filter {
    pub fn wanted(&self) -> Wanted {
        let words = self.q.trim().replace('\0', "");
        Wanted {
            words: (!words.is_empty()).then(|| words.chars().take(200).collect()),
            role: self.role.parse().ok(),
            disabled: match self.state.as_str() {
                "disabled" => Some(true),
                "enabled" => Some(false),
                _ => None,
            },
        }
    }

    fn is_set(&self) -> bool {
        [&self.q, &self.role, &self.state]
            .iter()
            .any(|field| !field.is_empty())
    }

    fn href(&self, cursor: &str) -> String {
        let pairs = [
            ("q", self.q.as_str()),
            ("role", &self.role),
            ("state", &self.state),
            ("cursor", cursor),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()))
            .finish();
        format!("/people?{query}")
    }
}

/// What the database had for the list.
pub struct Found {
    pub people: Page<Person>,
    pub grants: HashMap<PersonId, Vec<Held>>,
    pub standing: HashMap<PersonId, Standing>,
    pub waiting: Vec<Proposal>,
    pub names: Names,
    pub able_administrators: usize,
    /// Uses of break-glass accounts that nobody has reviewed.
    pub uses: Vec<Use>,
    pub review_overdue: bool,
}

struct Row {
    href: String,
    name: String,
    email: String,
    is_break_glass: bool,
    roles: Vec<String>,
    last_seen: Option<When>,
    factors: &'static str,
    lamp: Lamp,
    word: &'static str,
}

#[derive(Template)]
#[template(path = "people/list.html")]
pub struct List {
    chrome: Chrome,
    filter: Filter,
    filtered: bool,
    lamp: Lamp,
    verdict: String,
    detail: &'static str,
    /// The page of a break-glass account that was used.
    used: Option<String>,
    review_overdue: bool,
    waiting: Vec<ProposalLine>,
    rows: Vec<Row>,
    roles: Vec<(&'static str, &'static str)>,
    previous: Option<String>,
    next: Option<String>,
    may_manage: bool,
}

impl List {
    pub fn new(chrome: Chrome, signed: &Signed, filter: Filter, found: Found) -> Self {
        let may_manage = signed.may(Permission::PeopleManage);
        let used = found.uses.first().map(|one| PersonId::from(one.person_id));
        let (lamp, verdict, detail) = match used {
            Some(_) => (
                Lamp::Red,
                "The break-glass account was used, and nobody has reviewed it".to_owned(),
                "Read what was done with it, and say what you found.",
            ),
            None => verdict(found.waiting.len(), found.able_administrators),
        };
        let viewer = may_manage.then_some(signed.person);
        let line = |proposal: &Proposal| ProposalLine::new(proposal, &found.names, &chrome, viewer);
        let waiting = found.waiting.iter().map(line).collect();
        let rows = found.people.items.iter().map(|person| {
            let grants = found.grants.get(&person.id).map_or(&[][..], Vec::as_slice);
            let standing = found.standing.get(&person.id).cloned().unwrap_or_default();
            Row::new(person, grants, &standing, &chrome)
        });
        Self {
            rows: rows.collect(),
            waiting,
            review_overdue: found.review_overdue,
            used: used.map(|id| format!("/people/{id}")),
            lamp,
            verdict,
            detail,
            filtered: filter.is_set(),
            previous: found.people.previous.map(|cursor| filter.href(&cursor)),
            next: found.people.next.map(|cursor| filter.href(&cursor)),
            roles: Role::ALL.map(|role| (role.as_str(), role.label())).into(),
            may_manage,
            filter,
            chrome,
        }
    }
}

fn verdict(waiting: usize, able: usize) -> (Lamp, String, &'static str) {
    if able < FEWEST_ADMINISTRATORS {
        let who = if able == 1 {
            "Only one administrator"
        } else {
            "No administrator"
        };
        return (
            Lamp::Red,
            format!("{who} can act: nothing here can be approved"),
            "Add one on the command line: signalbox user add --role administrator",
        );
    }
    match waiting {
        0 => (
            Lamp::Clear,
            "Nothing waits for a second administrator".to_owned(),
            "Whatever widens somebody's access takes two of them.",
        ),
        1 => (
            Lamp::Yellow,
            "1 change waits for a second administrator".to_owned(),
            "It is void if nobody answers within seven days.",
        ),
        several => (
            Lamp::Yellow,
            format!("{several} changes wait for a second administrator"),
            "Each is void if nobody answers it within seven days.",
        ),
    }
}

impl Row {
    fn new(person: &Person, grants: &[Held], standing: &Standing, chrome: &Chrome) -> Self {
        let (lamp, word) = state(person, grants, standing, chrome);
        Self {
            href: format!("/people/{}", person.id),
            name: person.name.clone(),
            email: person.email.clone(),
            is_break_glass: standing.break_glass,
            roles: grants
                .iter()
                .filter_map(|held| role_line(held, chrome))
                .collect(),
            last_seen: standing.last_seen.map(|at| chrome.ago(&at)),
            factors: factors(standing),
            lamp,
            word,
        }
    }
}

/// "Operator until 3 Jun 2026"; nothing for what is over.
fn role_line(held: &Held, chrome: &Chrome) -> Option<String> {
    let day =
        |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&chrome.zone).format("%-d %b %Y");
    if held.period.is_over(chrome.now) {
        return None;
    }
    let name = role_names(&[held.role]);
    let from =
        (!held.period.counts(chrome.now)).then(|| format!(" from {}", day(held.period.starts_at)));
    let until = held
        .period
        .ends_at
        // An end at midnight is the day before, for whoever reads it.
        .map(|end| format!(" until {}", day(end - chrono::TimeDelta::seconds(1))));
    Some(name + &from.unwrap_or_default() + &until.unwrap_or_default())
}

/// How somebody signs in.
pub(super) fn factors(standing: &Standing) -> &'static str {
    match (standing.passkey, standing.password, standing.authenticator) {
        (true, true, true) => "Passkey, password and authenticator",
        (true, true, false) => "Passkey and password",
        (true, false, _) => "Passkey",
        (false, true, true) => "Password and authenticator",
        (false, true, false) => "Password, no second factor yet",
        (false, false, true) => "Authenticator, no password",
        (false, false, false) => "None yet",
    }
}

/// How somebody stands, in a word.
pub(super) fn state(
    person: &Person,
    grants: &[Held],
    standing: &Standing,
    chrome: &Chrome,
) -> (Lamp, &'static str) {
    let holds = grants.iter().any(|held| held.period.counts(chrome.now));
    match (person.disabled_at.is_some(), standing.is_enrolled(), holds) {
        (true, _, _) => (Lamp::Unknown, "Disabled"),
        (false, _, false) => (Lamp::Blue, "No role now"),
        (false, false, true) => (Lamp::Yellow, "Has not enrolled"),
        (false, true, true) => (Lamp::Clear, "Able"),
    }
}
