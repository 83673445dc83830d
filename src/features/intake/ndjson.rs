//! One line of an NDJSON file: a JSON object whose keys are the columns.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::column::{Column, Values};
use super::row::Problem;

/// The members in the order of the line, doubled keys included: a map would drop one silently.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Collect)
    }
}

/// Reads a line into its columns.
pub fn read(raw: &[u8], ignore_unknown: bool) -> Result<Values, Vec<Problem>> {
    let text = std::str::from_utf8(raw).map_err(|_| {
        vec![Problem::row(
            "is not UTF-8 text (it looks like Latin-1 or Windows-1252); save the file as UTF-8",
        )]
    })?;
    let Members(members) = serde_json::from_str(text).map_err(|error| {
        vec![Problem::row(format!(
            "is not a JSON object: {}",
            place(&error)
        ))]
    })?;
    let mut values = Values::default();
    let mut problems = Vec::new();
    for (key, value) in members {
        let Some(column) = Column::find(&key) else {
            if !ignore_unknown && !super::column::is_ours(&key) {
                let shown = super::column::shown(&key);
                problems.push(Problem::row(format!(
                    "names the unknown column {shown}; rename or remove it, or ignore unknown columns (at the command line: --ignore-unknown)"
                )));
            }
            continue;
        };
        if values.has(column) {
            problems.push(Problem::of(column, "stands twice in the row"));
            continue;
        }
        match text_of(column, value) {
            Ok(text) => values.set(column, text),
            Err(message) => problems.push(Problem::of(column, message)),
        }
    }
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(problems)
    }
}

/// Where and how it breaks, without the text that serde would quote.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "another kind of value stands there",
        _ => "the syntax breaks",
    };
    format!("{what} at character {}", error.column())
}

fn text_of(column: Column, value: Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Bool(yes) => Ok(if yes { "yes" } else { "no" }.to_owned()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Number(_) => Err("is a number with decimals; write it as a text, in quotes"),
        Value::Array(items) if column == Column::OtherNames => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err("holds something that is not a text"),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(|names| names.join(";")),
        Value::Array(_) | Value::Object(_) => Err("is a list or an object; write a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> String {
        let problems = read(line.as_bytes(), false).err().unwrap();
        problems[0].message.clone()
    }

    #[test]
    fn a_line_is_read_by_its_keys() {
        let line =
            r#"{"external_id":7,"name":"Ada","pep":false,"other_names":["A","B"],"city":null}"#;
        let values = read(line.as_bytes(), false).unwrap();
        assert_eq!(values.get(Column::ExternalId), Some("7"));
        assert_eq!(values.get(Column::Pep), Some("no"));
        assert_eq!(values.get(Column::OtherNames), Some("A;B"));
        assert_eq!(values.get(Column::City), None);
    }

    #[test]
    fn nothing_is_dropped_silently() {
        assert_eq!(
            problem(r#"{"name":"a","name":"b"}"#),
            "stands twice in the row"
        );
        assert!(problem(r#"{"shoe_size":44}"#).contains("unknown column shoe_size"));
        assert!(read(br#"{"shoe_size":44}"#, true).is_ok());
        assert!(problem(r#"{"expected_monthly_amount":12.5}"#).contains("decimals"));
    }

    #[test]
    fn broken_lines_are_told_without_their_content() {
        for line in [
            "",
            "[]",
            "{",
            "{\"name\": \"S3CRET",
            "7",
            "{\"name\":{\"S3CRET\":1}}",
        ] {
            let message = problem(line);
            assert!(!message.contains("S3CRET"), "{message}");
        }
        assert!(read(b"{\"name\":\"\xe4\"}", false).is_err());
    }
}
