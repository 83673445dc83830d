//! What goes wrong in the demo by itself: a round that repeats, so that within it every kind of change of a lamp is seen.
//! Pure: how long the demo has run says what is broken.
//!
//! Each rule is lit once in a round at most, and a round is longer than a lamp is remembered to have come and gone: only
//! what is meant to flap does. No target's budget burns, and no log counts more errors in a day than its pack allows,
//! since those lamps would stay lit from round to round.

use chrono::{DateTime, Utc};

use super::{Habit, Mode};
use crate::foundation::kernel::Level;

/// How long a round takes, in seconds.
pub const ROUND: u64 = 36 * 60;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Seconds into the round.
    pub begins: u64,
    pub lasts: u64,
    /// It comes and goes: for so many seconds it is there, and for as many it is not.
    pub swings: Option<u64>,
    /// By when its lamps are out again, in seconds since it began.
    pub out_after: u64,
    pub what: &'static str,
    /// What is to be seen by it.
    pub shows: &'static str,
    pub acts: &'static [Act],
    /// The platform, the rule that lights, and how.
    pub lights: &'static [(&'static str, &'static str, Level)],
}

/// What is done about whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// A service of a platform behaves so.
    Site(&'static str, &'static str, Mode),
    /// A job does.
    Job(&'static str, &'static str, Habit),
    /// The platform reports this value of an indicator.
    Value(&'static str, f64),
    /// The platform reports an event, once.
    Event(&'static str, &'static str),
}

use Act::{Event, Job, Site, Value};
use Level::{Blue, Red, Yellow};

const HORIZON: &str = "regtech-horizon";
const LAIT: &str = "lait";
const FINAEGIS: &str = "finaegis";
const FINCHAT: &str = "finchat";
const DEBT_OS: &str = "debt-os";

const fn at(minutes: u64, seconds: u64) -> u64 {
    minutes * 60 + seconds
}

/// In the order in which they begin.
pub const OUTAGES: [Outage; 22] = [
    Outage {
        begins: at(1, 0),
        lasts: 160,
        swings: Some(40),
        out_after: at(33, 0),
        what: "LAIT's cache comes and goes",
        shows: "a lamp that flaps: held lit until it has been quiet for half an hour, and told once",
        acts: &[Site(LAIT, "Cache", Mode::Refusing)],
        lights: &[(LAIT, "cache-down", Yellow)],
    },
    Outage {
        begins: at(2, 0),
        lasts: 70,
        swings: None,
        out_after: 120,
        what: "RegTech Horizon reports a quality of service of 97.4 %",
        shows: "an indicator in breach",
        acts: &[Value("ncc_qos", 97.4)],
        lights: &[(HORIZON, "ncc-qos-breach", Red)],
    },
    Outage {
        begins: at(3, 30),
        lasts: 70,
        swings: None,
        out_after: 130,
        what: "LAIT's front end refuses connections",
        shows: "a service that is down",
        acts: &[Site(LAIT, "Front end", Mode::Refusing)],
        lights: &[(LAIT, "frontend-down", Red)],
    },
    Outage {
        begins: at(5, 0),
        lasts: 90,
        swings: None,
        out_after: 150,
        what: "FinAegis's event store is away, and its application fails without it",
        shows: "a lamp that is held back, because its cause is told already",
        acts: &[
            Site(FINAEGIS, "Event store", Mode::Refusing),
            Site(FINAEGIS, "Application", Mode::Failing),
        ],
        lights: &[
            (FINAEGIS, "event-store-down", Red),
            (FINAEGIS, "app-down", Red),
        ],
    },
    Outage {
        begins: at(6, 0),
        lasts: 250,
        swings: None,
        out_after: 510,
        what: "FinChat answers one request in eight with an error",
        shows: "a share of errors that has to last for two minutes",
        acts: &[Site(FINCHAT, "API", Mode::Erring)],
        lights: &[(FINCHAT, "errors-high", Red)],
    },
    Outage {
        begins: at(7, 30),
        lasts: 70,
        swings: None,
        out_after: 100,
        what: "RegTech Horizon's LumaDB runs short of connections for a minute",
        shows: "a rule that is pending, and over before its two minutes: no lamp",
        acts: &[Site(HORIZON, "LumaDB", Mode::Crowded)],
        lights: &[],
    },
    Outage {
        begins: at(9, 0),
        lasts: 80,
        swings: None,
        out_after: 140,
        what: "FinAegis's balances are not synchronised",
        shows: "a heartbeat that is missed",
        acts: &[Job(FINAEGIS, "Balance synchronisation", Habit::Stopped)],
        lights: &[(FINAEGIS, "balance-sync-late", Yellow)],
    },
    Outage {
        begins: at(10, 30),
        lasts: 20,
        swings: None,
        out_after: at(61, 0),
        what: "RegTech Horizon submits a report",
        shows: "an event: a blue lamp that goes out by itself after an hour, and so is lit from round to round",
        acts: &[Event(HORIZON, "report.submitted")],
        lights: &[(HORIZON, "report-submitted", Blue)],
    },
    Outage {
        begins: at(12, 0),
        lasts: 180,
        swings: None,
        out_after: 230,
        what: "LAIT's database runs short of connections",
        shows: "a rule that is pending for two minutes, and then lights",
        acts: &[Site(LAIT, "Database", Mode::Crowded)],
        lights: &[(LAIT, "database-connections", Yellow)],
    },
    Outage {
        begins: at(13, 30),
        lasts: 90,
        swings: None,
        out_after: 210,
        what: "FinAegis's first bank answers with errors",
        shows: "a lamp that rises from yellow to red as the connector is cut off",
        acts: &[Site(FINAEGIS, "First bank", Mode::Failing)],
        lights: &[
            (FINAEGIS, "bank-first-cut-off", Yellow),
            (FINAEGIS, "bank-first-cut-off", Red),
        ],
    },
    Outage {
        begins: at(15, 30),
        lasts: 370,
        swings: None,
        out_after: 430,
        what: "RegTech Horizon no longer serves its ingestion lag",
        shows: "a metric that is gone, which has to last for five minutes",
        acts: &[Site(HORIZON, "API", Mode::Silent)],
        lights: &[(HORIZON, "data-unseen", Yellow)],
    },
    Outage {
        begins: at(16, 30),
        lasts: 90,
        swings: None,
        out_after: 140,
        what: "LAIT's backend answers late",
        shows: "slow answers, five in a row",
        acts: &[Site(LAIT, "Backend", Mode::Late)],
        lights: &[(LAIT, "health-slow", Blue)],
    },
    Outage {
        begins: at(18, 0),
        lasts: 60,
        swings: None,
        out_after: 80,
        what: "DEBT-OS has used 85 % of its tokens",
        shows: "a blue lamp",
        acts: &[Value("llm_tokens", 85.0)],
        lights: &[(DEBT_OS, "tokens-near-quota", Blue)],
    },
    Outage {
        begins: at(19, 0),
        lasts: 60,
        swings: None,
        out_after: 110,
        what: "DEBT-OS has used 97 % of its tokens",
        shows: "the same lamp, now yellow",
        acts: &[Value("llm_tokens", 97.0)],
        lights: &[(DEBT_OS, "tokens-near-quota", Yellow)],
    },
    Outage {
        begins: at(20, 30),
        lasts: 90,
        swings: None,
        out_after: 150,
        what: "DEBT-OS's Redis refuses connections",
        shows: "a store that is down, after five failures",
        acts: &[Site(DEBT_OS, "Redis", Mode::Refusing)],
        lights: &[(DEBT_OS, "redis-down", Red)],
    },
    Outage {
        begins: at(22, 0),
        lasts: 70,
        swings: None,
        out_after: 120,
        what: "FinAegis's transfers pile up in their queue",
        shows: "a queue that fills",
        acts: &[Site(FINAEGIS, "Cache and queues", Mode::Piling)],
        lights: &[(FINAEGIS, "queue-transfers-waits", Yellow)],
    },
    Outage {
        begins: at(23, 30),
        lasts: 90,
        swings: None,
        out_after: 210,
        what: "LAIT's legal database answers with errors",
        shows: "a connector that is cut off, tried, and closed again",
        acts: &[Site(LAIT, "Legal database", Mode::Failing)],
        lights: &[(LAIT, "legal-database-cut-off", Yellow)],
    },
    Outage {
        begins: at(25, 0),
        lasts: 60,
        swings: None,
        out_after: 420,
        what: "DEBT-OS takes three seconds for most answers",
        shows: "slow answers as the platform counts them; the queue that fills meanwhile stays pending",
        acts: &[Site(DEBT_OS, "API", Mode::Lagging)],
        lights: &[(DEBT_OS, "requests-slow", Yellow)],
    },
    Outage {
        begins: at(26, 30),
        lasts: 60,
        swings: None,
        out_after: 110,
        what: "FinAegis's payment verification fails",
        shows: "a job that says that it failed",
        acts: &[Job(FINAEGIS, "Payment verification", Habit::Failing)],
        lights: &[(FINAEGIS, "payment-verification-late", Yellow)],
    },
    Outage {
        begins: at(28, 0),
        lasts: 70,
        swings: None,
        out_after: 130,
        what: "RegTech Horizon's API fails, its log fills with errors, and its exporter is gone",
        shows: "no data, and a service that is down; the lines are on the page Logs",
        acts: &[Site(HORIZON, "API", Mode::Failing)],
        lights: &[
            (HORIZON, "api-down", Red),
            (HORIZON, "metrics-missing", Yellow),
        ],
    },
    Outage {
        begins: at(30, 30),
        lasts: 60,
        swings: None,
        out_after: 110,
        what: "RegTech Horizon takes data in seven minutes late",
        shows: "a metric above its limit",
        acts: &[Site(HORIZON, "API", Mode::Lagging)],
        lights: &[(HORIZON, "data-late", Yellow)],
    },
    Outage {
        begins: at(32, 0),
        lasts: 70,
        swings: None,
        out_after: 130,
        what: "FinChat's web application answers wrongly",
        shows: "a service that answers, but not what is expected",
        acts: &[Site(FINCHAT, "Web application", Mode::Wrong)],
        lights: &[(FINCHAT, "webapp-down", Red)],
    },
];

impl Outage {
    /// Seconds since it began last, if it ever did.
    #[must_use]
    pub const fn age(&self, second: u64) -> Option<u64> {
        match second.checked_sub(self.begins) {
            Some(since_first) => Some(since_first % ROUND),
            None => None,
        }
    }

    #[must_use]
    pub fn is_on(&self, second: u64) -> bool {
        self.age(second).is_some_and(|age| {
            let is_there = self.swings.is_none_or(|each| age / each % 2 == 0);
            age < self.lasts && is_there
        })
    }

    /// Whether one of its lamps may be lit.
    #[must_use]
    pub fn may_be_seen(&self, second: u64) -> bool {
        // Those that last for longer than a round begin anew before they end.
        self.age(second).is_some_and(|age| age < self.out_after)
    }
}

/// The seconds since the demo began.
#[must_use]
pub fn second(begun: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - begun).num_seconds()).unwrap_or(0)
}

/// What is wrong so many seconds after the demo began.
pub fn on(second: u64) -> impl Iterator<Item = Act> {
    let outages = OUTAGES.iter().filter(move |outage| outage.is_on(second));
    outages.flat_map(|outage| outage.acts).copied()
}

/// How a service behaves.
#[must_use]
pub fn mode(second: u64, platform: &str, name: &str) -> Mode {
    let of_it = |act| match act {
        Site(of, called, mode) if of == platform && called == name => Some(mode),
        _ => None,
    };
    on(second).find_map(of_it).unwrap_or(Mode::Well)
}

/// How a job behaves.
#[must_use]
pub fn habit(second: u64, platform: &str, name: &str) -> Habit {
    let of_it = |act| match act {
        Job(of, called, habit) if of == platform && called == name => Some(habit),
        _ => None,
    };
    on(second).find_map(of_it).unwrap_or(Habit::Running)
}

/// What is reported otherwise than when all is well.
#[must_use]
pub fn values(second: u64) -> Vec<(&'static str, f64)> {
    let value = |act| match act {
        Value(indicator, value) => Some((indicator, value)),
        _ => None,
    };
    on(second).filter_map(value).collect()
}

/// The events that began after one moment, up to another: each a platform and its type.
#[must_use]
pub fn events(after: u64, up_to: u64) -> Vec<(&'static str, &'static str)> {
    let begun = |outage: &&Outage| {
        outage
            .age(up_to)
            .is_some_and(|age| age < up_to.saturating_sub(after))
    };
    let acts = OUTAGES.iter().filter(begun).flat_map(|outage| outage.acts);
    acts.filter_map(|act| match act {
        Event(platform, kind) => Some((*platform, *kind)),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::simulator::sites;

    #[test]
    fn a_round_is_like_the_next_and_begins_and_ends_well() {
        for second in 0..ROUND {
            let acts: Vec<Act> = on(second).collect();
            assert_eq!(acts, on(second + 3 * ROUND).collect::<Vec<_>>(), "{second}");
            let is_edge = second < 60 || second >= at(34, 0);
            assert!(!is_edge || acts.is_empty(), "{second}: {acts:?}");
        }
    }

    #[test]
    fn something_begins_every_minute_or_two() {
        let begins: Vec<u64> = OUTAGES.iter().map(|outage| outage.begins).collect();
        for pair in begins.windows(2) {
            assert!(
                (60..=150).contains(&(pair[1] - pair[0])),
                "{pair:?}: one thing after the other, and nobody waits"
            );
        }
    }

    /// A lamp that is lit twice within half an hour is on its way to flap.
    #[test]
    fn each_lamp_is_lit_by_one_outage_and_nobody_is_broken_in_two_ways() {
        let mut of: BTreeMap<(&str, Level), &str> = BTreeMap::new();
        for outage in &OUTAGES {
            for (platform, rule, level) in outage.lights {
                let name = format!("{platform}/{rule}").leak();
                assert_eq!(of.insert((name, *level), outage.what), None, "{name}");
            }
        }
        for second in 0..ROUND {
            let sites = on(second).filter_map(|act| match act {
                Site(platform, name, _) => Some((platform, name)),
                _ => None,
            });
            let mut named: Vec<_> = sites.collect();
            let all = named.len();
            named.sort_unstable();
            named.dedup();
            assert_eq!(named.len(), all, "{second}");
        }
    }

    #[test]
    fn every_service_is_one_that_there_is_and_can_behave_so() {
        let known = sites::all();
        for act in OUTAGES.iter().flat_map(|outage| outage.acts) {
            if let Site(platform, name, mode) = act {
                let mut sites = known.iter();
                let site = sites.find(|it| it.platform == *platform && it.name == *name);
                let site = site.unwrap_or_else(|| panic!("no {platform} {name}"));
                assert!(
                    Mode::ALL.contains(mode) || site.told().contains(mode),
                    "{name}: {mode:?}"
                );
            }
        }
    }

    #[test]
    fn what_swings_is_there_and_not_there() {
        let cache = |second| mode(second, LAIT, "Cache");
        let begins = OUTAGES[0].begins;
        let seen: Vec<bool> = (0..6)
            .map(|n| cache(begins + 20 + 40 * n) == Mode::Well)
            .collect();
        assert_eq!(seen, [false, true, false, true, true, true]);
    }

    #[test]
    fn an_event_is_reported_once_in_a_round() {
        let begins = at(10, 30);
        let reported = [(HORIZON, "report.submitted")];
        assert_eq!(events(begins - 2, begins - 1), []);
        assert_eq!(events(begins - 1, begins), reported);
        assert_eq!(events(begins, begins + 2), []);
        assert_eq!(events(begins - 2, begins + 5), reported);
        assert_eq!(events(begins + ROUND - 2, begins + ROUND + 5), reported);
    }
}
