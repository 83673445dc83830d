//! Which series of a scraped metric are meant, in the words that Prometheus uses:
//! `http_requests_total{status=~"5..", method!="HEAD"}`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The labels of one series.
pub type Labels = BTreeMap<String, String>;

const TEXT_AT_MOST: usize = 1_000;
const MATCHERS_AT_MOST: usize = 16;
/// What a pattern may take when it is made ready; one that is larger is no pattern for labels.
const PATTERN_BYTES: usize = 256 * 1024;

/// A metric's name and what its labels have to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub name: String,
    pub matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
pub struct Matcher {
    label: String,
    operator: Operator,
    value: String,
    pattern: Option<Arc<Regex>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

impl Operator {
    const ALL: [Self; 4] = [
        // The longer ones first: "=~" begins with "=".
        Self::Matches,
        Self::MatchesNot,
        Self::NotEqual,
        Self::Equal,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.operator, &self.value) == (&other.label, other.operator, &other.value)
    }
}

impl Matcher {
    /// A label that is not there is an empty one.
    fn matches(&self, labels: &Labels) -> bool {
        let given = labels.get(&self.label).map_or("", String::as_str);
        match self.operator {
            Operator::Equal => given == self.value,
            Operator::NotEqual => given != self.value,
            Operator::Matches => self.fits(given),
            Operator::MatchesNot => !self.fits(given),
        }
    }

    fn fits(&self, given: &str) -> bool {
        self.pattern.as_ref().is_some_and(|it| it.is_match(given))
    }
}

/// Patterns that were made ready. Rules are read at every look, and the same few patterns with them.
static READY: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
const READY_AT_MOST: usize = 500;

/// A pattern has to fit a label's whole value.
fn pattern(text: &str) -> Result<Arc<Regex>, regex::Error> {
    let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pattern) = ready.get(text) {
        return Ok(Arc::clone(pattern));
    }
    let pattern = RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()?;
    let pattern = Arc::new(pattern);
    if ready.len() >= READY_AT_MOST {
        ready.clear();
    }
    ready.insert(text.to_owned(), Arc::clone(&pattern));
    Ok(pattern)
}

impl Selector {
    /// Every series of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            matchers: Vec::new(),
        }
    }

    #[must_use]
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.name == name && self.fits(labels)
    }

    /// Whether labels are as they have to be, whatever the name.
    #[must_use]
    pub fn fits(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|it| it.matches(labels))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, matcher) in self.matchers.iter().enumerate() {
            f.write_str(if index == 0 { "{" } else { ", " })?;
            let value = matcher
                .value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let operator = matcher.operator.as_str();
            write!(f, "{}{operator}\"{value}\"", matcher.label)?;
        }
        f.write_str(if self.matchers.is_empty() { "" } else { "}" })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what: &str| {
            Err(format!(
                "\"{text}\" is no selector, {what}: write http_requests_total{{status=~\"5..\"}}"
            ))
        };
        if text.len() > TEXT_AT_MOST {
            return Err(format!("a selector has at most {TEXT_AT_MOST} characters"));
        }
        let mut rest = text.trim();
        let name = take_name(&mut rest, true);
        if name.is_empty() {
            return wrong("it begins with no name of a metric");
        }
        let mut selector = Self::named(name);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(selector);
        }
        let Some(inside) = rest
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return wrong("what follows the name stands in braces");
        };
        rest = inside.trim();
        while !rest.is_empty() {
            match take_matcher(&mut rest) {
                Ok(matcher) => selector.matchers.push(matcher),
                Err(what) => return wrong(&what),
            }
            rest = rest.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None if rest.is_empty() => {}
                None => return wrong("labels are parted by commas"),
            }
        }
        if selector.matchers.len() > MATCHERS_AT_MOST {
            return wrong("it has too many labels");
        }
        Ok(selector)
    }
}

/// The name at the beginning of `rest`, which is empty where there is none.
pub fn take_name<'t>(rest: &mut &'t str, colons: bool) -> &'t str {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
    let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let (name, after) = rest.split_at(end);
    *rest = after;
    name
}

/// The quoted text at the beginning of `rest`, with `\\`, `\"` and `\n` in their places. `None` where it is not
/// closed, or there is none.
pub fn take_quoted(rest: &mut &str) -> Option<String> {
    let inside = rest.strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &inside[at + 1..];
                return Some(text);
            }
            '\\' => match chars.next()?.1 {
                'n' => text.push('\n'),
                plain @ ('\\' | '"') => text.push(plain),
                other => text.extend(['\\', other]),
            },
            other => text.push(other),
        }
    }
    None
}

fn take_matcher(rest: &mut &str) -> Result<Matcher, String> {
    let label = take_name(rest, false);
    if label.is_empty() || label == "__name__" {
        return Err("a label has a name of letters, digits and _".to_owned());
    }
    *rest = rest.trim_start();
    let operator = Operator::ALL
        .into_iter()
        .find(|operator| rest.starts_with(operator.as_str()))
        .ok_or("a label is compared by =, !=, =~ or !~")?;
    *rest = rest[operator.as_str().len()..].trim_start();
    let value = take_quoted(rest).ok_or("a label's value stands in double quotes")?;
    let is_pattern = matches!(operator, Operator::Matches | Operator::MatchesNot);
    let pattern = is_pattern.then(|| pattern(&value)).transpose();
    let pattern = pattern.map_err(|_| format!("\"{value}\" is not a pattern"))?;
    Ok(Matcher {
        label: label.to_owned(),
        operator,
        value,
        pattern,
    })
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn selects(text: &str, pairs: &[(&str, &str)]) -> bool {
        let selector: Selector = text.parse().unwrap();
        selector.matches("m", &labels(pairs))
    }

    #[test]
    fn labels_are_compared_as_prometheus_does_it() {
        assert!(selects("m", &[("a", "1")]));
        assert!(!selects("n", &[]));
        assert!(selects("m{a=\"1\"}", &[("a", "1"), ("b", "2")]));
        assert!(!selects("m{a=\"1\",}", &[("a", "2")]));
        assert!(selects("m{ a =~ \"5..\" , b != \"x\" }", &[("a", "503")]));
        assert!(
            !selects("m{a=~\"5.\"}", &[("a", "503")]),
            "a pattern fits the whole"
        );
        assert!(
            !selects("m{a=~\"5|6\"}", &[("a", "56")]),
            "also of alternatives"
        );
        assert!(selects("m{a!~\"5..\"}", &[]));
        assert!(
            selects("m{a=\"\"}", &[]),
            "a label that is not there is empty"
        );
        assert!(selects("m{a=\"x\\\"\\\\\\n\"}", &[("a", "x\"\\\n")]));
    }

    #[test]
    fn what_is_no_selector_is_said_in_words() {
        for wrong in [
            "",
            "{a=\"1\"}",
            "5m",
            "m{",
            "m}",
            "m{a}",
            "m{a=1}",
            "m{a=\"1\"b=\"2\"}",
            "m{a=\"1}",
            "m n",
            "m{a=~\"(\"}",
            "m{__name__=\"n\"}",
            "m{a=~\"(x{999}){999}\"}",
            "m{a==\"1\"}",
        ] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
        assert!("m".repeat(TEXT_AT_MOST + 1).parse::<Selector>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            name in "[a-z_:][a-z0-9_:]{0,8}",
            pairs in prop::collection::vec(("[a-z][a-z0-9_]{0,5}", any::<String>()), 0..4),
        ) {
            let matchers = pairs.into_iter().map(|(label, value)| Matcher {
                label, operator: Operator::NotEqual, value, pattern: None,
            });
            let selector = Selector { name, matchers: matchers.collect() };
            let text = selector.to_string();
            if text.len() <= TEXT_AT_MOST {
                prop_assert_eq!(text.parse::<Selector>(), Ok(selector));
            }
        }

        #[test]
        fn nothing_brings_it_down(text in any::<String>()) {
            let _ = text.parse::<Selector>();
            let _ = format!("m{{{text}}}").parse::<Selector>();
        }
    }
}
