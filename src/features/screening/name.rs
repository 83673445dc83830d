//! Names taken apart: from any script and spelling to lower-case Latin tokens with a role each.

use unicode_normalization::UnicodeNormalization;

/// Longer names are cut here: a hostile file must not buy unbounded work with one field.
const MAX_CHARS: usize = 400;
/// The longest real name on the lists has fourteen parts.
const MAX_TOKENS: usize = 16;

/// What a token does in a name, which decides how much it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The family name, where the record says which part it is.
    Family,
    Given,
    /// A part of a name whose place is unknown, or a word of a company's name.
    Word,
    /// A single letter that stands for a given name.
    Initial,
    /// "al", "bin", "de la", "van": often left out or written together.
    Particle,
    /// "Ltd", "GmbH", "S.A.": says how a company is built, not which one it is.
    LegalForm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub role: Role,
}

/// A name as a row of tokens. Empty when nothing in the text could be read as a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Name {
    pub tokens: Vec<Token>,
}

impl Name {
    /// A person's name. "FAMILY, Given" is understood; without a comma the roles stay unknown.
    pub fn person(text: &str) -> Self {
        match text.split_once(',') {
            Some((family, given)) if is_generation(given) => Self::person(family),
            Some((family, given)) => Self::person_parts(family, given),
            None => Self::of_people(&[(text, Role::Word)]),
        }
    }

    /// A person's name whose parts the record names.
    pub fn person_parts(family: &str, given: &str) -> Self {
        Self::of_people(&[(given, Role::Given), (family, Role::Family)])
    }

    fn of_people(parts: &[(&str, Role)]) -> Self {
        let mut tokens = Vec::new();
        for (text, role) in parts {
            for word in words(text, Initialism::Apart) {
                push_person_word(&mut tokens, &word, *role);
            }
        }
        Self {
            tokens: without_honorifics(tokens),
        }
    }

    /// A company's or an organisation's name.
    pub fn company(text: &str) -> Self {
        let tokens: Vec<Token> = words(text, Initialism::Together)
            .into_iter()
            .map(|text| Token {
                role: company_role(&text),
                text,
            })
            .collect();
        // "The Limited" is all legal form and particle: then every word counts.
        let telling = tokens.iter().any(|token| token.role == Role::Word);
        let tokens = if telling { tokens } else { as_words(tokens) };
        Self { tokens }.bounded()
    }

    fn bounded(mut self) -> Self {
        self.tokens.truncate(MAX_TOKENS);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens in a fixed order: two spellings with the same set are the same name.
    pub fn sorted_text(&self) -> String {
        let mut texts: Vec<&str> = self.tokens.iter().map(|t| t.text.as_str()).collect();
        texts.sort_unstable();
        texts.join(" ")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Initialism {
    /// "J.R." is two initials.
    Apart,
    /// "S.A." is one word.
    Together,
}

/// Latin, lower case, without marks: the words of a text.
fn words(text: &str, initialism: Initialism) -> Vec<String> {
    let latin = latin(text);
    let mut words = Vec::new();
    let mut word = String::new();
    let mut letters_since_dot = 0;
    let mut dotted = false;
    for c in latin.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                // After "s." a single letter goes on with the initialism; a longer word does not.
                if dotted && letters_since_dot >= 1 {
                    let tail = word.pop();
                    finish(&mut words, &mut word);
                    word.extend(tail);
                    dotted = false;
                }
                word.push(c);
                letters_since_dot += 1;
            }
            // Apostrophes and the marks that transliteration leaves belong inside a word.
            '\'' | '`' | '"' | '\u{2019}' => {}
            '.' if initialism == Initialism::Together && letters_since_dot == 1 => {
                dotted = true;
                letters_since_dot = 0;
            }
            _ => {
                finish(&mut words, &mut word);
                dotted = false;
                letters_since_dot = 0;
            }
        }
    }
    finish(&mut words, &mut word);
    words.truncate(MAX_TOKENS * 2);
    words
}

fn finish(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Compatibility forms are composed first (a decomposed "й" must stay one letter), then every
/// letter is written in Latin. Each ideograph is a syllable of its own: it gets a space before it.
fn latin(text: &str) -> String {
    let mut latin = String::with_capacity(text.len());
    for c in text.nfkd().nfc().take(MAX_CHARS) {
        if is_ideograph(c) {
            latin.push(' ');
        }
        latin.push_str(any_ascii::any_ascii_char(c));
    }
    latin.make_ascii_lowercase();
    latin
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Arabic compounds are written "Abdulkarim", "Abdul Karim", "Abd-al-Karim": all become
/// "abd karim".
fn push_person_word(tokens: &mut Vec<Token>, word: &str, role: Role) {
    const SERVANT_OF: [&str; 8] = [
        "abdul", "abdel", "abdal", "abdol", "abdur", "abdoul", "abdool", "abdus",
    ];
    // "Abdullah" is one name although it is built the same way.
    let whole = ["abdullah", "abdallah", "abdellah", "abdollah", "abdoullah"];
    let compound = SERVANT_OF
        .iter()
        .find_map(|prefix| word.strip_prefix(prefix))
        .filter(|_| !whole.contains(&word));
    match compound {
        Some(rest) if rest.is_empty() || rest.len() >= 4 => {
            push(tokens, "abd", role);
            if !rest.is_empty() {
                push(tokens, rest, role);
            }
        }
        _ => push(tokens, word, role),
    }
}

fn push(tokens: &mut Vec<Token>, text: &str, role: Role) {
    let role = if PARTICLES.binary_search(&text).is_ok() {
        Role::Particle
    } else if text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        Role::Initial
    } else {
        role
    };
    tokens.push(Token {
        text: text.to_owned(),
        role,
    });
}

/// Titles go, as long as a name remains: somebody may be called King.
fn without_honorifics(tokens: Vec<Token>) -> Vec<Token> {
    let is_title = |token: &Token| HONORIFICS.binary_search(&token.text.as_str()).is_ok();
    let telling = |role| matches!(role, Role::Family | Role::Given | Role::Word);
    let names = tokens
        .iter()
        .filter(|token| !is_title(token) && telling(token.role))
        .count();
    let kept: Vec<Token> = if names >= 1 && tokens.len() > 1 {
        tokens
            .into_iter()
            .filter(|token| !is_title(token))
            .collect()
    } else {
        tokens
    };
    let kept = if kept.iter().any(|token| telling(token.role)) {
        kept
    } else {
        as_words(kept)
    };
    Name { tokens: kept }.bounded().tokens
}

fn as_words(tokens: Vec<Token>) -> Vec<Token> {
    tokens
        .into_iter()
        .map(|token| Token {
            role: Role::Word,
            ..token
        })
        .collect()
}

fn company_role(text: &str) -> Role {
    if LEGAL_FORMS.binary_search(&text).is_ok() {
        Role::LegalForm
    } else if COMPANY_PARTICLES.binary_search(&text).is_ok() {
        Role::Particle
    } else {
        Role::Word
    }
}

/// "Jr." after a comma is not a given name.
fn is_generation(text: &str) -> bool {
    let words = words(text, Initialism::Apart);
    matches!(
        words.as_slice(),
        [word] if matches!(word.as_str(), "jr" | "sr" | "ii" | "iii" | "iv")
    )
}

// The tables are sorted, which the search relies on; a test holds them to it.

#[rustfmt::skip]
const HONORIFICS: &[&str] = &[
    "admiral", "ayatollah", "brig", "brigadier", "capt", "captain", "cdr", "col", "colonel",
    "dame", "doctor", "don", "dona", "dr", "eng", "engineer", "esq", "fr", "gen", "general",
    "hadj", "hadji", "hafiz", "haj", "haji", "hajj", "hajji", "hon", "hujjat", "ii", "iii",
    "imam", "iv", "jr", "lady", "lieutenant", "lord", "lt", "madame", "maj", "major", "maulana",
    "maulvi", "mawlawi", "miss", "mister", "mme", "mr", "mrs", "ms", "mufti", "mulla", "mullah",
    "prof", "professor", "qari", "rev", "reverend", "sgt", "shaikh", "shaykh", "sheik",
    "sheikh", "sir", "sr", "sra", "srta", "ustad", "ustadh",
];

#[rustfmt::skip]
const PARTICLES: &[&str] = &[
    "ad", "af", "al", "an", "ap", "ar", "as", "ash", "at", "az", "bar", "ben", "bin", "bint",
    "bte", "da", "das", "de", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "e",
    "ed", "el", "es", "et", "ez", "ibn", "la", "las", "le", "les", "lo", "los", "mac", "mc",
    "ol", "op", "oul", "ould", "san", "st", "ten", "ter", "ul", "und", "ur", "van", "vel",
    "vom", "von", "y", "zu", "zum", "zur",
];

#[rustfmt::skip]
const COMPANY_PARTICLES: &[&str] = &[
    "a", "al", "and", "da", "de", "del", "der", "des", "di", "do", "du", "e", "el", "et", "for",
    "fur", "i", "in", "la", "las", "le", "les", "los", "of", "on", "the", "und", "y", "za",
];

#[rustfmt::skip]
const LEGAL_FORMS: &[&str] = &[
    "ab", "ad", "ag", "ao", "aps", "as", "asa", "ba", "berhad", "bhd", "bv", "bvba", "ca",
    "cia", "cjsc", "co", "company", "corp", "corporation", "cv", "doo", "dooel", "ead", "eirl",
    "eood", "est", "establishment", "fzc", "fzco", "fze", "fzllc", "gmbh", "inc",
    "incorporated", "jsc", "kft", "kg", "limitada", "limited", "llc", "llp", "lp", "ltd",
    "ltda", "nv", "oao", "ojsc", "ood", "ooo", "oy", "pao", "pjsc", "plc", "private", "pte",
    "pty", "pvt", "rl", "sa", "sac", "sae", "sal", "sapi", "sarl", "sas", "sasu", "sca", "scs",
    "sdn", "sl", "slu", "spa", "spol", "srl", "sro", "zao",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &Name) -> Vec<&str> {
        name.tokens.iter().map(|t| t.text.as_str()).collect()
    }

    #[test]
    fn the_tables_are_sorted() {
        for table in [HONORIFICS, PARTICLES, COMPANY_PARTICLES, LEGAL_FORMS] {
            for pair in table.windows(2) {
                assert!(pair[0] < pair[1], "{} before {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn a_listed_name_has_family_and_given_names() {
        let name = Name::person("AL-ZAWAHIRI, Dr. Ayman");
        assert_eq!(texts(&name), ["ayman", "al", "zawahiri"]);
        assert_eq!(
            name.tokens.iter().map(|t| t.role).collect::<Vec<_>>(),
            [Role::Given, Role::Particle, Role::Family]
        );
    }

    #[test]
    fn scripts_become_latin() {
        assert_eq!(texts(&Name::person("Иван Вымышленный-Демо"))[0], "ivan");
        assert_eq!(texts(&Name::person("Đurić Łukasz")), ["duric", "lukasz"]);
        assert_eq!(texts(&Name::person("毛泽东")), ["mao", "ze", "dong"]);
        assert_eq!(
            texts(&Name::person("Ｆｕｌｌ Ｗｉｄｔｈ")),
            ["full", "width"]
        );
        assert_eq!(
            Name::person("Андрей").sorted_text(),
            Name::person("Андреи\u{306}").sorted_text(),
            "composed and decomposed are one spelling"
        );
    }

    #[test]
    fn compounds_are_taken_apart_alike() {
        for spelling in ["Abdulkarim", "Abdul Karim", "Abdel-Karim"] {
            assert_eq!(
                texts(&Name::person(spelling)),
                ["abd", "karim"],
                "{spelling}"
            );
        }
        assert_eq!(texts(&Name::person("Abd-al-Karim")), ["abd", "al", "karim"]);
        assert_eq!(texts(&Name::person("Abdullah")), ["abdullah"]);
    }

    #[test]
    fn titles_go_but_a_name_stays() {
        assert_eq!(texts(&Name::person("Sheikh Hasan")), ["hasan"]);
        assert_eq!(texts(&Name::person("Major")), ["major"]);
        assert_eq!(
            texts(&Name::person("DELOS REYES, Feliciano, Jr.")),
            ["feliciano", "delos", "reyes"]
        );
        assert_eq!(texts(&Name::person("Reyes, Jr.")), ["reyes"]);
    }

    #[test]
    fn legal_forms_are_told_apart_from_words() {
        let name = Name::company("Imaginary Exports, S.A. de C.V.");
        assert_eq!(texts(&name), ["imaginary", "exports", "sa", "de", "cv"]);
        assert_eq!(name.tokens[2].role, Role::LegalForm);
        assert_eq!(
            texts(&Name::company("A.B.C. Trading Co.")),
            ["abc", "trading", "co"]
        );
        assert_eq!(Name::company("The Limited").tokens[1].role, Role::Word);
        assert_eq!(
            texts(&Name::company("J.Smith & Sons")),
            ["j", "smith", "sons"]
        );
    }

    #[test]
    fn nothing_and_too_much_are_bounded() {
        assert!(Name::person("").is_empty());
        assert!(Name::person("🙈 — …").tokens.len() <= MAX_TOKENS);
        assert!(Name::person(&"ab ".repeat(100_000)).tokens.len() <= MAX_TOKENS);
    }
}
