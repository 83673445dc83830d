//! Proposing, approving and withdrawing a version. Each is made on the locked row, with its event.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::catalog::Kind;
use crate::foundation::audit::{Event, Subject, Tx, jcs};
use crate::foundation::db::schema::policy;
use crate::foundation::db::{self, Conn};

const LONGEST_REASON: usize = 1_000;
/// Versions of one key that a page shows.
const MOST_VERSIONS: i64 = 100;

/// A version as it stands.
#[derive(Clone, Debug)]
pub struct Version {
    pub key: String,
    pub version: i32,
    pub effective_from: DateTime<Utc>,
    pub value: Value,
    pub reason: String,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// What an approval binds to; a release's own versions have none.
    pub payload_sha256: Option<Vec<u8>>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub withdrawn_by: Option<String>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl Version {
    pub fn is_open(&self) -> bool {
        self.approved_by.is_none() && self.withdrawn_by.is_none()
    }

    /// Over everything that an approver agrees to.
    fn payload(&self) -> Result<[u8; 32], Refusal> {
        let (from, version) = (self.effective_from, self.version);
        payload(&self.key, version, from, &self.value, &self.reason)
    }
}

/// Why a version is not proposed, approved or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the value does not fit: {0}")]
    Value(String),
    #[error("say why in one to {LONGEST_REASON} characters")]
    Reason,
    #[error("a version takes effect on a day to come, so that somebody can approve it before")]
    Past,
    #[error("this is what will be in force on that day anyway")]
    Same,
    #[error("another proposal for this policy is open; approve or withdraw it first")]
    Open,
    #[error("this proposal has been answered already")]
    Answered,
    #[error("you proposed this; somebody else has to approve it")]
    Own,
    #[error("this is not what the page showed; look at it again")]
    Changed,
    #[error(
        "the day on which it takes effect has come; withdraw it and propose it for a later one"
    )]
    TooLate,
    #[error(transparent)]
    Database(db::Error),
}

impl From<db::Error> for Refusal {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unique { constraint } if constraint == "policy_one_proposal" => Self::Open,
            db::Error::Check { constraint } if constraint == "policy_four_eyes" => Self::Own,
            error => Self::Database(error),
        }
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        db::Error::from(error).into()
    }
}

fn payload(
    key: &str,
    version: i32,
    effective_from: DateTime<Utc>,
    value: &Value,
    reason: &str,
) -> Result<[u8; 32], Refusal> {
    let whole = json!({
        "key": key,
        "version": version,
        "effective_from": effective_from.to_rfc3339_opts(SecondsFormat::Secs, true),
        "value": value,
        "reason": reason,
    });
    let bytes = jcs::to_vec(&whole).map_err(|error| Refusal::Value(error.to_string()))?;
    Ok(Sha256::digest(bytes).into())
}

type Row = (
    String,
    i32,
    DateTime<Utc>,
    Value,
    String,
    String,
    DateTime<Utc>,
    Option<Vec<u8>>,
    Option<String>,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<DateTime<Utc>>,
);

const COLUMNS: (
    policy::key,
    policy::version,
    policy::effective_from,
    policy::value,
    policy::reason,
    policy::proposed_by,
    policy::proposed_at,
    policy::payload_sha256,
    policy::approved_by,
    policy::approved_at,
    policy::withdrawn_by,
    policy::withdrawn_at,
) = (
    policy::key,
    policy::version,
    policy::effective_from,
    policy::value,
    policy::reason,
    policy::proposed_by,
    policy::proposed_at,
    policy::payload_sha256,
    policy::approved_by,
    policy::approved_at,
    policy::withdrawn_by,
    policy::withdrawn_at,
);

impl From<Row> for Version {
    fn from(row: Row) -> Self {
        Self {
            key: row.0,
            version: row.1,
            effective_from: row.2,
            value: row.3,
            reason: row.4,
            proposed_by: row.5,
            proposed_at: row.6,
            payload_sha256: row.7,
            approved_by: row.8,
            approved_at: row.9,
            withdrawn_by: row.10,
            withdrawn_at: row.11,
        }
    }
}

/// The versions of a key, newest first.
pub fn versions(conn: &mut Conn, key: &str) -> db::Result<Vec<Version>> {
    let rows: Vec<Row> = policy::table
        .filter(policy::key.eq(key))
        .order(policy::version.desc())
        .select(COLUMNS)
        .limit(MOST_VERSIONS)
        .load(conn)?;
    Ok(rows.into_iter().map(Version::from).collect())
}

/// Every key that has a version.
pub fn keys(conn: &mut Conn) -> db::Result<Vec<String>> {
    Ok(policy::table
        .select(policy::key)
        .distinct()
        .order(policy::key)
        .load(conn)?)
}

/// The one in force at some time, as it was decided.
pub fn in_force(conn: &mut Conn, key: &str, at: DateTime<Utc>) -> db::Result<Option<Version>> {
    let row: Option<Row> = policy::table
        .filter(policy::key.eq(key))
        .filter(policy::effective_from.le(at))
        .filter(policy::approved_by.is_not_null())
        .order((policy::effective_from.desc(), policy::version.desc()))
        .select(COLUMNS)
        .first(conn)
        .optional()?;
    Ok(row.map(Version::from))
}

/// What somebody proposes.
pub struct Proposal {
    pub value: Value,
    pub effective_from: DateTime<Utc>,
    pub reason: String,
}

/// Proposes a version; it is in force for nobody until somebody else approves it.
pub fn propose(tx: &mut Tx<'_>, kind: &Kind, proposal: &Proposal) -> Result<i32, Refusal> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let reason = proposal.reason.trim();
    let Proposal {
        value,
        effective_from,
        ..
    } = proposal;
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Refusal::Reason);
    }
    if *effective_from <= now {
        return Err(Refusal::Past);
    }
    (kind.check)(value).map_err(Refusal::Value)?;
    lock_key(tx, kind.key)?;
    if in_force(tx, kind.key, *effective_from)?.is_some_and(|then| then.value == *value) {
        return Err(Refusal::Same);
    }
    let last: Option<i32> = policy::table
        .filter(policy::key.eq(kind.key))
        .select(diesel::dsl::max(policy::version))
        .first(&mut **tx)?;
    let version = last.unwrap_or(0) + 1;
    let hash = payload(kind.key, version, *effective_from, value, reason)?;
    diesel::insert_into(policy::table)
        .values((
            policy::key.eq(kind.key),
            policy::version.eq(version),
            policy::effective_from.eq(effective_from),
            policy::value.eq(value),
            policy::reason.eq(reason),
            policy::proposed_by.eq(by),
            policy::proposed_at.eq(now),
            policy::payload_sha256.eq(hash.to_vec()),
        ))
        .execute(&mut **tx)?;
    tx.record(event("policy.proposed", kind.key, version, &hash))?;
    Ok(version)
}

fn lock_key(tx: &mut Tx<'_>, key: &str) -> db::Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('policy'), hashtext($1))")
        .bind::<diesel::sql_types::Text, _>(key)
        .execute(&mut **tx)?;
    Ok(())
}

fn event(what: &'static str, key: &str, version: i32, payload: &[u8]) -> Event {
    Event::new(what, Subject::new("policy", format!("{key}/{version}")))
        .detail("key", key)
        .detail("version", version)
        .detail("payload_sha256", hex::encode(payload))
}

/// The open proposal, locked.
fn lock_open(tx: &mut Tx<'_>, key: &str, version: i32) -> Result<Version, Refusal> {
    let row: Row = policy::table
        .find((key, version))
        .select(COLUMNS)
        .for_update()
        .first(&mut **tx)?;
    Some(Version::from(row))
        .filter(Version::is_open)
        .ok_or(Refusal::Answered)
}

/// The second person agrees to exactly what they saw.
pub fn approve(tx: &mut Tx<'_>, kind: &Kind, version: i32, seen: &[u8]) -> Result<(), Refusal> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let proposal = lock_open(tx, kind.key, version)?;
    if proposal.proposed_by == by {
        return Err(Refusal::Own);
    }
    let hash = proposal.payload()?;
    if proposal.payload_sha256.as_deref() != Some(hash.as_slice()) || seen != hash {
        return Err(Refusal::Changed);
    }
    if proposal.effective_from <= now {
        return Err(Refusal::TooLate);
    }
    // The shape may have changed since it was proposed.
    (kind.check)(&proposal.value).map_err(Refusal::Value)?;
    diesel::update(policy::table.find((kind.key, version)))
        .set((
            policy::approved_by.eq(by),
            policy::approved_at.eq(now),
            policy::approved_sha256.eq(hash.to_vec()),
        ))
        .execute(&mut **tx)?;
    let proposer = proposal.proposed_by.as_str();
    tx.record(event("policy.approved", kind.key, version, &hash).detail("proposer", proposer))?;
    Ok(())
}

/// The proposer takes it back, or somebody else refuses it.
pub fn withdraw(tx: &mut Tx<'_>, key: &str, version: i32) -> Result<(), Refusal> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let proposal = lock_open(tx, key, version)?;
    let what = if proposal.proposed_by == by {
        "policy.withdrawn"
    } else {
        "policy.refused"
    };
    diesel::update(policy::table.find((key, version)))
        .set((policy::withdrawn_by.eq(by), policy::withdrawn_at.eq(now)))
        .execute(&mut **tx)?;
    let hash = proposal.payload_sha256.unwrap_or_default();
    tx.record(event(what, key, version, &hash))?;
    Ok(())
}
