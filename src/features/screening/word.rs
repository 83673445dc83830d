//! How alike two words are: by letters, by spelling habits, and by sound.

use rapidfuzz::distance::jaro_winkler;
use rphonetic::DoubleMetaphone;

/// Words less alike than this are different words.
pub const ALIKE: u16 = 820;
/// Two words that only sound the same are never rated better than this.
const SOUNDS_THE_SAME: u16 = 900;
/// A difference of spelling habit ("ou" for "u") costs this much.
const SPELLING_HABIT: u16 = 20;
const SOUND_LETTERS: usize = 8;

/// A word with the keys under which it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// The text after spelling habits of transliteration are evened out.
    pub folded: String,
    /// Double Metaphone codes: the main one, and the other where it differs.
    pub sounds: [String; 2],
}

/// How two words were found alike; shown to the reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    Same,
    SpellingHabit,
    SimilarLetters,
    SoundsAlike,
    Initial,
    Joined,
}

impl Word {
    pub fn new(text: &str) -> Self {
        let folded = fold(text);
        let metaphone = DoubleMetaphone::new(Some(SOUND_LETTERS)).double_metaphone(&folded);
        let primary = metaphone.primary();
        let mut alternate = metaphone.alternate();
        if alternate == primary {
            alternate.clear();
        }
        Self {
            text: text.to_owned(),
            folded,
            sounds: [primary, alternate],
        }
    }

    /// Thousandths, and why. Below [`ALIKE`] the words are different and the reason is moot.
    pub fn likeness(&self, other: &Self) -> (u16, Likeness) {
        if self.text == other.text {
            return (1000, Likeness::Same);
        }
        if digits(&self.text) || digits(&other.text) {
            // "Fund 2" and "Fund 3" are not spellings of each other.
            return (0, Likeness::SimilarLetters);
        }
        if self.folded == other.folded {
            return (1000 - SPELLING_HABIT, Likeness::SpellingHabit);
        }
        let letters = similarity(&self.text, &other.text);
        let habit = similarity(&self.folded, &other.folded).saturating_sub(SPELLING_HABIT);
        let by_letters = damp_short(letters.max(habit), &self.folded, &other.folded);
        if by_letters < SOUNDS_THE_SAME && self.sounds_like(other) {
            // The letters still count a little, so that nearer spellings rank higher.
            let raised = ALIKE + sound_bonus(by_letters);
            if raised > by_letters {
                return (raised, Likeness::SoundsAlike);
            }
        }
        (by_letters, Likeness::SimilarLetters)
    }

    /// Codes of two consonants and more: shorter ones are shared by half the names there are.
    fn sounds_like(&self, other: &Self) -> bool {
        self.sounds
            .iter()
            .any(|own| own.len() >= 3 && other.sounds.iter().any(|its| its == own))
            && self.folded.as_bytes().first() == other.folded.as_bytes().first()
    }
}

fn sound_bonus(by_letters: u16) -> u16 {
    let span = u32::from(SOUNDS_THE_SAME - ALIKE);
    u16::try_from(span * u32::from(by_letters) / 1000).unwrap_or(0)
}

fn digits(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// In a word of four letters one other letter makes another name ("Juan", "Joan").
fn damp_short(similarity: u16, a: &str, b: &str) -> u16 {
    let shorter = a.len().min(b.len());
    let longer = a.len().max(b.len());
    let penalty = match shorter {
        0..=2 => 300,
        3 => 90,
        4 => 50,
        5 => 20,
        _ => 0,
    };
    // "Ali" begins "Alisher", which Jaro-Winkler likes more than it should.
    let uneven = if longer >= shorter + 3 { 60 } else { 0 };
    similarity.saturating_sub(penalty + uneven)
}

/// Jaro-Winkler in thousandths.
pub fn similarity(a: &str, b: &str) -> u16 {
    let similarity = jaro_winkler::similarity(a.bytes(), b.bytes());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a value from 0 to 1 fits"
    )]
    let thousandths = (similarity * 1000.0).round() as u16;
    thousandths
}

/// Evens out how the same sounds are written in Latin letters by different conventions.
fn fold(text: &str) -> String {
    const PAIRS: &[(&str, &str)] = &[
        ("sch", "sh"),
        ("tch", "ch"),
        ("ph", "f"),
        ("ck", "k"),
        ("kh", "h"),
        ("gh", "g"),
        ("dh", "d"),
        ("th", "t"),
        ("ts", "c"),
        ("tz", "c"),
        ("ou", "u"),
        ("oo", "u"),
        ("ee", "i"),
        ("iy", "i"),
        ("yy", "i"),
        ("ii", "i"),
        ("ae", "a"),
        ("oe", "o"),
        ("ue", "u"),
        ("ks", "x"),
        ("dj", "j"),
        ("dzh", "j"),
    ];
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((from, to)) = PAIRS.iter().find(|(from, _)| rest.starts_with(from)) {
            folded.push_str(to);
            rest = &rest[from.len()..];
            continue;
        }
        let letter = match first {
            'q' => 'k',
            'w' => 'v',
            'y' => 'i',
            other => other,
        };
        if !folded.ends_with(letter) || letter.is_ascii_digit() {
            folded.push(letter);
        }
        rest = &rest[first.len_utf8()..];
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str) -> (u16, Likeness) {
        let (a, b) = (Word::new(a), Word::new(b));
        assert_eq!(a.likeness(&b), b.likeness(&a), "likeness is symmetric");
        a.likeness(&b)
    }

    #[test]
    fn spellings_of_one_name_are_alike() {
        for (a, b) in [
            ("muhammad", "mohammed"),
            ("yusuf", "youssef"),
            ("aleksandr", "alexander"),
            ("sergey", "sergei"),
            ("zawahiri", "zawahri"),
            ("vilhelmina", "wilhelmina"),
            ("inventowa", "inventova"),
            ("hussein", "husayn"),
            ("mueller", "muller"),
        ] {
            let (likeness, _) = check(a, b);
            assert!(likeness >= ALIKE, "{a} {b} {likeness}");
        }
    }

    #[test]
    fn different_names_are_not() {
        for (a, b) in [
            ("juan", "jose"),
            ("ivan", "igor"),
            ("ali", "alisher"),
            ("maria", "marko"),
            ("zoltan", "milan"),
            ("lee", "li"),
            ("fund2", "fund3"),
        ] {
            let (likeness, why) = check(a, b);
            assert!(
                likeness < ALIKE || why == Likeness::SpellingHabit,
                "{a} {b} {likeness}"
            );
        }
    }

    #[test]
    fn the_reason_is_told() {
        assert_eq!(check("ivan", "ivan"), (1000, Likeness::Same));
        assert_eq!(check("youssef", "yusef").1, Likeness::SpellingHabit);
        assert_eq!(check("", "").0, 1000);
    }
}
