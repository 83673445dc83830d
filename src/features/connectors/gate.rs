//! The door that every call goes through.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::breaker::{Admission, Refused, State, Turn, WAIT_OF_OURS, Why};
use super::store::calls::Ended;
use super::store::{self, BreakerId, Held, New, calls, turns};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Tx, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};

/// How often a step is taken anew because somebody else turned the breaker meanwhile.
const TRIES: usize = 5;

/// Who turns breakers when nobody does by hand.
fn ourselves() -> Actor {
    Actor::job("connectors")
}

/// Leave to call, to be given back with what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    breaker: BreakerId,
    trial: Option<Uuid>,
}

impl Pass {
    /// For a call that somebody makes by hand, whatever the state: its verdict counts only where every call's does.
    #[must_use]
    pub const fn by_hand(breaker: BreakerId) -> Self {
        Self {
            breaker,
            trial: None,
        }
    }
}

/// Whether a call may go out.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    Open(Pass),
    /// It is short-circuited. There is no use in asking again before `until`, where that is known.
    Shut {
        until: Option<DateTime<Utc>>,
        why: Refused,
    },
}

/// The breaker before a way out of our own, made with the first call.
pub fn own(
    services: &Services,
    dependency: &str,
    operation: &str,
    name: &str,
) -> db::Result<BreakerId> {
    let now = services.clock.now();
    let new = New {
        platform: None,
        connector: None,
        dependency,
        operation,
        name,
        due_at: None,
    };
    services
        .audit
        .write_unaudited(Unaudited::Call, |conn| store::enrol(conn, &new, now))
}

/// Nothing is called there any more.
pub fn forget(tx: &mut Tx<'_>, dependency: &str) -> db::Result<()> {
    let now = tx.now();
    let ids = store::of_dependency(tx, dependency)?;
    store::retire(tx, &ids, now)
}

/// Asks whether a call may go out.
pub fn ask(services: &Services, id: BreakerId) -> db::Result<Gate> {
    let trial = Uuid::new_v4();
    let admission = step(services, id, |held, now| {
        let mut turned = Vec::new();
        turned.extend(held.breaker.advance(now, rand::random()));
        let (admission, turn) = held.breaker.admit(now, trial);
        turned.extend(turn);
        if matches!(admission, Admission::ShortCircuited { .. }) {
            held.tally.short_circuited += 1;
        }
        (admission, turned)
    })?;
    Ok(match admission {
        Admission::Go { trial } => Gate::Open(Pass { breaker: id, trial }),
        Admission::ShortCircuited { until, why } => {
            metrics::counter!("breaker_short_circuited_total").increment(1);
            Gate::Shut { until, why }
        }
    })
}

/// Tells what came of a call.
pub fn tell(services: &Services, pass: Pass, ended: &Ended) -> db::Result<()> {
    let verdict = ended.verdict;
    metrics::counter!("breaker_calls_total", "verdict" => verdict.as_str()).increment(1);
    let Pass { breaker, trial } = pass;
    let noted = step_with(
        services,
        breaker,
        |held, now| {
            let turned = held.hear(verdict, trial, now);
            ((), turned.into_iter().collect())
        },
        |conn, now| calls::insert(conn, breaker, ended, trial.is_some(), now),
    );
    match noted {
        // It was retired while the call went on.
        Err(db::Error::NotFound) => Ok(()),
        noted => noted,
    }
}

impl Held {
    fn hear(
        &mut self,
        verdict: super::breaker::Verdict,
        trial: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Option<Turn> {
        use super::breaker::Verdict::{Answered, Failed, Limited};
        self.tally.add(verdict);
        self.called_at = Some(now);
        match verdict {
            Failed => self.failing_since = self.failing_since.or(Some(now)),
            // One trial that is answered mends nothing yet.
            Answered if self.breaker.state == State::Closed => self.failing_since = None,
            _ => {}
        }
        let verdict = match verdict {
            Limited(Some(wait)) if self.connector.is_none() => {
                Limited(Some(wait.min(WAIT_OF_OURS)))
            }
            verdict => verdict,
        };
        let turn = self.breaker.hear(verdict, trial, now, rand::random());
        if turn.is_some_and(|turn| turn.now == State::Closed) {
            self.failing_since = None;
        }
        turn
    }
}

/// Turns those that time alone turns. Returns how many.
pub fn notice(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let overdue = services
        .db
        .read_on(PoolKind::Jobs, |conn| store::overdue(conn, now))?;
    let mut turned = 0;
    for id in overdue {
        turned += step(services, id, |held, now| {
            let turns: Vec<Turn> = held
                .breaker
                .advance(now, rand::random())
                .into_iter()
                .collect();
            (turns.len(), turns)
        })?;
    }
    Ok(turned)
}

/// One step of a breaker, on its locked row.
fn step<T>(
    services: &Services,
    id: BreakerId,
    take: impl Fn(&mut Held, DateTime<Utc>) -> (T, Vec<Turn>),
) -> db::Result<T> {
    step_with(services, id, take, |_, _| Ok(()))
}

/// Most calls turn nothing, and are noted without an event. One that does is looked at again in a transaction that
/// records what it turned.
fn step_with<T>(
    services: &Services,
    id: BreakerId,
    take: impl Fn(&mut Held, DateTime<Utc>) -> (T, Vec<Turn>),
    also: impl Fn(&mut Conn, DateTime<Utc>) -> db::Result<()>,
) -> db::Result<T> {
    let now = services.clock.now();
    for _ in 0..TRIES {
        let quiet = services.audit.write_unaudited(Unaudited::Call, |conn| {
            let mut held = store::lock(conn, id)?;
            let (out, turned) = take(&mut held, now);
            if !turned.is_empty() {
                return Ok(None);
            }
            store::save(conn, &held)?;
            also(conn, now)?;
            Ok::<_, db::Error>(Some(out))
        })?;
        if let Some(out) = quiet {
            return Ok(out);
        }
        let turned = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
            let mut held = store::lock(tx, id)?;
            let (out, turned) = take(&mut held, now);
            if turned.is_empty() {
                return Err(db::Error::NoEvent);
            }
            store::save(tx, &held)?;
            also(tx, now)?;
            for turn in &turned {
                turns::insert(tx, id, turn, None)?;
                tx.record(event(&held, turn))?;
            }
            Ok(out)
        });
        match turned {
            Ok(out) => return Ok(out),
            Err(db::Error::NoEvent) => {}
            Err(error) => return Err(error),
        }
    }
    let why = "a breaker turns faster than a call can be noted";
    Err(db::Error::Unavailable(why.to_owned()))
}

/// What the log is told of a turn.
pub(super) fn event(held: &Held, turn: &Turn) -> Event {
    let (kind, outcome) = match turn.now {
        State::Closed if turn.why == Why::Reset => ("breaker.wait_ended", Outcome::Success),
        State::Open => ("breaker.opened", Outcome::Failure),
        State::HalfOpen => ("breaker.half_opened", Outcome::Success),
        State::Closed => ("breaker.closed", Outcome::Success),
        State::Disabled => ("breaker.disabled", Outcome::Success),
        State::ForcedOpen => ("breaker.forced_open", Outcome::Success),
    };
    let event = Event::new(kind, Subject::new("breaker", held.id))
        .outcome(outcome)
        .detail("dependency", held.dependency.as_str())
        .detail("operation", held.operation.as_str())
        .detail("was", turn.was.as_str())
        .detail("now", turn.now.as_str())
        .detail("why", turn.why.as_str());
    match held.platform {
        Some(platform) => event.platform(platform),
        None => event,
    }
}
