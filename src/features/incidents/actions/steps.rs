//! Ticking the steps of runbooks.

use super::{By, IncidentError, Result, act, event, lines};
use crate::features::incidents::incident::{IncidentId, NotNow};
use crate::features::incidents::store::entries::{self, Kind, New};
use crate::features::incidents::store::steps::{self, Step};
use crate::features::packs::pack::Runbook;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::db;

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
