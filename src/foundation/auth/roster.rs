//! The people of this installation as a list: who they are, how they sign in, when they were last here.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::grants;
use super::people::Person;
use super::permissions::{Permission, Role};
use super::sessions::{self, Stage};
use crate::foundation::audit::store as log;
use crate::foundation::db::schema::{passkey, password, person, person_role, session, totp};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};

/// What of the list is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Part of a name or an address.
    pub words: Option<String>,
    /// Holders of this role, whether it counts now or not.
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

/// How somebody stands, beside their grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub password: bool,
    pub authenticator: bool,
    pub passkey: bool,
    pub sessions: usize,
    /// Whether the account lies sealed in an envelope.
    pub break_glass: bool,
    /// The last use of a session, or the last act in the log, whichever is later.
    pub last_seen: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether they have set up all that signing in takes.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.passkey || (self.password && self.authenticator)
    }
}

/// A screenful, by address.
pub fn page(
    conn: &mut Conn,
    wanted: &Wanted,
    cursor: Option<&Cursor<String>>,
) -> db::Result<Page<Person>> {
    let mut query = person::table.select(super::people::COLUMNS).into_boxed();
    if let Some(words) = &wanted.words {
        let pattern = format!("%{}%", escape(words));
        query = query.filter(
            person::name
                .ilike(pattern.clone())
                .or(person::email.ilike(pattern)),
        );
    }
    if let Some(role) = wanted.role {
        let holders = person_role::table
            .filter(person_role::role.eq(role.as_str()))
            .select(person_role::person_id);
        query = query.filter(person::id.eq_any(holders));
    }
    query = match wanted.disabled {
        Some(true) => query.filter(person::disabled_at.is_not_null()),
        Some(false) => query.filter(person::disabled_at.is_null()),
        None => query,
    };
    query = match cursor {
        None => query.order(person::email.asc()),
        Some(Cursor {
            direction: Direction::Next,
            key,
        }) => query
            .filter(person::email.gt(key))
            .order(person::email.asc()),
        Some(Cursor {
            direction: Direction::Previous,
            key,
        }) => query
            .filter(person::email.lt(key))
            .order(person::email.desc()),
    };
    let rows: Vec<super::people::Row> = db::first_rows(query, PAGE_ROWS + 1).load(conn)?;
    let people = rows.into_iter().map(Person::from).collect();
    Ok(Page::from_rows(people, cursor, |person: &Person| {
        person.email.clone()
    }))
}

/// The people who may do something on a platform now, by name.
pub fn holders(
    conn: &mut Conn,
    permission: Permission,
    platform: PlatformId,
    now: DateTime<Utc>,
) -> db::Result<Vec<Person>> {
    const AT_MOST: usize = 500;
    let gives = |role: &Role| role.permissions().contains(&permission);
    let roles: Vec<Role> = Role::ALL.into_iter().filter(gives).collect();
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let holding = person_role::table
        .filter(person_role::role.eq_any(names))
        .select(person_role::person_id);
    let query = person::table
        .filter(person::disabled_at.is_null())
        .filter(person::id.eq_any(holding))
        .order((person::name, person::email))
        .select(super::people::COLUMNS);
    let rows: Vec<super::people::Row> = db::first_rows(query, AT_MOST).load(conn)?;
    let mut people: Vec<Person> = rows.into_iter().map(Person::from).collect();
    let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
    let held = grants::of_all(conn, &ids)?;
    people.retain(|person| {
        let mut grants = held.get(&person.id).into_iter().flatten();
        grants.any(|it| {
            roles.contains(&it.role) && it.period.counts(now) && it.scope.allows(platform)
        })
    });
    Ok(people)
}

/// Whoever types `%` means it.
fn escape(words: &str) -> String {
    words
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// How these people stand.
pub fn standing(
    conn: &mut Conn,
    people: &[PersonId],
    now: DateTime<Utc>,
) -> db::Result<HashMap<PersonId, Standing>> {
    let ids: Vec<Uuid> = people.iter().map(|id| id.uuid()).collect();
    let passwords: Vec<Uuid> = password::table
        .filter(password::person_id.eq_any(&ids))
        .select(password::person_id)
        .load(conn)?;
    let authenticators: Vec<Uuid> = totp::table
        .filter(totp::person_id.eq_any(&ids))
        .filter(totp::confirmed_at.is_not_null())
        .select(totp::person_id)
        .load(conn)?;
    let passkeys: Vec<Uuid> = passkey::table
        .filter(passkey::person_id.eq_any(&ids))
        .select(passkey::person_id)
        .distinct()
        .load(conn)?;
    let sessions: Vec<(Uuid, Uuid, DateTime<Utc>)> = session::table
        .filter(session::person_id.eq_any(&ids))
        .filter(session::stage.eq(Stage::Full.as_str()))
        .select((session::person_id, session::id, session::last_seen_at))
        .load(conn)?;
    let of_sessions: Vec<Uuid> = sessions.iter().map(|(_, id, _)| *id).collect();
    let alive: HashSet<Uuid> = sessions::alive(conn, &of_sessions, now)?
        .into_iter()
        .collect();
    let mut standing: HashMap<PersonId, Standing> = HashMap::new();
    for (id, at) in log::last_acts(conn, people)? {
        standing.entry(id).or_default().last_seen = Some(at);
    }
    let sealed: Vec<Uuid> = person::table
        .filter(person::id.eq_any(&ids))
        .filter(person::break_glass)
        .select(person::id)
        .load(conn)?;
    for id in sealed {
        standing.entry(id.into()).or_default().break_glass = true;
    }
    for id in passwords {
        standing.entry(id.into()).or_default().password = true;
    }
    for id in passkeys {
        standing.entry(id.into()).or_default().passkey = true;
    }
    for id in authenticators {
        standing.entry(id.into()).or_default().authenticator = true;
    }
    for (id, session, seen) in sessions {
        let entry = standing.entry(id.into()).or_default();
        entry.last_seen = entry.last_seen.max(Some(seen));
        entry.sessions += usize::from(alive.contains(&session));
    }
    Ok(standing)
}

/// Everybody, by address.
pub fn everybody(conn: &mut Conn) -> db::Result<Vec<Person>> {
    let rows: Vec<super::people::Row> = person::table
        .order(person::email)
        .select(super::people::COLUMNS)
        .load(conn)?;
    Ok(rows.into_iter().map(Person::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_one() {
        assert_eq!(escape("50%_\\"), "50\\%\\_\\\\");
    }
}
