//! Changing one's own second factors. The routes ask for a fresh proof, so that nobody at an open page can.

use uuid::Uuid;

use super::Visitor;
use super::tries::{self, At};
use crate::foundation::Services;
use crate::foundation::audit::{Event, Outcome, Subject};
use crate::foundation::auth::factors::{self, Factor};
use crate::foundation::auth::totp::Seed;
use crate::foundation::auth::{Signed, attempts, passkeys, sessions};
use crate::foundation::db;
use crate::foundation::web::{Error, Refusal};

/// Gives this session a seed to set up an app with. The authenticator in use stays until it is confirmed.
pub fn propose_authenticator(services: &Services, signed: &Signed) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        Ok(factors::propose_seed(
            tx,
            signed.session,
            signed.person,
            &signed.email,
        )?)
    })
}

/// The seed that this session was given.
pub fn proposed(services: &Services, signed: &Signed) -> Result<Option<Seed>, Error> {
    Ok(services
        .db
        .read(|conn| factors::next_seed(conn, &services.keyring, signed.session, signed.person))?)
}

/// Makes the proposed seed the authenticator, by its first code. False when the code is wrong, or nothing was proposed.
pub fn confirm_authenticator(
    services: &Services,
    visitor: &Visitor,
    signed: &Signed,
    typed: &str,
) -> Result<bool, Error> {
    let now = services.clock.now();
    let account = &signed.email;
    let (counted, seed) = tries::count(services, At::Account, visitor, "code", account, |conn| {
        let keyring = &services.keyring;
        Ok(factors::next_seed(
            conn,
            keyring,
            signed.session,
            signed.person,
        )?)
    })?;
    let matched = seed.and_then(|seed| seed.matched_step(typed, now).map(|step| (seed, step)));
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let Some((seed, step)) = matched else {
            let subject = Subject::new("person", signed.person);
            tx.record(
                Event::new("authenticator.not_confirmed", subject).outcome(Outcome::Failure),
            )?;
            return Ok(false);
        };
        let now = tx.now();
        attempts::take_back(tx, &counted, now)?;
        factors::replace_authenticator(tx, signed.session, signed.person, &seed, step)?;
        Ok(true)
    })
}

/// Takes the authenticator out, where enough is left.
pub fn remove_authenticator(services: &Services, signed: &Signed) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        may_go(tx, signed, Factor::Authenticator)?;
        Ok(factors::remove_authenticator(tx, signed.person)?)
    })
}

/// Takes a passkey out, where enough is left.
pub fn remove_passkey(services: &Services, signed: &Signed, id: Uuid) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let theirs = passkeys::list(tx, signed.person)?;
        if theirs.iter().all(|passkey| passkey.id != id) {
            return Err(Error::NotFound);
        }
        may_go(tx, signed, Factor::Passkey)?;
        Ok(passkeys::remove(tx, signed.person, id)?)
    })
}

pub fn rename_passkey(
    services: &Services,
    signed: &Signed,
    id: Uuid,
    name: &str,
) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        Ok(passkeys::rename(tx, signed.person, id, name)?)
    })
}

/// Asked on the held person: two that go at once would leave nothing.
fn may_go(conn: &mut db::Conn, signed: &Signed, factor: Factor) -> Result<(), Error> {
    let methods = factors::methods(conn, signed.person)?;
    methods.without(factor).map_err(|needed| {
        Error::Refused(Refusal::new(
            "factor_needed",
            "This cannot be taken out yet.",
            format!("As things are, {needed}."),
        ))
    })
}
