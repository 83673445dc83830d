use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::key_file::{self, Keys};

const FORMAT: u8 = 1;
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + 4 + NONCE_BYTES;

/// How often a process that writes looks whether its key file has changed. After this long, and the time that a
/// transaction takes, nothing is written under an older key any more.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    #[error(
        "an encryption key is 32 bytes in base64, alone or as lines of \"number key\", one of them in use"
    )]
    KeyFormat,
    #[error("two encryption keys have the number {0}")]
    Twice(u32),
    #[error("an encryption key of a single repeated byte protects nothing")]
    WeakKey,
    #[error("ciphertext under key {0}, which this process does not hold")]
    UnknownKey(u32),
    #[error("the ciphertext was changed, moved or cut")]
    Tampered,
    #[error("the key file cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// The process's keys. New ciphertexts are made under the newest in use; older ones still open. Where they come from a
/// file, a key that is added to it is learned while the process runs: before anything is written under an older one for
/// long, and at once when a ciphertext names it.
#[derive(Clone)]
pub struct Keyring(Arc<Ring>);

struct Ring {
    file: Option<PathBuf>,
    held: RwLock<Held>,
}

struct Held {
    keys: Arc<Keys>,
    looked_at: Instant,
    /// The file's when the keys were read.
    changed_at: Option<SystemTime>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Known everywhere before it is put to use.
    Next,
    /// New ciphertexts are made under it.
    InUse,
    /// Opens what has been made under it.
    Older,
    /// Retired: only what makes tokens is left of it.
    TokensOnly,
}

impl KeyUse {
    /// Whether what stands under the key can be opened.
    #[must_use]
    pub const fn opens(self) -> bool {
        !matches!(self, Self::TokensOnly)
    }
}

/// What is known of a key without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    pub number: u32,
    /// Unknown where nobody wrote it down.
    pub since: Option<DateTime<Utc>>,
    pub used: KeyUse,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?})", self.keys().keys())
    }
}

impl Keyring {
    /// Reads one base64 key, or lines of `number key` of which the highest number is in use.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        Ok(Self::new(None, key_file::parse(text)?, None))
    }

    /// Reads a key file, and goes on reading it when it changes.
    pub fn load(path: &Path) -> Result<Self, CryptoError> {
        let changed_at = std::fs::metadata(path)?.modified().ok();
        let keys = key_file::parse(&std::fs::read_to_string(path)?)?;
        Ok(Self::new(Some(path.to_owned()), keys, changed_at))
    }

    /// [`Keyring::load`], making the file (readable by its owner only) where there is none yet.
    pub fn load_or_create(path: &Path, now: DateTime<Utc>) -> Result<Self, CryptoError> {
        key_file::create(path, now)?;
        Self::load(path)
    }

    /// Adds a key to a key file and puts it to use. Returns its number.
    pub fn add_to_file(path: &Path, now: DateTime<Utc>) -> Result<u32, CryptoError> {
        key_file::change(path, |text| key_file::with_new_key(text, now))
    }

    /// Takes a key out of a key file. Nothing may stand under it any more.
    pub fn retire_in_file(path: &Path, number: u32) -> Result<(), CryptoError> {
        key_file::change(path, |text| Ok((key_file::without_key(text, number)?, ())))
    }

    /// A fresh key as a line for a key file.
    #[must_use]
    pub fn new_line(number: u32, now: DateTime<Utc>) -> String {
        key_file::new_line(number, now)
    }

    /// The lines that a key text has once `number` is retired, for whoever keeps it themselves.
    pub fn retired(text: &str, number: u32) -> Result<String, CryptoError> {
        key_file::without_key(text, number)
    }

    /// All keys, oldest first, with their ages.
    #[must_use]
    pub fn facts(&self) -> Vec<KeyFacts> {
        let keys = self.look();
        let in_use = key_file::in_use(&keys).map(|(number, _)| number);
        keys.iter()
            .map(|(number, key)| KeyFacts {
                number: *number,
                since: key.since,
                used: match &key.seal {
                    None => KeyUse::TokensOnly,
                    Some(_) if Some(*number) == in_use => KeyUse::InUse,
                    Some(_) if key.is_next => KeyUse::Next,
                    Some(_) => KeyUse::Older,
                },
            })
            .collect()
    }

    /// The number of the key under which new ciphertexts are made.
    #[must_use]
    pub fn newest(&self) -> u32 {
        key_file::in_use(&self.look()).map_or(0, |(number, _)| number)
    }

    fn new(file: Option<PathBuf>, keys: Keys, changed_at: Option<SystemTime>) -> Self {
        Self(Arc::new(Ring {
            file,
            held: RwLock::new(Held {
                keys: Arc::new(keys),
                looked_at: Instant::now(),
                changed_at,
            }),
        }))
    }

    fn keys(&self) -> Arc<Keys> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        held.keys.clone()
    }

    /// The keys, after a look at the file if the last one was a while ago.
    fn look(&self) -> Arc<Keys> {
        let looked_at = {
            let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
            held.looked_at
        };
        if self.0.file.is_some() && looked_at.elapsed() >= LOOK_EVERY {
            self.reload();
        }
        self.keys()
    }

    /// Reads the file again if it has changed. One that cannot be used leaves everything as it was: a process that
    /// works goes on working.
    pub fn reload(&self) {
        let Some(path) = &self.0.file else {
            return;
        };
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        held.looked_at = Instant::now();
        let changed_at = std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .ok();
        if changed_at.is_some() && changed_at == held.changed_at {
            return;
        }
        let read = std::fs::read_to_string(path)
            .map_err(CryptoError::from)
            .and_then(|text| key_file::parse(&text));
        match read {
            Ok(keys) if oldest(&keys) == oldest(&held.keys) => {
                held.keys = Arc::new(keys);
                held.changed_at = changed_at;
            }
            Ok(_) => tracing::error!(
                file = %path.display(),
                "the key file has another oldest key, so it is another installation's; the keys stay as they were"
            ),
            Err(error) => tracing::error!(
                file = %path.display(), %error,
                "the key file has changed and cannot be used; the keys stay as they were"
            ),
        }
    }

    /// Encrypts for one place. `aad` is `table:column:row`.
    #[must_use]
    pub fn seal(&self, aad: &str, plaintext: &[u8]) -> Vec<u8> {
        let keys = self.look();
        let (number, key) =
            key_file::in_use(&keys).expect("a text of keys without one to use is refused"); // cannot fail
        let mut sealed = vec![FORMAT];
        sealed.extend(number.to_be_bytes());
        sealed.extend(seal_with(key.expose(), aad, plaintext));
        sealed
    }

    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if sealed.len() < HEADER_BYTES || sealed[0] != FORMAT {
            return Err(CryptoError::Tampered);
        }
        let number = Self::key_number(sealed).ok_or(CryptoError::Tampered)?;
        let mut keys = self.keys();
        if seal_key(&keys, number).is_none() {
            // Somebody else has learned of it first.
            self.reload();
            keys = self.keys();
        }
        let key = seal_key(&keys, number).ok_or(CryptoError::UnknownKey(number))?;
        open_with(key, aad, &sealed[5..])
    }

    /// Which key a ciphertext is under; rotation looks for old ones.
    #[must_use]
    pub fn key_number(sealed: &[u8]) -> Option<u32> {
        let bytes = sealed.get(1..5)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A keyed hash of `value`, different for every `domain`. Tokens stay comparable across
    /// rotations, so they come from the oldest key, of which this half stays when it is retired.
    #[must_use]
    pub fn token(&self, domain: &str, value: &str) -> [u8; 32] {
        let key = oldest(&self.keys());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key)
            .expect("HMAC takes a key of any length"); // cannot fail
        mac.update(&(domain.len() as u64).to_be_bytes());
        mac.update(domain.as_bytes());
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The half of the oldest key that makes tokens.
fn oldest(keys: &Keys) -> [u8; KEY_BYTES] {
    keys.values()
        .next()
        .map_or([0; KEY_BYTES], |key| *key.token.expose())
}

fn seal_key(keys: &Keys, number: u32) -> Option<&[u8; KEY_BYTES]> {
    Some(keys.get(&number)?.seal.as_ref()?.expose())
}

/// Random bytes for keys, salts, nonces and tokens, from the operating system's generator.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}

pub(super) fn seal_with(key: &[u8; KEY_BYTES], aad: &str, plaintext: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = random();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plaintext,
                aad: aad.as_bytes(),
            },
        )
        .expect("only a message of over 256 GiB is refused"); // cannot fail
    [nonce.as_slice(), &sealed].concat()
}

pub(super) fn open_with(
    key: &[u8; KEY_BYTES],
    aad: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (nonce, ciphertext) = sealed
        .split_at_checked(NONCE_BYTES)
        .ok_or(CryptoError::Tampered)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| CryptoError::Tampered)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: ciphertext,
                aad: aad.as_bytes(),
            },
        )
        .map_err(|_| CryptoError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
    const NEW: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let keyring = Keyring::parse(OLD).unwrap();
        let sealed = keyring.seal("person:totp:1", b"seed");
        assert_eq!(keyring.open("person:totp:1", &sealed).unwrap(), b"seed");
        assert!(matches!(
            keyring.open("person:totp:2", &sealed),
            Err(CryptoError::Tampered)
        ));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let keyring = Keyring::parse(OLD).unwrap();
        let sealed = keyring.seal("a", b"b");
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(keyring.open("a", &changed).is_err(), "byte {position}");
        }
        assert!(keyring.open("a", &sealed[..10]).is_err());
    }

    #[test]
    fn an_old_ciphertext_opens_after_rotation_and_new_ones_use_the_new_key() {
        let old = Keyring::parse(OLD).unwrap();
        let sealed = old.seal("a", b"b");
        let both = Keyring::parse(&format!("1 {OLD}\n2 {NEW}\n")).unwrap();
        assert_eq!(both.open("a", &sealed).unwrap(), b"b");
        assert_eq!(Keyring::key_number(&both.seal("a", b"b")), Some(2));
        assert_eq!(both.token("name", "x"), old.token("name", "x"));
        assert!(matches!(
            old.open("a", &both.seal("a", b"b")),
            Err(CryptoError::UnknownKey(2))
        ));
    }

    #[test]
    fn tokens_depend_on_their_domain() {
        let keyring = Keyring::parse(OLD).unwrap();
        assert_ne!(keyring.token("name", "x"), keyring.token("phone", "x"));
        assert_ne!(keyring.token("ab", "c"), keyring.token("a", "bc"));
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    /// File systems count time coarsely; a change in the same tick has to be seen all the same.
    fn rewrite(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        let later = SystemTime::now() + Duration::from_secs(5);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(later).unwrap();
    }

    fn wait_for_the_next_look(keyring: &Keyring) {
        let mut held = keyring.0.held.write().unwrap();
        held.looked_at = Instant::now().checked_sub(LOOK_EVERY).unwrap();
    }

    #[test]
    fn a_key_that_a_ciphertext_names_is_learned_at_once() {
        let (_folder, path) = file(OLD);
        let running = Keyring::load(&path).unwrap();
        rewrite(&path, &format!("1 {OLD}\n2 {NEW}\n"));
        let elsewhere = Keyring::load(&path).unwrap().seal("a", b"b");
        assert_eq!(Keyring::key_number(&elsewhere), Some(2));
        assert_eq!(running.open("a", &elsewhere).unwrap(), b"b");
    }

    #[test]
    fn a_writer_looks_for_a_new_key_now_and_then() {
        let (_folder, path) = file(OLD);
        let running = Keyring::load(&path).unwrap();
        rewrite(&path, &format!("1 {OLD}\n2 {NEW}\n"));
        wait_for_the_next_look(&running);
        assert_eq!(running.newest(), 2);
        assert_eq!(Keyring::key_number(&running.seal("a", b"b")), Some(2));
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_keys_as_they_were() {
        let (_folder, path) = file(OLD);
        let running = Keyring::load(&path).unwrap();
        let sealed = running.seal("a", b"b");
        for broken in ["", "nonsense", NEW] {
            rewrite(&path, broken);
            wait_for_the_next_look(&running);
            assert_eq!(running.open("a", &running.seal("a", b"b")).unwrap(), b"b");
            assert_eq!(running.open("a", &sealed).unwrap(), b"b", "{broken:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_retired_key_makes_tokens_and_opens_nothing() {
        let both = Keyring::parse(&format!("1 {OLD}\n2 {NEW}\n")).unwrap();
        let sealed = Keyring::parse(OLD).unwrap().seal("a", b"b");
        let text = Keyring::retired(&format!("1 {OLD}\n2 {NEW}\n"), 1).unwrap();
        let left = Keyring::parse(&text).unwrap();
        assert_eq!(left.token("name", "x"), both.token("name", "x"));
        assert!(matches!(
            left.open("a", &sealed),
            Err(CryptoError::UnknownKey(1))
        ));
        let uses: Vec<_> = left.facts().iter().map(|key| key.used).collect();
        assert_eq!(uses, [KeyUse::TokensOnly, KeyUse::InUse]);
    }
}
