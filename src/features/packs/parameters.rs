//! Parameters: `${NAME}` and `${NAME:-default}` in a pack's text values, given per installation.
//!
//! A name is looked up twice: with the platform in front (`REGTECH_HORIZON_API_URL`), for an
//! environment that serves several packs, then as it stands (`API_URL`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// What this installation gives; usually its environment.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeMap<String, String>);

impl Given {
    /// The same where somebody has decided on these before, whatever stands there now: their values hold, and what
    /// they left at its default stays there.
    #[must_use]
    pub fn decided(
        mut self,
        platform: &str,
        parameters: &BTreeMap<String, Option<String>>,
    ) -> Self {
        for (name, value) in parameters {
            self.0.remove(&own_name(platform, name));
            self.0.remove(name);
            if let Some(value) = value {
                self.0.insert(name.clone(), value.clone());
            }
        }
        self
    }

    fn look_up(&self, platform: &str, name: &str) -> Option<&str> {
        self.0
            .get(&own_name(platform, name))
            .or_else(|| self.0.get(name))
            .map(String::as_str)
    }
}

/// A parameter's name with its platform in front.
fn own_name(platform: &str, name: &str) -> String {
    let platform = platform.to_uppercase().replace(['-', '.'], "_");
    format!("{platform}_{name}")
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Given {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        self.0.extend(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Given {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut given = Self::default();
        given.extend(pairs);
        given
    }
}

/// A parameter that a pack names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub default: Option<String>,
    /// The value that this installation gives, where it gives one of its own.
    pub given: Option<String>,
}

/// Why a parameter cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("a parameter is not closed: \"{0}\"")]
    Unclosed(String),
    #[error("\"{0}\" is not a parameter name: capital letters, digits and _")]
    Name(String),
    #[error("\"{0}\" belongs to Signalbox itself and is not for packs")]
    Reserved(String),
    #[error("\"{0}\" would put a secret into the database: name a file, {0}_FILE")]
    Secret(String),
    #[error("\"{0}\" has no default and this installation gives no value")]
    Missing(String),
}

/// A problem and the bytes of the file that it is about.
pub type Located = (Problem, std::ops::Range<usize>);

/// Puts values in the place of parameters throughout `table`.
pub struct Resolver<'g> {
    given: &'g Given,
    platform: String,
    pub found: BTreeMap<String, Parameter>,
    pub problems: Vec<Located>,
}

impl<'g> Resolver<'g> {
    #[must_use]
    pub fn new(given: &'g Given, platform: &str) -> Self {
        Self {
            given,
            platform: platform.to_owned(),
            found: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub fn table(&mut self, table: &mut DeTable<'_>) {
        for (_, value) in table.iter_mut() {
            self.value(value);
        }
    }

    fn array(&mut self, array: &mut DeArray<'_>) {
        for value in array.iter_mut() {
            self.value(value);
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>) {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) if text.contains("${") => match self.text(text) {
                Ok(resolved) => *text = Cow::Owned(resolved),
                Err(problem) => self.problems.push((problem, span)),
            },
            DeValue::Array(array) => self.array(array),
            DeValue::Table(table) => self.table(table),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Problem> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            resolved.push_str(&rest[..start]);
            let inside = &rest[start + 2..];
            let end = inside
                .find('}')
                .ok_or_else(|| Problem::Unclosed(rest[start..].to_owned()))?;
            resolved.push_str(&self.parameter(&inside[..end])?);
            rest = &inside[end + 1..];
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn parameter(&mut self, inside: &str) -> Result<String, Problem> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        check_name(name)?;
        // As in a shell: `:-` stands in for what is empty, too.
        let given = self
            .given
            .look_up(&self.platform, name)
            .filter(|value| default.is_none() || !value.is_empty());
        let value = given.or(default);
        self.found.insert(
            name.to_owned(),
            Parameter {
                name: name.to_owned(),
                default: default.map(str::to_owned),
                given: given.map(str::to_owned),
            },
        );
        value
            .map(str::to_owned)
            .ok_or_else(|| Problem::Missing(name.to_owned()))
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(Problem::Name(name.to_owned()));
    }
    if name.starts_with("SIGNALBOX_") || name == "DATABASE_URL" {
        return Err(Problem::Reserved(name.to_owned()));
    }
    let secret = ["PASSWORD", "SECRET", "TOKEN", "_KEY"]
        .iter()
        .any(|word| name.contains(word));
    if secret && !name.ends_with("_FILE") {
        return Err(Problem::Secret(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, given: &[(&str, &str)]) -> Result<String, Problem> {
        let given = given.iter().copied().collect();
        Resolver::new(&given, "regtech-horizon").text(text)
    }

    #[test]
    fn the_platforms_own_value_wins_then_the_plain_one_then_the_default() {
        let text = "${API_URL:-http://localhost:8000}/health";
        assert_eq!(resolve(text, &[]).unwrap(), "http://localhost:8000/health");
        assert_eq!(
            resolve(text, &[("API_URL", "http://a")]).unwrap(),
            "http://a/health"
        );
        assert_eq!(
            resolve(
                text,
                &[
                    ("API_URL", "http://a"),
                    ("REGTECH_HORIZON_API_URL", "http://b")
                ]
            )
            .unwrap(),
            "http://b/health"
        );
    }

    #[test]
    fn an_empty_value_is_the_default() {
        let text = "${API_URL:-http://localhost:8000}";
        let empty = [("API_URL", "")];
        assert_eq!(resolve(text, &empty).unwrap(), "http://localhost:8000");
        assert_eq!(resolve("${API_URL}", &empty).unwrap(), "");
    }

    #[test]
    fn secrets_come_as_files_and_ours_are_not_for_packs() {
        assert_eq!(
            resolve("${DB_PASSWORD}", &[]),
            Err(Problem::Secret("DB_PASSWORD".into()))
        );
        assert_eq!(resolve("${DB_PASSWORD_FILE:-}", &[]).unwrap(), "");
        assert_eq!(
            resolve("${DATABASE_URL}", &[]),
            Err(Problem::Reserved("DATABASE_URL".into()))
        );
        assert_eq!(
            resolve("${API_URL}", &[]),
            Err(Problem::Missing("API_URL".into()))
        );
        assert_eq!(
            resolve("a ${API", &[]),
            Err(Problem::Unclosed("${API".into()))
        );
        assert_eq!(resolve("${api}", &[]), Err(Problem::Name("api".into())));
    }

    #[test]
    fn what_was_decided_before_holds_whatever_stands_there_now() {
        let given: Given = [("P_A", "own"), ("A", "plain"), ("B", "new"), ("C", "now")]
            .into_iter()
            .collect();
        let decided = [
            ("A".to_owned(), Some("old".to_owned())),
            ("C".to_owned(), None),
        ];
        let given = given.decided("p", &decided.into_iter().collect());
        let mut resolver = Resolver::new(&given, "p");
        let said = resolver.text("${A:-x} ${B:-y} ${C:-z}").unwrap();
        assert_eq!(said, "old new z");
    }

    #[test]
    fn a_value_is_not_resolved_again() {
        assert_eq!(resolve("${A:-x}-${B}", &[("B", "${A}")]).unwrap(), "x-${A}");
    }
}
