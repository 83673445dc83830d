use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bytea, Timestamptz, Uuid as SqlUuid};

use crate::foundation::db::schema::subject_reading;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// Reading the same thing again within this time is one act.
const WINDOW_MINUTES: i64 = 15;

/// Whether this reading stands in the log already.
pub fn recent(
    conn: &mut Conn,
    person: PersonId,
    what: &[u8; 32],
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let since = now - Duration::minutes(WINDOW_MINUTES);
    let noted = subject_reading::table
        .find((person.uuid(), what.as_slice()))
        .filter(subject_reading::read_at.gt(since));
    Ok(diesel::select(diesel::dsl::exists(noted)).get_result(conn)?)
}

/// Notes that the reading is in the log now. Answers whether it is a new one: of two readings at once one is.
pub fn note(
    conn: &mut Conn,
    person: PersonId,
    what: &[u8; 32],
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let since = now - Duration::minutes(WINDOW_MINUTES);
    let noted = diesel::sql_query(
        "INSERT INTO subject_reading (person_id, what, read_at) VALUES ($1, $2, $3) \
         ON CONFLICT (person_id, what) DO UPDATE SET read_at = EXCLUDED.read_at \
         WHERE subject_reading.read_at <= $4",
    )
    .bind::<SqlUuid, _>(person.uuid())
    .bind::<Bytea, _>(what.as_slice())
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(since)
    .execute(conn)?;
    Ok(noted == 1)
}

/// Forgets up to `limit` notes that are too old to count. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    Ok(diesel::sql_query(
        "DELETE FROM subject_reading WHERE ctid IN \
             (SELECT ctid FROM subject_reading WHERE read_at < $1 LIMIT $2)",
    )
    .bind::<Timestamptz, _>(now - Duration::minutes(WINDOW_MINUTES))
    .bind::<BigInt, _>(limit)
    .execute(conn)?)
}
