//! A rule in the text of its pack: found, read, put in and taken out, with everything around it as it was. Pure.

use std::collections::BTreeMap;

use toml_edit::{
    ArrayOfTables, Decor, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value,
};

/// What a rule says, by the dotted names of its keys, as it is written: `on.measure.name`, `red.above`. A level without a
/// test of its own is `red` with [`EMPTY`].
pub type Fields = BTreeMap<String, String>;

/// A table with nothing in it.
pub const EMPTY: &str = "{}";

const LEVELS: [&str; 3] = ["red", "yellow", "blue"];

/// The keys whose values are written as numbers where they are some.
const NUMBERS: [&str; 6] = ["above", "below", "clear", "results", "quantile", "least"];

/// Why a text cannot be changed rule by rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the text of the pack cannot be read")]
    Unreadable,
    #[error("its rules are written as one list, so it is changed as a whole text")]
    OneList,
    #[error("there is no rule of this name in the text of the pack")]
    Missing,
    #[error("there is a rule of this name already")]
    Twice,
}

/// The text of a pack, on its way to another.
#[derive(Clone, Debug)]
pub struct Text {
    document: DocumentMut,
    /// Its lines end as on Windows.
    has_returns: bool,
}

impl Text {
    /// # Errors
    /// It is no TOML.
    pub fn read(source: &str) -> Result<Self, Unfit> {
        let returns = source.matches("\r\n").count();
        let document = source.replace("\r\n", "\n").parse();
        Ok(Self {
            document: document.map_err(|_| Unfit::Unreadable)?,
            has_returns: returns > 0 && returns == source.matches('\n').count(),
        })
    }

    /// The text as it is now.
    #[must_use]
    pub fn source(&self) -> String {
        let source = self.document.to_string();
        if self.has_returns {
            source.replace('\n', "\r\n")
        } else {
            source
        }
    }

    /// The piece that is the rule, with the comments above it.
    #[must_use]
    pub fn piece(&self, id: &str) -> Option<String> {
        let rules = self.rules()?;
        let table = rules.iter().find(|table| is_named(table, id))?;
        let mut alone = ArrayOfTables::new();
        alone.push(table.clone());
        let mut document = DocumentMut::new();
        document.insert("rule", Item::ArrayOfTables(alone));
        let piece = document.to_string();
        Some(piece.trim().to_owned())
    }

    /// What the rule says.
    #[must_use]
    pub fn fields(&self, id: &str) -> Option<Fields> {
        let rules = self.rules()?;
        let table = rules.iter().find(|table| is_named(table, id))?;
        Some(fields(table))
    }

    /// Makes the rule say what `wanted` says. Keys that are not among `governed` stay as they are.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn put(
        &mut self,
        id: &str,
        wanted: &Fields,
        governed: impl Fn(&str) -> bool,
    ) -> Result<(), Unfit> {
        let mut tables = self.rules_mut()?.iter_mut();
        let table = tables.find(|table| is_named(table, id));
        let table = table.ok_or(Unfit::Missing)?;
        let known = fields(table);
        for (name, value) in wanted {
            if known.get(name) != Some(value) {
                set(table, name, value);
            }
        }
        let gone = known
            .keys()
            .filter(|name| !wanted.contains_key(*name) && governed(name));
        for name in gone {
            let of_level = LEVELS.contains(&name.as_str());
            let has_more = wanted.keys().any(|it| level_of(it) == Some(name));
            // A level that has a test now is no longer empty.
            if !(of_level && has_more) {
                remove(table, name);
            }
        }
        for level in LEVELS {
            let is_wanted = wanted.contains_key(level)
                || wanted.keys().any(|name| level_of(name) == Some(level));
            let is_empty = |item: &Item| item.as_table_like().is_some_and(TableLike::is_empty);
            if !is_wanted && table.get(level).is_some_and(is_empty) {
                table.remove(level);
            }
        }
        Ok(())
    }

    /// Puts a new rule behind the last one.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn add(&mut self, id: &str, wanted: &Fields) -> Result<(), Unfit> {
        let root = self.document.as_table_mut();
        if root.get("rule").is_none() {
            root.insert("rule", Item::ArrayOfTables(ArrayOfTables::new()));
        }
        let rules = self.rules_mut()?;
        if rules.iter().any(|table| is_named(table, id)) {
            return Err(Unfit::Twice);
        }
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        table.insert("id", Item::Value(id.into()));
        let mut names: Vec<&String> = wanted.keys().collect();
        names.sort_by_key(|name| place(name));
        for name in names {
            if let Some(value) = wanted.get(name) {
                set(&mut table, name, value);
            }
        }
        rules.push(table);
        Ok(())
    }

    /// Takes the rule out, with the comments above it.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn remove(&mut self, id: &str) -> Result<(), Unfit> {
        let rules = self.rules_mut()?;
        let place = rules.iter().position(|table| is_named(table, id));
        rules.remove(place.ok_or(Unfit::Missing)?);
        if rules.is_empty() {
            self.document.remove("rule");
        }
        Ok(())
    }

    fn rules(&self) -> Option<&ArrayOfTables> {
        self.document.get("rule")?.as_array_of_tables()
    }

    fn rules_mut(&mut self) -> Result<&mut ArrayOfTables, Unfit> {
        let rules = self.document.get_mut("rule").ok_or(Unfit::Missing)?;
        rules.as_array_of_tables_mut().ok_or(Unfit::OneList)
    }
}

/// Where a key of a new rule stands, as packs usually have it.
fn place(name: &str) -> (usize, usize) {
    const OUTER: [&str; 11] = [
        "name",
        "on",
        "red",
        "yellow",
        "blue",
        "keep_firing_for",
        "no_data",
        "no_data_for",
        "runbook",
        "escalation",
        "owner",
    ];
    const INNER: [&str; 17] = [
        "probe", "name", "scrape", "source", "select", "part", "whole", "take", "quantile",
        "window", "least", "unit", "is", "above", "below", "clear", "results",
    ];
    let of = |all: &[&str], name: &str| all.iter().position(|it| *it == name).unwrap_or(all.len());
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or(name);
    (
        of(&OUTER, first),
        of(&INNER, parts.next_back().unwrap_or(first)),
    )
}

fn is_named(table: &Table, id: &str) -> bool {
    table.get("id").and_then(Item::as_str) == Some(id)
}

fn level_of(name: &str) -> Option<&str> {
    let (level, _) = name.split_once('.')?;
    LEVELS.contains(&level).then_some(level)
}

fn fields(table: &Table) -> Fields {
    let mut found = Fields::new();
    gather(table, "", &mut found);
    found.remove("id");
    found
}

fn gather(table: &dyn TableLike, within: &str, found: &mut Fields) {
    for (key, item) in table.iter() {
        let name = if within.is_empty() {
            key.to_owned()
        } else {
            format!("{within}.{key}")
        };
        match (item.as_table_like(), item.as_value()) {
            (Some(inner), _) if inner.is_empty() => {
                found.insert(name, EMPTY.to_owned());
            }
            (Some(inner), _) => gather(inner, &name, found),
            (None, Some(value)) => {
                found.insert(name, written(value));
            }
            (None, None) => {}
        }
    }
}

/// A value as people write it, without the quotes of a text.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        other => {
            let mut bare = other.clone();
            bare.decor_mut().clear();
            bare.to_string()
        }
    }
}

fn set(table: &mut dyn TableLike, name: &str, value: &str) {
    let Some((first, rest)) = name.split_once('.') else {
        return set_here(table, name, value);
    };
    if table.get(first).is_none() {
        let inner = if first == "on" {
            // `on.state = "…"` is how packs write it.
            let mut dotted = Table::new();
            dotted.set_dotted(true);
            Item::Table(dotted)
        } else {
            Item::Value(Value::InlineTable(InlineTable::new()))
        };
        table.insert(first, inner);
    }
    let Some(item) = table.get_mut(first) else {
        return;
    };
    let known = item
        .as_table_like()
        .is_some_and(|inner| is_known(inner, rest));
    if let Some(inner) = item.as_table_like_mut() {
        set(inner, rest, value);
    }
    if !known {
        tidy(item);
    }
}

fn is_known(table: &dyn TableLike, name: &str) -> bool {
    match name.split_once('.') {
        None => table.contains_key(name),
        Some((first, rest)) => table
            .get(first)
            .and_then(Item::as_table_like)
            .is_some_and(|inner| is_known(inner, rest)),
    }
}

fn set_here(table: &mut dyn TableLike, name: &str, value: &str) {
    let mut new = made(name, value);
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        _ => {
            table.insert(name, Item::Value(new));
        }
    }
}

/// A value as it is written into the text.
fn made(name: &str, value: &str) -> Value {
    if value == EMPTY {
        return Value::InlineTable(InlineTable::new());
    }
    let number = NUMBERS.contains(&name).then(|| number(value)).flatten();
    number.unwrap_or_else(|| Value::from(value))
}

/// A number, also where people write it as TOML does not: `.5`, `05`.
#[must_use]
pub fn number(text: &str) -> Option<Value> {
    let written = text.parse::<Value>().ok();
    let written = written.filter(|it| it.is_integer() || it.is_float());
    let number = written.or_else(|| match text.parse::<i64>() {
        Ok(whole) => Some(Value::from(whole)),
        Err(_) => text.parse::<f64>().ok().map(Value::from),
    })?;
    // `inf` and `nan` are numbers to TOML, and no threshold.
    number
        .as_float()
        .is_none_or(f64::is_finite)
        .then_some(number)
}

fn remove(table: &mut dyn TableLike, name: &str) {
    match name.split_once('.') {
        None => {
            table.remove(name);
        }
        Some((first, rest)) => {
            let Some(item) = table.get_mut(first) else {
                return;
            };
            if let Some(inner) = item.as_table_like_mut() {
                remove(inner, rest);
            }
            tidy(item);
        }
    }
}

/// The blanks of a table on one line, after something was put in or taken out. They hold its comments, where it has some:
/// then they stay.
fn tidy(item: &mut Item) {
    match item {
        Item::Value(Value::InlineTable(inline)) if !has_comments(inline) => inline.fmt(),
        _ => {}
    }
}

fn has_comments(inline: &InlineTable) -> bool {
    let says = |decor: &Decor| {
        let around = [decor.prefix(), decor.suffix()].into_iter().flatten();
        let mut around = around.filter_map(RawString::as_str);
        around.any(|blanks| blanks.contains('#'))
    };
    inline.iter().any(|(name, value)| {
        let key = inline.key(name);
        says(value.decor())
            || key.is_some_and(|it| says(it.leaf_decor()) || says(it.dotted_decor()))
    })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
