//! Which fields the form of each kind of rule has. Pure.

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Text,
    /// `5m`
    Length,
    /// `90%`, `5m`, `1GB`, `98.5`
    Quantity,
    /// A bare number.
    Number,
    /// One of what the pack or the program names.
    One(Among),
}

/// What is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    Probes,
    Scrapes,
    Indicators,
    EventTypes,
    Heartbeats,
    Connectors,
    Logs,
    Targets,
    Runbooks,
    Escalations,
    Measures,
    Severities,
    Takes,
    Units,
    NoData,
    Sides,
    Lit,
    ProbeStates,
    HeartbeatStates,
    ConnectorStates,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, which is that of its key in the pack.
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub takes: Takes,
    pub needed: bool,
}

const fn part(name: &'static str, label: &'static str, takes: Takes, hint: &'static str) -> Part {
    Part {
        name,
        label,
        hint,
        takes,
        needed: false,
    }
}

const fn needed(name: &'static str, label: &'static str, takes: Takes, hint: &'static str) -> Part {
    Part {
        needed: true,
        ..part(name, label, takes, hint)
    }
}

/// How the levels of a kind are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Against a threshold.
    Threshold,
    /// The same, of several results in a row.
    Row,
    State(Among),
    /// By itself.
    Itself,
}

/// A kind of rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// As packs write it behind `on.`.
    pub key: &'static str,
    pub label: &'static str,
    pub reads: &'static [Part],
    pub test: Test,
}

const SELECT: &str =
    "A metric with what its labels have to be: http_requests_total{status=~\"5..\"}";
const WINDOW: &str = "How far back: 5m.";
const LEAST: &str =
    "How much has to be counted before it means anything; 20 where nothing stands here.";
const UNIT: &str = "Known from the metric’s name where it ends in _seconds, _bytes or _ratio.";

macro_rules! single {
    ($key:literal, $label:literal, $field:literal, $among:ident, $test:expr) => {
        Kind {
            key: $key,
            label: $label,
            reads: &[needed(
                concat!("on.", $key),
                $field,
                Takes::One(Among::$among),
                "",
            )],
            test: $test,
        }
    };
}

/// Every kind that there is, in the order in which they are offered.
pub static KINDS: [Kind; 16] = [
    single!(
        "state",
        "State of a probe",
        "Probe",
        Probes,
        Test::State(Among::ProbeStates)
    ),
    single!("latency", "Latency of a probe", "Probe", Probes, Test::Row),
    Kind {
        key: "measure",
        label: "Figure of a probe",
        reads: &[
            needed("on.measure.probe", "Probe", Takes::One(Among::Probes), ""),
            needed("on.measure.name", "Figure", Takes::One(Among::Measures), ""),
        ],
        test: Test::Threshold,
    },
    single!(
        "indicator",
        "Indicator",
        "Indicator",
        Indicators,
        Test::Threshold
    ),
    single!(
        "age",
        "Age of an indicator’s report",
        "Indicator",
        Indicators,
        Test::Threshold
    ),
    single!("event", "Event", "Type of event", EventTypes, Test::Itself),
    single!(
        "heartbeat",
        "Heartbeat",
        "Heartbeat",
        Heartbeats,
        Test::State(Among::HeartbeatStates)
    ),
    single!(
        "connector",
        "Connector",
        "Connector",
        Connectors,
        Test::State(Among::ConnectorStates)
    ),
    Kind {
        key: "log",
        label: "Lines of a log",
        reads: &[
            needed("on.log.source", "Log", Takes::One(Among::Logs), ""),
            part(
                "on.log.level",
                "Lines at",
                Takes::One(Among::Severities),
                "This bad or worse.",
            ),
            part("on.log.component", "Component", Takes::Text, ""),
            part("on.log.code", "Code", Takes::Text, ""),
            needed(
                "on.log.within",
                "Within",
                Takes::Length,
                "Counted back from now: 1h.",
            ),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "metric",
        label: "Scraped number",
        reads: &[
            needed("on.metric.scrape", "Scrape", Takes::One(Among::Scrapes), ""),
            needed("on.metric.select", "Metric", Takes::Text, SELECT),
            part(
                "on.metric.take",
                "Of several series",
                Takes::One(Among::Takes),
                "How they become the one number that is compared.",
            ),
            part(
                "on.metric.unit",
                "Counted in",
                Takes::One(Among::Units),
                UNIT,
            ),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "rate",
        label: "Rate of a counter",
        reads: &[
            needed("on.rate.scrape", "Scrape", Takes::One(Among::Scrapes), ""),
            needed("on.rate.select", "Metric", Takes::Text, SELECT),
            needed("on.rate.window", "Window", Takes::Length, WINDOW),
            part("on.rate.unit", "Counted in", Takes::One(Among::Units), UNIT),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "increase",
        label: "Increase of a counter",
        reads: &[
            needed(
                "on.increase.scrape",
                "Scrape",
                Takes::One(Among::Scrapes),
                "",
            ),
            needed("on.increase.select", "Metric", Takes::Text, SELECT),
            needed("on.increase.window", "Window", Takes::Length, WINDOW),
            part(
                "on.increase.unit",
                "Counted in",
                Takes::One(Among::Units),
                UNIT,
            ),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "share",
        label: "Share of a part in the whole",
        reads: &[
            needed("on.share.scrape", "Scrape", Takes::One(Among::Scrapes), ""),
            needed("on.share.part", "Part", Takes::Text, SELECT),
            needed("on.share.whole", "Whole", Takes::Text, SELECT),
            part(
                "on.share.window",
                "Window",
                Takes::Length,
                "Of what grew in it; without one, of the numbers as they are.",
            ),
            part("on.share.least", "At least", Takes::Number, LEAST),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "quantile",
        label: "Quantile of a histogram",
        reads: &[
            needed(
                "on.quantile.scrape",
                "Scrape",
                Takes::One(Among::Scrapes),
                "",
            ),
            needed(
                "on.quantile.select",
                "Histogram",
                Takes::Text,
                "Its name without _bucket.",
            ),
            needed(
                "on.quantile.quantile",
                "Quantile",
                Takes::Number,
                "0.95 is what 95 % stay under.",
            ),
            needed("on.quantile.window", "Window", Takes::Length, WINDOW),
            part("on.quantile.least", "At least", Takes::Number, LEAST),
            part(
                "on.quantile.unit",
                "Counted in",
                Takes::One(Among::Units),
                UNIT,
            ),
        ],
        test: Test::Threshold,
    },
    Kind {
        key: "absence",
        label: "Absence of a metric",
        reads: &[
            needed(
                "on.absence.scrape",
                "Scrape",
                Takes::One(Among::Scrapes),
                "",
            ),
            needed("on.absence.select", "Metric", Takes::Text, SELECT),
        ],
        test: Test::Itself,
    },
    single!(
        "burn_rate",
        "Burn rate of a target",
        "Target",
        Targets,
        Test::Itself
    ),
];

/// The kind of this name.
#[must_use]
pub fn kind(key: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.key == key)
}

const LIGHTS: &str = "90%, 5m, 1GB, or a bare number in what the figure is counted in. Empty: there is no such level.";
const CLEARS: &str = "So that what hovers at the threshold does not blink. Empty: the threshold.";
const LASTS: &str = "Empty: lit at once.";

macro_rules! level {
    ($level:literal) => {
        Level {
            name: $level,
            at: needed(concat!($level, ".at"), "Lights at", Takes::Quantity, LIGHTS),
            side: part(
                concat!($level, ".side"),
                "Side",
                Takes::One(Among::Sides),
                "",
            ),
            clear: part(
                concat!($level, ".clear"),
                "Goes off at",
                Takes::Quantity,
                CLEARS,
            ),
            results: part(
                concat!($level, ".results"),
                "Results in a row",
                Takes::Number,
                "1 to 20.",
            ),
            lit: part(concat!($level, ".lit"), "Lit", Takes::One(Among::Lit), ""),
            is: concat!($level, ".is"),
            lasting: part(concat!($level, ".for"), "Has to last", Takes::Length, LASTS),
        }
    };
}

/// The fields of a level.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    pub name: &'static str,
    pub at: Part,
    pub side: Part,
    pub clear: Part,
    pub results: Part,
    pub lit: Part,
    pub is: &'static str,
    pub lasting: Part,
}

/// Most urgent first.
pub static LEVELS: [Level; 3] = [level!("red"), level!("yellow"), level!("blue")];

impl Level {
    /// Those that a kind shows.
    #[must_use]
    pub fn parts(&self, test: Test) -> Vec<Part> {
        let optional = |part: Part| Part {
            needed: false,
            ..part
        };
        let state = |among| part(self.is, "When it is", Takes::One(among), "");
        match test {
            Test::Threshold => vec![self.side, optional(self.at), self.clear, self.lasting],
            Test::Row => vec![
                self.side,
                optional(self.at),
                self.clear,
                self.results,
                self.lasting,
            ],
            Test::State(among) => vec![state(among), self.lasting],
            Test::Itself => vec![self.lit, self.lasting],
        }
    }

    /// The field that says whether there is such a level.
    #[must_use]
    pub const fn first(&self, test: Test) -> &'static str {
        match test {
            Test::Threshold | Test::Row => self.at.name,
            Test::State(_) => self.is,
            Test::Itself => self.lit.name,
        }
    }
}

/// What rules of every kind say beside what they read and when they light.
pub static COMMON: [Part; 7] = [
    needed("name", "Name", Takes::Text, "What the alert is called."),
    part(
        "keep_firing_for",
        "Stays lit for",
        Takes::Length,
        "After its condition has ended. Empty: it goes out at once; of events after an hour.",
    ),
    part("no_data", "Without data", Takes::One(Among::NoData), ""),
    part(
        "no_data_for",
        "For how long first",
        Takes::Length,
        "How long there must be nothing before that.",
    ),
    part(
        "runbook",
        "Runbook",
        Takes::One(Among::Runbooks),
        "A red rule needs one.",
    ),
    part(
        "escalation",
        "Who is told",
        Takes::One(Among::Escalations),
        "",
    ),
    part("owner", "Owner", Takes::Text, "Who is expected to act."),
];

impl Kind {
    /// Whether the form says what a key of the pack is.
    #[must_use]
    pub fn governs(&self, key: &str) -> bool {
        let of_level = LEVELS.iter().any(|level| {
            key == level.name
                || key
                    .strip_prefix(level.name)
                    .is_some_and(|it| it.starts_with('.'))
        });
        of_level
            || self.reads.iter().any(|part| part.name == key)
            || COMMON.iter().any(|part| part.name == key)
    }
}
