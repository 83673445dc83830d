//! Opening incidents: by a person, by a step of an escalation, and by Signalbox itself.

use chrono::TimeDelta;

use super::{By, IncidentError, Result, event, fits, given, lines, measure};
use crate::features::alerts::AlertId;
use crate::features::alerts::store::{self as lit, Alert};
use crate::features::incidents::incident::{
    Cause, Commander, Incident, IncidentId, Source, TEXT_AT_MOST, TITLE_AT_MOST,
};
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::{self, attached};
use crate::features::packs::{own, store as packs};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, FormKey, Tx};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::{Level, PlatformId};

/// What somebody wants to open.
#[derive(Clone, Debug)]
pub struct NewIncident {
    pub platform: PlatformId,
    pub title: String,
    pub level: Level,
    /// What is known so far.
    pub note: String,
    pub alerts: Vec<AlertId>,
    /// Whether whoever opens it leads it.
    pub leads: bool,
}

/// Opens one by hand.
pub fn open(services: &Services, by: &By, new: &NewIncident, key: FormKey) -> Result<IncidentId> {
    let id = IncidentId::new();
    services.audit.write(&by.actor, |tx| {
        tx.once(key, &format!("/incidents/{id}"))?;
        tx.reach(new.platform)?;
        let title = given("title", &new.title, "Say what is wrong, in one line.")?;
        fits("title", &title, TITLE_AT_MOST)?;
        fits("note", &new.note, TEXT_AT_MOST)?;
        if new.level == Level::Blue {
            return Err(IncidentError::wrong(
                "level",
                "An incident is red or yellow.",
            ));
        }
        // In one order, so that two forms that name the same alerts cannot wait for each other.
        let mut wanted = new.alerts.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let mut alerts = Vec::new();
        for alert in wanted {
            let alert = lit::lock_alert(tx, alert)?;
            if alert.platform != new.platform {
                return Err(db::Error::NotFound.into());
            }
            alerts.push(alert);
        }
        let now = tx.now();
        let mut incident = Incident {
            id,
            ..Incident::open(
                new.platform,
                &title,
                new.level,
                Cause::Person,
                &by.name,
                now,
            )
        };
        if new.leads {
            let commander = Commander {
                id: by.person,
                name: by.name.clone(),
            };
            incident.take(commander, now)?;
        }
        let line = New::by_person(Kind::Opened, &by.name, lines("Opened by hand", &new.note));
        make(tx, &mut incident, &line, &alerts)?;
        Ok(id)
    })
}

/// Writes it down with its first line and its alerts, which are locked.
fn make(tx: &mut Tx<'_>, incident: &mut Incident, line: &New<'_>, alerts: &[Alert]) -> Result<()> {
    store::insert(tx, incident)?;
    entries::insert(tx, incident.id, line)?;
    for alert in alerts {
        give(tx, incident, alert, line.who, line.source)?;
    }
    if !alerts.is_empty() {
        measure(tx, incident)?;
        store::save(tx, incident)?;
    }
    let ids: Vec<String> = alerts.iter().map(|it| it.id.to_string()).collect();
    tx.record(
        event("incident.opened", incident)
            .detail("cause", incident.cause.as_str())
            .detail("alerts", ids),
    )?;
    Ok(())
}

/// Gives it an alert, whose row is locked.
pub(super) fn give(
    tx: &mut Tx<'_>,
    incident: &Incident,
    alert: &Alert,
    who: &str,
    source: Source,
) -> Result<()> {
    let id = incident.id;
    if !lit::incidents::give(tx, alert.id, id.uuid(), &incident.title)? {
        let held = lit::incidents::of_alert(tx, alert.id)?;
        return Err(held.map_or(IncidentError::AlreadySo, IncidentError::Held));
    }
    attached::attach(tx, id, alert.id, who)?;
    let new = New {
        source,
        ..New::by_person(
            Kind::Attached,
            who,
            format!("Alert attached: {}", alert.name),
        )
    };
    entries::insert(tx, id, &new)?;
    Ok(())
}

/// What came of a step that declares an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub incident: IncidentId,
    pub title: String,
    /// It was opened by it; else the alert belonged to it already.
    pub opened: bool,
}

/// A step of an escalation opens an incident of its alert, whose row is locked. Where the alert belongs to one that is not
/// resolved, that one is told.
pub fn declare(tx: &mut Tx<'_>, alert: &Alert, policy: &str) -> db::Result<Declared> {
    let who = format!("The escalation {policy}");
    let who: String = who.chars().take(TITLE_AT_MOST).collect();
    let held = lit::incidents::of_alert(tx, alert.id)?;
    if let Some(held) = held.filter(|held| held.live) {
        let incident = store::lock(tx, held.incident.into())?;
        // Somebody may have resolved it while this waited for its row: then the alert belongs to none.
        if incident.state.is_live() {
            return declared_again(tx, alert, &incident, &who);
        }
    }
    let level = alert.level.max(Level::Yellow);
    let title: String = alert.name.chars().take(TITLE_AT_MOST).collect();
    let now = tx.now();
    let mut incident = Incident::open(alert.platform, &title, level, Cause::Escalation, &who, now);
    let text = lines("Opened by a step of an escalation", &alert.summary);
    let new = New {
        source: Source::Escalation,
        ..New::by_person(Kind::Opened, &who, text)
    };
    match make(tx, &mut incident, &new, std::slice::from_ref(alert)) {
        Ok(()) => Ok(Declared {
            incident: incident.id,
            title,
            opened: true,
        }),
        Err(IncidentError::Database(error)) => Err(error),
        // The alert is locked, and belonged to none.
        Err(_) => Err(db::Error::Damaged("the incident of an alert")),
    }
}

fn declared_again(
    tx: &mut Tx<'_>,
    alert: &Alert,
    incident: &Incident,
    who: &str,
) -> db::Result<Declared> {
    let declared = Declared {
        incident: incident.id,
        title: incident.title.clone(),
        opened: false,
    };
    // In another round it says nothing new.
    if incident.cause == Cause::Escalation {
        return Ok(declared);
    }
    let text = lines(
        "An escalation came to its step that declares an incident",
        &format!(
            "It is that of {}, which belongs to this one already.",
            alert.name
        ),
    );
    let new = New {
        source: Source::Escalation,
        ..New::by_person(Kind::Evidence, who, text)
    };
    entries::insert(tx, incident.id, &new)?;
    tx.record(event("incident.declared_again", incident).detail("alert", alert.id.to_string()))?;
    Ok(declared)
}

/// What Signalbox has found about itself.
pub struct Found<'f> {
    pub cause: Cause,
    pub title: &'f str,
    pub evidence: String,
    pub source: Source,
    /// Found again within this time it says nothing new.
    pub quiet: TimeDelta,
}

/// Who opens what nobody opened.
fn ourselves() -> Actor {
    Actor::job("incidents.watch")
}

/// Opens an incident for what was found, or adds it to the one that is open for it. `None` where it says nothing new, or where
/// another process was quicker.
///
/// # Errors
/// [`IncidentError::NoOwnPack`] where there is no platform of ours that it could belong to.
pub fn found(services: &Services, found: &Found<'_>) -> Result<Option<IncidentId>> {
    let done = services
        .audit
        .write_on(PoolKind::Jobs, &ourselves(), |tx| add(tx, found));
    match done {
        Ok(id) => Ok(Some(id)),
        Err(IncidentError::Database(db::Error::NoEvent | db::Error::Unique { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

fn add(tx: &mut Tx<'_>, found: &Found<'_>) -> Result<IncidentId> {
    let now = tx.now();
    if let Some(mut incident) = store::lock_of_cause(tx, found.cause)? {
        let id = incident.id;
        if incident
            .evidence_at
            .is_some_and(|at| now - at < found.quiet)
        {
            return Ok(id);
        }
        incident.evidence_at = Some(now);
        store::save(tx, &incident)?;
        let text = lines("Found again", &found.evidence);
        let new = New {
            source: found.source,
            ..New::by_person(Kind::Evidence, "Signalbox", text)
        };
        entries::insert(tx, id, &new)?;
        tx.record(event("incident.found_again", &incident).detail("cause", found.cause.as_str()))?;
        return Ok(id);
    }
    let platforms = packs::platforms(tx)?;
    let ours = platforms.into_iter().find(|it| it.slug == own::PLATFORM);
    let ours = ours.ok_or(IncidentError::NoOwnPack)?;
    let mut incident = Incident {
        evidence_at: Some(now),
        ..Incident::open(
            ours.id,
            found.title,
            Level::Red,
            found.cause,
            "Signalbox",
            now,
        )
    };
    let text = lines("Opened by Signalbox itself", &found.evidence);
    let new = New {
        source: found.source,
        ..New::by_person(Kind::Opened, "Signalbox", text)
    };
    make(tx, &mut incident, &new, &[])?;
    Ok(incident.id)
}
