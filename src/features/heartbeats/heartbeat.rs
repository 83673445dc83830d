//! The life of a heartbeat: new, up, down or failed, and which moment turns it. Pure: what came and
//! what time it is come in, what turned goes out.
//!
//! It is down from its deadline on, whenever somebody looks: noticing late changes no moment.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::foundation::kernel::Timetable;

/// Runs that are followed at once. What begins beyond that is a ping like any other: the runs that are
/// followed keep their deadlines.
pub const RUNS_AT_MOST: usize = 20;

/// When the next sign of life is due after the last.
#[derive(Clone, Debug)]
pub enum Schedule {
    Every(TimeDelta),
    At(Box<Timetable>),
}

impl Schedule {
    /// The first time after `last`; none where no day ever matches.
    #[must_use]
    pub fn next(&self, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(period) => Some(last + *period),
            Self::At(timetable) => timetable.next(last),
        }
    }
}

/// What a pack expects of a job.
#[derive(Clone, Debug)]
pub struct Expected {
    pub schedule: Schedule,
    pub grace: TimeDelta,
}

/// How a heartbeat stands between two moments that turn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing ever came of it; it has no deadline, so it cannot miss one.
    New,
    Up,
    /// Its deadline went by.
    Down,
    /// It said so itself.
    Failed,
}

impl State {
    pub const ALL: [Self; 4] = [Self::New, Self::Up, Self::Down, Self::Failed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Down => "down",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Down | Self::Failed)
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of a heartbeat"))
    }
}

/// How it stands at one moment, as people and rules are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Down,
    Failed,
    /// Due, and within its grace.
    Late,
    /// Never heard of.
    New,
    /// A run has begun and not ended, and its grace is not over.
    Started,
    Up,
}

/// A run that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which one it is, where the job says so.
    pub id: Option<Uuid>,
    pub started_at: DateTime<Utc>,
    /// Its grace is over. Nobody waits for it any more; should it end, its length is known all the same.
    #[serde(default)]
    pub given_up: bool,
}

/// What a ping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Start,
    Success,
    Fail,
    /// The exit code of a command: 0 is a success, all others are failures.
    Exit(u8),
    /// Something to read, which says nothing of how the job stands.
    Log,
}

impl Signal {
    /// Whether a run ended well, if one ended.
    const fn ending(self) -> Option<bool> {
        match self {
            Self::Success | Self::Exit(0) => Some(true),
            Self::Fail | Self::Exit(_) => Some(false),
            Self::Start | Self::Log => None,
        }
    }
}

/// Why it turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing came by `due`, nor within the grace after it.
    Missed { due: DateTime<Utc> },
    /// A run that began at `started` did not end within the grace.
    Unfinished { started: DateTime<Utc> },
    /// The job said that it failed.
    Reported,
    /// The job said that it succeeded.
    Succeeded,
}

impl Why {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missed { .. } => "missed",
            Self::Unfinished { .. } => "unfinished",
            Self::Reported => "reported",
            Self::Succeeded => "succeeded",
        }
    }
}

/// A moment that turned a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub at: DateTime<Utc>,
    pub was: State,
    pub now: State,
    pub why: Why,
}

/// What a ping did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What turned, in order: a deadline that had gone by unnoticed comes first.
    pub turns: Vec<Turn>,
    /// How long the run took that ended.
    pub took: Option<TimeDelta>,
}

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub state: State,
    pub since: DateTime<Utc>,
    /// Since when its schedule has held: nobody missed what nobody expected.
    pub expected_since: DateTime<Utc>,
    /// Since when its schedule and grace have been what they are: no deadline lies before.
    pub changed_at: DateTime<Utc>,
    /// When a run last ended, well or not.
    pub ended_at: Option<DateTime<Utc>>,
    /// Runs that go on, in the order in which they began.
    pub runs: Vec<Run>,
}

impl Heartbeat {
    #[must_use]
    pub const fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: State::New,
            since: now,
            expected_since: now,
            changed_at: now,
            ended_at: None,
            runs: Vec::new(),
        }
    }

    /// When the next sign of life is due: one time of the schedule after the last, in its zone.
    #[must_use]
    pub fn due(&self, expected: &Expected) -> Option<DateTime<Utc>> {
        let ended = self.ended_at.filter(|_| self.state == State::Up)?;
        expected.schedule.next(ended.max(self.expected_since))
    }

    /// The moment at which it is down unless something comes first, and what it will have missed.
    #[must_use]
    pub fn deadline(&self, expected: &Expected) -> Option<(DateTime<Utc>, Why)> {
        if self.state.is_bad() {
            return None;
        }
        let run = self.waited_for().map(|run| {
            let started = run.started_at;
            (started + expected.grace, Why::Unfinished { started })
        });
        let due = self
            .due(expected)
            .map(|due| (due + expected.grace, Why::Missed { due }));
        let first = run.into_iter().chain(due).min_by_key(|(at, _)| *at)?;
        Some((first.0.max(self.changed_at), first.1))
    }

    /// The run that has gone on for longest of those that somebody waits for.
    fn waited_for(&self) -> Option<&Run> {
        let waited_for = self.runs.iter().filter(|run| !run.given_up);
        waited_for.min_by_key(|run| run.started_at)
    }

    /// Brings it up to `now`. What turned, turned at its deadline.
    pub fn advance(&mut self, expected: &Expected, now: DateTime<Utc>) -> Option<Turn> {
        let (at, why) = self.deadline(expected).filter(|(at, _)| *at <= now)?;
        let turn = self.turn(State::Down, at, why);
        self.give_up(expected, at);
        Some(turn)
    }

    /// Takes in what came at `now`.
    pub fn hear(
        &mut self,
        expected: &Expected,
        signal: Signal,
        run: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Heard {
        let mut heard = Heard::default();
        heard.turns.extend(self.advance(expected, now));
        if signal == Signal::Start {
            self.begin(run, now);
        }
        let Some(well) = signal.ending() else {
            return heard;
        };
        heard.took = self.end(run, now);
        self.ended_at = Some(now);
        match (well, self.state) {
            (true, State::New | State::Down | State::Failed) => {
                heard.turns.push(self.turn(State::Up, now, Why::Succeeded));
                self.give_up(expected, now);
            }
            (false, State::New | State::Up) => {
                heard
                    .turns
                    .push(self.turn(State::Failed, now, Why::Reported));
            }
            // It was down, and now it says so itself: one downtime.
            (false, State::Down) => self.state = State::Failed,
            (true, State::Up) | (false, State::Failed) => {}
        }
        heard
    }

    /// How it stands at `now`, and since when, whoever has noticed.
    #[must_use]
    pub fn standing(&self, expected: &Expected, now: DateTime<Utc>) -> (Standing, DateTime<Utc>) {
        if let Some((at, _)) = self.deadline(expected).filter(|(at, _)| *at <= now) {
            return (Standing::Down, at);
        }
        match self.state {
            State::Down => return (Standing::Down, self.since),
            State::Failed => return (Standing::Failed, self.since),
            State::New | State::Up => {}
        }
        if let Some(run) = self.waited_for() {
            return (Standing::Started, run.started_at);
        }
        match self.due(expected).filter(|due| *due <= now) {
            Some(due) => (Standing::Late, due),
            None if self.state == State::New => (Standing::New, self.since),
            None => (Standing::Up, self.since),
        }
    }

    /// The pack has another schedule for it, and what is due by it counts from now.
    pub fn reschedule(&mut self, now: DateTime<Utc>) {
        self.expected_since = now;
        self.changed_at = now;
    }

    /// The pack has another grace for it. No deadline moves to before that.
    pub fn change(&mut self, now: DateTime<Utc>) {
        self.changed_at = now;
    }

    fn turn(&mut self, now: State, at: DateTime<Utc>, why: Why) -> Turn {
        let was = std::mem::replace(&mut self.state, now);
        self.since = at;
        Turn { at, was, now, why }
    }

    fn give_up(&mut self, expected: &Expected, at: DateTime<Utc>) {
        for run in &mut self.runs {
            run.given_up |= run.started_at + expected.grace <= at;
        }
    }

    /// The same run again begins anew. One that nobody waits for makes room.
    fn begin(&mut self, id: Option<Uuid>, now: DateTime<Utc>) {
        self.runs.retain(|run| run.id != id);
        if self.runs.len() >= RUNS_AT_MOST
            && let Some(place) = self.runs.iter().position(|run| run.given_up)
        {
            self.runs.remove(place);
        }
        if self.runs.len() < RUNS_AT_MOST {
            self.runs.push(Run {
                id,
                started_at: now,
                given_up: false,
            });
        }
    }

    /// How long the run took that ends. An end that names none ends the one that has no name, or else all
    /// of them: whoever says nothing of runs has one at a time.
    fn end(&mut self, id: Option<Uuid>, now: DateTime<Utc>) -> Option<TimeDelta> {
        let named = self.runs.iter().position(|run| run.id == id);
        let ended = match named {
            Some(place) => Some(self.runs.remove(place)),
            None if id.is_none() && self.runs.len() == 1 => self.runs.pop(),
            None => None,
        };
        if id.is_none() {
            self.runs.clear();
        }
        ended.map(|run| now - run.started_at)
    }
}

#[cfg(test)]
#[path = "heartbeat_tests.rs"]
mod tests;
