//! Goes through what was with a rule as it is now, or as somebody would have it: the same step as at every tick, taken
//! only where it may find something new. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use crate::features::alerts::alert::{Change, Policy, Track, Verdict};
use crate::features::alerts::rule::{self, Reading};
use crate::features::alerts::step::{RuleState, Step, step};
use crate::features::packs::pack::Rule;
use crate::foundation::kernel::Level;

/// What a source says from a moment on, until it says something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub at: DateTime<Utc>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Reads(Reading),
    /// Something that grows older by itself.
    AgesSince(DateTime<Utc>),
}

impl Said {
    #[must_use]
    pub const fn reads(at: DateTime<Utc>, reading: Reading) -> Self {
        Self {
            at,
            what: What::Reads(reading),
        }
    }

    #[must_use]
    pub const fn nothing(at: DateTime<Utc>) -> Self {
        Self::reads(at, Reading::Nothing)
    }
}

impl What {
    fn at(&self, now: DateTime<Utc>) -> Reading {
        match self {
            Self::Reads(reading) => reading.clone(),
            Self::AgesSince(since) => Reading::Age(now - *since),
        }
    }
}

/// A time in which the lamp would have been lit.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    pub from: DateTime<Utc>,
    /// Nothing where it would be lit at the end.
    pub until: Option<DateTime<Utc>>,
    /// The worst level that it came to.
    pub level: Level,
    /// The worst that was read meanwhile; nothing where what is read is no figure.
    pub peak: Option<Reading>,
}

/// What came of going through a history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    pub firings: Vec<Firing>,
    /// For how much of the time there was something to read.
    pub known: TimeDelta,
}

/// A rule that does not fit what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit;

/// When rules are evaluated: `from` and then again and again.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub every: TimeDelta,
}

impl Ticks {
    /// The first tick that is not before `at`.
    fn not_before(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let every = self.every.num_milliseconds().max(1);
        let micros = (at - self.from).num_microseconds().unwrap_or(0).max(0);
        let ticks = (micros + every * 1_000 - 1) / (every * 1_000);
        self.from + TimeDelta::milliseconds(ticks * every)
    }
}

/// What would have fired, if these had been read by this rule from `ticks.from` on.
///
/// # Errors
/// The rule does not fit what was read.
pub fn replay(rule: &Rule, said: &[Said], ticks: Ticks) -> Result<Replayed, Misfit> {
    let mut walk = Walk::new(rule);
    let mut rest = said.iter().peekable();
    let mut says = What::Reads(Reading::Nothing);
    let mut now = ticks.from;
    while now <= ticks.until {
        while let Some(next) = rest.next_if(|next| next.at <= now) {
            says = next.what.clone();
        }
        let settled = !walk.tick(&says.at(now), now)?;
        let mut next = rest.peek().map(|next| ticks.not_before(next.at));
        let mut sooner = |at: DateTime<Utc>| {
            let at = ticks.not_before(at).max(now + ticks.every);
            next = Some(next.map_or(at, |known| known.min(at)));
        };
        if settled {
            if let Some(at) = walk.state.turns_at(&walk.policy, now) {
                sooner(at);
            }
            if let What::AgesSince(since) = says {
                let crossed = crossings(rule).map(|age| since + age);
                crossed.filter(|at| *at > now).for_each(&mut sooner);
            }
        } else {
            sooner(now + ticks.every);
        }
        let end = next.unwrap_or(ticks.until).min(ticks.until);
        if walk.is_known {
            walk.done.known += end - now;
        }
        if let What::AgesSince(_) = says {
            walk.look(&says.at(end));
        }
        match next {
            Some(next) => now = next,
            None => break,
        }
    }
    Ok(walk.done)
}

/// The ages at which something that grows older passes a threshold. It has to be older, not as old.
#[allow(
    clippy::cast_possible_truncation,
    reason = "no age that a pack writes is near 2^63 milliseconds"
)]
fn crossings(rule: &Rule) -> impl Iterator<Item = TimeDelta> {
    const JUST: TimeDelta = TimeDelta::milliseconds(1);
    let limits = rule.levels().flat_map(|(_, condition)| {
        let threshold = condition.threshold().map(|(at, _)| at);
        threshold.into_iter().chain(condition.clear)
    });
    let ages = limits.map(|limit| TimeDelta::milliseconds(rule.on.number(limit) as i64));
    ages.flat_map(|age| [age, age + JUST])
}

/// A rule on its way through a history.
struct Walk<'r> {
    rule: &'r Rule,
    policy: Policy,
    state: RuleState,
    is_known: bool,
    done: Replayed,
}

impl<'r> Walk<'r> {
    fn new(rule: &'r Rule) -> Self {
        Self {
            rule,
            policy: Policy::of(rule),
            state: RuleState::default(),
            is_known: false,
            done: Replayed::default(),
        }
    }

    /// One tick. Whether the next, with the same to read, may find anything else.
    fn tick(&mut self, sighted: &Reading, now: DateTime<Utc>) -> Result<bool, Misfit> {
        let judged = rule::verdict(self.rule, sighted, &Track::default());
        if judged == Verdict::Error {
            return Err(Misfit);
        }
        self.is_known = judged != Verdict::NoData;
        let before = self.state.clone();
        let stepped = step(self.rule, sighted, &mut self.state, now);
        self.state = std::mem::take(&mut self.state).after(stepped.outcome);
        self.note(&stepped, now);
        Ok(self.state != before || matches!(stepped.reading, Reading::Events(1..)))
    }

    fn note(&mut self, stepped: &Step, now: DateTime<Utc>) {
        match stepped.outcome.change {
            Some(Change::Fired { level, .. }) => self.done.firings.push(Firing {
                from: now,
                until: None,
                level,
                peak: None,
            }),
            Some(Change::Moved { to, .. }) => {
                if let Some(firing) = self.done.firings.last_mut() {
                    firing.level = firing.level.max(to);
                }
            }
            Some(Change::Resolved) => {
                if let Some(firing) = self.done.firings.last_mut() {
                    firing.until = Some(now);
                }
            }
            None => {}
        }
        self.look(&stepped.reading);
    }

    /// Keeps the worst that is read while the lamp is lit.
    fn look(&mut self, reading: &Reading) {
        let lit = self.done.firings.last_mut();
        if let Some(firing) = lit.filter(|firing| firing.until.is_none()) {
            let known = firing.peak.take();
            firing.peak = worse(self.rule, known, reading);
        }
    }
}

/// The worse of two readings, where they are figures.
fn worse(rule: &Rule, known: Option<Reading>, new: &Reading) -> Option<Reading> {
    let Some(value) = figure(new) else {
        return known;
    };
    let above = looks_up(rule);
    match known.as_ref().and_then(figure) {
        Some(known) if (above && known >= value) || (!above && known <= value) => {}
        _ => return Some(new.clone()),
    }
    known
}

fn figure(reading: &Reading) -> Option<f64> {
    match reading {
        Reading::Number(number) => Some(*number),
        Reading::Age(age) => Some(age.num_milliseconds() as f64),
        Reading::Burn(burn) => Some(burn.rate),
        Reading::Latencies(all) => all.first().map(|latency| *latency as f64),
        _ => None,
    }
}

/// How many results in a row the levels of a rule on latency look at.
#[must_use]
pub fn results(rule: &Rule) -> usize {
    let counted = rule
        .levels()
        .map(|(_, condition)| condition.results.unwrap_or(1));
    let most = counted.max().unwrap_or(1);
    usize::try_from(most).unwrap_or(1)
}

/// Whether the values of a rule that count most are the high ones.
#[must_use]
pub fn looks_up(rule: &Rule) -> bool {
    let mut limits = rule
        .levels()
        .filter_map(|(_, condition)| condition.threshold());
    limits.next().is_none_or(|(_, above)| above)
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
