//! The life of an alert: pending, firing, resolved. Pure: what time it is and what was read come in,
//! what changed goes out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::features::packs::pack::{NoData, Rule};
use crate::foundation::kernel::Level;

/// The longest that an acknowledgement holds; after it the clock runs again.
pub const ACKNOWLEDGED_AT_MOST: TimeDelta = TimeDelta::hours(8);

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
    /// The first tick at which a firing alert's conditions were all off.
    pub cleared_at: Option<DateTime<Utc>>,
}

/// What a tick did to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Fired {
        level: Level,
        active_at: DateTime<Utc>,
    },
    /// The same alert at another level. From yellow to red voids the acknowledgement.
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
        let holds = self.read(at, verdict, policy)?;
        for level in LEVELS {
            let active_at = self.active_at.get_mut(level);
            *active_at = match (holds.get(level), *active_at) {
                (true, since) => since.or(Some(at)),
                (false, _) => None,
            };
        }
        let on = LEVELS
            .into_iter()
            .find(|level| self.active_at.get(*level).is_some());
        let ripe = LEVELS
            .into_iter()
            .find(|level| self.is_ripe(*level, at, policy));
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
            Verdict::Error => None,
            Verdict::Holds(holds) => {
                self.no_data_since = None;
                Some(holds)
            }
            Verdict::NoData => {
                let since = *self.no_data_since.get_or_insert(at);
                if at - since < policy.no_data_for {
                    return None;
                }
                match policy.no_data {
                    NoData::Keep => None,
                    NoData::Ok => Some(PerLevel::default()),
                    NoData::Fire => Some(policy.all_that_fire()),
                }
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
            if at - cleared_at < policy.keep_firing_for {
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

    /// After a pause in which nobody evaluated: what was pending has not lasted during it.
    pub fn skip(&mut self, pause: TimeDelta) {
        for level in LEVELS {
            if let Some(since) = self.active_at.get_mut(level) {
                *since += pause;
            }
        }
        for since in [&mut self.no_data_since, &mut self.cleared_at]
            .into_iter()
            .flatten()
        {
            *since += pause;
        }
    }
}

/// By when a firing alert wants to be acknowledged. Blue: the end of the next business day (weekends
/// are not; holidays come with the calendar), in UTC.
#[must_use]
pub fn acknowledge_by(level: Level, since: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::{Datelike, NaiveTime, Weekday};
    match level {
        Level::Red => since + TimeDelta::minutes(15),
        Level::Yellow => since + TimeDelta::hours(1),
        Level::Blue => {
            let mut day = since.date_naive();
            loop {
                day = day.succ_opt().unwrap_or(day);
                if !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
                    break;
                }
            }
            let evening = NaiveTime::from_hms_opt(17, 0, 0).unwrap_or_default();
            day.and_time(evening).and_utc()
        }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
    }

    fn policy(red: Option<i64>, yellow: Option<i64>, keep: i64) -> Policy {
        Policy {
            lasting: PerLevel {
                red: red.map(TimeDelta::seconds),
                yellow: yellow.map(TimeDelta::seconds),
                blue: None,
            },
            keep_firing_for: TimeDelta::seconds(keep),
            no_data: NoData::Keep,
            no_data_for: TimeDelta::zero(),
        }
    }

    fn holds(red: bool, yellow: bool) -> Verdict {
        Verdict::Holds(PerLevel {
            red,
            yellow,
            blue: false,
        })
    }

    const NO: Verdict = Verdict::Holds(PerLevel {
        red: false,
        yellow: false,
        blue: false,
    });

    #[test]
    fn the_fingerprint_is_the_published_one() {
        assert_eq!(fingerprint(&[("alertname", "ok")]), "01167342b0fed1b2");
        assert_eq!(
            fingerprint(&[("b", "2"), ("a", "1")]),
            fingerprint(&[("a", "1"), ("b", "2")])
        );
    }

    #[test]
    fn it_fires_when_the_condition_has_lasted() {
        let (mut track, policy) = (Track::default(), policy(Some(60), None, 0));
        assert_eq!(track.tick(at(0), holds(true, false), &policy), None);
        assert_eq!(track.pending_since(), Some(at(0)));
        assert_eq!(track.tick(at(59), holds(true, false), &policy), None);
        let fired = Change::Fired {
            level: Level::Red,
            active_at: at(0),
        };
        assert_eq!(track.tick(at(60), holds(true, false), &policy), Some(fired));
        assert_eq!(track.tick(at(61), NO, &policy), Some(Change::Resolved));
    }

    #[test]
    fn without_a_hold_it_fires_at_once_and_what_was_pending_is_dropped() {
        let mut track = Track::default();
        assert!(
            track
                .tick(at(0), holds(true, false), &policy(Some(0), None, 0))
                .is_some()
        );
        let (mut track, slow) = (Track::default(), policy(Some(60), None, 0));
        track.tick(at(0), holds(true, false), &slow);
        track.tick(at(30), NO, &slow);
        assert_eq!(track, Track::default());
        track.tick(at(31), holds(true, false), &slow);
        assert_eq!(
            track.tick(at(61), holds(true, false), &slow),
            None,
            "the count began anew"
        );
    }

    #[test]
    fn it_is_kept_from_the_first_false_tick() {
        let (mut track, policy) = (Track::default(), policy(Some(0), None, 60));
        track.tick(at(0), holds(true, false), &policy);
        assert_eq!(track.tick(at(10), NO, &policy), None);
        assert_eq!(track.tick(at(40), holds(true, false), &policy), None);
        assert_eq!(track.tick(at(50), NO, &policy), None);
        assert_eq!(track.tick(at(109), NO, &policy), None);
        assert_eq!(track.tick(at(110), NO, &policy), Some(Change::Resolved));
    }

    #[test]
    fn one_alert_moves_between_levels() {
        let (mut track, policy) = (Track::default(), policy(Some(10), Some(0), 0));
        track.tick(at(0), holds(false, true), &policy);
        assert_eq!(track.firing, Some(Level::Yellow));
        assert_eq!(
            track.tick(at(1), holds(true, true), &policy),
            None,
            "red has not lasted yet"
        );
        let up = Change::Moved {
            from: Level::Yellow,
            to: Level::Red,
        };
        assert_eq!(track.tick(at(11), holds(true, true), &policy), Some(up));
        let down = Change::Moved {
            from: Level::Red,
            to: Level::Yellow,
        };
        assert_eq!(track.tick(at(12), holds(false, true), &policy), Some(down));
        assert_eq!(track.tick(at(13), NO, &policy), Some(Change::Resolved));
    }

    #[test]
    fn an_error_changes_nothing() {
        let (mut track, policy) = (Track::default(), policy(Some(60), None, 0));
        track.tick(at(0), holds(true, false), &policy);
        let before = track;
        assert_eq!(track.tick(at(500), Verdict::Error, &policy), None);
        assert_eq!(track, before);
    }

    #[test]
    fn no_data_is_kept_fired_or_taken_for_good_after_its_hold() {
        let base = Policy {
            no_data_for: TimeDelta::seconds(30),
            ..policy(Some(0), None, 0)
        };
        let run = |no_data, firing| {
            let mut track = Track {
                firing,
                ..Track::default()
            };
            let policy = Policy { no_data, ..base };
            let early = track.tick(at(0), Verdict::NoData, &policy);
            assert_eq!(early, None, "the hold comes first");
            track.tick(at(30), Verdict::NoData, &policy);
            track.firing
        };
        assert_eq!(run(NoData::Keep, None), None);
        assert_eq!(run(NoData::Keep, Some(Level::Red)), Some(Level::Red));
        assert_eq!(run(NoData::Fire, None), Some(Level::Red));
        assert_eq!(run(NoData::Ok, Some(Level::Red)), None);
    }

    #[test]
    fn a_restart_does_not_count_as_lasting() {
        let (mut track, policy) = (Track::default(), policy(Some(60), None, 0));
        track.tick(at(0), holds(true, false), &policy);
        track.skip(TimeDelta::seconds(1_000));
        assert_eq!(track.tick(at(1_059), holds(true, false), &policy), None);
        assert!(track.tick(at(1_060), holds(true, false), &policy).is_some());
    }

    #[test]
    fn the_clocks_to_acknowledge() {
        assert_eq!(
            acknowledge_by(Level::Red, at(0)) - at(0),
            TimeDelta::minutes(15)
        );
        assert_eq!(
            acknowledge_by(Level::Yellow, at(0)) - at(0),
            TimeDelta::hours(1)
        );
        let friday = "2026-11-20T10:00:00Z".parse().unwrap();
        let monday: DateTime<Utc> = "2026-11-23T17:00:00Z".parse().unwrap();
        assert_eq!(acknowledge_by(Level::Blue, friday), monday);
    }

    proptest! {
        #[test]
        fn changes_alternate_and_firing_always_had_lasted(
            ticks in prop::collection::vec((0_u8..5, 1_i64..40), 0..60), hold in 0_i64..60, keep in 0_i64..60
        ) {
            let policy = policy(Some(hold), Some(0), keep);
            let (mut track, mut now, mut lit) = (Track::default(), 0, None);
            for (kind, step) in ticks {
                now += step;
                let before = track;
                let verdict = match kind {
                    0 => holds(true, true),
                    1 => holds(false, true),
                    2 => Verdict::NoData,
                    3 => Verdict::Error,
                    _ => NO,
                };
                match track.tick(at(now), verdict, &policy) {
                    Some(Change::Fired { level, active_at }) => {
                        prop_assert_eq!(lit.replace(level), None);
                        prop_assert!(at(now) - active_at >= policy.lasting.get(level).unwrap());
                    }
                    Some(Change::Moved { from, to }) => {
                        prop_assert_eq!(lit.replace(to), Some(from));
                        prop_assert_ne!(from, to);
                    }
                    Some(Change::Resolved) => {
                        prop_assert!(lit.take().is_some());
                        prop_assert_eq!(verdict, NO, "only a false condition puts it out");
                    }
                    None => {}
                }
                prop_assert_eq!(track.firing, lit);
                if verdict == Verdict::Error {
                    prop_assert_eq!(track, before);
                }
            }
        }
    }
}
