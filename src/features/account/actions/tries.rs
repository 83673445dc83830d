//! Counting a try at a secret, and refusing it when there were too many.

use chrono::{DateTime, Utc};

use super::Visitor;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::sessions;
use crate::foundation::auth::throttle;
use crate::foundation::db::{Conn, PoolKind};
use crate::foundation::web::Error;

/// Counts a try at `account`'s `secret` before anybody looks at it. `also` reads, in the same
/// transaction, what the check will need, so that known and unknown accounts cost the same.
pub fn count<T>(
    services: &Services,
    visitor: &Visitor,
    secret: &'static str,
    account: &str,
    also: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<(Counted, T), Error> {
    let now = services.clock.now();
    let device = visitor.device.as_ref().map(sessions::Token::hash);
    let (outcome, read) = services
        .audit
        .write_unaudited(Unaudited::Throttle, |conn| {
            let known = match &device {
                Some(device) if sessions::is_known_device(conn, account, device, now)? => {
                    Some(device)
                }
                _ => None,
            };
            let keys = attempts::keys(&services.keyring, secret, account, visitor.address, known);
            Ok::<_, Error>((attempts::count(conn, keys, now)?, also(conn)?))
        })?;
    match outcome {
        attempts::Outcome::Counted(counted) => Ok((counted, read)),
        attempts::Outcome::Refused { until, note } => {
            if note {
                record_refusal(services, visitor, secret, account)?;
            }
            Err(too_many(until, now))
        }
    }
}

/// Recorded once a minute for an account and network: an attack must not fill the log.
fn record_refusal(
    services: &Services,
    visitor: &Visitor,
    secret: &str,
    account: &str,
) -> Result<(), Error> {
    let event = Event::new("session.throttled", account_subject(services, account))
        .outcome(Outcome::Denied)
        .detail("secret", secret)
        .detail("network", throttle::network(visitor.address));
    services
        .audit
        .write_on(PoolKind::SignIn, &stranger(services, visitor), |tx| {
            tx.record(event)?;
            Ok(())
        })
}

/// Whoever is at the door, by a keyed hash of where they are.
pub fn stranger(services: &Services, visitor: &Visitor) -> Actor {
    let token = services
        .keyring
        .token("network", &throttle::network(visitor.address));
    Actor::anonymous(&hex::encode(&token[..8])).with_request(&visitor.request)
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
