//! `docs/asvs.csv`: one row for each requirement, and each proof that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use signalbox::app;

use super::read;
use crate::support::reference;

const FILE: &str = "docs/asvs.csv";
const STANDARD: &str = "standards/asvs/ASVS_5.0.0_en.csv";
/// The chapters that have been gone through.
const CHAPTERS: [&str; 5] = ["V3", "V6", "V7", "V8", "V16"];

#[derive(Debug, serde::Deserialize)]
struct Row {
    id: String,
    level: u8,
    chapter: String,
    state: String,
    #[serde(rename = "where")]
    place: String,
    shown_by: String,
    note: String,
}

impl Row {
    fn proofs(&self) -> impl Iterator<Item = &str> {
        list(&self.shown_by)
    }
}

#[derive(serde::Deserialize)]
struct Requirement {
    chapter_id: String,
    chapter_name: String,
    req_id: String,
    #[serde(rename = "L")]
    level: u8,
}

fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split("; ").filter(|item| !item.is_empty())
}

fn rows() -> Vec<Row> {
    csv::Reader::from_reader(read(FILE).as_bytes())
        .deserialize()
        .map(|row| row.unwrap())
        .collect()
}

fn chapter_of(id: &str) -> &str {
    id.split('.').next().unwrap_or_default()
}

#[test]
fn every_row_of_the_asvs_says_what_its_state_asks_for() {
    let rows = rows();
    let mut seen = BTreeSet::new();
    for row in &rows {
        let numbers: Vec<&str> = row.id.split('.').collect();
        assert_eq!(numbers.len(), 3, "{row:?}");
        assert!(CHAPTERS.contains(&numbers[0]), "{row:?}");
        assert!((1..=3).contains(&row.level), "{row:?}");
        assert!(seen.insert(row.id.clone()), "{} is there twice", row.id);
        let says_why = row.note.len() > 15;
        match row.state.as_str() {
            "here" => assert!(!row.place.is_empty() && row.proofs().count() > 0, "{row:?}"),
            "partly" => assert!(!row.place.is_empty() && says_why, "{row:?}"),
            "later" => assert!(row.place.is_empty() && row.shown_by.is_empty(), "{row:?}"),
            "not_applicable" => assert!(row.place.is_empty() && says_why, "{row:?}"),
            other => panic!("{}: {other} is no state", row.id),
        }
    }
}

#[test]
fn every_proof_and_every_place_of_the_asvs_is_there() {
    let tests = names_of_tests();
    let routes = app::routes();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for row in rows() {
        for proof in row.proofs() {
            let is_there =
                tests.contains(proof) || (proof.contains('/') && root.join(proof).is_file());
            if !is_there {
                missing.push(format!(
                    "{}: no test and no script is called {proof}",
                    row.id
                ));
            }
        }
        for place in list(&row.place) {
            let place = place.split(" (").next().unwrap_or(place);
            let is_there = match place.split_once(' ') {
                Some(("signalbox", _)) => true,
                Some((method, path)) => routes
                    .iter()
                    .any(|route| route.method == method && route.path == path),
                None => root.join(place).exists() || read(".env.example").contains(place),
            };
            if !is_there {
                missing.push(format!("{}: there is no {place}", row.id));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_requirement_of_the_asvs_chapters_has_its_row() {
    let Some(standard) = reference::file(STANDARD) else {
        return;
    };
    let wanted: BTreeMap<String, (u8, String)> = csv::Reader::from_path(standard)
        .unwrap()
        .deserialize()
        .map(|row| row.unwrap())
        .filter(|row: &Requirement| CHAPTERS.contains(&row.chapter_id.as_str()))
        .map(|row| (row.req_id, (row.level, row.chapter_name)))
        .collect();
    assert!(wanted.len() > 100, "the standard was read");
    let rows = rows();
    for row in &rows {
        let given = (row.level, row.chapter.clone());
        assert_eq!(wanted.get(&row.id), Some(&given), "{}", row.id);
    }
    let named: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let missing: Vec<&String> = wanted
        .keys()
        .filter(|id| !named.contains(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    let chapters: BTreeSet<&str> = named.iter().map(|id| chapter_of(id)).collect();
    assert_eq!(chapters.len(), CHAPTERS.len());
}

/// What the runner can be asked for: every function below an attribute that makes it a test.
fn names_of_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for file in rust_files(&["src", "tests"].map(|folder| root.join(folder))) {
        let text = std::fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.ends_with("test]");
            } else if let Some(name) = name_of_function(line) {
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            } else if !line.starts_with("//") {
                is_test = is_test && line.is_empty();
            }
        }
    }
    assert!(names.len() > 500, "{} tests", names.len());
    names
}

fn name_of_function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

fn rust_files(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = folders.to_vec();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}
