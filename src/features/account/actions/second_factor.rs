//! The second step: a code of the authenticator, or a recovery code.

use uuid::Uuid;

use super::tries::{self, At};
use super::{Begun, Visitor};
use crate::foundation::Services;
use crate::foundation::audit::{Event, Outcome, Subject, Tx};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::break_glass;
use crate::foundation::auth::devices;
use crate::foundation::auth::guard::SIGN_IN_PATH;
use crate::foundation::auth::sessions::{self, Method, Stage};
use crate::foundation::auth::throttle;
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{HalfSigned, factors, recovery};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::Error;

/// Checks a code and makes the session whole. `None` when the code is wrong or was used before.
pub fn with_code(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    typed: &str,
) -> Result<Option<Begun>, Error> {
    let now = services.clock.now();
    let (counted, seed) = tries::count(services, At::Door, visitor, "code", &half.email, |conn| {
        Ok(factors::seed(conn, &services.keyring, half.person)?)
    })?;
    let step = seed.and_then(|seed| seed.matched_step(typed, now));
    conclude(services, visitor, half, &counted, Method::Totp, |tx| {
        step.map_or(Ok(false), |step| {
            factors::accept_step(tx, half.person, step)
        })
    })
}

/// Uses a recovery code up in place of the authenticator.
pub fn with_recovery_code(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    typed: &str,
) -> Result<Option<Begun>, Error> {
    let account = &half.email;
    let (counted, ()) = tries::count(
        services,
        At::Door,
        visitor,
        "recovery_code",
        account,
        |_| Ok(()),
    )?;
    let digest = recovery::digest(typed);
    conclude(
        services,
        visitor,
        half,
        &counted,
        Method::RecoveryCode,
        |tx| {
            let Some(digest) = digest else {
                return Ok(false);
            };
            let now = tx.now();
            let used = factors::use_recovery_code(tx, half.person, digest, now)?;
            if used {
                let left = factors::recovery_codes_left(tx, half.person)?;
                tx.record(
                    Event::new("recovery_code.used", Subject::new("person", half.person))
                        .detail("left", left),
                )?;
            }
            Ok(used)
        },
    )
}

/// Uses the proof up and begins the whole session, or records the failure: one transaction.
pub(super) fn conclude(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    counted: &Counted,
    method: Method,
    prove: impl FnOnce(&mut Tx<'_>) -> db::Result<bool>,
) -> Result<Option<Begun>, Error> {
    services
        .audit
        .write_on(PoolKind::SignIn, &half.actor(), |tx| {
            if prove(tx)? {
                let now = tx.now();
                attempts::take_back(tx, counted, now)?;
                return Ok(Some(begin_whole(tx, visitor, half, method)?));
            }
            tx.record(
                Event::new(
                    "session.sign_in_failed",
                    Subject::new("person", half.person),
                )
                .outcome(Outcome::Failure)
                .detail("secret", method.as_str())
                .detail("network", throttle::network(visitor.address)),
            )?;
            Ok(None)
        })
}

/// Begins the whole session in place of the half one, and remembers the device. Where the half one has ended in the
/// meantime, as by a change of the password, nothing begins and nothing is used up.
pub fn begin_whole(
    tx: &mut Tx<'_>,
    visitor: &Visitor,
    half: &HalfSigned,
    method: Method,
) -> Result<Begun, Error> {
    sessions::hold_open(tx, half.person)?;
    if !sessions::end(tx, half.session)? {
        return Err(Error::SeeOther(SIGN_IN_PATH.to_owned()));
    }
    Ok(let_in(tx, visitor, half.person, method, None)?)
}

/// Begins a whole session, and remembers the device.
pub(super) fn let_in(
    tx: &mut Tx<'_>,
    visitor: &Visitor,
    person: PersonId,
    method: Method,
    replaced: Option<Uuid>,
) -> db::Result<Begun> {
    let (now, client) = (tx.now(), visitor.client());
    let device = device_of(tx, visitor)?;
    devices::remember(tx, person, &device, &client, now)?;
    let (id, session) = sessions::begin(
        tx,
        person,
        Stage::Full,
        Some(method),
        &client,
        replaced,
        now,
    )?;
    break_glass::note_use(tx, person, id, &throttle::network(visitor.address))?;
    tx.record(
        Event::new("session.signed_in", Subject::new("session", id))
            .detail("method", method.as_str())
            .detail("network", throttle::network(visitor.address)),
    )?;
    Ok(Begun {
        session,
        device: Some(device),
    })
}

/// What the device carries, where it is of our making; anybody can send a cookie.
fn device_of(tx: &mut Tx<'_>, visitor: &Visitor) -> db::Result<Token> {
    let now = tx.now();
    match &visitor.device {
        Some(token) if devices::is_ours(tx, &token.hash(), now)? => Ok(token.clone()),
        _ => Ok(Token::generate()),
    }
}
