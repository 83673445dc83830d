//! Telling whoever is on call of an incident that somebody opened by hand, and of no alert. Of an alert's incident its own
//! escalation tells, and of what Signalbox finds about itself the rule of its pack: nobody is told twice.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::roster::{Found, Roster};
use super::tell::places;
use crate::features::incidents::incident::{Incident, IncidentId, Source};
use crate::features::incidents::store;
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice};
use crate::features::notify::store::endpoints;
use crate::features::packs::pack::{Escalation, Step, Target};
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::audit::{Event, NewJob, Outcome, Subject, Tx};
use crate::foundation::db;
use crate::foundation::jobs::{JobContext, JobError, Registry};
use crate::foundation::kernel::Scope;

const TELL: &str = "oncall.tell_of_incident";

pub fn register(registry: &mut Registry) {
    registry.handle(TELL, tell);
}

/// The job after an incident was opened, where nobody else tells of it.
#[must_use]
pub fn after_opened(event: &Event) -> Option<NewJob> {
    let details = event.details();
    let by_hand = details.get("cause").and_then(Value::as_str) == Some("person");
    let alerts = details.get("alerts").and_then(Value::as_array);
    let of_none = alerts.is_none_or(Vec::is_empty);
    (by_hand && of_none).then(|| NewJob::new(TELL, json!({ "incident": event.subject().id })))
}

#[derive(Deserialize)]
struct Opened {
    incident: IncidentId,
}

fn tell(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let Opened { incident } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    match context.write(|tx| tell_of(tx, incident).map_err(JobError::from)) {
        // No escalation is for it, or its people were told before this job was tried again.
        Err(JobError::Database(db::Error::NoEvent)) => Ok(()),
        other => other,
    }
}

fn tell_of(tx: &mut Tx<'_>, id: IncidentId) -> db::Result<()> {
    let incident = store::lock(tx, id)?;
    let known = entries::of(tx, id)?;
    if !incident.state.is_live() || known.iter().any(|entry| entry.kind == Kind::Told) {
        return Ok(());
    }
    let policies = packs::live_within::<Escalation>(tx, &Scope::one(incident.platform))?;
    let mut for_level = policies.iter().map(|it| &it.spec);
    let Some(policy) = for_level.find(|it| it.levels.contains(&incident.level)) else {
        return Ok(());
    };
    let platforms = packs::platforms(tx)?;
    let platform = platforms.into_iter().find(|it| it.id == incident.platform);
    let platform = platform.ok_or(db::Error::NotFound)?;
    let now = tx.now();
    let roster = Roster::of(tx, incident.platform, now)?;
    let mut told = BTreeMap::new();
    // As far as the policy goes without a wait.
    let first = policy
        .steps
        .iter()
        .take_while(|step| !matches!(step, Step::Wait(_)));
    for step in first {
        let Step::Notify(target) = step else {
            continue;
        };
        for (id, name, to) in reached(tx, &roster, &platform, target)? {
            notices::enqueue(tx, &notice(&incident, &platform, to))?;
            told.insert(id, name);
        }
    }
    let (what, outcome) = if told.is_empty() {
        ("Nobody could be told of it".to_owned(), Outcome::Failure)
    } else {
        let names: Vec<&str> = told.values().map(String::as_str).collect();
        (
            format!("Told of it: {}", names.join(", ")),
            Outcome::Success,
        )
    };
    let who = format!("The escalation {}", policy.name);
    let who: String = who.chars().take(200).collect();
    let line = New {
        source: Source::Escalation,
        ..New::by_person(Kind::Told, &who, what)
    };
    entries::insert(tx, id, &line)?;
    tx.record(
        Event::new("incident.told", Subject::new("incident", id))
            .platform(incident.platform)
            .outcome(outcome)
            .detail("told", told.into_keys().collect::<Vec<_>>()),
    )?;
    Ok(())
}

/// Where a step's people are reached, each with what the pack calls them and their name.
fn reached(
    tx: &mut Tx<'_>,
    roster: &Roster,
    platform: &Watched,
    target: &Target,
) -> db::Result<Vec<(String, String, Destination)>> {
    let now = tx.now();
    let mut found = Vec::new();
    match roster.find(platform.id, target, platform.zone, now) {
        Found::Nobody { .. } => {}
        Found::Endpoint(name) => {
            let endpoint = endpoints::by_name(tx, name)?;
            let to = endpoint.map(Destination::Endpoint);
            found.extend(to.map(|to| (name.to_owned(), name.to_owned(), to)));
        }
        Found::People(people) => {
            for (contact, _) in people {
                for to in places(tx, &contact.spec)?.0 {
                    found.push((contact.slug.clone(), contact.name.clone(), to));
                }
            }
        }
    }
    Ok(found)
}

fn notice(incident: &Incident, platform: &Watched, to: Destination) -> Notice {
    let address = match &to {
        Destination::Email(email) => email.clone(),
        Destination::Endpoint(id) => id.to_string(),
    };
    let leads = incident.commander.as_ref().map_or_else(
        || "Nobody leads it yet.".to_owned(),
        |it| format!("{} leads it.", it.name),
    );
    Notice {
        platform: Some(platform.id),
        to,
        about: About::new("incident", incident.id),
        title: format!("Incident: {}", incident.title),
        text: format!("{} has opened an incident.\n{leads}", incident.opened_name),
        link: format!("/incidents/{}", incident.id),
        level: Some(incident.level),
        gather: None,
        key: format!("incident:{}:opened:{address}", incident.id),
    }
}
