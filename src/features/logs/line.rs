//! One line of a log, whoever wrote it: JSON, `key=value`, plain text, and either of them wrapped by a container's
//! runtime. What a line is, is decided line by line, so that a start-up banner in a log of JSON loses nothing.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::moment::{self, Moment, leading};

use crate::features::packs::severity::Severity;

/// Characters of a message that are kept.
pub const MESSAGE_AT_MOST: usize = 8_000;

/// Characters of it that are read: what lies beyond those that are kept may be the end of a secret.
const MESSAGE_READ: usize = 64_000;

/// Bytes of a line's other fields, as JSON, that are kept.
pub const FIELDS_AT_MOST: usize = 8_000;

/// Characters of a component's name and of a code.
pub const WORD_AT_MOST: usize = 64;

/// Words at the beginning of a plain line among which its level is looked for.
const FIRST_WORDS: usize = 8;

/// A line as far as it could be read. What could not be stays in its message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// When it was written, where it says so.
    pub at: Option<DateTime<Utc>>,
    pub severity: Severity,
    pub component: String,
    pub code: String,
    pub message: String,
    pub latency_ms: Option<f64>,
    pub fields: Map<String, Value>,
}

/// Reads all lines of a text, but those of which `skip` says so by how they were written. Lines that go on where the one
/// before stopped, such as those of a stack trace, are added to it, or skipped with it.
#[must_use]
pub fn read_all(text: &str, skip: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut is_skipping = false;
    for raw in text.lines() {
        let (wrapped_at, inner) = unwrap(raw);
        let inner = plain(&inner);
        if inner.trim().is_empty() {
            continue;
        }
        let goes_on = goes_on(&inner) && (is_skipping || !lines.is_empty());
        if goes_on && is_skipping {
            continue;
        }
        if skip(&inner) {
            if goes_on {
                lines.pop();
            }
            is_skipping = true;
            continue;
        }
        is_skipping = false;
        match lines.last_mut() {
            Some(before) if goes_on => before.add(&inner),
            _ => lines.push(read(&inner, wrapped_at)),
        }
    }
    lines
}

impl Line {
    fn add(&mut self, more: &str) {
        let kept = self.message.chars().count();
        let room = MESSAGE_READ.saturating_sub(kept + 1);
        if room > 0 {
            self.message.push('\n');
            self.message.extend(more.trim_end().chars().take(room));
        }
    }

    /// Cuts it down to what is kept. Secrets are masked before: what is cut in half is not recognised.
    pub fn cut(&mut self) {
        cut_fields(&mut self.fields);
        self.message = cut(&self.message, MESSAGE_AT_MOST);
        self.component = cut(&self.component, WORD_AT_MOST);
        self.code = cut(&self.code, WORD_AT_MOST);
    }

    /// Gives a line that names no code the first of these that stands in its message as a word of its own. One that is a
    /// number has to be the status of an answer: any number is a word, and few are codes.
    pub fn find_code(&mut self, known: &[String]) {
        if !self.code.is_empty() {
            return;
        }
        let is_known = |word: &str| known.iter().any(|code| code == word);
        let is_number = |word: &str| word.bytes().all(|it| it.is_ascii_digit());
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        let mut words = self.message.split(|letter| !is_part(letter));
        let named = words.find(|word| !is_number(word) && is_known(word));
        let found = named.map(str::to_owned).or_else(|| self.status());
        if let Some(code) = found.filter(|code| is_known(code)) {
            self.code = code;
        }
    }

    fn status(&self) -> Option<String> {
        let mut fields = STATUSES.iter().filter_map(|name| self.fields.get(*name));
        let field = fields.find_map(word);
        field.or_else(|| status_within(&self.message).map(str::to_owned))
    }
}

/// The three digits after `status=`, or after the request in an access log: `"GET / HTTP/1.1" 503 17`.
fn status_within(message: &str) -> Option<&str> {
    let after = |marker: &'static str| {
        let places = message.match_indices(marker);
        places.map(move |(at, _)| &message[at + marker.len()..])
    };
    let named = after("status").map(|rest| rest.strip_prefix("_code").unwrap_or(rest));
    let served = after("HTTP/").filter_map(|rest| Some(rest.split_once('"')?.1));
    let mut places = named.chain(served);
    places.find_map(|rest| {
        let rest = rest.trim_start_matches([' ', '=', ':', '"']);
        let end = rest.find(|it: char| !it.is_ascii_digit());
        let digits = &rest[..end.unwrap_or(rest.len())];
        (digits.len() == 3).then_some(digits)
    })
}

/// Drops the longest of the fields until the rest may be kept.
fn cut_fields(fields: &mut Map<String, Value>) {
    let size = |value: &Value| value.to_string().len();
    let mut total: usize = fields.iter().map(|(key, it)| key.len() + size(it)).sum();
    while total > FIELDS_AT_MOST {
        let longest = fields.iter().max_by_key(|(key, it)| key.len() + size(it));
        let Some((key, value)) = longest.map(|(key, value)| (key.clone(), size(value))) else {
            return;
        };
        total -= key.len() + value;
        fields.remove(&key);
    }
}

fn goes_on(text: &str) -> bool {
    text.starts_with([' ', '\t'])
        || text.starts_with("Caused by:")
        || text.starts_with("Traceback (most recent call last)")
}

/// Takes off what a container's runtime puts around a line, and says when it took it.
fn unwrap(raw: &str) -> (Option<DateTime<Utc>>, String) {
    if raw.starts_with('{')
        && let Ok(Value::Object(outer)) = serde_json::from_str(raw)
        && let (Some(Value::String(log)), Some(Value::String(_))) =
            (outer.get("log"), outer.get("stream"))
    {
        let at = outer.get("time").and_then(moment::of).map(|it| it.at);
        return (at, log.trim_end_matches(['\r', '\n']).to_owned());
    }
    let mut parts = raw.splitn(4, ' ');
    if let (Some(at), Some("stdout" | "stderr"), Some("F" | "P"), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
        && let Ok(at) = DateTime::parse_from_rfc3339(at)
    {
        return (Some(at.to_utc()), rest.to_owned());
    }
    (None, raw.to_owned())
}

/// Without colours for terminals and without what no page can show.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                // An escape sequence ends with its first letter.
                for of_sequence in letters.by_ref() {
                    if of_sequence.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            '\t' | '\n' => out.push(letter),
            hidden if hidden.is_control() => {}
            shown => out.push(shown),
        }
    }
    out
}

/// What a container's runtime says of the time is exact, and gives way only to a line that knows its own zone.
fn read(text: &str, wrapped_at: Option<DateTime<Utc>>) -> Line {
    let object = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) if text.starts_with('{') => Some(fields),
        _ => pairs(text),
    };
    let (mut line, moment) = match object {
        Some(fields) => from_fields(fields),
        None => from_text(text),
    };
    line.at = match moment {
        Some(moment) if moment.zoned => Some(moment.at),
        told => wrapped_at.or(told.map(|it| it.at)),
    };
    line
}

const TIMES: [&str; 5] = ["timestamp", "time", "ts", "@timestamp", "datetime"];
const LEVELS: [&str; 5] = ["level", "severity", "lvl", "levelname", "level_name"];
const MESSAGES: [&str; 3] = ["message", "msg", "event"];
const COMPONENTS: [&str; 6] = [
    "component",
    "logger",
    "service",
    "module",
    "target",
    "channel",
];
const STATUSES: [&str; 4] = ["status", "status_code", "statusCode", "http_status"];
const CODES: [&str; 4] = ["error_code", "errorCode", "code", "err_code"];
const LATENCIES: [&str; 5] = [
    "latency_ms",
    "duration_ms",
    "elapsed_ms",
    "response_time_ms",
    "latencyMs",
];

/// Names of objects whose members are a line's own: what they are about, and nothing else.
const NESTED: [&str; 3] = ["context", "extra", "fields"];

fn from_fields(mut fields: Map<String, Value>) -> (Line, Option<Moment>) {
    clean(&mut fields);
    for name in NESTED {
        if let Some(Value::Object(inner)) = fields.get(name) {
            let inner = inner.clone();
            fields.remove(name);
            for (key, value) in inner {
                fields.entry(key).or_insert(value);
            }
        }
    }
    let mut take = |names: &[&str], fits: fn(&Value) -> bool| {
        let found = names
            .iter()
            .find(|name| fields.get(**name).is_some_and(fits))?;
        fields.remove(*found)
    };
    let at = take(&TIMES, |value| moment::of(value).is_some());
    let level = take(&LEVELS, |value| Severity::of(value).is_some());
    let message = take(&MESSAGES, Value::is_string);
    let component = take(&COMPONENTS, Value::is_string);
    let code = take(&CODES, |value| word(value).is_some());
    let latency = take(&LATENCIES, |value| number(value).is_some());
    // A line without a message says what its fields say.
    let message = match message {
        Some(Value::String(message)) => message,
        _ => String::new(),
    };
    let line = Line {
        at: None,
        severity: level.as_ref().and_then(Severity::of).unwrap_or_default(),
        component: component.as_ref().and_then(word).unwrap_or_default(),
        code: code.as_ref().and_then(word).unwrap_or_default(),
        message: cut(&message, MESSAGE_READ),
        latency_ms: latency.as_ref().and_then(number),
        fields,
    };
    (line, at.as_ref().and_then(moment::of))
}

/// What is escaped in JSON may be anything, also what no column of text can hold.
fn clean(fields: &mut Map<String, Value>) {
    let cleaned = std::mem::take(fields).into_iter().map(|(name, mut value)| {
        clean_value(&mut value);
        (plain(&name), value)
    });
    *fields = cleaned.collect();
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(all) => all.iter_mut().for_each(clean_value),
        Value::Object(fields) => clean(fields),
        _ => {}
    }
}

/// `level=info msg="it is done" took=3`: all of it, or nothing.
fn pairs(text: &str) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let is_name = |name: &str| {
            name.starts_with(|first: char| {
                first.is_ascii_alphabetic() || first == '_' || first == '@'
            }) && name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-' | '@'))
        };
        if !is_name(name) {
            return None;
        }
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            quoted_value(quoted)?
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        fields.insert(name.to_owned(), Value::String(value));
        rest = left.trim_start();
    }
    (fields.len() > 1).then_some(fields)
}

/// What stands before the closing quote, and what comes after it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => {
                let (_, escaped) = letters.next()?;
                value.push(if escaped == 'n' { '\n' } else { escaped });
            }
            other => value.push(other),
        }
    }
    None
}

fn from_text(text: &str) -> (Line, Option<Moment>) {
    let (at, rest) = leading(text);
    if let Some((component, severity, message)) = dashed(rest) {
        let line = Line {
            severity,
            component: component.to_owned(),
            message: cut(message, MESSAGE_READ),
            latency_ms: latency_within(message),
            ..Line::default()
        };
        return (line, at);
    }
    let message = match at {
        Some(_) => rest.trim_start_matches([']', ' ', ':', '-']),
        None => text,
    };
    let line = Line {
        severity: leading_severity(rest),
        message: cut(message.trim_end(), MESSAGE_READ),
        latency_ms: latency_within(text),
        ..Line::default()
    };
    (line, at)
}

/// ` - api - ERROR - It broke`, as Python writes it: who, how bad, and what.
fn dashed(rest: &str) -> Option<(&str, Severity, &str)> {
    let mut parts = rest.trim_start_matches([' ', '-']).splitn(3, " - ");
    let (component, level, message) = (parts.next()?, parts.next()?, parts.next()?);
    let severity = Severity::named(level.trim())?;
    let is_name = !component.is_empty() && !component.contains(char::is_whitespace);
    is_name.then_some((component, severity, message.trim_end()))
}

/// The level among the first words. It has to look like one: "error" in the middle of a sentence is a word.
fn leading_severity(text: &str) -> Severity {
    let mut words = text.split_whitespace().take(FIRST_WORDS);
    let found = words.find_map(|word| {
        let bare = word.trim_matches(['[', ']', '(', ')', '<', '>', ':', '|', ',', '-']);
        // A framework may put its channel in front: `production.ERROR:`.
        let bare = bare.rsplit('.').next().unwrap_or(bare);
        let is_marked = bare.len() != word.len() || bare.chars().all(|it| it.is_ascii_uppercase());
        Severity::named(bare).filter(|_| is_marked)
    });
    found.unwrap_or_default()
}

/// `latency_ms=12.5`, `latency_ms: 12.5`.
fn latency_within(text: &str) -> Option<f64> {
    LATENCIES.iter().find_map(|name| {
        let after = &text[text.find(name)? + name.len()..];
        let figure = after.trim_start_matches(['"', '=', ':', ' ']);
        let end = figure
            .find(|it: char| !it.is_ascii_digit() && it != '.')
            .unwrap_or(figure.len());
        figure[..end].parse().ok().filter(|it: &f64| it.is_finite())
    })
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|it| it.is_finite())
}

/// A name or a code: short, in one piece.
fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn cut(text: &str, at_most: usize) -> String {
    text.chars().take(at_most).collect()
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
