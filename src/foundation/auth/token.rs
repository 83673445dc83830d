//! Secrets that open something to whoever carries them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::Url;

use crate::foundation::crypto::random;
use crate::foundation::kernel::Secret;

pub type TokenHash = [u8; 32];

/// A bearer secret: a session's, a device's, an enrolment link's.
#[derive(Clone, Debug)]
pub struct Token(Secret<String>);

impl Token {
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(random::<32>())))
    }

    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Secret::from(text))
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Where an enrolment link with this token leads.
    #[must_use]
    pub fn enrolment_address(&self, base_url: &Url) -> Url {
        let mut address = base_url.clone();
        address.set_path(&format!("/enrol/link/{}", self.0.expose()));
        address
    }

    #[must_use]
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.expose()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_and_a_hash_that_does_not_show_them() {
        let token = Token::generate();
        assert_eq!(token.expose().len(), 43);
        assert_ne!(token.expose(), Token::generate().expose());
        assert_eq!(token.hash(), Token::from_text(token.expose()).hash());
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
