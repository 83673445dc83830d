//! Lists that people go through, and the gates of a release: that they come up, can be answered, and are noticed when
//! they are not.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::conditions::condition_problems;
use super::{Linter, Subject, is_id};
use crate::features::packs::pack::{
    CheckItem, Checklist, Condition, Expect, Is, Occasion, Source, Stage,
};
use crate::features::packs::quantity::Lasting;
use crate::foundation::kernel::Timetable;

const WITHIN_MIN: Lasting = Lasting::from_secs(60);
const WITHIN_MAX: Lasting = Lasting::from_secs(92 * 86_400);
const ITEMS_MAX: usize = 50;
const TEXT_MAX: usize = 300;
const WAIT_MAX: Lasting = Lasting::from_secs(3_600);
/// What passed counts for half an hour: nothing before a release waits so long that the others are old by then.
const WAIT_BEFORE_MAX: Lasting = Lasting::from_secs(900);

/// Where Signalbox reports how many lists of a platform are overdue, if its pack names it.
const OVERDUE: &str = "checklists_overdue";

impl Linter<'_> {
    pub(super) fn checklists(&mut self) {
        let pack = self.pack;
        for (index, list) in pack.checklists.iter().enumerate() {
            let about = ("checklist", index, list.id.as_str());
            self.opening(about, list);
            self.items(about, list);
        }
        let reads = |on: &Source| matches!(on, Source::Indicator(id) if id == OVERDUE);
        if let Some(list) = pack.checklists.first()
            && !pack.rules.iter().any(|rule| reads(&rule.on))
        {
            let message = format!(
                "nobody is told when a checklist is overdue: name the indicator {OVERDUE} and a rule on it"
            );
            self.warn("unread-checklists", ("checklist", 0, &list.id), message);
        }
    }

    pub(super) fn gates(&mut self) {
        let pack = self.pack;
        for (index, gate) in pack.release_gates.iter().enumerate() {
            let about = ("release_gate", index, gate.id.as_str());
            self.reading(about, &gate.read, &gate.expect);
            if gate.wait > WAIT_MAX {
                self.error("bad-timing", about, "a gate waits an hour at most");
            }
            if gate.stage == Stage::Before && gate.wait > WAIT_BEFORE_MAX {
                let message = "a gate before a release waits a quarter of an hour at most: what passed counts for half an hour";
                self.error("bad-timing", about, message);
            }
            if gate.stage != Stage::Before
                && let Some(window) = looks_back(&gate.read)
                && window > gate.wait
            {
                let message = format!(
                    "it looks back over {window} and waits {}, so that it would count what the version before did: let \
                     it wait {window}",
                    gate.wait
                );
                self.error("bad-timing", about, message);
            }
        }
        if let Some(gate) = pack.release_gates.first() {
            let has = |stage| pack.release_gates.iter().any(|it| it.stage == stage);
            if !has(Stage::Rollback) {
                let message = "no gate looks at whether the version before is back, so that a person has to say so: stage = \
                               \"rollback\"";
                self.warn(
                    "release-without-rollback",
                    ("release_gate", 0, &gate.id),
                    message,
                );
            }
            if !has(Stage::After) {
                let message = "no gate looks at what a release has left behind: stage = \"after\"";
                self.warn(
                    "release-without-after",
                    ("release_gate", 0, &gate.id),
                    message,
                );
            }
        }
    }

    fn opening(&mut self, about: Subject<'_>, list: &Checklist) {
        if !(WITHIN_MIN..=WITHIN_MAX).contains(&list.within) {
            let message = "a checklist is due within 1m to 92d";
            self.error("bad-timing", about, message);
        }
        match (&list.cron, &list.maintenance, list.on_demand) {
            (Some(cron), None, None) => self.timetable(about, list, cron),
            (None, Some(window), None) => {
                if !self.pack.maintenance.iter().any(|it| it.id == *window) {
                    let message = format!("there is no maintenance \"{window}\"");
                    self.error("unknown-reference", about, message);
                }
            }
            (None, None, Some(Occasion::Deployment)) => {
                let deployments = self.pack.checklists.iter();
                let deployments = deployments.filter(|it| it.on_demand == list.on_demand);
                if deployments.count() > 1 {
                    let message = "a release goes by one checklist, and this pack has several";
                    self.error("deployment-twice", about, message);
                }
            }
            (None, None, Some(_)) => {}
            _ => {
                let message = "say when it opens, in one way: cron = \"0 8 * * *\", maintenance = \"…\" or on_demand = \
                               \"deployment\"";
                self.error("bad-schedule", about, message);
            }
        }
        if list.zone.is_some() && list.cron.is_none() {
            self.error("bad-schedule", about, "a zone goes with cron");
        }
    }

    fn timetable(&mut self, about: Subject<'_>, list: &Checklist, cron: &str) {
        let zone = list.zone(&self.pack.platform.zone);
        let timetable = match Timetable::in_zone(cron, zone) {
            Ok(timetable) => timetable,
            Err(error) => return self.error("bad-schedule", about, error.to_string()),
        };
        let Some(shortest) = shortest(&timetable) else {
            return self.error("bad-schedule", about, "no day ever matches it");
        };
        if list.within.delta() > shortest {
            let message = format!(
                "it is due within {}, after the next one has opened: it would be missed before it is overdue",
                list.within
            );
            self.error("due-after-next", about, message);
        }
    }

    fn items(&mut self, about: Subject<'_>, list: &Checklist) {
        if list.items.is_empty() || list.items.len() > ITEMS_MAX {
            let message = format!("a checklist has 1 to {ITEMS_MAX} items");
            self.error("bad-items", about, message);
        }
        let mut seen = BTreeSet::new();
        for item in &list.items {
            if !is_id(&item.id) || !seen.insert(item.id.as_str()) {
                let message = format!("the item \"{}\" needs an id of its own", item.id);
                self.error("bad-items", about, message);
            }
            let length = item.text.trim().chars().count();
            if length == 0 || length > TEXT_MAX {
                let message = format!("the item {} says something, in one sentence", item.id);
                self.error("bad-items", about, message);
            }
            self.item(about, item);
        }
    }

    fn item(&mut self, about: Subject<'_>, item: &CheckItem) {
        match (&item.read, &item.expect) {
            (Some(read), Some(expect)) => self.reading(about, read, expect),
            (Some(read), None) => {
                if let Some(problem) = self.unknown_source(read) {
                    self.error("unknown-reference", about, problem);
                }
                self.lines_counted(about, read);
            }
            (None, Some(_)) => {
                let message = format!("the item {} expects something and reads nothing", item.id);
                self.error("bad-items", about, message);
            }
            (None, None) => {}
        }
    }

    /// What is read, and what it is to be.
    fn reading(&mut self, about: Subject<'_>, read: &Source, expect: &Expect) {
        if let Some(problem) = self.unknown_source(read) {
            self.error("unknown-reference", about, problem);
        }
        self.lines_counted(about, read);
        for problem in expectation_problems(read, expect) {
            self.error("bad-expectation", about, problem);
        }
        if let Source::Indicator(id) = read
            && self.pack.indicators.iter().any(|it| it.id == *id)
            && self.expected(id).is_none()
        {
            let message = format!(
                "a report of {id} never grows old, so what was true last year would pass: give it expect_every"
            );
            self.error("never-stale", about, message);
        }
    }
}

/// How far back what is read reaches.
fn looks_back(read: &Source) -> Option<Lasting> {
    match read {
        Source::Log(of) => Some(of.within),
        other => other.window(),
    }
}

/// The shortest time between two of the next slots.
fn shortest(timetable: &Timetable) -> Option<TimeDelta> {
    const LOOKED_AT: usize = 60;
    // Any year: what counts is the distance between slots, and those of clocks that change are among them.
    let from = DateTime::from_timestamp(1_767_225_600, 0)?;
    let slots: Vec<DateTime<Utc>> = timetable.after(from).take(LOOKED_AT).collect();
    slots.windows(2).map(|pair| pair[1] - pair[0]).min()
}

fn expectation_problems(read: &Source, expect: &Expect) -> Vec<&'static str> {
    match read {
        Source::Event(_) => vec!["an event has no state to read: read an indicator or a log"],
        Source::Absence(_) if *expect == served() => Vec::new(),
        Source::Absence(_) => vec!["what may be absent is expected so: expect = { served = true }"],
        _ if expect.served => vec!["only what may be absent is expected to be served"],
        Source::State(_) | Source::Heartbeat(_) | Source::Connector(_) => match expect.is {
            Some(Is::Up) if expect.above.is_none() && expect.below.is_none() => Vec::new(),
            _ => vec!["of a state, expect = { is = \"up\" } is what can be expected"],
        },
        Source::BurnRate(_) => match (&expect.below, &expect.above, expect.is) {
            (Some(_), None, None) => Vec::new(),
            _ => vec![
                "of a burn rate, expect = { below = 1 } is what can be expected: then the budget lasts",
            ],
        },
        _ => condition_problems(
            read,
            &Condition {
                is: expect.is,
                ..expect.condition()
            },
        ),
    }
}

fn served() -> Expect {
    Expect {
        served: true,
        ..Expect::default()
    }
}
