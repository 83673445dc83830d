//! All current list names in memory, arranged so that a subject is compared with few of them.
//!
//! Three steps: each token of the subject finds the list's words that are like it (blocked by sound,
//! beginning, ending and consonants, and remembered, because names repeat); each word leads to the
//! names that hold it, which add up what matched by weight; only names that gathered enough are
//! compared exactly.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::listed::{EntryKind, ListedEntry};
use super::matching::{
    self, Alignment, Circumstances, Part, align, compare_births, compare_countries,
};
use super::name::{Name, Role};
use super::side::{Side, SideScratch};
use super::word::Word;
use crate::features::intake::Country;

/// Matches handed back for one subject, the best first. So many may not be all.
pub const MAX_MATCHES: usize = 50;
/// A name is compared when what matched weighs this share of the lighter of the two names.
const WORTH_COMPARING_PERMILLE: u32 = 480;
/// Between a person and a company only names that are nearly the same count.
const OTHER_KIND_WORTH_PERMILLE: u32 = 800;

/// A subject as far as screening looks at it.
#[derive(Clone, Debug)]
pub struct Query {
    pub company: bool,
    /// Every spelling under which the subject may stand on a list.
    pub names: Vec<Name>,
    /// The same spellings read as the other kind: a front may be a company on one side and a
    /// person on the other.
    pub other_names: Vec<Name>,
    pub birth: Option<NaiveDate>,
    pub countries: Vec<Country>,
}

impl Query {
    /// A spelling read as the other kind. A company that bears a person's name has a legal form
    /// besides, which is no part of that name.
    pub fn other_reading(company: bool, spelling: &str) -> Name {
        if !company {
            return Name::company(spelling);
        }
        let name = Name::company(spelling);
        let words: Vec<&str> = name
            .tokens
            .iter()
            .filter(|token| token.role != Role::LegalForm)
            .map(|token| token.text.as_str())
            .collect();
        Name::person(&words.join(" "))
    }
}

/// An entry that fits a subject.
#[derive(Clone, Debug)]
pub struct Found {
    /// The place of the entry in what the index was built from.
    pub entry: usize,
    pub score: u16,
    /// Which of the query's names, and which of the entry's.
    pub query_name: usize,
    pub entry_name: usize,
    pub names: Alignment,
    pub circumstances: Circumstances,
}

/// The index. Building it takes well under a second for the whole OFAC list; it is then shared.
#[derive(Default)]
pub struct Index {
    entries: Vec<Facts>,
    people: Side,
    companies: Side,
}

/// What of an entry is compared besides its names.
struct Facts {
    births: Vec<super::birth::Birth>,
    countries: Vec<Country>,
}

/// Working memory for searching, kept between subjects. Its size is bounded.
#[derive(Default)]
pub struct Scratch {
    people: SideScratch,
    companies: SideScratch,
}

impl Index {
    /// Builds the index over entries in order; vessels and aircraft take a place and no names.
    pub fn build<'a>(entries: impl IntoIterator<Item = &'a ListedEntry>) -> Self {
        let mut index = Self::default();
        for entry in entries {
            let place = u32::try_from(index.entries.len()).unwrap_or(u32::MAX);
            index.entries.push(Facts {
                births: entry.births.clone(),
                countries: entry.countries.clone(),
            });
            let (side, read): (_, fn(&str) -> Name) = match entry.kind {
                EntryKind::Person => (&mut index.people, Name::person),
                EntryKind::Company => (&mut index.companies, Name::company),
                EntryKind::Vessel | EntryKind::Aircraft => continue,
            };
            for (nth, listed) in entry.names.iter().enumerate() {
                let nth = u32::try_from(nth).unwrap_or(u32::MAX);
                side.add(place, nth, listed.quality, &read(&listed.name));
            }
        }
        index.people.finish();
        index.companies.finish();
        index
    }

    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    pub fn names(&self) -> usize {
        self.people.names.len() + self.companies.names.len()
    }

    /// Entries that score `floor` or more, best first, each with its best pair of names.
    pub fn search(&self, query: &Query, floor: u16, scratch: &mut Scratch) -> Vec<Found> {
        let mut best: HashMap<usize, Found> = HashMap::new();
        let (own, other) = if query.company {
            (
                (&self.companies, &mut scratch.companies),
                (&self.people, &mut scratch.people),
            )
        } else {
            (
                (&self.people, &mut scratch.people),
                (&self.companies, &mut scratch.companies),
            )
        };
        self.search_side(own, query, false, floor, &mut best);
        self.search_side(other, query, true, floor, &mut best);
        let mut found: Vec<Found> = best.into_values().collect();
        found.sort_by(|a, b| b.score.cmp(&a.score).then(a.entry.cmp(&b.entry)));
        found.truncate(MAX_MATCHES);
        found
    }

    fn search_side(
        &self,
        (side, scratch): (&Side, &mut SideScratch),
        query: &Query,
        other_kind: bool,
        floor: u16,
        best: &mut HashMap<usize, Found>,
    ) {
        let names = if other_kind {
            &query.other_names
        } else {
            &query.names
        };
        for (query_name, name) in names.iter().enumerate() {
            let words: Vec<Word> = name.tokens.iter().map(|t| Word::new(&t.text)).collect();
            let parts: Vec<Part<'_>> = side.weigh(name, &words);
            let worth = if other_kind {
                OTHER_KIND_WORTH_PERMILLE
            } else {
                WORTH_COMPARING_PERMILLE
            };
            for candidate in side.candidates(&parts, worth, scratch) {
                let listed = &side.names[candidate];
                let names = align(&parts, &side.parts(listed));
                let entry = listed.entry as usize;
                let facts = &self.entries[entry];
                let circumstances = Circumstances {
                    birth: compare_births(&facts.births, query.birth),
                    country: compare_countries(&facts.countries, &query.countries),
                    quality: listed.quality,
                    other_kind,
                };
                let score = matching::score(&names, circumstances);
                let better = best.get(&entry).is_none_or(|found| found.score < score);
                if score >= floor && better {
                    best.insert(
                        entry,
                        Found {
                            entry,
                            score,
                            query_name,
                            entry_name: listed.place as usize,
                            names,
                            circumstances,
                        },
                    );
                }
            }
        }
    }
}
