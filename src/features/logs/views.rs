//! What the page of logs shows.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::actions;
use super::filter::{Asked, Filter, SPANS, Span};
use super::store::State;
use super::store::found::{Bar, Kept, Named, Sum};
use crate::features::packs::pack::{ErrorCode, ItemId, LogSource};
use crate::features::packs::severity::Severity;
use crate::features::packs::store::Item;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::chart::{Chart, Drawing, Series};
use crate::foundation::web::format::{counted, decimal, number};
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp};

/// `GET /logs`
#[derive(Template)]
#[template(path = "logs/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub asked: Asked,
    /// Why what was asked for cannot be looked for.
    pub problem: Option<String>,
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
    pub sources: Vec<SourceRow>,
    pub levels: Vec<Choice>,
    pub spans: Vec<Choice>,
    pub chart: Option<Drawing>,
    pub codes: Vec<CodeRow>,
    pub components: Vec<NamedRow>,
    pub lines: Vec<LineRow>,
    pub next: Option<String>,
    pub previous: Option<String>,
}

pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// A log in the table of logs.
pub struct SourceRow {
    pub id: ItemId,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: String,
    pub heard_at: Option<DateTime<Utc>>,
    pub lines: String,
    pub errors: String,
    pub kept: String,
    pub href: String,
    pub chosen: bool,
}

pub struct CodeRow {
    pub code: String,
    pub meaning: Option<String>,
    pub runbook: Option<ItemId>,
    pub source: String,
    pub lines: String,
    pub href: String,
}

pub struct NamedRow {
    pub name: String,
    pub source: String,
    pub lines: String,
    pub href: String,
}

pub struct LineRow {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub lamp: Lamp,
    pub level: &'static str,
    pub source: String,
    pub component: String,
    pub code: String,
    pub code_href: String,
    /// The first line of it.
    pub message: String,
    /// Where there is more of it.
    pub rest: String,
    pub latency: String,
    pub fields: Vec<(String, String)>,
}

/// A log on a platform with what is known about it.
pub struct Known {
    pub item: Item<LogSource>,
    pub platform: String,
    pub state: State,
}

/// What was found for a filter.
pub struct Found {
    /// What codes mean, and the runbooks that they lead to by their names.
    pub catalogue: Vec<Item<ErrorCode>>,
    pub runbooks: HashMap<(PlatformId, String), ItemId>,
    pub sums: HashMap<ItemId, Sum>,
    pub bars: Vec<Bar>,
    pub codes: Vec<Named>,
    pub components: Vec<Named>,
    pub lines: Page<Kept>,
}

const fn lamp(severity: Severity) -> Lamp {
    match severity {
        Severity::Error | Severity::Fatal => Lamp::Red,
        Severity::Warn => Lamp::Yellow,
        Severity::Info => Lamp::Blue,
        Severity::Debug | Severity::Trace | Severity::Unknown => Lamp::Unknown,
    }
}

impl List {
    /// The page without anything found: where nothing can be looked for.
    pub fn unread(
        chrome: Chrome,
        asked: Asked,
        known: &[Known],
        problem: String,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            lamp: Lamp::Unknown,
            sentence: "The filter cannot be applied".to_owned(),
            detail: String::new(),
            sources: Vec::new(),
            levels: levels(&asked),
            spans: spans(&asked),
            chart: None,
            codes: Vec::new(),
            components: Vec::new(),
            lines: Vec::new(),
            next: None,
            previous: None,
            problem: Some(problem),
            chrome,
            asked,
        }
        .with_sources(known, None, now)
    }

    pub fn new(
        chrome: Chrome,
        asked: Asked,
        filter: &Filter,
        known: &[Known],
        found: Found,
        now: DateTime<Utc>,
    ) -> Self {
        let names: HashMap<ItemId, &str> = known
            .iter()
            .map(|it| (it.item.id, it.item.name.as_str()))
            .collect();
        let name = |id: uuid::Uuid| {
            let id = ItemId::from(id);
            names
                .get(&id)
                .map_or_else(String::new, |it| (*it).to_owned())
        };
        let step = asked.span().unwrap_or(&SPANS[1]).step;
        let chart = (!known.is_empty()).then(|| draw(&found.bars, filter, step, chrome.zone));
        let link = |cursor: Option<String>| cursor.map(|cursor| with(&asked, "cursor", &cursor));
        let code_row = |of: &Named| {
            let platform = known.iter().find(|it| it.item.id.uuid() == of.source);
            let known_code = platform.and_then(|it| {
                let same = |code: &&Item<ErrorCode>| {
                    code.platform == it.item.platform && code.slug == of.name
                };
                found.catalogue.iter().find(same)
            });
            CodeRow {
                code: of.name.clone(),
                meaning: known_code.map(|code| code.name.clone()),
                runbook: known_code.and_then(|code| {
                    let slug = code.spec.runbook.clone()?;
                    found.runbooks.get(&(code.platform, slug)).copied()
                }),
                source: name(of.source),
                lines: number(of.lines),
                href: with(&asked, "code", &of.name),
            }
        };
        let (lamp, sentence, detail) = verdict(&asked, known, &found, now);
        Self {
            lamp,
            sentence,
            detail,
            sources: Vec::new(),
            levels: levels(&asked),
            spans: spans(&asked),
            chart,
            codes: found.codes.iter().map(code_row).collect(),
            components: found
                .components
                .iter()
                .map(|of| NamedRow {
                    name: of.name.clone(),
                    source: name(of.source),
                    lines: number(of.lines),
                    href: with(&asked, "component", &of.name),
                })
                .collect(),
            lines: found
                .lines
                .items
                .iter()
                .map(|kept| LineRow::of(kept, name(kept.source), &asked))
                .collect(),
            next: link(found.lines.next),
            previous: link(found.lines.previous),
            problem: None,
            chrome,
            asked,
        }
        .with_sources(known, Some(&found.sums), now)
    }

    fn with_sources(
        mut self,
        known: &[Known],
        sums: Option<&HashMap<ItemId, Sum>>,
        now: DateTime<Utc>,
    ) -> Self {
        let asked = &self.asked;
        let rows = known.iter().map(|it| {
            // Where nothing was counted, because it could not be asked, nothing is known.
            let sum = sums.map(|sums| sums.get(&it.item.id).copied().unwrap_or_default());
            let told = |pick: fn(Sum) -> i64| {
                sum.map_or_else(|| "unknown".to_owned(), |sum| number(pick(sum)))
            };
            let id = it.item.id.to_string();
            let (lamp, word) = standing(it, now);
            SourceRow {
                id: it.item.id,
                name: it.item.name.clone(),
                platform: it.platform.clone(),
                lamp,
                word,
                heard_at: it.state.heard_at,
                lines: told(|sum| sum.lines),
                errors: told(|sum| sum.errors),
                kept: it.item.spec.keep.to_string(),
                href: with(asked, "source", &id),
                chosen: asked.source == id,
            }
        });
        self.sources = rows.collect();
        self
    }
}

fn standing(known: &Known, now: DateTime<Utc>) -> (Lamp, String) {
    let spec = &known.item.spec;
    match &known.state.error {
        Some(why) if spec.files().is_some() => (Lamp::Yellow, format!("Cannot be read: {why}")),
        _ if actions::is_known(spec, &known.state, now) => {
            let word = if spec.files().is_some() {
                "Being read"
            } else {
                "Handed in"
            };
            (Lamp::Clear, word.to_owned())
        }
        _ if spec.files().is_some() => (Lamp::Unknown, "Not looked at".to_owned()),
        _ if known.state.heard_at.is_some() => (Lamp::Yellow, "Its senders are silent".to_owned()),
        _ => (Lamp::Unknown, "Nothing was handed in yet".to_owned()),
    }
}

/// What cannot be read comes first: it may hold anything.
fn verdict(
    asked: &Asked,
    known: &[Known],
    found: &Found,
    now: DateTime<Utc>,
) -> (Lamp, String, String) {
    let span = asked.span().map_or("", |span| span.label).to_lowercase();
    let unread = known
        .iter()
        .filter(|it| standing(it, now).0 == Lamp::Yellow)
        .count() as u64;
    let (errors, lines) = found.sums.values().fold((0, 0), |(errors, lines), sum| {
        (errors + sum.errors, lines + sum.lines)
    });
    let count = |some: i64| u64::try_from(some).unwrap_or(0);
    let errors_said = match errors {
        0 => "No error".to_owned(),
        some => counted(count(some), "error", "errors"),
    };
    let said = format!("{errors_said} in {span}");
    let of = format!("{} in all.", counted(count(lines), "line", "lines"));
    match (unread, errors) {
        (1.., _) => {
            let total = counted(known.len() as u64, "log", "logs");
            (
                Lamp::Yellow,
                format!("{unread} of {total} cannot be read"),
                format!("{said}, of those that can. {of}"),
            )
        }
        (0, 0) => (Lamp::Clear, said, of),
        (0, _) => (Lamp::Yellow, said, of),
    }
}

impl LineRow {
    fn of(kept: &Kept, source: String, asked: &Asked) -> Self {
        let (first, rest) = match kept.message.split_once('\n') {
            Some((first, rest)) => (first.to_owned(), rest.to_owned()),
            None => (kept.message.clone(), String::new()),
        };
        let fields = match &kept.fields {
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect(),
            _ => Vec::new(),
        };
        let severity = kept.severity();
        Self {
            id: kept.id,
            at: kept.at,
            lamp: lamp(severity),
            level: severity.as_str(),
            source,
            component: kept.component.clone(),
            code: kept.code.clone(),
            code_href: with(asked, "code", &kept.code),
            message: first,
            rest,
            latency: kept
                .latency_ms
                .map_or_else(String::new, |it| format!("{} ms", decimal(it, 1))),
            fields,
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// This page with one field of its filter set, from the first line on.
fn with(asked: &Asked, field: &str, value: &str) -> String {
    let mut asked = asked.clone();
    match field {
        "source" => value.clone_into(&mut asked.source),
        "code" => value.clone_into(&mut asked.code),
        "component" => value.clone_into(&mut asked.component),
        _ => {
            let cursor: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let query = asked.query();
            let and = if query.is_empty() { "" } else { "&" };
            return format!("/logs?{query}{and}cursor={cursor}");
        }
    }
    format!("/logs?{}", asked.query())
}

fn levels(asked: &Asked) -> Vec<Choice> {
    let usual = [
        (Severity::Error, "Errors"),
        (Severity::Warn, "Warnings and worse"),
        (Severity::Info, "Information and worse"),
    ];
    let each = usual.map(|(severity, label)| Choice {
        value: severity.as_str().to_owned(),
        label: label.to_owned(),
        chosen: asked.level == severity.as_str(),
    });
    each.into()
}

fn spans(asked: &Asked) -> Vec<Choice> {
    let chosen = asked.span().map_or("", |span| span.name);
    let each = SPANS.iter().map(|span: &Span| Choice {
        value: span.name.to_owned(),
        label: span.label.to_owned(),
        chosen: span.name == chosen,
    });
    each.collect()
}

/// Errors by step of time.
fn draw(bars: &[Bar], filter: &Filter, step: TimeDelta, zone: Tz) -> Drawing {
    let length = filter.until - filter.from;
    let steps = usize::try_from(length.num_seconds() / step.num_seconds().max(1)).unwrap_or(0);
    let mut errors = vec![Some(0.0); steps];
    for bar in bars {
        // The minute that is under way ends after the last step.
        let place = usize::try_from(bar.step).map(|place| place.min(steps.saturating_sub(1)));
        if let Some(Some(value)) = place.ok().and_then(|place| errors.get_mut(place)) {
            *value += bar.errors as f64;
        }
    }
    Chart::line("log-errors", "Lines with errors", "", filter.until, step)
        .bars()
        .series(Series::new("Errors", errors))
        .draw(zone)
}
