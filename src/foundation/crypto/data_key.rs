use super::keyring::{CryptoError, Keyring, open_with, random, seal_with};
use crate::foundation::kernel::Secret;

/// A key of its own for one large thing, such as a file. It is kept wrapped by the keyring.
pub struct DataKey(Secret<[u8; 32]>);

impl DataKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(random()))
    }

    /// The form in which it is kept. `aad` is `table:column:row`.
    #[must_use]
    pub fn wrap(&self, keyring: &Keyring, aad: &str) -> Vec<u8> {
        keyring.seal(aad, self.0.expose())
    }

    pub fn unwrap(keyring: &Keyring, aad: &str, wrapped: &[u8]) -> Result<Self, CryptoError> {
        let key = keyring.open(aad, wrapped)?;
        let key = key.try_into().map_err(|_| CryptoError::Tampered)?;
        Ok(Self(Secret::new(key)))
    }

    #[must_use]
    pub fn seal(&self, aad: &str, plaintext: &[u8]) -> Vec<u8> {
        seal_with(self.0.expose(), aad, plaintext)
    }

    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        open_with(self.0.expose(), aad, sealed)
    }
}
