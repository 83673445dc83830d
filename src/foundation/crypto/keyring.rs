use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::foundation::kernel::Secret;

const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + 4 + NONCE_BYTES;

#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    #[error("an encryption key is 32 bytes in base64, alone or as lines of \"number key\"")]
    KeyFormat,
    #[error("an encryption key of a single repeated byte protects nothing")]
    WeakKey,
    #[error("ciphertext under key {0}, which this process does not hold")]
    UnknownKey(u32),
    #[error("the ciphertext was changed, moved or cut")]
    Tampered,
    #[error("the key file cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// The process's keys. New ciphertexts are made under the newest; older ones still open.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<BTreeMap<u32, DerivedKeys>>,
}

struct DerivedKeys {
    seal: Secret<[u8; KEY_BYTES]>,
    token: Secret<[u8; KEY_BYTES]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?})", self.keys.keys())
    }
}

impl Keyring {
    /// Reads one base64 key, or lines of `number key` of which the highest number is in use.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        let mut keys = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (number, encoded) = match line.split_once(char::is_whitespace) {
                Some((number, encoded)) => (
                    number.parse().map_err(|_| CryptoError::KeyFormat)?,
                    encoded.trim(),
                ),
                None => (1, line),
            };
            keys.insert(number, DerivedKeys::from_base64(encoded)?);
        }
        if keys.is_empty() {
            return Err(CryptoError::KeyFormat);
        }
        Ok(Self {
            keys: Arc::new(keys),
        })
    }

    /// Reads the key file, making it (readable by its owner only) where there is none yet.
    pub fn load_or_create(path: &Path) -> Result<Self, CryptoError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        if !path.exists() {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            writeln!(file, "{}", STANDARD.encode(random::<KEY_BYTES>()))?;
            file.sync_all()?;
        }
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Encrypts for one place. `aad` is `table:column:row`.
    #[must_use]
    pub fn seal(&self, aad: &str, plaintext: &[u8]) -> Vec<u8> {
        let (number, key) = self.newest();
        let mut sealed = vec![FORMAT];
        sealed.extend(number.to_be_bytes());
        sealed.extend(seal_with(key.seal.expose(), aad, plaintext));
        sealed
    }

    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if sealed.len() < HEADER_BYTES || sealed[0] != FORMAT {
            return Err(CryptoError::Tampered);
        }
        let number = Self::key_number(sealed).ok_or(CryptoError::Tampered)?;
        let key = self
            .keys
            .get(&number)
            .ok_or(CryptoError::UnknownKey(number))?;
        open_with(key.seal.expose(), aad, &sealed[5..])
    }

    /// Which key a ciphertext is under; rotation looks for old ones.
    #[must_use]
    pub fn key_number(sealed: &[u8]) -> Option<u32> {
        let bytes = sealed.get(1..5)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A keyed hash of `value`, different for every `domain`. Tokens stay comparable across
    /// rotations, so they come from the oldest key held.
    #[must_use]
    pub fn token(&self, domain: &str, value: &str) -> [u8; 32] {
        let oldest = self.keys.values().next();
        let key = oldest.map_or([0; KEY_BYTES], |keys| *keys.token.expose());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key)
            .expect("HMAC takes a key of any length"); // cannot fail
        mac.update(&(domain.len() as u64).to_be_bytes());
        mac.update(domain.as_bytes());
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn newest(&self) -> (u32, &DerivedKeys) {
        let (number, key) = self
            .keys
            .last_key_value()
            .expect("a keyring is never empty: parse refuses one"); // cannot fail
        (*number, key)
    }
}

impl DerivedKeys {
    fn from_base64(encoded: &str) -> Result<Self, CryptoError> {
        let master: [u8; KEY_BYTES] = STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(CryptoError::KeyFormat)?;
        if master.iter().all(|byte| *byte == master[0]) {
            return Err(CryptoError::WeakKey);
        }
        let derive = |purpose: &str| {
            let mut key = [0; KEY_BYTES];
            Hkdf::<Sha256>::new(None, &master)
                .expand(purpose.as_bytes(), &mut key)
                .map_err(|_| CryptoError::KeyFormat)?;
            Ok::<_, CryptoError>(Secret::new(key))
        };
        Ok(Self {
            seal: derive("signalbox seal v1")?,
            token: derive("signalbox token v1")?,
        })
    }
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

    #[test]
    fn keys_that_are_none_are_refused() {
        for text in ["", "short", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert!(Keyring::parse(text).is_err(), "{text:?}");
        }
    }
}
