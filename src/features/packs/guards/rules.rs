//! Whether a changed rule tells less than it did, or tells it later. Pure.

use super::instead;
use crate::features::packs::pack::{Condition, Is, NoData, Rule, Source};
use crate::features::packs::quantity::Quantity;
use crate::foundation::kernel::Level;

/// Most urgent first.
const LEVELS: [Level; 3] = [Level::Red, Level::Yellow, Level::Blue];

const fn at(rule: &Rule, level: Level) -> Option<&Condition> {
    match level {
        Level::Red => rule.red.as_ref(),
        Level::Yellow => rule.yellow.as_ref(),
        Level::Blue => rule.blue.as_ref(),
    }
}

/// Everything about it that lowers a guard, or may.
pub(super) fn changed(was: &Rule, now: &Rule) -> Vec<String> {
    let mut whys = Vec::new();
    whys.extend(source(was, now));
    for level in LEVELS {
        let name = level.as_str();
        match (at(was, level), at(now, level)) {
            (Some(_), None) => whys.push(format!("{name} is no longer lit")),
            (Some(before), Some(after)) => condition(name, before, after, &mut whys),
            (None, _) => {}
        }
        whys.extend(sinks(was, now, level));
    }
    whys.extend(unknown(was, now).map(str::to_owned));
    if now.keep_firing_for() < was.keep_firing_for() {
        let (now, was) = (now.keep_firing_for(), was.keep_firing_for());
        whys.push(instead("it stays lit for", &now, &was));
    }
    no_data(was, now, &mut whys);
    if was.runbook.is_some() && now.runbook.is_none() {
        whys.push("it has no runbook any more".to_owned());
    }
    if was.escalation != now.escalation {
        let policy =
            |it: &Option<String>| it.clone().unwrap_or_else(|| "that of its level".to_owned());
        let (now, was) = (policy(&now.escalation), policy(&was.escalation));
        whys.push(instead("whom it tells is the policy", &now, &was));
    }
    whys
}

/// A level that asks for what is unknown is something to read, whatever the other levels and `no_data` say.
fn unknown(was: &Rule, now: &Rule) -> Option<&'static str> {
    let asks = |rule: &Rule| {
        rule.levels()
            .any(|(_, condition)| condition.is == Some(Is::Unknown))
    };
    (asks(now) && !asks(was)).then_some("what is unknown is no longer taken for no data")
}

/// While a lesser level holds, a worse one sinks to it at once and does not stay lit: one that comes, or that holds where
/// it did not, ends the worse one sooner.
fn sinks(was: &Rule, now: &Rule, level: Level) -> Option<String> {
    // What is reported or is not there lights all levels together.
    let together = matches!(now.on, Source::Event(_) | Source::Absence(_));
    if together || was.keep_firing_for().is_zero() {
        return None;
    }
    let after = at(now, level)?;
    let how = match at(was, level) {
        None => "at once",
        Some(before) if holds_more(before, after) => "sooner",
        Some(_) => return None,
    };
    let is_kept = |worse: &Level| at(was, *worse).is_some() && at(now, *worse).is_some();
    let worse = LEVELS.into_iter().rfind(|it| *it > level && is_kept(it))?;
    let (worse, level, kept) = (worse.as_str(), level.as_str(), was.keep_firing_for());
    Some(format!(
        "{worse} sinks to {level} {how} and does not stay lit for {kept}"
    ))
}

/// Whether a condition may hold where it did not.
fn holds_more(was: &Condition, now: &Condition) -> bool {
    let limits = |of: &Condition| {
        let (threshold, above) = of.threshold()?;
        Some((threshold, of.clear.unwrap_or(threshold), above))
    };
    let of_limits = match (limits(was), limits(now)) {
        (None, None) => false,
        (Some((lit, off, above)), Some((lit_now, off_now, above_now))) if above == above_now => {
            let no_more = |was, now| {
                if above {
                    is_at_most(was, now)
                } else {
                    is_at_most(now, was)
                }
            };
            !(no_more(lit, lit_now) && no_more(off, off_now))
        }
        _ => true,
    };
    of_limits || was.is != now.is || now.results.unwrap_or(1) < was.results.unwrap_or(1)
}

/// The levels that may be lit where they were not, or longer.
pub(super) fn gained(was: &Rule, now: &Rule) -> Vec<Level> {
    let is_all = was.on != now.on || now.keep_firing_for() > was.keep_firing_for();
    let without_data = now.no_data == NoData::Fire
        && (was.no_data != NoData::Fire || now.no_data_for < was.no_data_for);
    let worst = now.levels().map(|(level, _)| level).next();
    let gained = now.levels().filter(|(level, after)| {
        let is_more =
            |before: &Condition| holds_more(before, after) || after.lasting < before.lasting;
        is_all || (without_data && worst == Some(*level)) || at(was, *level).is_none_or(is_more)
    });
    gained.map(|(level, _)| level).collect()
}

/// What it reads: the same, or with fewer samples that are enough.
fn source(was: &Rule, now: &Rule) -> Option<String> {
    let least = |source: &Source| match source {
        Source::Share(of) => of.least,
        Source::Quantile(of) => of.least,
        _ => 0.0,
    };
    // Too few samples are no data.
    let fires = was.no_data == NoData::Fire;
    let (was, now) = (&was.on, &now.on);
    let mut like = now.clone();
    match &mut like {
        Source::Share(of) => of.least = least(was),
        Source::Quantile(of) => of.least = least(was),
        _ => {}
    }
    if like != *was {
        return Some(instead("it reads the", now, was));
    }
    let (now, was) = (least(now), least(was));
    if fires && now < was {
        let what = "without data it is lit, and it takes samples:";
        return Some(instead(what, &now, &was));
    }
    (now > was).then(|| instead("it takes samples:", &now, &was))
}

fn condition(level: &str, was: &Condition, now: &Condition, whys: &mut Vec<String>) {
    if was.is != now.is {
        whys.push(format!("{level} asks for another state"));
    }
    match (was.threshold(), now.threshold()) {
        (Some((before, true)), Some((after, true))) if !is_at_most(after, before) => {
            whys.push(instead(&format!("{level} lights above"), &after, &before));
        }
        (Some((before, false)), Some((after, false))) if !is_at_most(before, after) => {
            whys.push(instead(&format!("{level} lights below"), &after, &before));
        }
        (Some((_, was_above)), Some((_, above))) if was_above != above => {
            whys.push(format!("{level} lights on the other side of its threshold"));
        }
        (Some(_), None) | (None, Some(_)) => whys.push(format!("{level} asks for something else")),
        _ => clearing(level, was, now, whys),
    }
    let results = |of: &Condition| of.results.unwrap_or(1);
    if results(now) > results(was) {
        let what = format!("results in a row that {level} takes:");
        whys.push(instead(&what, &results(now), &results(was)));
    }
    if now.lasting > was.lasting {
        let what = format!("{level} has to last");
        whys.push(instead(&what, &now.lasting, &was.lasting));
    }
}

/// Where a level goes off again. One that goes off sooner is lit for less long.
fn clearing(level: &str, was: &Condition, now: &Condition, whys: &mut Vec<String>) {
    let (Some((before, above)), Some((after, _))) = (was.threshold(), now.threshold()) else {
        return;
    };
    let (before, after) = (was.clear.unwrap_or(before), now.clear.unwrap_or(after));
    let later = if above {
        is_at_most(after, before)
    } else {
        is_at_most(before, after)
    };
    if !later {
        whys.push(instead(&format!("{level} goes off at"), &after, &before));
    }
}

/// Whether `a` is at most `b`, where the two can be compared at all.
fn is_at_most(a: Quantity, b: Quantity) -> bool {
    let alike = matches!(
        (a, b),
        (Quantity::Number(_), Quantity::Number(_))
            | (Quantity::Lasting(_), Quantity::Lasting(_))
            | (Quantity::Bytes(_), Quantity::Bytes(_))
    );
    alike && a.value() <= b.value()
}

const fn strictness(no_data: NoData) -> u8 {
    match no_data {
        NoData::Ok => 0,
        NoData::Keep => 1,
        NoData::Fire => 2,
    }
}

fn no_data(was: &Rule, now: &Rule, whys: &mut Vec<String>) {
    if strictness(now.no_data) < strictness(was.no_data) {
        let word = |it: NoData| match it {
            NoData::Ok => "ok",
            NoData::Keep => "keep",
            NoData::Fire => "fire",
        };
        whys.push(instead(
            "without data it says",
            &word(now.no_data),
            &word(was.no_data),
        ));
    }
    let (before, after) = (was.no_data_for, now.no_data_for);
    // What fires without data fires later; what else it does about it, it does sooner.
    let looser = match now.no_data {
        NoData::Fire if was.no_data == NoData::Fire => after > before,
        NoData::Fire => false,
        NoData::Keep | NoData::Ok => after < before,
    };
    if looser {
        whys.push(instead("without data it waits", &after, &before));
    }
}
