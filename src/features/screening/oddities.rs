//! What was odd about a list: counted in full, named up to a bound.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use super::ofac::File;

/// Of each kind of oddity so many are named; all are counted.
pub(super) const NAMED: usize = 100;
/// OFAC's own limit of the remarks; a text of this length was cut by it.
pub(super) const REMARKS_CHARS: usize = 1_000;

/// What was odd but not lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// The number stood there already: the second entry is kept as `reference`.
    NumberTwice { row: u64, reference: String },
    /// An alias or address for a number that no entry has.
    Orphan { file: File, number: String },
    /// A date of birth in the remarks that could not be read stays in the text only.
    UnreadDate { reference: String },
    /// The remarks are as long as they may be: what stood after that is not in the file.
    CutRemarks { reference: String },
    /// A country that has no code here stays in the text only, and is not compared.
    UnknownCountry { reference: String, name: String },
}

/// All that was odd about a list: counted in full, named up to a bound of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    pub total: usize,
    pub named: Vec<Warning>,
    counts: HashMap<Discriminant<Warning>, usize>,
}

impl Oddities {
    pub(super) fn add(&mut self, warning: Warning) {
        self.total += 1;
        let count = self.counts.entry(discriminant(&warning)).or_default();
        *count += 1;
        if *count <= NAMED {
            self.named.push(warning);
        }
    }

    /// In words, with a last line where not all are named.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.named.iter().map(ToString::to_string).collect();
        let unnamed = self.total - self.named.len();
        if unnamed > 0 {
            notes.push(format!("and {unnamed} more of the same kinds"));
        }
        notes
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NumberTwice { row, reference } => {
                write!(
                    f,
                    "row {row}: the number stood there already; kept as {reference}"
                )
            }
            Self::Orphan { file, number } => {
                write!(
                    f,
                    "the {file} file speaks of number {number}, which no entry has"
                )
            }
            Self::UnreadDate { reference } => {
                write!(f, "entry {reference}: a date of birth that cannot be read")
            }
            Self::CutRemarks { reference } => {
                write!(
                    f,
                    "entry {reference}: the remarks are cut at {REMARKS_CHARS} characters; what \
                     stood after that (dates, papers, weak aliases) is not in the file"
                )
            }
            Self::UnknownCountry { reference, name } => {
                write!(f, "entry {reference}: no country is called {name:?} here")
            }
        }
    }
}
