use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use crate::foundation::db::{self, Conn};

/// A job to be enqueued in the transaction that causes it.
#[derive(Clone, Debug)]
pub struct NewJob {
    id: Uuid,
    kind: &'static str,
    payload: Value,
    key: Option<String>,
    run_at: Option<DateTime<Utc>>,
}

impl NewJob {
    #[must_use]
    pub fn new(kind: &'static str, payload: Value) -> Self {
        Self {
            id: Uuid::now_v7(),
            kind,
            payload,
            key: None,
            run_at: None,
        }
    }

    /// While a job of this kind and key is open, enqueuing another one changes nothing.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub fn run_at(mut self, at: DateTime<Utc>) -> Self {
        self.run_at = Some(at);
        self
    }

    /// The job's id, for a link to its page.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn insert(&self, conn: &mut Conn, now: DateTime<Utc>) -> db::Result<()> {
        diesel::sql_query(
            "INSERT INTO job (id, kind, payload, key, run_at, enqueued_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(self.id)
        .bind::<Text, _>(self.kind)
        .bind::<Jsonb, _>(&self.payload)
        .bind::<Nullable<Text>, _>(&self.key)
        .bind::<Timestamptz, _>(self.run_at.unwrap_or(now))
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
        Ok(())
    }
}
