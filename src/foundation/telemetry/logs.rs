//! JSON lines of `timestamp, level, message, context` on standard error.

use std::fmt::Debug;
use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as
/// `info,signalbox::foundation::db=debug`). Only the first call counts.
pub fn start(level: &str) {
    let filter =
        EnvFilter::try_new(level.to_lowercase()).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::registry()
        .with(JsonLines.with_filter(filter))
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| write(&panic_line(panic))));
    }
}

/// A panic is a line like any other: what reads the log takes one object for each line.
fn panic_line(panic: &std::panic::PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("no message");
    let mut context = Map::new();
    if let Some(place) = panic.location() {
        context.insert("at".to_owned(), json!(place.to_string()));
    }
    let thread = std::thread::current();
    context.insert(
        "thread".to_owned(),
        json!(thread.name().unwrap_or("unnamed")),
    );
    let fields = Fields {
        message: format!("panic: {message}"),
        context,
    };
    line(&Level::ERROR, "signalbox", fields)
}

/// A log that cannot be written must not take the product down with it.
fn write(line: &str) {
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        write(&line(metadata.level(), metadata.target(), fields));
    }
}

fn line(level: &Level, target: &str, fields: Fields) -> String {
    let mut context = fields.context;
    context.insert("component".to_owned(), json!(target));
    let mut line = json!({
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
        "level": level.as_str().to_lowercase(),
        "message": fields.message,
        "context": context,
    })
    .to_string();
    line.push('\n');
    line
}

#[derive(Default)]
struct Fields {
    message: String,
    context: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.context.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_one_line() {
        let fields = Fields {
            message: "a\nb\u{2028}\u{1b}[31m\"".to_owned(),
            context: Map::new(),
        };
        let line = line(&Level::WARN, "here", fields);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "a\nb\u{2028}\u{1b}[31m\"");
        assert_eq!(read["level"], "warn");
        assert_eq!(read["context"]["component"], "here");
    }
}
