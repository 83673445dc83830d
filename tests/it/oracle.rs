//! Prometheus as the oracle: what `promtool test rules` says of a hundred generated rules over generated series, ours
//! say too, at every step.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use signalbox::features::alerts::alert::{Policy, Track};
use signalbox::features::alerts::rule::{self, Reading};
use signalbox::features::health::exposition;
use signalbox::features::health::series::{self, Figure, Moment, Point, Series};
use signalbox::features::packs::file;
use signalbox::features::packs::pack::{Labels, Rule};
use signalbox::features::packs::parameters::Given;

use crate::support::programs;

const RULES: usize = 100;
const STEPS: usize = 240;
const STEP_SECS: i64 = 15;
const SEED: u64 = 0x5163_6e61_6c62_6f78;

/// The same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.roll(all.len() as u64);
        all[usize::try_from(at).unwrap()]
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.roll(1_000) as f64 / 1_000.0)
    }
}

/// A series and what it is at each step; nothing where the page does not hold it.
struct Generated {
    name: String,
    labels: Labels,
    values: Vec<Option<f64>>,
}

impl Generated {
    fn of(name: &str, label: (&str, &str), values: Vec<Option<f64>>) -> Self {
        let labels = [(label.0.to_owned(), label.1.to_owned())].into();
        Self {
            name: name.to_owned(),
            labels,
            values,
        }
    }

    /// As it stands on a page and in a test of rules.
    fn title(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }

    /// A page that stops holding it marks it as gone once.
    fn notation(&self) -> Value {
        let mut there = false;
        let each = self.values.iter().map(|value| {
            let was = std::mem::replace(&mut there, value.is_some());
            match value {
                Some(value) => format!("{value}"),
                None if was => "stale".to_owned(),
                None => "_".to_owned(),
            }
        });
        json!({ "series": self.title(), "values": each.collect::<Vec<_>>().join(" ") })
    }
}

/// Holes of a few steps in a walk that otherwise goes on.
fn with_holes(dice: &mut Dice, values: impl Iterator<Item = f64>) -> Vec<Option<f64>> {
    let mut hole = 0;
    let each = values.map(|value| {
        if hole == 0 && dice.roll(40) == 0 {
            hole = 1 + dice.roll(12);
        }
        let there = hole == 0;
        hole = hole.saturating_sub(1);
        there.then_some(value)
    });
    each.collect()
}

fn gauge(dice: &mut Dice) -> Vec<Option<f64>> {
    let mut value = 50.0;
    let walk: Vec<f64> = (0..STEPS)
        .map(|_| {
            value += dice.between(-10.0, 10.0);
            (value * 100.0_f64).round() / 100.0
        })
        .collect();
    with_holes(dice, walk.into_iter())
}

/// It grows at a pace that changes, and now and then begins anew.
fn counter(dice: &mut Dice) -> Vec<Option<f64>> {
    let (mut value, mut pace) = (dice.between(0.0, 500.0).round(), 3);
    let walk: Vec<f64> = (0..STEPS)
        .map(|_| {
            if dice.roll(20) == 0 {
                pace = dice.one_of(&[0, 1, 4, 20, 60]);
            }
            if dice.roll(60) == 0 {
                value = 0.0;
            }
            value += dice.roll(pace + 1) as f64;
            value
        })
        .collect();
    with_holes(dice, walk.into_iter())
}

fn histogram(dice: &mut Dice, name: &str) -> Vec<Generated> {
    const BOUNDS: [&str; 5] = ["0.1", "0.5", "1", "5", "+Inf"];
    let mut counts = [0_u64; 5];
    let mut steps: Vec<[u64; 5]> = Vec::new();
    let mut favourite = 1;
    for _ in 0..STEPS {
        if dice.roll(15) == 0 {
            favourite = dice.roll(5);
        }
        if dice.roll(90) == 0 {
            counts = [0; 5];
        }
        for _ in 0..dice.roll(12) {
            let falls = if dice.roll(3) == 0 {
                dice.roll(5)
            } else {
                favourite
            };
            for count in &mut counts[usize::try_from(falls).unwrap()..] {
                *count += 1;
            }
        }
        steps.push(counts);
    }
    // A page holds all of a histogram or nothing of it.
    let holes = with_holes(dice, steps.iter().map(|_| 0.0));
    let bucket = |(at, le): (usize, &&str)| {
        let values = steps
            .iter()
            .zip(&holes)
            .map(|(counts, hole)| hole.map(|_| counts[at] as f64));
        Generated::of(&format!("{name}_bucket"), ("le", *le), values.collect())
    };
    BOUNDS.iter().enumerate().map(bucket).collect()
}

/// A rule as packs write it and as Prometheus does, but for what it is compared with.
struct Shape {
    on: String,
    expression: String,
    /// What else has to hold.
    enough: String,
    compared: bool,
}

fn shape(dice: &mut Dice, at: usize, all: &mut Vec<Generated>) -> Shape {
    let name = format!("m{at}");
    let window = dice.one_of(&["30s", "1m", "2m", "5m", "10m"]);
    let several =
        |dice: &mut Dice, all: &mut Vec<Generated>, make: fn(&mut Dice) -> Vec<Option<f64>>| {
            for label in ["a", "b", "c"]
                .iter()
                .take(usize::try_from(1 + dice.roll(3)).unwrap())
            {
                let values = make(dice);
                all.push(Generated::of(&name, ("s", *label), values));
            }
        };
    let select = dice.one_of(&[
        "",
        "{s=\"a\"}",
        "{s!=\"a\"}",
        "{s=~\"a|c\"}",
        "{s!~\"[bc]\"}",
    ]);
    let selector = format!("{name}{select}");
    let shape = |on: String, expression: String| Shape {
        on,
        expression,
        enough: String::new(),
        compared: true,
    };
    match at % 6 {
        0 => {
            several(dice, all, gauge);
            let take = dice.one_of(&["sum", "max", "min"]);
            shape(
                format!(
                    "on.metric = {{ scrape = \"s\", select = '{selector}', take = \"{take}\" }}"
                ),
                format!("{take}({selector})"),
            )
        }
        1 | 2 => {
            several(dice, all, counter);
            let what = dice.one_of(&["rate", "increase"]);
            shape(
                format!(
                    "on.{what} = {{ scrape = \"s\", select = '{selector}', window = \"{window}\" }}"
                ),
                format!("sum({what}({selector}[{window}]))"),
            )
        }
        3 => {
            for (status, rare) in [("200", 0), ("404", 2), ("503", 1)] {
                let values = if dice.roll(4) < rare {
                    vec![None; STEPS]
                } else {
                    counter(dice)
                };
                all.push(Generated::of(&name, ("status", status), values));
            }
            let least = dice.one_of(&[1, 20, 50]);
            let (part, whole) = (
                format!("{name}{{status=~\"5..\"}}"),
                format!("sum(increase({name}[{window}]))"),
            );
            Shape {
                on: format!(
                    "on.share = {{ scrape = \"s\", part = '{part}', whole = \"{name}\", window = \"{window}\", least = {least} }}"
                ),
                expression: format!("(sum(increase({part}[{window}])) or vector(0)) / {whole}"),
                enough: format!(" and {whole} >= {least}"),
                compared: true,
            }
        }
        4 => {
            all.extend(histogram(dice, &name));
            let (quantile, least) = (
                dice.one_of(&[0.5, 0.9, 0.95, 0.99]),
                dice.one_of(&[1, 20, 50]),
            );
            let buckets = format!("{name}_bucket");
            Shape {
                on: format!(
                    "on.quantile = {{ scrape = \"s\", select = \"{name}\", quantile = {quantile}, window = \"{window}\", least = {least} }}"
                ),
                expression: format!(
                    "histogram_quantile({quantile}, sum by (le) (increase({buckets}[{window}])))"
                ),
                enough: format!(
                    " and sum(increase({buckets}{{le=\"+Inf\"}}[{window}])) >= {least}"
                ),
                compared: true,
            }
        }
        _ => {
            several(dice, all, gauge);
            Shape {
                on: format!("on.absence = {{ scrape = \"s\", select = '{name}{{s=~\"a\"}}' }}"),
                expression: format!("absent({name}{{s=~\"a\"}})"),
                enough: String::new(),
                compared: false,
            }
        }
    }
}

fn rule(text: &str) -> Rule {
    let source = format!("[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\n{text}");
    file::read(&source, &Given::default())
        .unwrap_or_else(|why| panic!("{why:?}: {text}"))
        .pack
        .rules
        .remove(0)
}

/// Everything that was scraped, step by step, through the pages that it stood on.
fn scraped(all: &[Generated]) -> Vec<Series> {
    let mut found: BTreeMap<(String, Labels), Vec<Point>> = BTreeMap::new();
    for step in 0..STEPS {
        let line = |one: &Generated| Some(format!("{} {}\n", one.title(), one.values[step]?));
        let page: String = all.iter().filter_map(line).collect();
        for value in exposition::read(&page, |_| true).unwrap() {
            let point = Point {
                at_ms: millis(step),
                value: value.value,
            };
            found
                .entry((value.name, value.labels))
                .or_default()
                .push(point);
        }
    }
    let series = |((name, labels), points)| Series {
        name,
        labels,
        points,
    };
    found.into_iter().map(series).collect()
}

fn millis(step: usize) -> i64 {
    i64::try_from(step).unwrap() * STEP_SECS * 1_000
}

fn figures(rule: &Rule, series: &[Series]) -> Vec<Figure> {
    let moment = |step| Moment {
        now_ms: millis(step),
        read_ms: Some(millis(step)),
    };
    (0..STEPS)
        .map(|step| series::figure(&rule.on, series, moment(step)))
        .collect()
}

/// A threshold between what is seen, and never on it.
fn threshold(dice: &mut Dice, figures: &[Figure]) -> String {
    let numbers = figures.iter().filter_map(|figure| match figure {
        Figure::Number(number) => Some(*number),
        _ => None,
    });
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (numbers.first(), numbers.last()) else {
        return "0.000123".to_owned();
    };
    let middle = numbers[numbers.len() * usize::try_from(3 + dice.roll(5)).unwrap() / 10];
    format!("{:.9}", middle + (high - low) * 0.000_017 + 0.000_000_123)
}

/// What is lit or on its way to it at each step.
fn ours(rule: &Rule, figures: &[Figure]) -> Vec<Option<&'static str>> {
    let mut track = Track::default();
    let policy = Policy::of(rule);
    let states = figures.iter().enumerate().map(|(step, figure)| {
        let at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis(step));
        let verdict = rule::verdict(rule, &Reading::of(*figure), &track);
        track.tick(at, verdict, &policy);
        match (track.firing, track.pending_since()) {
            (Some(_), _) => Some("firing"),
            (None, Some(_)) => Some("pending"),
            (None, None) => None,
        }
    });
    states.collect()
}

#[test]
fn a_hundred_rules_are_pending_firing_and_resolved_as_in_prometheus() {
    let Some(promtool) = programs::find("promtool") else {
        return;
    };
    let mut dice = Dice(SEED);
    let mut all = Vec::new();
    let shapes: Vec<Shape> = (0..RULES)
        .map(|at| shape(&mut dice, at, &mut all))
        .collect();
    let series = scraped(&all);
    let mut theirs = Vec::new();
    let mut expected = vec![Vec::new(); STEPS];
    let mut seen = BTreeSet::new();
    for (at, shape) in shapes.iter().enumerate() {
        let side = if dice.roll(3) == 0 {
            ("below", "<")
        } else {
            ("above", ">")
        };
        let (lasting, keep) = (
            dice.one_of(&["0s", "15s", "30s", "40s", "1m", "2m"]),
            dice.one_of(&["0s", "0s", "20s", "1m"]),
        );
        let head = format!(
            "id = \"r{at}\"\nname = \"R\"\nno_data = \"ok\"\nkeep_firing_for = \"{keep}\"\n{}",
            shape.on
        );
        let mut condition = format!("for = \"{lasting}\"");
        let mut expression = shape.expression.clone();
        let own: Vec<Series> = {
            let name = format!("m{at}");
            series
                .iter()
                .filter(|one| one.name.trim_end_matches("_bucket") == name)
                .cloned()
                .collect()
        };
        let figures = figures(&rule(&format!("{head}\nred = {{ {condition} }}")), &own);
        if shape.compared {
            let threshold = threshold(&mut dice, &figures);
            condition += &format!(", {} = {threshold}", side.0);
            expression = format!("({expression}) {} {threshold}{}", side.1, shape.enough);
        }
        let rule = rule(&format!("{head}\nred = {{ {condition} }}"));
        theirs.push(json!({ "alert": rule.id, "expr": expression, "for": lasting, "keep_firing_for": keep }));
        let mut before = None;
        for (step, state) in ours(&rule, &figures).into_iter().enumerate() {
            if let Some(state) = state {
                let labels = format!(
                    "ALERTS{{alertname=\"{}\", alertstate=\"{state}\"}}",
                    rule.id
                );
                expected[step].push(json!({ "labels": labels, "value": 1 }));
            }
            if state != before {
                seen.insert((at, before, state));
            }
            before = state;
        }
    }
    let changes = |from, to| {
        seen.iter()
            .filter(|(_, was, is)| (*was, *is) == (from, to))
            .count()
    };
    assert!(
        changes(None, Some("pending")) > 30 && changes(Some("pending"), Some("firing")) > 30,
        "too little happens"
    );
    assert!(
        changes(Some("pending"), None) > 20 && changes(Some("firing"), None) > 50,
        "too little ends"
    );
    judged(&promtool, &all, &theirs, &expected);
}

fn judged(promtool: &std::path::Path, all: &[Generated], rules: &[Value], expected: &[Vec<Value>]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    };
    let step = format!("{STEP_SECS}s");
    write(
        "rules.yml",
        &json!({ "groups": [{ "name": "g", "interval": step, "rules": rules }] }),
    );
    let each = expected.iter().enumerate().map(|(at, samples)| {
        let time = format!("{}s", millis(at) / 1_000);
        json!({ "expr": "ALERTS", "eval_time": time, "exp_samples": samples })
    });
    let test = json!({
        "interval": step,
        "input_series": all.iter().map(Generated::notation).collect::<Vec<_>>(),
        "promql_expr_test": each.collect::<Vec<_>>(),
    });
    write(
        "test.yml",
        &json!({ "rule_files": ["rules.yml"], "evaluation_interval": step, "tests": [test] }),
    );
    let said = Command::new(promtool)
        .args(["test", "rules", "test.yml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    if !said.status.success() {
        let words = String::from_utf8_lossy(&said.stderr);
        let kept = folder.keep();
        let start: String = words.chars().take(4_000).collect();
        panic!(
            "Prometheus says otherwise, see {}:\n{start}",
            kept.display()
        );
    }
}
