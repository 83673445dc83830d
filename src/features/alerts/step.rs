//! One tick of one rule: what was read and what is known go in; what is known then, and what becomes of its lamp, come
//! out. Pure, so that what was can be gone through exactly as what is.

use chrono::{DateTime, Utc};

use super::alert::{Change, LEVELS, Policy, Track, Verdict};
use super::flap::{Flap, Outcome, WINDOW};
use super::rule::{self, Reading};
use crate::features::packs::pack::{ItemId, Rule, Source};
use crate::foundation::kernel::Level;

/// What is known about a rule, with how many events it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleState {
    /// The life of its condition, as if no lamp were ever held lit.
    pub track: Track,
    pub flap: Flap,
    /// The level at which its lamp is lit, held or not.
    pub lit: Option<Level>,
    /// The type of event that it counts, and how many of it were counted.
    pub event_type: Option<ItemId>,
    pub events_seen: i64,
    /// Why the rule could not be evaluated, if it could not.
    pub error: Option<String>,
}

impl RuleState {
    /// As it is read again: the level stands with the lamp, not with the rule.
    #[must_use]
    pub fn lit_at(mut self, lit: Option<Level>) -> Self {
        self.track.firing = lit;
        self.track = self.track.beneath(&self.flap);
        self.lit = lit;
        self
    }

    /// As the next tick finds it, once its lamp is what a step made of it.
    #[must_use]
    pub fn after(self, outcome: Outcome) -> Self {
        let lit = match outcome.change {
            Some(Change::Fired { level, .. }) => Some(level),
            Some(Change::Moved { to, .. }) => Some(to),
            Some(Change::Resolved) => None,
            None => self.lit,
        };
        self.lit_at(lit)
    }
}

impl RuleState {
    /// The next moment after `now` at which it may become another with nothing new to read: what has to last has lasted,
    /// or what was held lit has been quiet.
    #[must_use]
    pub fn turns_at(&self, policy: &Policy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let track = &self.track;
        let ripe = |level| Some((*track.active_at.get(level))? + (*policy.lasting.get(level))?);
        let ripe = LEVELS.into_iter().filter_map(ripe);
        let blind = track.no_data_since.map(|at| at + policy.no_data_for);
        let kept = policy.keep_firing_for + track.unseen(now, policy);
        let kept = track.cleared_at.map(|at| at + kept);
        let held = self.flap.held.iter();
        let quiet = held.flat_map(|_| self.flap.turns.iter().map(|at| *at + WINDOW));
        let moments = ripe.chain(blind).chain(kept).chain(quiet);
        moments.filter(|at| *at > now).min()
    }
}

/// What a tick made of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was read. Of events, those that the rule had not seen.
    pub reading: Reading,
    pub outcome: Outcome,
    /// Whether an event was reported that the lamp is lit for already.
    pub again: bool,
}

/// One tick of the rule's life. Whoever writes it first takes the events; they are not counted twice.
pub fn step(rule: &Rule, sighted: &Reading, state: &mut RuleState, now: DateTime<Utc>) -> Step {
    let reading = match sighted {
        Reading::Events(total) => {
            let news = (total - state.events_seen).max(0);
            state.events_seen += news;
            Reading::Events(news)
        }
        other => other.clone(),
    };
    let lit = state.lit;
    let verdict = rule::verdict(rule, &reading, &state.track);
    let blind = verdict == Verdict::NoData;
    if let Some(since) = state.track.no_data_since.filter(|_| !blind) {
        state.flap.unseen(now - since);
    }
    let began = reading.since().unwrap_or(now);
    let change = state
        .track
        .tick_since(now, began, verdict, &Policy::of(rule));
    // What is reported comes when it is reported, and goes by itself: that is no coming and going.
    let outcome = match rule.on {
        Source::Event(_) if state.flap.held.is_none() => Outcome { change, turn: None },
        _ if blind && change.is_none() => Outcome::default(),
        _ => state.flap.follow(now, change, lit),
    };
    let again = lit.is_some() && change.is_none() && matches!(reading, Reading::Events(1..));
    Step {
        reading,
        outcome,
        again,
    }
}
