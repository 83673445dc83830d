//! From what was read to which levels of a rule hold.

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::{PerLevel, Track, Verdict};
use super::burn::Burn;
use crate::features::health::series::Figure;
use crate::features::packs::pack::{Condition, Is, ProbeState, Rule, Source};

/// What a rule's source says now.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    State(ProbeState),
    /// Latencies of the last results in microseconds, newest first.
    Latencies(Vec<i64>),
    Number(f64),
    Beat(Beat),
    /// How fast an error budget is used up.
    Burn(Burn),
    Age(TimeDelta),
    /// How many events came since the rule last looked.
    Events(i64),
    /// Whether what should be there is not.
    Absent(bool),
    /// Too little was counted for a figure.
    Scarce,
    Nothing,
}

/// How a heartbeat stands, and since which moment: that of its deadline where it is down, whoever noticed when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub is: Is,
    pub since: DateTime<Utc>,
}

impl Reading {
    /// What was scraped says, as far as it is known what was.
    #[must_use]
    pub const fn of(figure: Figure) -> Self {
        match figure {
            Figure::Number(number) => Self::Number(number),
            Figure::Absent(absent) => Self::Absent(absent),
            Figure::Scarce => Self::Scarce,
            Figure::Nothing => Self::Nothing,
        }
    }

    /// Since when it is as it is, where what was read knows that better than the tick which reads it.
    #[must_use]
    pub const fn since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Beat(beat) => Some(beat.since),
            _ => None,
        }
    }
}

/// Which levels hold. A level that is lit, or lies below the one that is, goes off only at its `clear`
/// value, so that a figure that hovers at the threshold does not blink. One that is only pending has to
/// pass its threshold all the while.
#[must_use]
pub fn verdict(rule: &Rule, reading: &Reading, track: &Track) -> Verdict {
    if matches!(reading, Reading::Nothing | Reading::Scarce) || is_unknown(rule, reading) {
        return Verdict::NoData;
    }
    let mut holds = PerLevel::default();
    for (level, condition) in rule.levels() {
        let lit = track.firing.is_some_and(|firing| level <= firing);
        let on = lit && track.active_at.get(level).is_some();
        let held = match reading {
            Reading::Burn(burn) => Some(burn.holds(level)),
            _ => condition_holds(&rule.on, condition, reading, on),
        };
        let Some(held) = held else {
            return Verdict::Error;
        };
        *holds.get_mut(level) = held;
    }
    Verdict::Holds(holds)
}

/// Whether a condition holds by itself, without a lamp that is lit.
#[must_use]
pub fn holds(source: &Source, condition: &Condition, reading: &Reading) -> Option<bool> {
    condition_holds(source, condition, reading, false)
}

/// An unknown state is nothing to read, unless the rule is about not knowing.
fn is_unknown(rule: &Rule, reading: &Reading) -> bool {
    let asks = |(_, condition): (_, &Condition)| condition.is == Some(Is::Unknown);
    matches!(rule.on, Source::State(_))
        && *reading == Reading::State(ProbeState::Unknown)
        && !rule.levels().any(asks)
}

/// `None` where the condition does not fit what was read.
fn condition_holds(
    source: &Source,
    condition: &Condition,
    reading: &Reading,
    on: bool,
) -> Option<bool> {
    let passes = |value| passes(source, condition, value, on);
    match reading {
        Reading::State(state) => condition.is.map(|is| is == *state),
        Reading::Beat(beat) => condition.is.map(|is| is == beat.is),
        Reading::Events(count) => Some(*count > 0),
        Reading::Number(number) => passes(*number),
        Reading::Age(age) => passes(millis(age.num_milliseconds())),
        Reading::Latencies(latencies) => {
            let wanted = usize::try_from(condition.results.unwrap_or(1)).ok()?;
            if latencies.len() < wanted {
                return Some(false);
            }
            let passed = |latency: &i64| passes(millis(*latency) / 1_000.0);
            latencies
                .iter()
                .take(wanted)
                .map(passed)
                .try_fold(true, |all, one| Some(all && one?))
        }
        Reading::Absent(absent) => Some(*absent),
        Reading::Burn(burn) => passes(burn.rate),
        Reading::Scarce | Reading::Nothing => None,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "durations here are far below 2^53"
)]
const fn millis(value: i64) -> f64 {
    value as f64
}

fn passes(source: &Source, condition: &Condition, value: f64, on: bool) -> Option<bool> {
    let (threshold, above) = condition.threshold()?;
    let at = match condition.clear {
        Some(clear) if on => source.number(clear),
        _ => source.number(threshold),
    };
    Some(if above { value > at } else { value < at })
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::features::packs::{file, parameters::Given};
    use crate::foundation::kernel::Level;

    fn rule(text: &str) -> Rule {
        let source = format!(
            "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n{text}"
        );
        file::read(&source, &Given::default())
            .unwrap()
            .pack
            .rules
            .remove(0)
    }

    fn reds(rule: &Rule, reading: &Reading, on: bool) -> Option<bool> {
        let mut track = Track::default();
        track.active_at.red = on.then(Utc::now);
        track.firing = on.then_some(Level::Red);
        match verdict(rule, reading, &track) {
            Verdict::Holds(holds) => Some(holds.red),
            _ => None,
        }
    }

    #[test]
    fn a_number_has_its_own_way_back() {
        let rule = rule("on.indicator = \"ncc_qos\"\nred = { below = 98, clear = 98.5 }"); // RH-9
        assert_eq!(reds(&rule, &Reading::Number(97.4), false), Some(true));
        assert_eq!(reds(&rule, &Reading::Number(98.0), false), Some(false));
        assert_eq!(reds(&rule, &Reading::Number(98.2), true), Some(true));
        assert_eq!(reds(&rule, &Reading::Number(98.5), true), Some(false));
        assert_eq!(reds(&rule, &Reading::Nothing, true), None);
    }

    /// 4.5 % is no breach of 5 %, however it came to be there.
    #[test]
    fn what_is_only_pending_has_to_pass_its_threshold() {
        let rule = rule(
            "on.indicator = \"error_share\"\nred = { above = 5, clear = 4, for = \"2m\" }\n\
             yellow = { above = 3, clear = 2 }",
        );
        let mut track = Track::default();
        let holds = |track: &Track| match verdict(&rule, &Reading::Number(4.5), track) {
            Verdict::Holds(holds) => (holds.red, holds.yellow),
            other => panic!("{other:?}"),
        };
        track.active_at.red = Some(Utc::now());
        track.active_at.yellow = track.active_at.red;
        assert_eq!(holds(&track), (false, true));
        track.firing = Some(Level::Yellow);
        assert_eq!(holds(&track), (false, true), "red is still pending");
        track.firing = Some(Level::Red);
        assert_eq!(holds(&track), (true, true));
    }

    #[test]
    fn a_disk_that_is_full_is_over_ninety_per_cent() {
        let rule = rule("on.measure = { probe = \"host\", name = \"disk\" }\nred.above = \"90%\""); // FC-4
        assert_eq!(reds(&rule, &Reading::Number(1.0), false), Some(true));
        assert_eq!(reds(&rule, &Reading::Number(0.09), false), Some(false));
    }

    #[test]
    fn a_dump_of_yesterday_is_over_a_day_old_and_an_empty_one_is_small() {
        let on = |name: &str| format!("on.measure = {{ probe = \"dumps\", name = \"{name}\" }}\n");
        let rule = |name, levels: &str| rule(&format!("{}{levels}", on(name)));
        let old = rule("age", "red = { above = \"26h\", clear = \"25h\" }");
        assert_eq!(reds(&old, &Reading::Number(93_600.0), false), Some(false));
        assert_eq!(reds(&old, &Reading::Number(93_601.0), false), Some(true));
        assert_eq!(reds(&old, &Reading::Number(90_001.0), true), Some(true));
        assert_eq!(reds(&old, &Reading::Number(90_000.0), true), Some(false));
        let small = rule("size", "red.below = \"1kB\"");
        assert_eq!(reds(&small, &Reading::Number(0.0), false), Some(true));
        assert_eq!(reds(&small, &Reading::Number(1_000.0), false), Some(false));
    }

    #[test]
    fn latencies_count_in_a_row() {
        let rule = rule("on.latency = \"api\"\nred = { above = \"2s\", results = 3 }");
        let read = |latencies: &[i64]| reds(&rule, &Reading::Latencies(latencies.to_vec()), false);
        assert_eq!(
            read(&[3_000_000, 3_000_000]),
            Some(false),
            "two are not three"
        );
        assert_eq!(read(&[3_000_000, 3_000_000, 3_000_000]), Some(true));
        assert_eq!(read(&[3_000_000, 1_000_000, 3_000_000]), Some(false));
    }

    #[test]
    fn not_knowing_is_no_data_unless_asked_for() {
        let down = rule("on.state = \"api\"\nred.is = \"down\"");
        assert_eq!(
            reds(&down, &Reading::State(ProbeState::Unknown), false),
            None
        );
        assert_eq!(
            reds(&down, &Reading::State(ProbeState::Down), false),
            Some(true)
        );
        let unknown = rule("on.state = \"api\"\nred.is = \"unknown\"");
        assert_eq!(
            reds(&unknown, &Reading::State(ProbeState::Unknown), false),
            Some(true)
        );
    }
}
