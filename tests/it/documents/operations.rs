//! `docs/SECURITY_OPERATIONS.md` sends people to commands and pages in the worst hour: each is there.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use signalbox::app;
use signalbox::cli::Cli;

use super::{read, sources};

const FILE: &str = "docs/SECURITY_OPERATIONS.md";

/// What stands in code: between backticks, and line by line in fenced blocks.
fn code(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, part) in document.split("```").enumerate() {
        if number % 2 == 1 {
            let lines = part.lines().skip(1);
            found.extend(
                lines.map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned()),
            );
        } else {
            let spans = part.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

#[test]
fn docs_name_what_there_is() {
    let document = read(FILE);
    let code = code(&document);
    let events = quoted_words();
    let mut missing = BTreeSet::new();
    let mut counts = [0; 3];
    for span in &code {
        if let Some((_, arguments)) = span.split_once("signalbox ") {
            counts[0] += 1;
            missing.extend(fault_of_command(arguments));
        } else if span.starts_with("GET /") || span.starts_with("POST /") || span.starts_with('/') {
            counts[1] += 1;
            missing.extend(fault_of_page(span));
        } else if ["script/", "docs/", "tools/", "src/"]
            .iter()
            .any(|start| span.starts_with(start))
        {
            counts[2] += 1;
            let file = span.split(' ').next().unwrap_or(span);
            let is_there = Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists();
            missing.extend((!is_there).then(|| format!("there is no {file}")));
        } else if is_event(span) {
            let is_there = events.iter().any(|event| event == span);
            missing.extend((!is_there).then(|| format!("nothing records {span}")));
        } else if span.starts_with("SIGNALBOX_") || span.starts_with("SSL_") {
            let name = span.split('=').next().unwrap_or(span);
            let is_there = read(".env.example").contains(name);
            missing.extend((!is_there).then(|| format!("there is no variable {name}")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// `session.signed_in`: two words, and no file's name.
fn is_event(span: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    span.split_once('.')
        .is_some_and(|(subject, act)| is_word(subject) && is_word(act) && act.len() > 4)
}

/// Whatever stands between quotes in the program's sources.
fn quoted_words() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts = sources(&src)
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    texts
        .flat_map(|text| {
            text.split('"')
                .filter(|word| is_event(word))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Walks down the commands as far as the words go; every option has to be one of the last command's.
fn fault_of_command(arguments: &str) -> Option<String> {
    let mut command = Cli::command();
    let mut is_first = true;
    for word in arguments.split_whitespace() {
        if let Some(option) = word.strip_prefix("--") {
            let name = option.split('=').next().unwrap_or(option);
            let known = command
                .get_arguments()
                .any(|argument| argument.get_long() == Some(name));
            if !known && name != "help" {
                return Some(format!("signalbox {arguments}: no --{name}"));
            }
        } else if let Some(below) = command.find_subcommand(word) {
            command = below.clone();
        } else if is_first || (command.has_subcommands() && word.chars().all(char::is_lowercase)) {
            return Some(format!("signalbox {arguments}: no {word}"));
        }
        is_first = false;
    }
    None
}

/// A page by its address, as the route table writes it: `/reviews/{id}`.
fn fault_of_page(span: &str) -> Option<String> {
    let (method, path) = span.split_once(' ').unwrap_or(("GET", span));
    let path = path.split('?').next().unwrap_or(path);
    let is_there = app::routes()
        .iter()
        .any(|route| route.method == method && route.path == path);
    // A path of the file system has a folder that no page has.
    let is_page = !["/etc/", "/var/", "/run/", "/usr/"]
        .iter()
        .any(|start| path.starts_with(start));
    (is_page && !is_there).then(|| format!("there is no {method} {path}"))
}
