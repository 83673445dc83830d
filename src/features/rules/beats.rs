//! How heartbeats and connectors stood, moment by moment, from single pings and calls. Pure.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::replay::Said;
use crate::features::alerts::rule::{Beat, Reading};
use crate::features::connectors::breaker::State;
use crate::features::heartbeats::heartbeat::{
    Expected, Heartbeat, Signal, Standing, State as BeatState,
};
use crate::features::packs::pack::Is;

/// A ping that came.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    pub at: DateTime<Utc>,
    pub signal: Signal,
    pub run: Option<Uuid>,
}

/// How a heartbeat stood from its first ping on, with what is expected of it now: at each ping, when the next was due, and
/// at its deadline.
#[must_use]
pub fn stood(expected: &Expected, came: &[Came], until: DateTime<Utc>) -> Vec<Said> {
    let Some(first) = came.first() else {
        return Vec::new();
    };
    let mut beat = Heartbeat::new(first.at);
    let mut said: Vec<Said> = Vec::new();
    for (index, ping) in came.iter().enumerate() {
        beat.hear(expected, ping.signal, ping.run, ping.at);
        let next = came.get(index + 1).map_or(until, |next| next.at);
        let deadline = beat.deadline(expected).map(|(at, _)| at);
        let turns = [Some(ping.at), beat.due(expected), deadline];
        let mut turns: Vec<_> = turns.into_iter().flatten().collect();
        turns.retain(|at| *at >= ping.at && (*at == ping.at || *at < next));
        turns.sort_unstable();
        for at in turns {
            let reading = reading(&beat, expected, at);
            said.push(Said::reads(at, reading));
        }
    }
    said
}

/// As a rule reads it.
fn reading(beat: &Heartbeat, expected: &Expected, at: DateTime<Utc>) -> Reading {
    let (standing, since) = beat.standing(expected, at);
    let is = match standing {
        Standing::Down | Standing::Failed => Is::Down,
        Standing::Late => Is::Late,
        Standing::New | Standing::Started if beat.state == BeatState::New => {
            return Reading::Nothing;
        }
        Standing::New | Standing::Started | Standing::Up => Is::Up,
    };
    Reading::Beat(Beat { is, since })
}

/// What a breaker was told, or what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Answered,
    Failed,
    Turned(State),
}

/// Something that a breaker heard.
#[derive(Clone, Copy, Debug)]
pub struct Call<N> {
    pub of: N,
    pub at: DateTime<Utc>,
    pub heard: Heard,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    state: State,
    since: DateTime<Utc>,
    failing_since: Option<DateTime<Utc>>,
}

impl Known {
    /// As a rule reads it: cut off since the first of the failures that opened it.
    fn stands(&self) -> (Is, DateTime<Utc>) {
        match (self.state, self.failing_since) {
            (State::Open | State::HalfOpen, failing) => (Is::Open, failing.unwrap_or(self.since)),
            (State::ForcedOpen, _) => (Is::Open, self.since),
            (State::Disabled, _) => (Is::Disabled, self.since),
            (State::Closed, Some(since)) => (Is::Failing, since),
            (State::Closed, None) => (Is::Up, self.since),
        }
    }

    fn hear(&mut self, heard: Heard, at: DateTime<Utc>) {
        match heard {
            Heard::Failed => self.failing_since = self.failing_since.or(Some(at)),
            // One trial that is answered mends nothing yet.
            Heard::Answered if self.state == State::Closed => self.failing_since = None,
            Heard::Answered => {}
            Heard::Turned(state) => {
                (self.state, self.since) = (state, at);
                if state == State::Closed {
                    self.failing_since = None;
                }
            }
        }
    }
}

/// How the worst operation of a connector stood, from what its breakers heard, in order.
#[must_use]
pub fn worst<N: PartialEq + Copy>(calls: &[Call<N>]) -> Vec<Said> {
    let rank = |(is, _): &(Is, DateTime<Utc>)| match is {
        Is::Open => 3,
        Is::Disabled => 2,
        Is::Failing => 1,
        _ => 0,
    };
    let mut known: Vec<(N, Known)> = Vec::new();
    let mut said: Vec<Said> = Vec::new();
    let mut stands: Option<(Is, DateTime<Utc>)> = None;
    for call in calls {
        let place = known.iter().position(|(of, _)| *of == call.of);
        let place = place.unwrap_or_else(|| {
            let new = Known {
                state: State::Closed,
                since: call.at,
                failing_since: None,
            };
            known.push((call.of, new));
            known.len() - 1
        });
        known[place].1.hear(call.heard, call.at);
        let now = known.iter().map(|(_, it)| it.stands()).max_by_key(rank);
        if now.map(|(is, _)| is) == stands.map(|(is, _)| is) {
            continue;
        }
        stands = now;
        if let Some((is, since)) = now {
            let reading = Reading::Beat(Beat { is, since });
            match said.last_mut() {
                Some(last) if last.at == call.at => *last = Said::reads(call.at, reading),
                _ => said.push(Said::reads(call.at, reading)),
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::features::heartbeats::heartbeat::Schedule;
    use crate::features::rules::replay::What;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    /// At which minute it began to stand how, and since which it was told to.
    fn told(said: &[Said]) -> Vec<(i64, Option<Is>, i64)> {
        let minutes = |moment: DateTime<Utc>| (moment - at(0)).num_minutes();
        let one = |said: &Said| match &said.what {
            What::Reads(Reading::Beat(beat)) => {
                (minutes(said.at), Some(beat.is), minutes(beat.since))
            }
            _ => (minutes(said.at), None, minutes(said.at)),
        };
        said.iter().map(one).collect()
    }

    #[test]
    fn a_heartbeat_is_late_between_when_it_is_due_and_its_deadline() {
        let expected = Expected {
            schedule: Schedule::Every(TimeDelta::minutes(10)),
            grace: TimeDelta::minutes(5),
        };
        let came = [
            (0, Signal::Success),
            (12, Signal::Success),
            (40, Signal::Fail),
        ];
        let came = came.map(|(minute, signal)| Came {
            at: at(minute),
            signal,
            run: None,
        });
        assert_eq!(
            told(&stood(&expected, &came, at(60))),
            [
                (0, Some(Is::Up), 0),
                (10, Some(Is::Late), 10),
                (12, Some(Is::Up), 0),
                (22, Some(Is::Late), 22),
                (27, Some(Is::Down), 27),
                (40, Some(Is::Down), 27),
            ]
        );
        assert_eq!(stood(&expected, &[], at(60)), []);
    }

    #[test]
    fn a_run_that_has_begun_and_never_ended_is_down_after_its_grace() {
        let expected = Expected {
            schedule: Schedule::Every(TimeDelta::minutes(60)),
            grace: TimeDelta::minutes(5),
        };
        let came = [Came {
            at: at(0),
            signal: Signal::Start,
            run: None,
        }];
        assert_eq!(
            told(&stood(&expected, &came, at(60))),
            [(0, None, 0), (5, Some(Is::Down), 5)]
        );
    }

    #[test]
    fn a_connector_fails_from_the_first_failure_until_it_is_answered() {
        let call = |of, minute, heard| Call {
            of,
            at: at(minute),
            heard,
        };
        let calls = [
            call("a", 0, Heard::Turned(State::Closed)),
            call("b", 0, Heard::Turned(State::Closed)),
            call("a", 3, Heard::Failed),
            call("b", 4, Heard::Answered),
            call("a", 5, Heard::Failed),
            call("a", 5, Heard::Turned(State::Open)),
            call("a", 6, Heard::Turned(State::HalfOpen)),
            call("a", 6, Heard::Answered),
            call("a", 7, Heard::Turned(State::Closed)),
            call("b", 9, Heard::Failed),
            call("b", 10, Heard::Answered),
        ];
        assert_eq!(
            told(&worst(&calls)),
            [
                (0, Some(Is::Up), 0),
                (3, Some(Is::Failing), 3),
                (5, Some(Is::Open), 3),
                (7, Some(Is::Up), 0),
                (9, Some(Is::Failing), 9),
                (10, Some(Is::Up), 0),
            ]
        );
    }
}
