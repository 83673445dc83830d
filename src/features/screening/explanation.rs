//! Why a subject fits an entry, in parts and in words.

use serde::{Deserialize, Serialize};

use super::birth::BirthMatch;
use super::listed::Quality;
use super::matching::CountryMatch;
use super::word::Likeness;

/// What matched and what differed. It speaks of the subject, so it is stored under its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub subject_name: String,
    pub entry_name: String,
    pub quality: Quality,
    pub name_score: u16,
    pub matched: Vec<MatchedPart>,
    pub only_subject: Vec<String>,
    pub only_entry: Vec<String>,
    pub birth: BirthMatch,
    pub country: CountryMatch,
    /// One of the two is a person, the other a company.
    #[serde(default)]
    pub other_kind: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedPart {
    pub subject: String,
    pub entry: String,
    pub likeness: u16,
    pub how: Likeness,
}

impl Explanation {
    pub fn is_exact(&self) -> bool {
        let same = self.matched.iter().all(|part| part.how == Likeness::Same);
        same && !self.other_kind
            && self.only_subject.is_empty()
            && self.only_entry.is_empty()
            && self.birth == BirthMatch::Exact
    }

    /// In words, what agrees.
    pub fn agreements(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .matched
            .iter()
            .map(|part| match part.how {
                Likeness::Same => format!("“{}” is the same", part.subject),
                Likeness::SpellingHabit => {
                    format!("“{}” is a spelling of “{}”", part.subject, part.entry)
                }
                Likeness::SimilarLetters => {
                    format!("“{}” is written like “{}”", part.subject, part.entry)
                }
                Likeness::SoundsAlike => {
                    format!("“{}” sounds like “{}”", part.subject, part.entry)
                }
                Likeness::Initial => {
                    format!("“{}” may stand for “{}”", part.subject, part.entry)
                }
                Likeness::Joined => {
                    format!(
                        "“{}” is “{}” written together or apart",
                        part.subject, part.entry
                    )
                }
            })
            .collect();
        match self.birth {
            BirthMatch::Exact => lines.push("the date of birth is the same".into()),
            BirthMatch::Agrees => {
                lines.push("the date of birth is within what the list says".into());
            }
            BirthMatch::Slip => {
                lines.push("the dates of birth differ as by a slip of the pen".into());
            }
            BirthMatch::Near | BirthMatch::Unknown | BirthMatch::Differs => {}
        }
        if self.country == CountryMatch::Agrees {
            lines.push("a country is the same".into());
        }
        lines
    }

    /// In words, what does not agree or is not known.
    pub fn differences(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            self.only_subject
                .iter()
                .map(|t| format!("“{t}” is not on the list")),
        );
        lines.extend(
            self.only_entry
                .iter()
                .map(|t| format!("the list also has “{t}”")),
        );
        match self.birth {
            BirthMatch::Differs => lines.push("the date of birth differs".into()),
            BirthMatch::Near => lines.push("the date of birth differs by about a year".into()),
            BirthMatch::Unknown => lines.push("a date of birth is not known".into()),
            BirthMatch::Exact | BirthMatch::Agrees | BirthMatch::Slip => {}
        }
        match self.country {
            CountryMatch::Differs => lines.push("no country is the same".into()),
            CountryMatch::Unknown => lines.push("a country is not known".into()),
            CountryMatch::Agrees => {}
        }
        if self.other_kind {
            lines.push("one of the two is a person, the other a company".into());
        }
        if self.quality == Quality::Weak {
            lines.push("the list calls this alias weak".into());
        }
        lines
    }
}
