use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;

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

/// Notes that the reading is in the log now.
pub fn note(
    conn: &mut Conn,
    person: PersonId,
    what: &[u8; 32],
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::insert_into(subject_reading::table)
        .values((
            subject_reading::person_id.eq(person.uuid()),
            subject_reading::what.eq(what.as_slice()),
            subject_reading::read_at.eq(now),
        ))
        .on_conflict((subject_reading::person_id, subject_reading::what))
        .do_update()
        .set(subject_reading::read_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Forgets up to `limit` notes that are too old to count. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    use diesel::sql_types::{BigInt, Timestamptz};
    Ok(diesel::sql_query(
        "DELETE FROM subject_reading WHERE ctid IN \
             (SELECT ctid FROM subject_reading WHERE read_at < $1 LIMIT $2)",
    )
    .bind::<Timestamptz, _>(now - Duration::minutes(WINDOW_MINUTES))
    .bind::<BigInt, _>(limit)
    .execute(conn)?)
}
