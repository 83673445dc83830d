//! Names, numbers and addresses in the form in which they are compared and searched for.
//!
//! Search never sees plain text: each form becomes a keyed hash in its own domain.

use std::collections::BTreeSet;

use any_ascii::any_ascii;
use rphonetic::DoubleMetaphone;
use unicode_normalization::UnicodeNormalization;

use super::subject::Personal;

/// A word and the domain in which it is hashed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    pub domain: &'static str,
    pub value: String,
}

impl Term {
    fn new(domain: &'static str, value: impl Into<String>) -> Self {
        Self {
            domain,
            value: value.into(),
        }
    }
}

const NAME: &str = "subject:name";
const SOUND: &str = "subject:sound";
const EMAIL: &str = "subject:email";
const PHONE: &str = "subject:phone";
const NUMBER: &str = "subject:number";

/// Most terms of one subject; a row with a hundred aliases must not fill the table.
const TERMS_LIMIT: usize = 60;
/// Sounds of this length tell names apart without splitting spellings.
const SOUND_CHARS: usize = 6;

/// The parts of a name: Latin letters and digits, lower case, without accents.
pub fn parts(name: &str) -> Vec<String> {
    let composed: String = name.nfkc().collect();
    any_ascii(&composed)
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '\'')
        .map(|part| part.replace('\'', ""))
        .filter(|part| !part.is_empty())
        .collect()
}

/// How a part sounds; one or two codes.
pub fn sounds(part: &str) -> BTreeSet<String> {
    let letters: String = part.chars().filter(char::is_ascii_alphabetic).collect();
    if letters.is_empty() {
        return BTreeSet::new();
    }
    let encoder = DoubleMetaphone::new(Some(SOUND_CHARS));
    let both = encoder.double_metaphone(&letters);
    [both.primary(), both.alternate()]
        .into_iter()
        .filter(|code| !code.is_empty())
        .collect()
}

/// Everything that a subject can be found by.
pub fn terms(personal: &Personal) -> BTreeSet<Term> {
    let mut terms = BTreeSet::new();
    if let Some(email) = &personal.email {
        terms.insert(Term::new(EMAIL, email.to_lowercase()));
    }
    if let Some(phone) = &personal.phone {
        terms.insert(Term::new(PHONE, digits(phone)));
    }
    for number in [&personal.tax_id, &personal.id_number]
        .into_iter()
        .flatten()
    {
        terms.insert(Term::new(NUMBER, letters_and_digits(number)));
    }
    for name in personal.all_names() {
        for part in parts(&name) {
            for sound in sounds(&part) {
                terms.insert(Term::new(SOUND, sound));
            }
            terms.insert(Term::new(NAME, part));
            if terms.len() >= TERMS_LIMIT {
                return terms;
            }
        }
    }
    terms
}

/// What somebody typed: each inner list holds alternatives, and all of the lists must be met.
pub fn query(text: &str) -> Vec<Vec<Term>> {
    let text = text.trim();
    if text.contains('@') {
        return vec![vec![Term::new(EMAIL, text.to_lowercase())]];
    }
    if text.bytes().filter(u8::is_ascii_digit).count() >= 4 {
        return vec![vec![
            Term::new(PHONE, digits(text)),
            Term::new(NUMBER, letters_and_digits(text)),
        ]];
    }
    parts(text)
        .into_iter()
        .take(8)
        .map(|part| {
            let mut alternatives: Vec<Term> = sounds(&part)
                .into_iter()
                .map(|sound| Term::new(SOUND, sound))
                .collect();
            alternatives.push(Term::new(NAME, part));
            alternatives
        })
        .collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn letters_and_digits(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_plain_latin() {
        assert_eq!(parts("José  O'Neill-Łódź"), ["jose", "oneill", "lodz"]);
        assert_eq!(parts("Иван Вымышленный"), ["ivan", "vymyshlennyy"]);
        assert_eq!(parts(" --- "), [""; 0]);
    }

    #[test]
    fn spellings_that_sound_alike_meet() {
        assert!(!sounds("wilhelmina").is_disjoint(&sounds("vilhelmina")));
        assert!(!sounds("smith").is_disjoint(&sounds("smyth")));
        assert!(sounds("smith").is_disjoint(&sounds("jones")));
    }

    #[test]
    fn what_is_typed_finds_what_was_stored() {
        let personal = Personal {
            name: "Zoë Example-Demo".into(),
            email: Some("Zoe@Example.com".into()),
            phone: Some("+44 20 7946 0000".into()),
            tax_id: Some("12-3456789".into()),
            ..Personal::default()
        };
        let stored = terms(&personal);
        for typed in [
            "zoe",
            "DEMO zoe",
            "zoe@example.com",
            "+44 (20) 79460000",
            "123456789",
        ] {
            let found = query(typed)
                .iter()
                .all(|alternatives| alternatives.iter().any(|term| stored.contains(term)));
            assert!(found, "{typed}");
        }
        assert!(
            !query("jones")
                .iter()
                .flatten()
                .any(|term| stored.contains(term))
        );
    }

    proptest! {
        #[test]
        fn any_text_has_terms_without_panic(text in any::<String>()) {
            let personal = Personal { name: text.clone(), ..Personal::default() };
            prop_assert!(terms(&personal).len() <= TERMS_LIMIT);
            query(&text);
        }
    }
}
