//! What the page of an incident is read from.

use super::super::incident::{Incident, IncidentId};
use super::super::store::steps::{self as ticks, Step};
use super::super::store::{attached, entries, reviews};
use super::super::timeline::{self, OfIncident};
use super::super::times;
use super::super::views::{RunbookLine, StepLine};
use crate::features::alerts::AlertId;
use crate::features::alerts::store as lit;
use crate::features::packs::pack::{Rule, Runbook};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web;

/// Everything that the page needs.
pub struct Read {
    pub incident: Incident,
    pub platform: String,
    pub alerts: Vec<OfIncident>,
    pub runbooks: Vec<RunbookLine>,
    pub entries: Vec<entries::Entry>,
    pub timeline: Vec<timeline::Line>,
    pub people: Vec<(String, String)>,
    pub free: Vec<(String, String)>,
    pub review: String,
}

pub fn read(
    conn: &mut Conn,
    services: &Services,
    signed: &Signed,
    id: IncidentId,
) -> Result<Read, web::Error> {
    let now = services.clock.now();
    let mut incident = super::reached(conn, signed, id)?;
    let attached = attached::of(conn, id)?;
    let alerts = timeline::alerts(conn, attached)?;
    if incident.state.is_live() {
        // What its alerts say now; it is kept when it is resolved.
        times::measure(conn, &mut [&mut incident])?;
    }
    let own = entries::of(conn, id)?;
    let acts = signed.may_at(Permission::IncidentsAct, incident.platform);
    let people = if acts {
        super::people(conn, incident.platform, now)?
    } else {
        Vec::new()
    };
    let free = if acts && incident.state.is_live() {
        free(conn, &incident)?
    } else {
        Vec::new()
    };
    Ok(Read {
        platform: super::platform(conn, incident.platform)?.name,
        runbooks: runbooks(conn, &incident, &alerts)?,
        timeline: timeline::read(conn, &own, &alerts)?,
        entries: own,
        review: review_line(conn, &incident)?,
        people,
        free,
        alerts,
        incident,
    })
}

fn review_line(conn: &mut Conn, incident: &Incident) -> db::Result<String> {
    let review = reviews::of(conn, incident.id)?;
    let line = match review {
        None if incident.was_red => "Not written yet. It closes the incident for good.",
        None => "Not written. It was never red, so that it may be closed without one.",
        Some(it) if it.approved.is_some() => "Approved.",
        Some(it) if it.signed.is_some() => "Signed. It waits for somebody else's approval.",
        Some(_) => "Begun. Nobody has signed it.",
    };
    Ok(line.to_owned())
}

/// Open alerts of the platform that belong to no incident.
fn free(conn: &mut Conn, incident: &Incident) -> db::Result<Vec<(String, String)>> {
    const SHOWN: usize = 100;
    let mut open = lit::open(conn, &Scope::one(incident.platform))?;
    open.truncate(SHOWN);
    let ids: Vec<AlertId> = open.iter().map(|it| it.id).collect();
    let taken = lit::incidents::taken(conn, &ids)?;
    let free = open.into_iter().filter(|it| !taken.contains(&it.id));
    Ok(free.map(|it| (it.id.to_string(), it.name)).collect())
}

/// The runbooks of the alerts that belong to it, each once.
fn runbooks(
    conn: &mut Conn,
    incident: &Incident,
    alerts: &[OfIncident],
) -> db::Result<Vec<RunbookLine>> {
    let ticked = ticks::ticked(conn, incident.id)?;
    let mut found: Vec<Item<Runbook>> = Vec::new();
    for of in alerts.iter().filter(|of| of.attached.detached_at.is_none()) {
        if let Some(runbook) = runbook_of(conn, &of.alert)?
            && found.iter().all(|it| it.id != runbook.id)
        {
            found.push(runbook);
        }
    }
    let line = |runbook: Item<Runbook>| {
        let steps: Vec<StepLine> = (0_i32..)
            .zip(runbook.spec.steps)
            .map(|(position, text)| {
                let step = Step {
                    runbook: runbook.id,
                    position,
                    text,
                };
                let tick = ticked.get(&step);
                StepLine {
                    position,
                    ticked: tick.map(|it| (it.name.clone(), it.at)),
                    text: step.text,
                }
            })
            .collect();
        RunbookLine {
            id: runbook.id.to_string(),
            title: runbook.spec.title,
            done: steps.iter().filter(|it| it.ticked.is_some()).count(),
            steps,
        }
    };
    Ok(found.into_iter().map(line).collect())
}

/// The runbook of an alert's rule, while both are in force and can be read.
fn runbook_of(conn: &mut Conn, alert: &lit::Alert) -> db::Result<Option<Item<Runbook>>> {
    let Some(rule) = alert.rule else {
        return Ok(None);
    };
    let slug = match packs::item::<Rule>(conn, rule) {
        Ok(rule) => rule.spec.runbook,
        Err(db::Error::Query(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(slug) = slug else {
        return Ok(None);
    };
    match packs::by_slug(conn, alert.platform, &slug) {
        Ok(runbook) => Ok(Some(runbook)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
