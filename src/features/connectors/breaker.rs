//! A circuit breaker: whether a call may go out, and what its answer changes. Pure.
//!
//! The state never expires by itself: an open breaker stays open until a call asks to be its trial, and one that two
//! people have switched off has the end that they agreed to.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub use super::words::{Refused, State, Verdict, Why, retry_after};

crate::typed_id!(
    /// The breaker before one operation of something that we call.
    BreakerId,
    /// That a breaker should let every call through for a while.
    ProposalId,
);

/// So many failures in a row open it, and so does half of the last [`WINDOW`].
pub const IN_A_ROW: usize = 5;
pub const WINDOW: usize = 10;
/// How long it is open at first, and at most after it was opened again and again.
pub const OPEN_FIRST: TimeDelta = TimeDelta::seconds(60);
pub const OPEN_LONGEST: TimeDelta = TimeDelta::minutes(15);
/// A trial whose verdict does not come within this time has failed.
pub const TRIAL: TimeDelta = TimeDelta::seconds(60);
/// So many trials in a row close it.
pub const CLOSED_AFTER: u32 = 2;
/// What `Retry-After` may ask for at most, and what is waited for where it asks for nothing.
pub const WAIT_LONGEST: TimeDelta = TimeDelta::hours(24);
pub const WAIT_UNSAID: TimeDelta = TimeDelta::seconds(60);
/// What our own ways out wait for at most: a notice may be a red one, and nobody is told while it waits.
pub const WAIT_OF_OURS: TimeDelta = TimeDelta::minutes(15);

/// Whether a call may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may. A trial brings its id back with its verdict.
    Go { trial: Option<Uuid> },
    /// It is short-circuited, which is no failure. There is no use in asking before `until`, where that is known.
    ShortCircuited {
        until: Option<DateTime<Utc>>,
        why: Refused,
    },
}

/// A change of state. Every one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub was: State,
    pub now: State,
    pub why: Why,
}

/// The one call that is let through to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    pub id: Uuid,
    pub until: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    pub state: State,
    pub since: DateTime<Utc>,
    /// The last results while it was closed, oldest first; true is an answer.
    pub recent: Vec<bool>,
    /// Trials that were answered, in a row.
    pub passed: u32,
    /// How often it was opened since it was last closed.
    pub openings: u32,
    /// When an open one lets a trial through.
    pub retry_at: Option<DateTime<Utc>>,
    pub trial: Option<Trial>,
    /// When one that two people disabled goes back to trials.
    pub ends_at: Option<DateTime<Utc>>,
    /// Until when it asked us to wait.
    pub wait_until: Option<DateTime<Utc>>,
}

impl Breaker {
    #[must_use]
    pub const fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: State::Closed,
            since: now,
            recent: Vec::new(),
            passed: 0,
            openings: 0,
            retry_at: None,
            trial: None,
            ends_at: None,
            wait_until: None,
        }
    }

    /// Failures in a row, up to now.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.recent.iter().rev().take_while(|good| !**good).count()
    }

    /// What time alone brings about: a trial is lost, or what two people agreed to ends. `spread` is between 0 and 1.
    pub fn advance(&mut self, now: DateTime<Utc>, spread: f64) -> Option<Turn> {
        match self.state {
            State::HalfOpen if self.trial.is_some_and(|trial| now >= trial.until) => {
                Some(self.open(now, spread, Why::TrialLost))
            }
            State::Disabled if self.ends_at.is_some_and(|end| now >= end) => {
                Some(self.half_open(now, Why::Ended))
            }
            _ => None,
        }
    }

    /// Whether a call may go out now. [`Breaker::advance`] comes first.
    pub fn admit(&mut self, now: DateTime<Utc>, id: Uuid) -> (Admission, Option<Turn>) {
        let refused = |until, why| (Admission::ShortCircuited { until, why }, None);
        if self.state == State::ForcedOpen {
            return refused(None, Refused::ForcedOpen);
        }
        if self.state == State::Open && self.retry_at.is_some_and(|at| now < at) {
            return refused(self.retry_at, Refused::Open);
        }
        if let Some(until) = self.wait_until {
            if now < until {
                return refused(Some(until), Refused::Limited);
            }
            self.wait_until = None;
        }
        let turn = (self.state == State::Open).then(|| self.half_open(now, Why::Due));
        if self.state != State::HalfOpen {
            return (Admission::Go { trial: None }, turn);
        }
        if let Some(trial) = self.trial {
            return refused(Some(trial.until), Refused::Trial);
        }
        let until = now + TRIAL;
        self.trial = Some(Trial { id, until });
        (Admission::Go { trial: Some(id) }, turn)
    }

    /// What a call's verdict changes. One that comes late, of a call from before a change or of a trial that was given
    /// up, changes nothing but how long we were asked to wait.
    pub fn hear(
        &mut self,
        verdict: Verdict,
        trial: Option<Uuid>,
        now: DateTime<Utc>,
        spread: f64,
    ) -> Option<Turn> {
        // Where two people let every call through, that is one more reason that they did.
        if let Verdict::Limited(wait) = verdict
            && self.state != State::Disabled
        {
            let wait = wait.unwrap_or(WAIT_UNSAID).min(WAIT_LONGEST);
            self.wait_until = self.wait_until.max(Some(now + wait));
        }
        match self.state {
            State::Closed if trial.is_none() => self.count(verdict, now, spread),
            State::HalfOpen if trial.is_some() && self.trial.map(|it| it.id) == trial => {
                self.trial = None;
                self.judge(verdict, now, spread)
            }
            _ => None,
        }
    }

    fn count(&mut self, verdict: Verdict, now: DateTime<Utc>, spread: f64) -> Option<Turn> {
        let good = match verdict {
            Verdict::Answered => true,
            Verdict::Failed => false,
            Verdict::Limited(_) | Verdict::Nothing => return None,
        };
        self.recent.push(good);
        let over = self.recent.len().saturating_sub(WINDOW);
        self.recent.drain(..over);
        let failed = self.recent.iter().filter(|good| !**good).count();
        if self.failures() >= IN_A_ROW {
            Some(self.open(now, spread, Why::Failures))
        } else if self.recent.len() == WINDOW && failed * 2 >= WINDOW {
            Some(self.open(now, spread, Why::Share))
        } else {
            None
        }
    }

    fn judge(&mut self, verdict: Verdict, now: DateTime<Utc>, spread: f64) -> Option<Turn> {
        match verdict {
            Verdict::Failed => Some(self.open(now, spread, Why::TrialFailed)),
            Verdict::Answered => {
                self.passed += 1;
                (self.passed >= CLOSED_AFTER).then(|| self.close(now))
            }
            // The next one tries.
            Verdict::Limited(_) | Verdict::Nothing => None,
        }
    }

    /// Somebody keeps every call back.
    pub fn force_open(&mut self, now: DateTime<Utc>) -> Option<Turn> {
        (self.state != State::ForcedOpen).then(|| self.turn(State::ForcedOpen, now, Why::Forced))
    }

    /// Whether somebody can do something about it: what is kept back can be let through.
    #[must_use]
    pub fn may_reset(&self, now: DateTime<Utc>) -> bool {
        let keeps_back = !matches!(self.state, State::Closed | State::HalfOpen);
        keeps_back || self.wait_until.is_some_and(|until| now < until)
    }

    /// Somebody lets a trial through at once. A closed one has nothing to try; where it was asked to wait it waits no more.
    pub fn reset(&mut self, now: DateTime<Utc>) -> Option<Turn> {
        if !self.may_reset(now) {
            return None;
        }
        self.wait_until = None;
        Some(match self.state {
            State::Closed => self.turn(State::Closed, now, Why::Reset),
            _ => self.half_open(now, Why::Reset),
        })
    }

    /// Two people let every call through until `end`.
    pub fn disable(&mut self, now: DateTime<Utc>, end: DateTime<Utc>) -> Turn {
        let turn = self.turn(State::Disabled, now, Why::Agreed);
        self.ends_at = Some(end);
        self.wait_until = None;
        self.openings = 0;
        turn
    }

    fn open(&mut self, now: DateTime<Utc>, spread: f64, why: Why) -> Turn {
        let turn = self.turn(State::Open, now, why);
        self.retry_at = Some(now + open_for(self.openings, spread));
        self.openings = self.openings.saturating_add(1);
        turn
    }

    fn half_open(&mut self, now: DateTime<Utc>, why: Why) -> Turn {
        self.turn(State::HalfOpen, now, why)
    }

    fn close(&mut self, now: DateTime<Utc>) -> Turn {
        self.openings = 0;
        self.turn(State::Closed, now, Why::TrialsPassed)
    }

    fn turn(&mut self, state: State, now: DateTime<Utc>, why: Why) -> Turn {
        let was = std::mem::replace(&mut self.state, state);
        self.since = now;
        self.recent.clear();
        self.passed = 0;
        self.retry_at = None;
        self.trial = None;
        self.ends_at = None;
        Turn {
            was,
            now: state,
            why,
        }
    }
}

/// How long it is open: a minute, twice as long each time it opens again, a quarter of an hour at most, and up to a tenth
/// more, so that those that opened together do not try together.
#[must_use]
pub fn open_for(openings: u32, spread: f64) -> TimeDelta {
    let doubled = OPEN_FIRST * 2_i32.pow(openings.min(6));
    let plain = doubled.min(OPEN_LONGEST);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most fifteen minutes in milliseconds"
    )]
    let jitter = (plain.num_milliseconds() as f64 * 0.1 * spread.clamp(0.0, 1.0)) as i64;
    plain + TimeDelta::milliseconds(jitter)
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
