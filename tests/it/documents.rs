//! Lists that people read must not drift from what they list.

mod asvs;
mod operations;
mod packs;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let named: BTreeSet<String> = ["dependencies", "build-dependencies", "dev-dependencies"]
        .iter()
        .flat_map(|section| manifest[*section].as_table().unwrap().keys().cloned())
        .collect();
    let document = read("docs/dependencies.md");
    let crates = document.split("## Not crates").next().unwrap();
    let explained: BTreeSet<String> = crates
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once("` | "))
        .map(|(name, reason)| {
            assert!(reason.len() > 8, "{name} has no reason");
            name.to_owned()
        })
        .collect();
    assert_eq!(explained, named);
}

#[test]
fn the_example_of_an_environment_names_every_variable() {
    let example = read(".env.example");
    let named: BTreeSet<String> = variables(&example)
        .into_iter()
        .map(|name| name.trim_end_matches("_FILE").to_owned())
        .collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = sources(&src)
        .into_iter()
        .flat_map(|file| quoted_variables(&fs::read_to_string(file).unwrap()))
        .map(|name| name.trim_end_matches("_FILE").to_owned());
    let missing: BTreeSet<String> = read.filter(|name| !named.contains(name)).collect();
    assert_eq!(missing, BTreeSet::new(), "read in src, not in .env.example");
}

/// Names at the start of a line, also those that are commented out.
fn variables(example: &str) -> Vec<String> {
    let lines = example.lines().map(|line| line.trim_start_matches("# "));
    let names = lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name);
    names
        .filter(|name| is_variable(name))
        .map(str::to_owned)
        .collect()
}

fn quoted_variables(source: &str) -> Vec<String> {
    let ours = |name: &&str| name.starts_with("SIGNALBOX_") || *name == "DATABASE_URL";
    source
        .split('"')
        .filter(ours)
        .filter(|name| is_variable(name))
        .map(str::to_owned)
        .collect()
}

fn is_variable(name: &str) -> bool {
    // What the build hands to the program, and the tests to themselves, is not the operator's; a bare
    // prefix is no name.
    !name.ends_with('_')
        && ![
            "SIGNALBOX_ASSET_DIGEST",
            "SIGNALBOX_BUILT_AT",
            "SIGNALBOX_REFERENCE",
        ]
        .contains(&name)
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if is_program(&path) {
            found.push(path);
        }
    }
    found
}

/// Tests have variables of their own.
fn is_program(file: &Path) -> bool {
    let name = file
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    file.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests")
}
