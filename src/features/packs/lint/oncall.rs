//! Who is told: references that lead nowhere, rotas that nobody is on, alerts of which nobody hears.

use std::collections::BTreeSet;

use super::{Linter, Subject};
use crate::features::packs::pack::{Contact, Escalation, REPEAT_AT_MOST, Rota, Step, Target};
use crate::features::packs::quantity::Lasting;
use crate::foundation::kernel::Level;

const WAIT_MIN: Lasting = Lasting::from_secs(1);
const WAIT_MAX: Lasting = Lasting::from_secs(7 * 86_400);
const STEPS_MAX: usize = 20;
const MEMBERS_MAX: usize = 50;

impl Linter<'_> {
    pub(super) fn oncall(&mut self) {
        let pack = self.pack;
        for (index, contact) in pack.contacts.iter().enumerate() {
            self.contact(("contact", index, contact.id.as_str()), contact);
        }
        for (index, rota) in pack.rotas.iter().enumerate() {
            self.rota(("rota", index, rota.id.as_str()), rota);
        }
        let mut levels = BTreeSet::new();
        for (index, escalation) in pack.escalations.iter().enumerate() {
            let about = ("escalation", index, escalation.id.as_str());
            self.escalation(about, escalation);
            for level in &escalation.levels {
                if !levels.insert(*level) {
                    let message = format!("another escalation is for {level} already");
                    self.error("level-twice", about, message);
                }
            }
            let named = |rule: &str| rule == escalation.id;
            let is_named = pack
                .rules
                .iter()
                .any(|rule| rule.escalation.as_deref().is_some_and(named));
            if escalation.levels.is_empty() && !is_named {
                let message = "it is for no level, and no rule names it";
                self.warn("unused-escalation", about, message);
            }
        }
        self.rules_that_tell(&levels);
    }

    fn rules_that_tell(&mut self, levels: &BTreeSet<Level>) {
        let pack = self.pack;
        for (index, rule) in pack.rules.iter().enumerate() {
            let about = ("rule", index, rule.id.as_str());
            match &rule.escalation {
                Some(id) if !pack.escalations.iter().any(|known| known.id == *id) => {
                    let message = format!("there is no escalation \"{id}\"");
                    self.error("unknown-reference", about, message);
                }
                None if rule.red.is_some() && !levels.contains(&Level::Red) => {
                    let message = "nobody is told when it is red: name an escalation, or give one levels = [\"red\"]";
                    self.warn("red-without-escalation", about, message);
                }
                _ => {}
            }
        }
    }

    fn contact(&mut self, about: Subject<'_>, contact: &Contact) {
        if contact.email.is_none() && contact.endpoint.is_none() {
            let message = "nothing reaches it: give it an email or an endpoint";
            self.warn("contact-without-address", about, message);
        }
        if contact.email().is_some_and(|email| !is_mailbox(email)) {
            let message = "its email is no address, such as oncall@bank.example";
            self.error("bad-address", about, message);
        }
    }

    fn rota(&mut self, about: Subject<'_>, rota: &Rota) {
        if rota.members.is_empty() {
            self.error("rota-without-members", about, "nobody is ever on call");
        }
        if rota.members.len() > MEMBERS_MAX {
            let message = format!("a rota has at most {MEMBERS_MAX} members");
            self.error("rota-too-long", about, message);
        }
        for member in &rota.members {
            if !self.is_contact(member) {
                let message = format!("there is no contact \"{member}\"");
                self.error("unknown-reference", about, message);
            }
        }
        if let Some(zone) = &rota.zone
            && zone.parse::<chrono_tz::Tz>().is_err()
        {
            let message = format!("\"{zone}\" is not an IANA time zone");
            self.error("bad-zone", about, message);
        }
    }

    fn escalation(&mut self, about: Subject<'_>, escalation: &Escalation) {
        let steps = &escalation.steps;
        if steps.len() > STEPS_MAX {
            let message = format!("an escalation has at most {STEPS_MAX} steps");
            self.error("bad-steps", about, message);
        }
        if !steps.iter().any(|step| matches!(step, Step::Notify(_))) {
            self.error("bad-steps", about, "no step tells anybody");
        }
        if escalation.repeat > REPEAT_AT_MOST {
            let message = format!("it begins again at most {REPEAT_AT_MOST} times");
            self.error("bad-steps", about, message);
        }
        if escalation.repeat > 0 && !matches!(steps.last(), Some(Step::Wait(_))) {
            let message = "it begins again at once: end it with a wait";
            self.error("bad-steps", about, message);
        }
        for step in steps {
            match step {
                Step::Wait(wait) if !(WAIT_MIN..=WAIT_MAX).contains(wait) => {
                    let message = format!("a wait is between {WAIT_MIN} and {WAIT_MAX}");
                    self.error("bad-timing", about, message);
                }
                Step::Incident(false) => {
                    let message = "a step that declares no incident does nothing: leave it out";
                    self.error("bad-steps", about, message);
                }
                Step::Notify(target) if !self.is_known(target) => {
                    let message = format!("there is no {target}");
                    self.error("unknown-reference", about, message);
                }
                Step::Wait(_) | Step::Notify(_) | Step::Incident(true) => {}
            }
        }
    }

    /// Endpoints belong to an installation, and not to the file.
    pub(super) fn is_known(&self, target: &Target) -> bool {
        match target {
            Target::Rota(id) => self.pack.rotas.iter().any(|rota| rota.id == *id),
            Target::Contact(id) => self.is_contact(id),
            Target::Team(name) => {
                let mut contacts = self.pack.contacts.iter();
                contacts.any(|contact| contact.team == *name)
            }
            Target::Endpoint(_) => true,
        }
    }

    fn is_contact(&self, id: &str) -> bool {
        self.pack.contacts.iter().any(|contact| contact.id == id)
    }
}

/// Whether it can be an address at all; whether anybody reads there, only a message can tell.
pub(super) fn is_mailbox(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',');
    let parts = text.rsplit_once('@');
    let is_named = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    is_named && text.len() <= 254 && text.chars().all(plain)
}
