//! The passkeys that people have: listed, named and taken out by their owners. How one comes to be, and what it opens, is
//! a [`ceremony`](super::ceremony).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::passkey;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// How many one person can have.
pub const MOST: i64 = 20;
pub const LONGEST_NAME: usize = 60;

/// One passkey, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: Uuid,
    pub name: String,
    pub made_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Somebody's passkeys, oldest first.
pub fn list(conn: &mut Conn, person: PersonId) -> db::Result<Vec<Listed>> {
    let rows: Vec<(Uuid, String, DateTime<Utc>, Option<DateTime<Utc>>)> = passkey::table
        .filter(passkey::person_id.eq(person.uuid()))
        .order((passkey::made_at, passkey::id))
        .limit(MOST)
        .select((
            passkey::id,
            passkey::name,
            passkey::made_at,
            passkey::last_used_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name, made_at, last_used_at)| Listed {
            id,
            name,
            made_at,
            last_used_at,
        })
        .collect())
}

pub fn count(conn: &mut Conn, person: PersonId) -> db::Result<i64> {
    Ok(passkey::table
        .filter(passkey::person_id.eq(person.uuid()))
        .count()
        .get_result(conn)?)
}

/// Gives one of somebody's own another name.
pub fn rename(tx: &mut Tx<'_>, person: PersonId, id: Uuid, name: &str) -> db::Result<()> {
    let renamed = diesel::update(
        passkey::table
            .find(id)
            .filter(passkey::person_id.eq(person.uuid())),
    )
    .set(passkey::name.eq(name))
    .execute(&mut **tx)?;
    record_of_one(tx, renamed, "passkey.renamed", person, id)
}

/// Takes one of somebody's out.
pub fn remove(tx: &mut Tx<'_>, person: PersonId, id: Uuid) -> db::Result<()> {
    let removed = diesel::delete(
        passkey::table
            .find(id)
            .filter(passkey::person_id.eq(person.uuid())),
    )
    .execute(&mut **tx)?;
    record_of_one(tx, removed, "passkey.removed", person, id)
}

/// Takes all of somebody's out. The caller records why.
pub fn remove_all(conn: &mut Conn, person: PersonId) -> db::Result<usize> {
    let theirs = passkey::table.filter(passkey::person_id.eq(person.uuid()));
    Ok(diesel::delete(theirs).execute(conn)?)
}

fn record_of_one(
    tx: &mut Tx<'_>,
    rows: usize,
    kind: &'static str,
    person: PersonId,
    id: Uuid,
) -> db::Result<()> {
    if rows != 1 {
        return Err(db::Error::NotFound);
    }
    let event = Event::new(kind, Subject::new("person", person));
    tx.record(event.detail("passkey", id.to_string()))?;
    Ok(())
}
