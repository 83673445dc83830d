//! The form of a rule: what it shows of a rule, and what was typed into it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fields::{COMMON, Kind, LEVELS, Level, Part, Takes, Test, kind};
use super::text::{EMPTY, Fields, number};
use crate::features::packs::pack::Source;
use crate::features::packs::quantity::{Lasting, Quantity};
use crate::foundation::web::Problems;

/// What is typed, by the name of its field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Typed(BTreeMap<String, String>);

impl Typed {
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The revision that it was written over. What is no number is none, and so overtaken.
    #[must_use]
    pub fn base(&self) -> i64 {
        self.get("base").parse().unwrap_or(0)
    }
}

/// The form as it stands for what a rule says.
#[must_use]
pub fn shown(fields: &Fields) -> Option<(&'static Kind, Typed)> {
    let on = fields.keys().find_map(|name| name.strip_prefix("on."))?;
    let kind = kind(on.split('.').next().unwrap_or(on))?;
    let mut typed = Typed::default();
    for (name, value) in fields {
        let (level, rest) = name.split_once('.').unwrap_or((name, ""));
        let is_level = LEVELS.iter().any(|it| it.name == level);
        match rest {
            "above" | "below" if is_level => {
                typed.set(&format!("{level}.side"), rest);
                typed.set(&format!("{level}.at"), value);
            }
            _ if is_level && kind.test == Test::Itself => {
                typed.set(&format!("{level}.lit"), "yes");
                if rest == "for" {
                    typed.set(name, value);
                }
            }
            _ => typed.set(name, value),
        }
    }
    let side = |level: &Level| typed.get(level.side.name).to_owned();
    let known = LEVELS.iter().map(side).find(|side| !side.is_empty());
    if let Some(known) = known {
        // A level that is to come is on the side of those that are there.
        for level in &LEVELS {
            if typed.get(level.side.name).is_empty() {
                typed.set(level.side.name, known.clone());
            }
        }
    }
    Some((kind, typed))
}

/// The kind of a rule that reads this.
#[must_use]
pub fn of_source(on: &Source) -> Option<&'static Kind> {
    let written = serde_json::to_value(on).ok()?;
    kind(written.as_object()?.keys().next()?)
}

/// Every field of a kind's form, with what it is called.
#[must_use]
pub fn parts(kind: &Kind) -> Vec<(Part, String)> {
    let plain = |part: &Part| (*part, part.label.to_owned());
    let mut all: Vec<(Part, String)> = kind.reads.iter().chain(&COMMON).map(plain).collect();
    for level in &LEVELS {
        let parts = level.parts(kind.test).into_iter();
        all.extend(parts.map(|part| (part, named(level, &part))));
    }
    all
}

/// "Red lights at".
fn named(level: &Level, part: &Part) -> String {
    format!("{} {}", capital(level.name), lowered(part.label))
}

/// What the typed form says, as the keys of a pack.
///
/// # Errors
/// What is wrong with it, field by field.
pub fn read(kind: &Kind, typed: &Typed) -> Result<Fields, Problems> {
    let mut problems = Problems::new();
    let mut fields = Fields::new();
    for part in kind.reads.iter().chain(&COMMON) {
        let value = typed.get(part.name);
        check(part, part.label, value, &mut problems);
        if !value.is_empty() {
            fields.insert(part.name.to_owned(), value.to_owned());
        }
    }
    for level in &LEVELS {
        read_level(kind.test, level, typed, (&mut fields, &mut problems));
    }
    let has_level = LEVELS
        .iter()
        .any(|level| !typed.get(level.first(kind.test)).is_empty());
    if !has_level {
        let first = LEVELS[0].first(kind.test);
        problems.add(first, "Say for one level at least when it lights.");
    }
    problems.or(fields)
}

fn read_level(
    test: Test,
    level: &Level,
    typed: &Typed,
    (fields, problems): (&mut Fields, &mut Problems),
) {
    let parts = level.parts(test);
    let first = level.first(test);
    let is_there = !typed.get(first).is_empty();
    for part in &parts {
        let value = typed.get(part.name);
        check(part, &named(level, part), value, problems);
        let is_choice = matches!(part.takes, Takes::One(_));
        if !is_there && !value.is_empty() && !is_choice {
            let message = format!(
                "Say when {} lights, or leave this empty as well.",
                level.name
            );
            problems.add(part.name, message);
        }
    }
    if !is_there {
        return;
    }
    let before = fields.len();
    match test {
        Test::Threshold | Test::Row => {
            let side = match typed.get(level.side.name) {
                "below" => "below",
                _ => "above",
            };
            let key = format!("{}.{side}", level.name);
            fields.insert(key, typed.get(level.at.name).to_owned());
        }
        Test::State(_) => {
            fields.insert(level.is.to_owned(), typed.get(level.is).to_owned());
        }
        Test::Itself => {}
    }
    let shown = [level.clear, level.results, level.lasting];
    for part in shown
        .iter()
        .filter(|it| parts.iter().any(|part| part.name == it.name))
    {
        let value = typed.get(part.name);
        if !value.is_empty() {
            fields.insert(part.name.to_owned(), value.to_owned());
        }
    }
    if fields.len() == before {
        fields.insert(level.name.to_owned(), EMPTY.to_owned());
    }
}

/// What is a parameter is checked where it is put in place.
fn check(part: &Part, named: &str, value: &str, problems: &mut Problems) {
    problems.check_plain(part.name, value);
    if value.is_empty() {
        if part.needed {
            let missing = match part.takes {
                Takes::One(_) => "choose one",
                _ => "say what it is",
            };
            problems.add(part.name, format!("{named}: {missing}."));
        }
        return;
    }
    if value.contains("${") {
        return;
    }
    let wrong = match part.takes {
        Takes::Length => value.parse::<Lasting>().err(),
        Takes::Quantity => (number(value).is_none() && value.parse::<Quantity>().is_err())
            .then(|| format!("\"{value}\" is no threshold: write a number, 90%, 5m or 1GB")),
        Takes::Number => number(value)
            .is_none()
            .then(|| format!("\"{value}\" is not a number")),
        Takes::Text | Takes::One(_) => None,
    };
    if let Some(wrong) = wrong {
        problems.add(part.name, format!("{named}: {wrong}."));
    }
}

fn lowered(label: &str) -> String {
    begun(label, |first| first.to_lowercase().collect())
}

fn capital(word: &str) -> String {
    begun(word, |first| first.to_uppercase().collect())
}

fn begun(text: &str, first: impl Fn(char) -> String) -> String {
    let mut letters = text.chars();
    let begun = letters.next().map(first).unwrap_or_default();
    begun + letters.as_str()
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
