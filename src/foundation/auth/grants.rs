//! Grants: who holds which role, on which platforms, from when until when, why, and by whose word.
//!
//! A grant counts while its start has come and its end has not. Giving and taking one ends the person's sessions: the
//! next request is made under what they then hold.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::permissions::{Role, RoleConflict, check_roles};
use super::sessions;
use super::watch::Watch;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::{
    password, person, person_role, person_role_past, person_role_platform,
};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};

/// The longest time for which somebody audits: a year, be it a leap year. After it somebody has to say again why.
pub const LONGEST_AUDIT: TimeDelta = TimeDelta::days(366);
/// With fewer than this many administrators who can act, nothing that needs two can be approved.
pub const FEWEST_ADMINISTRATORS: usize = 2;

/// From when until when something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub starts_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
}

impl Period {
    #[must_use]
    pub fn counts(self, now: DateTime<Utc>) -> bool {
        self.starts_at <= now && !self.is_over(now)
    }

    #[must_use]
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

/// A role to give.
#[derive(Clone, Debug)]
pub struct NewGrant {
    pub role: Role,
    pub scope: Scope,
    pub period: Period,
    pub reason: String,
    pub watch: Watch,
    /// The proposal that a second administrator has approved, and who made it. The command line needs none.
    pub proposal: Option<(Uuid, PersonId)>,
}

impl NewGrant {
    /// What the command line gives: from now on; an audit for as long as one may last.
    #[must_use]
    pub fn by_command_line(role: Role, scope: Scope, now: DateTime<Utc>) -> Self {
        let audits = role == Role::Auditor;
        Self {
            role,
            scope,
            period: Period {
                starts_at: now,
                ends_at: audits.then(|| now + LONGEST_AUDIT),
            },
            reason: "Given on the command line".to_owned(),
            watch: Watch::default(),
            proposal: None,
        }
    }
}

/// A role that somebody holds, held or will hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub role: Role,
    pub scope: Scope,
    pub period: Period,
    pub reason: String,
    pub watch: Watch,
    /// As the audit log writes actors; nothing where the command line gave it.
    pub proposed_by: Option<String>,
    pub granted_by: String,
    pub granted_at: DateTime<Utc>,
}

/// Why a grant cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Conflict(#[from] RoleConflict),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Gives a role, in place of the same role that is held already, and ends the person's sessions. What is over of the
/// other kind of role stands in nobody's way.
pub fn give(tx: &mut Tx<'_>, id: PersonId, new: &NewGrant) -> Result<(), Refusal> {
    sessions::hold_still(tx, id)?;
    let now = tx.now();
    let mut roles = vec![new.role];
    for held in of(tx, id)? {
        if held.period.is_over(now) {
            remove(tx, id, held.role, "Its time was over")?;
        } else if held.role != new.role {
            roles.push(held.role);
        }
    }
    check_roles(&roles)?;
    remove(tx, id, new.role, "Replaced by a new grant")?;
    diesel::update(person::table.find(id.uuid()))
        .set(person::acts.eq(new.role != Role::Auditor))
        .execute(&mut **tx)?;
    insert(tx, id, new)?;
    sessions::end_others(tx, id, None)?;
    Ok(())
}

/// Takes a role away and ends the person's sessions. False where they do not hold it.
pub fn take(tx: &mut Tx<'_>, id: PersonId, role: Role, reason: &str) -> db::Result<bool> {
    sessions::hold_still(tx, id)?;
    if !remove(tx, id, role, reason)? {
        return Ok(false);
    }
    let ended = sessions::end_others(tx, id, None)?;
    tx.record(
        Event::new("role.revoked", Subject::new("person", id))
            .detail("role", role.as_str())
            .detail("sessions_ended", ended),
    )?;
    Ok(true)
}

fn remove(tx: &mut Tx<'_>, id: PersonId, role: Role, reason: &str) -> db::Result<bool> {
    let row = person_role::table.find((id.uuid(), role.as_str()));
    let removed: Option<(DateTime<Utc>, Option<DateTime<Utc>>, String, String)> =
        diesel::delete(row)
            .returning((
                person_role::starts_at,
                person_role::ends_at,
                person_role::reason,
                person_role::granted_by,
            ))
            .get_result(&mut **tx)
            .optional()?;
    let Some((starts_at, ends_at, why_given, granted_by)) = removed else {
        return Ok(false);
    };
    let (now, by) = (tx.now(), tx.actor().to_string());
    diesel::insert_into(person_role_past::table)
        .values((
            person_role_past::id.eq(Uuid::now_v7()),
            person_role_past::person_id.eq(id.uuid()),
            person_role_past::role.eq(role.as_str()),
            person_role_past::starts_at.eq(starts_at),
            person_role_past::ended_at.eq(ends_at.map_or(now, |end| end.min(now))),
            person_role_past::reason.eq(why_given),
            person_role_past::granted_by.eq(granted_by),
            person_role_past::ended_by.eq(by),
            person_role_past::end_reason.eq(reason),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}

/// A grant that somebody held.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = person_role_past)]
pub struct Past {
    pub role: String,
    pub starts_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub reason: String,
    pub granted_by: String,
    pub ended_by: String,
    pub end_reason: String,
}

/// The newest of what somebody held before.
pub fn past(conn: &mut Conn, id: PersonId) -> db::Result<Vec<Past>> {
    /// More are in the audit log.
    const MOST: i64 = 50;
    Ok(person_role_past::table
        .filter(person_role_past::person_id.eq(id.uuid()))
        .order((
            person_role_past::ended_at.desc(),
            person_role_past::id.desc(),
        ))
        .limit(MOST)
        .select(Past::as_select())
        .load(conn)?)
}

pub(super) fn insert(tx: &mut Tx<'_>, id: PersonId, new: &NewGrant) -> db::Result<()> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let platforms = new.scope.ids();
    let proposed_by = new.proposal.map(|(_, by)| format!("person:{by}"));
    let queues: Option<Vec<Option<&str>>> = new
        .watch
        .queues
        .as_ref()
        .map(|queues| queues.iter().map(|queue| Some(queue.as_str())).collect());
    diesel::insert_into(person_role::table)
        .values((
            person_role::person_id.eq(id.uuid()),
            person_role::role.eq(new.role.as_str()),
            person_role::granted_by.eq(by),
            person_role::granted_at.eq(now),
            person_role::limited.eq(platforms.is_some()),
            person_role::starts_at.eq(new.period.starts_at),
            person_role::ends_at.eq(new.period.ends_at),
            person_role::reason.eq(&new.reason),
            person_role::proposed_by.eq(proposed_by),
            person_role::proposal_id.eq(new.proposal.map(|(proposal, _)| proposal)),
            person_role::log_from.eq(new.watch.log_from),
            person_role::log_until.eq(new.watch.log_until),
            person_role::queues.eq(queues),
        ))
        .execute(&mut **tx)?;
    let rows: Vec<_> = platforms
        .iter()
        .flatten()
        .map(|platform| {
            (
                person_role_platform::person_id.eq(id.uuid()),
                person_role_platform::role.eq(new.role.as_str()),
                person_role_platform::platform_id.eq(*platform),
            )
        })
        .collect();
    diesel::insert_into(person_role_platform::table)
        .values(rows)
        .execute(&mut **tx)?;
    tx.record(granted(id, new))?;
    Ok(())
}

fn granted(id: PersonId, new: &NewGrant) -> Event {
    let mut event = Event::new("role.granted", Subject::new("person", id))
        .detail("role", new.role.as_str())
        .detail("starts_at", new.period.starts_at.to_rfc3339());
    if let Some(end) = new.period.ends_at {
        event = event.detail("ends_at", end.to_rfc3339());
    }
    if let Some(platforms) = new.scope.ids() {
        event = event.detail("platforms", serde_json::json!(platforms));
    }
    if !new.watch.is_everything() {
        event = event.detail("watch", serde_json::json!(new.watch));
    }
    match new.proposal {
        Some((proposal, by)) => event
            .detail("proposal", proposal.to_string())
            .detail("proposed_by", by.to_string()),
        None => event,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = person_role)]
struct Row {
    person_id: Uuid,
    role: String,
    limited: bool,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    reason: String,
    proposed_by: Option<String>,
    granted_by: String,
    granted_at: DateTime<Utc>,
    log_from: Option<DateTime<Utc>>,
    log_until: Option<DateTime<Utc>>,
    queues: Option<Vec<Option<String>>>,
}

/// Every grant of somebody that has not been taken away, over or to come, by role.
pub fn of(conn: &mut Conn, id: PersonId) -> db::Result<Vec<Held>> {
    Ok(of_all(conn, &[id])?.remove(&id).unwrap_or_default())
}

/// The grants of these people.
pub fn of_all(conn: &mut Conn, people: &[PersonId]) -> db::Result<HashMap<PersonId, Vec<Held>>> {
    let ids: Vec<Uuid> = people.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = person_role::table
        .filter(person_role::person_id.eq_any(&ids))
        .order((person_role::person_id, person_role::role))
        .select(Row::as_select())
        .load(conn)?;
    let listed: Vec<(Uuid, String, Uuid)> = person_role_platform::table
        .filter(person_role_platform::person_id.eq_any(&ids))
        .load(conn)?;
    let mut platforms: BTreeMap<(Uuid, String), Vec<PlatformId>> = BTreeMap::new();
    for (id, role, platform) in listed {
        platforms
            .entry((id, role))
            .or_default()
            .push(platform.into());
    }
    let mut held: HashMap<PersonId, Vec<Held>> = HashMap::new();
    for row in rows {
        let reached = platforms.remove(&(row.person_id, row.role.clone()));
        let id = row.person_id.into();
        held.entry(id).or_default().extend(row.read(reached));
    }
    Ok(held)
}

impl Row {
    fn read(self, platforms: Option<Vec<PlatformId>>) -> Option<Held> {
        Some(Held {
            role: self.role.parse().ok()?,
            scope: if self.limited {
                platforms.into_iter().flatten().collect()
            } else {
                Scope::All
            },
            period: Period {
                starts_at: self.starts_at,
                ends_at: self.ends_at,
            },
            reason: self.reason,
            watch: Watch {
                log_from: self.log_from,
                log_until: self.log_until,
                queues: self
                    .queues
                    .map(|queues| queues.into_iter().flatten().collect()),
            },
            proposed_by: self.proposed_by,
            granted_by: self.granted_by,
            granted_at: self.granted_at,
        })
    }
}

/// Those who can approve now what another administrator proposes: they hold the role everywhere, are not disabled, and
/// have come as far as a password. A sealed account is not among them.
pub fn able_administrators(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<PersonId>> {
    let ids: Vec<Uuid> = person_role::table
        .inner_join(person::table.on(person::id.eq(person_role::person_id)))
        .inner_join(password::table.on(password::person_id.eq(person::id)))
        .filter(person_role::role.eq(Role::Administrator.as_str()))
        .filter(person_role::limited.eq(false))
        .filter(person_role::starts_at.le(now))
        .filter(
            person_role::ends_at
                .is_null()
                .or(person_role::ends_at.gt(now)),
        )
        .filter(person::disabled_at.is_null())
        .filter(person::break_glass.eq(false))
        .order(person::id)
        .select(person::id)
        .load(conn)?;
    Ok(ids.into_iter().map(PersonId::from).collect())
}

/// One at a time takes administrators away, so that two at once do not each leave one behind.
pub fn hold_administrators(conn: &mut Conn) -> db::Result<()> {
    /// Any number that no other lock of ours has.
    const LOCK: i64 = 20_260_301;
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_counts_from_its_start_and_not_at_its_end() {
        let moment = |secs: i64| DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap();
        let boxed = Period {
            starts_at: moment(0),
            ends_at: Some(moment(10)),
        };
        assert!(!boxed.counts(moment(-1)));
        assert!(boxed.counts(moment(0)));
        assert!(boxed.counts(moment(9)));
        assert!(!boxed.counts(moment(10)));
        assert!(boxed.is_over(moment(10)) && !boxed.is_over(moment(-1)));
        let open = Period {
            ends_at: None,
            ..boxed
        };
        assert!(open.counts(moment(1_000_000)));
    }
}
