//! Attaching alerts to an incident, and taking them off.

use super::opening::give;
use super::{By, IncidentError, Result, act, event, given, lines, measure};
use crate::features::alerts::AlertId;
use crate::features::alerts::store as lit;
use crate::features::incidents::incident::{Incident, IncidentId, NotNow, Source, State};
use crate::features::incidents::store::attached::AT_MOST;
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::{self, attached};
use crate::foundation::Services;
use crate::foundation::audit::{FormKey, Tx};
use crate::foundation::db;

/// An alert belongs to an incident from now on.
pub fn attach(
    services: &Services,
    by: &By,
    id: IncidentId,
    alert: AlertId,
    key: FormKey,
) -> Result<()> {
    services.audit.write(&by.actor, |tx| {
        tx.once(key, &format!("/incidents/{id}"))?;
        // The alert before the incident, as escalations lock them.
        let alert = lit::lock_alert(tx, alert)?;
        let mut incident = store::lock(tx, id)?;
        tx.reach(incident.platform)?;
        if alert.platform != incident.platform {
            return Err(db::Error::NotFound.into());
        }
        must_be_live(&incident, State::Open)?;
        let attached = attached::now(tx, id)?;
        if attached.contains(&alert.id) {
            return Err(IncidentError::AlreadySo);
        }
        if attached.len() >= AT_MOST {
            let why = format!("An incident has at most {AT_MOST} alerts.");
            return Err(IncidentError::Wrong("alert", why));
        }
        give(tx, &incident, &alert, &by.name, Source::Person)?;
        measure(tx, &mut incident)?;
        store::save(tx, &incident)?;
        tx.record(
            event("incident.alert_attached", &incident).detail("alert", alert.id.to_string()),
        )?;
        Ok(())
    })
}

fn must_be_live(incident: &Incident, to: State) -> Result<()> {
    if incident.state.is_final() {
        return Err(NotNow::Final.into());
    }
    if !incident.state.is_live() {
        return Err(NotNow::From(incident.state, to).into());
    }
    Ok(())
}

/// An alert does not belong to it after all.
pub fn detach(
    services: &Services,
    by: &By,
    id: IncidentId,
    alert: AlertId,
    reason: &str,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, mut incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let reason = given(
            "reason",
            reason,
            "Say why it does not belong to this incident.",
        )?;
        if !attached::detach(tx, id, alert, &by.name)? {
            return Err(db::Error::NotFound.into());
        }
        lit::incidents::take(tx, alert, id.uuid())?;
        measure(tx, &mut incident)?;
        store::save(tx, &incident)?;
        let name = lit::alert(tx, alert)?.name;
        let text = lines(&format!("Alert taken off: {name}"), &reason);
        entries::insert(tx, id, &New::by_person(Kind::Detached, &by.name, text))?;
        tx.record(event("incident.alert_detached", &incident).detail("alert", alert.to_string()))?;
        Ok(())
    })
}

/// An incident that is opened again takes its alerts again. One that belongs to another by now stays there.
pub(super) fn take_again(tx: &mut Tx<'_>, incident: &Incident) -> Result<()> {
    for alert in attached::now(tx, incident.id)? {
        if !lit::incidents::give(tx, alert, incident.id.uuid(), &incident.title)? {
            let name = lit::alert(tx, alert)?.name;
            attached::detach(tx, incident.id, alert, "Signalbox")?;
            let text = lines(
                &format!("Alert taken off: {name}"),
                "It belongs to another incident by now.",
            );
            entries::insert(
                tx,
                incident.id,
                &New::by_person(Kind::Detached, "Signalbox", text),
            )?;
        }
    }
    Ok(())
}
