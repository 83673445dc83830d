//! Who is told of an alert, step by step, until somebody has it in hand. Pure: the time and how the alert stands come
//! in, what is to be done goes out.
//!
//! An escalation looks at the alert as it is, and never depends on having been told of each of its changes: whatever
//! happened while nobody looked, the next look finds it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::features::packs::pack::{Escalation as Policy, REPEAT_AT_MOST, Step, Target};
use crate::foundation::kernel::Level;

/// How long a round that has reached nobody rests before it is tried again.
pub const REST: TimeDelta = TimeDelta::minutes(5);

/// An alert that fires again after a step has been due for longer than this begins anew: whoever comes next would be told
/// in the moment in which the first are.
const FRESH: TimeDelta = TimeDelta::minutes(30);

/// How long everybody who was told has until they are told that it fires still, once no step is left. Of information
/// nobody is reminded.
pub const REMIND: TimeDelta = TimeDelta::hours(4);

/// The policies as they were when the alert opened, by level.
pub type Policies = BTreeMap<Level, Policy>;

/// Where an escalation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It goes from step to step.
    Running,
    /// Somebody has the alert in hand.
    Held,
    /// Every step was taken as often as the policy says.
    Exhausted,
    /// The alert has gone out.
    Over,
}

impl Phase {
    pub const ALL: [Self; 4] = [Self::Running, Self::Held, Self::Exhausted, Self::Over];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::Exhausted => "exhausted",
            Self::Over => "over",
        }
    }
}

impl std::str::FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a phase of an escalation"))
    }
}

/// What is known about an alert's escalation between two looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub policies: Policies,
    pub phase: Phase,
    /// The worst level since it last began; its policy is followed.
    pub level: Level,
    /// How often it has begun at its first step.
    pub begun: u32,
    /// The step that comes next, and in which round, both counted from 0.
    pub step: usize,
    pub round: u32,
    /// When it comes.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether anybody was told since the last wait, and in this round.
    pub told_lately: bool,
    pub told_in_round: bool,
    /// It is due, and the alert's notices are suppressed.
    pub held_back: bool,
    /// Since when it comes and goes, of which everybody was told.
    pub flap_told: Option<DateTime<Utc>>,
}

/// How the alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    pub firing: bool,
    pub level: Level,
    pub acknowledged: bool,
    pub suppressed: bool,
    /// Since when it is held lit because it comes and goes.
    pub flapping_since: Option<DateTime<Utc>>,
}

/// Why it begins at its first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The alert is worse than what it began for, or than what was acknowledged.
    Worse,
    /// Whoever had it in hand has it no longer.
    LetGo,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Tell these, and say by [`Escalation::told`] whether anybody was there to be told.
    Tell(Target),
    /// Open an incident of it, and say so by [`Escalation::declared`].
    Declare,
    /// It would be time to tell somebody, and is not, because the alert's notices are suppressed.
    HoldBack,
    /// Somebody has it in hand: nobody else is told, and what was not yet sent is taken back.
    Stop,
    /// It begins anew at its first step.
    Restart(Why),
    /// All steps were taken, and nobody has it in hand.
    GiveUp,
    /// Nobody has it in hand still: everybody who was told is told so.
    Remind,
    /// It has begun to come and go: everybody who was told is told so, once.
    Flap,
    /// The alert has gone out: everybody who was told is told so.
    End,
    /// The same alert fires again: everybody who was told is told so, and the escalation goes on where it stood.
    Resume,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead<'a> {
    Tells(&'a Target),
    /// It opens an incident.
    Declares,
}

impl Escalation {
    /// That of an alert that has just come to this level.
    #[must_use]
    pub fn open(policies: Policies, level: Level, now: DateTime<Utc>) -> Self {
        let mut new = Self {
            policies,
            phase: Phase::Running,
            level,
            begun: 0,
            step: 0,
            round: 0,
            due_at: None,
            told_lately: false,
            told_in_round: false,
            held_back: false,
            flap_told: None,
        };
        new.begin(now);
        new
    }

    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policies.get(&self.level)
    }

    fn steps(&self) -> &[Step] {
        self.policy().map_or(&[], |policy| &policy.steps)
    }

    fn rounds(&self) -> u32 {
        let repeat = self.policy().map_or(0, |policy| policy.repeat);
        1 + repeat.min(REPEAT_AT_MOST)
    }

    /// What the next step does, and when.
    #[must_use]
    pub fn ahead(&self) -> Option<(DateTime<Utc>, Ahead<'_>)> {
        if self.phase != Phase::Running {
            return None;
        }
        let does = match self.steps().get(self.step)? {
            Step::Notify(target) => Ahead::Tells(target),
            Step::Incident(true) => Ahead::Declares,
            Step::Wait(_) | Step::Incident(false) => return None,
        };
        Some((self.due_at?, does))
    }

    /// One look. Nothing where nothing is to be done; else it is to be asked again.
    pub fn look(&mut self, now: DateTime<Utc>, sight: Sight) -> Option<Act> {
        if !sight.firing {
            return self.end();
        }
        if self.phase == Phase::Over {
            return if sight.suppressed {
                self.hold_back()
            } else {
                Some(self.resume(now, sight))
            };
        }
        let is_worse = sight.level > self.level;
        self.level = self.level.max(sight.level);
        let is_news = sight.flapping_since.is_some() && sight.flapping_since != self.flap_told;
        if is_news && !is_worse && !sight.acknowledged && !sight.suppressed {
            self.flap_told = sight.flapping_since;
            return Some(Act::Flap);
        }
        match (self.phase, sight.acknowledged) {
            (Phase::Held, true) => None,
            (Phase::Held, false) if !is_worse => {
                // What was worse before somebody had it in hand is over.
                self.level = sight.level;
                Some(self.restart(now, Why::LetGo))
            }
            (_, true) => {
                self.phase = Phase::Held;
                self.step = 0;
                self.due_at = None;
                self.held_back = false;
                Some(Act::Stop)
            }
            (_, false) if is_worse => Some(self.restart(now, Why::Worse)),
            (Phase::Running, false) => self.run(now, sight.suppressed),
            (Phase::Exhausted, false) => self.remind(now, sight.suppressed),
            (Phase::Held | Phase::Over, false) => None,
        }
    }

    /// What came of [`Act::Tell`]. Where nobody was there to be told, the next step comes at once.
    pub fn told(&mut self, now: DateTime<Utc>, anybody: bool) {
        self.told_lately |= anybody;
        self.told_in_round |= anybody;
        self.step += 1;
        let waits = self.told_lately;
        self.settle(now, waits);
    }

    /// An incident is open. Nobody was told by that.
    pub fn declared(&mut self, now: DateTime<Utc>) {
        self.step += 1;
        let waits = self.told_lately;
        self.settle(now, waits);
    }

    fn run(&mut self, now: DateTime<Utc>, suppressed: bool) -> Option<Act> {
        if self.due_at? > now {
            return None;
        }
        let act = match self.steps().get(self.step) {
            Some(Step::Notify(target)) => Act::Tell(target.clone()),
            Some(Step::Incident(_)) => Act::Declare,
            Some(Step::Wait(_)) | None => {
                self.exhaust(now);
                return Some(Act::GiveUp);
            }
        };
        if suppressed {
            return self.hold_back();
        }
        self.held_back = false;
        Some(act)
    }

    /// Said once, until it is told after all.
    fn hold_back(&mut self) -> Option<Act> {
        let is_news = !self.held_back;
        self.held_back = true;
        is_news.then_some(Act::HoldBack)
    }

    fn exhaust(&mut self, now: DateTime<Utc>) {
        self.phase = Phase::Exhausted;
        self.due_at = (self.level > Level::Blue).then_some(now + REMIND);
    }

    /// When everybody is told that it fires still.
    #[must_use]
    pub fn reminds_at(&self) -> Option<DateTime<Utc>> {
        self.due_at.filter(|_| self.phase == Phase::Exhausted)
    }

    /// What is suppressed when it is due is told as soon as that ends.
    fn remind(&mut self, now: DateTime<Utc>, suppressed: bool) -> Option<Act> {
        if suppressed || self.due_at? > now {
            return None;
        }
        self.due_at = Some(now + REMIND);
        Some(Act::Remind)
    }

    fn end(&mut self) -> Option<Act> {
        if self.phase == Phase::Over {
            return None;
        }
        if self.phase == Phase::Exhausted {
            self.due_at = None;
        }
        self.phase = Phase::Over;
        self.held_back = false;
        Some(Act::End)
    }

    fn resume(&mut self, now: DateTime<Utc>, sight: Sight) -> Act {
        self.phase = Phase::Running;
        self.held_back = false;
        let is_worse = sight.level > self.level;
        self.level = self.level.max(sight.level);
        if is_worse || self.due_at.is_some_and(|due| now - due > FRESH) {
            self.begin(now);
        } else if self.due_at.is_none() && !self.steps().is_empty() {
            // It had come to its end before the alert went out, or somebody had it in hand then.
            if self.step == 0 {
                self.begin(now);
            } else {
                self.exhaust(now);
            }
        }
        Act::Resume
    }

    fn restart(&mut self, now: DateTime<Utc>, why: Why) -> Act {
        self.phase = Phase::Running;
        self.begin(now);
        Act::Restart(why)
    }

    fn begin(&mut self, now: DateTime<Utc>) {
        self.begun += 1;
        self.step = 0;
        self.round = 0;
        self.told_lately = false;
        self.told_in_round = false;
        self.held_back = false;
        self.settle(now, true);
    }

    /// Passes over the waits that stand before the next step that tells somebody, and reckons when it comes.
    fn settle(&mut self, now: DateTime<Utc>, mut waits: bool) {
        let mut due = now;
        loop {
            match self.steps().get(self.step) {
                Some(Step::Wait(wait)) => {
                    if waits {
                        due += wait.delta();
                    }
                    self.told_lately = false;
                    self.step += 1;
                }
                // The linter lets none through.
                Some(Step::Incident(false)) => self.step += 1,
                Some(Step::Notify(_) | Step::Incident(true)) => break,
                None if self.round + 1 < self.rounds() && !self.steps().is_empty() => {
                    if !self.told_in_round {
                        due = due.max(now + REST);
                    }
                    self.round += 1;
                    self.step = 0;
                    self.told_in_round = false;
                    self.told_lately = false;
                    waits = true;
                }
                None => break,
            }
        }
        self.due_at = (!self.steps().is_empty()).then_some(due);
    }
}

#[cfg(test)]
#[path = "escalation_tests.rs"]
mod tests;
