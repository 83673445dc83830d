//! Telling whoever is on call of an incident that somebody opened by hand, and of no alert. Of an alert's incident its own
//! escalation tells, and of what Signalbox finds about itself the rule of its pack: nobody is told twice.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::roster::{Found, Roster};
use super::tell::{endpoint, places};
use crate::features::incidents::actions::{RATED, REOPENED};
use crate::features::incidents::incident::{Incident, IncidentId, Source};
use crate::features::incidents::store;
use crate::features::incidents::store::entries::{self, Entry, Kind, New};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice};
use crate::features::packs::pack::{Escalation, Step, Target};
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::audit::{Event, NewJob, Outcome, Subject, Tx};
use crate::foundation::db;
use crate::foundation::jobs::{JobContext, JobError, Registry};
use crate::foundation::kernel::{Level, Scope};

/// Longest line that says who was told.
const LINE_AT_MOST: usize = 2_000;

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

/// The job after an incident was made red, or is red and was opened again: whoever is on call for that knows nothing of it
/// yet, whether it has alerts or not.
#[must_use]
pub fn after_worse(event: &Event) -> Option<NewJob> {
    let details = event.details();
    let is = |name: &str, wanted: &str| details.get(name).and_then(Value::as_str) == Some(wanted);
    let news = match event.kind() {
        RATED => true,
        REOPENED => is("from", "resolved"),
        _ => false,
    };
    let id = &event.subject().id;
    (news && is("level", "red"))
        .then(|| NewJob::new(TELL, json!({ "incident": id, "again": true })))
}

#[derive(Deserialize)]
struct Opened {
    incident: IncidentId,
    /// Others may have been told of it before, as it was then.
    #[serde(default)]
    again: bool,
}

fn tell(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let Opened { incident, again } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    match context.write(|tx| tell_of(tx, incident, again).map_err(JobError::from)) {
        // No escalation is for it, or its people were told before this job was tried again.
        Err(JobError::Database(db::Error::NoEvent)) => Ok(()),
        other => other,
    }
}

fn tell_of(tx: &mut Tx<'_>, id: IncidentId, again: bool) -> db::Result<()> {
    let incident = store::lock(tx, id)?;
    let known = entries::of(tx, id)?;
    // What they are told of: that it was opened, or the line that says how it became worse.
    let is_news = |entry: &Entry| matches!(entry.kind, Kind::Level | Kind::State);
    let since = known.iter().rposition(is_news).filter(|_| again);
    let after = &known[since.unwrap_or(0)..];
    let is_told = after.iter().any(|entry| entry.kind == Kind::Told);
    if !incident.state.is_live() || is_told || (again && incident.level != Level::Red) {
        return Ok(());
    }
    let news = since.map(|at| &known[at]);
    let policies = packs::live_within::<Escalation>(tx, &Scope::one(incident.platform))?;
    let mut for_level = policies.iter().map(|it| &it.spec);
    let Some(policy) = for_level.find(|it| it.levels.contains(&incident.level)) else {
        let level = incident.level;
        let what =
            format!("Nobody was told of it: no escalation of its pack is for what is {level}");
        return note(tx, &incident, ("Signalbox", what), BTreeMap::new());
    };
    let platforms = packs::platforms(tx)?;
    let platform = platforms.into_iter().find(|it| it.id == incident.platform);
    let platform = platform.ok_or(db::Error::NotFound)?;
    let now = tx.now();
    let roster = Roster::of(tx, incident.platform, now)?;
    let (mut told, mut missed) = (BTreeMap::new(), Vec::new());
    for step in &policy.steps {
        let target = match step {
            Step::Notify(target) => target,
            // Whoever comes after a wait is told when nobody before it could be.
            Step::Wait(_) if !told.is_empty() => break,
            Step::Wait(_) | Step::Incident(_) => continue,
        };
        let reached = reached(tx, &roster, &platform, target)?;
        missed.extend(reached.missed);
        for (id, name, to) in reached.places {
            notices::enqueue(tx, &notice(&incident, &platform, news, to))?;
            told.insert(id, name);
        }
    }
    let mut what = if told.is_empty() {
        "Nobody could be told of it".to_owned()
    } else {
        let names: Vec<&str> = told.values().map(String::as_str).collect();
        format!("Told of it: {}", names.join(", "))
    };
    if !missed.is_empty() {
        what = format!("{what}. Not told: {}", missed.join("; "));
    }
    let what: String = what.chars().take(LINE_AT_MOST).collect();
    let who = format!("The escalation {}", policy.name);
    let who: String = who.chars().take(200).collect();
    note(tx, &incident, (&who, what), told)
}

/// Keeps who was told, and who not.
fn note(
    tx: &mut Tx<'_>,
    incident: &Incident,
    (who, what): (&str, String),
    told: BTreeMap<String, String>,
) -> db::Result<()> {
    let line = New {
        source: Source::Escalation,
        ..New::by_person(Kind::Told, who, what)
    };
    entries::insert(tx, incident.id, &line)?;
    let outcome = if told.is_empty() {
        Outcome::Failure
    } else {
        Outcome::Success
    };
    tx.record(
        Event::new("incident.told", Subject::new("incident", incident.id))
            .platform(incident.platform)
            .outcome(outcome)
            .detail("told", told.into_keys().collect::<Vec<_>>()),
    )?;
    Ok(())
}

/// Where a step's people are reached, and who of them is not.
#[derive(Default)]
struct Reached {
    /// What the pack calls them, their name, and the place.
    places: Vec<(String, String, Destination)>,
    /// Who, and why not.
    missed: Vec<String>,
}

fn reached(
    tx: &mut Tx<'_>,
    roster: &Roster,
    platform: &Watched,
    target: &Target,
) -> db::Result<Reached> {
    let now = tx.now();
    let mut found = Reached::default();
    match roster.find(platform.id, target, platform.zone, now) {
        Found::Nobody { who, why } => found.missed.push(format!("{who}, {why}")),
        Found::Endpoint(name) => match endpoint(tx, name)? {
            Ok(id) => {
                let to = Destination::Endpoint(id);
                found.places.push((name.to_owned(), name.to_owned(), to));
            }
            Err(why) => found.missed.push(format!("{name}, {why}")),
        },
        Found::People(people) => {
            for (contact, _) in people {
                let (to, missing) = places(tx, &contact.spec)?;
                let name = &contact.name;
                found
                    .missed
                    .extend(missing.map(|why| format!("{name}, {why}")));
                let each = to.into_iter();
                found
                    .places
                    .extend(each.map(|to| (contact.slug.clone(), name.clone(), to)));
            }
        }
    }
    Ok(found)
}

fn notice(
    incident: &Incident,
    platform: &Watched,
    news: Option<&Entry>,
    to: Destination,
) -> Notice {
    let address = match &to {
        Destination::Email(email) => email.clone(),
        Destination::Endpoint(id) => id.to_string(),
    };
    let leads = incident.commander.as_ref().map_or_else(
        || "Nobody leads it yet.".to_owned(),
        |it| format!("{} leads it.", it.name),
    );
    let (what, mark) = match news {
        None => (
            format!("{} has opened an incident.", incident.opened_name),
            "opened".to_owned(),
        ),
        Some(entry) => {
            let what = entry.text.lines().next().unwrap_or_default();
            (format!("{what}."), entry.id.to_string())
        }
    };
    Notice {
        platform: Some(platform.id),
        to,
        about: About::new("incident", incident.id),
        title: format!("Incident: {}", incident.title),
        text: format!("{what}\n{leads}"),
        link: format!("/incidents/{}", incident.id),
        level: Some(incident.level),
        gather: None,
        key: format!("incident:{}:{mark}:{address}", incident.id),
    }
}
