//! Reads variables and remembers what was wrong with them.

use std::str::FromStr;

use crate::foundation::kernel::Secret;

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    /// An empty variable counts as an unset one: compose files pass both.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// The value of a variable, or of `default`, as a `T`. The default stands in for a value that
    /// cannot be read, so that reading goes on and finds the next problem.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, default: &str, shape: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        self.parsed_optional(name, shape)
            .unwrap_or_else(|| default.parse().expect("a default in the code reads")) // start-up
    }

    pub(super) fn parsed_optional<T: FromStr>(&mut self, name: &str, shape: &str) -> Option<T> {
        let text = self.optional(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.problems
                .push(format!("{name} must be {shape}, not \"{text}\""));
        }
        value
    }

    /// A number from 1 to `most`.
    pub(super) fn count(&mut self, name: &str, default: u32, most: u32) -> u32 {
        let Some(text) = self.optional(name) else {
            return default;
        };
        match text.parse() {
            Ok(number) if (1..=most).contains(&number) => number,
            _ => {
                let problem = format!("{name} must be a number from 1 to {most}, not \"{text}\"");
                self.problems.push(problem);
                default
            }
        }
    }

    /// A setting that is on or off; nothing where it is not set.
    pub(super) fn switch(&mut self, name: &str) -> Option<bool> {
        let text = self.optional(name)?;
        match text.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => {
                let problem = format!("{name} must be yes or no, not \"{text}\"");
                self.problems.push(problem);
                None
            }
        }
    }

    /// A level, or a filter of `target=level` parts. A word that is no level would pass for a target and
    /// silence everything else.
    pub(super) fn log_level(&mut self, name: &str, default: &str) -> String {
        let level = self.text(name, default).to_lowercase();
        let is_filter = level.split(',').all(|part| match part.rsplit_once('=') {
            Some((target, level)) => !target.is_empty() && LEVELS.contains(&level),
            None => LEVELS.contains(&part),
        });
        if is_filter {
            return level;
        }
        self.problems.push(format!(
            "{name} must be error, warn, info, debug, trace or off, or a filter such as \
             info,signalbox=debug, not \"{level}\""
        ));
        default.to_owned()
    }

    /// `NAME`, or the content of the file that `NAME_FILE` names, without its line end.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret<String>> {
        let file_name = format!("{name}_FILE");
        let Some(path) = self.optional(&file_name) else {
            return self.optional(name).map(Secret::new);
        };
        match std::fs::read_to_string(&path) {
            Ok(content) => Some(Secret::new(content.trim_end().to_owned())),
            Err(error) => {
                self.problems.push(format!(
                    "{file_name} names {path}, which cannot be read: {error}"
                ));
                None
            }
        }
    }

    pub(super) fn add(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    pub(super) fn problems(self) -> Vec<String> {
        self.problems
    }
}
