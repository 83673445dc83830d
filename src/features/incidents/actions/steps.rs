//! Opening runbooks, and ticking their steps.

use super::{By, IncidentError, Result, act, event, lines};
use crate::features::incidents::incident::{IncidentId, NotNow};
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::runbooks;
use crate::features::incidents::store::steps::{self, Step};
use crate::features::packs::pack::{ItemId, Runbook};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::db;

/// A runbook of the platform is gone through in this incident, whether or not one of its alerts leads to it.
pub fn open(
    services: &Services,
    by: &By,
    id: IncidentId,
    runbook: ItemId,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let runbook = packs::item::<Runbook>(tx, runbook)?;
        if runbook.platform != incident.platform {
            return Err(db::Error::NotFound.into());
        }
        if runbook.retired_at.is_some() {
            let why = "It is not in force any more. Choose another.";
            return Err(IncidentError::wrong("runbook", why));
        }
        let opened = runbooks::opened(tx, id)?;
        if opened.contains(&runbook.id) {
            return Err(IncidentError::AlreadySo);
        }
        if opened.len() >= runbooks::AT_MOST {
            let why = format!(
                "At most {} runbooks are opened in an incident.",
                runbooks::AT_MOST
            );
            return Err(IncidentError::Wrong("runbook", why));
        }
        runbooks::insert(tx, id, runbook.id, &by.name)?;
        let text = format!("Runbook opened: {}", runbook.spec.title);
        entries::insert(tx, id, &New::by_person(Kind::Runbook, &by.name, text))?;
        tx.record(
            event("incident.runbook_opened", &incident).detail("runbook", runbook.slug.as_str()),
        )?;
        Ok(())
    })
}

/// A step was done, or was not after all. It is the step as it was read: a runbook may be worded anew meanwhile.
pub fn tick(
    services: &Services,
    by: &By,
    id: IncidentId,
    step: &Step,
    ticked: bool,
    key: FormKey,
) -> Result<()> {
    act(services, by, id, key, |tx, incident| {
        if incident.state.is_final() {
            return Err(NotNow::Final.into());
        }
        let runbook = packs::item::<Runbook>(tx, step.runbook)?;
        if runbook.platform != incident.platform {
            return Err(db::Error::NotFound.into());
        }
        let at = usize::try_from(step.position).ok();
        let text = at.and_then(|at| runbook.spec.steps.get(at));
        if text != Some(&step.text) {
            return Err(IncidentError::RunbookChanged);
        }
        let stands = steps::ticked(tx, id)?.contains_key(step);
        if stands == ticked {
            return Err(IncidentError::AlreadySo);
        }
        steps::insert(tx, id, step, ticked, (by.person, &by.name))?;
        let number = step.position + 1;
        let word = if ticked { "done" } else { "not done after all" };
        let headline = format!("Step {number} of {} is {word}", runbook.name);
        let text = lines(&headline, &step.text);
        entries::insert(tx, id, &New::by_person(Kind::Step, &by.name, text))?;
        let kind = if ticked {
            "incident.step_ticked"
        } else {
            "incident.step_unticked"
        };
        tx.record(
            event(kind, &incident)
                .detail("runbook", runbook.slug.as_str())
                .detail("step", number),
        )?;
        Ok(())
    })
}
