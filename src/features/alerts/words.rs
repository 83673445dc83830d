//! What an alert says, in one line.

use super::burn::Burn;
use super::rule::{Beat, Reading};
use crate::features::packs::pack::{Condition, Is, Rule, Source, Unit};
use crate::features::packs::quantity::Quantity;
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
        (Source::Heartbeat(heartbeat), Reading::Beat(beat)) => {
            format!("the heartbeat {heartbeat} is {}", beat_word(*beat))
        }
        (Source::Connector(connector), Reading::Beat(beat)) => {
            format!("the connector {connector} {}", connector_word(*beat))
        }
        (Source::Connector(connector), _) => {
            format!("the connector {connector} was never called")
        }
        (Source::Heartbeat(heartbeat), _) => {
            format!("the heartbeat {heartbeat} was never heard of")
        }
        (Source::BurnRate(slo), Reading::Burn(burn)) => {
            format!("the budget of {slo} is used up {}", burn_words(*burn))
        }
        (Source::Absence(of), _) => format!("{} is not served", of.select),
        (_, Reading::Nothing) => format!("{}: nothing to read", rule.on),
        (_, Reading::Scarce) => format!("{}: not enough data", rule.on),
        (_, reading) => format!("{} is {}{limit}", rule.on, value(&rule.on, reading, unit)),
    }
}

/// "97.4 %": what is read now; empty where there is no figure, or none at the moment.
#[must_use]
pub fn reading(rule: &Rule, reading: &Reading, unit: &str) -> String {
    match reading {
        // To the minute, so that growing older is not news every two seconds.
        Reading::Age(age) if age.num_minutes() > 0 => {
            length(age.num_minutes() * MILLIS_OF_A_MINUTE)
        }
        Reading::Number(_) | Reading::Latencies(_) | Reading::Age(_) => {
            value(&rule.on, reading, unit)
        }
        Reading::Burn(burn) => burn_words(*burn),
        Reading::Scarce => "not enough data".to_owned(),
        Reading::State(_)
        | Reading::Beat(_)
        | Reading::Events(_)
        | Reading::Absent(_)
        | Reading::Nothing => String::new(),
    }
}

/// "3.2 %": a reading of this source by itself.
#[must_use]
pub fn figure_of(on: &Source, reading: &Reading) -> String {
    value(on, reading, "")
}

/// The same of something that has a unit of its own.
#[must_use]
pub fn figure_in(on: &Source, reading: &Reading, unit: &str) -> String {
    value(on, reading, unit)
}

/// "98 %": what a reading of this source is compared with, in the same units.
#[must_use]
pub fn threshold_in(on: &Source, threshold: Quantity, unit: &str) -> String {
    match on.unit() {
        Some(unit) => counted(on, on.number(threshold), unit),
        None => with_unit(&threshold.to_string(), unit),
    }
}

/// "15.2 times too fast, over the last 1h and 5m".
fn burn_words(burn: Burn) -> String {
    let (long, short) = (
        length(burn.long.num_milliseconds()),
        length(burn.short.num_milliseconds()),
    );
    let rate = (burn.rate * 10.0).round() / 10.0;
    if rate < 1.0 {
        format!("at {rate} times the pace that it allows, over the last {long}")
    } else {
        format!("{rate} times too fast, over the last {long} and {short}")
    }
}

const fn beat_word(beat: Beat) -> &'static str {
    match beat.is {
        Is::Late => "late",
        Is::Down => "down",
        _ => "up",
    }
}

const fn connector_word(beat: Beat) -> &'static str {
    match beat.is {
        Is::Open => "is cut off: its breaker is open",
        Is::Failing => "does not answer as it should",
        Is::Disabled => "is called whatever comes of it: its breaker is disabled",
        _ => "answers",
    }
}

const MILLIS_OF_A_MINUTE: i64 = 60_000;

fn limit(rule: &Rule, condition: &Condition, unit: &str) -> String {
    let Some((threshold, above)) = condition.threshold() else {
        return String::new();
    };
    let side = if above { "above" } else { "below" };
    let threshold = threshold_in(&rule.on, threshold, unit);
    match condition.results {
        Some(results) if results > 1 => format!(", {side} {threshold} {results} times in a row"),
        _ => format!(", {side} {threshold}"),
    }
}

fn value(on: &Source, reading: &Reading, unit: &str) -> String {
    match reading {
        Reading::Number(number) => match on.unit() {
            Some(unit) => counted(on, *number, unit),
            None => with_unit(&number.to_string(), unit),
        },
        Reading::Latencies(latencies) => latencies
            .first()
            .map_or_else(String::new, |latency_us| length(latency_us / 1_000)),
        Reading::Age(age) => length(age.num_seconds() * 1_000),
        Reading::State(state) => state.as_str().to_owned(),
        Reading::Beat(beat) => beat_word(*beat).to_owned(),
        Reading::Burn(burn) => burn_words(*burn),
        Reading::Events(count) => count.to_string(),
        Reading::Absent(true) => "not served".to_owned(),
        Reading::Absent(false) => "served".to_owned(),
        Reading::Scarce => "not enough data".to_owned(),
        Reading::Nothing => "unknown".to_owned(),
    }
}

/// A length of time as packs write theirs, so that both can be compared at sight: "26h 1s", "2s 350ms".
fn length(millis: i64) -> String {
    const UNITS: [(&str, i64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut left = millis.max(0);
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// What was scraped is reckoned, so it has more digits than anybody wants to read.
fn counted(on: &Source, number: f64, unit: Unit) -> String {
    if !on.is_scraped() {
        return figure(number, unit);
    }
    let rounded = match number.abs() {
        large if large >= 100.0 => number.round(),
        small if small > 0.0 => {
            let digits = 3.0 - small.log10().ceil();
            let scale = 10_f64.powf(digits);
            (number * scale).round() / scale
        }
        _ => number,
    };
    let text = figure(if unit == Unit::Share { number } else { rounded }, unit);
    match on {
        Source::Rate(_) => format!("{text} a second"),
        _ => text,
    }
}

/// A figure of a probe in what it is counted in. Both sides of a comparison go through here.
fn figure(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.1} %", number * 100.0),
        Unit::Bytes => bytes(number),
        #[allow(
            clippy::cast_possible_truncation,
            reason = "seconds since a file was written are far below 2^53"
        )]
        Unit::Seconds if number >= 60.0 => length(number.round() as i64 * 1_000),
        Unit::Seconds => with_unit(&number.to_string(), "s"),
        Unit::Days => with_unit(&number.to_string(), "days"),
        Unit::Count => number.to_string(),
    }
}

/// "1.25 GB", to the hundredth, as packs count them: in thousands.
fn bytes(number: f64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut counted = (number, "B");
    for unit in UNITS {
        if counted.0 < 1_000.0 {
            break;
        }
        counted = (counted.0 / 1_000.0, unit);
    }
    with_unit(
        &((counted.0 * 100.0).round() / 100.0).to_string(),
        counted.1,
    )
}

fn with_unit(number: &str, unit: &str) -> String {
    if unit.is_empty() {
        number.to_owned()
    } else {
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::features::packs::pack::{Measure, MeasureOf, NoData};
    use crate::features::packs::quantity::Lasting;

    fn rule(on: Source, above: Quantity) -> Rule {
        Rule {
            id: "r".into(),
            name: "R".into(),
            on,
            red: Some(Condition {
                above: Some(above),
                ..Condition::default()
            }),
            yellow: None,
            blue: None,
            keep_firing_for: None,
            no_data: NoData::Keep,
            no_data_for: Lasting::ZERO,
            escalation: None,
            runbook: None,
            owner: String::new(),
        }
    }

    #[test]
    fn a_value_and_its_limit_are_in_the_same_units() {
        let late = rule(
            Source::Age("sync".into()),
            Quantity::Lasting("26h".parse().unwrap()),
        );
        let age = Reading::Age(TimeDelta::seconds(93_601));
        assert_eq!(
            summary(&late, Level::Red, &age, ""),
            "age of sync is 26h 1s, above 26h"
        );
        assert_eq!(reading(&late, &age, ""), "26h");
        let slow = rule(
            Source::Latency("api".into()),
            Quantity::Lasting(Lasting::from_secs(2)),
        );
        assert_eq!(
            summary(&slow, Level::Red, &Reading::Latencies(vec![2_350_000]), ""),
            "latency of api is 2s 350ms, above 2s"
        );
        let lag = MeasureOf {
            probe: "db".into(),
            name: Measure::Lag,
        };
        let behind = rule(Source::Measure(lag), Quantity::Number(30.0));
        assert_eq!(
            summary(&behind, Level::Red, &Reading::Number(42.5), ""),
            "lag of db is 42.5 s, above 30 s"
        );
        assert_eq!(reading(&behind, &Reading::Nothing, ""), "");
        let of = |name, above: &str| {
            let probe = "dumps".to_owned();
            rule(
                Source::Measure(MeasureOf { probe, name }),
                above.parse().unwrap(),
            )
        };
        assert_eq!(
            summary(
                &of(Measure::Age, "26h"),
                Level::Red,
                &Reading::Number(93_601.0),
                ""
            ),
            "age of dumps is 26h 1s, above 26h"
        );
        assert_eq!(
            summary(
                &of(Measure::Size, "2GB"),
                Level::Red,
                &Reading::Number(2_345_678_901.0),
                ""
            ),
            "size of dumps is 2.35 GB, above 2 GB"
        );
        assert_eq!(
            summary(
                &of(Measure::Days, "14d"),
                Level::Red,
                &Reading::Number(20.0),
                ""
            ),
            "days of dumps is 20 days, above 14 days"
        );
    }
}
