//! What people do about incidents.

pub mod alerts;
pub mod follow_ups;
pub mod opening;
pub mod reviews;
pub mod steps;

use super::incident::{Commander, Incident, IncidentId, NotNow, State, TEXT_AT_MOST};
use super::review::Refusal as ReviewRefusal;
use super::store;
use super::store::entries::{self, Audience, Kind, New};
use super::times;
use crate::features::alerts::store as lit;
use crate::features::alerts::store::incidents::Belongs;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx};
use crate::foundation::auth::{Permission, Signed, roster};
use crate::foundation::db;
use crate::foundation::kernel::{Level, PersonId};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal};

use super::incident::EntryId;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// What was typed does not do; the field of the form, and why.
    #[error("{1}")]
    Wrong(&'static str, String),
    #[error(transparent)]
    NotNow(#[from] NotNow),
    #[error("this alert belongs to another incident")]
    Held(Belongs),
    #[error("another incident of the same cause is open")]
    SameOpen(IncidentId),
    #[error("the pack of Signalbox itself was never applied")]
    NoOwnPack,
    #[error("the runbook has been changed since you read it")]
    RunbookChanged,
    #[error("somebody else was quicker: it is so already")]
    AlreadySo,
    #[error(transparent)]
    Review(#[from] ReviewRefusal),
    #[error(transparent)]
    Database(#[from] db::Error),
}

pub type Result<T> = std::result::Result<T, IncidentError>;

impl IncidentError {
    #[must_use]
    pub fn wrong(field: &'static str, why: impl Into<String>) -> Self {
        Self::Wrong(field, why.into())
    }
}

/// It was made more or less severe; one that is over is open again.
pub const RATED: &str = "incident.rated";
pub const REOPENED: &str = "incident.reopened";

const UNCHANGED: &str = "Nothing was changed. Look at the incident again.";

impl From<IncidentError> for web::Error {
    fn from(error: IncidentError) -> Self {
        let said = sentence(&error);
        match error {
            IncidentError::Database(error) => error.into(),
            IncidentError::Wrong(_, why) => Self::Malformed(why),
            IncidentError::Held(other) => Self::Refused(
                Refusal::new(
                    "alert_belongs",
                    "This alert belongs to another incident.",
                    "An alert belongs to one incident at a time. Take it off that one first, or work there.",
                )
                .with_way("Open that incident", format!("/incidents/{}", other.incident)),
            ),
            IncidentError::SameOpen(other) => Self::Refused(
                Refusal::new(
                    "cause_is_open",
                    said,
                    "Signalbox opens one at a time for this, and adds to it. Work there.",
                )
                .with_way("Open that incident", format!("/incidents/{other}")),
            ),
            IncidentError::NotNow(NotNow::NeedsReview) => Self::Refused(Refusal::new(
                "needs_review",
                said,
                "Write its review, sign it, and have somebody else approve it.",
            )),
            IncidentError::NotNow(_) => {
                Self::Refused(Refusal::new("incident_state", said, UNCHANGED))
            }
            // Nobody asks for what Signalbox opens about itself.
            IncidentError::NoOwnPack => Self::internal(error),
            IncidentError::RunbookChanged => Self::Refused(Refusal::new(
                "runbook_changed",
                said,
                "Nothing was ticked. Read its steps again.",
            )),
            IncidentError::AlreadySo => {
                Self::Refused(Refusal::new("already_so", said, UNCHANGED))
            }
            IncidentError::Review(ReviewRefusal::OwnWork) => Self::Refused(Refusal::new(
                "own_review",
                said,
                "Somebody else has to read it and agree.",
            )),
            IncidentError::Review(_) => Self::Refused(Refusal::new(
                "review_state",
                said,
                "Nothing was changed. Read the review again.",
            )),
        }
    }
}

/// Who acts.
pub struct By {
    pub actor: Actor,
    pub person: PersonId,
    pub name: String,
}

impl From<&Signed> for By {
    fn from(signed: &Signed) -> Self {
        Self {
            actor: signed.actor(),
            person: signed.person,
            name: signed.name.clone(),
        }
    }
}

/// Something that is done to an incident: decided on its locked row, and recorded with it.
pub(super) fn act<T>(
    services: &Services,
    by: &By,
    id: IncidentId,
    key: FormKey,
    decide: impl FnOnce(&mut Tx<'_>, Incident) -> Result<T>,
) -> Result<T> {
    let done = services.audit.write(&by.actor, |tx| {
        tx.once(key, &format!("/incidents/{id}"))?;
        let incident = store::lock(tx, id)?;
        tx.reach(incident.platform)?;
        decide(tx, incident)
    });
    match done {
        Err(IncidentError::Database(db::Error::Unique { constraint }))
            if constraint == "incident_one_of_a_cause" =>
        {
            Err(IncidentError::AlreadySo)
        }
        done => done,
    }
}

pub(super) fn event(kind: &'static str, incident: &Incident) -> Event {
    Event::new(kind, Subject::new("incident", incident.id))
        .platform(incident.platform)
        .detail("level", incident.level.as_str())
        .detail("state", incident.state.as_str())
}

/// A text that somebody has to give.
pub(super) fn given(field: &'static str, text: &str, missing: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IncidentError::wrong(field, missing));
    }
    fits(field, text, TEXT_AT_MOST)?;
    Ok(text.to_owned())
}

pub(super) fn fits(field: &'static str, text: &str, at_most: usize) -> Result<()> {
    if text.chars().count() > at_most {
        let why = format!("This is too long: at most {at_most} characters.");
        return Err(IncidentError::Wrong(field, why));
    }
    Ok(())
}

/// Longest line of the timeline: whatever may be said, with its headline.
const LINE_AT_MOST: usize = TEXT_AT_MOST + 1_000;

/// A headline, and what was said with it.
pub(super) fn lines(headline: &str, note: &str) -> String {
    let text = match note.trim() {
        "" => headline.to_owned(),
        note => format!("{headline}\n{note}"),
    };
    text.chars().take(LINE_AT_MOST).collect()
}

/// Takes its times from the alerts that belong to it now.
pub(super) fn measure(tx: &mut Tx<'_>, incident: &mut Incident) -> db::Result<()> {
    times::measure(tx, &mut [incident])
}

/// Brings it into another state.
pub fn go(
    services: &Services,
    by: &By,
    id: IncidentId,
    to: State,
    note: &str,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, mut incident| {
        let from = incident.state;
        let note = match (from, to) {
            (State::Resolved, State::Open) => given("note", note, "Say why it is opened again.")?,
            (_, State::Closed) => given("note", note, "Say why it needs no review.")?,
            _ => note.trim().to_owned(),
        };
        fits("note", &note, TEXT_AT_MOST)?;
        if to == State::Resolved {
            measure(tx, &mut incident)?;
        }
        let zone = packs::zone(tx, incident.platform)?;
        let now = tx.now();
        incident.go(to, now, zone)?;
        match (from, to) {
            (_, State::Resolved) => lit::incidents::release(tx, incident.id.uuid())?,
            (State::Resolved, State::Open) => alerts::take_again(tx, &incident)?,
            _ => {}
        }
        if from == State::Resolved && to == State::Open {
            if incident.cause.is_own()
                && let Some(other) = store::lock_of_cause(tx, incident.cause)?
            {
                return Err(IncidentError::SameOpen(other.id));
            }
            reviews::void(tx, by, &incident)?;
        }
        store::save(tx, &incident)?;
        let headline = match to {
            State::Open if from == State::Resolved => "Opened again",
            State::Open => "Open again: it hurts as before",
            State::Mitigated => "Mitigated: it hurts no more",
            State::Resolved => "Resolved",
            State::Reviewed | State::Closed => "Closed without a review",
        };
        let text = lines(headline, &note);
        entries::insert(tx, id, &New::by_person(Kind::State, &by.name, text))?;
        let kind = match to {
            State::Open => REOPENED,
            State::Mitigated => "incident.mitigated",
            State::Resolved => "incident.resolved",
            State::Reviewed | State::Closed => "incident.closed",
        };
        tx.record(event(kind, &incident).detail("from", from.as_str()))?;
        Ok(())
    })
}

/// Makes it more or less severe.
pub fn rate(
    services: &Services,
    by: &By,
    id: IncidentId,
    level: Level,
    note: &str,
    key: FormKey,
) -> Result<()> {
    if level == Level::Blue {
        return Err(IncidentError::wrong(
            "level",
            "An incident is red or yellow.",
        ));
    }
    act(services, by, id, key, |tx, mut incident| {
        let note = given("note", note, "Say why it is more or less severe.")?;
        let from = incident.level;
        if from == level {
            return Err(IncidentError::AlreadySo);
        }
        incident.rate(level)?;
        store::save(tx, &incident)?;
        let text = lines(&format!("Severity is {level} now, and was {from}"), &note);
        entries::insert(tx, id, &New::by_person(Kind::Level, &by.name, text))?;
        tx.record(event(RATED, &incident).detail("was", from.as_str()))?;
        Ok(())
    })
}

/// Somebody leads it from now on: whoever says so, or whom they hand it to.
pub fn command(
    services: &Services,
    by: &By,
    id: IncidentId,
    to: PersonId,
    note: &str,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, mut incident| {
        fits("note", note, TEXT_AT_MOST)?;
        let now = tx.now();
        let able = roster::holders(tx, Permission::IncidentsAct, incident.platform, now)?;
        let Some(person) = able.into_iter().find(|person| person.id == to) else {
            let why = "Choose somebody who works on this platform's incidents.";
            return Err(IncidentError::wrong("person", why));
        };
        let before = incident.commander.take();
        if before.as_ref().is_some_and(|held| held.id == to) {
            return Err(IncidentError::AlreadySo);
        }
        let name = person.name.clone();
        incident.take(Commander { id: to, name }, now)?;
        store::save(tx, &incident)?;
        let headline = match &before {
            None => format!("{} leads", person.name),
            Some(held) => format!("{} leads, and took over from {}", person.name, held.name),
        };
        let text = lines(&headline, note);
        entries::insert(tx, id, &New::by_person(Kind::Command, &by.name, text))?;
        let mut event =
            event("incident.command_given", &incident).detail("commander", to.to_string());
        if let Some(held) = before {
            event = event.detail("before", held.id.to_string());
        }
        tx.record(event)?;
        Ok(())
    })
}

/// Says how it stands. What was said stays: another update corrects it.
pub fn update(
    services: &Services,
    by: &By,
    id: IncidentId,
    audience: Audience,
    text: &str,
    corrects: Option<EntryId>,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let text = given("text", text, "Say how it stands.")?;
        if let Some(wrong) = corrects {
            let (_, is_corrected) = entries::update(tx, id, wrong)?;
            if is_corrected {
                let why = "That update is corrected already: correct the newer one.";
                return Err(IncidentError::wrong("corrects", why));
            }
        }
        let new = New {
            audience: Some(audience),
            corrects,
            ..New::by_person(Kind::Update, &by.name, text)
        };
        let entry = entries::insert(tx, id, &new)?;
        let kind = if corrects.is_some() {
            "incident.update_corrected"
        } else {
            "incident.updated"
        };
        let mut event = event(kind, &incident)
            .detail("entry", entry.to_string())
            .detail("audience", audience.as_str());
        if let Some(wrong) = corrects {
            event = event.detail("corrects", wrong.to_string());
        }
        tx.record(event)?;
        Ok(())
    })
}
