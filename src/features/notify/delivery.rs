//! Sending what is due: claimed, sent, and only then noted. Between the three no transaction is open.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use super::channels::{self, Outcome, To};
use super::endpoint::Standing;
use super::notice::{self, Channel, Destination, EndpointId, LONGEST_ANSWER, NoticeId, State};
use super::setup::TEST;
use super::store::endpoints;
use super::store::outbox::{self, Claim, Ended, Left, Settled};
use super::ways;
use crate::features::connectors::breaker::Refused;
use crate::features::connectors::gate::{self, Gate, Pass};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome as Said, Subject, Tx, Unaudited};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::PlatformId;

/// What given-up notices and switched-off endpoints are called in the log; a lamp is lit by them.
pub const GIVEN_UP: &str = "notice.given_up";
pub const ENDPOINT_DISABLED: &str = "endpoint.disabled";

/// How long a notice waits for an endpoint that is switched off.
const HELD_FOR: TimeDelta = TimeDelta::hours(24);

/// Who sends: no person does.
fn ourselves() -> Actor {
    Actor::job("notices")
}

/// Takes a notice that is due by one of these channels.
pub fn claim(services: &Services, channels: &[Channel]) -> db::Result<Option<Claim>> {
    let now = services.clock.now();
    services
        .audit
        .write_unaudited(Unaudited::NoticeLease, |conn| {
            outbox::claim(conn, channels, now)
        })
}

/// Sends what was claimed, unless the breaker before its way keeps it back: then it stays queued, and is no attempt.
pub async fn deliver(services: &Services, claim: Claim) -> db::Result<()> {
    let (app, to) = (services.clone(), claim.to.clone());
    let gate = blocking(move || gate::ask(&app, ways::breaker(&app, &to)?)).await?;
    match gate {
        Gate::Open(pass) => send(services, claim, pass).await,
        Gate::Shut { until, why } => {
            // A trial ends long before its time.
            let until = until.filter(|_| why != Refused::Trial);
            let app = services.clone();
            blocking(move || keep_back(&app, &claim, until)).await
        }
    }
}

/// Gives a notice back for later. The retry table says when it would be tried at the earliest; the breaker when there is
/// any use in it.
fn keep_back(services: &Services, claim: &Claim, until: Option<DateTime<Utc>>) -> db::Result<()> {
    let now = services.clock.now();
    let at = until
        .unwrap_or(now + ways::LOOK_AGAIN)
        .max(now + ways::SOONEST);
    services
        .audit
        .write_unaudited(Unaudited::NoticeLease, |conn| {
            outbox::postpone(conn, claim, at, now)
        })
}

/// Sends, and notes what became of it.
async fn send(services: &Services, claim: Claim, pass: Pass) -> db::Result<()> {
    let now = services.clock.now();
    let (app, to) = (services.clone(), claim.to.clone());
    let to = blocking(move || {
        destination(&app, &to).inspect_err(|_| {
            // Nobody was called, which is not the fault of whoever would have been: a trial is not lost over it.
            let ended = ways::nothing("the destination could not be read");
            if let Err(error) = gate::tell(&app, pass, &ended) {
                tracing::warn!(%error, "a breaker was not told that nobody was called");
            }
        })
    })
    .await?;
    let letter = claim
        .letter
        .clone()
        .at(services.config.web.base_url.as_str());
    let begun = Instant::now();
    let outcome = channels::send(&services.config.notices, to, letter, now).await;
    let ended = Ended {
        begun_at: now,
        took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        delivered: outcome.is_delivered(),
        answer: notice::line(outcome.text(), LONGEST_ANSWER),
    };
    let word = if ended.delivered {
        "delivered"
    } else {
        "failed"
    };
    let channel = claim.to.channel().as_str();
    metrics::counter!("notices_total", "channel" => channel, "outcome" => word).increment(1);
    let app = services.clone();
    blocking(move || {
        let settled = settle(&app, &claim, &outcome, &ended);
        // What its breaker makes of it must not have a notice sent twice.
        if let Err(error) = gate::tell(&app, pass, &ways::ended(&outcome, &ended)) {
            tracing::warn!(%error, "a breaker was not told what came of an attempt");
        }
        settled
    })
    .await
}

fn destination(services: &Services, to: &Destination) -> db::Result<To> {
    match to {
        Destination::Email(address) => Ok(To::Mailbox(address.clone())),
        Destination::Endpoint(id) => {
            let now = services.clock.now();
            let line = services.db.read_on(PoolKind::Jobs, |conn| {
                endpoints::line(conn, &services.keyring, *id, now)
            })?;
            Ok(To::Endpoint(line))
        }
    }
}

/// Everything that is due, one after another. For tests and whoever has to wait for it. Returns how many were sent.
pub async fn deliver_due(services: &Services) -> db::Result<usize> {
    let mut sent = 0;
    loop {
        // What is kept back is due again later, and not at this moment.
        let app = services.clone();
        let Some(claim) = blocking(move || claim(&app, &Channel::ALL)).await? else {
            return Ok(sent);
        };
        deliver(services, claim).await?;
        sent += 1;
    }
}

/// One notice, now, because somebody asked for it: whatever its breaker says. False where somebody else is sending it, or
/// has.
pub async fn deliver_one(services: &Services, id: NoticeId) -> db::Result<bool> {
    let app = services.clone();
    let claimed = blocking(move || {
        app.audit
            .write_unaudited(Unaudited::NoticeLease, |conn| outbox::claim_one(conn, id))
    })
    .await?;
    let Some(claim) = claimed else {
        return Ok(false);
    };
    let (app, to) = (services.clone(), claim.to.clone());
    let breaker = blocking(move || ways::breaker(&app, &to)).await?;
    send(services, claim, Pass::by_hand(breaker)).await?;
    Ok(true)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> db::Result<T> + Send + 'static,
) -> db::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(db::Error::Unavailable(error.to_string())))
}

/// Notes an attempt. Whoever has lost the lease notes nothing: somebody else is sending it.
pub fn settle(
    services: &Services,
    claim: &Claim,
    outcome: &Outcome,
    ended: &Ended,
) -> db::Result<()> {
    let noted = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let now = tx.now();
        let settled = settled(claim, outcome, ended, now);
        let left = outbox::settle(tx, claim, &settled, now)?;
        if left.is_empty() {
            return Err(db::Error::NoEvent);
        }
        for notice in left {
            outbox::insert_attempt(tx, notice.id, notice.attempt, ended)?;
            tx.record(attempt_event(claim, notice, ended))?;
        }
        if let Destination::Endpoint(id) = claim.to
            && (outcome.is_delivered() || !is_test(claim))
        {
            note_endpoint(tx, id, outcome)?;
        }
        Ok(())
    });
    match noted {
        Err(db::Error::NoEvent) => {
            tracing::warn!(notice = %claim.letter.id, "a notice's lease was lost; somebody else sends it");
            Ok(())
        }
        noted => noted,
    }
}

fn settled(claim: &Claim, outcome: &Outcome, ended: &Ended, now: DateTime<Utc>) -> Settled {
    let why = |what: &str| notice::cut(&format!("{what} {}", ended.answer), LONGEST_ANSWER);
    match outcome {
        Outcome::Delivered(_) => Settled::Delivered,
        Outcome::Hopeless(_) => Settled::GivenUp {
            why: why("Trying again is of no use:"),
        },
        Outcome::Gone(_) => Settled::GivenUp {
            why: why("The receiver wants no more:"),
        },
        _ if is_test(claim) => Settled::GivenUp {
            why: why("A test is tried once:"),
        },
        Outcome::Failed(_) | Outcome::Broken(_) | Outcome::NotAsked(_) | Outcome::Limited(..) => {
            match claim.to.channel().wait_after(claim.attempts + 1) {
                Some(wait) => Settled::Again {
                    at: now + wait.max(ways::asked_for(outcome)),
                },
                None => Settled::GivenUp {
                    why: why("Every attempt has failed, the last one with:"),
                },
            }
        }
    }
}

fn is_test(claim: &Claim) -> bool {
    claim.letter.key.starts_with(TEST)
}

fn attempt_event(claim: &Claim, notice: Left, ended: &Ended) -> Event {
    let (kind, said) = match notice.state {
        State::Delivered => ("notice.delivered", Said::Success),
        // Whoever asked for a test is looking at what came of it.
        State::GivenUp if is_test(claim) => ("notice.test_failed", Said::Failure),
        State::GivenUp => (GIVEN_UP, Said::Failure),
        State::Cancelled => ("notice.cancelled", Said::Success),
        State::Queued => ("notice.attempt_failed", Said::Failure),
    };
    let mut event = about(kind, notice.id, claim.platform)
        .outcome(said)
        .detail("attempt", notice.attempt)
        .detail("channel", claim.to.channel().as_str())
        .detail("took_ms", ended.took_ms);
    if notice.id != claim.letter.id {
        event = event.detail("told_with", claim.letter.id.to_string());
    }
    match claim.to {
        Destination::Endpoint(id) => event.detail("endpoint", id.to_string()),
        Destination::Email(_) => event,
    }
}

fn about(kind: &'static str, id: NoticeId, platform: Option<PlatformId>) -> Event {
    let event = Event::new(kind, Subject::new("notice", id));
    match platform {
        Some(platform) => event.platform(platform),
        None => event,
    }
}

/// What an attempt says of its endpoint. One that is gone, or has failed for too long, gets no more.
fn note_endpoint(tx: &mut Tx<'_>, id: EndpointId, outcome: &Outcome) -> db::Result<()> {
    let now = tx.now();
    let endpoint = endpoints::lock(tx, id)?;
    if outcome.is_delivered() {
        return endpoints::set_succeeded(tx, id, now);
    }
    let failures = endpoint.failures.and_one_at(now);
    endpoints::set_failures(tx, id, failures)?;
    if endpoint.standing != Standing::Active {
        return Ok(());
    }
    let why = if matches!(outcome, Outcome::Gone(_)) {
        "It answered 410: it is gone, and wants no more."
    } else if failures.are_enough(now) {
        "It failed ten times and more, for over an hour."
    } else {
        return Ok(());
    };
    endpoints::set_standing(tx, id, Standing::Disabled, Some(why), now)?;
    tx.record(
        Event::new(ENDPOINT_DISABLED, Subject::new("endpoint", id))
            .outcome(Said::Failure)
            .detail("why", why)
            .detail("failures", failures.count),
    )?;
    Ok(())
}

/// Ends what nobody will send: taken back while its sender died, or held for too long by an endpoint that is off.
pub fn tidy(services: &Services) -> db::Result<usize> {
    let done = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let now = tx.now();
        let cancelled = outbox::end_taken_back(tx, now)?;
        for left in &cancelled {
            tx.record(about("notice.cancelled", left.id(), left.platform()))?;
        }
        let why = "Its endpoint was switched off for more than a day.";
        let given_up = outbox::give_up_held(tx, why, HELD_FOR, now)?;
        for left in &given_up {
            let event = about(GIVEN_UP, left.id(), left.platform());
            tx.record(event.outcome(Said::Failure).detail("why", why))?;
        }
        Ok(cancelled.len() + given_up.len())
    });
    match done {
        // Nothing to end, and so nothing to say.
        Err(db::Error::NoEvent) => Ok(0),
        done => done,
    }
}
