//! How well a subject fits an entry of a list, and why: a score in thousandths with its reasons.
//!
//! Names are compared token by token, each token weighing as much as it tells: a rare family name
//! much, "Muhammad" less, "al" and "Ltd" next to nothing. Dates of birth and countries then raise or
//! lower what the names gave. All arithmetic is in whole numbers.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::birth::{Birth, BirthMatch};
use super::listed::Quality;
use super::name::Role;
use super::word::{ALIKE, Likeness, Word, similarity};
use crate::features::intake::Country;

/// Weights of a token that tells nearly nothing; others weigh by rarity, see [`token_weight`].
const PARTICLE: u32 = 70;
const LEGAL_FORM: u32 = 50;
const INITIAL: u32 = 200;
/// The commonest name still tells this much.
const COMMONEST: u32 = 350;
const RAREST: u32 = 1000;

/// One token of a name, ready to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub word: &'a Word,
    pub role: Role,
    pub weight: u32,
}

impl Part<'_> {
    fn telling(&self) -> bool {
        matches!(self.role, Role::Family | Role::Given | Role::Word)
    }
}

/// What a token weighs. `share_permille` is the share of list names that hold it, on a scale where
/// 0 is none and 1000 the commonest there is.
pub fn token_weight(role: Role, commonness_permille: u32) -> u32 {
    match role {
        Role::Particle => PARTICLE,
        Role::LegalForm => LEGAL_FORM,
        Role::Initial => INITIAL,
        Role::Family | Role::Given | Role::Word => {
            RAREST - (RAREST - COMMONEST) * commonness_permille.min(1000) / 1000
        }
    }
}

/// Tokens that were matched: places in the subject's and in the entry's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub subject: std::ops::Range<usize>,
    pub entry: std::ops::Range<usize>,
    pub likeness: u16,
    pub how: Likeness,
}

/// How two names fit together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Alignment {
    pub pairs: Vec<Pair>,
    pub score: u16,
    /// Mean weight of the matched tokens of the entry: how rare what matched is.
    pub rarity: u32,
}

/// Matches the tokens of two names and rates the whole.
pub fn align(subject: &[Part<'_>], entry: &[Part<'_>]) -> Alignment {
    let mut matcher = Matcher {
        subject,
        entry,
        subject_taken: [false; 32],
        entry_taken: [false; 32],
        pairs: Vec::with_capacity(subject.len().min(entry.len())),
    };
    matcher.take_singles(940);
    matcher.take_joined();
    matcher.take_singles(ALIKE);
    matcher.take_initials();
    matcher.rate()
}

struct Matcher<'a> {
    subject: &'a [Part<'a>],
    entry: &'a [Part<'a>],
    subject_taken: [bool; 32],
    entry_taken: [bool; 32],
    pairs: Vec<Pair>,
}

impl Matcher<'_> {
    /// Best pairs first, until none is left that is alike enough.
    fn take_singles(&mut self, floor: u16) {
        let mut found = Vec::new();
        for (i, own) in self.subject.iter().enumerate() {
            for (j, its) in self.entry.iter().enumerate() {
                if self.subject_taken[i] || self.entry_taken[j] {
                    continue;
                }
                let initials = [own.role, its.role].map(|role| role == Role::Initial);
                let (likeness, how) = match initials {
                    [false, false] => own.word.likeness(its.word),
                    [true, true] if own.word == its.word => (1000, Likeness::Same),
                    _ => continue,
                };
                if likeness >= floor {
                    found.push((likeness, own.weight.min(its.weight), i, j, how));
                }
            }
        }
        found.sort_by(|a, b| {
            (b.0, b.1)
                .cmp(&(a.0, a.1))
                .then((a.2, a.3).cmp(&(b.2, b.3)))
        });
        for (likeness, _, i, j, how) in found {
            self.take(i..i + 1, j..j + 1, likeness, how);
        }
    }

    /// "Nur al Din" against "Nuraldin": up to three neighbours on one side, one token on the other.
    fn take_joined(&mut self) {
        for width in 2..=3 {
            for i in 0..self.subject.len() {
                for j in 0..self.entry.len() {
                    if i + width <= self.subject.len() {
                        self.try_joined(i..i + width, j..j + 1);
                    }
                    if j + width <= self.entry.len() {
                        self.try_joined(i..i + 1, j..j + width);
                    }
                }
            }
        }
    }

    fn try_joined(&mut self, own: std::ops::Range<usize>, its: std::ops::Range<usize>) {
        let free = own.clone().all(|i| !self.subject_taken[i])
            && its.clone().all(|j| !self.entry_taken[j]);
        if !free {
            return;
        }
        let left = joined(&self.subject[own.clone()]);
        let right = joined(&self.entry[its.clone()]);
        if left.len() < 5 || left.len().abs_diff(right.len()) > 2 {
            return;
        }
        let likeness = similarity(&left, &right).saturating_sub(10);
        if likeness >= 930 {
            self.take(own, its, likeness, Likeness::Joined);
        }
    }

    /// "J." may be "John", and "John" may be "J.".
    fn take_initials(&mut self) {
        for i in 0..self.subject.len() {
            for j in 0..self.entry.len() {
                let (own, its) = (&self.subject[i], &self.entry[j]);
                let one = own.role == Role::Initial && (its.telling() || its.role == Role::Initial);
                let other = its.role == Role::Initial && own.telling();
                let same = own.word.text.as_bytes().first() == its.word.text.as_bytes().first();
                if (one || other) && same {
                    self.take(i..i + 1, j..j + 1, 850, Likeness::Initial);
                }
            }
        }
    }

    fn take(
        &mut self,
        own: std::ops::Range<usize>,
        its: std::ops::Range<usize>,
        likeness: u16,
        how: Likeness,
    ) {
        let free = own.clone().all(|i| !self.subject_taken[i])
            && its.clone().all(|j| !self.entry_taken[j]);
        if free {
            self.subject_taken[own.clone()].fill(true);
            self.entry_taken[its.clone()].fill(true);
            self.pairs.push(Pair {
                subject: own,
                entry: its,
                likeness,
                how,
            });
        }
    }

    fn rate(self) -> Alignment {
        let subject_total: u32 = self.subject.iter().map(|part| part.weight).sum();
        let entry_total: u32 = self.entry.iter().map(|part| part.weight).sum();
        if subject_total == 0 || entry_total == 0 {
            return Alignment::default();
        }
        let mut subject_matched = 0;
        let mut entry_matched = 0;
        let mut telling_weight = 0;
        let mut telling_pairs = 0;
        let mut family_matched = false;
        for pair in &self.pairs {
            // Likeness from 820 to 1000 gives 640 to 1000 of the weight.
            let worth = u32::from(pair.likeness).saturating_sub(500) * 2;
            let own: u32 = self.subject[pair.subject.clone()]
                .iter()
                .map(|p| p.weight)
                .sum();
            let its: u32 = self.entry[pair.entry.clone()]
                .iter()
                .map(|p| p.weight)
                .sum();
            subject_matched += own * worth / 1000;
            entry_matched += its * worth / 1000;
            let parts = &self.entry[pair.entry.clone()];
            if parts.iter().any(Part::telling) && pair.how != Likeness::Initial {
                telling_pairs += 1;
                telling_weight += its / u32::try_from(parts.len()).unwrap_or(1).max(1);
            }
            family_matched |= parts.iter().any(|part| part.role == Role::Family);
        }
        let covers = (
            subject_matched * 1000 / subject_total,
            entry_matched * 1000 / entry_total,
        );
        let (more, less) = (covers.0.max(covers.1), covers.0.min(covers.1));
        let mut score = (more * 58 + less * 42) / 100;
        let has_family = self.entry.iter().any(|part| part.role == Role::Family);
        if has_family && !family_matched {
            score = score.saturating_sub(150);
        }
        // One common name of two says nothing.
        let telling = |parts: &[Part<'_>]| parts.iter().filter(|part| part.telling()).count();
        if telling_pairs <= 1 && (telling(self.subject) > 1 || telling(self.entry) > 1) {
            score = score.min(760);
        }
        Alignment {
            pairs: self.pairs,
            score: u16::try_from(score).unwrap_or(1000).min(1000),
            rarity: telling_weight / telling_pairs.max(1),
        }
    }
}

fn joined(parts: &[Part<'_>]) -> String {
    parts.iter().map(|part| part.word.text.as_str()).collect()
}

/// What comparing the countries told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountryMatch {
    Agrees,
    Differs,
    Unknown,
}

/// Everything but the names that a score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    pub birth: BirthMatch,
    pub country: CountryMatch,
    pub quality: Quality,
    /// One of the two is a person, the other a company.
    pub other_kind: bool,
}

/// Below a hit under any sensible policy: a nickname with nothing beside it.
const WEAK_ALONE: u16 = 780;
/// A person and a company of the same name are two, or one behind the other.
const OTHER_KIND: i32 = 60;

/// The score of the whole: what the names gave, moved by date, country, and what kind of alias it is.
pub fn score(names: &Alignment, circumstances: Circumstances) -> u16 {
    let mut score = i32::from(names.score);
    score += match circumstances.birth {
        BirthMatch::Exact => 80,
        BirthMatch::Slip => 40,
        BirthMatch::Agrees => 30,
        BirthMatch::Near => -30,
        BirthMatch::Unknown => 0,
        // The rarer the name, the less a differing date clears it.
        BirthMatch::Differs => -differing_date(names.rarity),
    };
    score += match circumstances.country {
        CountryMatch::Agrees => 20,
        CountryMatch::Unknown => 0,
        CountryMatch::Differs => -15,
    };
    if circumstances.other_kind {
        score -= OTHER_KIND;
    }
    let mut score = u16::try_from(score.clamp(0, 1000)).unwrap_or(0);
    if circumstances.quality == Quality::Weak {
        score = score.saturating_sub(60);
        if circumstances.birth < BirthMatch::Slip {
            score = score.min(WEAK_ALONE);
        }
    }
    score
}

fn differing_date(rarity: u32) -> i32 {
    let common = RAREST.saturating_sub(rarity.max(COMMONEST));
    let extra = 140 * common / (RAREST - COMMONEST);
    120 + i32::try_from(extra).unwrap_or(140)
}

pub fn compare_births(listed: &[Birth], subject: Option<NaiveDate>) -> BirthMatch {
    super::birth::compare(listed, subject)
}

pub fn compare_countries(listed: &[Country], subject: &[Country]) -> CountryMatch {
    if listed.is_empty() || subject.is_empty() {
        CountryMatch::Unknown
    } else if subject.iter().any(|country| listed.contains(country)) {
        CountryMatch::Agrees
    } else {
        CountryMatch::Differs
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::{Name, Token};
    use super::*;

    fn rated(subject: &Name, entry: &Name) -> Alignment {
        fn words(name: &Name) -> Vec<(Word, Role)> {
            let word = |token: &Token| (Word::new(&token.text), token.role);
            name.tokens.iter().map(word).collect()
        }
        fn parts(words: &[(Word, Role)]) -> Vec<Part<'_>> {
            words
                .iter()
                .map(|(word, role)| Part {
                    word,
                    role: *role,
                    weight: token_weight(*role, 100),
                })
                .collect()
        }
        align(&parts(&words(subject)), &parts(&words(entry)))
    }

    fn person(subject: &str, entry: &str) -> u16 {
        rated(&Name::person(subject), &Name::person(entry)).score
    }

    #[test]
    fn one_name_in_several_spellings_scores_high() {
        for (subject, entry) in [
            ("Zoltan Fakename-Demo", "FAKENAME-DEMO, Zoltan"),
            ("Wilhelmina Inventova", "INVENTOWA, Vilhelmina"),
            ("Иван Вымышленный-Демо", "VYMYSHLENNYY-DEMO, Ivan"),
            ("Fakename Zoltan", "FAKENAME, Zoltan"),
            ("Abdulkarim Samplar", "SAMPLAR, Abd-al-Karim"),
            ("Ana Maria Samplar", "SAMPLAR, Ana"),
            ("Ana Samplr", "SAMPLAR, Ana"),
        ] {
            let score = person(subject, entry);
            assert!(score >= 850, "{subject} / {entry}: {score}");
        }
    }

    #[test]
    fn other_names_score_low() {
        for (subject, entry) in [
            ("Zoltan Nobody", "FAKENAME, Zoltan"),
            ("Ana Maria Nobody", "SAMPLAR, Ana Maria"),
            ("Boris Fakename", "FAKENAME, Zoltan"),
            ("Zoltan", "FAKENAME, Zoltan"),
        ] {
            let score = person(subject, entry);
            assert!(score < 800, "{subject} / {entry}: {score}");
        }
    }

    #[test]
    fn legal_forms_hardly_count() {
        let company = |a, b| rated(&Name::company(a), &Name::company(b)).score;
        assert!(
            company(
                "Imaginary Exports Demo Limited",
                "IMAGINARY EXPORTS DEMO LTD"
            ) >= 950
        );
        assert!(company("Imaginary Exports Ltd", "OTHER THINGS LTD") < 200);
    }

    #[test]
    fn date_and_country_move_the_score() {
        let names = rated(&Name::person("Ana Samplr"), &Name::person("SAMPLAR, Ana"));
        let with = |birth, country, quality| {
            score(
                &names,
                Circumstances {
                    birth,
                    country,
                    quality,
                    other_kind: false,
                },
            )
        };
        let plain = with(BirthMatch::Unknown, CountryMatch::Unknown, Quality::Primary);
        assert!(with(BirthMatch::Exact, CountryMatch::Agrees, Quality::Primary) > plain);
        assert!(with(BirthMatch::Differs, CountryMatch::Differs, Quality::Primary) < 850);
        assert!(with(BirthMatch::Unknown, CountryMatch::Agrees, Quality::Weak) <= WEAK_ALONE);
    }

    proptest::proptest! {
        #[test]
        fn any_two_names_can_be_compared(a in ".{0,60}", b in ".{0,60}") {
            let forward = person(&a, &b);
            proptest::prop_assert!(forward <= 1000);
            proptest::prop_assert_eq!(rated(&Name::company(&a), &Name::company(&b)).score,
                                      rated(&Name::company(&a), &Name::company(&b)).score);
            let own = Name::person(&a);
            if !own.is_empty() {
                proptest::prop_assert!(rated(&own, &own).score >= 950, "a name is like itself");
            }
        }
    }
}
