//! Counting a try at a secret, and refusing it when there were too many.

use chrono::{DateTime, Utc};

use super::Visitor;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::denials;
use crate::foundation::auth::devices;
use crate::foundation::auth::throttle;
use crate::foundation::auth::token::Token;
use crate::foundation::db::{Conn, PoolKind};
use crate::foundation::web::Error;

/// Where a try is made, which says whose connections it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// By somebody who is not in yet: the reserve.
    Door,
    /// By somebody who is in, and proves again who they are.
    Account,
}

impl At {
    const fn counted(self) -> Unaudited {
        match self {
            Self::Door => Unaudited::Throttle,
            Self::Account => Unaudited::Proof,
        }
    }

    const fn pool(self) -> PoolKind {
        match self {
            Self::Door => PoolKind::SignIn,
            Self::Account => PoolKind::Web,
        }
    }
}

/// Counts a try at `account`'s `secret` before anybody looks at it. `also` reads, in the same
/// transaction, what the check will need, so that known and unknown accounts cost the same.
pub fn count<T>(
    services: &Services,
    at: At,
    visitor: &Visitor,
    secret: &'static str,
    account: &str,
    also: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<(Counted, T), Error> {
    let now = services.clock.now();
    let device = visitor.device.as_ref().map(Token::hash);
    let (outcome, read) = services.audit.write_unaudited(at.counted(), |conn| {
        let known = match &device {
            Some(device) if devices::is_known_to(conn, account, device, now)? => Some(device),
            _ => None,
        };
        let keys = attempts::keys(&services.keyring, secret, account, visitor.address, known);
        Ok::<_, Error>((attempts::count(conn, keys, now)?, also(conn)?))
    })?;
    let subject = || account_subject(services, account);
    Ok((
        judge(services, at, visitor, secret, subject, outcome)?,
        read,
    ))
}

/// Counts a try at a secret that names nobody, such as a link's.
pub fn count_address<T>(
    services: &Services,
    visitor: &Visitor,
    secret: &'static str,
    also: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<(Counted, T), Error> {
    let now = services.clock.now();
    let keys = attempts::address_key(&services.keyring, secret, visitor.address);
    let (outcome, read) = services.audit.write_unaudited(At::Door.counted(), |conn| {
        Ok::<_, Error>((attempts::count(conn, keys, now)?, also(conn)?))
    })?;
    let subject = || Subject::new("network", throttle::network(visitor.address));
    Ok((
        judge(services, At::Door, visitor, secret, subject, outcome)?,
        read,
    ))
}

/// A secret that was right is no failed try.
pub fn take_back(services: &Services, at: At, counted: &Counted) -> Result<(), Error> {
    let now = services.clock.now();
    services.audit.write_unaudited(at.counted(), |conn| {
        attempts::take_back(conn, counted, now).map_err(Error::from)
    })
}

/// Refusals are recorded once a minute for an account and network: an attack must not fill the log.
fn judge(
    services: &Services,
    at: At,
    visitor: &Visitor,
    secret: &str,
    subject: impl FnOnce() -> Subject,
    outcome: attempts::Outcome,
) -> Result<Counted, Error> {
    let (until, note) = match outcome {
        attempts::Outcome::Counted(counted) => return Ok(counted),
        attempts::Outcome::Refused { until, note } => (until, note),
    };
    if note {
        let event = Event::new("session.throttled", subject())
            .outcome(Outcome::Denied)
            .detail("secret", secret)
            .detail("network", throttle::network(visitor.address));
        services
            .audit
            .write_on(at.pool(), &stranger(services, visitor), |tx| {
                tx.record(event)?;
                Ok::<_, Error>(())
            })?;
    }
    Err(too_many(until, services.clock.now()))
}

/// Whoever is at the door, by a keyed hash of where they are.
pub fn stranger(services: &Services, visitor: &Visitor) -> Actor {
    let network = throttle::network(visitor.address);
    denials::stranger(&services.keyring, &network, &visitor.request)
}

/// The account that was typed, by a keyed hash: it may be somebody's name, or a password typed
/// into the wrong field.
pub fn account_subject(services: &Services, account: &str) -> Subject {
    let token = services.keyring.token("account", account);
    Subject::new("account", hex::encode(&token[..16]))
}

fn too_many(until: DateTime<Utc>, now: DateTime<Utc>) -> Error {
    Error::TooMany {
        retry_after_secs: (until - now).num_seconds().unsigned_abs().max(1),
    }
}
