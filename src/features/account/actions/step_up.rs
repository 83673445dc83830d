//! Proving again, inside a session, that it is oneself: somebody else may be sitting at the open page.

use super::Visitor;
use super::tries::{self, At};
use crate::foundation::Services;
use crate::foundation::audit::{Event, Outcome, Subject, Tx};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::sessions::{self, Method};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{Signed, factors, throttle};
use crate::foundation::db;
use crate::foundation::web::Error;

/// Checks a code of the authenticator. Gives the session's new token; `None` when the code is wrong or was used before.
pub fn with_code(
    services: &Services,
    visitor: &Visitor,
    signed: &Signed,
    typed: &str,
) -> Result<Option<Token>, Error> {
    let now = services.clock.now();
    let (counted, seed) = tries::count(
        services,
        At::Account,
        visitor,
        "code",
        &signed.email,
        |conn| Ok(factors::seed(conn, &services.keyring, signed.person)?),
    )?;
    let step = seed.and_then(|seed| seed.matched_step(typed, now));
    conclude(services, visitor, signed, &counted, Method::Totp, |tx| {
        step.map_or(Ok(false), |step| {
            factors::accept_step(tx, signed.person, step)
        })
    })
}

/// Uses the proof up and turns the session's token, or records the failure: one transaction.
pub(super) fn conclude(
    services: &Services,
    visitor: &Visitor,
    signed: &Signed,
    counted: &Counted,
    method: Method,
    prove: impl FnOnce(&mut Tx<'_>) -> db::Result<bool>,
) -> Result<Option<Token>, Error> {
    services.audit.write(&signed.actor(), |tx| {
        let proved = prove(tx)?;
        let event = |kind| {
            Event::new(kind, Subject::new("session", signed.session))
                .detail("method", method.as_str())
                .detail("network", throttle::network(visitor.address))
        };
        if !proved {
            tx.record(event("session.proof_failed").outcome(Outcome::Failure))?;
            return Ok(None);
        }
        let now = tx.now();
        attempts::take_back(tx, counted, now)?;
        let token = sessions::prove(tx, signed.session, now)?.ok_or(Error::SignInRequired)?;
        tx.record(event("session.proved"))?;
        Ok(Some(token))
    })
}
