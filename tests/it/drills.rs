//! A drill for each alert that a guide names: the simulated platform misbehaves, and the right lamp is lit at the right time,
//! not before; whoever the pack names is told; its runbook stands beside it; once mended it goes out, and they are told that.
//!
//! Every drill of a guide runs in one application, on its clock: probes run when they are due, but nobody waits. As if
//! another process had gone on evaluating, a leap of the clock is no standstill of the rules.

mod debt_os;
mod finaegis;
mod finchat;
mod lait;
mod play;
mod regtech;
mod stage;
mod ways;

use std::collections::BTreeSet;

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use stage::Stage;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How the platform misbehaves.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A simulated service behaves so.
    Site(&'static str, Mode),
    /// A probe measures this, and this when all is well.
    Measured(&'static str, Measure, f64, f64),
    /// Answers to a probe take so many milliseconds.
    Slow(&'static str, i64),
    /// Whoever is called there answers that they are away; by the parameter of the address.
    Away(&'static str),
    /// A scraped page has these figures, each bad and well.
    Gauges(&'static str, &'static [(&'static str, f64, f64)]),
    /// As these, by which it grows in a second.
    Counters(&'static str, &'static [(&'static str, f64, f64)]),
    /// Only the page of metrics cannot be had.
    NoPage(&'static str),
    /// Somebody reports this, and this when all is well.
    Reported(&'static str, f64, f64),
    /// Nobody reports it any more.
    Unreported(&'static str),
    Event(&'static str),
    /// The file of this probe is written no more, is emptied, grows beyond all measure, or is there no more.
    Stale(&'static str),
    Empty(&'static str),
    /// It is a third of the largest that is kept.
    Shrunken(&'static str),
    Large(&'static str),
    Gone(&'static str),
    /// A job was last heard of when it should have been, and then no more.
    Missed(&'static str),
    /// A job says that it failed.
    Failing(&'static str),
    /// A job was never heard of.
    Unheard(&'static str),
    /// This line stands in a log: so many times, and then once more.
    Lines(&'static str, &'static str, usize),
    /// So many of the two results of each minute fail.
    Results(&'static str, i64),
}

/// What one alert is to show. Times are in seconds.
#[derive(Debug)]
struct Drill {
    rule: &'static str,
    /// Which lines of the guide.
    shows: &'static str,
    breaks: Way,
    level: Level,
    /// How long after the break it is still dark, and by when it is lit.
    dark: i64,
    lit: i64,
    /// Contacts of the pack, and "rota:NAME" for whoever has its turn.
    told: &'static [&'static str],
    runbook: Option<&'static str>,
    /// By when it is out after it was mended; an event is mended by itself.
    out: i64,
    /// What else is lit meanwhile.
    also: &'static [&'static str],
}

/// Lit at once, with nothing else.
const DRILL: Drill = Drill {
    rule: "",
    shows: "",
    breaks: Way::Event(""),
    level: Level::Yellow,
    dark: 0,
    lit: 2,
    told: &[],
    runbook: None,
    out: 2,
    also: &[],
};

/// A service that is down: found within three runs, half a minute apart, and well again after two.
const DOWN: Drill = Drill {
    level: Level::Red,
    dark: MINUTE,
    lit: MINUTE + 30,
    out: MINUTE,
    ..DRILL
};

/// The newest dump is there no more: three looks, five minutes apart.
const UNSEEN: Drill = Drill {
    rule: "dumps-unseen",
    breaks: Way::Gone("dumps"),
    dark: 10 * MINUTE,
    lit: 15 * MINUTE,
    runbook: Some("backup-missing"),
    out: 10 * MINUTE,
    ..DRILL
};

/// The newest dump is empty.
const EMPTY: Drill = Drill {
    rule: "dump-empty",
    breaks: Way::Empty("dumps"),
    level: Level::Red,
    lit: 5 * MINUTE,
    runbook: Some("backup-missing"),
    out: 5 * MINUTE,
    ..DRILL
};

/// The newest dump is much smaller than the largest that is kept, and stays so for as long as its job may take to write it.
const SHRUNK: Drill = Drill {
    rule: "dump-shrunk",
    breaks: Way::Shrunken("dumps"),
    level: Level::Red,
    dark: 2 * HOUR,
    lit: 2 * HOUR + 5 * MINUTE,
    runbook: Some("backup-missing"),
    out: 5 * MINUTE,
    ..DRILL
};

/// The newest dump is over a day old.
const OLD: Drill = Drill {
    rule: "dump-old",
    breaks: Way::Stale("dumps"),
    dark: 26 * HOUR,
    lit: 26 * HOUR + 5 * MINUTE,
    runbook: Some("backup-missing"),
    out: 5 * MINUTE,
    ..DRILL
};

/// A certificate, looked at once an hour.
const CERTIFICATE: Drill = Drill {
    rule: "certificate-ends",
    lit: HOUR,
    runbook: Some("certificate"),
    out: HOUR,
    ..DRILL
};

/// Whoever is called every five minutes fails five times, and is tried again ever more seldom until they answer.
const CUT_OFF: Drill = Drill {
    dark: 20 * MINUTE,
    lit: 26 * MINUTE,
    out: 10 * MINUTE,
    ..DRILL
};

/// Seen by the next look, half a minute later at most, and gone by the one after.
const SEEN: Drill = Drill {
    lit: 30,
    out: 30,
    ..DRILL
};

/// Seen by the next look, when it has lasted for five minutes, and gone by the one after.
const LASTING: Drill = Drill {
    dark: 5 * MINUTE,
    lit: 5 * MINUTE + 30,
    out: 30,
    ..DRILL
};

/// The drills of a guide.
struct Guide {
    pack: &'static str,
    /// Parameters that this installation gives, besides addresses of people and of what is simulated.
    given: &'static [(&'static str, &'static str)],
    drills: &'static [&'static [Drill]],
}

const GUIDES: [&Guide; 5] = [
    &regtech::GUIDE,
    &lait::GUIDE,
    &finaegis::GUIDE,
    &finchat::GUIDE,
    &debt_os::GUIDE,
];

impl Guide {
    fn all(&self) -> impl Iterator<Item = &'static Drill> {
        self.drills.iter().flat_map(|part| part.iter())
    }

    /// Runs these of its drills, one after the other.
    async fn run(&self, drills: &'static [Drill]) {
        let mut stage = Stage::set(self, drills).await;
        for drill in drills {
            stage.run(drill).await;
        }
    }
}

/// What has no drill is not known to work.
#[actix_web::test]
async fn every_alert_that_a_guide_names_has_a_drill() {
    for guide in GUIDES {
        let pack = stage::read(guide, &stage::all_that_may_be_given(guide));
        let named: BTreeSet<&str> = pack.rules.iter().map(|rule| rule.id.as_str()).collect();
        let drilled: BTreeSet<&str> = guide.all().map(|drill| drill.rule).collect();
        assert_eq!(drilled, named, "{}", guide.pack);
        for drill in guide.all() {
            assert!(!drill.shows.is_empty(), "{}", drill.rule);
            assert!(drill.dark < drill.lit, "{}", drill.rule);
        }
        for rule in &pack.rules {
            for (level, _) in rule.levels() {
                let mut of = guide.all().filter(|drill| drill.rule == rule.id);
                assert!(
                    of.any(|drill| drill.level == level),
                    "{}: {} is never {level}",
                    guide.pack,
                    rule.id
                );
            }
        }
    }
}
