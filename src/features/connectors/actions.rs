//! What people do about breakers.

use chrono::{DateTime, TimeDelta, Utc};

use super::breaker::{State, Turn};
use super::gate;
use super::store::proposals::{self, Proposal, ProposalId};
use super::store::turns::{self, Hand};
use super::store::{self, BreakerId, Held};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::web::{self, Refusal as Refused};

/// Longest reason, in characters.
pub const REASON_AT_MOST: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("Say why, for whoever wonders later.")]
    Reason,
    #[error("A reason has at most 1000 characters.")]
    LongReason,
    #[error("It is so already.")]
    Already,
    #[error("There is nothing to try: calls go out.")]
    NothingToTry,
    #[error("Somebody has asked for that already, and waits for an answer.")]
    Asked,
    #[error("Nothing waits for an answer here.")]
    NothingAsked,
    #[error("You asked for this yourself.")]
    OwnWork,
    #[error("What is asked for now is not what you saw.")]
    Another,
    #[error("It was forced open after that was asked for.")]
    ForcedSince,
    #[error("The time that was asked for is over.")]
    Lapsed,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<Refusal> for web::Error {
    fn from(refusal: Refusal) -> Self {
        let advice = match &refusal {
            Refusal::OwnWork => "Somebody else has to agree. You can withdraw it.",
            Refusal::ForcedSince => "Find out why, and ask again if it is still needed.",
            Refusal::Lapsed => "Refuse it, and ask again for what is needed now.",
            _ => "Nothing was changed. Look at it again.",
        };
        match refusal {
            Refusal::Database(error) => error.into(),
            refusal => Self::Refused(Refused::new("breaker_refused", refusal.to_string(), advice)),
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

fn reason(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Reason);
    }
    if text.chars().count() > REASON_AT_MOST {
        return Err(Refusal::LongReason);
    }
    Ok(text)
}

/// Keeps every call back: the safe direction, for which one person and a reason are enough.
pub fn force_open(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    why: &str,
    key: FormKey,
) -> Result<()> {
    let why = reason(why)?;
    by_hand(services, signed, id, key, |tx, held| {
        let now = tx.now();
        let turn = held.breaker.force_open(now).ok_or(Refusal::Already)?;
        turned(tx, signed, held, &turn, (why, None))
    })
}

/// Lets a trial through at once.
pub fn reset(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    why: &str,
    key: FormKey,
) -> Result<()> {
    let why = reason(why)?;
    by_hand(services, signed, id, key, |tx, held| {
        let now = tx.now();
        let turn = held.breaker.reset(now).ok_or(Refusal::NothingToTry)?;
        // Where the clock asks, it asks now.
        held.due_at = held.due_at.map(|due| due.min(now));
        turned(tx, signed, held, &turn, (why, None))
    })
}

/// Asks that every call goes out for a while, whatever comes of it. Nothing changes until a second person agrees.
pub fn propose(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    (why, lasts): (&str, TimeDelta),
    key: FormKey,
) -> Result<()> {
    let why = reason(why)?;
    by_hand(services, signed, id, key, |tx, held| {
        if proposals::open(tx, id)?.is_some() {
            return Err(Refusal::Asked);
        }
        let now = tx.now();
        let proposal = Proposal {
            id: ProposalId::new(),
            reason: why.to_owned(),
            ends_at: now + lasts,
            asked_at: now,
            asked_by: signed.person,
            asked_name: signed.name.clone(),
        };
        proposals::insert(tx, id, &proposal)?;
        tx.record(asked("breaker.disabling_proposed", held, proposal.ends_at))?;
        Ok(())
    })
}

/// A second person agrees to exactly what was asked for.
pub fn approve(
    services: &Services,
    signed: &Signed,
    (id, seen): (BreakerId, ProposalId),
    key: FormKey,
) -> Result<()> {
    by_hand(services, signed, id, key, |tx, held| {
        let proposal = still_open(tx, id, seen)?;
        if proposal.asked_by == signed.person {
            return Err(Refusal::OwnWork);
        }
        let now = tx.now();
        if now >= proposal.ends_at {
            return Err(Refusal::Lapsed);
        }
        if held.breaker.state == State::ForcedOpen && held.breaker.since > proposal.asked_at {
            return Err(Refusal::ForcedSince);
        }
        let hand = (signed.person, signed.name.as_str());
        proposals::answer(tx, proposal.id, "approved", hand)?;
        let turn = held.breaker.disable(now, proposal.ends_at);
        held.due_at = held.due_at.map(|due| due.min(now));
        turned(
            tx,
            signed,
            held,
            &turn,
            (&proposal.reason, Some(proposal.id)),
        )
    })
}

/// Somebody else refuses what was asked for, or whoever asked takes it back.
pub fn refuse(
    services: &Services,
    signed: &Signed,
    (id, seen): (BreakerId, ProposalId),
    key: FormKey,
) -> Result<()> {
    by_hand(services, signed, id, key, |tx, held| {
        let proposal = still_open(tx, id, seen)?;
        let hand = (signed.person, signed.name.as_str());
        proposals::answer(tx, proposal.id, "refused", hand)?;
        let kind = if proposal.asked_by == signed.person {
            "breaker.disabling_withdrawn"
        } else {
            "breaker.disabling_refused"
        };
        tx.record(asked(kind, held, proposal.ends_at))?;
        Ok(())
    })
}

/// What somebody saw and answers, where that is what waits: a proposal never changes, but another may have come.
fn still_open(tx: &mut Tx<'_>, id: BreakerId, seen: ProposalId) -> Result<Proposal> {
    let open = proposals::open(tx, id)?.ok_or(Refusal::NothingAsked)?;
    if open.id == seen {
        Ok(open)
    } else {
        Err(Refusal::Another)
    }
}

fn by_hand(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    key: FormKey,
    act: impl FnOnce(&mut Tx<'_>, &mut Held) -> Result<()>,
) -> Result<()> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/connectors/{id}"))?;
        let mut held = store::lock(tx, id)?;
        if !store::is_within(tx.actor().reach(), held.platform) {
            return Err(db::Error::NotFound.into());
        }
        act(tx, &mut held)?;
        store::save(tx, &held)?;
        Ok(())
    })
}

fn turned(
    tx: &mut Tx<'_>,
    signed: &Signed,
    held: &Held,
    turn: &Turn,
    (reason, proposal): (&str, Option<ProposalId>),
) -> Result<()> {
    let hand = Hand {
        person: signed.person,
        name: &signed.name,
        reason,
        proposal,
    };
    turns::insert(tx, held.id, turn, Some(hand))?;
    let mut event = gate::event(held, turn).detail("reason", reason);
    if let Some(end) = held.breaker.ends_at {
        event = event.detail("until", end.to_rfc3339());
    }
    tx.record(event)?;
    Ok(())
}

fn asked(kind: &'static str, held: &Held, until: DateTime<Utc>) -> Event {
    let event = Event::new(kind, Subject::new("breaker", held.id))
        .detail("dependency", held.dependency.as_str())
        .detail("operation", held.operation.as_str())
        .detail("until", until.to_rfc3339());
    match held.platform {
        Some(platform) => event.platform(platform),
        None => event,
    }
}
