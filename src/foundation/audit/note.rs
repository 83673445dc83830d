//! Checkpoints: what the sealer signs (C2SP signed-note and tlog-checkpoint, Ed25519).
//!
//! A checkpoint is three lines (origin, size, root) without extension lines, a blank line and
//! signature lines. The key is named after the instance, not after one log: both logs and all
//! their epochs are signed by one key, whose name begins each origin.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::tree::Hash;

/// The signature type byte of Ed25519 in C2SP signed-note.
const ED25519: u8 = 0x01;

/// What a line with a private key begins with.
const SECRET_KEY: &str = "PRIVATE+KEY+";

/// What every signature line begins with.
pub(super) const SIGNATURE_MARK: &str = "— ";

/// More signatures than any witness arrangement needs.
const MAX_SIGNATURES: usize = 16;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    #[error("not signed by {0}, with none of the keys given")]
    NotSigned(String),
    #[error("the signature of {0} does not hold")]
    BadSignature(String),
    #[error("not a verification key: {0}")]
    BadKey(&'static str),
}

/// The state of a log: its name, how many events, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        )
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.split_terminator('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(Error::Malformed("a checkpoint has exactly three lines"));
        };
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size
                .parse()
                .map_err(|_| Error::Malformed("the size is not a number"))?,
            root: root.ok_or(Error::Malformed("the root is not 32 bytes of base64"))?,
        };
        if origin.is_empty() || checkpoint.text() != text {
            return Err(Error::Malformed(
                "the checkpoint is not in its one spelling",
            ));
        }
        Ok(checkpoint)
    }
}

/// A checkpoint with its signatures, as it was read; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub checkpoint: Checkpoint,
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    key_hash: [u8; 4],
    signature: Vec<u8>,
}

impl SignedCheckpoint {
    /// Reads one signed note and nothing after it.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let (text, signatures) = note
            .split_once("\n\n")
            .ok_or(Error::Malformed("no signatures"))?;
        let checkpoint = Checkpoint::parse(&format!("{text}\n"))?;
        let lines = signatures
            .strip_suffix('\n')
            .ok_or(Error::Malformed("no newline at the end"))?;
        let signatures = lines
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(Error::Malformed("too many signatures"));
        }
        Ok(Self {
            checkpoint,
            signatures,
        })
    }

    /// [`Self::verify`] under one of several keys: a log that changed its key has checkpoints of each.
    pub fn verify_any(&self, keys: &[VerificationKey]) -> Result<(), Error> {
        let mut outcome = Err(Error::BadKey("none was given"));
        for key in keys {
            match self.verify(key) {
                Ok(()) => return Ok(()),
                // A signature that is there and wrong says more than one that is not.
                Err(error @ Error::BadSignature(_)) => return Err(error),
                error => outcome = error,
            }
        }
        outcome
    }

    /// Holds the checkpoint to being signed by `key` and to an origin under the key's name.
    pub fn verify(&self, key: &VerificationKey) -> Result<(), Error> {
        let ours = |s: &&NoteSignature| s.name == key.name && s.key_hash == key.key_hash();
        let found = self
            .signatures
            .iter()
            .find(ours)
            .ok_or_else(|| Error::NotSigned(key.name.clone()))?;
        let bad = || Error::BadSignature(key.name.clone());
        let signature = Signature::from_slice(&found.signature).map_err(|_| bad())?;
        key.public
            .verify_strict(self.checkpoint.text().as_bytes(), &signature)
            .map_err(|_| bad())?;
        let under_our_name = self
            .checkpoint
            .origin
            .strip_prefix(&key.name)
            .is_some_and(|rest| rest.starts_with('/'));
        if under_our_name {
            Ok(())
        } else {
            Err(Error::Malformed(
                "the origin does not begin with the key's name",
            ))
        }
    }
}

/// The note as it was read.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.checkpoint.text())?;
        for each in &self.signatures {
            let bytes = [each.key_hash.as_slice(), &each.signature].concat();
            writeln!(
                f,
                "{SIGNATURE_MARK}{} {}",
                each.name,
                STANDARD.encode(bytes)
            )?;
        }
        Ok(())
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, Error> {
        let malformed = Error::Malformed("a signature line is not `— name base64`");
        let Some((name, encoded)) = line
            .strip_prefix(SIGNATURE_MARK)
            .and_then(|rest| rest.split_once(' '))
        else {
            return Err(malformed);
        };
        let Ok(bytes) = STANDARD.decode(encoded) else {
            return Err(malformed);
        };
        match bytes.split_first_chunk::<4>() {
            Some((key_hash, signature)) if is_key_name(name) && !signature.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_hash: *key_hash,
                signature: signature.to_vec(),
            }),
            _ => Err(malformed),
        }
    }
}

/// Reads a file of signed checkpoints, one after the other, blank lines between them allowed:
/// the sealer's anchor file, or checkpoints that somebody kept and put together with `cat`.
pub fn parse_all(text: &str) -> Result<Vec<SignedCheckpoint>, Error> {
    let mut notes = Vec::new();
    let mut rest = text.trim_start_matches('\n');
    while !rest.is_empty() {
        let mut end = rest.find("\n\n").ok_or(Error::Malformed("no signatures"))? + 2;
        while rest[end..].starts_with(SIGNATURE_MARK) {
            end += rest[end..]
                .find('\n')
                .ok_or(Error::Malformed("no newline at the end"))?
                + 1;
        }
        notes.push(SignedCheckpoint::parse(&rest[..end])?);
        rest = rest[end..].trim_start_matches('\n');
    }
    Ok(notes)
}

/// The sealer's private key with its name.
pub struct CheckpointSigner {
    name: String,
    key: SigningKey,
}

impl CheckpointSigner {
    /// `None` when the name could not stand in a note: it has white space or a plus sign.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        is_key_name(name).then(|| Self {
            name: name.to_owned(),
            key: SigningKey::from_bytes(seed),
        })
    }

    /// Reads the line that [`Self::to_secret_line`] wrote.
    pub fn from_secret_line(line: &str) -> Result<Self, Error> {
        let rest = line
            .strip_prefix(SECRET_KEY)
            .ok_or(Error::BadKey("it does not begin with PRIVATE+KEY"))?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BadKey("it is not PRIVATE+KEY+name+hash+key"));
        };
        let bytes = Zeroizing::new(
            STANDARD
                .decode(key)
                .map_err(|_| Error::BadKey("its last part is not base64"))?,
        );
        let seed = match bytes.split_first() {
            Some((&ED25519, seed)) => <&[u8; 32]>::try_from(seed).ok(),
            _ => None,
        };
        let signer = seed
            .and_then(|seed| Self::new(name, seed))
            .ok_or(Error::BadKey("it is not an Ed25519 key"))?;
        if hex::encode(signer.verification_key().key_hash()) == hash {
            Ok(signer)
        } else {
            Err(Error::BadKey("its hash does not fit its name and key"))
        }
    }

    /// The private key as other programs for signed notes keep it.
    pub fn to_secret_line(&self) -> Zeroizing<String> {
        let hash = hex::encode(self.verification_key().key_hash());
        let bytes = Zeroizing::new([&[ED25519], self.key.as_bytes().as_slice()].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&*bytes));
        Zeroizing::new(format!("{SECRET_KEY}{}+{hash}+{}", self.name, *encoded))
    }

    pub fn verification_key(&self) -> VerificationKey {
        VerificationKey {
            name: self.name.clone(),
            public: self.key.verifying_key(),
        }
    }

    /// The whole signed note.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let mut bytes = self.verification_key().key_hash().to_vec();
        bytes.extend(self.key.sign(text.as_bytes()).to_bytes());
        format!(
            "{text}\n{SIGNATURE_MARK}{} {}\n",
            self.name,
            STANDARD.encode(bytes)
        )
    }
}

/// What a verifier must get from outside: `name+hash+base64(0x01 || public key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    name: String,
    public: VerifyingKey,
}

impl VerificationKey {
    pub fn name(&self) -> &str {
        &self.name
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = vec![ED25519];
        bytes.extend(self.public.as_bytes());
        bytes
    }

    fn key_hash(&self) -> [u8; 4] {
        let digest: Hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update(b"\n")
            .chain_update(self.encoded())
            .finalize()
            .into();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.key_hash()),
            STANDARD.encode(self.encoded())
        )
    }
}

impl FromStr for VerificationKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BadKey("it is not name+hash+key"));
        };
        if !is_key_name(name) {
            return Err(Error::BadKey("its name is empty or has white space"));
        }
        let bytes = STANDARD
            .decode(key)
            .map_err(|_| Error::BadKey("its last part is not base64"))?;
        let public = match bytes.split_first() {
            Some((&ED25519, public)) => public.try_into().ok(),
            _ => None,
        };
        let public = public
            .and_then(|public| VerifyingKey::from_bytes(public).ok())
            .ok_or(Error::BadKey("it is not an Ed25519 key"))?;
        let key = Self {
            name: name.to_owned(),
            public,
        };
        if hex::encode(key.key_hash()) == hash {
            Ok(key)
        } else {
            Err(Error::BadKey("its hash does not fit its name and key"))
        }
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> CheckpointSigner {
        CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "signalbox.test/main/1".into(),
            size: 20,
            root: [9; 32],
        }
    }

    #[test]
    fn a_signed_checkpoint_verifies_under_its_key_only() {
        let note = signer().sign(&checkpoint());
        let signed = SignedCheckpoint::parse(&note).unwrap();
        assert_eq!(signed.checkpoint, checkpoint());
        assert_eq!(signed.verify(&signer().verification_key()), Ok(()));
        assert_eq!(signed.to_string(), note);
        let other = CheckpointSigner::new("signalbox.test", &[8; 32]).unwrap();
        assert!(matches!(
            signed.verify(&other.verification_key()),
            Err(Error::NotSigned(_))
        ));
    }

    #[test]
    fn an_origin_outside_the_keys_name_is_refused() {
        let elsewhere = Checkpoint {
            origin: "signalbox.test2/main/1".into(),
            ..checkpoint()
        };
        let signed = SignedCheckpoint::parse(&signer().sign(&elsewhere)).unwrap();
        assert!(signed.verify(&signer().verification_key()).is_err());
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let note = signer().sign(&checkpoint());
        let key = signer().verification_key();
        for position in 0..note.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = note.clone().into_bytes();
                bytes[position] ^= flip;
                let verified = String::from_utf8(bytes).is_ok_and(|text| {
                    SignedCheckpoint::parse(&text).is_ok_and(|s| s.verify(&key).is_ok())
                });
                assert!(!verified, "byte {position} xor {flip:#x}");
            }
        }
    }

    #[test]
    fn extension_lines_and_other_spellings_are_refused() {
        let root = STANDARD.encode([9; 32]);
        for text in [
            format!("o\n20\n{root}\nextension\n"),
            format!("o\n020\n{root}\n"),
            format!("o\n+20\n{root}\n"),
            format!("\n20\n{root}\n"),
            format!("o\n20\n{}\n", root.trim_end_matches('=')),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_verification_key_round_trips_and_is_checked() {
        let key = signer().verification_key();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert!(
            text.replace("test", "tess")
                .parse::<VerificationKey>()
                .is_err()
        );
        assert!("a+b".parse::<VerificationKey>().is_err());
    }

    #[test]
    fn a_private_key_round_trips() {
        let line = signer().to_secret_line();
        let again = CheckpointSigner::from_secret_line(&line).unwrap();
        assert_eq!(again.verification_key(), signer().verification_key());
        assert!(CheckpointSigner::from_secret_line(&line.replace("test", "tess")).is_err());
        // Made by the Go `note` package, as is its public half below.
        let foreign =
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let key = CheckpointSigner::from_secret_line(foreign)
            .unwrap()
            .verification_key();
        assert_eq!(
            key.to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
    }

    /// The example key of the Go `note` package, which the C2SP specification was written from.
    #[test]
    fn reads_a_key_that_another_program_made() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(key.parse::<VerificationKey>().unwrap().to_string(), key);
    }

    #[test]
    fn many_notes_stand_in_one_file() {
        let note = signer().sign(&checkpoint());
        for file in [format!("{note}{note}"), format!("{note}\n{note}\n\n")] {
            assert_eq!(parse_all(&file).unwrap().len(), 2);
        }
        assert_eq!(parse_all("").unwrap().len(), 0);
        assert!(parse_all(&note[..note.len() - 9]).is_err());
    }
}
