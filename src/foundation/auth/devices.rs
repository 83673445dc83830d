//! Devices that somebody has signed in from lately: a stranger's failures do not shut them out.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;

use super::token::{Token, TokenHash};
use crate::foundation::db::schema::{known_device, person};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// How long a device counts as known after signing in from it.
pub const KNOWN_FOR: Duration = Duration::days(7);

/// Remembers the device that somebody signed in from.
pub fn remember(
    conn: &mut Conn,
    person: PersonId,
    device: &Token,
    now: DateTime<Utc>,
) -> db::Result<()> {
    let expires = now + KNOWN_FOR;
    diesel::insert_into(known_device::table)
        .values((
            known_device::token_hash.eq(device.hash().to_vec()),
            known_device::person_id.eq(person.uuid()),
            known_device::made_at.eq(now),
            known_device::expires_at.eq(expires),
        ))
        .on_conflict((known_device::token_hash, known_device::person_id))
        .do_update()
        .set(known_device::expires_at.eq(expires))
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
