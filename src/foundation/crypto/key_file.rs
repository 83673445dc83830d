//! How the installation's keys are written down: in a file of the data folder, or in what
//! `SIGNALBOX_ENCRYPTION_KEY` and `SIGNALBOX_ENCRYPTION_KEY_FILE` give.
//!
//! One base64 key alone is key 1. Else each line is `number key [since] [next]`, or `number token key` for what is left
//! of a key that has been retired. `next` marks a key that is known and not in use yet, so that every machine can be
//! given it before any writes under it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use hkdf::Hkdf;
use rustix::fs::{FlockOperation, flock};
use sha2::Sha256;

use super::keyring::{CryptoError, KEY_BYTES, random};
use crate::foundation::kernel::Secret;

const NEXT: &str = "next";
const TOKEN: &str = "token";

/// One key of the installation.
pub(super) struct Key {
    /// Nothing once it has been retired: what stood under it cannot be opened any more.
    pub seal: Option<Secret<[u8; KEY_BYTES]>>,
    pub token: Secret<[u8; KEY_BYTES]>,
    pub since: Option<DateTime<Utc>>,
    pub is_next: bool,
}

pub(super) type Keys = BTreeMap<u32, Key>;

/// The keys of a text, of which one at least can be used.
pub(super) fn parse(text: &str) -> Result<Keys, CryptoError> {
    let mut keys = Keys::new();
    for line in lines(text) {
        let (number, key) = parse_line(line)?;
        if keys.insert(number, key).is_some() {
            return Err(CryptoError::Twice(number));
        }
    }
    if in_use(&keys).is_none() {
        return Err(CryptoError::KeyFormat);
    }
    Ok(keys)
}

/// The key under which new ciphertexts are made.
pub(super) fn in_use(keys: &Keys) -> Option<(u32, &Secret<[u8; KEY_BYTES]>)> {
    let usable = keys.iter().rev().filter(|(_, key)| !key.is_next);
    let mut usable = usable.filter_map(|(number, key)| Some((*number, key.seal.as_ref()?)));
    usable.next()
}

/// A fresh key as a line of its own.
pub(super) fn new_line(number: u32, now: DateTime<Utc>) -> String {
    let key = STANDARD.encode(random::<KEY_BYTES>());
    let since = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{number} {key} {since}")
}

/// The text with one key more, which is in use from now on, and its number.
pub(super) fn with_new_key(text: &str, now: DateTime<Utc>) -> Result<(String, u32), CryptoError> {
    let newest = parse(text)?
        .last_key_value()
        .map_or(0, |(number, _)| *number);
    let number = newest.checked_add(1).ok_or(CryptoError::KeyFormat)?;
    let kept: Vec<&str> = lines(text).collect();
    let line = new_line(number, now);
    Ok((format!("{}\n{line}\n", kept.join("\n")), number))
}

/// The text without key `number`. What is left of the oldest key makes the tokens, which have to stay comparable.
pub(super) fn without_key(text: &str, number: u32) -> Result<String, CryptoError> {
    let keys = parse(text)?;
    let is_oldest = keys
        .first_key_value()
        .is_some_and(|(oldest, _)| *oldest == number);
    let mut kept = String::new();
    for line in lines(text) {
        let (of, key) = parse_line(line)?;
        if of != number {
            kept += line;
        } else if is_oldest {
            kept += &format!("{number} {TOKEN} {}", STANDARD.encode(key.token.expose()));
        } else {
            continue;
        }
        kept.push('\n');
    }
    parse(&kept)?;
    Ok(kept)
}

/// Changes a key file in one step, so that whoever reads it finds the old text or the new one. Two who change it wait
/// for each other. It stays its owner's, who may be somebody else than whoever runs the command.
pub(super) fn change<T>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(String, T), CryptoError>,
) -> Result<T, CryptoError> {
    let held = hold(path)?;
    let (text, told) = change(&std::fs::read_to_string(path)?)?;
    parse(&text)?;
    let owner = held.metadata()?;
    let beside = path.with_extension("new");
    // One that a crash has left behind is nobody's: we hold the file.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut fresh = private_file(&beside)?;
    fchown(&fresh, Some(owner.uid()), Some(owner.gid()))?;
    fresh.write_all(text.as_bytes())?;
    fresh.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(told)
}

/// Makes the file with its first key, unless it is there.
pub(super) fn create(path: &Path, now: DateTime<Utc>) -> Result<(), CryptoError> {
    if path.exists() {
        return Ok(());
    }
    let mut file = private_file(path)?;
    writeln!(file, "{}", new_line(1, now))?;
    file.sync_all()?;
    Ok(())
}

/// The lock of a file that others may put another one in the place of.
fn hold(path: &Path) -> Result<File, CryptoError> {
    loop {
        let file = File::open(path)?;
        flock(&file, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
        if file.metadata()?.ino() == std::fs::metadata(path)?.ino() {
            return Ok(file);
        }
    }
}

fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn parse_line(line: &str) -> Result<(u32, Key), CryptoError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [alone] = words[..] {
        return Ok((1, Key::from_master(alone)?));
    }
    let [number, key, rest @ ..] = &words[..] else {
        return Err(CryptoError::KeyFormat);
    };
    let number = number.parse().map_err(|_| CryptoError::KeyFormat)?;
    if *key == TOKEN {
        let [token] = rest else {
            return Err(CryptoError::KeyFormat);
        };
        return Ok((number, Key::retired(token)?));
    }
    let mut key = Key::from_master(key)?;
    for word in rest {
        if *word == NEXT {
            key.is_next = true;
        } else {
            let since = DateTime::parse_from_rfc3339(word).map_err(|_| CryptoError::KeyFormat)?;
            key.since = Some(since.with_timezone(&Utc));
        }
    }
    Ok((number, key))
}

impl Key {
    fn from_master(encoded: &str) -> Result<Self, CryptoError> {
        let master = decode(encoded)?;
        let derive = |purpose: &str| {
            let mut key = [0; KEY_BYTES];
            Hkdf::<Sha256>::new(None, master.expose())
                .expand(purpose.as_bytes(), &mut key)
                .map_err(|_| CryptoError::KeyFormat)?;
            Ok::<_, CryptoError>(Secret::new(key))
        };
        Ok(Self {
            seal: Some(derive("signalbox seal v1")?),
            token: derive("signalbox token v1")?,
            since: None,
            is_next: false,
        })
    }

    fn retired(encoded: &str) -> Result<Self, CryptoError> {
        Ok(Self {
            seal: None,
            token: decode(encoded)?,
            since: None,
            is_next: false,
        })
    }
}

fn decode(encoded: &str) -> Result<Secret<[u8; KEY_BYTES]>, CryptoError> {
    let key: [u8; KEY_BYTES] = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(CryptoError::KeyFormat)?;
    if key.iter().all(|byte| *byte == key[0]) {
        return Err(CryptoError::WeakKey);
    }
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OLD: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
    const NEW: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for text in [
            "",
            "short",
            zeros,
            &format!("1 {OLD}\n1 {NEW}"),
            &format!("1 {OLD} soon"),
            &format!("1 {OLD} next"),
            &format!("1 token {OLD}"),
            &format!("one {OLD}"),
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_that_is_to_come_is_known_and_not_in_use() {
        let keys = parse(&format!("1 {OLD}\n2 {NEW} next\n")).unwrap();
        assert_eq!(in_use(&keys).unwrap().0, 1);
        assert!(keys[&2].seal.is_some());
    }

    #[test]
    fn a_new_key_comes_after_the_others_and_says_since_when() {
        let (text, number) = with_new_key(OLD, now()).unwrap();
        let keys = parse(&text).unwrap();
        assert_eq!((number, in_use(&keys).unwrap().0), (2, 2));
        assert_eq!(keys[&2].since, Some(now()));
        assert_eq!(keys[&1].since, None);
    }

    #[test]
    fn of_the_oldest_key_the_half_that_makes_tokens_stays() {
        let text = format!("{OLD}\n2 {NEW}\n3 {OLD} 2026-03-02T09:00:00Z");
        let all = parse(&text).unwrap();
        let left = parse(&without_key(&text, 1).unwrap()).unwrap();
        assert!(left[&1].seal.is_none());
        assert_eq!(left[&1].token.expose(), all[&1].token.expose());
        assert_eq!(in_use(&left).unwrap().0, 3);
        let left = parse(&without_key(&text, 2).unwrap()).unwrap();
        assert_eq!(left.keys().collect::<Vec<_>>(), [&1, &3]);
        assert!(without_key(OLD, 1).is_err(), "the last one stays");
    }

    #[test]
    fn a_file_is_changed_in_one_step_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encryption.key");
        create(&path, now()).unwrap();
        std::fs::write(path.with_extension("new"), "left behind").unwrap();
        let number = change(&path, |text| with_new_key(text, now())).unwrap();
        assert_eq!(number, 2);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            parse(&std::fs::read_to_string(&path).unwrap())
                .unwrap()
                .len(),
            2
        );
        assert!(change(&path, |_| Ok((String::new(), ()))).is_err());
        assert_eq!(
            parse(&std::fs::read_to_string(&path).unwrap())
                .unwrap()
                .len(),
            2
        );
    }
}
