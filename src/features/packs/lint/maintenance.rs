//! When a platform is worked on, and which alerts are the cause of others.

use std::collections::BTreeSet;

use super::{Linter, Subject};
use crate::features::packs::calendar::Calendar;
use crate::features::packs::pack::Pack;

impl Linter<'_> {
    pub(super) fn maintenance(&mut self) {
        let pack = self.pack;
        for (index, window) in pack.maintenance.iter().enumerate() {
            let about = ("maintenance", index, window.id.as_str());
            if let Err(why) = window.when.parse::<Calendar>() {
                self.error("bad-schedule", about, why);
            }
            for service in &window.services {
                self.known_service(about, service);
            }
            for target in &window.tell {
                if !self.is_known(target) {
                    self.error("unknown-reference", about, format!("there is no {target}"));
                }
            }
        }
    }

    pub(super) fn causes(&mut self) {
        let pack = self.pack;
        for (index, inhibition) in pack.inhibitions.iter().enumerate() {
            let about = ("inhibit", index, inhibition.id.as_str());
            for side in [&inhibition.source, &inhibition.target] {
                if side.values().all(String::is_empty) {
                    let message = "a source and a target name at least one label with a value";
                    self.error("bad-condition", about, message);
                }
            }
            if inhibition.source == inhibition.target {
                let message = "an alert is not its own cause: source and target are the same";
                self.error("bad-condition", about, message);
            }
        }
        for (index, service) in pack.services.iter().enumerate() {
            let about = ("service", index, service.id.as_str());
            for on in &service.depends_on {
                self.known_service(about, on);
            }
            if leads_back(pack, &service.id) {
                let message =
                    "it depends on itself, by way of others or not, so neither would be the cause";
                self.error("circle", about, message);
            }
        }
    }

    fn known_service(&mut self, about: Subject<'_>, id: &str) {
        if !self.pack.services.iter().any(|known| known.id == id) {
            let message = format!("there is no service \"{id}\"");
            self.error("unknown-reference", about, message);
        }
    }
}

/// Whether what a service leans on leans on it.
fn leads_back(pack: &Pack, start: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(id) = waiting.pop() {
        let leans_on = pack
            .services
            .iter()
            .filter(|service| service.id == id)
            .flat_map(|service| &service.depends_on);
        for on in leans_on {
            if on == start {
                return true;
            }
            if seen.insert(on.as_str()) {
                waiting.push(on);
            }
        }
    }
    false
}
