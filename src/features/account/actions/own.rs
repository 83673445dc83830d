//! What people change about their own account. Each change asks for proof again: somebody else
//! may be sitting at the open session.

use super::tries::{self, At};
use super::{Visitor, hashing};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Outcome, Subject};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::password::{self, Weak};
use crate::foundation::auth::sessions;
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{Signed, factors, recovery};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Secret;
use crate::foundation::web::{Error, block};

/// Where recovery codes are made.
const RECOVERY_CODES: &str = "/account/recovery-codes";

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
    let words = [signed.email.clone(), signed.name.clone()];
    let (chosen, strength) = block(move || {
        let words = words.each_ref().map(String::as_str);
        let strength = password::check_strength(chosen.expose(), &words);
        Ok::<_, Error>((chosen, strength))
    })
    .await?;
    // Before anything is counted: choosing badly is no try at a secret.
    if let Err(weak) = strength {
        return Ok(Err(Refusal::Weak(weak)));
    }
    let (counted, stored) = {
        let (services, visitor, signed) = (services.clone(), visitor.clone(), signed.clone());
        block(move || {
            let account = &signed.email;
            tries::count(
                &services,
                At::Account,
                &visitor,
                "password",
                account,
                |conn| Ok(factors::password_hash(conn, signed.person)?),
            )
        })
        .await?
    };
    let right = services
        .passwords
        .verify(current, stored.clone())
        .await
        .map_err(hashing)?;
    if !right {
        let services = services.clone();
        block(move || record_failure(&services, &signed, "password")).await?;
        return Ok(Err(Refusal::Current));
    }
    let hash = services.passwords.hash(chosen).await.map_err(hashing)?;
    let services = services.clone();
    let verified = Verified { counted, stored };
    block(move || set_password(&services, &signed, &verified, &hash)).await
}

/// The current password, as it was found to be right.
struct Verified {
    counted: Counted,
    stored: Option<String>,
}

fn set_password(
    services: &Services,
    signed: &Signed,
    verified: &Verified,
    hash: &str,
) -> Result<Result<Token, Refusal>, Error> {
    let changed = services.audit.write(&signed.actor(), |tx| {
        let now = tx.now();
        attempts::take_back(tx, &verified.counted, now)?;
        sessions::hold_still(tx, signed.person)?;
        // Somebody may have changed it while it was being verified.
        if factors::password_hash(tx, signed.person)? != verified.stored {
            return Err(db::Error::NotFound);
        }
        factors::set_password(tx, signed.person, hash)?;
        let ended = sessions::end_others(tx, signed.person, Some(signed.session))?;
        let token = sessions::rotate(tx, signed.session)?.ok_or(db::Error::NotFound)?;
        tx.record(
            Event::new("session.rotated", Subject::new("session", signed.session))
                .detail("others_ended", i64::try_from(ended).unwrap_or(i64::MAX)),
        )?;
        Ok(token)
    });
    match changed {
        Ok(token) => Ok(Ok(token)),
        Err(db::Error::NotFound) => Ok(Err(Refusal::Current)),
        Err(error) => Err(error.into()),
    }
}

/// Makes ten new recovery codes. The same form sent twice makes them once, and both answers show them: nobody knows
/// which of the two a browser keeps.
pub fn new_recovery_codes(
    services: &Services,
    signed: &Signed,
    key: FormKey,
) -> Result<Vec<Secret<String>>, Error> {
    // The session's token is in no copy of the database, and so neither is what the codes are made of.
    let codes = recovery::of_sending(
        &services.keyring,
        &format!("{} {} {}", signed.person, signed.csrf, key.id),
    );
    let made = services.audit.write(&signed.actor(), |tx| {
        tx.once(key, RECOVERY_CODES)?;
        factors::set_recovery_codes(tx, signed.person, &codes)
    });
    match made {
        Ok(()) => Ok(codes),
        Err(db::Error::Replayed { location }) => {
            let shown: Vec<&str> = codes.iter().map(|code| code.expose().as_str()).collect();
            if are_own_codes(services, signed, &shown)? {
                Ok(codes)
            } else {
                Err(Error::SeeOther(location))
            }
        }
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
