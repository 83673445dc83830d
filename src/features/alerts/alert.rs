//! The life of an alert: pending, firing, resolved. Pure: what time it is and what was read come in,
//! what changed goes out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::features::packs::pack::{NoData, Rule};
use crate::foundation::kernel::{Level, PersonId};

/// The longest that an acknowledgement holds; after it the clock runs again.
pub const ACKNOWLEDGED_AT_MOST: TimeDelta = TimeDelta::hours(8);

/// Who has done something about an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Person(PersonId),
    /// A program, by the public id of its key.
    Key(String),
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(id) => id.fmt(f),
            Self::Key(id) => f.write_str(id),
        }
    }
}

/// One value for each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerLevel<T> {
    pub red: T,
    pub yellow: T,
    pub blue: T,
}

/// Most urgent first: the order in which levels are asked.
pub const LEVELS: [Level; 3] = [Level::Red, Level::Yellow, Level::Blue];

impl<T> PerLevel<T> {
    pub const fn get(&self, level: Level) -> &T {
        match level {
            Level::Red => &self.red,
            Level::Yellow => &self.yellow,
            Level::Blue => &self.blue,
        }
    }

    pub const fn get_mut(&mut self, level: Level) -> &mut T {
        match level {
            Level::Red => &mut self.red,
            Level::Yellow => &mut self.yellow,
            Level::Blue => &mut self.blue,
        }
    }
}

/// What evaluating a rule gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Which levels' conditions hold.
    Holds(PerLevel<bool>),
    NoData,
    /// The rule could not be evaluated, which says nothing about the platform.
    Error,
}

/// How a rule wants its alert to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long each level's condition must last; `None` where the rule has no such level.
    pub lasting: PerLevel<Option<TimeDelta>>,
    pub keep_firing_for: TimeDelta,
    pub no_data: NoData,
    pub no_data_for: TimeDelta,
}

impl Policy {
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        let mut lasting = PerLevel::default();
        for (level, condition) in rule.levels() {
            *lasting.get_mut(level) = Some(condition.lasting.delta());
        }
        Self {
            lasting,
            keep_firing_for: rule.keep_firing_for().delta(),
            no_data: rule.no_data,
            no_data_for: rule.no_data_for.delta(),
        }
    }

    /// How much of a time with nothing to read nobody saw anything: where silence means something, until it meant that.
    pub(super) fn unseen_of(&self, lasted: TimeDelta) -> TimeDelta {
        match self.no_data {
            NoData::Keep => lasted,
            NoData::Ok | NoData::Fire => lasted.min(self.no_data_for),
        }
    }

    /// Whether silence since this moment means something by now.
    pub(super) fn is_meant(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.no_data != NoData::Keep && now - since >= self.no_data_for
    }

    /// The levels that are on when there is nothing to read and the rule says to fire.
    fn all_that_fire(&self) -> PerLevel<bool> {
        let mut holds = PerLevel::default();
        if let Some(worst) = LEVELS
            .into_iter()
            .find(|level| self.lasting.get(*level).is_some())
        {
            *holds.get_mut(worst) = true;
        }
        holds
    }
}

/// What is known about a rule between two ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Since when each level's condition has held.
    pub active_at: PerLevel<Option<DateTime<Utc>>>,
    /// Since when there has been nothing to read.
    pub no_data_since: Option<DateTime<Utc>>,
    /// The level at which the alert is firing.
    pub firing: Option<Level>,
    /// The first tick at which a firing alert's conditions were all off, later by as long as nobody saw them since.
    pub cleared_at: Option<DateTime<Utc>>,
}

/// What a tick did to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Fired {
        level: Level,
        active_at: DateTime<Utc>,
    },
    /// The same alert at another level. A worse one voids the acknowledgement.
    Moved {
        from: Level,
        to: Level,
    },
    Resolved,
}

impl Track {
    /// Since when the rule's condition has held without having lasted long enough.
    #[must_use]
    pub fn pending_since(&self) -> Option<DateTime<Utc>> {
        if self.firing.is_some() {
            return None;
        }
        LEVELS
            .into_iter()
            .filter_map(|level| *self.active_at.get(level))
            .min()
    }

    /// One tick at `at`.
    pub fn tick(&mut self, at: DateTime<Utc>, verdict: Verdict, policy: &Policy) -> Option<Change> {
        self.tick_since(at, at, verdict, policy)
    }

    /// [`Track::tick`] where it is known that what has become true since the last tick has been so since `began`.
    pub fn tick_since(
        &mut self,
        at: DateTime<Utc>,
        began: DateTime<Utc>,
        verdict: Verdict,
        policy: &Policy,
    ) -> Option<Change> {
        // Silence has a hold of its own: what it lights has lasted already.
        let silent = verdict == Verdict::NoData;
        let holds = self.read(at, verdict, policy)?;
        for level in LEVELS {
            let active_at = self.active_at.get_mut(level);
            *active_at = match (holds.get(level), *active_at) {
                (true, since) => since.or(Some(began)),
                (false, _) => None,
            };
        }
        let on = LEVELS
            .into_iter()
            .find(|level| self.active_at.get(*level).is_some());
        let ripe = LEVELS
            .into_iter()
            .find(|level| (silent && *holds.get(*level)) || self.is_ripe(*level, at, policy));
        match self.firing {
            None => self.fire(ripe?),
            Some(level) => self.stay(level, on, ripe, at, policy),
        }
    }

    /// Which levels hold, or nothing when this tick is to change nothing.
    fn read(
        &mut self,
        at: DateTime<Utc>,
        verdict: Verdict,
        policy: &Policy,
    ) -> Option<PerLevel<bool>> {
        match verdict {
            Verdict::Error => {
                self.interrupt();
                None
            }
            Verdict::Holds(holds) => {
                let unseen = self.unseen(at, policy);
                self.cleared_at = self.cleared_at.map(|cleared| cleared + unseen);
                self.no_data_since = None;
                Some(holds)
            }
            Verdict::NoData => {
                let since = *self.no_data_since.get_or_insert(at);
                if at - since < policy.no_data_for {
                    return None;
                }
                match policy.no_data {
                    NoData::Keep => {
                        self.drop_pending();
                        None
                    }
                    NoData::Ok => Some(PerLevel::default()),
                    NoData::Fire => Some(policy.all_that_fire()),
                }
            }
        }
    }

    /// How much of the time since it was cleared there was nothing to read and nothing was made of that.
    pub(super) fn unseen(&self, at: DateTime<Utc>, policy: &Policy) -> TimeDelta {
        let (Some(cleared), Some(since)) = (self.cleared_at, self.no_data_since) else {
            return TimeDelta::zero();
        };
        let until = match policy.no_data {
            NoData::Keep => at,
            NoData::Ok | NoData::Fire => at.min(since + policy.no_data_for),
        };
        (until - since.max(cleared)).max(TimeDelta::zero())
    }

    /// The rule could not be evaluated. That changes no alert; what was only on its way has not lasted, and neither
    /// has a time without data, which this is not, nor the absence of what it is about, which nobody saw.
    pub fn interrupt(&mut self) {
        self.drop_pending();
        self.no_data_since = None;
        self.cleared_at = None;
    }

    /// What is lit stays so while there is nothing to read. What was only on its way has not lasted: nobody
    /// saw it last.
    fn drop_pending(&mut self) {
        for level in LEVELS {
            if self.firing.is_none_or(|firing| level > firing) {
                *self.active_at.get_mut(level) = None;
            }
        }
    }

    fn is_ripe(&self, level: Level, at: DateTime<Utc>, policy: &Policy) -> bool {
        match (self.active_at.get(level), policy.lasting.get(level)) {
            (Some(since), Some(lasting)) => at - *since >= *lasting,
            _ => false,
        }
    }

    fn fire(&mut self, level: Level) -> Option<Change> {
        let active_at = (*self.active_at.get(level))?;
        self.firing = Some(level);
        self.cleared_at = None;
        Some(Change::Fired { level, active_at })
    }

    /// A firing alert rises when a worse level is ripe, sinks when only lesser ones still hold, and
    /// goes out when none has held for long enough.
    fn stay(
        &mut self,
        level: Level,
        on: Option<Level>,
        ripe: Option<Level>,
        at: DateTime<Utc>,
        policy: &Policy,
    ) -> Option<Change> {
        let Some(on) = on else {
            let cleared_at = *self.cleared_at.get_or_insert(at);
            if at - cleared_at - self.unseen(at, policy) < policy.keep_firing_for {
                return None;
            }
            self.firing = None;
            self.cleared_at = None;
            return Some(Change::Resolved);
        };
        self.cleared_at = None;
        let to = match ripe {
            Some(ripe) if ripe > level => ripe,
            _ => level.min(on),
        };
        if to == level {
            return None;
        }
        self.firing = Some(to);
        Some(Change::Moved { from: level, to })
    }
}

/// Identity over levels, replicas and releases: FNV-1a-64 over the labels in the order of their
/// names, each name and value closed by 0xFF, as Prometheus does it.
#[must_use]
pub fn fingerprint(labels: &[(&str, &str)]) -> String {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let mut bytes = Vec::new();
    for (name, value) in labels {
        for part in [name, value] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0xff);
        }
    }
    format!("{:016x}", crate::features::health::probe::fnv1a_64(&bytes))
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
