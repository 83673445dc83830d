//! From the text of a pack to its types, its parameters, and where each thing stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::pack::Pack;
use super::parameters::{Given, Parameter, Resolver};
use super::{aliases, left_out};

/// A pack as far as it could be read.
#[derive(Debug)]
pub struct File {
    pub pack: Pack,
    pub parameters: Vec<Parameter>,
    pub lines: Lines,
}

/// Where a file cannot be read at all, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The first line of each thing, by kind and place in the file.
#[derive(Clone, Debug, Default)]
pub struct Lines(BTreeMap<(String, usize), usize>);

impl Lines {
    /// The line of the `index`th `[[kind]]`, counted from 1.
    #[must_use]
    pub fn of(&self, kind: &str, index: usize) -> usize {
        self.0.get(&(kind.to_owned(), index)).copied().unwrap_or(1)
    }

    /// A thing of this kind has another place, because one before it was left out.
    pub(super) fn move_to(&mut self, kind: &str, from: usize, to: usize) {
        if let Some(line) = self.0.get(&(kind.to_owned(), from)).copied() {
            self.0.insert((kind.to_owned(), to), line);
        }
    }
}

/// Reads a pack with this installation's parameters in place.
///
/// # Errors
/// Everything that keeps the file from being read, in the order of the file.
pub fn read(source: &str, given: &Given) -> Result<File, Vec<Unreadable>> {
    let at = |offset: usize| line_of(source, offset);
    let from_toml = |error: toml::de::Error| {
        vec![Unreadable {
            line: error.span().map_or(1, |span| at(span.start)),
            message: error.message().to_owned(),
        }]
    };

    let mut root = DeTable::parse(source).map_err(from_toml)?;
    let platform = platform_id(root.get_ref());
    let mut resolver = Resolver::new(given, &platform);
    resolver.table(root.get_mut());
    if !resolver.problems.is_empty() {
        let mut problems: Vec<Unreadable> = resolver
            .problems
            .into_iter()
            .map(|(problem, span)| Unreadable {
                line: at(span.start),
                message: problem.to_string(),
            })
            .collect();
        problems.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    let parameters = resolver.found.into_values().collect();
    aliases::take(root.get_mut()).map_err(|(offset, message)| {
        vec![Unreadable {
            line: at(offset),
            message,
        }]
    })?;
    let left = left_out::take(root.get_mut()).map_err(|offset| {
        vec![Unreadable {
            line: at(offset),
            message: "only_with is text: \"${ADDRESS:-}\"".to_owned(),
        }]
    })?;
    let mut lines = lines(root.get_ref(), source);
    let mut pack = Pack::deserialize(Deserializer::from(root)).map_err(from_toml)?;
    left.follow(&mut pack, &mut lines);
    Ok(File {
        pack,
        parameters,
        lines,
    })
}

/// The platform's id before anything is checked: parameters may carry it in front of their name.
fn platform_id(root: &DeTable<'_>) -> String {
    root.get("platform")
        .and_then(|platform| platform.get_ref().get("id"))
        .and_then(|id| id.get_ref().as_str())
        .unwrap_or_default()
        .to_owned()
}

fn lines(root: &DeTable<'_>, source: &str) -> Lines {
    let mut lines = BTreeMap::new();
    for (kind, value) in root {
        let entries: &[Spanned<DeValue<'_>>] = match value.get_ref() {
            DeValue::Array(entries) => entries,
            _ => continue,
        };
        for (index, entry) in entries.iter().enumerate() {
            lines.insert(
                (kind.get_ref().to_string(), index),
                line_of(source, entry.span().start),
            );
        }
    }
    Lines(lines)
}

fn line_of(source: &str, offset: usize) -> usize {
    source
        .bytes()
        .take(offset)
        .fold(1, |line, byte| line + usize::from(byte == b'\n'))
}

#[cfg(test)]
mod tests {
    use super::super::pack::Check;
    use super::*;

    const SMALL: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "api"
name = "API"

[[probe]]
id = "api-health"
service = "api"
check.http = { url = "${API_URL:-http://localhost:8000}/health", json = { "/status" = "ok" } }
"#;

    #[test]
    fn a_small_pack_is_read_with_its_defaults() {
        let file = read(SMALL, &Given::default()).unwrap();
        let probe = &file.pack.probes[0];
        let Check::Http(http) = &probe.check else {
            panic!("not http")
        };
        assert_eq!(http.url, "http://localhost:8000/health");
        assert_eq!(http.status, [200]);
        assert_eq!(probe.timeout().to_string(), "10s");
        assert_eq!(
            (probe.retries, probe.failures_to_down, probe.successes_to_up),
            (1, 3, 2)
        );
        assert_eq!(file.parameters[0].name, "API_URL");
        assert_eq!(file.lines.of("probe", 0), 11);
    }

    /// What reads a thing that is not there goes with it, and the lines of what stays are right.
    #[test]
    fn what_an_installation_does_not_have_is_left_out() {
        let source = format!(
            "{SMALL}\n[[probe]]\nid = \"edge\"\nservice = \"api\"\nonly_with = \"${{EDGE:-}}\"\n\
             check.tls = {{ address = \"${{EDGE:-localhost:443}}\" }}\n\
             \n[[rule]]\nid = \"ends\"\nname = \"Ends\"\non.measure = {{ probe = \"edge\", name = \"days\" }}\n\
             yellow = {{ below = \"14d\" }}\nrunbook = \"renew\"\n\
             \n[[rule]]\nid = \"down\"\nname = \"Down\"\non.state = \"api-health\"\nyellow = {{ is = \"down\" }}\n\
             \n[[checklist]]\nid = \"list\"\nname = \"List\"\non_demand = \"other\"\n\
             item = [{{ id = \"tls\", text = \"TLS\", read.state = \"edge\", expect = {{ is = \"up\" }} }}]\n\
             \n[[runbook]]\nid = \"renew\"\ntitle = \"Renew\"\nowner = \"O\"\nversion = \"1\"\n\
             next_review = \"2029-01-01\"\nsteps = [\"Renew.\"]\n"
        );
        let without = read(&source, &Given::default()).unwrap();
        assert_eq!(without.pack.probes.len(), 1);
        assert_eq!(without.pack.rules.len(), 1);
        assert_eq!(without.pack.rules[0].id, "down");
        assert!(without.pack.runbooks.is_empty());
        assert!(without.pack.checklists[0].items[0].read.is_none());
        let given = [("EDGE", "edge.bank.example:443")].into_iter().collect();
        let with = read(&source, &given).unwrap();
        assert_eq!((with.pack.probes.len(), with.pack.rules.len()), (2, 2));
        assert_eq!(with.pack.runbooks.len(), 1);
        assert!(with.pack.checklists[0].items[0].is_read());
        assert_eq!(without.lines.of("rule", 0), with.lines.of("rule", 1));

        let number = source.replace("\"${EDGE:-}\"", "7");
        let wrong = read(&number, &Given::default()).unwrap_err().remove(0);
        assert!(wrong.message.contains("only_with is text"), "{wrong}");
    }

    #[test]
    fn a_queue_and_a_schedule_may_be_written_under_their_names() {
        let source = format!(
            "{SMALL}\n[[queue]]\nid = \"events\"\nservice = \"api\"\n\
             check.queue = {{ redis = {{ address = \"localhost:6379\" }}, name = \"events\" }}\n\
             \n[[schedule]]\nid = \"nightly\"\nname = \"Nightly\"\ncron = \"0 2 * * *\"\n"
        );
        let file = read(&source, &Given::default()).unwrap();
        let probes: Vec<&str> = file.pack.probes.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(probes, ["api-health", "events"]);
        assert_eq!(file.lines.of("probe", 1), 16);
        assert_eq!(file.pack.heartbeats[0].id, "nightly");
        assert_eq!(file.lines.of("heartbeat", 0), 21);
        let wrong = |from: &str, to: &str| {
            let source = source.replace(from, to);
            read(&source, &Given::default()).unwrap_err().remove(0)
        };
        let other = wrong(
            "check.queue = { redis = { address = \"localhost:6379\" }, name = \"events\" }",
            "check.tcp = { address = \"localhost:6379\" }",
        );
        assert!(
            other.line == 16 && other.message.contains("[[probe]]"),
            "{other}"
        );
        let every = wrong("cron = \"0 2 * * *\"", "every = \"1d\"");
        assert!(
            every.line == 21 && every.message.contains("[[heartbeat]]"),
            "{every}"
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let check = |from: &str, to: &str| {
            read(&SMALL.replace(from, to), &Given::default())
                .unwrap_err()
                .remove(0)
        };
        let unknown = check("service = \"api\"", "servise = \"api\"");
        assert_eq!(unknown.line, 13);
        assert!(unknown.message.contains("servise"), "{unknown}");
        let parameter = check("${API_URL:-http://localhost:8000}", "${API_URL}");
        assert_eq!(parameter.line, 14);
        assert!(check("name = \"API\"", "name = ").line == 9);
        assert!(check("check.http", "check.smtp").message.contains("smtp"));
    }
}
