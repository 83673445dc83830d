//! Metrics that are scraped: where from, and what may be said of them.

use super::{Linter, Subject};
use crate::features::packs::pack::{Check, GrowthOf, Rule, Selector, Source};
use crate::features::packs::quantity::Lasting;

/// Each value is kept for a little longer than this.
const WINDOW_MAX: Lasting = Lasting::from_secs(86_400);
const NAMES_AT_MOST: usize = 200;

impl Linter<'_> {
    pub(super) fn scrapes(&mut self) {
        let pack = self.pack;
        for (index, scrape) in pack.scrapes.iter().enumerate() {
            let about = ("scrape", index, scrape.id.as_str());
            if pack.probes.iter().any(|probe| probe.id == scrape.id) {
                let message = "a probe has this id, and a scrape is a probe";
                self.error("duplicate", about, message);
            }
            let probe = scrape.probe(&pack.rules, &pack.slos);
            self.probe_itself(about, &probe);
            let Check::Prometheus(check) = &probe.check else {
                continue;
            };
            if check.keep.is_empty() {
                let message = "no rule reads any of its metrics, and it keeps none";
                self.warn("unread-scrape", about, message);
            }
            if check.keep.len() > NAMES_AT_MOST {
                let message = format!("at most {NAMES_AT_MOST} metrics of a scrape are kept");
                self.error("bad-metric", about, message);
            }
            let names = check.keep.iter().chain(&check.labels);
            for name in names.filter(|name| !is_plain(name)) {
                let message = format!("\"{name}\" is not the name of a metric or label");
                self.error("bad-metric", about, message);
            }
        }
    }

    /// What a rule says of scraped metrics.
    pub(super) fn scraped(&mut self, about: Subject<'_>, rule: &Rule) {
        if !rule.on.is_scraped() {
            return;
        }
        let interval = rule
            .on
            .probe()
            .and_then(|id| self.probe(id))
            .map(|probe| probe.interval);
        match &rule.on {
            Source::Metric(of) if of.take.is_none() => {
                let message = "a threshold is compared with one number and not with each series: say \
                               take = \"sum\", \"max\" or \"min\"";
                self.error("threshold-per-series", about, message);
            }
            Source::Rate(of) => self.rate(about, rule, of),
            Source::Share(of) if of.part == of.whole => {
                self.error("bad-metric", about, "a whole is always all of itself");
            }
            Source::Share(of) if !is_least(of.least) => {
                self.error("bad-metric", about, "least is a number from 1");
            }
            Source::Quantile(of) if !(of.quantile > 0.0 && of.quantile < 1.0) => {
                let message = "a quantile lies between 0 and 1: 0.95 is what 95 % stay under";
                self.error("bad-metric", about, message);
            }
            Source::Quantile(of) if !is_least(of.least) => {
                self.error("bad-metric", about, "least is a number from 1");
            }
            _ => {}
        }
        if let Some(window) = rule.on.window() {
            self.window(about, window, interval);
        }
    }

    /// `rate(errors[5m]) > 0.01` is an error in a hundred seconds, and not one in a hundred requests.
    fn rate(&mut self, about: Subject<'_>, rule: &Rule, of: &GrowthOf) {
        if of.select.name.contains("_seconds") {
            return;
        }
        let suspicious = rule.levels().find_map(|(level, condition)| {
            let (threshold, _) = condition.threshold()?;
            let number = rule.on.number(threshold);
            (number > 0.0 && number < 1.0).then_some((level, number))
        });
        if let Some((level, number)) = suspicious {
            let message = format!(
                "{level}: {number} a second reads like a share and is none: say on.share with the whole, or \
                 on.increase with a count"
            );
            self.error("share-as-rate", about, message);
        }
    }

    /// It takes two values to see something grow, and one of them may be late.
    fn window(&mut self, about: Subject<'_>, window: Lasting, interval: Option<Lasting>) {
        if window > WINDOW_MAX {
            let message = format!("a window is at most {WINDOW_MAX}");
            self.error("bad-timing", about, message);
        }
        let Some(interval) = interval else { return };
        let twice = Lasting::from_millis(interval.millis() * 2);
        if window < twice {
            let message =
                format!("a window of {window} is under twice the scrape's interval of {interval}");
            self.error("bad-timing", about, message);
        }
    }

    /// What is wrong with the scrape that a rule names, if anything is.
    pub(super) fn unknown_scrape(&self, id: &str) -> Option<String> {
        match self.probe(id) {
            None => Some(format!("there is no scrape \"{id}\"")),
            Some(probe) if !matches!(probe.check, Check::Prometheus(_)) => Some(format!(
                "\"{id}\" is a probe of {} and scrapes no metrics",
                probe.check.kind()
            )),
            Some(_) => None,
        }
    }
}

fn is_least(least: f64) -> bool {
    least.is_finite() && least >= 1.0
}

fn is_plain(name: &str) -> bool {
    let selector = name.parse::<Selector>();
    selector.is_ok_and(|selector| selector.matchers.is_empty() && selector.name == name)
}
