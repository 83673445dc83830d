//! Targets that cannot be shown, promises that cannot be kept, limits that nothing is held against.

use super::heartbeats::longest;
use super::{Linter, Subject};
use crate::features::packs::pack::{Capacity, Heartbeat, Rule, Sli, Slo, Source, Unit, Used};
use crate::features::packs::quantity::{Lasting, Quantity};
use crate::foundation::kernel::{Level, Timetable};

const WINDOW_MIN: Lasting = Lasting::from_secs(86_400);
const WINDOW_MAX: Lasting = Lasting::from_secs(90 * 86_400);

/// A result at least so often, or nobody knows what was between two of them.
const INTERVAL_MAX: Lasting = Lasting::from_secs(300);

/// The long window of the first step of the ladder.
const HOUR_MS: i64 = 3_600_000;

/// The bounds of the buckets that latencies of probes are counted in, in milliseconds.
pub const EDGES_MS: [i64; 15] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000,
];

impl Linter<'_> {
    pub(super) fn slos(&mut self) {
        let pack = self.pack;
        for (index, slo) in pack.slos.iter().enumerate() {
            let about = ("slo", index, slo.id.as_str());
            if !pack.services.iter().any(|known| known.id == slo.service) {
                let message = format!("there is no service \"{}\"", slo.service);
                self.error("unknown-reference", about, message);
            }
            self.target(about, slo);
            self.indicated(about, slo);
            self.promise(about, slo);
        }
    }

    fn target(&mut self, about: Subject<'_>, slo: &Slo) {
        let share = match slo.target {
            Quantity::Number(share) => share,
            _ => f64::NAN,
        };
        if share >= 1.0 {
            let message =
                "a target of 100 % leaves no budget, and the first failure breaks it for good";
            self.error("bad-target", about, message);
        } else if share.is_nan() || share <= 0.0 {
            self.error("bad-target", about, "a target is a share: write \"99.9%\"");
        }
        if !(WINDOW_MIN..=WINDOW_MAX).contains(&slo.window) {
            let message = format!("a window is between {WINDOW_MIN} and {WINDOW_MAX}");
            self.error("bad-target", about, message);
        }
        if slo.least == 0 {
            self.error("bad-target", about, "least is a number from 1");
        }
    }

    /// What its results come from.
    fn indicated(&mut self, about: Subject<'_>, slo: &Slo) {
        let interval = match &slo.on {
            Sli::Availability(probe) => self.probed(about, probe),
            Sli::Latency(of) => {
                if !EDGES_MS.contains(&of.within.millis()) {
                    let edges: Vec<String> = EDGES_MS
                        .iter()
                        .map(|ms| Lasting::from_millis(*ms).to_string())
                        .collect();
                    let message = format!(
                        "latencies are counted in buckets, and {} is the bound of none: take one of {}",
                        of.within,
                        edges.join(", ")
                    );
                    self.error("not-a-bucket", about, message);
                }
                if let Some(probe) = self.probe(&of.probe)
                    && !probe.check.is_asked()
                {
                    let kind = probe.check.kind();
                    let message = format!("a {kind} probe asks nobody and has no latency");
                    self.error("unknown-reference", about, message);
                }
                self.probed(about, &of.probe)
            }
            Sli::Counted(of) => {
                if of.good.is_some() == of.bad.is_some() {
                    let message =
                        "say which part of the total is good, or which is bad: one of them";
                    self.error("bad-metric", about, message);
                }
                self.scraped_by(about, &of.scrape)
            }
            Sli::Histogram(of) => {
                if of.bucket.parse::<f64>().is_ok_and(f64::is_finite) {
                    self.scraped_by(about, &of.scrape)
                } else {
                    let message =
                        "bucket is a bound of the histogram, as its label le writes it: \"0.5\"";
                    self.error("not-a-bucket", about, message);
                    None
                }
            }
            Sli::Reports(of) => {
                if of.at_most.is_some() == of.at_least.is_some() {
                    let message =
                        "say how large a good report is: at_most or at_least, one of them";
                    self.error("bad-target", about, message);
                }
                self.reported(about, &of.indicator)
            }
        };
        if let Some(interval) = interval {
            self.provable(about, slo, interval);
        }
    }

    fn probed(&mut self, about: Subject<'_>, id: &str) -> Option<Lasting> {
        let interval = self.probe(id).map(|probe| probe.interval);
        if interval.is_none() {
            let message = format!("there is no probe \"{id}\"");
            self.error("unknown-reference", about, message);
        }
        interval
    }

    fn scraped_by(&mut self, about: Subject<'_>, id: &str) -> Option<Lasting> {
        if let Some(problem) = self.unknown_scrape(id) {
            self.error("unknown-reference", about, problem);
            return None;
        }
        // How many are counted is the platform's doing, and not the interval's.
        None
    }

    fn reported(&mut self, about: Subject<'_>, id: &str) -> Option<Lasting> {
        let indicator = self.pack.indicators.iter().find(|it| it.id == id);
        let Some(indicator) = indicator else {
            let message = format!("there is no indicator \"{id}\"");
            self.error("unknown-reference", about, message);
            return None;
        };
        if indicator.expect_every.is_none() {
            let message = format!(
                "nobody knows how long a report of {id} stands for: give the indicator expect_every"
            );
            self.error("unprovable-target", about, message);
        }
        indicator.expect_every
    }

    /// Results come too rarely to tell a target that is kept from one that is not.
    fn provable(&mut self, about: Subject<'_>, slo: &Slo, interval: Lasting) {
        if interval.is_zero() {
            return;
        }
        if interval > INTERVAL_MAX {
            let message = format!(
                "one result in {interval} does not show what was between them: a target needs one in {INTERVAL_MAX}"
            );
            self.error("unprovable-target", about, message);
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "results of 90 days are few")]
        let results = (slo.window.millis() / interval.millis()) as f64;
        let allowed = results * slo.allowed();
        if allowed > 0.0 && allowed < 1.0 {
            let message = format!(
                "of {results} results in {} the target allows less than one to fail, so one lost packet breaks it",
                slo.window
            );
            self.error("unprovable-target", about, message);
        }
    }

    /// What is lost at most is what came since the last dump.
    fn promise(&mut self, about: Subject<'_>, slo: &Slo) {
        let pack = self.pack;
        let dumps = match &slo.dumps {
            None => None,
            Some(id) => {
                let found = pack.heartbeats.iter().find(|it| it.id == *id);
                if found.is_none() {
                    let message = format!("there is no heartbeat \"{id}\"");
                    self.error("unknown-reference", about, message);
                    return;
                }
                found
            }
        };
        let Some(rpo) = slo.rpo else { return };
        let message = match dumps {
            None => {
                format!("to lose at most {rpo} is promised, and no job is named that makes dumps")
            }
            Some(job) => match apart(job, &pack.platform.zone) {
                Some(apart) if apart > rpo => format!(
                    "to lose at most {rpo} is promised, and the dumps of {} are {apart} apart",
                    job.id
                ),
                _ => return,
            },
        };
        self.warn("promise-not-reachable", about, message);
    }

    /// A rule on a burn rate has the levels of the ladder, and some of them may be out of reach.
    pub(super) fn burning(&mut self, about: Subject<'_>, rule: &Rule) {
        let Source::BurnRate(id) = &rule.on else {
            return;
        };
        if rule.blue.is_some() {
            let message = "a budget burns red or yellow; there is no blue";
            self.error("bad-condition", about, message);
        }
        let Some(slo) = self.pack.slos.iter().find(|it| it.id == *id) else {
            return;
        };
        let most = 1.0 / slo.allowed();
        for (level, condition) in rule.levels() {
            if condition.lasting.is_zero() {
                continue;
            }
            let message =
                format!("{level}: its windows say how long it has to last, so it has no `for`");
            self.error("bad-condition", about, message);
        }
        #[allow(clippy::cast_precision_loss, reason = "windows are far below 2^53 ms")]
        let day = slo.window.millis() as f64 / 86_400_000.0;
        // Of the ladder's first step: a fiftieth of the budget in an hour.
        let fastest = (0.02 * day * 24.0).max(1.0);
        let slowest_red = (0.05 * day * 24.0 / 6.0).max(1.0);
        if rule.red.is_some() && most.is_finite() && most <= slowest_red {
            let message = format!(
                "{}: even if all fails, a target of {:.1} % burns {most:.1} times too fast at most, and red begins above \
                 {slowest_red:.1}: drop red, or aim higher",
                Level::Red,
                slo.target.value() * 100.0
            );
            self.warn("burn-out-of-reach", about, message);
        } else if rule.red.is_some() && most.is_finite() && most <= fastest {
            let message = format!(
                "{}: even if all fails it burns {most:.1} times too fast, so only the slower of its two pairs of windows \
                 is ever lit",
                Level::Red
            );
            self.warn("burn-out-of-reach", about, message);
        } else if let Some(interval) = self.interval_of(slo)
            && rule.red.is_some()
            && interval.millis().saturating_mul(slo.least.into()) > HOUR_MS
        {
            let message = format!(
                "{}: one result in {interval} is fewer than {} in an hour, so its faster pair of windows is never lit: \
                 look more often, or let fewer say something (least)",
                Level::Red,
                slo.least
            );
            self.warn("burn-out-of-reach", about, message);
        }
    }

    /// How far the results of a target are apart, where that is known.
    fn interval_of(&self, slo: &Slo) -> Option<Lasting> {
        match &slo.on {
            Sli::Availability(probe) => self.probe(probe).map(|it| it.interval),
            Sli::Latency(of) => self.probe(&of.probe).map(|it| it.interval),
            Sli::Reports(of) => {
                let mut all = self.pack.indicators.iter();
                all.find(|it| it.id == of.indicator)?.expect_every
            }
            Sli::Counted(_) | Sli::Histogram(_) => None,
        }
    }

    pub(super) fn capacities(&mut self) {
        let pack = self.pack;
        for (index, capacity) in pack.capacities.iter().enumerate() {
            let about = ("capacity", index, capacity.id.as_str());
            self.used(about, capacity);
            let limit = capacity.limit.value();
            if matches!(capacity.limit, Quantity::Lasting(_)) || limit <= 0.0 {
                self.error("bad-target", about, "a limit is a number or bytes above 0");
            }
            let warn = capacity.warn;
            if !matches!(warn, Quantity::Number(share) if share > 0.0 && share <= 1.0) {
                let message = "warn is a share of the limit: write \"80%\"";
                self.error("bad-target", about, message);
            }
        }
    }

    fn used(&mut self, about: Subject<'_>, capacity: &Capacity) {
        let in_bytes = matches!(capacity.limit, Quantity::Bytes(_));
        let (problem, counts_bytes) = match &capacity.on {
            Used::Indicator(id) => {
                let known = self.pack.indicators.iter().any(|it| it.id == *id);
                (
                    (!known).then(|| format!("there is no indicator \"{id}\"")),
                    in_bytes,
                )
            }
            Used::Events(id) => {
                let known = self.pack.event_types.iter().any(|it| it.id == *id);
                (
                    (!known).then(|| format!("there is no event_type \"{id}\"")),
                    false,
                )
            }
            Used::Measure(of) => {
                let problem = match self.probe(&of.probe) {
                    None => Some(format!("there is no probe \"{}\"", of.probe)),
                    Some(probe) if !probe.check.measures().contains(&of.name) => Some(format!(
                        "a {} probe does not read {}",
                        probe.check.kind(),
                        of.name.as_str()
                    )),
                    Some(_) => None,
                };
                (problem, of.name.unit() == Unit::Bytes)
            }
        };
        if let Some(problem) = problem {
            self.error("unknown-reference", about, problem);
        } else if in_bytes != counts_bytes {
            let message = if in_bytes {
                "the limit is in bytes, and what is held against it is not"
            } else {
                "this is counted in bytes: write \"100GB\""
            };
            self.error("bad-target", about, message);
        }
    }
}

/// How far the runs of a job are apart, at the most.
fn apart(job: &Heartbeat, zone: &str) -> Option<Lasting> {
    if let Some(every) = job.every {
        return Some(every);
    }
    let timetable = Timetable::in_zone(job.cron.as_ref()?, job.zone(zone)).ok()?;
    longest(&timetable)
}
