//! One tick: read what the rules read, feed each rule's life cycle, write down what changed.
//!
//! Any number of processes may tick at once. What one has decided is written under the lock of the rule's own
//! row, and only if nobody has changed it since it was read: two who see the same thing light one lamp, and
//! what was read too long ago decides nothing. The next tick does.

use chrono::TimeDelta;
use serde_json::Value;

use super::alert::{Change, Policy, Verdict};
use super::flap::{Outcome, Turn};
use super::lamp::Lamp;
use super::rule::{self, Reading};
use super::snapshot::Snapshot;
use super::step::{self, RuleState, Step};
use super::store::rules;
use super::store::{self, About};
use super::{alertmanager, silences, sweep, windows, words};
use crate::features::health::store::reports;
use crate::features::packs::pack::{ItemId, Rule, Source};
use crate::features::packs::store::Item;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx, Unaudited};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Level;

/// How often rules are evaluated.
pub const TICK: TimeDelta = TimeDelta::seconds(2);

/// A longer pause than this between two ticks was a standstill, and nothing lasted during it.
const STANDSTILL: TimeDelta = TimeDelta::seconds(15);

/// Evaluates every rule once. Returns how many alerts changed.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| {
            rules::tick(conn, now, STANDSTILL)
        })?;
    let snapshot = services
        .db
        .read_on(PoolKind::Jobs, |conn| Snapshot::read(conn, now))?;
    let mut changed = 0;
    for item in &snapshot.rules {
        let done = Evaluation::new(services, &snapshot, item).run();
        changed += usize::from(carry_on(&item.slug, done)?);
    }
    changed += sweep::put_out_what_is_retired(services, &snapshot)?;
    changed += sweep::note_what_has_run_out(services, &snapshot)?;
    changed += alertmanager::intake::put_out_what_has_ended(services)?;
    silences::sweep::remind(services)?;
    windows::sweep::announce(services)?;
    Ok(changed)
}

/// Evaluates at once after something was reported, so that nobody waits for the next tick. A failure
/// is not the reporter's: what was reported stands, and the server's own tick finds it.
pub fn after_report(services: &Services) {
    if let Err(error) = tick(services) {
        tracing::warn!(%error, "rules could not be evaluated after a report");
    }
}

/// One rule's trouble does not keep the others from being evaluated; only without a database does nobody
/// get anywhere.
pub(super) fn carry_on(what: &str, done: db::Result<bool>) -> db::Result<bool> {
    match done {
        Err(error @ db::Error::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::error!(%error, rule = what, "a rule could not be evaluated");
            Ok(false)
        }
        done => done,
    }
}

/// Who changes alerts where no person does.
pub(super) fn ourselves() -> Actor {
    Actor::job("alerts.evaluate")
}

/// An audited change of alerts. False where nothing was left to change, because somebody else was quicker.
pub(super) fn audited(
    services: &Services,
    work: impl FnOnce(&mut Tx<'_>) -> db::Result<()>,
) -> db::Result<bool> {
    match services.audit.write_on(PoolKind::Jobs, &ourselves(), work) {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent | db::Error::Unique { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// One rule in one tick.
struct Evaluation<'e> {
    services: &'e Services,
    snapshot: &'e Snapshot,
    item: &'e Item<Value>,
}

impl<'e> Evaluation<'e> {
    const fn new(services: &'e Services, snapshot: &'e Snapshot, item: &'e Item<Value>) -> Self {
        Self {
            services,
            snapshot,
            item,
        }
    }

    /// True when an alert changed.
    fn run(&self) -> db::Result<bool> {
        let (snapshot, item) = (self.snapshot, self.item);
        let known = match snapshot.known.get(&item.id) {
            Some(known) => known.clone(),
            None => self.enrol()?,
        };
        let rule: Rule = match serde_json::from_value(item.spec.clone()) {
            Ok(rule) => rule,
            Err(error) => return self.note_error(&known, None, error.to_string()),
        };
        let sighted = match snapshot.reading(item.platform, &rule.on) {
            Ok(sighted) => sighted,
            Err(problem) => return self.note_error(&known, Some(&rule), problem),
        };
        let mut known = self.rebased(known, &rule)?;
        if rule::verdict(&rule, &sighted, &known.track) == Verdict::Error {
            let problem = format!("the {} does not fit its condition", rule.on);
            return self.note_error(&known, Some(&rule), problem);
        }
        if known.error.is_some() {
            known = self.note_mended(&known)?;
        }
        self.advance(&rule, &sighted, &known)
    }

    fn advance(&self, rule: &Rule, sighted: &Reading, known: &RuleState) -> db::Result<bool> {
        let mut next = known.clone();
        let step = step::step(rule, sighted, &mut next, self.snapshot.now);
        if step.outcome != Outcome::default() || step.again {
            return self.change(rule, known, &next, &step);
        }
        if next != *known {
            self.services
                .audit
                .write_unaudited(Unaudited::RuleState, |conn| {
                    self.save_if_unchanged(conn, known, &next)
                })?;
        }
        self.follow(rule, &step.reading)?;
        Ok(false)
    }

    /// Writes what changed with its event, unless somebody else was quicker.
    fn change(
        &self,
        rule: &Rule,
        known: &RuleState,
        next: &RuleState,
        step: &Step,
    ) -> db::Result<bool> {
        audited(self.services, |tx| {
            if !self.save_if_unchanged(tx, known, next)? {
                return Ok(());
            }
            let lamp = Lamp::of(self.snapshot, self.item, rule, &step.reading);
            let Outcome { change, turn } = step.outcome;
            // What settles is over afterwards, and what begins to come and go is lit before.
            let (first, last) = match turn {
                Some(Turn::Settled) => (turn, None),
                _ => (None, turn),
            };
            if let Some(turn) = first {
                lamp.turn(tx, turn)?;
            }
            if let Some(change) = change {
                lamp.apply(tx, change, self.snapshot.now)?;
            }
            if let Some(turn) = last {
                lamp.turn(tx, turn)?;
            }
            if step.again {
                lamp.reported_again(tx)?;
            }
            Ok(())
        })
    }

    /// Keeps what a lit alert says of the present true.
    fn follow(&self, rule: &Rule, reading: &Reading) -> db::Result<()> {
        let Some(lit) = self.snapshot.lit.get(&(self.item.id, About::Platform)) else {
            return Ok(());
        };
        let unit = self.snapshot.unit(self.item.platform, &rule.on);
        let now = words::reading(rule, reading, unit);
        if now == lit.reading {
            return Ok(());
        }
        self.services
            .audit
            .write_unaudited(Unaudited::Sample, |conn| {
                store::save_reading(conn, lit.id, &now)
            })
    }

    fn enrol(&self) -> db::Result<RuleState> {
        self.services
            .audit
            .write_unaudited(Unaudited::RuleState, |conn| {
                rules::enrol_rule(conn, self.item.id)?;
                // Somebody else may have been first.
                Ok(rules::lock_rule(conn, self.item.id)?.unwrap_or_default())
            })
    }

    /// A rule looks at nothing that was reported before it came, came back, or was pointed at this type
    /// of event.
    fn rebased(&self, known: RuleState, rule: &Rule) -> db::Result<RuleState> {
        let event_type: Option<ItemId> = match &rule.on {
            Source::Event(slug) => self.snapshot.event_type(self.item.platform, slug).ok(),
            _ => None,
        };
        if known.event_type == event_type {
            return Ok(known);
        }
        self.services
            .audit
            .write_unaudited(Unaudited::RuleState, |conn| {
                let mut state = rules::lock_rule(conn, self.item.id)?.unwrap_or_default();
                if state.event_type != event_type {
                    state.event_type = event_type;
                    state.events_seen = match event_type {
                        Some(id) => reports::events_before(conn, id, self.item.changed_at)?,
                        None => 0,
                    };
                    rules::save_rule(conn, self.item.id, &state)?;
                }
                Ok(state)
            })
    }

    /// Lights the lamp that says that a rule cannot be evaluated, or keeps true what it says. The rule's own lamp stays as
    /// it is; what was only on its way to it, or away from it, begins anew.
    fn note_error(
        &self,
        known: &RuleState,
        rule: Option<&Rule>,
        error: String,
    ) -> db::Result<bool> {
        let mut next = known.clone();
        let policy = rule.map(Policy::of);
        next.fails(error, policy.as_ref(), self.snapshot.now);
        if next == *known {
            return Ok(false);
        }
        if known.error.is_none() {
            let fired = Change::Fired {
                level: Level::Yellow,
                active_at: self.snapshot.now,
            };
            return self.change_health(known, &next, fired);
        }
        // It is lit; what it says may have changed.
        let text = next.error.as_deref().unwrap_or_default();
        self.services
            .audit
            .write_unaudited(Unaudited::RuleState, |conn| {
                self.save_if_unchanged(conn, known, &next)?;
                let lit = self.snapshot.lit.get(&(self.item.id, About::Rule));
                lit.map_or(Ok(()), |lit| store::save_reading(conn, lit.id, text))
            })?;
        Ok(false)
    }

    /// Puts it out again. Returns what is known of the rule then.
    fn note_mended(&self, known: &RuleState) -> db::Result<RuleState> {
        let now = self.snapshot.now;
        let lit = self.snapshot.lit.get(&(self.item.id, About::Rule));
        let mut next = known.clone();
        next.mends(lit.map_or(TimeDelta::zero(), |lit| now - lit.active_at));
        self.change_health(known, &next, Change::Resolved)?;
        Ok(next)
    }

    fn change_health(
        &self,
        known: &RuleState,
        next: &RuleState,
        change: Change,
    ) -> db::Result<bool> {
        let text = next.error.as_deref().unwrap_or_default();
        let lamp = Lamp::of_rule_health(self.snapshot, self.item, text);
        audited(self.services, |tx| {
            if self.save_if_unchanged(tx, known, next)? {
                lamp.apply(tx, change, self.snapshot.now)?;
            }
            Ok(())
        })
    }

    /// False where somebody else has changed the rule's state since it was read.
    fn save_if_unchanged(
        &self,
        conn: &mut db::Conn,
        known: &RuleState,
        next: &RuleState,
    ) -> db::Result<bool> {
        if rules::lock_rule(conn, self.item.id)?.as_ref() != Some(known) {
            return Ok(false);
        }
        rules::save_rule(conn, self.item.id, next)?;
        Ok(true)
    }
}
