//! What is kept of what a rule reads, as what it said moment by moment. Each source takes a handful of statements,
//! however long the history is.

mod burns;
mod scraped;
mod single;

use chrono::{DateTime, TimeDelta, Utc};

use super::replay::{self, Said};
use super::said::{self, Looked, Stepped};
use crate::features::alerts::evaluate::TICK;
use crate::features::connectors::breaker::State;
use crate::features::connectors::store::turns as breakers;
use crate::features::health::probe;
use crate::features::health::store::samples::Span;
use crate::features::health::store::{measured, past};
use crate::features::heartbeats::store::pings;
use crate::features::logs::store::past as logs;
use crate::features::packs::pack::{
    Connector, EventType, Heartbeat, Indicator, Is, LinesOf, LogSource, MeasureOf, Probe, Rule,
    Source,
};
use crate::features::packs::store::{self as packs, Definition, Item};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

/// How far back a rule is held against what was.
pub const REACH: TimeDelta = TimeDelta::days(30);

/// What is kept of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Oldest first.
    pub said: Vec<Said>,
    /// In what it is kept, in words.
    pub grain: String,
    /// For how long it is kept; nothing where that is a matter of how many.
    pub kept: Option<TimeDelta>,
    /// Not everything that is kept is gone through, or may not be.
    pub is_cut: bool,
    /// How far apart a moment that is told and the one that was may be.
    pub slack: TimeDelta,
    /// What else somebody has to know who believes it.
    pub caveat: String,
    /// The unit of what is read, where the source does not say it.
    pub unit: String,
}

/// What can be gone through again, or why it cannot.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    Kept(History),
    NotKept(String),
}

impl From<History> for Past {
    fn from(history: History) -> Self {
        Self::Kept(history)
    }
}

impl History {
    fn new(said: Vec<Said>, grain: &str, slack: TimeDelta) -> Self {
        Self {
            said,
            grain: grain.to_owned(),
            kept: Some(REACH),
            is_cut: false,
            slack,
            caveat: String::new(),
            unit: String::new(),
        }
    }

    /// From when on there is something.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        let nothing = |said: &&Said| **said != Said::nothing(said.at);
        self.said.iter().find(nothing).map(|said| said.at)
    }
}

const MOMENT: TimeDelta = TimeDelta::seconds(10);
const STEPS: &str = "steps of five minutes";

/// Of which platform, and between which moments.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub platform: PlatformId,
    pub from: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

/// What is kept of what this rule reads.
///
/// # Errors
/// The database.
pub fn read(conn: &mut Conn, asked: Asked, rule: &Rule) -> db::Result<Past> {
    match &rule.on {
        Source::State(slug) => probe_of(conn, asked, slug, states),
        Source::Latency(slug) => {
            let results = replay::results(rule);
            let read = |conn: &mut Conn, asked, probe: &Item<Probe>| {
                latencies(conn, asked, probe, results)
            };
            probe_of(conn, asked, slug, read)
        }
        Source::Measure(of) => {
            let up = replay::looks_up(rule);
            let read =
                |conn: &mut Conn, asked, probe: &Item<Probe>| figures(conn, asked, probe, of, up);
            probe_of(conn, asked, &of.probe, read)
        }
        Source::Indicator(slug) => named(conn, asked, slug, "indicator", reports),
        Source::Age(slug) => named(conn, asked, slug, "indicator", ages),
        Source::Event(slug) => named(conn, asked, slug, "type of event", events),
        Source::Heartbeat(slug) => {
            let late = rule.levels().any(|(_, it)| it.is == Some(Is::Late));
            if late {
                return named(conn, asked, slug, "heartbeat", single::late);
            }
            named(conn, asked, slug, "heartbeat", beats)
        }
        Source::Log(of) => {
            let read = |conn: &mut Conn, asked, log: &Item<LogSource>| lines(conn, asked, log, of);
            named(conn, asked, &of.source, "log", read)
        }
        Source::Connector(slug) => {
            if rule.levels().any(|(_, it)| it.is == Some(Is::Failing)) {
                return named(conn, asked, slug, "connector", single::failing);
            }
            named(conn, asked, slug, "connector", calls)
        }
        Source::BurnRate(slug) => burns::read(conn, asked, slug),
        on => scraped::read(conn, asked, on, replay::looks_up(rule)),
    }
}

/// A history of something that the pack in force names.
fn named<T: Definition, P: Into<Past>>(
    conn: &mut Conn,
    asked: Asked,
    slug: &str,
    kind: &str,
    read: impl FnOnce(&mut Conn, Asked, &Item<T>) -> db::Result<P>,
) -> db::Result<Past> {
    match packs::by_slug::<T>(conn, asked.platform, slug) {
        Ok(item) => read(conn, asked, &item).map(Into::into),
        Err(db::Error::NotFound) => Ok(Past::NotKept(format!(
            "There is no {kind} \"{slug}\" in force yet, so there is nothing to go through."
        ))),
        Err(error) => Err(error),
    }
}

fn probe_of(
    conn: &mut Conn,
    asked: Asked,
    slug: &str,
    read: impl FnOnce(&mut Conn, Asked, &Item<Probe>) -> db::Result<History>,
) -> db::Result<Past> {
    named(conn, asked, slug, "probe", read)
}

/// How long after a result the next is heard of.
fn lasts(probe: &Probe) -> TimeDelta {
    let start = DateTime::UNIX_EPOCH;
    probe::silent_after(start + probe.interval.delta(), probe) - start
}

fn looked(conn: &mut Conn, asked: Asked, probe: &Item<Probe>) -> db::Result<Vec<Looked>> {
    let results = past::looked(conn, probe.id, asked.from)?;
    Ok(said::merged(&results, lasts(&probe.spec)))
}

fn states(conn: &mut Conn, asked: Asked, probe: &Item<Probe>) -> db::Result<History> {
    let states = past::states(conn, probe.id, asked.from)?;
    let said = said::states(&states.all, &looked(conn, asked, probe)?);
    let grain = "every change of the probe’s state; whether it was looked at at all, by the hour";
    Ok(History {
        is_cut: states.is_cut,
        ..History::new(said, grain, MOMENT)
    })
}

fn latencies(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    results: usize,
) -> db::Result<History> {
    let kept = Span::Minute.kept();
    let from = asked.from.max(asked.now - kept);
    let runs = past::latencies(conn, probe.id, from)?;
    let said = said::latencies(&runs.all, results, lasts(&probe.spec));
    let caveat = "Single results are kept for two days. What is kept of the time before is how many there were in each hour \
                  and how long they took, which does not say how many came in a row.";
    Ok(History {
        kept: Some(kept),
        is_cut: runs.is_cut,
        caveat: caveat.to_owned(),
        ..History::new(said, "every result", MOMENT)
    })
}

fn figures(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    of: &MeasureOf,
    up: bool,
) -> db::Result<History> {
    let steps = measured::since(conn, probe.id, of.name, asked.from)?;
    let stepped = steps.iter().map(|step| Stepped {
        begins: step.at,
        ends: (step.at + measured::STEP).min(asked.now),
        extreme: if up { step.high } else { step.low },
        last: step.last,
    });
    let stepped: Vec<Stepped> = stepped.collect();
    let said = said::stepped(&stepped, TICK, lasts(&probe.spec));
    Ok(History {
        caveat: PEAKS.to_owned(),
        ..History::new(said, STEPS, measured::STEP)
    })
}

const PEAKS: &str = "Of each step its last value counts until the next, and its worst for a moment: for how long that \
                     stood is not kept.";

fn reports(conn: &mut Conn, asked: Asked, indicator: &Item<Indicator>) -> db::Result<History> {
    let reports = past::reports(conn, indicator.id, asked.from)?;
    let good_for = indicator.spec.expect_every.map(|every| every.delta() * 2);
    let said = said::reported(&reports.all, good_for);
    Ok(History {
        unit: indicator.spec.unit.clone(),
        is_cut: reports.is_cut,
        ..History::new(said, "every report", MOMENT)
    })
}

fn ages(conn: &mut Conn, asked: Asked, indicator: &Item<Indicator>) -> db::Result<History> {
    let reports = past::reports(conn, indicator.id, asked.from)?;
    let said = said::ages(&reports.all, indicator.declared_at, reports.from);
    Ok(History {
        is_cut: reports.is_cut,
        ..History::new(said, "every report", MOMENT)
    })
}

fn events(conn: &mut Conn, asked: Asked, event: &Item<EventType>) -> db::Result<History> {
    let since = asked.from.max(event.declared_at);
    let events = past::events(conn, event.id, since)?;
    let said = said::events(&events.all, events.from);
    Ok(History {
        is_cut: events.is_cut,
        ..History::new(said, "every report", MOMENT)
    })
}

fn beats(conn: &mut Conn, asked: Asked, heartbeat: &Item<Heartbeat>) -> db::Result<History> {
    let turns = pings::turns(conn, heartbeat.id, asked.from)?;
    let turned = turns.iter().map(|turn| {
        let is = match turn.now.as_str() {
            "down" | "failed" => Some(Is::Down),
            "up" => Some(Is::Up),
            _ => None,
        };
        (turn.at, is)
    });
    let turned: Vec<_> = turned.collect();
    Ok(History::new(
        said::beats(&turned),
        "every turn of the heartbeat",
        MOMENT,
    ))
}

fn calls(conn: &mut Conn, asked: Asked, connector: &Item<Connector>) -> db::Result<History> {
    let since = asked.from.max(connector.declared_at);
    let turns = breakers::of_connector(conn, connector.id, since)?;
    let is_cut = turns.first().is_some_and(|(_, at, _)| *at > since);
    let stood = turns.iter().map(|(breaker, at, state)| {
        let is = match state {
            State::Open | State::HalfOpen | State::ForcedOpen => Is::Open,
            State::Disabled => Is::Disabled,
            State::Closed => Is::Up,
        };
        (*breaker, *at, is)
    });
    let stood: Vec<_> = stood.collect();
    let caveat = "It counts from when a breaker opened, and not from the first of the failures that opened it.";
    Ok(History {
        is_cut,
        caveat: caveat.to_owned(),
        ..History::new(said::worst(&stood), "every turn of its breakers", MOMENT)
    })
}

fn lines(
    conn: &mut Conn,
    asked: Asked,
    log: &Item<LogSource>,
    of: &LinesOf,
) -> db::Result<History> {
    let within = of.within.delta();
    let from = asked.from - within;
    // There were lines before those that are kept, unless the log came later.
    let is_whole = log.declared_at > from.max(asked.now - log.spec.keep.delta());
    let said = match logs::first_heard(conn, log.id, from)? {
        Some(heard) => {
            let minutes = logs::minutes(conn, log.id, of, from)?;
            let begins = if is_whole { heard } else { heard + within };
            said::lines(&minutes, within, begins)
        }
        None => Vec::new(),
    };
    let caveat = "Whether the log could be read at each of these moments is not kept: a time in which it could not counts \
                  as one without lines.";
    Ok(History {
        kept: Some(log.spec.keep.delta().min(REACH)),
        caveat: caveat.to_owned(),
        ..History::new(
            said,
            "how many lines there were in each minute",
            TimeDelta::minutes(2),
        )
    })
}
