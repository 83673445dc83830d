//! Actions of reviews: given to somebody, until a day, and tracked until they end.

use chrono::NaiveDate;

use super::reviews::{hand, touch};
use super::{By, IncidentError, Result, act, event, fits, given, lines};
use crate::features::incidents::incident::{IncidentId, NotNow, end_of};
use crate::features::incidents::review::{
    ACTION_AT_MOST, FollowUp, FollowUpId, NotEnded, OUTCOME_AT_MOST, Progress,
};
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::follow_ups;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, roster};
use crate::foundation::db;
use crate::foundation::kernel::PersonId;

/// An incident has no more actions than this.
const MOST: usize = 50;

/// Gives somebody something to do.
pub fn add(
    services: &Services,
    by: &By,
    id: IncidentId,
    (text, owner, due): (&str, PersonId, NaiveDate),
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        // What an incident is closed with is what its reviewers agreed to.
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let text = given("action", text, "Say what is to be done.")?;
        fits("action", &text, ACTION_AT_MOST)?;
        let now = tx.now();
        let zone = packs::zone(tx, incident.platform)?;
        let overdue_at = end_of(due, zone);
        if overdue_at <= now {
            return Err(IncidentError::wrong(
                "due",
                "Choose today or a day to come.",
            ));
        }
        let able = roster::holders(tx, Permission::IncidentsAct, incident.platform, now)?;
        let Some(person) = able.into_iter().find(|person| person.id == owner) else {
            let why = "Choose somebody who works on this platform's incidents.";
            return Err(IncidentError::wrong("owner", why));
        };
        if follow_ups::of(tx, id)?.len() >= MOST {
            let why = format!("An incident has at most {MOST} actions.");
            return Err(IncidentError::Wrong("action", why));
        }
        let new = FollowUp {
            id: FollowUpId::new(),
            incident: id,
            text,
            owner,
            owner_name: person.name,
            due,
            overdue_at,
            state: Progress::Open,
            outcome: String::new(),
            made_by: Some(by.person),
            made_name: by.name.clone(),
            made_at: now,
            ended: None,
            ended_by: None,
        };
        follow_ups::insert(tx, &new)?;
        let was_signed = touch(tx, by, &incident)?;
        let headline = format!("Action for {}, due {due}", new.owner_name);
        let line = lines(&headline, &new.text);
        entries::insert(tx, id, &New::by_person(Kind::Action, &by.name, line))?;
        tx.record(
            event("incident.action_added", &incident)
                .detail("action", new.id.to_string())
                .detail("owner", owner.to_string())
                .detail("due", due.to_string())
                .detail("voids_signature", was_signed),
        )?;
        Ok(())
    })
}

/// It was done, or is not done, for a reason. That is tracked beyond the closing of its incident.
pub fn end(
    services: &Services,
    by: &By,
    id: IncidentId,
    (action, to, outcome): (FollowUpId, Progress, &str),
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        fits("outcome", outcome, OUTCOME_AT_MOST)?;
        let mut held = follow_ups::lock(tx, action)?;
        if held.incident != id {
            return Err(db::Error::NotFound.into());
        }
        let now = tx.now();
        let ending = hand(tx, by);
        match held.end(to, outcome, ending) {
            Ok(()) => {}
            Err(NotEnded::Ended) => return Err(IncidentError::AlreadySo),
            Err(NotEnded::NoReason) => {
                return Err(IncidentError::wrong("outcome", "Say why it is not done."));
            }
        }
        follow_ups::save(tx, &held)?;
        // What was approved is approved; before that it is part of what is.
        let was_signed = !incident.state.is_final() && touch(tx, by, &incident)?;
        let (word, kind) = match to {
            Progress::Dropped => ("dropped", "incident.action_dropped"),
            Progress::Done | Progress::Open => ("done", "incident.action_done"),
        };
        let line = lines(&format!("Action {word}: {}", held.text), outcome);
        entries::insert(tx, id, &New::by_person(Kind::Action, &by.name, line))?;
        tx.record(
            event(kind, &incident)
                .detail("action", action.to_string())
                .detail("was_late", held.overdue_at < now)
                .detail("voids_signature", was_signed),
        )?;
        Ok(())
    })
}
