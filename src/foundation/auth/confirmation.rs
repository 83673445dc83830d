//! The confirmation code of a recovery: the half that the proposing administrator gives to the person, while the
//! approving one gives them the link. It is short enough to be read over the telephone; where it is typed, tries are
//! counted. Only a keyed hash of it is kept.

use crate::foundation::crypto::{Keyring, random};
use crate::foundation::kernel::Secret;

const BYTES: usize = 8;

/// A fresh code: four groups of four hexadecimal digits.
#[must_use]
pub fn generate() -> Secret<String> {
    let digits = hex::encode(random::<BYTES>());
    let groups: Vec<&str> = (0..digits.len())
        .step_by(4)
        .map(|at| &digits[at..at + 4])
        .collect();
    Secret::new(groups.join("-"))
}

/// The hash that is kept for a typed code; nothing where it cannot be one.
#[must_use]
pub fn digest(keyring: &Keyring, typed: &str) -> Option<[u8; 32]> {
    let digits: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let is_code = digits.len() == BYTES * 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_code.then(|| keyring.token("confirmation", &digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_any_case_and_spacing() {
        let keyring = Keyring::parse("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=").unwrap();
        let code = generate();
        assert_eq!(code.expose().len(), 19);
        assert_ne!(code.expose(), generate().expose());
        let kept = digest(&keyring, code.expose());
        let typed = code.expose().to_uppercase().replace('-', " ");
        assert_eq!(digest(&keyring, &format!(" {typed} ")), kept);
        for wrong in ["", "0000", "zzzz-zzzz-zzzz-zzzz", "0000-0000-0000-00000"] {
            assert_eq!(digest(&keyring, wrong), None, "{wrong}");
        }
    }
}
