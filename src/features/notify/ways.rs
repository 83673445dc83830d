//! The breakers before our ways out: one before the mail server, one before each endpoint.

use chrono::TimeDelta;

use super::channels::Outcome;
use super::notice::{Destination, EndpointId};
use super::store::endpoints;
use super::store::outbox::Ended;
use crate::features::connectors::breaker::{BreakerId, Verdict, WAIT_UNSAID};
use crate::features::connectors::gate;
use crate::features::connectors::store::calls;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};

/// A notice that is kept back comes again after so long at the soonest, and where nobody knows better after so long.
pub(super) const SOONEST: TimeDelta = TimeDelta::seconds(2);
pub(super) const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(10);

const MAIL: &str = "smtp";
const SEND: &str = "send";

/// What connectors call an endpoint.
#[must_use]
pub fn dependency(endpoint: EndpointId) -> String {
    format!("webhook:{endpoint}")
}

/// The breaker before the way there.
pub(super) fn breaker(services: &Services, to: &Destination) -> db::Result<BreakerId> {
    match to {
        Destination::Email(_) => gate::own(services, MAIL, SEND, "Mail server"),
        Destination::Endpoint(id) => {
            let endpoint = services
                .db
                .read_on(PoolKind::Jobs, |conn| endpoints::find(conn, *id))?;
            let name = format!("Webhook endpoint {}", endpoint.name);
            gate::own(services, &dependency(*id), SEND, &name)
        }
    }
}

/// What its breaker is told of an attempt.
pub(super) fn ended(outcome: &Outcome, ended: &Ended) -> calls::Ended {
    calls::Ended {
        verdict: outcome.verdict(),
        answer: ended.answer.clone(),
        took_ms: ended.took_ms,
    }
}

/// What it is told where nobody was called.
pub(super) fn nothing(why: &str) -> calls::Ended {
    calls::Ended {
        verdict: Verdict::Nothing,
        answer: why.to_owned(),
        took_ms: 0,
    }
}

/// How long the receiver asked us to wait.
pub(super) fn asked_for(outcome: &Outcome) -> TimeDelta {
    match outcome.verdict() {
        Verdict::Limited(wait) => wait.unwrap_or(WAIT_UNSAID),
        _ => TimeDelta::zero(),
    }
}
