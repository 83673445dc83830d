//! Forms posted from a session that had just run out: kept encrypted for their author, who finds
//! them again after signing in. Nothing that somebody typed is lost.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use url::form_urlencoded;
use uuid::Uuid;

use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::parked_form;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

const KEPT: Duration = Duration::minutes(30);
/// What the table takes; a longer address is not one of our forms.
pub const LONGEST_PATH: usize = 2_000;
/// The field that belongs to the session that is over; the form gets a new one.
const CSRF_FIELD: &str = "csrf";

/// Fields that are never kept: whoever typed them types them again.
const SECRET_FIELDS: [&str; 4] = ["password", "current", "again", "code"];

/// A form that waits for its author.
#[derive(Debug)]
pub struct Parked {
    pub path: String,
    pub fields: Vec<(String, String)>,
    pub expires_at: DateTime<Utc>,
}

/// The value of a posted form's session token.
#[must_use]
pub fn csrf_field(body: &[u8]) -> String {
    form_urlencoded::parse(body)
        .find(|(name, _)| name == CSRF_FIELD)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Whether a posted form holds a secret, and is therefore not to be kept.
#[must_use]
pub fn holds_secret(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()))
}

/// Puts a form aside.
pub fn park(
    conn: &mut Conn,
    keyring: &Keyring,
    person: PersonId,
    path: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> db::Result<Uuid> {
    let id = Uuid::now_v7();
    diesel::delete(
        parked_form::table
            .filter(parked_form::person_id.eq(person.uuid()))
            .filter(parked_form::expires_at.lt(now)),
    )
    .execute(conn)?;
    diesel::insert_into(parked_form::table)
        .values((
            parked_form::id.eq(id),
            parked_form::person_id.eq(person.uuid()),
            parked_form::path.eq(path),
            parked_form::fields.eq(keyring.seal(&place(id, person), body)),
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
    let (path, sealed, expires_at): (String, Vec<u8>, DateTime<Utc>) = parked_form::table
        .find(id)
        .filter(parked_form::person_id.eq(person.uuid()))
        .filter(parked_form::expires_at.gt(now))
        .select((
            parked_form::path,
            parked_form::fields,
            parked_form::expires_at,
        ))
        .first(conn)?;
    let body = keyring.open(&place(id, person), &sealed)?;
    let fields = form_urlencoded::parse(&body)
        .filter(|(name, _)| name != CSRF_FIELD)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    Ok(Parked {
        path,
        fields,
        expires_at,
    })
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
