//! Plans of backups that contradict themselves, or promise what they cannot keep.

use super::{Linter, Subject};
use crate::features::packs::pack::BackupPlan;

impl Linter<'_> {
    pub(super) fn backup_plans(&mut self) {
        for (index, plan) in self.pack.backup_plans.iter().enumerate() {
            let about = ("backup_plan", index, plan.id.as_str());
            self.named_by_plan(about, plan);
            self.retention(about, plan);
            self.promised(about, plan);
        }
    }

    fn named_by_plan(&mut self, about: Subject<'_>, plan: &BackupPlan) {
        let pack = self.pack;
        let known = [
            (
                "probe",
                &plan.probe,
                plan.probe
                    .as_ref()
                    .is_none_or(|id| self.probe(id).is_some()),
            ),
            (
                "heartbeat",
                &plan.heartbeat,
                plan.heartbeat
                    .as_ref()
                    .is_none_or(|id| pack.heartbeats.iter().any(|it| it.id == *id)),
            ),
            (
                "runbook",
                &plan.runbook,
                plan.runbook
                    .as_ref()
                    .is_none_or(|id| pack.runbooks.iter().any(|it| it.id == *id)),
            ),
        ];
        for (kind, id, is_known) in known {
            if !is_known {
                let id = id.as_deref().unwrap_or_default();
                self.error(
                    "unknown-reference",
                    about,
                    format!("there is no {kind} \"{id}\""),
                );
            }
        }
    }

    /// What one line keeps and another deletes.
    fn retention(&mut self, about: Subject<'_>, plan: &BackupPlan) {
        if let (Some(cleared), Some(keep)) = (plan.cleared_after, plan.keep)
            && cleared < keep
        {
            let message = format!(
                "copies are to be kept for {keep}, and the job that clears up deletes them after {cleared}"
            );
            self.warn("retention-against-itself", about, message);
        }
    }

    /// What is lost at most is what came since the last copy.
    fn promised(&mut self, about: Subject<'_>, plan: &BackupPlan) {
        let Some(every) = plan.every else { return };
        let broken = plan.promises.iter().filter_map(|promise| {
            let rpo = promise.rpo.filter(|rpo| *rpo < every)?;
            Some(format!(
                "to lose at most {rpo} is promised ({})",
                promise.scenario
            ))
        });
        let broken: Vec<String> = broken.collect();
        if !broken.is_empty() {
            let message = format!("{}, and copies are made every {every}", broken.join(", "));
            self.warn("promise-not-reachable", about, message);
        }
    }
}
