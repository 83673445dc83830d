//! Whose accounts identities of the organisation's provider sign in. A person connects one themselves, signed in and
//! proved; an e-mail address that looks the same never does.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::{person, person_identity};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// Somebody's connection, as they see it.
#[derive(Clone, Debug, Queryable)]
pub struct Connection {
    /// What the provider called them when they connected it.
    pub email: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Whom an identity signs in.
#[derive(Clone, Debug)]
pub struct Holder {
    pub identity: Uuid,
    pub person: PersonId,
    /// The address of the account here.
    pub email: String,
    /// Whether they may come in this way. Who is disabled may not, and an account in an envelope has its own way.
    pub is_welcome: bool,
}

/// What connects somebody with the provider.
pub fn of(conn: &mut Conn, of: PersonId, issuer: &str) -> db::Result<Option<Connection>> {
    Ok(person_identity::table
        .filter(person_identity::person_id.eq(of.uuid()))
        .filter(person_identity::issuer.eq(issuer))
        .select((
            person_identity::email,
            person_identity::created_at,
            person_identity::last_used_at,
        ))
        .first(conn)
        .optional()?)
}

/// Whom this identity signs in, if anybody.
pub fn holder(conn: &mut Conn, issuer: &str, subject: &str) -> db::Result<Option<Holder>> {
    let row: Option<(Uuid, Uuid, String, Option<DateTime<Utc>>, bool)> = person_identity::table
        .inner_join(person::table)
        .filter(person_identity::issuer.eq(issuer))
        .filter(person_identity::subject.eq(subject))
        .select((
            person_identity::id,
            person::id,
            person::email,
            person::disabled_at,
            person::break_glass,
        ))
        .first(conn)
        .optional()?;
    Ok(
        row.map(|(identity, id, email, disabled_at, break_glass)| Holder {
            identity,
            person: id.into(),
            email,
            is_welcome: disabled_at.is_none() && !break_glass,
        }),
    )
}

/// Whether somebody may still come in this way, asked on the held person.
pub fn may_use(conn: &mut Conn, holder: &Holder) -> db::Result<bool> {
    let person = person::table
        .find(holder.person.uuid())
        .filter(person::disabled_at.is_null())
        .filter(person::break_glass.eq(false));
    Ok(diesel::select(diesel::dsl::exists(person)).get_result(conn)?)
}

/// Connects somebody: false where they or the identity are connected already.
pub fn connect(
    tx: &mut Tx<'_>,
    of: PersonId,
    issuer: &str,
    subject: &str,
    email: Option<&str>,
) -> db::Result<bool> {
    let (id, now) = (Uuid::now_v7(), tx.now());
    let connected = diesel::insert_into(person_identity::table)
        .values((
            person_identity::id.eq(id),
            person_identity::person_id.eq(of.uuid()),
            person_identity::issuer.eq(issuer),
            person_identity::subject.eq(subject),
            person_identity::email.eq(email),
            person_identity::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    if connected == 1 {
        let event = Event::new("identity.connected", Subject::new("person", of));
        tx.record(
            event
                .detail("identity", id.to_string())
                .detail("issuer", issuer),
        )?;
    }
    Ok(connected == 1)
}

/// Notes that an identity was used: false where it has been disconnected meanwhile.
pub fn note_use(conn: &mut Conn, identity: Uuid, now: DateTime<Utc>) -> db::Result<bool> {
    let noted = diesel::update(person_identity::table.find(identity))
        .set(person_identity::last_used_at.eq(now))
        .execute(conn)?;
    Ok(noted == 1)
}

/// Disconnects somebody from the provider, for which so many sessions were ended.
pub fn disconnect(
    tx: &mut Tx<'_>,
    of: PersonId,
    issuer: &str,
    sessions_ended: usize,
) -> db::Result<()> {
    let theirs = person_identity::table
        .filter(person_identity::person_id.eq(of.uuid()))
        .filter(person_identity::issuer.eq(issuer));
    let id: Option<Uuid> = diesel::delete(theirs)
        .returning(person_identity::id)
        .get_result(&mut **tx)
        .optional()?;
    let id = id.ok_or(db::Error::NotFound)?;
    let event = Event::new("identity.disconnected", Subject::new("person", of));
    tx.record(
        event
            .detail("identity", id.to_string())
            .detail("issuer", issuer)
            .detail("sessions_ended", sessions_ended),
    )?;
    Ok(())
}

/// Disconnects somebody from every provider there has been. The caller records why.
pub fn remove_all(conn: &mut Conn, of: PersonId) -> db::Result<usize> {
    let theirs = person_identity::table.filter(person_identity::person_id.eq(of.uuid()));
    Ok(diesel::delete(theirs).execute(conn)?)
}
