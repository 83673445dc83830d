//! What was denied, in the log: each time, until somebody runs into many; then once a minute.

use actix_web::HttpRequest;

use super::client_address::client_address;
use super::sar::is_compartment;
use super::throttle::{self, Scope};
use super::{HalfSigned, Signed, attempts};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Log, Outcome, Subject, Unaudited};
use crate::foundation::crypto::Keyring;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Error, RequestId, block};

/// Why a request was denied.
#[derive(Clone, Copy, Debug)]
pub enum Why {
    /// The person's roles do not include it.
    Permission,
    /// The act needs a fresh proof of identity.
    Proof,
    /// It comes from another site, or its form from another session.
    Forged,
}

impl Why {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Proof => "step_up",
            Self::Forged => "forged_form",
        }
    }
}

/// Who is not known to us, by a keyed hash of the network that they come from.
#[must_use]
pub fn stranger(keyring: &Keyring, network: &str, request: &str) -> Actor {
    let token = keyring.token("network", network);
    Actor::anonymous(&hex::encode(&token[..8])).with_request(request)
}

/// Records that this request was denied. The denial fails with its record.
pub async fn record(request: &HttpRequest, services: &Services, why: Why) -> Result<(), Error> {
    let route = request.match_pattern().unwrap_or_default();
    let log = if is_compartment(&route) {
        Log::Sar
    } else {
        Log::Main
    };
    let event = Event::new("access.denied", Subject::new("route", route))
        .log(log)
        .outcome(Outcome::Denied)
        .detail("method", request.method().as_str())
        .detail("why", why.as_str());
    let (who, actor) = if let Some((person, actor)) = known(request) {
        (person.to_string(), actor)
    } else {
        let network = throttle::network(client_address(request));
        let id = RequestId::of(request);
        let actor = stranger(&services.keyring, &network, &id);
        (network, actor)
    };
    let services = services.clone();
    block(move || note(&services, "access_denied", &who, &actor, event)).await
}

/// Writes the event of a denial, unless `who` has run into so many of this `kind` that one stands for a minute's.
pub(super) fn note(
    services: &Services,
    kind: &str,
    who: &str,
    actor: &Actor,
    event: Event,
) -> Result<(), Error> {
    let now = services.clock.now();
    let key = services.keyring.token(kind, who);
    let outcome = services.audit.write_unaudited(Unaudited::Denial, |conn| {
        attempts::count(conn, vec![(Scope::Denial, key)], now)
    })?;
    match outcome {
        attempts::Outcome::Refused { note: false, .. } => Ok(()),
        _ => services.audit.write(actor, |tx| {
            tx.record(event)?;
            Ok(())
        }),
    }
}

fn known(request: &HttpRequest) -> Option<(PersonId, Actor)> {
    use actix_web::HttpMessage;
    let extensions = request.extensions();
    if let Some(signed) = extensions.get::<Signed>() {
        return Some((signed.person, signed.actor()));
    }
    let half = extensions.get::<HalfSigned>()?;
    Some((half.person, half.actor()))
}
