//! What a rule says, in words. Pure.

use crate::features::alerts::words::threshold_in;
use crate::features::packs::pack::{Condition, Is, NoData, Rule, Source};

/// "State of a probe": what kind of rule it is.
#[must_use]
pub const fn kind(on: &Source) -> &'static str {
    match on {
        Source::State(_) => "State of a probe",
        Source::Latency(_) => "Latency",
        Source::Measure(_) => "Figure of a probe",
        Source::Indicator(_) => "Indicator",
        Source::Age(_) => "Age of a report",
        Source::Event(_) => "Event",
        Source::Heartbeat(_) => "Heartbeat",
        Source::Connector(_) => "Connector",
        Source::Log(_) => "Lines of a log",
        Source::Metric(_) => "Metric",
        Source::Rate(_) => "Rate",
        Source::Increase(_) => "Increase",
        Source::Share(_) => "Share",
        Source::Quantile(_) => "Quantile",
        Source::Absence(_) => "Absence",
        Source::BurnRate(_) => "Burn rate",
    }
}

/// "state of api-health": what it reads. What an indicator is called says nothing of its kind.
#[must_use]
pub fn reads(on: &Source) -> String {
    match on {
        Source::Indicator(_) => format!("indicator {on}"),
        on => on.to_string(),
    }
}

/// "above 90 % for 5m; goes off again at 85 %".
#[must_use]
pub fn when(rule: &Rule, condition: &Condition, unit: &str) -> String {
    let mut said = holds(rule, condition, unit);
    if let Some(results) = condition.results.filter(|results| *results > 1) {
        said.push_str(&format!(", {results} times in a row"));
    }
    if !condition.lasting.is_zero() {
        said.push_str(&format!(" for {}", condition.lasting));
    }
    if let Some(clear) = condition.clear {
        let clear = threshold_in(&rule.on, clear, unit);
        said.push_str(&format!("; goes off again at {clear}"));
    }
    said
}

fn holds(rule: &Rule, condition: &Condition, unit: &str) -> String {
    match (&rule.on, condition.is, condition.threshold()) {
        (Source::Event(_), ..) => "when it is reported".to_owned(),
        (Source::Absence(_), ..) => "when it is not served".to_owned(),
        (Source::BurnRate(_), ..) => {
            "while both windows of a pair burn faster than they may".to_owned()
        }
        (_, Some(is), _) => format!("when it is {}", state(is)),
        (_, None, Some((threshold, above))) => {
            let side = if above { "above" } else { "below" };
            format!("{side} {}", threshold_in(&rule.on, threshold, unit))
        }
        (_, None, None) => "when it holds".to_owned(),
    }
}

const fn state(is: Is) -> &'static str {
    match is {
        Is::Up => "up",
        Is::Down => "down",
        Is::Unknown => "unknown",
        Is::Late => "late",
        Is::Failing => "failing",
        Is::Open => "open",
        Is::Disabled => "disabled",
    }
}

/// What it makes of having nothing to read.
#[must_use]
pub fn without_data(rule: &Rule) -> String {
    let does = match rule.no_data {
        NoData::Keep => "whatever was, stays; what was only on its way begins anew",
        NoData::Fire => "its most urgent level is lit",
        NoData::Ok => "it goes out",
    };
    if rule.no_data_for.is_zero() {
        does.to_owned()
    } else {
        format!("after {}, {does}", rule.no_data_for)
    }
}

/// How long it stays lit after its condition has ended.
#[must_use]
pub fn stays_lit(rule: &Rule) -> String {
    let kept = rule.keep_firing_for();
    if kept.is_zero() {
        "it goes out as its condition ends".to_owned()
    } else {
        format!("for {kept} after its condition has ended")
    }
}
