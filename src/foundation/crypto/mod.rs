//! Envelope encryption and keyed hashes.
//!
//! Invariants:
//! - every ciphertext names the key that made it and is bound to its place (`table:column:row`),
//!   so it cannot be moved to another row and can be re-wrapped while the product runs;
//! - every column under the installation's own key stands in one list, which rotation goes through;
//! - a subject's personal data is under that subject's own key; destroying the key erases the
//!   person everywhere, in the audit log too;
//! - search goes over keyed hashes, never over plain text.

mod data_key;
mod key_file;
mod keyring;
pub mod sealed;
pub mod subject_keys;

pub use data_key::DataKey;
pub use keyring::{CryptoError, KeyFacts, KeyUse, Keyring, LOOK_EVERY, random};
pub use sealed::Sealed;
