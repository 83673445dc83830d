//! Which policies there are. The features own the shapes; the application puts them together.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A policy, and how a proposal for it is checked.
#[derive(Clone, Copy)]
pub struct Kind {
    pub key: &'static str,
    pub title: &'static str,
    /// What it rules, for the person who is about to change it.
    pub about: &'static str,
    /// What is wrong with a value, in words.
    pub check: fn(&Value) -> Result<(), String>,
}

/// All policies, in the order of the page.
#[derive(Clone)]
pub struct Catalog(pub Vec<Kind>);

impl Catalog {
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Kind> {
        self.0.iter().find(|kind| kind.key == key).copied()
    }
}

/// Reads a value into the owner's type and asks it what is wrong.
pub fn check<T: DeserializeOwned>(
    value: &Value,
    fault: impl FnOnce(&T) -> Option<&'static str>,
) -> Result<(), String> {
    let read: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    fault(&read).map_or(Ok(()), |fault| Err(fault.to_owned()))
}
