//! The names of one kind of entry: which of them are worth comparing with a subject's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::listed::Quality;
use super::matching::{Part, token_weight};
use super::name::{Name, Role};
use super::word::{ALIKE, Word};

/// Remembered words per worker; when they are full the memory starts anew.
const MAX_REMEMBERED: usize = 50_000;
/// Names compared exactly for one spelling of a subject, the likeliest first.
const MAX_COMPARED: usize = 400;

/// Names of one kind of entry and their words.
#[derive(Default)]
pub struct Side {
    /// Tells one from another: what was remembered of one is of no use for the next.
    id: u64,
    pub names: Vec<IndexedName>,
    words: Vec<IndexedWord>,
    by_text: HashMap<String, u32>,
    blocks: HashMap<String, Vec<u32>>,
}

pub struct IndexedName {
    pub entry: u32,
    /// The place among the entry's names.
    pub place: u32,
    pub quality: Quality,
    tokens: Vec<(u32, Role)>,
    weight: u32,
}

struct IndexedWord {
    word: Word,
    commonness_permille: u32,
    /// Names that hold the word, or neighbours that make it when written together.
    names: Vec<u32>,
}

/// Numbers the sides of this process; nought is none.
static BUILT: AtomicU64 = AtomicU64::new(1);

type Alike = Arc<[(u32, u16)]>;

#[derive(Default)]
pub struct SideScratch {
    /// The side that this belongs to.
    of: u64,
    alike: HashMap<String, Alike>,
    gathered: Vec<u32>,
    seen_by: Vec<u32>,
    touched: Vec<u32>,
    turn: u32,
}

impl Side {
    pub fn add(&mut self, entry: u32, place: u32, quality: Quality, name: &Name) {
        if name.is_empty() {
            return;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let tokens: Vec<(u32, Role)> = name
            .tokens
            .iter()
            .map(|token| (self.word(&token.text), token.role))
            .collect();
        for (word, role) in &tokens {
            if !matches!(role, Role::Particle | Role::LegalForm | Role::Initial) {
                self.hold(*word, id);
            }
        }
        let texts: Vec<&str> = name
            .tokens
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        for width in 2..=3 {
            for neighbours in texts.windows(width) {
                let word = self.word(&neighbours.concat());
                self.hold(word, id);
            }
        }
        self.names.push(IndexedName {
            entry,
            place,
            quality,
            tokens,
            weight: 0,
        });
    }

    fn word(&mut self, text: &str) -> u32 {
        if let Some(id) = self.by_text.get(text) {
            return *id;
        }
        let id = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let word = Word::new(text);
        for key in block_keys(&word) {
            self.blocks.entry(key).or_default().push(id);
        }
        self.words.push(IndexedWord {
            word,
            commonness_permille: 0,
            names: Vec::new(),
        });
        self.by_text.insert(text.to_owned(), id);
        id
    }

    fn hold(&mut self, word: u32, name: u32) {
        let names = &mut self.words[word as usize].names;
        if names.last() != Some(&name) {
            names.push(name);
        }
    }

    /// Weights are known once all names are there.
    pub fn finish(&mut self) {
        self.id = BUILT.fetch_add(1, Ordering::Relaxed);
        for word in &mut self.words {
            word.commonness_permille = commonness(word.names.len());
        }
        let weights: Vec<u32> = self
            .names
            .iter()
            .map(|name| telling_weight(&self.parts(name)))
            .collect();
        for (name, weight) in self.names.iter_mut().zip(weights) {
            name.weight = weight;
        }
    }

    pub fn parts(&self, name: &IndexedName) -> Vec<Part<'_>> {
        name.tokens
            .iter()
            .map(|(word, role)| {
                let indexed = &self.words[*word as usize];
                Part {
                    word: &indexed.word,
                    role: *role,
                    weight: token_weight(*role, indexed.commonness_permille),
                }
            })
            .collect()
    }

    /// A token that the list does not know weighs most.
    pub fn weigh<'w>(&self, name: &Name, words: &'w [Word]) -> Vec<Part<'w>> {
        name.tokens
            .iter()
            .zip(words)
            .map(|(token, word)| {
                let known = self.by_text.get(&token.text);
                let commonness = known.map_or(0, |id| self.words[*id as usize].commonness_permille);
                Part {
                    word,
                    role: token.role,
                    weight: token_weight(token.role, commonness),
                }
            })
            .collect()
    }

    /// Names of the list that share enough weight with the subject's name.
    pub fn candidates(
        &self,
        parts: &[Part<'_>],
        worth_permille: u32,
        scratch: &mut SideScratch,
    ) -> Vec<usize> {
        scratch.fit(self);
        for part in parts {
            if !matches!(part.role, Role::Particle | Role::LegalForm | Role::Initial) {
                self.gather(part.word, part.weight, scratch);
            }
        }
        for width in 2..=3 {
            for neighbours in parts.windows(width) {
                let text: String = neighbours.iter().map(|p| p.word.text.as_str()).collect();
                // Only as it stands: a misspelt word that is also written apart is out of reach.
                if self.by_text.contains_key(&text) {
                    let weight = neighbours.iter().map(|part| part.weight).sum();
                    self.gather(&Word::new(&text), weight, scratch);
                }
            }
        }
        let own = telling_weight(parts);
        let mut enough: Vec<(u32, u32)> = scratch
            .touched
            .iter()
            .map(|id| (scratch.gathered[*id as usize], *id))
            .filter(|(gathered, id)| {
                let lighter = own.min(self.names[*id as usize].weight);
                gathered * 1000 >= lighter * worth_permille
            })
            .collect();
        scratch.clear();
        enough.sort_unstable_by(|a, b| b.cmp(a));
        enough.truncate(MAX_COMPARED);
        enough.into_iter().map(|(_, id)| id as usize).collect()
    }

    /// Adds the token's weight to every name that holds a word like it, once for each name.
    fn gather(&self, word: &Word, weight: u32, scratch: &mut SideScratch) {
        let alike = self.alike(word, scratch);
        scratch.turn += 1;
        for (id, likeness) in alike.iter() {
            let worth = weight * u32::from(*likeness) / 1000;
            for name in &self.words[*id as usize].names {
                let at = *name as usize;
                if scratch.seen_by[at] == scratch.turn {
                    continue;
                }
                scratch.seen_by[at] = scratch.turn;
                if scratch.gathered[at] == 0 {
                    scratch.touched.push(*name);
                }
                scratch.gathered[at] += worth;
            }
        }
    }

    /// The list's words like this one, best first.
    fn alike(&self, word: &Word, scratch: &mut SideScratch) -> Alike {
        if let Some(known) = scratch.alike.get(&word.text) {
            return Arc::clone(known);
        }
        let mut ids: Vec<u32> = block_keys(word)
            .iter()
            .filter_map(|key| self.blocks.get(key))
            .flatten()
            .copied()
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut alike: Vec<(u32, u16)> = ids
            .into_iter()
            .map(|id| (id, word.likeness(&self.words[id as usize].word).0))
            .filter(|(_, likeness)| *likeness >= ALIKE)
            .collect();
        alike.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let alike: Alike = alike.into();
        if scratch.alike.len() >= MAX_REMEMBERED {
            scratch.alike.clear();
        }
        scratch.alike.insert(word.text.clone(), Arc::clone(&alike));
        alike
    }
}

impl SideScratch {
    fn fit(&mut self, side: &Side) {
        if self.of != side.id {
            // Another index than last time: what was remembered belongs to the other one.
            let names = side.names.len();
            *self = Self {
                of: side.id,
                gathered: vec![0; names],
                seen_by: vec![0; names],
                ..Self::default()
            };
        }
        if self.turn > u32::MAX - 64 {
            self.seen_by.fill(0);
            self.turn = 0;
        }
    }

    fn clear(&mut self) {
        for id in self.touched.drain(..) {
            self.gathered[id as usize] = 0;
        }
    }
}

fn telling_weight(parts: &[Part<'_>]) -> u32 {
    parts
        .iter()
        .filter(|part| !matches!(part.role, Role::Particle | Role::LegalForm | Role::Initial))
        .map(|part| part.weight)
        .sum()
}

/// A name held by one entry is rare (0), by a thousand as common as it gets (1000); each tenfold
/// adds a third.
fn commonness(names: usize) -> u32 {
    let doublings = usize::BITS - names.max(1).leading_zeros() - 1;
    (doublings * 100).min(1000)
}

/// Two words are only compared when they share one of these.
fn block_keys(word: &Word) -> Vec<String> {
    let folded = word.folded.as_str();
    let mut keys = Vec::with_capacity(5);
    for sound in word.sounds.iter().filter(|sound| sound.len() >= 2) {
        keys.push(format!("s{}", &sound[..sound.len().min(5)]));
    }
    if let Some(start) = folded.get(..3) {
        keys.push(format!("p{start}"));
    }
    if let Some(end) = folded.len().checked_sub(4).and_then(|at| folded.get(at..)) {
        keys.push(format!("e{end}"));
    }
    let consonants: String = folded
        .chars()
        .filter(|c| !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'h'))
        .take(4)
        .collect();
    if consonants.len() >= 2 {
        keys.push(format!("c{consonants}"));
    }
    keys.push(format!("={folded}"));
    keys
}
