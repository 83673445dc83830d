//! What the log's columns say about an event, derived from its body and from nothing else.
//!
//! The sealer writes these into the table, the exporter copies them out, and the verifier derives
//! them again: a column that was edited shows.

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::jcs;

/// Bodies are shorter than this.
pub const MAX_BODY_BYTES: usize = 65_536;

/// What becomes a column is no longer than this: the columns are indexed, and PostgreSQL refuses
/// index entries of more than some 2,700 bytes.
pub const MAX_FIELD_BYTES: usize = 512;

/// Kinds of event that only the sealer and its own commands make. From the inbox they are refused,
/// or an application could decide about epochs.
pub const SEALERS_OWN: [&str; 4] = [
    "audit.entry_refused",
    "audit.epoch_begun",
    "audit.key_changed",
    "audit.bodies_pruned",
];

/// The shapes of event that this version reads.
const SHAPE: u64 = 1;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    #[error("the body has {0} bytes, more than an event may")]
    TooLong(usize),
    #[error("the body is {0}")]
    Json(#[from] jcs::Error),
    #[error("the body's `{0}` is missing or not what it should be")]
    Field(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    pub id: Uuid,
    pub recorded_at: DateTime<Utc>,
    pub kind: String,
    pub actor_kind: String,
    pub actor_id: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub platform_id: Option<Uuid>,
    pub outcome: String,
}

/// What an event keeps of a personal detail: whose it is, and the hash of salt and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    pub subject: Uuid,
    pub sha256: [u8; 32],
}

/// A body that was read and held to the event's shape.
#[derive(Clone, Debug)]
pub struct Body {
    pub projection: Projection,
    pub commitments: Vec<Commitment>,
    pub value: Value,
}

impl Body {
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        if bytes.len() >= MAX_BODY_BYTES {
            return Err(BodyError::TooLong(bytes.len()));
        }
        let value = jcs::from_canonical(bytes)?;
        let members = value.as_object().ok_or(BodyError::Field("v"))?;
        if members.get("v").and_then(Value::as_u64) != Some(SHAPE) {
            return Err(BodyError::Field("v"));
        }
        Ok(Self {
            projection: Projection::of(members)?,
            commitments: commitments(members)?,
            value,
        })
    }

    /// The request that asked for it.
    pub fn request(&self) -> Option<&str> {
        self.value.get("request").and_then(Value::as_str)
    }
}

/// The details that are no personal data, for showing them. Nothing else of the body is looked at: to judge it,
/// there is [`Body::parse`].
pub fn details_as_they_stand(body: &[u8]) -> Map<String, Value> {
    #[derive(Default, Deserialize)]
    struct Read {
        #[serde(default)]
        details: Map<String, Value>,
    }
    let read: Read = serde_json::from_slice(body).unwrap_or_default();
    read.details
}

impl Projection {
    fn of(members: &Map<String, Value>) -> Result<Self, BodyError> {
        let (actor_kind, actor_id) = kind_and_id(members, "actor")?;
        let (subject_kind, subject_id) = kind_and_id(members, "subject")?;
        Ok(Self {
            id: text(members, "id")
                .and_then(simple_uuid)
                .ok_or(BodyError::Field("id"))?,
            recorded_at: text(members, "at")
                .and_then(moment)
                .ok_or(BodyError::Field("at"))?,
            kind: text(members, "kind")
                .ok_or(BodyError::Field("kind"))?
                .to_owned(),
            actor_kind,
            actor_id,
            subject_kind,
            subject_id,
            platform_id: platform(members)?,
            outcome: text(members, "outcome")
                .ok_or(BodyError::Field("outcome"))?
                .to_owned(),
        })
    }

    /// The first column in which two differ.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("actor_id", self.actor_id != other.actor_id),
            ("actor_kind", self.actor_kind != other.actor_kind),
            ("id", self.id != other.id),
            ("kind", self.kind != other.kind),
            ("outcome", self.outcome != other.outcome),
            ("platform_id", self.platform_id != other.platform_id),
            ("recorded_at", self.recorded_at != other.recorded_at),
            ("subject_id", self.subject_id != other.subject_id),
            ("subject_kind", self.subject_kind != other.subject_kind),
        ]
        .into_iter()
        .find_map(|(column, differs)| differs.then_some(column))
    }

    /// The moment as it stands in bodies and exports.
    pub fn recorded_at_text(&self) -> String {
        moment_text(self.recorded_at)
    }
}

/// RFC 3339 in UTC with six digits: the only spelling of a moment in the log.
pub fn moment_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A moment in its one spelling. Leap seconds and years beyond four digits do not survive a database
/// or another language, so no event has them.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let survives = (1..=9999).contains(&at.year()) && at.nanosecond() < 1_000_000_000;
    (survives && moment_text(at) == text).then_some(at)
}

fn simple_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.simple().to_string() == text).then_some(id)
}

fn hyphenated_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().to_string() == text).then_some(id)
}

/// Whether a text can be a column: PostgreSQL's text cannot hold a NUL, and its indexes nothing long.
#[must_use]
pub fn fits_a_column(text: &str) -> bool {
    text.len() <= MAX_FIELD_BYTES && !text.contains('\0')
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members
        .get(name)?
        .as_str()
        .filter(|text| fits_a_column(text))
}

fn kind_and_id(
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<(String, String), BodyError> {
    let inner = members
        .get(name)
        .and_then(Value::as_object)
        .ok_or(BodyError::Field(name))?;
    match (text(inner, "kind"), text(inner, "id")) {
        (Some(kind), Some(id)) => Ok((kind.to_owned(), id.to_owned())),
        _ => Err(BodyError::Field(name)),
    }
}

fn platform(members: &Map<String, Value>) -> Result<Option<Uuid>, BodyError> {
    match members.get("platform") {
        None => Ok(None),
        Some(value) => {
            let id = value.as_str().and_then(hyphenated_uuid);
            id.map(Some).ok_or(BodyError::Field("platform"))
        }
    }
}

fn commitments(members: &Map<String, Value>) -> Result<Vec<Commitment>, BodyError> {
    let wrong = BodyError::Field("commitments");
    let Some(value) = members.get("commitments") else {
        return Ok(Vec::new());
    };
    let Some(items) = value.as_array() else {
        return Err(wrong);
    };
    let read = |item: &Value| {
        let item = item.as_object()?;
        Some(Commitment {
            subject: text(item, "subject").and_then(hyphenated_uuid)?,
            sha256: text(item, "sha256").and_then(hex_hash)?,
        })
    };
    items
        .iter()
        .map(read)
        .collect::<Option<Vec<_>>>()
        .ok_or(wrong)
}

/// 32 bytes of lower-case hexadecimal.
pub fn hex_hash(text: &str) -> Option<[u8; 32]> {
    let hash: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    (hex::encode(hash) == text).then_some(hash)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "v": 1, "id": "0123456789abcdef0123456789abcdef", "at": "2026-11-20T10:00:00.000001Z",
            "kind": "case.approved", "actor": {"kind": "person", "id": "p"},
            "subject": {"kind": "case", "id": "c"}, "outcome": "success", "details": {"n": 1},
            "platform": "00000000-0000-0000-0000-000000000001",
            "commitments": [{"subject": "00000000-0000-0000-0000-000000000002", "sha256": "ab".repeat(32)}],
        })
    }

    fn parse(value: &Value) -> Result<Body, BodyError> {
        Body::parse(&jcs::to_vec(value).unwrap())
    }

    #[test]
    fn a_body_gives_its_projections() {
        let read = parse(&body()).unwrap();
        assert_eq!(read.projection.kind, "case.approved");
        assert_eq!(read.projection.platform_id, Some(Uuid::from_u128(1)));
        assert_eq!(
            read.projection.recorded_at_text(),
            "2026-11-20T10:00:00.000001Z"
        );
        assert_eq!(
            read.commitments,
            [Commitment {
                subject: Uuid::from_u128(2),
                sha256: [0xab; 32]
            }]
        );
        assert_eq!(
            details_as_they_stand(&jcs::to_vec(&body()).unwrap())["n"],
            json!(1)
        );
    }

    #[test]
    fn other_spellings_and_gaps_are_named() {
        for (field, value) in [
            ("id", json!("0123456789ABCDEF0123456789ABCDEF")),
            ("at", json!("2026-11-20T10:00:00Z")),
            ("at", json!("2026-11-20T11:00:00.000001+01:00")),
            ("kind", json!("a\u{0}b")),
            ("kind", json!("k".repeat(MAX_FIELD_BYTES + 1))),
            (
                "subject",
                json!({"kind": "case", "id": "s".repeat(MAX_FIELD_BYTES + 1)}),
            ),
            ("at", json!("2026-11-20T10:00:60.000001Z")),
            ("at", json!("0000-11-20T10:00:00.000001Z")),
            ("actor", json!({"kind": "person"})),
            ("platform", json!(null)),
            ("commitments", json!([{"subject": "x"}])),
            ("v", json!(2)),
        ] {
            let mut changed = body();
            changed[field] = value;
            assert_eq!(parse(&changed).unwrap_err(), BodyError::Field(field));
        }
        assert!(matches!(
            Body::parse(b"{\"v\": 1}"),
            Err(BodyError::Json(_))
        ));
        assert_eq!(
            Body::parse(&[b' '; MAX_BODY_BYTES]).unwrap_err(),
            BodyError::TooLong(MAX_BODY_BYTES)
        );
    }
}
