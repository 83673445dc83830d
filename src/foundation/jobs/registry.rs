use std::collections::BTreeMap;

use serde_json::Value;

use super::{JobContext, JobError, Schedule};

/// Runs on a worker's thread, may run twice, and writes through [`JobContext::write`].
pub type JobHandler = fn(&JobContext, Value) -> Result<(), JobError>;

/// A queue of its own: kinds in one lane share its limit, and cannot keep the others waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    pub name: &'static str,
    /// Most jobs at once, over all replicas.
    pub limit: i64,
}

impl Lane {
    /// Short work: reactions, notices, roll-ups.
    pub const QUICK: Self = Self {
        name: "quick",
        limit: 8,
    };
    /// Files, imports and exports, which take minutes and much of the database.
    pub const HEAVY: Self = Self {
        name: "heavy",
        limit: 2,
    };
}

/// What a kind of job means here.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    pub(super) run: JobHandler,
    pub(super) lane: Lane,
    pub(super) attempts: i16,
    instead: Option<&'static str>,
}

impl Handler {
    pub fn lane(&mut self, lane: Lane) -> &mut Self {
        self.lane = lane;
        self
    }

    /// After so many failures the job is discarded, and shown.
    pub fn attempts(&mut self, attempts: i16) -> &mut Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Given up is for good, because something else has ended with it; says what to do instead.
    pub fn never_again(&mut self, instead: &'static str) -> &mut Self {
        self.instead = Some(instead);
        self
    }
}

const ATTEMPTS: i16 = 8;

/// The kinds of work that this process does, and what comes by the clock.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    handlers: BTreeMap<&'static str, Handler>,
    schedules: Vec<Schedule>,
}

impl Registry {
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the handler of a kind, in the quick lane with eight attempts unless told
    /// otherwise.
    pub fn handle(&mut self, kind: &'static str, run: JobHandler) -> &mut Handler {
        let handler = Handler {
            run,
            lane: Lane::QUICK,
            attempts: ATTEMPTS,
            instead: None,
        };
        let place = self.handlers.entry(kind).or_insert(handler);
        *place = handler;
        place
    }

    pub fn schedule(&mut self, schedule: Schedule) {
        self.schedules.push(schedule);
    }

    pub(super) fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// Whether a job of this kind may run again after it was given up.
    ///
    /// # Errors
    /// What to do instead.
    pub fn again(&self, kind: &str) -> Result<(), &'static str> {
        match self.handlers.get(kind).map(|handler| handler.instead) {
            Some(None) => Ok(()),
            Some(Some(instead)) => Err(instead),
            None => Err(
                "This version of Signalbox does no work of this kind, so it would wait for ever.",
            ),
        }
    }

    /// Whether this version does work of this kind. A job of another waits until one that does is there.
    pub fn knows(&self, kind: &str) -> bool {
        self.handlers.contains_key(kind)
    }

    pub(super) fn find(&self, kind: &str) -> Option<(&'static str, Handler)> {
        self.handlers
            .get_key_value(kind)
            .map(|(kind, handler)| (*kind, *handler))
    }

    /// Each lane with its kinds.
    pub(super) fn lanes(&self) -> BTreeMap<Lane, Vec<&'static str>> {
        let mut lanes = BTreeMap::<_, Vec<_>>::new();
        for (kind, handler) in &self.handlers {
            lanes.entry(handler.lane).or_default().push(*kind);
        }
        lanes
    }
}
