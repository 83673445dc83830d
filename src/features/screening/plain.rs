//! A list in a plain CSV file with a header, for lists that come in no format of their own:
//! `reference, kind, name, strong_aliases, weak_aliases, dates_of_birth, countries, programs, remarks`.
//! Several values of a column are separated by `|`.

use std::collections::HashSet;
use std::io::Read;

use serde::Deserialize;

use super::birth::Birth;
use super::listed::{EntryKind, ListedEntry, ListedName, Quality};
use crate::features::intake::Country;

const MAX_ENTRIES: usize = 200_000;

#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    #[error("the file cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    #[error("row {row}: {what}")]
    Row { row: usize, what: String },
    #[error("more than {MAX_ENTRIES} entries")]
    TooLong,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    reference: String,
    kind: String,
    name: String,
    strong_aliases: String,
    weak_aliases: String,
    dates_of_birth: String,
    countries: String,
    programs: String,
    remarks: String,
}

/// Reads the whole list; a row that cannot be read refuses all of it.
pub fn read(input: impl Read) -> Result<Vec<ListedEntry>, PlainError> {
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(input);
    for (nth, row) in reader.deserialize::<Row>().enumerate() {
        let wrong = |what: String| PlainError::Row { row: nth + 1, what };
        if entries.len() == MAX_ENTRIES {
            return Err(PlainError::TooLong);
        }
        let row = row?;
        if row.reference.is_empty() || row.name.is_empty() {
            return Err(wrong("a reference and a name are needed".into()));
        }
        if !seen.insert(row.reference.clone()) {
            return Err(wrong(format!(
                "reference {} stands there twice",
                row.reference
            )));
        }
        entries.push(entry(row).map_err(wrong)?);
    }
    Ok(entries)
}

fn entry(row: Row) -> Result<ListedEntry, String> {
    let kind = EntryKind::parse(&row.kind).ok_or_else(|| format!("unknown kind {:?}", row.kind))?;
    let alias = |quality| {
        move |name: &str| ListedName {
            name: name.to_owned(),
            quality,
        }
    };
    let names = std::iter::once(row.name.as_str()).map(alias(Quality::Primary));
    let names = names.chain(values(&row.strong_aliases).map(alias(Quality::Strong)));
    let names = names.chain(values(&row.weak_aliases).map(alias(Quality::Weak)));
    let births = values(&row.dates_of_birth)
        .map(|text| Birth::parse(text).ok_or_else(|| format!("unreadable date {text:?}")));
    let countries = values(&row.countries).map(|code| {
        code.parse::<Country>()
            .map_err(|e| format!("{code:?} is {e}"))
    });
    Ok(ListedEntry {
        kind,
        names: names.collect(),
        births: births.collect::<Result<_, _>>()?,
        countries: countries.collect::<Result<_, _>>()?,
        programs: values(&row.programs).map(str::to_owned).collect(),
        title: None,
        birth_places: Vec::new(),
        documents: Vec::new(),
        addresses: Vec::new(),
        reference: row.reference,
        remarks: row.remarks,
    })
}

fn values(column: &str) -> impl Iterator<Item = &str> {
    column
        .split('|')
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_list_is_sound() {
        let entries = read(super::super::lists::DEMO_LIST.as_bytes()).unwrap();
        assert!(entries.len() >= 6);
        assert!(
            entries
                .iter()
                .all(|entry| entry.remarks.contains("Invented"))
        );
        assert!(entries.iter().any(|entry| entry.kind == EntryKind::Vessel));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let head = "reference,kind,name,strong_aliases,weak_aliases,dates_of_birth,countries,programs,remarks\n";
        for (row, word) in [
            ("1,ghost,A,,,,,,", "ghost"),
            ("1,person,A,,,soon,,,", "soon"),
            ("1,person,A,,,,ZZ,,", "ZZ"),
            (",person,A,,,,,,", "reference"),
            ("1,person,A,,,,,,\n1,person,B,,,,,,", "twice"),
        ] {
            let error = read(format!("{head}{row}\n").as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
