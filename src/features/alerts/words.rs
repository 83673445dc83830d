//! What an alert says, in one line.

use super::rule::Reading;
use crate::features::packs::pack::{Condition, Rule, Source};
use crate::foundation::kernel::Level;

/// "ncc_qos is 97.4 %, below 98 %".
#[must_use]
pub fn summary(rule: &Rule, level: Level, reading: &Reading, unit: &str) -> String {
    let condition = rule
        .levels()
        .find(|(of, _)| *of == level)
        .map(|(_, condition)| condition);
    let limit = condition.map_or_else(String::new, |condition| limit(rule, condition, unit));
    match (&rule.on, reading) {
        (Source::Event(event), Reading::Events(count)) if *count > 1 => {
            format!("{event} was reported {count} times")
        }
        (Source::Event(event), _) => format!("{event} was reported"),
        (Source::State(probe), Reading::State(state)) => {
            format!("the probe {probe} is {}", state.as_str())
        }
        (_, Reading::Nothing) => format!("{}: nothing to read", rule.on),
        (_, reading) => format!("{} is {}{limit}", rule.on, value(rule, reading, unit)),
    }
}

fn limit(rule: &Rule, condition: &Condition, unit: &str) -> String {
    let Some((threshold, above)) = condition.threshold() else {
        return String::new();
    };
    let side = if above { "above" } else { "below" };
    let threshold = match &rule.on {
        Source::Measure(of) if of.name.is_share() => percent(threshold.value()),
        _ => with_unit(&threshold.to_string(), unit),
    };
    match condition.results {
        Some(results) if results > 1 => format!(", {side} {threshold} {results} times in a row"),
        _ => format!(", {side} {threshold}"),
    }
}

fn value(rule: &Rule, reading: &Reading, unit: &str) -> String {
    match reading {
        Reading::Number(number) => match &rule.on {
            Source::Measure(of) if of.name.is_share() => percent(*number),
            _ => with_unit(&number.to_string(), unit),
        },
        Reading::Latencies(latencies) => latencies
            .first()
            .map_or_else(String::new, |latency| format!("{} ms", latency / 1_000)),
        Reading::Age(age) => format!("{} s", age.num_seconds()),
        Reading::State(state) => state.as_str().to_owned(),
        Reading::Events(count) => count.to_string(),
        Reading::Nothing => "unknown".to_owned(),
    }
}

fn with_unit(number: &str, unit: &str) -> String {
    if unit.is_empty() {
        number.to_owned()
    } else {
        format!("{number} {unit}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
