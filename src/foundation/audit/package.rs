//! The form of a verifiable export, `signalbox-audit-export/1`: a directory that explains itself
//! to a program which has never seen our database.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | what this is, every other file with size and hash, and a hash of itself |
//! | `checkpoint` | the signed note that the tree below is held to |
//! | `tiles/…` | all hashes of the tree, in the shape of C2SP tlog-tiles |
//! | `events.ndjson` | one event a line: index, exact bytes, leaf hash, the log's columns |
//! | `anchors.ndjson` | checkpoints that were also put outside the database |
//! | `details.ndjson` | personal details of the events, disclosed, erased, withheld or damaged |
//! | `decisions.ndjson` | the events by which epochs began and bodies were given up; only where there are any |
//!
//! Every JSON line is canonical (RFC 8785), so a file has one spelling only.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::jcs;
use super::projection::{Projection, moment_text};
use super::tree::Hash;

pub const FORMAT: &str = "signalbox-audit-export/1";

pub const MANIFEST: &str = "manifest.json";
pub const CHECKPOINT: &str = "checkpoint";
pub const EVENTS: &str = "events.ndjson";
pub const ANCHORS: &str = "anchors.ndjson";
pub const DETAILS: &str = "details.ndjson";
pub const DECISIONS: &str = "decisions.ndjson";
pub const TILES: &str = "tiles";

/// Events that every later export has to be judged with.
pub const DECISIONS_KINDS: [&str; 2] = ["audit.epoch_begun", "audit.bodies_pruned"];

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub bytes: u64,
    pub sha256: String,
}

/// Events `from .. to` of the log `origin`, whose tree has `tree_size` leaves; bodies below
/// `pruned_to` no longer exist.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub origin: String,
    pub tree_size: u64,
    pub from: u64,
    pub to: u64,
    pub count: u64,
    pub pruned_to: u64,
    pub files: BTreeMap<String, FileEntry>,
    /// Over the canonical form of all the members above.
    pub sha256: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormError {
    #[error("{0}")]
    Json(#[from] jcs::Error),
    #[error("{0}")]
    Shape(String),
    #[error("not in its one spelling")]
    Spelling,
    #[error("its own sha256 does not fit")]
    Digest,
}

impl Manifest {
    /// The bytes of `manifest.json`; fills in the hash over itself.
    pub fn to_bytes(&self) -> Result<Vec<u8>, jcs::Error> {
        let mut value = self.unsigned();
        let digest = Sha256::digest(jcs::to_vec(&value)?);
        value["sha256"] = json!(hex::encode(digest));
        let mut bytes = jcs::to_vec(&value)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let text = bytes.strip_suffix(b"\n").ok_or(FormError::Spelling)?;
        let value = jcs::from_canonical(text)?;
        let manifest: Self =
            serde_json::from_value(value).map_err(|e| FormError::Shape(e.to_string()))?;
        if manifest.to_bytes()? == bytes {
            Ok(manifest)
        } else {
            Err(FormError::Digest)
        }
    }

    fn unsigned(&self) -> Value {
        let files: serde_json::Map<String, Value> = self
            .files
            .iter()
            .map(|(path, file)| {
                (
                    path.clone(),
                    json!({"bytes": file.bytes, "sha256": file.sha256}),
                )
            })
            .collect();
        json!({
            "format": self.format,
            "origin": self.origin,
            "tree_size": self.tree_size,
            "from": self.from,
            "to": self.to,
            "count": self.count,
            "pruned_to": self.pruned_to,
            "files": files,
        })
    }
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub idx: u64,
    pub body: Vec<u8>,
    pub leaf_hash: Hash,
    pub projection: Projection,
}

impl EventRow {
    /// Appends the event's line. Written out by hand, in the order of canonical JSON: a million
    /// of these through a generic writer would be half of the time of an export.
    pub fn write_line(&self, out: &mut String) {
        let columns = &self.projection;
        out.push_str("{\"body\":\"");
        STANDARD.encode_string(&self.body, out);
        out.push_str("\",\"idx\":");
        out.push_str(&self.idx.to_string());
        out.push_str(",\"leaf\":\"");
        for half in self.leaf_hash.as_chunks::<16>().0 {
            // Half a hash has the size of a UUID, whose digits need no allocation.
            out.push_str(
                Uuid::from_bytes(*half)
                    .simple()
                    .encode_lower(&mut Uuid::encode_buffer()),
            );
        }
        out.push_str("\",\"projections\":{\"actor_id\":");
        jcs::write_string(out, &columns.actor_id);
        out.push_str(",\"actor_kind\":");
        jcs::write_string(out, &columns.actor_kind);
        out.push_str(",\"id\":\"");
        out.push_str(columns.id.simple().encode_lower(&mut Uuid::encode_buffer()));
        out.push_str("\",\"kind\":");
        jcs::write_string(out, &columns.kind);
        out.push_str(",\"outcome\":");
        jcs::write_string(out, &columns.outcome);
        out.push_str(",\"platform_id\":");
        match columns.platform_id {
            Some(id) => jcs::write_string(
                out,
                id.hyphenated().encode_lower(&mut Uuid::encode_buffer()),
            ),
            None => out.push_str("null"),
        }
        out.push_str(",\"recorded_at\":\"");
        out.push_str(&columns.recorded_at_text());
        out.push_str("\",\"subject_id\":");
        jcs::write_string(out, &columns.subject_id);
        out.push_str(",\"subject_kind\":");
        jcs::write_string(out, &columns.subject_kind);
        out.push_str("}}\n");
    }

    /// Reads a line without its line end, and accepts no spelling but ours.
    pub fn parse_line(line: &str) -> Result<Self, FormError> {
        let read: EventLine = parsed(line)?;
        let row = read.into_row().ok_or(FormError::Spelling)?;
        let mut again = String::with_capacity(line.len() + 1);
        row.write_line(&mut again);
        if again.strip_suffix('\n') == Some(line) {
            Ok(row)
        } else {
            Err(FormError::Spelling)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    body: String,
    idx: u64,
    leaf: String,
    projections: Columns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    actor_id: String,
    actor_kind: String,
    id: Uuid,
    kind: String,
    outcome: String,
    platform_id: Option<Uuid>,
    recorded_at: DateTime<Utc>,
    subject_id: String,
    subject_kind: String,
}

impl EventLine {
    fn into_row(self) -> Option<EventRow> {
        let columns = self.projections;
        Some(EventRow {
            idx: self.idx,
            body: STANDARD.decode(self.body).ok()?,
            leaf_hash: hex::decode(self.leaf).ok()?.try_into().ok()?,
            projection: Projection {
                id: columns.id,
                recorded_at: columns.recorded_at,
                kind: columns.kind,
                actor_kind: columns.actor_kind,
                actor_id: columns.actor_id,
                subject_kind: columns.subject_kind,
                subject_id: columns.subject_id,
                platform_id: columns.platform_id,
                outcome: columns.outcome,
            },
        })
    }
}

/// A checkpoint that was put outside the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorLine {
    pub anchored_at: String,
    pub note: String,
    pub place: String,
}

impl AnchorLine {
    pub fn new(note: String, place: String, anchored_at: DateTime<Utc>) -> Self {
        Self {
            anchored_at: moment_text(anchored_at),
            note,
            place,
        }
    }

    pub fn to_line(&self) -> Result<Vec<u8>, jcs::Error> {
        line(&json!({"anchored_at": self.anchored_at, "note": self.note, "place": self.place}))
    }

    pub fn parse_line(line: &str) -> Result<Self, FormError> {
        canonical(line)
    }
}

/// What became of a personal detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// The salt is given only together with the value: alone it would let one guess.
    Disclosed { salt: [u8; 32], value: Value },
    /// The subject's key is destroyed; nobody can read it any more.
    Erased,
    /// Left out of this export.
    Withheld,
    /// The key is there, and what was written is not, or is something else.
    Damaged,
}

/// The personal detail at `position` of an event's commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailLine {
    pub idx: u64,
    pub event: Uuid,
    pub position: u64,
    pub subject: Uuid,
    pub disclosure: Disclosure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailText {
    idx: u64,
    event: String,
    position: u64,
    subject: String,
    state: String,
    salt: Option<String>,
    value: Option<Value>,
}

impl DetailLine {
    pub fn to_line(&self) -> Result<Vec<u8>, jcs::Error> {
        let mut value = json!({
            "idx": self.idx,
            "event": self.event.simple().to_string(),
            "position": self.position,
            "subject": self.subject.hyphenated().to_string(),
        });
        match &self.disclosure {
            Disclosure::Disclosed {
                salt,
                value: detail,
            } => {
                value["state"] = json!("disclosed");
                value["salt"] = json!(hex::encode(salt));
                value["value"] = detail.clone();
            }
            Disclosure::Erased => value["state"] = json!("erased"),
            Disclosure::Withheld => value["state"] = json!("withheld"),
            Disclosure::Damaged => value["state"] = json!("damaged"),
        }
        line(&value)
    }

    pub fn parse_line(line: &str) -> Result<Self, FormError> {
        let text: DetailText = canonical(line)?;
        let disclosure = match (text.state.as_str(), text.salt, text.value) {
            ("disclosed", Some(salt), value) => Disclosure::Disclosed {
                salt: super::projection::hex_hash(&salt).ok_or(FormError::Spelling)?,
                value: value.unwrap_or(Value::Null),
            },
            ("erased", None, None) => Disclosure::Erased,
            ("withheld", None, None) => Disclosure::Withheld,
            ("damaged", None, None) => Disclosure::Damaged,
            _ => return Err(FormError::Spelling),
        };
        let uuid = |text: &str| Uuid::try_parse(text).map_err(|_| FormError::Spelling);
        let read = Self {
            idx: text.idx,
            event: uuid(&text.event)?,
            position: text.position,
            subject: uuid(&text.subject)?,
            disclosure,
        };
        if read.to_line()?.strip_suffix(b"\n") == Some(line.as_bytes()) {
            Ok(read)
        } else {
            Err(FormError::Spelling)
        }
    }
}

fn line(value: &Value) -> Result<Vec<u8>, jcs::Error> {
    let mut bytes = jcs::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn canonical<T: serde::de::DeserializeOwned>(line: &str) -> Result<T, FormError> {
    let value = jcs::from_canonical(line.as_bytes())?;
    serde_json::from_value(value).map_err(|e| FormError::Shape(e.to_string()))
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, FormError> {
    serde_json::from_str(line).map_err(|e| FormError::Shape(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> EventRow {
        EventRow {
            idx: 17,
            body: b"{}".to_vec(),
            leaf_hash: [3; 32],
            projection: Projection {
                id: Uuid::from_u128(5),
                recorded_at: DateTime::UNIX_EPOCH,
                kind: "a.b".into(),
                actor_kind: "job".into(),
                actor_id: "x\"\u{7}\u{1f602}".into(),
                subject_kind: "s".into(),
                subject_id: String::new(),
                platform_id: Some(Uuid::from_u128(9)),
                outcome: "success".into(),
            },
        }
    }

    #[test]
    fn an_event_line_is_canonical_and_reads_back() {
        let mut text = String::new();
        row().write_line(&mut text);
        let line = text.strip_suffix('\n').unwrap();
        assert!(jcs::is_canonical(line.as_bytes()), "{line}");
        assert_eq!(EventRow::parse_line(line), Ok(row()));
        for other in [
            line.replace(":17", ": 17"),
            line.replace("0303", "0303".to_uppercase().as_str()) + " ",
        ] {
            assert!(EventRow::parse_line(&other).is_err());
        }
        assert!(
            EventRow::parse_line(&line.replace("\"e30=\"", "\"e31=\"")).is_err(),
            "loose base64"
        );
    }

    #[test]
    fn a_manifest_binds_itself() {
        let manifest = Manifest {
            format: FORMAT.into(),
            origin: "signalbox.test/main/1".into(),
            tree_size: 20,
            from: 0,
            to: 20,
            count: 20,
            pruned_to: 0,
            files: BTreeMap::from([(
                EVENTS.into(),
                FileEntry {
                    bytes: 1,
                    sha256: "ab".into(),
                },
            )]),
            sha256: String::new(),
        };
        let bytes = manifest.to_bytes().unwrap();
        assert_eq!(Manifest::parse(&bytes).unwrap().files, manifest.files);
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(Manifest::parse(&changed).is_err(), "byte {position}");
        }
    }

    #[test]
    fn details_show_a_salt_only_with_the_value() {
        let mut detail = DetailLine {
            idx: 3,
            event: Uuid::from_u128(1),
            position: 0,
            subject: Uuid::from_u128(2),
            disclosure: Disclosure::Disclosed {
                salt: [1; 32],
                value: json!({"name": "x"}),
            },
        };
        for disclosure in [
            detail.disclosure.clone(),
            Disclosure::Erased,
            Disclosure::Withheld,
        ] {
            detail.disclosure = disclosure;
            let line = String::from_utf8(detail.to_line().unwrap()).unwrap();
            assert_eq!(DetailLine::parse_line(line.trim_end()), Ok(detail.clone()));
            assert_eq!(line.contains("salt"), line.contains("disclosed"));
        }
    }
}
