//! Recovery codes: the way in when the authenticator is lost. Ten of 128 bits, shown once, kept
//! only as hashes, each good for one sign-in.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::foundation::crypto::{Keyring, random};
use crate::foundation::kernel::Secret;

pub const HOW_MANY: usize = 10;
const BYTES: usize = 16;

/// A fresh set, spelled for people: eight groups of four hexadecimal digits.
#[must_use]
pub fn generate() -> Vec<Secret<String>> {
    (0..HOW_MANY)
        .map(|_| Secret::new(spell(&random::<BYTES>())))
        .collect()
}

/// The set that belongs to one sending of a form: sent twice, as by a double press, the form is answered with the
/// same codes. `sending` holds what the database does not, so that a copy of it and the key make no codes.
#[must_use]
pub fn of_sending(keyring: &Keyring, sending: &str) -> Vec<Secret<String>> {
    (0..HOW_MANY)
        .map(|number| {
            let token = keyring.token("recovery_codes", &format!("{number} {sending}"));
            let mut code = [0; BYTES];
            code.copy_from_slice(&token[..BYTES]);
            Secret::new(spell(&code))
        })
        .collect()
}

/// The hash that is stored for a typed code; `None` when it cannot be one. A plain hash is enough:
/// 128 random bits cannot be guessed from it.
#[must_use]
pub fn digest(typed: &str) -> Option<[u8; 32]> {
    let digits: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    let mut code = [0; BYTES];
    hex::decode_to_slice(digits.to_ascii_lowercase(), &mut code).ok()?;
    Some(Sha256::digest(code).into())
}

fn spell(code: &[u8; BYTES]) -> String {
    let mut spelled = String::with_capacity(BYTES * 2 + 7);
    for (at, byte) in code.iter().enumerate() {
        if at > 0 && at % 2 == 0 {
            spelled.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(spelled, "{byte:02x}");
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_different_codes_of_128_bits() {
        let codes = generate();
        let distinct: std::collections::HashSet<_> = codes
            .iter()
            .map(|code| digest(code.expose()).unwrap())
            .collect();
        assert_eq!(distinct.len(), HOW_MANY);
        assert_eq!(codes[0].expose().len(), 39);
    }

    #[test]
    fn typed_in_any_case_and_spacing() {
        let code = "00ff-1234-5678-9abc-def0-1122-3344-5566";
        let typed = " 00FF 1234 5678 9ABC DEF0 1122 3344 5566 ";
        assert_eq!(digest(code), digest(typed));
        assert!(digest(code).is_some());
        for wrong in [
            "",
            "00ff",
            "zz",
            "287082",
            "00ff-1234-5678-9abc-def0-1122-3344-55667",
        ] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
    }
}
