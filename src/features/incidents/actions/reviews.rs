//! Writing, signing and approving what was learned.

use super::{By, IncidentError, Result, act, event, fits, given, lines};
use crate::features::incidents::incident::{Incident, IncidentId, NotNow};
use crate::features::incidents::review::{Hand, PART_AT_MOST, Refusal, Review, Written};
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::{self, follow_ups, reviews};
use crate::foundation::Services;
use crate::foundation::audit::{FormKey, Tx};

pub(super) fn hand(tx: &Tx<'_>, by: &By) -> Hand {
    Hand {
        at: tx.now(),
        by: by.person,
        name: by.name.clone(),
    }
}

/// Keeps what is written so far, over what was read. It may be unfinished.
pub fn write(
    services: &Services,
    by: &By,
    id: IncidentId,
    written: &Written,
    read: &str,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        for (field, text) in written.parts() {
            fits(field, text, PART_AT_MOST)?;
        }
        let saved = hand(tx, by);
        let known = reviews::of(tx, id)?;
        let actions = follow_ups::of(tx, id)?;
        let was_signed = known.as_ref().is_some_and(|it| it.signed.is_some());
        let review = match known {
            Some(mut review) => {
                if review.written == *written {
                    return Err(IncidentError::AlreadySo);
                }
                review.write(written.clone(), saved, read)?;
                review
            }
            None => Review::begin(id, written.clone(), saved, &actions),
        };
        reviews::save(tx, &review)?;
        if was_signed {
            note(tx, by, id, VOID, "")?;
        }
        tx.record(
            event("incident.review_written", &incident)
                .detail("digest", review.digest(&actions))
                .detail("voids_signature", was_signed),
        )?;
        Ok(())
    })
}

const VOID: &str = "Review changed: its signature holds no more";

/// An action was added or ended, and belongs to what is signed and approved: a signature stood for what was to be done
/// before, and goes. True where there was one.
pub(super) fn touch(tx: &mut Tx<'_>, by: &By, incident: &Incident) -> Result<bool> {
    let Some(mut review) = reviews::of(tx, incident.id)? else {
        return Ok(false);
    };
    let was_signed = review.touch(by.person);
    reviews::save(tx, &review)?;
    if was_signed {
        note(tx, by, incident.id, VOID, "")?;
    }
    Ok(was_signed)
}

fn note(tx: &mut Tx<'_>, by: &By, id: IncidentId, headline: &str, text: &str) -> Result<()> {
    let text = lines(headline, text);
    entries::insert(tx, id, &New::by_person(Kind::Review, &by.name, text))?;
    Ok(())
}

/// Changes a review that is there.
fn change(
    services: &Services,
    by: &By,
    id: IncidentId,
    key: FormKey,
    decide: impl FnOnce(&mut Tx<'_>, Incident, Review) -> Result<()>,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let review = reviews::of(tx, id)?.ok_or(Refusal::NotWhole)?;
        decide(tx, incident, review)
    })
}

/// Somebody answers for exactly what they read.
pub fn sign(services: &Services, by: &By, id: IncidentId, read: &str, key: FormKey) -> Result<()> {
    change(services, by, id, key, |tx, incident, mut review| {
        if incident.state.is_live() {
            let why = "An incident is resolved before its review is signed.";
            return Err(IncidentError::wrong("", why));
        }
        let signature = hand(tx, by);
        let actions = follow_ups::of(tx, id)?;
        review.sign(signature, read, &actions)?;
        reviews::save(tx, &review)?;
        note(
            tx,
            by,
            id,
            "Review signed: it waits for somebody else's approval",
            "",
        )?;
        tx.record(
            event("incident.review_signed", &incident).detail("digest", review.digest(&actions)),
        )?;
        Ok(())
    })
}

/// Somebody else agrees to exactly what they read, and closes the incident for good.
pub fn approve(
    services: &Services,
    by: &By,
    id: IncidentId,
    read: &str,
    key: FormKey,
) -> Result<()> {
    change(services, by, id, key, |tx, mut incident, mut review| {
        let approval = hand(tx, by);
        let actions = follow_ups::of(tx, id)?;
        review.approve(approval, read, &actions)?;
        let now = tx.now();
        incident.reviewed(now)?;
        reviews::save(tx, &review)?;
        store::save(tx, &incident)?;
        note(
            tx,
            by,
            id,
            "Review approved: the incident is closed for good",
            "",
        )?;
        tx.record(event("incident.reviewed", &incident).detail("digest", review.digest(&actions)))?;
        Ok(())
    })
}

/// Somebody else wants it otherwise, and says how.
pub fn give_back(
    services: &Services,
    by: &By,
    id: IncidentId,
    reason: &str,
    key: FormKey,
) -> Result<()> {
    change(services, by, id, key, |tx, incident, mut review| {
        let reason = given("reason", reason, "Say what is missing.")?;
        review.give_back(by.person)?;
        reviews::save(tx, &review)?;
        note(tx, by, id, "Review given back", &reason)?;
        tx.record(event("incident.review_given_back", &incident))?;
        Ok(())
    })
}

/// An incident that is opened again is not what was signed.
pub(super) fn void(tx: &mut Tx<'_>, by: &By, incident: &Incident) -> Result<()> {
    if let Some(mut review) = reviews::of(tx, incident.id)?
        && review.signed.take().is_some()
    {
        reviews::save(tx, &review)?;
        let headline = "Opened again: the signature of its review holds no more";
        note(tx, by, incident.id, headline, "")?;
    }
    Ok(())
}
