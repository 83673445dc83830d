//! What the page of an incident is read from.

use std::collections::HashMap;

use super::super::incident::{Incident, IncidentId};
use super::super::store::steps::{self as ticks, Step, Tick};
use super::super::store::{attached, entries, reviews, runbooks as opened};
use super::super::timeline::{self, OfIncident};
use super::super::times;
use super::super::views::{RunbookLine, StepLine};
use crate::features::alerts::AlertId;
use crate::features::alerts::store as lit;
use crate::features::packs::pack::{ItemId, Rule, Runbook};
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
    pub more_runbooks: Vec<(String, String)>,
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
    let runbooks = runbooks(conn, &incident, &alerts)?;
    let ticked = ticks::ticked(conn, id)?;
    let shown = runbooks.shown.into_iter();
    let more = runbooks.more.into_iter();
    Ok(Read {
        platform: super::platform(conn, incident.platform)?.name,
        runbooks: shown.map(|it| line(it, &ticked)).collect(),
        more_runbooks: more.map(|it| (it.id.to_string(), it.spec.title)).collect(),
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

/// Runbooks of the platform: those that are gone through here, and those that could be.
struct Runbooks {
    shown: Vec<Item<Runbook>>,
    more: Vec<Item<Runbook>>,
}

/// Those of the alerts that belong to it, each once, and those that somebody opened.
fn runbooks(conn: &mut Conn, incident: &Incident, alerts: &[OfIncident]) -> db::Result<Runbooks> {
    let mut more = packs::live_within::<Runbook>(conn, &Scope::one(incident.platform))?;
    let belonging = alerts.iter().filter(|of| of.attached.detached_at.is_none());
    let rules: Vec<ItemId> = belonging.filter_map(|of| of.alert.rule).collect();
    let named = packs::items::<Rule>(conn, &rules)?;
    let named = named.into_iter().filter_map(|rule| rule.spec.runbook);
    let mut shown: Vec<Item<Runbook>> = Vec::new();
    for slug in named {
        shown.extend(more.extract_if(.., |it| it.slug == slug));
    }
    // What somebody goes through stays, also where its pack has dropped it meanwhile.
    let opened = opened::opened(conn, incident.id)?;
    more.retain(|it| !opened.contains(&it.id));
    let mut opened = packs::items::<Runbook>(conn, &opened)?;
    opened.retain(|it| shown.iter().all(|known| known.id != it.id));
    shown.extend(opened);
    Ok(Runbooks { shown, more })
}

/// A runbook with how far it is done.
fn line(runbook: Item<Runbook>, ticked: &HashMap<Step, Tick>) -> RunbookLine {
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
        retired: runbook.retired_at.is_some(),
        done: steps.iter().filter(|it| it.ticked.is_some()).count(),
        steps,
    }
}
