//! Policy: thresholds, clocks and weights as rows with a date.
//!
//! Invariants:
//! - a version is never changed; a new one takes effect at its own time;
//! - only an approved version is ever in force, and the database refuses one that its proposer
//!   approved;
//! - whoever decides under a policy keeps the version that it was decided under.
//!
//! The features own the shapes: a value is read into the type of the feature that asks, and a
//! proposal is checked by it ([`Catalog`]). The database holds to the same rules as [`propose`] and
//! [`approve`]: what is proposed is not in force, and who approves is somebody else, once.

mod catalog;
mod versions;

pub use catalog::{Catalog, Kind, check};
pub use versions::{
    Proposal, Refusal, Version, approve, in_force, keys, propose, versions, withdraw,
};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::de::DeserializeOwned;

use super::db::schema::policy;
use super::db::{self, Conn};

/// A policy as it stood at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce<T> {
    pub version: i32,
    pub effective_from: DateTime<Utc>,
    pub value: T,
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("no policy \"{key}\" is in force at {at}")]
    Missing { key: String, at: DateTime<Utc> },
    #[error("version {version} of policy \"{key}\" cannot be read: {source}")]
    Malformed {
        key: String,
        version: i32,
        source: serde_json::Error,
    },
    #[error("there is no version {version} of policy \"{key}\"")]
    NoVersion { key: String, version: i32 },
    /// It can be read and says what no policy may say.
    #[error("version {version} of policy \"{key}\" cannot be used: {fault}")]
    Unsound {
        key: String,
        version: i32,
        fault: &'static str,
    },
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// The version of `key` that was in force at `at`.
pub fn at<T: DeserializeOwned>(
    conn: &mut Conn,
    key: &str,
    at: DateTime<Utc>,
) -> Result<InForce<T>, PolicyError> {
    let row: Option<Row> = policy::table
        .filter(policy::key.eq(key))
        .filter(policy::effective_from.le(at))
        .filter(policy::approved_by.is_not_null())
        .order((policy::effective_from.desc(), policy::version.desc()))
        .select((policy::version, policy::effective_from, policy::value))
        .first(conn)
        .optional()
        .map_err(db::Error::from)?;
    let Some(row) = row else {
        return Err(PolicyError::Missing {
            key: key.to_owned(),
            at,
        });
    };
    read(key, row)
}

/// A version by its number: what was begun under it goes on under it.
pub fn version<T: DeserializeOwned>(
    conn: &mut Conn,
    key: &str,
    number: i32,
) -> Result<InForce<T>, PolicyError> {
    let row: Option<Row> = policy::table
        .find((key, number))
        .filter(policy::approved_by.is_not_null())
        .select((policy::version, policy::effective_from, policy::value))
        .first(conn)
        .optional()
        .map_err(db::Error::from)?;
    let Some(row) = row else {
        return Err(PolicyError::NoVersion {
            key: key.to_owned(),
            version: number,
        });
    };
    read(key, row)
}

type Row = (i32, DateTime<Utc>, serde_json::Value);

fn read<T: DeserializeOwned>(
    key: &str,
    (version, effective_from, value): Row,
) -> Result<InForce<T>, PolicyError> {
    match serde_json::from_value(value) {
        Ok(value) => Ok(InForce {
            version,
            effective_from,
            value,
        }),
        Err(source) => Err(PolicyError::Malformed {
            key: key.to_owned(),
            version,
            source,
        }),
    }
}
