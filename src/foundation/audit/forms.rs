//! The keys of forms that were posted; see [`super::Tx::once`].

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::db::schema::idempotency;
use crate::foundation::db::{self, Conn};

/// Long after any page that holds the key has lost its session.
const KEPT: Duration = Duration::days(7);

/// Forgets up to `limit` keys. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    let old: Vec<Uuid> = idempotency::table
        .filter(idempotency::made_at.lt(now - KEPT))
        .order(idempotency::made_at)
        .select(idempotency::key)
        .limit(limit)
        .load(conn)?;
    Ok(diesel::delete(idempotency::table.filter(idempotency::key.eq_any(old))).execute(conn)?)
}
