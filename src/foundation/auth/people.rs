//! The people who sign in, and the roles they hold.

use std::collections::HashMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use uuid::Uuid;

use super::grants::{self, NewGrant};
use super::permissions::{Role, RoleConflict, check_roles};
use super::throttle::canonical_account;
use super::{factors, sessions, spelling};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::person;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Scope};
use crate::foundation::web::Who;

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub email: String,
    pub name: String,
    pub zone: Tz,
    pub demo: bool,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct NewPerson {
    pub email: String,
    pub name: String,
    pub roles: Vec<Role>,
    /// The platforms that these roles reach.
    pub scope: Scope,
    /// Made by the demo, which shows this person's password and code to everybody.
    pub demo: bool,
}

/// Why nobody was added.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Spelling(#[from] spelling::Fault),
    #[error("somebody has an account with the address {0} already")]
    Exists(String),
    #[error(transparent)]
    Roles(#[from] RoleConflict),
    #[error(transparent)]
    Db(db::Error),
}

impl From<db::Error> for Refusal {
    fn from(error: db::Error) -> Self {
        Self::Db(error)
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

pub(super) type Row = (
    Uuid,
    String,
    String,
    String,
    bool,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
);

pub(super) const COLUMNS: (
    person::id,
    person::email,
    person::name,
    person::zone,
    person::demo,
    person::created_at,
    person::disabled_at,
) = (
    person::id,
    person::email,
    person::name,
    person::zone,
    person::demo,
    person::created_at,
    person::disabled_at,
);

impl Person {
    #[must_use]
    pub fn who(&self) -> Who {
        Who::person(self.name.clone(), self.email.clone())
    }
}

impl From<Row> for Person {
    fn from((id, email, name, zone, demo, created_at, disabled_at): Row) -> Self {
        Self {
            id: id.into(),
            email,
            name,
            zone: Tz::from_str(&zone).unwrap_or(Tz::UTC),
            demo,
            created_at,
            disabled_at,
        }
    }
}

/// Adds a person with roles, and records both: what the command line may do.
pub fn add(tx: &mut Tx<'_>, new: &NewPerson) -> Result<PersonId, Refusal> {
    check_roles(&new.roles)?;
    let acts = !new.roles.contains(&Role::Auditor);
    let id = add_bare(tx, &new.email, &new.name, acts, new.demo)?;
    let now = tx.now();
    for role in &new.roles {
        let grant = NewGrant::by_command_line(*role, new.scope.clone(), now);
        grants::insert(tx, id, &grant)?;
    }
    Ok(id)
}

/// Adds a person who holds nothing yet.
pub fn add_bare(
    tx: &mut Tx<'_>,
    email: &str,
    name: &str,
    acts: bool,
    demo: bool,
) -> Result<PersonId, Refusal> {
    let (email, name) = (spelling::email(email)?, spelling::name(name)?);
    let id = PersonId::new();
    let now = tx.now();
    diesel::insert_into(person::table)
        .values((
            person::id.eq(id.uuid()),
            person::email.eq(&email),
            person::name.eq(&name),
            person::acts.eq(acts),
            person::demo.eq(demo),
            person::created_at.eq(now),
        ))
        .execute(&mut **tx)
        .map_err(|error| match db::Error::from(error) {
            db::Error::Unique { .. } => Refusal::Exists(email.clone()),
            error => Refusal::Db(error),
        })?;
    tx.record(Event::new("person.added", Subject::new("person", id)).detail("demo", demo))?;
    Ok(id)
}

/// Shuts somebody out: their sessions end and their links open nothing. False where they are disabled already.
pub fn disable(tx: &mut Tx<'_>, id: PersonId, reason: &str) -> db::Result<bool> {
    sessions::hold_still(tx, id)?;
    let (now, by) = (tx.now(), tx.actor().to_string());
    let disabled = diesel::update(
        person::table
            .find(id.uuid())
            .filter(person::disabled_at.is_null()),
    )
    .set((
        person::disabled_at.eq(now),
        person::disabled_by.eq(by),
        person::disabled_reason.eq(reason),
    ))
    .execute(&mut **tx)?;
    if disabled == 0 {
        return Ok(false);
    }
    let ended = sessions::end_others(tx, id, None)?;
    factors::forget_links(tx, id)?;
    tx.record(
        Event::new("person.disabled", Subject::new("person", id)).detail("sessions_ended", ended),
    )?;
    Ok(true)
}

/// Lets somebody in again. The database asks for the approved proposal.
pub fn enable(tx: &mut Tx<'_>, id: PersonId) -> db::Result<bool> {
    sessions::hold_still(tx, id)?;
    let enabled = diesel::update(
        person::table
            .find(id.uuid())
            .filter(person::disabled_at.is_not_null()),
    )
    .set((
        person::disabled_at.eq(None::<DateTime<Utc>>),
        person::disabled_by.eq(None::<String>),
        person::disabled_reason.eq(None::<String>),
    ))
    .execute(&mut **tx)?;
    if enabled == 1 {
        tx.record(Event::new("person.enabled", Subject::new("person", id)))?;
    }
    Ok(enabled == 1)
}

/// Who disabled somebody, and why.
pub fn why_disabled(conn: &mut Conn, id: PersonId) -> db::Result<(Option<String>, Option<String>)> {
    Ok(person::table
        .find(id.uuid())
        .select((person::disabled_by, person::disabled_reason))
        .first(conn)?)
}

pub fn find(conn: &mut Conn, id: PersonId) -> db::Result<Person> {
    let row: Row = person::table.find(id.uuid()).select(COLUMNS).first(conn)?;
    Ok(row.into())
}

pub fn find_by_email(conn: &mut Conn, email: &str) -> db::Result<Option<Person>> {
    let row: Option<Row> = person::table
        .filter(person::email.eq(canonical_account(email)))
        .select(COLUMNS)
        .first(conn)
        .optional()?;
    Ok(row.map(Person::from))
}

/// What these people are called.
pub fn names(conn: &mut Conn, ids: &[PersonId]) -> db::Result<HashMap<PersonId, String>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, String)> = person::table
        .filter(person::id.eq_any(ids))
        .select((person::id, person::name))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| (id.into(), name))
        .collect())
}

/// The same with the addresses, which tell apart those who are called the same.
pub fn known_as(conn: &mut Conn, ids: &[PersonId]) -> db::Result<HashMap<PersonId, Who>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, String, String)> = person::table
        .filter(person::id.eq_any(ids))
        .select((person::id, person::name, person::email))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name, email)| (id.into(), Who::person(name, email)))
        .collect())
}

/// The demo's people, in the order they were made.
pub fn demo_people(conn: &mut Conn) -> db::Result<Vec<Person>> {
    let rows: Vec<Row> = person::table
        .filter(person::demo)
        .filter(person::disabled_at.is_null())
        .order(person::id)
        .select(COLUMNS)
        .load(conn)?;
    Ok(rows.into_iter().map(Person::from).collect())
}
