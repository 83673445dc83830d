//! The linter: what a pack may not say, and what it had better not say without a reason.

mod addresses;
mod backups;
mod checklists;
mod conditions;
mod connectors;
mod external;
mod heartbeats;
mod levels;
mod logs;
mod maintenance;
mod metrics;
mod oncall;
mod runbooks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::addresses::address_problems;
use self::conditions::{condition_problems, is_beyond};

use super::file::File;
use super::pack::{Acceptance, Condition, Pack, Probe, Rule, Source};
use super::quantity::{Lasting, Quantity};
use crate::foundation::kernel::{Level, is_about_sar};

/// One thing that the linter has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Stable name, for `[[accept]]`.
    pub code: &'static str,
    /// Id of the thing that it is about.
    pub on: String,
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    /// A warning that the pack accepts, with its reason.
    Accepted(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            on,
            line,
            message,
            ..
        } = self;
        match &self.severity {
            Severity::Error => write!(f, "line {line}: error {code} on {on}: {message}"),
            Severity::Warning => write!(f, "line {line}: warning {code} on {on}: {message}"),
            Severity::Accepted(reason) => {
                write!(
                    f,
                    "line {line}: accepted {code} on {on}: {message} (accepted: {reason})"
                )
            }
        }
    }
}

/// Longest timeout of one attempt, in milliseconds.
const TIMEOUT_MAX_MS: i64 = 60_000;
const INTERVAL_MIN_MS: i64 = 1_000;
const INTERVAL_MAX_MS: i64 = 86_400_000;
const RETRIES_MAX: u32 = 5;
const RUN_MAX: u32 = 20;

/// Looks the whole pack over; findings come in the order of the file.
#[must_use]
pub fn lint(file: &File) -> Vec<Finding> {
    let mut linter = Linter {
        file,
        pack: &file.pack,
        probes: file.pack.all_probes(),
        findings: Vec::new(),
    };
    linter.platform();
    linter.names();
    linter.probes();
    linter.scrapes();
    linter.indicators();
    linter.heartbeats();
    linter.connectors();
    linter.logs();
    linter.rules();
    linter.oncall();
    linter.runbooks();
    linter.external_services();
    linter.backup_plans();
    linter.maintenance();
    linter.checklists();
    linter.gates();
    linter.slos();
    linter.capacities();
    linter.causes();
    linter.acceptances();
    linter.findings.sort_by_key(|finding| finding.line);
    linter.findings
}

/// Whether the findings keep the pack from being applied.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
}

struct Linter<'f> {
    file: &'f File,
    pack: &'f Pack,
    /// With those that are scrapes.
    probes: Vec<Probe>,
    findings: Vec<Finding>,
}

/// What a finding is about: kind, place in the file, id.
type Subject<'s> = (&'static str, usize, &'s str);

impl Linter<'_> {
    fn say(&mut self, severity: Severity, code: &'static str, about: Subject<'_>, message: String) {
        let (kind, index, id) = about;
        let line = self.file.lines.of(kind, index);
        let on = id.to_owned();
        self.findings.push(Finding {
            severity,
            code,
            on,
            line,
            message,
        });
    }

    fn error(&mut self, code: &'static str, about: Subject<'_>, message: impl Into<String>) {
        self.say(Severity::Error, code, about, message.into());
    }

    fn warn(&mut self, code: &'static str, about: Subject<'_>, message: impl Into<String>) {
        self.say(Severity::Warning, code, about, message.into());
    }

    fn platform(&mut self) {
        let platform = &self.pack.platform;
        let about = ("platform", 0, platform.id.as_str());
        // It stands in addresses and in names of parameters, so it is narrower than other ids.
        if !is_id(&platform.id) || platform.id.contains(['.', '_']) {
            self.error("bad-id", about, BAD_ID);
        }
        if platform.zone.parse::<chrono_tz::Tz>().is_err() {
            let message = format!("\"{}\" is not an IANA time zone", platform.zone);
            self.error("bad-zone", about, message);
        }
    }

    fn indicators(&mut self) {
        let pack = self.pack;
        for (index, indicator) in pack.indicators.iter().enumerate() {
            let Some(from) = &indicator.from_event else {
                continue;
            };
            let about = ("indicator", index, indicator.id.as_str());
            if !pack.event_types.iter().any(|it| it.id == from.event_type) {
                let message = format!("there is no event_type \"{}\"", from.event_type);
                self.error("unknown-reference", about, message);
            }
            if from.value.is_empty() || from.value.split('.').any(str::is_empty) {
                let message =
                    "say where the value stands in the event's message: value = \"data.score\"";
                self.error("bad-place", about, message);
            }
        }
    }

    fn names(&mut self) {
        for (kind, ids) in named(self.pack) {
            let mut seen = BTreeSet::new();
            for (index, id) in ids.into_iter().enumerate() {
                let about = (kind, index, id);
                if !is_id(id) {
                    self.error("bad-id", about, BAD_ID);
                }
                if !seen.insert(id) {
                    self.error("duplicate", about, format!("a second {kind} has this id"));
                }
                if kind == "event_type" && is_about_sar(id) {
                    let message = "events about suspicious-activity reports never light a lamp";
                    self.error("sar-event", about, message);
                }
            }
        }
    }

    fn probes(&mut self) {
        for (index, probe) in self.pack.probes.iter().enumerate() {
            self.probe_itself(("probe", index, probe.id.as_str()), probe);
        }
    }

    fn probe_itself(&mut self, about: Subject<'_>, probe: &Probe) {
        if !self
            .pack
            .services
            .iter()
            .any(|service| service.id == probe.service)
        {
            self.error(
                "unknown-reference",
                about,
                format!("there is no service \"{}\"", probe.service),
            );
        }
        self.timing(about, probe);
        for problem in address_problems(&probe.check) {
            self.error("bad-address", about, problem);
        }
    }

    fn timing(&mut self, about: Subject<'_>, probe: &Probe) {
        let interval = probe.interval.millis();
        if !(INTERVAL_MIN_MS..=INTERVAL_MAX_MS).contains(&interval) {
            self.error("bad-timing", about, "an interval is between 1s and 1d");
        }
        let timeout = probe.timeout();
        if timeout.is_zero() || timeout.millis() > TIMEOUT_MAX_MS {
            self.error("bad-timing", about, "a timeout is above 0 and at most 60s");
        }
        if timeout > probe.deadline() {
            let message = format!(
                "the timeout {timeout} is longer than the run may last, {} (0.8 of the interval)",
                probe.deadline()
            );
            self.error("bad-timing", about, message);
        }
        let counts = [probe.failures_to_down, probe.successes_to_up];
        if probe.retries > RETRIES_MAX || counts.iter().any(|count| !(1..=RUN_MAX).contains(count))
        {
            let message =
                format!("retries are at most {RETRIES_MAX}, counts between 1 and {RUN_MAX}");
            self.error("bad-timing", about, message);
        }
    }

    fn rules(&mut self) {
        for (index, rule) in self.pack.rules.iter().enumerate() {
            let about = ("rule", index, rule.id.as_str());
            if let Some(problem) = self.unknown_source(&rule.on) {
                self.error("unknown-reference", about, problem);
            }
            match &rule.runbook {
                None if rule.red.is_some() => {
                    self.error(
                        "red-without-runbook",
                        about,
                        "whoever is woken needs to know what to do",
                    );
                }
                Some(runbook) if !self.pack.runbooks.iter().any(|known| known.id == *runbook) => {
                    self.error(
                        "unknown-reference",
                        about,
                        format!("there is no runbook \"{runbook}\""),
                    );
                }
                _ => {}
            }
            if rule.levels().next().is_none() {
                self.error("no-level", about, "a rule needs red, yellow or blue");
            }
            for (level, condition) in rule.levels() {
                for problem in condition_problems(&rule.on, condition) {
                    self.error("bad-condition", about, format!("{level}: {problem}"));
                }
            }
            self.lines_counted(about, &rule.on);
            self.order_of_levels(about, rule);
            self.reach(about, rule);
            self.holding(about, rule);
            self.scraped(about, rule);
            self.burning(about, rule);
        }
    }

    fn unknown_source(&self, source: &Source) -> Option<String> {
        let missing = |kind: &str, id: &str| Some(format!("there is no {kind} \"{id}\""));
        match source {
            Source::State(id) | Source::Latency(id) => match self.probe(id) {
                Some(probe) if matches!(source, Source::Latency(_)) && !probe.check.is_asked() => {
                    let kind = probe.check.kind();
                    Some(format!("a {kind} probe asks nobody and has no latency"))
                }
                Some(_) => None,
                None => missing("probe", id),
            },
            Source::Measure(of) => match self.probe(&of.probe) {
                Some(probe) if probe.check.measures().contains(&of.name) => None,
                Some(probe) => Some(format!(
                    "a {} probe does not read {}",
                    probe.check.kind(),
                    of.name.as_str()
                )),
                None => missing("probe", &of.probe),
            },
            Source::Indicator(id) | Source::Age(id) => {
                let known = self.pack.indicators.iter().any(|it| it.id == *id);
                (!known).then(|| missing("indicator", id)).flatten()
            }
            Source::Heartbeat(id) => {
                let known = self.pack.heartbeats.iter().any(|it| it.id == *id);
                (!known).then(|| missing("heartbeat", id)).flatten()
            }
            Source::Connector(id) => {
                let known = self.pack.connectors.iter().any(|it| it.id == *id);
                (!known).then(|| missing("connector", id)).flatten()
            }
            Source::Log(of) => (!self.knows_log(of))
                .then(|| missing("log_source", &of.source))
                .flatten(),
            Source::BurnRate(id) => {
                let known = self.pack.slos.iter().any(|it| it.id == *id);
                (!known).then(|| missing("slo", id)).flatten()
            }
            Source::Event(id) => {
                let known = self.pack.event_types.iter().any(|it| it.id == *id);
                (!known).then(|| missing("event_type", id)).flatten()
            }
            scraped => self.unknown_scrape(scraped.probe().unwrap_or_default()),
        }
    }

    fn probe(&self, id: &str) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.id == id)
    }

    /// Red must lie beyond yellow, and yellow beyond blue, or the lesser level is never seen.
    fn order_of_levels(&mut self, about: Subject<'_>, rule: &Rule) {
        let levels: Vec<(Level, &Condition)> = rule.levels().collect();
        for pair in levels.windows(2) {
            let [(worse, at_worse), (better, at_better)] = pair else {
                continue;
            };
            if !is_beyond(&rule.on, at_worse, at_better) {
                let message = format!("{worse} must lie beyond {better}, or last longer");
                self.error("levels-out-of-order", about, message);
            }
        }
    }

    /// A latency threshold that no attempt can live to see.
    fn reach(&mut self, about: Subject<'_>, rule: &Rule) {
        let Source::Latency(id) = &rule.on else {
            return;
        };
        let Some(timeout) = self.probe(id).map(Probe::timeout) else {
            return;
        };
        for (level, condition) in rule.levels() {
            if let Some(Quantity::Lasting(above)) = condition.above
                && above >= timeout
            {
                let message = format!(
                    "{level} above {above} is out of reach: the probe {id} gives up after {timeout}"
                );
                self.error("timeout-under-threshold", about, message);
            }
        }
    }

    /// A hold shorter than two results says nothing that one result does not. A report stands for twice
    /// the time until the next is due, so a hold has to outlast that; where none is ever due, one report
    /// holds for ever.
    fn holding(&mut self, about: Subject<'_>, rule: &Rule) {
        let interval = match &rule.on {
            Source::Event(_)
            | Source::Age(_)
            | Source::Heartbeat(_)
            | Source::Log(_)
            | Source::Connector(_)
            | Source::BurnRate(_) => return,
            Source::Indicator(id) => self.expected(id),
            other => other
                .probe()
                .and_then(|id| self.probe(id))
                .map(|probe| probe.interval),
        };
        let reported = matches!(rule.on, Source::Indicator(_));
        for (level, condition) in rule.levels() {
            let lasting = condition.lasting;
            if lasting.is_zero() {
                continue;
            }
            match interval {
                None if reported => {
                    let message = format!(
                        "{level}: one report lasts for ever, so for = {lasting} waits for nothing: \
                         give the indicator expect_every"
                    );
                    self.warn("hold-without-expected-report", about, message);
                }
                Some(interval) => {
                    let twice = Lasting::from_millis(interval.millis() * 2);
                    if lasting < twice || (reported && lasting == twice) {
                        let message = format!(
                            "{level}: for = {lasting} is {} twice the interval of {interval}",
                            if reported { "not above" } else { "under" }
                        );
                        self.warn("hold-under-twice-interval", about, message);
                    }
                }
                None => {}
            }
        }
    }

    /// How often a report of an indicator is due.
    fn expected(&self, id: &str) -> Option<Lasting> {
        let indicators = &self.pack.indicators;
        indicators.iter().find(|it| it.id == id)?.expect_every
    }

    fn acceptances(&mut self) {
        let mut used = BTreeSet::new();
        for finding in &mut self.findings {
            if finding.severity != Severity::Warning {
                continue;
            }
            let matching =
                |accept: &&Acceptance| accept.warning == finding.code && accept.on == finding.on;
            if let Some(accept) = self.pack.accepted.iter().find(matching) {
                used.insert((accept.warning.clone(), accept.on.clone()));
                finding.severity = Severity::Accepted(accept.reason.clone());
            }
        }
        for (index, accept) in self.pack.accepted.iter().enumerate() {
            let about = ("accept", index, accept.on.as_str());
            if accept.reason.trim().is_empty() {
                self.error(
                    "accept-without-reason",
                    about,
                    "say why this warning is acceptable",
                );
            }
            if !used.contains(&(accept.warning.clone(), accept.on.clone())) {
                self.warn(
                    "nothing-to-accept",
                    about,
                    format!("there is no warning {} on it", accept.warning),
                );
            }
        }
    }
}

const BAD_ID: &str =
    "an id is 1 to 64 small letters, digits, '.', '-' and '_', and begins with a letter";

/// The ids that people and rules use, by kind.
fn named(pack: &Pack) -> BTreeMap<&'static str, Vec<&str>> {
    BTreeMap::from([
        (
            "service",
            pack.services.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "probe",
            pack.probes.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "scrape",
            pack.scrapes.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "indicator",
            pack.indicators.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "event_type",
            pack.event_types.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "heartbeat",
            pack.heartbeats.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "connector",
            pack.connectors.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "log_source",
            pack.log_sources.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "contact",
            pack.contacts.iter().map(|it| it.id.as_str()).collect(),
        ),
        ("rota", pack.rotas.iter().map(|it| it.id.as_str()).collect()),
        (
            "escalation",
            pack.escalations.iter().map(|it| it.id.as_str()).collect(),
        ),
        ("rule", pack.rules.iter().map(|it| it.id.as_str()).collect()),
        ("slo", pack.slos.iter().map(|it| it.id.as_str()).collect()),
        (
            "capacity",
            pack.capacities.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "inhibit",
            pack.inhibitions.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "maintenance",
            pack.maintenance.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "external_service",
            pack.external_services
                .iter()
                .map(|it| it.id.as_str())
                .collect(),
        ),
        (
            "backup_plan",
            pack.backup_plans.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "checklist",
            pack.checklists.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "release_gate",
            pack.release_gates.iter().map(|it| it.id.as_str()).collect(),
        ),
        (
            "runbook",
            pack.runbooks
                .iter()
                .map(|it| it.id.as_str())
                .collect::<Vec<_>>(),
        ),
    ])
}

fn is_id(id: &str) -> bool {
    let inner =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    id.len() <= 64 && id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(inner)
}
