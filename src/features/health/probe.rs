//! A probe's life: when it runs, what a run's outcome is, and when it counts as up, down or unknown.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::cache::Tally;
use super::exposition::Value;
use crate::features::packs::pack::{Measure, Probe, ProbeState};

/// Why a run failed, told apart because each sends a person to a different place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Nothing listens there.
    Refused,
    Timeout,
    /// The name does not resolve.
    Dns,
    Tls,
    /// It listens, and does not accept our credentials.
    Authentication,
    /// It answered, and not what the pack expects.
    WrongAnswer,
}

impl ErrorKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::WrongAnswer => "wrong_answer",
        }
    }

    /// For people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Timeout => "timeout",
            Self::Dns => "name not found",
            Self::Tls => "TLS failed",
            Self::Authentication => "wrong credentials",
            Self::WrongAnswer => "wrong answer",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How one attempt, and in the end one run, came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Good(Vec<(Measure, f64)>),
    Failed(Failure),
    /// It says nothing about the target: our own network was away, or the run was missed.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub kind: ErrorKind,
    pub message: String,
    /// What could be read all the same.
    pub measures: Vec<(Measure, f64)>,
}

impl Failure {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            measures: Vec::new(),
        }
    }
}

impl Outcome {
    pub fn failed(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(kind, message))
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Good(_) => "good",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The figures that the run brought.
    #[must_use]
    pub fn measures(&self) -> &[(Measure, f64)] {
        match self {
            Self::Good(measures) => measures,
            Self::Failed(failure) => &failure.measures,
            Self::Unknown(_) => &[],
        }
    }

    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Good(_) => "",
            Self::Failed(failure) => &failure.message,
            Self::Unknown(reason) => reason,
        }
    }
}

/// One run, finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub at: DateTime<Utc>,
    pub outcome: Outcome,
    /// Time to the answer of the last attempt. A timeout has waited that long; a refusal says nothing, and
    /// a host or a file is not asked.
    pub latency_us: Option<i64>,
    pub attempts: u32,
    /// What the next run counts from.
    pub tally: Option<Tally>,
    /// What is kept of a page of metrics.
    pub scraped: Vec<Value>,
}

/// Where a probe stands, and how far it is towards standing elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: ProbeState,
    pub since: DateTime<Utc>,
    /// Failures and successes in a row; at most one of them is above zero.
    pub failures: u32,
    pub successes: u32,
}

impl Standing {
    #[must_use]
    pub const fn unknown(since: DateTime<Utc>) -> Self {
        Self {
            state: ProbeState::Unknown,
            since,
            failures: 0,
            successes: 0,
        }
    }

    /// Where it stands after `outcome`. The state changes only when enough of the same came in a row;
    /// not knowing changes it at once, because anything else would be a claim.
    #[must_use]
    pub fn after(self, outcome: &Outcome, at: DateTime<Utc>, probe: &Probe) -> Self {
        let (failures, successes) = match outcome {
            Outcome::Good(_) => (0, self.successes.saturating_add(1)),
            Outcome::Failed(_) => (self.failures.saturating_add(1), 0),
            Outcome::Unknown(_) => (0, 0),
        };
        let state = match outcome {
            Outcome::Good(_) if successes >= probe.successes_to_up => ProbeState::Up,
            Outcome::Failed(_) if failures >= probe.failures_to_down => ProbeState::Down,
            Outcome::Unknown(_) => ProbeState::Unknown,
            _ => self.state,
        };
        let since = if state == self.state { self.since } else { at };
        Self {
            state,
            since,
            failures,
            successes,
        }
    }
}

/// The first slot after `after`: slots are aligned to the epoch and moved by a hash of the probe's
/// id, so that every replica agrees on them and not all probes run at once.
#[must_use]
pub fn next_slot(after: DateTime<Utc>, interval_ms: i64, id: &[u8]) -> DateTime<Utc> {
    let interval = interval_ms.max(1);
    let offset = i64::try_from(fnv1a_64(id) % interval.unsigned_abs()).unwrap_or(0);
    let passed = (after.timestamp_millis() - offset).rem_euclid(interval);
    let slot = after.timestamp_millis() - passed + interval;
    DateTime::from_timestamp_millis(slot).unwrap_or(after)
}

/// How many slots lie after `due` and at or before `now`: runs that should have been and were not.
#[must_use]
pub fn slots_missed(due: DateTime<Utc>, now: DateTime<Utc>, interval_ms: i64) -> i64 {
    (now - due).num_milliseconds().max(0) / interval_ms.max(1)
}

/// A run that is later than this has not been: nobody runs the probe, and nobody knows how it stands. It
/// may take as long as a run can, and wait a while to be taken up and noted.
#[must_use]
pub fn silent_after(due: DateTime<Utc>, probe: &Probe) -> DateTime<Utc> {
    const SLACK: TimeDelta = TimeDelta::seconds(10);
    due + probe.longest_run().delta() + SLACK
}

/// The pause before a retry: one second, ±20 % by `spread` (0 to 1), so that probes that failed
/// together do not come back together.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "between 800 and 1,200")]
pub fn retry_pause(spread: f64) -> TimeDelta {
    TimeDelta::milliseconds(800 + (spread.clamp(0.0, 1.0) * 400.0) as i64)
}

/// FNV-1a with 64 bits: small, stable over releases and replicas, and not for secrets.
#[must_use]
pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::packs::pack::{Check, Tcp};
    use crate::features::packs::quantity::Lasting;

    fn a_probe() -> Probe {
        Probe {
            id: "api".into(),
            service: "api".into(),
            check: Check::Tcp(Tcp {
                address: "localhost:1".into(),
            }),
            interval: Lasting::from_secs(30),
            timeout: None,
            retries: 1,
            failures_to_down: 3,
            successes_to_up: 2,
        }
    }

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(secs, 0).unwrap()
    }

    /// `g` good, `f` failed, `u` unknown; one state letter after each.
    fn states(outcomes: &str) -> String {
        let mut standing = Standing::unknown(at(0));
        let each = outcomes.chars().zip(1..).map(|(letter, secs)| {
            let outcome = match letter {
                'g' => Outcome::Good(Vec::new()),
                'f' => Outcome::failed(ErrorKind::Refused, ""),
                _ => Outcome::Unknown(String::new()),
            };
            standing = standing.after(&outcome, at(secs), &a_probe());
            match standing.state {
                ProbeState::Up => 'U',
                ProbeState::Down => 'D',
                ProbeState::Unknown => '?',
            }
        });
        each.collect()
    }

    #[test]
    fn three_failures_take_it_down_and_two_successes_bring_it_up() {
        assert_eq!(states("gg"), "?U");
        assert_eq!(states("ggffgfff"), "?UUUUUUD");
        assert_eq!(states("fffgfgg"), "??DDDDU");
    }

    #[test]
    fn not_knowing_is_neither_and_starts_the_count_anew() {
        assert_eq!(states("ggug"), "?U??");
        assert_eq!(states("ffuffff"), "?????DD");
    }

    #[test]
    fn since_is_when_the_state_changed() {
        let failed = Outcome::failed(ErrorKind::Timeout, "");
        let mut standing = Standing::unknown(at(0));
        for secs in 1..=5 {
            standing = standing.after(&failed, at(secs), &a_probe());
        }
        assert_eq!((standing.state, standing.since), (ProbeState::Down, at(3)));
    }

    proptest! {
        #[test]
        fn slots_are_one_interval_apart_and_the_same_for_all(
            secs in 0_i64..4_000_000_000, interval in 1_000_i64..86_400_000, id in any::<[u8; 16]>()
        ) {
            let first = next_slot(at(secs), interval, &id);
            prop_assert!(first > at(secs) && first - at(secs) <= TimeDelta::milliseconds(interval));
            prop_assert_eq!(next_slot(first, interval, &id) - first, TimeDelta::milliseconds(interval));
            prop_assert_eq!(slots_missed(first, next_slot(first, interval, &id), interval), 1);
        }

        #[test]
        fn it_is_never_down_without_enough_failures_in_a_row(outcomes in "[gfu]{0,40}") {
            for (end, state) in states(&outcomes).char_indices() {
                let row = outcomes[..=end].chars().rev().take_while(|c| *c == 'f').count();
                prop_assert!(row < 3 || state == 'D');
            }
        }

        #[test]
        fn a_retry_waits_a_second_give_or_take_a_fifth(spread in 0.0_f64..=1.0) {
            let pause = retry_pause(spread).num_milliseconds();
            prop_assert!((800..=1200).contains(&pause));
        }
    }
}
