//! What is wrong with a form that was sent, by field, in the order in which the fields stand.

use super::Error;

/// One line of the summary. An empty field name speaks of the form as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub field: &'static str,
    pub message: String,
}

/// Empty means the form is fine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push(Problem {
            field,
            message: message.into(),
        });
    }

    /// Refuses what no keyboard types into a text. The database keeps no NUL; the other control characters hide what a
    /// text says. Line ends and tabs are text.
    pub fn check_plain(&mut self, field: &'static str, text: &str) {
        let hidden = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
        if text.contains(hidden) {
            self.add(
                field,
                "This holds a character that cannot be seen. Type it again, or paste it as plain text.",
            );
        }
    }

    /// What a program is told that names a platform which is not there for it.
    pub fn no_platform(named: &str) -> Error {
        let named: String = named.chars().take(60).collect();
        Error::Malformed(format!("there is no platform {named:?} for this key"))
    }

    /// One problem and nothing else, for a form that is refused as a whole.
    pub fn one(field: &'static str, message: impl Into<String>) -> Self {
        let mut problems = Self::new();
        problems.add(field, message);
        problems
    }

    /// The first message about a field: one correction at a time is enough to read.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|problem| problem.field == field)
            .map(|problem| problem.message.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// `Ok` where there is nothing to say, so that a parse ends with `problems.or(value)`.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Problems;

    #[test]
    fn a_text_may_have_lines_and_nothing_hidden() {
        for (text, fine) in [
            ("a\r\n\tb", true),
            ("Žofie 🙂", true),
            ("a\0b", false),
            ("\u{1b}[2J", false),
            ("a\u{85}b", false),
        ] {
            let mut problems = Problems::new();
            problems.check_plain("note", text);
            assert_eq!(problems.is_empty(), fine, "{text:?}");
        }
    }
}
