//! What a level of a rule compares.

use crate::features::packs::pack::{Condition, Is, RESULTS_AT_MOST, Source, Unit};
use crate::features::packs::quantity::Quantity;

/// What does not fit between a source and a condition on it.
pub fn condition_problems(source: &Source, condition: &Condition) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let thresholds =
        usize::from(condition.above.is_some()) + usize::from(condition.below.is_some());
    let expected = match source {
        Source::State(_) => {
            match condition.is {
                None => problems.push("a rule on a state says which: is = \"down\""),
                Some(Is::Up | Is::Down | Is::Unknown) => {}
                Some(_) => problems.push("a probe is up, down or unknown, never late"),
            }
            0
        }
        Source::Heartbeat(_) => {
            if !matches!(condition.is, Some(Is::Down | Is::Late)) {
                problems.push("a rule on a heartbeat says is = \"down\" or is = \"late\"");
            }
            0
        }
        Source::Connector(_) => {
            if !matches!(condition.is, Some(Is::Failing | Is::Open | Is::Disabled)) {
                problems.push(
                    "a rule on a connector says is = \"open\", is = \"failing\" or is = \"disabled\"",
                );
            }
            0
        }
        Source::Event(_) | Source::Absence(_) | Source::BurnRate(_) => 0,
        _ => 1,
    };
    if thresholds != expected {
        problems.push(match expected {
            0 => "this source has no threshold",
            _ => "give one threshold: above or below",
        });
    }
    let has_states = matches!(
        source,
        Source::State(_) | Source::Heartbeat(_) | Source::Connector(_)
    );
    if condition.is.is_some() && !has_states {
        problems.push("only a rule on a state, a heartbeat or a connector has `is`");
    }
    if condition.results.is_some() && !matches!(source, Source::Latency(_)) {
        problems.push("only a rule on latency counts results");
    }
    if condition
        .results
        .is_some_and(|results| !(1..=RESULTS_AT_MOST).contains(&results))
    {
        problems.push("results are counted from 1 to 20: no more of them are kept");
    }
    if matches!(source, Source::Event(_)) && !condition.lasting.is_zero() {
        problems.push("an event does not last, so it has no `for`");
    }
    problems.extend(unit_problems(source, condition));
    problems.extend(clear_problem(source, condition));
    problems
}

fn unit_problems(source: &Source, condition: &Condition) -> Option<&'static str> {
    let quantities = [condition.above, condition.below, condition.clear];
    let mut given = quantities.into_iter().flatten();
    let (fits, otherwise): (fn(Quantity) -> bool, _) = match (source, source.unit()) {
        (Source::Latency(_) | Source::Age(_), _) => {
            (is_lasting, "compare with a length of time, such as \"2s\"")
        }
        (_, Some(Unit::Share)) => (
            is_share,
            "this is a share of the whole: write \"90%\", which is 0.9",
        ),
        (_, Some(Unit::Seconds)) => (
            |given| is_number(given) || is_lasting(given),
            "compare with a length of time, such as \"26h\", or a number of seconds",
        ),
        (_, Some(Unit::Days)) => (
            |given| is_number(given) || is_lasting(given),
            "compare with a length of time, such as \"21d\", or a number of days",
        ),
        (_, Some(Unit::Bytes)) => (
            |given| is_number(given) || matches!(given, Quantity::Bytes(_)),
            "compare with bytes, such as \"500MB\"",
        ),
        (_, Some(Unit::Count)) => (is_number, "compare with a number"),
        (_, None) => (
            is_number,
            "compare with a number, not a length of time or bytes",
        ),
    };
    (!given.all(fits)).then_some(otherwise)
}

const fn is_number(given: Quantity) -> bool {
    matches!(given, Quantity::Number(_))
}

const fn is_lasting(given: Quantity) -> bool {
    matches!(given, Quantity::Lasting(_))
}

fn is_share(given: Quantity) -> bool {
    is_number(given) && (0.0..=1.0).contains(&given.value())
}

fn clear_problem(source: &Source, condition: &Condition) -> Option<&'static str> {
    let clear = source.number(condition.clear?);
    match condition.threshold() {
        None => Some("clear goes with a threshold"),
        Some((at, true)) if clear > source.number(at) => {
            Some("clear lies at or below the threshold")
        }
        Some((at, false)) if clear < source.number(at) => {
            Some("clear lies at or above the threshold")
        }
        Some(_) => None,
    }
}

/// Whether a level is beyond the next lesser one: by its threshold, or, at the same threshold, by what it
/// takes to pass it.
pub fn is_beyond(source: &Source, worse: &Condition, better: &Condition) -> bool {
    let (Some((at_worse, above)), Some((at_better, also_above))) =
        (worse.threshold(), better.threshold())
    else {
        // A job is late before it is down, and calls fail before they are kept back.
        return (worse.is, better.is) != (Some(Is::Late), Some(Is::Down))
            && (worse.is, better.is) != (Some(Is::Failing), Some(Is::Open));
    };
    let (at_worse, at_better) = (source.number(at_worse), source.number(at_better));
    let further = if above {
        at_worse > at_better
    } else {
        at_worse < at_better
    };
    let longer =
        worse.lasting > better.lasting || worse.results.unwrap_or(1) > better.results.unwrap_or(1);
    above == also_above && (further || (at_worse.total_cmp(&at_better).is_eq() && longer))
}
