//! Passwords: argon2id, bounded in number, and never a difference between known and unknown names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::rt::task::spawn_blocking;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::Score;

use crate::foundation::config::PasswordConfig;
use crate::foundation::kernel::Secret;

pub const SHORTEST_CHARS: usize = 12;
pub const LONGEST_CHARS: usize = 128;

/// How long a sign-in waits for its turn to hash before it is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const LANES: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("too many passwords are being checked at once")]
    Busy,
    #[error("a password could not be hashed: {0}")]
    Hash(String),
}

/// Why a password is not accepted. There are no composition rules: length and being hard to guess
/// are what counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("Use at least {SHORTEST_CHARS} characters.")]
    TooShort,
    #[error("Use at most {LONGEST_CHARS} characters.")]
    TooLong,
    #[error("This password is too easy to guess. {0}")]
    Guessable(String),
}

/// Refuses passwords that are too short, too long or guessable. `inputs` are words that an attacker
/// would try first for this person: the e-mail, the name, the product.
pub fn check_strength(password: &str, inputs: &[&str]) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < SHORTEST_CHARS {
        return Err(Weak::TooShort);
    }
    if length > LONGEST_CHARS {
        return Err(Weak::TooLong);
    }
    let words = guesses(inputs);
    if is_made_of(password, &words) {
        let advice = "It is made of words that belong to you or to this product.";
        return Err(Weak::Guessable(advice.to_owned()));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let estimate = zxcvbn::zxcvbn(password, &words);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let advice = estimate
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning)
        .map_or_else(
            || "Add a few unrelated words.".to_owned(),
            |warning| warning.to_string(),
        );
    Err(Weak::Guessable(advice))
}

/// Whether nothing is left of it without these words, digits and signs, however often they are repeated.
fn is_made_of(password: &str, words: &[String]) -> bool {
    const FEWEST_LEFT: usize = 4;
    let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let bare = words.iter().fold(password.to_lowercase(), |rest, word| {
        rest.replace(word.as_str(), " ")
    });
    let left = bare.chars().filter(|each| each.is_alphabetic());
    bare != password.to_lowercase() && left.count() < FEWEST_LEFT
}

/// What somebody who knows the person would try: their words alone, as given, and run together.
fn guesses(inputs: &[&str]) -> Vec<String> {
    const BETWEEN: [char; 6] = ['@', '.', ' ', '-', '_', '+'];
    let mut words = vec!["signalbox".to_owned()];
    for input in inputs {
        words.push((*input).to_owned());
        words.push(input.replace(BETWEEN, ""));
        words.extend(input.split(BETWEEN).map(str::to_owned));
    }
    words.retain(|word| word.len() > 2);
    words
}

/// Hashes and verifies. Clones share the gate that bounds how many hashes run at once: each takes
/// its whole memory cost, so a flood of sign-ins must not multiply it.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    gate: Arc<Semaphore>,
    /// Verified against where there is no account, so that both cases do the same work.
    dummy: Arc<str>,
    done: Arc<AtomicU64>,
}

impl Hasher {
    pub fn new(config: PasswordConfig) -> Result<Self, Error> {
        let params = Params::new(config.memory_kib, config.passes, LANES, None)
            .map_err(|error| Error::Hash(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let permits = std::thread::available_parallelism().map_or(2, usize::from);
        let dummy = hash_with(&argon2, "no account has this password")?;
        Ok(Self {
            argon2,
            gate: Arc::new(Semaphore::new(permits)),
            dummy: dummy.into(),
            done: Arc::default(),
        })
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, Error> {
        let hasher = self.clone();
        self.in_turn(move || hasher.hash_now(&password)).await?
    }

    /// Whether the password is the stored one. Without a stored hash the answer is no, after the
    /// same work.
    pub async fn verify(
        &self,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<bool, Error> {
        let hasher = self.clone();
        self.in_turn(move || hasher.verify_now(&password, stored.as_deref()))
            .await
    }

    /// As [`Hasher::hash`], on this thread: for the command line and for seeding.
    pub fn hash_now(&self, password: &Secret<String>) -> Result<String, Error> {
        self.done.fetch_add(1, Ordering::Relaxed);
        hash_with(&self.argon2, password.expose())
    }

    /// How many hashes this process has computed.
    pub fn hashes_done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn verify_now(&self, password: &Secret<String>, stored: Option<&str>) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed);
        let normal = normalise(password.expose());
        let matches = PasswordHash::new(stored.unwrap_or(&self.dummy)).is_ok_and(|hash| {
            self.argon2
                .verify_password(normal.expose().as_bytes(), &hash)
                .is_ok()
        });
        matches && stored.is_some()
    }

    /// Runs a hash on a blocking thread, holding one permit, and no database connection.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.permit().await?;
        spawn_blocking(move || {
            let _held = permit;
            work()
        })
        .await
        .map_err(|error| Error::Hash(error.to_string()))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = Arc::clone(&self.gate).acquire_owned();
        tokio::time::timeout(LONGEST_WAIT, turn)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(Error::Busy)
    }
}

fn hash_with(argon2: &Argon2<'_>, password: &str) -> Result<String, Error> {
    argon2
        .hash_password(normalise(password).expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Hash(error.to_string()))
}

/// One person's keyboard composes "é" and another's does not: both mean the same password.
fn normalise(password: &str) -> Secret<String> {
    Secret::new(password.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordConfig = PasswordConfig {
        memory_kib: 8,
        passes: 1,
    };

    #[test]
    fn strength() {
        let check =
            |password: &str| check_strength(password, &["ada.byron@example.org", "Ada Byron"]);
        assert_eq!(check("short-1!"), Err(Weak::TooShort));
        assert_eq!(check(&"x7 ".repeat(50)), Err(Weak::TooLong));
        assert!(matches!(check("password1234"), Err(Weak::Guessable(_))));
        assert!(matches!(
            check("ada.byron@example.org"),
            Err(Weak::Guessable(_))
        ));
        assert!(matches!(check("AdaByron2026"), Err(Weak::Guessable(_))));
        for of_us in [
            "signalbox2026",
            "signalbox signalbox",
            "Signalbox-signalbox",
            "byron, ada & signalbox",
        ] {
            assert!(matches!(check(of_us), Err(Weak::Guessable(_))), "{of_us}");
        }
        assert_eq!(check("signalbox orchard vivid tram"), Ok(()));
        assert_eq!(check("lamp orchard vivid tram"), Ok(()));
        assert_eq!(check("ünïcødé ist hier ganz in Ordnung"), Ok(()));
    }

    #[test]
    fn stored_hashes_carry_the_documented_cost() {
        let standard = PasswordConfig {
            memory_kib: 19_456,
            passes: 2,
        };
        let hash = Hasher::new(standard)
            .unwrap()
            .hash_now(&Secret::from("lamp orchard vivid tram"))
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
    }

    #[actix_web::test]
    async fn only_the_right_password_verifies_and_composition_does_not_matter() {
        let hasher = Hasher::new(CHEAP).unwrap();
        let stored = hasher
            .hash(Secret::from("caf\u{e9} orchard vivid"))
            .await
            .unwrap();
        let verify = |password: &'static str, stored: Option<String>| {
            let hasher = hasher.clone();
            async move { hasher.verify(Secret::from(password), stored).await.unwrap() }
        };
        assert!(verify("cafe\u{301} orchard vivid", Some(stored.clone())).await);
        assert!(!verify("cafe orchard vivid", Some(stored)).await);
        assert!(!verify("no account has this password", None).await);
        assert!(!verify("anything", Some("not a hash".into())).await);
    }

    #[actix_web::test]
    async fn known_and_unknown_names_cost_one_hash() {
        let hasher = Hasher::new(CHEAP).unwrap();
        let stored = hasher
            .hash(Secret::from("lamp orchard vivid tram"))
            .await
            .unwrap();
        for stored in [Some(stored), None] {
            let before = hasher.hashes_done();
            hasher.verify(Secret::from("wrong"), stored).await.unwrap();
            assert_eq!(hasher.hashes_done() - before, 1);
        }
    }
}
