//! Envelope encryption and keyed hashes.
//!
//! Invariants:
//! - every ciphertext names the key that made it and is bound to its place (`table:column:row`),
//!   so it cannot be moved to another row and can be re-wrapped while the product runs;
//! - a subject's personal data is under that subject's own key; destroying the key erases the
//!   person everywhere, in the audit log too;
//! - search goes over keyed hashes, never over plain text.

mod data_key;
mod keyring;
pub mod subject_keys;

pub use data_key::DataKey;
pub use keyring::{CryptoError, Keyring, random};
