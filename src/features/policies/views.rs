//! What the pages of policies show.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, Utc};

use super::difference::{Difference, between};
use super::pages::{ProposalForm, acts_everywhere};
use crate::foundation::auth::{Permission, Signed, people};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::policy::{self, Kind, Version};
use crate::foundation::web::{Chrome, Lamp, Problems};

#[derive(Template)]
#[template(path = "policies/list.html")]
pub(super) struct List {
    pub(super) chrome: Chrome,
    pub(super) rows: Vec<Line>,
}

pub(super) struct Line {
    kind: Kind,
    in_force: Option<Version>,
    by: String,
    /// A version that waits for somebody's approval, or for its day.
    coming: Option<String>,
}

pub(super) fn line(conn: &mut Conn, kind: Kind, now: DateTime<Utc>) -> db::Result<Line> {
    let versions = policy::versions(conn, kind.key)?;
    let in_force = policy::in_force(conn, kind.key, now)?;
    let names = names_of(conn, &versions)?;
    let coming = versions.iter().find_map(|version| {
        if version.is_open() {
            Some(format!("Version {} awaits approval", version.version))
        } else if version.approved_by.is_some() && version.effective_from > now {
            Some(format!(
                "Version {} from {}",
                version.version,
                day(version.effective_from)
            ))
        } else {
            None
        }
    });
    Ok(Line {
        by: in_force
            .as_ref()
            .map_or_else(String::new, |version| name_of(&names, &version.proposed_by)),
        kind,
        in_force,
        coming,
    })
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}

fn person(actor: &str) -> Option<PersonId> {
    actor.strip_prefix("person:")?.parse().ok()
}

pub(super) fn names_of(
    conn: &mut Conn,
    versions: &[Version],
) -> db::Result<HashMap<PersonId, String>> {
    let mut ids: Vec<PersonId> = versions
        .iter()
        .flat_map(|version| {
            let others = [&version.approved_by, &version.withdrawn_by];
            let others = others.into_iter().flatten().map(String::as_str);
            others
                .chain([version.proposed_by.as_str()])
                .filter_map(person)
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    people::names(conn, &ids)
}

pub(super) fn name_of(names: &HashMap<PersonId, String>, actor: &str) -> String {
    match actor {
        "release" => "this release of Signalbox".to_owned(),
        "command_line:migrate" => "the installation".to_owned(),
        actor => person(actor)
            .and_then(|id| names.get(&id).cloned())
            .unwrap_or_else(|| actor.to_owned()),
    }
}

#[derive(Template)]
#[template(path = "policies/one.html")]
pub(super) struct One {
    pub(super) chrome: Chrome,
    pub(super) kind: Kind,
    pub(super) in_force: Option<Version>,
    /// The value in force, for reading.
    pub(super) current: String,
    pub(super) proposal: Option<Open>,
    pub(super) versions: Vec<Past>,
    pub(super) form: ProposalForm,
    pub(super) problems: Problems,
    pub(super) may_propose: bool,
    /// Why this person proposes nothing, where their role would let them.
    pub(super) no_proposal: Option<&'static str>,
}

/// A proposal that waits for an answer.
pub(super) struct Open {
    version: Version,
    by: String,
    hash: String,
    effective: String,
    differences: Vec<Difference>,
    value: String,
    may_approve: bool,
    may_withdraw: bool,
    is_own: bool,
    is_late: bool,
}

pub(super) struct Past {
    version: Version,
    lamp: Lamp,
    word: &'static str,
    effective: String,
    proposed_by: String,
    answered_by: String,
    differences: Vec<Difference>,
}

pub(super) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

impl Open {
    pub(super) fn new(
        version: Version,
        in_force: Option<&Version>,
        signed: &Signed,
        names: &HashMap<PersonId, String>,
        now: DateTime<Utc>,
    ) -> Self {
        let is_own = person(&version.proposed_by) == Some(signed.person);
        let is_late = version.effective_from <= now;
        let may = |permission| acts_everywhere(signed, permission);
        Self {
            by: name_of(names, &version.proposed_by),
            hash: version
                .payload_sha256
                .as_ref()
                .map(hex::encode)
                .unwrap_or_default(),
            effective: day(version.effective_from),
            differences: in_force
                .map(|now| between(&now.value, &version.value))
                .unwrap_or_default(),
            value: pretty(&version.value),
            may_approve: !is_own && !is_late && may(Permission::PolicyApprove),
            may_withdraw: may(Permission::PolicyPropose),
            is_own,
            is_late,
            version,
        }
    }
}

pub(super) fn past(
    versions: &[Version],
    in_force: Option<&Version>,
    names: &HashMap<PersonId, String>,
    now: DateTime<Utc>,
) -> Vec<Past> {
    let number = in_force.map(|version| version.version);
    let approved: Vec<&Version> = versions
        .iter()
        .filter(|v| v.approved_by.is_some())
        .collect();
    versions
        .iter()
        .map(|version| {
            let (lamp, word) = if version.is_open() {
                (Lamp::Yellow, "Awaits approval")
            } else if version.withdrawn_by.is_some() {
                (Lamp::Unknown, "Withdrawn or refused")
            } else if Some(version.version) == number {
                (Lamp::Clear, "In force")
            } else if version.effective_from > now {
                (Lamp::Blue, "Approved, to come")
            } else {
                (Lamp::Unknown, "Was in force")
            };
            let before = approved
                .iter()
                .find(|other| other.version < version.version);
            let answered = version
                .approved_by
                .as_ref()
                .or(version.withdrawn_by.as_ref());
            Past {
                lamp,
                word,
                effective: if version.effective_from == DateTime::UNIX_EPOCH {
                    "the beginning".to_owned()
                } else {
                    day(version.effective_from)
                },
                proposed_by: name_of(names, &version.proposed_by),
                answered_by: answered.map_or_else(String::new, |by| name_of(names, by)),
                differences: before
                    .map(|before| between(&before.value, &version.value))
                    .unwrap_or_default(),
                version: version.clone(),
            }
        })
        .collect()
}
