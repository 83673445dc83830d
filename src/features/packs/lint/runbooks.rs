//! Runbooks: what they say, and how somebody comes to them.

use super::{Linter, Subject};
use crate::features::packs::pack::Runbook;

impl Linter<'_> {
    pub(super) fn runbooks(&mut self) {
        for (index, runbook) in self.pack.runbooks.iter().enumerate() {
            let about = ("runbook", index, runbook.id.as_str());
            if runbook.steps.is_empty() || runbook.steps.iter().any(|step| step.trim().is_empty()) {
                let message = "a runbook has steps, and each says something";
                self.error("empty-runbook", about, message);
            }
            self.onward(about, runbook);
            if !self.is_reached(&runbook.id) {
                self.warn("unused-runbook", about, "no rule leads to this runbook");
            }
        }
    }

    fn onward(&mut self, about: Subject<'_>, runbook: &Runbook) {
        for next in &runbook.then {
            if *next == runbook.id {
                self.error(
                    "leads-to-itself",
                    about,
                    "it leads on to another runbook, not to itself",
                );
            } else if !self.pack.runbooks.iter().any(|known| known.id == *next) {
                let message = format!("there is no runbook \"{next}\"");
                self.error("unknown-reference", about, message);
            }
        }
    }

    /// Whether an alert, or what was opened from one, shows the way.
    fn is_reached(&self, id: &str) -> bool {
        let pack = self.pack;
        let is = |named: &Option<String>| named.as_deref() == Some(id);
        pack.rules.iter().any(|it| is(&it.runbook))
            || pack.error_codes.iter().any(|it| is(&it.runbook))
            || pack.heartbeats.iter().any(|it| is(&it.runbook))
            || pack.connectors.iter().any(|it| is(&it.runbook))
            || pack
                .runbooks
                .iter()
                .any(|it| it.id != id && it.then.iter().any(|next| next == id))
    }
}
