//! One tick of one rule: what was read and what is known go in; what is known then, and what becomes of its lamp, come
//! out. Pure, so that what was can be gone through exactly as what is.

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::{Change, LEVELS, Policy, Track, Verdict};
use super::flap::{Flap, Outcome, Turn, WINDOW};
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

    /// It cannot be evaluated: nobody sees what becomes of what it is about. Where it cannot even be read, nobody knows what
    /// silence would have meant.
    pub fn fails(&mut self, why: String, policy: Option<&Policy>, now: DateTime<Utc>) {
        if let Some(since) = self.track.no_data_since {
            let silent = now - since;
            let unseen = policy.map_or(silent, |policy| policy.unseen_of(silent));
            self.flap.unseen(unseen);
        }
        self.track.interrupt();
        self.error = Some(why);
    }

    /// It can be again, having failed for so long.
    pub fn mends(&mut self, lasted: TimeDelta) {
        self.flap.unseen(lasted);
        self.error = None;
    }

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
        // What nobody saw is no quiet, and is made up for when something is seen again.
        let late = track
            .no_data_since
            .map(|_| policy.unseen_of(policy.no_data_for));
        let window = WINDOW + late.unwrap_or_default();
        let held = self.flap.held.iter();
        let quiet = held.flat_map(|_| self.flap.turns.iter().map(|at| *at + window));
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
    let (lit, policy) = (state.lit, Policy::of(rule));
    let verdict = rule::verdict(rule, &reading, &state.track);
    let silent = verdict == Verdict::NoData;
    if let Some(since) = state.track.no_data_since.filter(|_| !silent) {
        state.flap.unseen(policy.unseen_of(now - since));
    }
    let began = reading.since().unwrap_or(now);
    let change = state.track.tick_since(now, began, verdict, &policy);
    let meant = state.track.no_data_since;
    let meant = meant.is_some_and(|since| policy.is_meant(since, now));
    let blind = verdict == Verdict::Error || silent && !meant;
    // What is reported comes when it is reported, and goes by itself: that is no coming and going.
    let outcome = match rule.on {
        Source::Event(_) if state.flap.held.is_none() => Outcome { change, turn: None },
        _ if blind && change.is_none() => Outcome::default(),
        // Until silence meant something nobody saw whether the lamp came or went.
        _ if silent && state.flap.held.is_some() => {
            let seen = now - policy.unseen_of(policy.no_data_for);
            state.flap.follow(seen, change, lit)
        }
        _ => state.flap.follow(now, change, lit),
    };
    // What silence turns has turned when it began: that is how far back the ticks look that follow.
    if let (true, Some(Turn::Held), Some(last)) =
        (silent, outcome.turn, state.flap.turns.last_mut())
    {
        *last = now - policy.unseen_of(policy.no_data_for);
    }
    let again = lit.is_some() && change.is_none() && matches!(reading, Reading::Events(1..));
    Step {
        reading,
        outcome,
        again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::alerts::flap::Held;
    use crate::features::packs::pack::NoData;
    use crate::features::packs::{file, parameters::Given};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    fn rule(no_data: &str) -> Rule {
        let source = format!(
            "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n\
             on.indicator = \"i\"\nyellow = {{ above = 1 }}\nno_data = \"{no_data}\"\nno_data_for = \"10m\""
        );
        let read = file::read(&source, &Given::default()).unwrap();
        read.pack.rules.into_iter().next().unwrap()
    }

    /// Lit because it came and went: its last turn was at minute 15, and at present it is off.
    fn held() -> RuleState {
        let flap = Flap {
            turns: [0, 5, 10, 15].map(at).to_vec(),
            held: Some(Held {
                since: at(15),
                on: false,
            }),
        };
        let known = RuleState {
            flap,
            ..RuleState::default()
        };
        known.lit_at(Some(Level::Yellow))
    }

    /// At which minute it goes out with nothing to read from minute 16 until `until`, and a low figure then.
    fn settles(no_data: &str, until: i64) -> i64 {
        let (rule, mut state) = (rule(no_data), held());
        for minute in 16..200 {
            let sighted = if minute < until {
                Reading::Nothing
            } else {
                Reading::Number(0.0)
            };
            let stepped = step(&rule, &sighted, &mut state, at(minute));
            if stepped.outcome.turn == Some(Turn::Settled) {
                assert_eq!(stepped.outcome.change, Some(Change::Resolved));
                return minute;
            }
            state = state.after(stepped.outcome);
        }
        panic!("it is held for ever");
    }

    /// The turns at 10 and 15 count until 40; by as long as nobody saw anything they count for longer.
    #[test]
    fn what_is_held_goes_out_in_silence_that_means_that_all_is_well() {
        assert_eq!(rule("ok").no_data, NoData::Ok);
        assert_eq!(settles("ok", 16), 40, "all was seen");
        assert_eq!(settles("ok", 20), 44, "four minutes were not");
        assert_eq!(settles("ok", 45), 50, "ten, and then it meant something");
        assert_eq!(settles("ok", 1_000), 50, "for good");
        assert_eq!(settles("keep", 45), 69);
    }

    #[test]
    fn time_in_which_it_failed_is_no_quiet() {
        let mut state = held();
        let rule = rule("keep");
        step(&rule, &Reading::Nothing, &mut state, at(16));
        let policy = Policy::of(&rule);
        for minute in [20, 30] {
            state.fails("it cannot be read".to_owned(), Some(&policy), at(minute));
        }
        assert_eq!(state.flap.turns[3], at(19), "four minutes of silence");
        state.mends(TimeDelta::minutes(15));
        assert_eq!((state.flap.turns[3], state.error), (at(34), None));
    }

    /// Of a night in which silence meant that all is well, ten minutes were not seen.
    #[test]
    fn silence_that_meant_something_was_seen_when_it_fails_as_well() {
        for (no_data, last) in [("ok", 25), ("fire", 25), ("keep", 499)] {
            let rule = rule(no_data);
            let (mut state, policy) = (held(), Policy::of(&rule));
            state.track.no_data_since = Some(at(16));
            state.fails("it cannot be read".to_owned(), Some(&policy), at(500));
            assert_eq!(state.flap.turns[3], at(last), "{no_data}");
        }
        let mut state = held();
        state.track.no_data_since = Some(at(16));
        state.fails("no rule".to_owned(), None, at(500));
        assert_eq!(state.flap.turns[3], at(499), "nobody knows what it meant");
    }

    /// On since minute 10, nothing to read from 12 on, and a high figure from 30 on.
    #[test]
    fn a_fourth_turn_that_silence_makes_was_made_when_it_began() {
        let flap = Flap {
            turns: [0, 5, 10].map(at).to_vec(),
            held: None,
        };
        let known = RuleState {
            flap,
            ..RuleState::default()
        };
        let (rule, mut state) = (rule("ok"), known.lit_at(Some(Level::Yellow)));
        let mut turned = Vec::new();
        for minute in 12..100 {
            let sighted = match minute {
                12..30 => Reading::Nothing,
                _ => Reading::Number(5.0),
            };
            let outcome = step(&rule, &sighted, &mut state, at(minute)).outcome;
            turned.extend(outcome.turn.map(|turn| (turn, minute)));
            if outcome.turn == Some(Turn::Held) {
                assert_eq!(state.flap.turns[3], at(12));
            }
            state = state.after(outcome);
        }
        // Moved by the ten minutes that nobody saw, it counts until 52.
        assert_eq!(turned, [(Turn::Held, 22), (Turn::Settled, 52)]);
    }
}
