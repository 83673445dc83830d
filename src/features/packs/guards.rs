//! Whether a change of a pack lowers a guard, so that it takes a second person. Pure.
//!
//! It errs to the safe side: what is not known to be added, stricter, or only words is taken for lower.

mod causes;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::pack::{Check, Probe, Rule};
use super::quantity::{Lasting, Quantity};

/// Definitions in force by kind and name.
pub type Specs = BTreeMap<(String, String), Value>;

/// A guard that a change lowers, or may lower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowering {
    pub kind: String,
    pub slug: String,
    pub why: String,
}

impl fmt::Display for Lowering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.replace('_', " ");
        write!(f, "{kind} {}: {}", self.slug, self.why)
    }
}

/// Everything that goes from `before` to `after` and takes a second person, in the order of kinds and names.
#[must_use]
pub fn lowered(before: &Specs, after: &Specs) -> Vec<Lowering> {
    let keys: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    let causes = causes::Causes::of(before, after);
    let mut found = Vec::new();
    for key in keys {
        let (kind, slug) = key;
        let mut whys = match (before.get(key), after.get(key)) {
            (Some(was), Some(now)) if was != now => changed(kind, was, now),
            (Some(_), None) => retired(kind).into_iter().collect(),
            (None, Some(now)) => added(kind, now),
            _ => Vec::new(),
        };
        if kind == "rule" {
            whys.extend(causes.why(slug));
        }
        found.extend(whys.into_iter().map(|why| Lowering {
            kind: kind.clone(),
            slug: slug.clone(),
            why,
        }));
    }
    found
}

/// A warning of the linter that is accepted now and was not before.
#[must_use]
pub fn newly_accepted(warning: &str, on: &str) -> Lowering {
    Lowering {
        kind: "accept".to_owned(),
        slug: on.to_owned(),
        why: format!("the warning {warning} is accepted and was not before"),
    }
}

/// The platform's business day is elsewhere: schedules and windows that name no zone of their own move with it.
#[must_use]
pub fn moved(was: &str, now: &str, platform: &str) -> Option<Lowering> {
    (was != now).then(|| Lowering {
        kind: "platform".to_owned(),
        slug: platform.to_owned(),
        why: instead("its day is that of", &now, &was),
    })
}

fn retired(kind: &str) -> Option<String> {
    // Without these more is told, or nothing is watched less.
    const NO_GUARD: [&str; 3] = ["inhibit", "maintenance", "error_code"];
    (!NO_GUARD.contains(&kind)).then(|| "it is taken out of force".to_owned())
}

fn added(kind: &str, now: &Value) -> Vec<String> {
    let mut whys = Vec::new();
    match kind {
        "inhibit" => {
            whys.push("while it holds, nobody is told of the alerts that it names".to_owned());
        }
        "maintenance" => whys.push("while it lasts, nobody is told of alerts".to_owned()),
        _ => {}
    }
    for (place, file) in files(now) {
        whys.push(format!("{place} reads {file} on the server"));
    }
    whys
}

/// The files of the server that a definition names: what stands in them is sent to an address, or shown.
fn files(spec: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather_files(spec, &mut found);
    found
}

fn gather_files(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let named = name.ends_with("_file") || name == "files" || name == "trust";
                match value.as_str() {
                    Some(file) if named && !file.is_empty() => {
                        found.push((name.clone(), file.to_owned()));
                    }
                    _ => gather_files(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather_files(item, found)),
        _ => {}
    }
}

fn changed(kind: &str, was: &Value, now: &Value) -> Vec<String> {
    let typed = match kind {
        "rule" => both::<Rule>(was, now).map(|(was, now)| rules::changed(&was, &now)),
        "probe" => both::<Probe>(was, now).map(|(was, now)| probe(&was, &now)),
        _ => None,
    };
    typed.unwrap_or_else(|| fields(kind, was, now))
}

fn both<T: serde::de::DeserializeOwned>(was: &Value, now: &Value) -> Option<(T, T)> {
    let read = |value: &Value| serde_json::from_value(value.clone()).ok();
    Some((read(was)?, read(now)?))
}

/// Field by field: what is only words, or known to be stricter, is no matter.
fn fields(kind: &str, was: &Value, now: &Value) -> Vec<String> {
    let (Value::Object(before), Value::Object(after)) = (was, now) else {
        return vec!["it is another altogether".to_owned()];
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .filter(|name| !is_harmless(kind, name, before.get(*name), after.get(*name)))
        .map(|name| {
            let said = |value: Option<&Value>| match value {
                None => "nothing".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let (was, now) = (said(before.get(name)), said(after.get(name)));
            instead(&format!("{name} is"), &shortened(&now), &shortened(&was))
        })
        .collect()
}

/// Lists and tables may be long.
fn shortened(text: &str) -> String {
    const AT_MOST: usize = 120;
    if text.chars().count() <= AT_MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(AT_MOST).collect();
    format!("{start}…")
}

fn is_harmless(kind: &str, field: &str, was: Option<&Value>, now: Option<&Value>) -> bool {
    let length = |value: Option<&Value>| {
        value.and_then(|it| serde_json::from_value::<Lasting>(it.clone()).ok())
    };
    let number = |value: Option<&Value>| {
        let quantity = value.and_then(|it| serde_json::from_value::<Quantity>(it.clone()).ok());
        quantity.map(Quantity::value)
    };
    let shorter = || {
        length(was)
            .zip(length(now))
            .is_some_and(|(was, now)| now <= was)
    };
    let longer = || {
        length(was)
            .zip(length(now))
            .is_some_and(|(was, now)| now >= was)
    };
    let smaller = || {
        number(was)
            .zip(number(now))
            .is_some_and(|(was, now)| now <= was)
    };
    let larger = || {
        number(was)
            .zip(number(now))
            .is_some_and(|(was, now)| now >= was)
    };
    match (kind, field) {
        (_, "name" | "about" | "title")
        | ("runbook" | "error_code", _)
        | ("checklist", "owner") => true,
        ("heartbeat" | "connector", "runbook") => now.is_some(),
        ("service", "depends_on") => holds_all(was, now),
        ("event_type", "shown") | ("indicator", "four_eyes") => now == Some(&Value::Bool(true)),
        ("heartbeat", "every" | "grace")
        | ("connector", "every" | "timeout")
        | ("slo", "rto" | "rpo") => shorter(),
        ("log_source", "keep") => longer(),
        ("capacity", "warn" | "limit") => smaller(),
        ("slo", "target") => larger(),
        ("maintenance", "tell") | ("contact", "digests") | ("checklist", "item") => {
            holds_all(now, was)
        }
        _ => false,
    }
}

/// Whether everything that stands in the list `part` stands in `whole` as well.
fn holds_all(whole: Option<&Value>, part: Option<&Value>) -> bool {
    let list = |value: Option<&Value>| match value {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => Some(items.clone()),
        Some(_) => None,
    };
    match (list(whole), list(part)) {
        (Some(whole), Some(part)) => part.iter().all(|item| whole.contains(item)),
        _ => false,
    }
}

fn instead(what: &str, now: &impl fmt::Display, was: &impl fmt::Display) -> String {
    format!("{what} {now} instead of {was}")
}

fn probe(was: &Probe, now: &Probe) -> Vec<String> {
    let mut whys = Vec::new();
    if now.service != was.service {
        whys.push(instead("it belongs to", &now.service, &was.service));
    }
    if !is_same_check(&was.check, &now.check) {
        whys.push("it looks at something else, or in another way".to_owned());
    }
    if now.interval > was.interval {
        whys.push(instead("it runs every", &now.interval, &was.interval));
    }
    if now.timeout() > was.timeout() {
        whys.push(instead(
            "an answer may take",
            &now.timeout(),
            &was.timeout(),
        ));
    }
    for (what, was, now) in [
        ("retries are", was.retries, now.retries),
        (
            "failures to down are",
            was.failures_to_down,
            now.failures_to_down,
        ),
    ] {
        if now > was {
            whys.push(instead(what, &now, &was));
        }
    }
    if now.successes_to_up < was.successes_to_up {
        whys.push(instead(
            "successes to up are",
            &now.successes_to_up,
            &was.successes_to_up,
        ));
    }
    whys
}

/// The same look at the same thing. A scrape that keeps more metrics is that, too.
fn is_same_check(was: &Check, now: &Check) -> bool {
    match (was, now) {
        (Check::Prometheus(was), Check::Prometheus(now)) => {
            let mut like = now.clone();
            like.keep.clone_from(&was.keep);
            like == *was && was.keep.iter().all(|name| now.keep.contains(name))
        }
        _ => was == now,
    }
}

#[cfg(test)]
#[path = "guards_tests.rs"]
mod tests;
