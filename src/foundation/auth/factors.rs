//! The rows behind the ways to prove who one is: password, authenticator, recovery codes, and the
//! one-time link that begins it all. Everything that is used up is used up by a conditional update,
//! so that of any number of parallel uses one counts.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use super::sessions;
use super::token::{Token, TokenHash};
use super::totp::Seed;
use super::{identities, passkeys, people, recovery};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::{enrolment_link, password, recovery_code, totp};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Secret};

pub const LINK_LIVES: Duration = Duration::hours(72);

/// What somebody has set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods {
    pub password_changed_at: Option<DateTime<Utc>>,
    pub authenticator_since: Option<DateTime<Utc>>,
    pub passkeys: i64,
    pub recovery_codes_left: i64,
}

/// Something that proves a second time who one is, and that can be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Authenticator,
    Passkey,
}

/// Why a factor stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Needed {
    #[error("it is the only way that you can prove who you are; set up another one first")]
    Only,
    #[error(
        "only one other way would be left, and no recovery codes; make new recovery codes first"
    )]
    NoWayBack,
}

impl Methods {
    /// Whether a page asks for a code: it does where nothing else can be asked for.
    #[must_use]
    pub const fn takes_code(&self) -> bool {
        self.authenticator_since.is_some() || self.passkeys == 0
    }

    /// Whether one of these can go. One lost device must not shut its owner out.
    pub fn without(&self, factor: Factor) -> Result<(), Needed> {
        let authenticators = i64::from(self.authenticator_since.is_some());
        let have = match factor {
            Factor::Authenticator => authenticators,
            Factor::Passkey => self.passkeys,
        };
        let left = authenticators + self.passkeys - have.min(1);
        match left {
            ..1 => Err(Needed::Only),
            1 if self.recovery_codes_left == 0 => Err(Needed::NoWayBack),
            _ => Ok(()),
        }
    }
}

pub fn methods(conn: &mut Conn, id: PersonId) -> db::Result<Methods> {
    Ok(Methods {
        password_changed_at: password::table
            .find(id.uuid())
            .select(password::changed_at)
            .first(conn)
            .optional()?,
        authenticator_since: totp::table
            .find(id.uuid())
            .select(totp::confirmed_at)
            .first(conn)
            .optional()?
            .flatten(),
        passkeys: passkeys::count(conn, id)?,
        recovery_codes_left: recovery_codes_left(conn, id)?,
    })
}

pub fn password_hash(conn: &mut Conn, id: PersonId) -> db::Result<Option<String>> {
    Ok(password::table
        .find(id.uuid())
        .select(password::hash)
        .first(conn)
        .optional()?)
}

pub fn set_password(tx: &mut Tx<'_>, id: PersonId, hash: &str) -> db::Result<()> {
    let now = tx.now();
    diesel::insert_into(password::table)
        .values((
            password::person_id.eq(id.uuid()),
            password::hash.eq(hash),
            password::changed_at.eq(now),
        ))
        .on_conflict(password::person_id)
        .do_update()
        .set((
            password::hash.eq(excluded(password::hash)),
            password::changed_at.eq(excluded(password::changed_at)),
        ))
        .execute(&mut **tx)?;
    tx.record(Event::new("password.set", Subject::new("person", id)))?;
    Ok(())
}

/// Whether somebody has an authenticator that they have confirmed with a code.
pub fn has_authenticator(conn: &mut Conn, id: PersonId) -> db::Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(
        totp::table
            .find(id.uuid())
            .filter(totp::confirmed_at.is_not_null()),
    ))
    .get_result(conn)?)
}

/// Whether somebody can prove a second time who they are.
pub fn has_second_factor(conn: &mut Conn, id: PersonId) -> db::Result<bool> {
    Ok(has_authenticator(conn, id)? || passkeys::count(conn, id)? > 0)
}

/// The seed of somebody's authenticator.
pub fn seed(conn: &mut Conn, keyring: &Keyring, id: PersonId) -> db::Result<Option<Seed>> {
    let sealed: Option<Vec<u8>> = totp::table
        .find(id.uuid())
        .filter(totp::confirmed_at.is_not_null())
        .select(totp::seed)
        .first(conn)
        .optional()?;
    sealed
        .map(|sealed| open_seed(conn, keyring, id, &seed_place(id), &sealed))
        .transpose()
}

fn open_seed(
    conn: &mut Conn,
    keyring: &Keyring,
    id: PersonId,
    place: &str,
    sealed: &[u8],
) -> db::Result<Seed> {
    let email = people::find(conn, id)?.email;
    let bytes = Secret::new(keyring.open(place, sealed)?);
    Ok(Seed::from_bytes(bytes.expose(), &email)?)
}

/// Gives a session at enrolment a seed to set up an app with. It is shown to that session alone: of two people who
/// know the password, neither sees the other's.
pub fn propose_seed(tx: &mut Tx<'_>, session: Uuid, id: PersonId, email: &str) -> db::Result<()> {
    let fresh = Seed::generate(email);
    let sealed = tx.keyring().seal(&proposal_place(session), fresh.bytes());
    sessions::keep_proposal(tx, session, &sealed)?;
    tx.record(Event::new(
        "authenticator.proposed",
        Subject::new("person", id),
    ))?;
    Ok(())
}

/// The seed that a session at enrolment was given, while its person has no second factor.
pub fn proposed_seed(
    conn: &mut Conn,
    keyring: &Keyring,
    session: Uuid,
    id: PersonId,
) -> db::Result<Option<Seed>> {
    if has_second_factor(conn, id)? {
        return Ok(None);
    }
    next_seed(conn, keyring, session, id)
}

/// The seed that this session was given, whatever its person has.
pub fn next_seed(
    conn: &mut Conn,
    keyring: &Keyring,
    session: Uuid,
    id: PersonId,
) -> db::Result<Option<Seed>> {
    sessions::proposal(conn, session)?
        .map(|sealed| open_seed(conn, keyring, id, &proposal_place(session), &sealed))
        .transpose()
}

/// Burns a step: true for the one caller that gets to use it.
pub fn accept_step(conn: &mut Conn, id: PersonId, step: i64) -> db::Result<bool> {
    let burnt = diesel::update(
        totp::table
            .find(id.uuid())
            .filter(totp::confirmed_at.is_not_null())
            .filter(totp::last_step.lt(step)),
    )
    .set(totp::last_step.eq(step))
    .execute(conn)?;
    Ok(burnt == 1)
}

/// Makes this seed somebody's authenticator, unless they have one. `step` is that of its first code, which is burnt
/// by that. True for the one caller whose seed it is.
pub fn set_authenticator(
    tx: &mut Tx<'_>,
    id: PersonId,
    seed: &Seed,
    step: i64,
) -> db::Result<bool> {
    let (now, sealed) = (tx.now(), tx.keyring().seal(&seed_place(id), seed.bytes()));
    let set = diesel::insert_into(totp::table)
        .values((
            totp::person_id.eq(id.uuid()),
            totp::seed.eq(sealed),
            totp::last_step.eq(step),
            totp::made_at.eq(now),
            totp::confirmed_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    if set == 1 {
        tx.record(Event::new(
            "authenticator.confirmed",
            Subject::new("person", id),
        ))?;
    }
    Ok(set == 1)
}

/// Makes the seed that a whole session was given its person's authenticator, in place of the one they may have.
pub fn replace_authenticator(
    tx: &mut Tx<'_>,
    session: Uuid,
    id: PersonId,
    seed: &Seed,
    step: i64,
) -> db::Result<()> {
    diesel::delete(totp::table.find(id.uuid())).execute(&mut **tx)?;
    set_authenticator(tx, id, seed, step)?;
    sessions::drop_proposal(tx, session)
}

/// Takes somebody's authenticator out.
pub fn remove_authenticator(tx: &mut Tx<'_>, id: PersonId) -> db::Result<()> {
    if diesel::delete(totp::table.find(id.uuid())).execute(&mut **tx)? != 1 {
        return Err(db::Error::NotFound);
    }
    tx.record(Event::new(
        "authenticator.removed",
        Subject::new("person", id),
    ))?;
    Ok(())
}

/// Makes ten new recovery codes; the old ones are worth nothing from then on. The caller shows
/// them, once.
pub fn replace_recovery_codes(tx: &mut Tx<'_>, id: PersonId) -> db::Result<Vec<Secret<String>>> {
    let codes = recovery::generate();
    set_recovery_codes(tx, id, &codes)?;
    Ok(codes)
}

/// The same with codes that the caller has.
pub fn set_recovery_codes(
    tx: &mut Tx<'_>,
    id: PersonId,
    codes: &[Secret<String>],
) -> db::Result<()> {
    let now = tx.now();
    diesel::delete(recovery_code::table.filter(recovery_code::person_id.eq(id.uuid())))
        .execute(&mut **tx)?;
    let rows: Vec<_> = codes
        .iter()
        .filter_map(|code| recovery::digest(code.expose()))
        .map(|digest| {
            (
                recovery_code::digest.eq(digest.to_vec()),
                recovery_code::person_id.eq(id.uuid()),
                recovery_code::made_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(recovery_code::table)
        .values(rows)
        .execute(&mut **tx)?;
    tx.record(Event::new(
        "recovery_codes.replaced",
        Subject::new("person", id),
    ))?;
    Ok(())
}

/// Uses a recovery code up: true for the one caller that gets to.
pub fn use_recovery_code(
    conn: &mut Conn,
    id: PersonId,
    digest: [u8; 32],
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let used = diesel::update(
        recovery_code::table
            .find(digest.as_slice())
            .filter(recovery_code::person_id.eq(id.uuid()))
            .filter(recovery_code::used_at.is_null()),
    )
    .set(recovery_code::used_at.eq(now))
    .execute(conn)?;
    Ok(used == 1)
}

/// Whether all of these are unused codes of this person.
pub fn are_recovery_codes(conn: &mut Conn, id: PersonId, digests: &[[u8; 32]]) -> db::Result<bool> {
    let digests: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    let found: i64 = recovery_code::table
        .filter(recovery_code::person_id.eq(id.uuid()))
        .filter(recovery_code::used_at.is_null())
        .filter(recovery_code::digest.eq_any(&digests))
        .count()
        .get_result(conn)?;
    Ok(usize::try_from(found).is_ok_and(|found| found == digests.len()))
}

pub fn recovery_codes_left(conn: &mut Conn, id: PersonId) -> db::Result<i64> {
    Ok(recovery_code::table
        .filter(recovery_code::person_id.eq(id.uuid()))
        .filter(recovery_code::used_at.is_null())
        .count()
        .get_result(conn)?)
}

/// Takes away every way to prove a second factor, which the next sign-in sets up anew, and what the organisation's
/// provider opens: whoever asked for this may have lost that too.
pub fn reset(tx: &mut Tx<'_>, id: PersonId) -> db::Result<()> {
    diesel::delete(totp::table.find(id.uuid())).execute(&mut **tx)?;
    diesel::delete(recovery_code::table.filter(recovery_code::person_id.eq(id.uuid())))
        .execute(&mut **tx)?;
    passkeys::remove_all(tx, id)?;
    let disconnected = identities::remove_all(tx, id)?;
    tx.record(
        Event::new("factors.reset", Subject::new("person", id))
            .detail("disconnected", disconnected),
    )?;
    Ok(())
}

/// Makes a one-time link for setting a first password. Older links of the person stop working.
pub fn make_link(tx: &mut Tx<'_>, id: PersonId) -> db::Result<Token> {
    make_link_with(tx, id, None, LINK_LIVES)
}

/// The links of somebody open nothing any more.
pub fn forget_links(conn: &mut Conn, id: PersonId) -> db::Result<()> {
    diesel::delete(enrolment_link::table.filter(enrolment_link::person_id.eq(id.uuid())))
        .execute(conn)?;
    Ok(())
}

/// A link that asks for the code behind this keyed hash as well, where there is one: of two people who hold one half
/// each, neither comes in alone.
pub fn make_link_with(
    tx: &mut Tx<'_>,
    id: PersonId,
    confirmation: Option<&[u8]>,
    lives: Duration,
) -> db::Result<Token> {
    let (token, now, by) = (Token::generate(), tx.now(), tx.actor().to_string());
    forget_links(tx, id)?;
    diesel::insert_into(enrolment_link::table)
        .values((
            enrolment_link::token_hash.eq(token.hash().to_vec()),
            enrolment_link::person_id.eq(id.uuid()),
            enrolment_link::made_by.eq(by),
            enrolment_link::made_at.eq(now),
            enrolment_link::expires_at.eq(now + lives),
            enrolment_link::confirmation.eq(confirmation),
        ))
        .execute(&mut **tx)?;
    tx.record(
        Event::new("enrolment_link.made", Subject::new("person", id))
            .detail("confirmed", confirmation.is_some()),
    )?;
    Ok(token)
}

/// A link that works.
#[derive(Clone, Debug)]
pub struct Link {
    pub owner: PersonId,
    /// The keyed hash of the code that it opens with, where one is asked for.
    pub confirmation: Option<Vec<u8>>,
}

/// The link of this token, while it works.
pub fn link(conn: &mut Conn, hash: &TokenHash, now: DateTime<Utc>) -> db::Result<Option<Link>> {
    let found: Option<(Uuid, Option<Vec<u8>>)> = enrolment_link::table
        .find(hash.as_slice())
        .filter(enrolment_link::used_at.is_null())
        .filter(enrolment_link::expires_at.gt(now))
        .select((enrolment_link::person_id, enrolment_link::confirmation))
        .first(conn)
        .optional()?;
    Ok(found.map(|(owner, confirmation)| Link {
        owner: owner.into(),
        confirmation,
    }))
}

/// Whether somebody has a link that works.
pub fn has_link(conn: &mut Conn, id: PersonId, now: DateTime<Utc>) -> db::Result<bool> {
    let open = enrolment_link::table
        .filter(enrolment_link::person_id.eq(id.uuid()))
        .filter(enrolment_link::used_at.is_null())
        .filter(enrolment_link::expires_at.gt(now));
    Ok(diesel::select(diesel::dsl::exists(open)).get_result(conn)?)
}

/// Everybody for whom a link waits.
pub fn with_links(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<HashSet<PersonId>> {
    let owners: Vec<Uuid> = enrolment_link::table
        .filter(enrolment_link::used_at.is_null())
        .filter(enrolment_link::expires_at.gt(now))
        .select(enrolment_link::person_id)
        .load(conn)?;
    Ok(owners.into_iter().map(PersonId::from).collect())
}

/// Uses a link up: its owner, for the one caller that gets to.
pub fn use_link(tx: &mut Tx<'_>, hash: &TokenHash) -> db::Result<Option<PersonId>> {
    let now = tx.now();
    let owner: Option<Uuid> = diesel::update(
        enrolment_link::table
            .find(hash.as_slice())
            .filter(enrolment_link::used_at.is_null())
            .filter(enrolment_link::expires_at.gt(now)),
    )
    .set(enrolment_link::used_at.eq(now))
    .returning(enrolment_link::person_id)
    .get_result(&mut **tx)
    .optional()?;
    if let Some(owner) = owner {
        tx.record(Event::new(
            "enrolment_link.used",
            Subject::new("person", owner),
        ))?;
    }
    Ok(owner.map(PersonId::from))
}

/// Removes up to `limit` links that lead nowhere any more. Returns how many.
pub fn purge_links(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    let over = enrolment_link::table
        .filter(
            enrolment_link::expires_at
                .lt(now)
                .or(enrolment_link::used_at.lt(now)),
        )
        .select(enrolment_link::token_hash)
        .limit(limit);
    let over: Vec<Vec<u8>> = over.load(conn)?;
    let over = enrolment_link::table.filter(enrolment_link::token_hash.eq_any(over));
    Ok(diesel::delete(over).execute(conn)?)
}

fn seed_place(id: PersonId) -> String {
    format!("totp:seed:{id}")
}

fn proposal_place(session: Uuid) -> String {
    format!("session:proposed_seed:{session}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(authenticator: bool, passkeys: i64, codes: i64) -> Methods {
        Methods {
            password_changed_at: None,
            authenticator_since: authenticator.then(DateTime::default),
            passkeys,
            recovery_codes_left: codes,
        }
    }

    #[test]
    fn nobody_is_left_with_nothing() {
        use Factor::{Authenticator, Passkey};
        for (methods, factor, expected) in [
            (left(true, 0, 10), Authenticator, Err(Needed::Only)),
            (left(false, 1, 10), Passkey, Err(Needed::Only)),
            (left(true, 1, 0), Passkey, Err(Needed::NoWayBack)),
            (left(true, 1, 0), Authenticator, Err(Needed::NoWayBack)),
            (left(false, 2, 0), Passkey, Err(Needed::NoWayBack)),
            (left(true, 1, 1), Passkey, Ok(())),
            (left(true, 1, 1), Authenticator, Ok(())),
            (left(true, 2, 0), Passkey, Ok(())),
            (left(false, 3, 0), Passkey, Ok(())),
        ] {
            assert_eq!(methods.without(factor), expected, "{methods:?} {factor:?}");
        }
    }
}
