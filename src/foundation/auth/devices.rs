//! Devices that somebody has signed in from lately: a stranger's failures do not shut them out.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::sessions::Client;
use super::token::{Token, TokenHash};
use crate::foundation::db::schema::{known_device, person};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// How long a device counts as known after signing in from it.
pub const KNOWN_FOR: Duration = Duration::days(7);

/// A known device, for its owner to recognise.
#[derive(Clone, Debug, Queryable)]
pub struct Known {
    pub id: Uuid,
    pub user_agent: String,
    pub address: String,
    pub made_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
}

/// How many devices of one person are shown.
const MOST_SHOWN: i64 = 100;

/// Remembers the device that somebody signed in from.
pub fn remember(
    conn: &mut Conn,
    person: PersonId,
    device: &Token,
    client: &Client,
    now: DateTime<Utc>,
) -> db::Result<()> {
    let expires = now + KNOWN_FOR;
    let user_agent = client.short_user_agent();
    diesel::insert_into(known_device::table)
        .values((
            known_device::token_hash.eq(device.hash().to_vec()),
            known_device::person_id.eq(person.uuid()),
            known_device::made_at.eq(now),
            known_device::expires_at.eq(expires),
            known_device::user_agent.eq(&user_agent),
            known_device::address.eq(&client.address),
            known_device::last_used_at.eq(now),
        ))
        .on_conflict((known_device::token_hash, known_device::person_id))
        .do_update()
        .set((
            known_device::expires_at.eq(expires),
            known_device::user_agent.eq(&user_agent),
            known_device::address.eq(&client.address),
            known_device::last_used_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whether this is a device's token of our making: somebody has signed in with it lately.
pub fn is_ours(conn: &mut Conn, device: &TokenHash, now: DateTime<Utc>) -> db::Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(
        known_device::table
            .filter(known_device::token_hash.eq(device.as_slice()))
            .filter(known_device::expires_at.gt(now)),
    ))
    .get_result(conn)?)
}

/// Whether `account` has signed in from this device lately.
pub fn is_known_to(
    conn: &mut Conn,
    account: &str,
    device: &TokenHash,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(
        known_device::table
            .inner_join(person::table)
            .filter(known_device::token_hash.eq(device.as_slice()))
            .filter(known_device::expires_at.gt(now))
            .filter(person::email.eq(account)),
    ))
    .get_result(conn)?)
}

/// Somebody's known devices, the one used last first.
pub fn list(conn: &mut Conn, person: PersonId, now: DateTime<Utc>) -> db::Result<Vec<Known>> {
    Ok(known_device::table
        .filter(known_device::person_id.eq(person.uuid()))
        .filter(known_device::expires_at.gt(now))
        .order((known_device::expires_at.desc(), known_device::id))
        .limit(MOST_SHOWN)
        .select((
            known_device::id,
            known_device::user_agent,
            known_device::address,
            known_device::made_at,
            known_device::last_used_at,
            known_device::expires_at,
        ))
        .load(conn)?)
}

/// Takes one of somebody's own devices off the list: true for the one caller that did.
pub fn forget(conn: &mut Conn, person: PersonId, id: Uuid) -> db::Result<bool> {
    let theirs = known_device::table
        .filter(known_device::id.eq(id))
        .filter(known_device::person_id.eq(person.uuid()));
    Ok(diesel::delete(theirs).execute(conn)? == 1)
}

/// Forgets all devices of somebody's.
pub(super) fn forget_all(conn: &mut Conn, person: PersonId) -> db::Result<()> {
    diesel::delete(known_device::table.filter(known_device::person_id.eq(person.uuid())))
        .execute(conn)?;
    Ok(())
}

/// Forgets devices that somebody has not signed in from for long.
pub(super) fn forget_old(conn: &mut Conn, person: PersonId, now: DateTime<Utc>) -> db::Result<()> {
    diesel::delete(
        known_device::table
            .filter(known_device::person_id.eq(person.uuid()))
            .filter(known_device::expires_at.lt(now)),
    )
    .execute(conn)?;
    Ok(())
}
