//! How names and addresses may be spelt. Names are not unique and addresses are, so an address holds nothing that only
//! looks like another letter, and a name nothing that changes how the text around it reads.

use super::throttle::canonical_account;

const LONGEST_EMAIL: usize = 254;
const LONGEST_NAME: usize = 200;

/// What nobody sees, beside control characters: soft hyphens and joiners, marks and overrides of the writing
/// direction, fillers, separators, tags. Selectors of ideographs stay: names are written with them.
const HIDDEN: [(char, char); 26] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e00ff}'),
];

/// What is wrong with a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("\"{0}\" is not an e-mail address")]
    Email(String),
    #[error(
        "an address is written in a to z, digits and plain signs, and this one holds \"{}\" (U+{:04X}), which is none \
         of them and may look like one; a domain in other letters is given in its xn-- form",
        .0,
        u32::from(*.0)
    )]
    Foreign(char),
    #[error("a name has 1 to {LONGEST_NAME} characters")]
    Length,
    #[error("a name has at least one letter or digit")]
    Blank,
    #[error(
        "this {} holds a character that cannot be seen (U+{:04X}); type it again, or paste it as plain text",
        .0,
        u32::from(*.1)
    )]
    Hidden(&'static str, char),
}

impl Fault {
    /// The field of a form that it is about.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) | Self::Foreign(_) | Self::Hidden("address", _) => "email",
            Self::Length | Self::Blank | Self::Hidden(..) => "name",
        }
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control() || HIDDEN.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

/// A name as it is kept: one space between words.
pub fn name(typed: &str) -> Result<String, Fault> {
    if let Some(hidden) = typed.trim().chars().find(|c| is_hidden(*c)) {
        return Err(Fault::Hidden("name", hidden));
    }
    let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Fault::Length);
    }
    if !name.contains(char::is_alphanumeric) {
        return Err(Fault::Blank);
    }
    Ok(name)
}

/// An address as it is kept. A light check: whether it works is shown by mail that arrives.
pub fn email(typed: &str) -> Result<String, Fault> {
    // Before letters are made small: some of other alphabets become plain ones by it.
    let typed = typed.trim();
    if let Some(hidden) = typed.chars().find(|c| is_hidden(*c)) {
        return Err(Fault::Hidden("address", hidden));
    }
    let other = |c: &char| !c.is_ascii() && !c.is_whitespace();
    if let Some(foreign) = typed.chars().find(other) {
        return Err(Fault::Foreign(foreign));
    }
    let email = canonical_account(typed);
    let shaped = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.len() > 1 && !domain.contains('@')
    });
    let clean = !email.contains(|c: char| c.is_whitespace() || c == ':');
    if shaped && clean && email.len() <= LONGEST_EMAIL {
        Ok(email)
    } else {
        Err(Fault::Email(typed.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(email(" Ada@Example.ORG ").unwrap(), "ada@example.org");
        for taken in ["operator@demo.signalbox", "o'hara+x@xn--mnchen-3ya.example"] {
            assert_eq!(email(taken).unwrap(), taken);
        }
        for refused in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@c.d",
            "a\u{a0}b@c.d",
            "a:b@c.d",
            "a@b@c.d",
        ] {
            assert!(
                matches!(email(refused), Err(Fault::Email(_))),
                "{refused:?}"
            );
        }
        for hidden in ["a@b\nc.d", "a\u{200b}@c.d", "a\u{ad}da@c.d"] {
            assert!(matches!(email(hidden), Err(Fault::Hidden("address", _))));
        }
    }

    #[test]
    fn an_address_holds_no_letter_that_looks_like_another() {
        // A Cyrillic letter, an accent, a Kelvin sign that becomes a plain k when it is made small, a wide letter.
        for (typed, letter) in [
            ("\u{430}da@example.org", '\u{430}'),
            ("ada@ex\u{e1}mple.org", '\u{e1}'),
            ("\u{212a}ate@example.org", '\u{212a}'),
            ("\u{ff41}da@example.org", '\u{ff41}'),
        ] {
            assert_eq!(email(typed), Err(Fault::Foreign(letter)), "{typed}");
        }
        let told = Fault::Foreign('\u{430}').to_string();
        assert!(told.contains("\"\u{430}\" (U+0430)"), "{told}");
    }

    #[test]
    fn names_of_every_script_are_names() {
        assert_eq!(name("  Ada \u{a0} King ").unwrap(), "Ada King");
        for taken in [
            "O'Hara-Núñez",
            "שרה כהן",
            "محمد",
            "山田 太郎",
            "अनन्या",
            "葛\u{e0100}城",
            "3",
        ] {
            assert_eq!(name(taken).unwrap(), taken);
        }
        assert_eq!(name(&"n".repeat(201)), Err(Fault::Length));
        assert_eq!(name(" "), Err(Fault::Length));
        for blank in ["-", "...", "\u{301}", "👤"] {
            assert_eq!(name(blank), Err(Fault::Blank), "{blank:?}");
        }
    }

    #[test]
    fn a_name_holds_nothing_that_cannot_be_seen() {
        for hidden in [
            '\0',
            '\t',
            '\u{7f}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let typed = format!("Demo{hidden} administrator");
            assert_eq!(name(&typed), Err(Fault::Hidden("name", hidden)));
        }
        let told = Fault::Hidden("name", '\u{202e}').to_string();
        assert!(told.contains("(U+202E)"), "{told}");
    }
}
