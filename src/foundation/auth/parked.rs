//! Forms posted from a session that had just run out or is being replaced: kept encrypted for their author, who
//! finds them again after signing in. Nothing that somebody typed is lost.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::parked_form;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{KEY_FIELD, Posted};

const KEPT: Duration = Duration::minutes(30);
/// What the table takes; a longer address is not one of our forms.
pub const LONGEST_PATH: usize = 2_000;
/// How many wait for one person; the oldest makes room.
const MOST: i64 = 20;

/// Fields that are never kept: whoever typed them types them again.
const SECRET_FIELDS: [&str; 5] = ["password", "current", "again", "code", "codes"];

/// A form that waits for its author.
#[derive(Debug)]
pub struct Parked {
    pub path: String,
    /// Where it stood; `/` where nobody knows.
    pub page: String,
    /// What was typed.
    pub fields: Vec<(String, String)>,
    /// The names of files that came with it and are not kept.
    pub files: String,
    /// The form's own key: sent again, it is the same act.
    pub key: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// One line of the list of them.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: Uuid,
    pub path: String,
    pub parked_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Whether a posted form holds a secret, and is therefore not to be kept.
#[must_use]
pub fn holds_secret(posted: &Posted) -> bool {
    posted
        .typed()
        .any(|(name, _)| SECRET_FIELDS.contains(&name.as_str()))
}

/// Puts a form aside.
pub fn park(
    conn: &mut Conn,
    keyring: &Keyring,
    person: PersonId,
    (path, page): (&str, &str),
    posted: &Posted,
    now: DateTime<Utc>,
) -> db::Result<Uuid> {
    let id = Uuid::now_v7();
    diesel::delete(
        parked_form::table
            .filter(parked_form::person_id.eq(person.uuid()))
            .filter(parked_form::expires_at.lt(now)),
    )
    .execute(conn)?;
    make_room(conn, person)?;
    diesel::insert_into(parked_form::table)
        .values((
            parked_form::id.eq(id),
            parked_form::person_id.eq(person.uuid()),
            parked_form::path.eq(path),
            parked_form::page.eq(page),
            parked_form::fields.eq(keyring.seal(&place(id, person), &posted.0)),
            parked_form::parked_at.eq(now),
            parked_form::expires_at.eq(now + KEPT),
        ))
        .execute(conn)?;
    Ok(id)
}

/// A form that this person left, while it is kept. Nobody else's is ever found.
pub fn find(
    conn: &mut Conn,
    keyring: &Keyring,
    person: PersonId,
    id: Uuid,
    now: DateTime<Utc>,
) -> db::Result<Parked> {
    let (path, page, sealed, expires_at): (String, String, Vec<u8>, DateTime<Utc>) =
        parked_form::table
            .find(id)
            .filter(parked_form::person_id.eq(person.uuid()))
            .filter(parked_form::expires_at.gt(now))
            .select((
                parked_form::path,
                parked_form::page,
                parked_form::fields,
                parked_form::expires_at,
            ))
            .first(conn)?;
    let posted = Posted(keyring.open(&place(id, person), &sealed)?.into());
    Ok(Parked {
        path,
        page,
        fields: posted.typed().collect(),
        files: posted.files_left_out(),
        key: posted.field(KEY_FIELD),
        expires_at,
    })
}

/// What waits for this person, newest first.
pub fn waiting(conn: &mut Conn, person: PersonId, now: DateTime<Utc>) -> db::Result<Vec<Waiting>> {
    let rows: Vec<(Uuid, String, DateTime<Utc>, DateTime<Utc>)> = parked_form::table
        .filter(parked_form::person_id.eq(person.uuid()))
        .filter(parked_form::expires_at.gt(now))
        .order((parked_form::parked_at.desc(), parked_form::id.desc()))
        .limit(MOST)
        .select((
            parked_form::id,
            parked_form::path,
            parked_form::parked_at,
            parked_form::expires_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, path, parked_at, expires_at)| Waiting {
            id,
            path,
            parked_at,
            expires_at,
        })
        .collect())
}

fn make_room(conn: &mut Conn, person: PersonId) -> db::Result<()> {
    let kept: Vec<Uuid> = parked_form::table
        .filter(parked_form::person_id.eq(person.uuid()))
        .order((parked_form::parked_at.desc(), parked_form::id.desc()))
        .limit(MOST - 1)
        .select(parked_form::id)
        .load(conn)?;
    diesel::delete(
        parked_form::table
            .filter(parked_form::person_id.eq(person.uuid()))
            .filter(parked_form::id.ne_all(kept)),
    )
    .execute(conn)?;
    Ok(())
}

/// Removes up to `limit` forms that nobody came back for. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    let over = parked_form::table
        .filter(parked_form::expires_at.lt(now))
        .select(parked_form::id)
        .limit(limit);
    let over: Vec<Uuid> = over.load(conn)?;
    Ok(diesel::delete(parked_form::table.filter(parked_form::id.eq_any(over))).execute(conn)?)
}

fn place(id: Uuid, person: PersonId) -> String {
    format!("parked_form:fields:{id}:{person}")
}
