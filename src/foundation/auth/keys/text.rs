//! A key as text: `sgbx_<id>_<secret><checksum>`.
//!
//! The prefix and the checksum are for scanners that look for secrets in places where none should be: they know one
//! without asking us, and a mistyped one is no false alarm. The checksum guards nothing.

use std::fmt;
use std::str::FromStr;

use super::super::token::{Token, TokenHash};
use crate::foundation::crypto::random;
use crate::foundation::kernel::Secret;

const PREFIX: &str = "sgbx_";
const ID_CHARS: usize = 12;
/// 256 bits, five to a letter.
const SECRET_CHARS: usize = 52;
/// A CRC-32, five bits to a letter.
const CHECK_CHARS: usize = 7;

/// Five bits to a letter, and no two that look alike: RFC 4648 in small letters.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    pub(super) fn generate() -> Self {
        Self(letters(&random::<8>(), ID_CHARS))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == ID_CHARS && is_plain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("the id of a key has twelve letters and digits, such as b7qk2x5nmw3a")
        }
    }
}

impl<'de> serde::Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A fresh secret for this id: the whole key, for whoever is to use it, and the hash that is kept.
pub(super) fn generate(id: &KeyId) -> (Secret<String>, TokenHash) {
    let secret = letters(&random::<32>(), SECRET_CHARS);
    let body = format!("{PREFIX}{id}_{secret}");
    let check = checksum(&body);
    (
        Secret::new(format!("{body}{check}")),
        Token::from_text(&secret).hash(),
    )
}

/// What somebody has sent as a key, if it is one by its shape.
#[derive(Clone, Debug)]
pub(super) struct Presented {
    pub id: KeyId,
    pub hash: TokenHash,
}

impl Presented {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = id.parse().ok()?;
        if rest.len() != SECRET_CHARS + CHECK_CHARS || !is_plain(rest) {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_CHARS);
        let secret = &rest[..SECRET_CHARS];
        (checksum(body) == check).then(|| Self {
            id,
            hash: Token::from_text(secret).hash(),
        })
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|letter| LETTERS.contains(&letter))
}

fn checksum(body: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    letters(&crc.sum().to_be_bytes(), CHECK_CHARS)
}

/// The first `count` groups of five bits, as letters; bits beyond the end are zero.
fn letters(bytes: &[u8], count: usize) -> String {
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    (0..count)
        .map(|letter| (0..5).fold(0, |value, at| value << 1 | bit(letter * 5 + at)))
        .map(|value| char::from(LETTERS[value]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back() {
        let id = KeyId::generate();
        let (key, hash) = generate(&id);
        let text = key.expose();
        assert_eq!(text.len(), 5 + 12 + 1 + 52 + 7);
        let read = Presented::read(text).unwrap();
        assert_eq!((read.id, read.hash), (id, hash));
    }

    #[test]
    fn a_letter_that_was_mistyped_is_no_key() {
        let (key, _) = generate(&KeyId::generate());
        let text = key.expose();
        for place in 0..text.len() {
            let mut mistyped = text.clone();
            let other = if &text[place..=place] == "a" {
                "b"
            } else {
                "a"
            };
            mistyped.replace_range(place..=place, other);
            assert!(Presented::read(&mistyped).is_none(), "{mistyped}");
        }
        for other in [
            "",
            "sgbx_",
            &text[1..],
            &format!("{text}a"),
            "sgbx_é_",
            &text.to_uppercase(),
        ] {
            assert!(Presented::read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn letters_are_those_of_the_standard() {
        assert_eq!(letters(b"foobar", 10), "mzxw6ytboi");
        assert_eq!(letters(&[0xff; 32], 52), format!("{}q", "7".repeat(51)));
        assert_ne!(letters(&random::<32>(), 52), letters(&random::<32>(), 52));
    }
}
