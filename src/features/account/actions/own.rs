//! What people change about their own account. Each change asks for proof again: somebody else
//! may be sitting at the open session.

use super::{Visitor, hashing, tries};
use crate::foundation::Services;
use crate::foundation::audit::{Event, Outcome, Subject};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::password::{self, Weak};
use crate::foundation::auth::sessions::{self, Token};
use crate::foundation::auth::{Signed, factors, recovery};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Secret;
use crate::foundation::web::{Error, block};

/// Why a password was not changed.
#[derive(Debug)]
pub enum Refusal {
    /// The current password is another one.
    Current,
    Weak(Weak),
}

/// Changes the password, ends every other session, and rotates this one: the new token.
pub async fn change_password(
    services: &Services,
    visitor: Visitor,
    signed: Signed,
    current: Secret<String>,
    chosen: Secret<String>,
) -> Result<Result<Token, Refusal>, Error> {
    let (counted, stored) = {
        let (services, visitor, signed) = (services.clone(), visitor.clone(), signed.clone());
        block(move || {
            tries::count(&services, &visitor, "password", &signed.email, |conn| {
                Ok(factors::password_hash(conn, signed.person)?)
            })
        })
        .await?
    };
    let right = services
        .passwords
        .verify(current, stored)
        .await
        .map_err(hashing)?;
    if !right {
        let services = services.clone();
        block(move || record_failure(&services, &signed, "password")).await?;
        return Ok(Err(Refusal::Current));
    }
    let words = [signed.email.as_str(), signed.name.as_str()];
    if let Err(weak) = password::check_strength(chosen.expose(), &words) {
        return Ok(Err(Refusal::Weak(weak)));
    }
    let hash = services.passwords.hash(chosen).await.map_err(hashing)?;
    let services = services.clone();
    block(move || set_password(&services, &signed, &counted, &hash))
        .await
        .map(Ok)
}

fn set_password(
    services: &Services,
    signed: &Signed,
    counted: &Counted,
    hash: &str,
) -> Result<Token, Error> {
    services.audit.write(&signed.actor(), |tx| {
        let now = tx.now();
        attempts::take_back(tx, counted, now)?;
        factors::set_password(tx, signed.person, hash)?;
        let ended = sessions::end_others(tx, signed.person, Some(signed.session))?;
        let token = sessions::rotate(tx, signed.session)?;
        tx.record(
            Event::new("session.rotated", Subject::new("session", signed.session))
                .detail("others_ended", i64::try_from(ended).unwrap_or(i64::MAX)),
        )?;
        Ok(token)
    })
}

/// Makes ten new recovery codes, for a current code of the authenticator. `None` when it is wrong.
pub fn new_recovery_codes(
    services: &Services,
    visitor: &Visitor,
    signed: &Signed,
    typed: &str,
) -> Result<Option<Vec<Secret<String>>>, Error> {
    let now = services.clock.now();
    let (counted, seed) = tries::count(services, visitor, "code", &signed.email, |conn| {
        Ok(factors::seed(conn, &services.keyring, signed.person)?)
    })?;
    let step = seed.and_then(|seed| seed.matched_step(typed, now));
    let made = services.audit.write(&signed.actor(), |tx| {
        let accepted = match step {
            Some(step) => factors::accept_step(tx, signed.person, step)?,
            None => false,
        };
        if !accepted {
            return Err(db::Error::NotFound);
        }
        let now = tx.now();
        attempts::take_back(tx, &counted, now)?;
        factors::replace_recovery_codes(tx, signed.person)
    });
    match made {
        Ok(codes) => Ok(Some(codes)),
        Err(db::Error::NotFound) => record_failure(services, signed, "code").map(|()| None),
        Err(error) => Err(error.into()),
    }
}

/// Whether these are this person's own unused codes: only those are made into a file.
pub fn are_own_codes(services: &Services, signed: &Signed, codes: &[&str]) -> Result<bool, Error> {
    let digests: Option<Vec<_>> = codes.iter().map(|code| recovery::digest(code)).collect();
    let Some(digests) = digests.filter(|digests| digests.len() == recovery::HOW_MANY) else {
        return Ok(false);
    };
    services.db.read_on(PoolKind::Web, |conn| {
        Ok(factors::are_recovery_codes(conn, signed.person, &digests)?)
    })
}

fn record_failure(services: &Services, signed: &Signed, secret: &str) -> Result<(), Error> {
    let event = Event::new("proof.failed", Subject::new("person", signed.person))
        .outcome(Outcome::Failure)
        .detail("secret", secret);
    services.audit.write(&signed.actor(), |tx| {
        tx.record(event)?;
        Ok(())
    })
}
