//! What somebody was told, and how much of it they have seen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};

use crate::foundation::db::schema::notice_seen;
use crate::foundation::db::{Conn, Result};

/// A notice to somebody's mailbox.
#[derive(Clone, Debug, QueryableByName)]
pub struct Told {
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = Text)]
    pub text: String,
    #[diesel(sql_type = Text)]
    pub link: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub level: Option<String>,
}

/// What went to this mailbox since a moment, newest first. Whether it arrived is another matter: it was meant for them.
pub fn told(conn: &mut Conn, email: &str, since: DateTime<Utc>, at_most: i64) -> Result<Vec<Told>> {
    Ok(sql_query(
        "SELECT queued_at AS at, title, text, link, level FROM notice \
         WHERE lower(email) = lower($1) AND queued_at > $2 AND state <> 'cancelled' AND key NOT LIKE 'test:%' \
         ORDER BY queued_at DESC, id DESC LIMIT $3",
    )
    .bind::<Text, _>(email)
    .bind::<Timestamptz, _>(since)
    .bind::<BigInt, _>(at_most)
    .load(conn)?)
}

/// Up to when they have seen it.
pub fn until(conn: &mut Conn, email: &str) -> Result<Option<DateTime<Utc>>> {
    Ok(notice_seen::table
        .find(email.to_lowercase())
        .select(notice_seen::until)
        .first(conn)
        .optional()?)
}

/// They have seen everything up to a moment. It never goes back.
pub fn see(conn: &mut Conn, email: &str, until: DateTime<Utc>) -> Result<()> {
    sql_query(
        "INSERT INTO notice_seen (mailbox, until) VALUES (lower($1), $2) \
         ON CONFLICT (mailbox) DO UPDATE SET until = greatest(notice_seen.until, $2)",
    )
    .bind::<Text, _>(email)
    .bind::<Timestamptz, _>(until)
    .execute(conn)?;
    Ok(())
}

/// How much each person who is signed in was told since a moment and has not seen, up to `at_most`, for the top bar of all
/// pages. Mailboxes of teams, which nobody signs in by, are nobody's.
pub fn unseen(
    conn: &mut Conn,
    since: DateTime<Utc>,
    at_most: i64,
) -> Result<BTreeMap<String, u64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        mailbox: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT p.mailbox, told.count FROM ( \
             SELECT DISTINCT lower(email) AS mailbox FROM person \
             WHERE id IN (SELECT person_id FROM session)) AS p \
         LEFT JOIN notice_seen s ON s.mailbox = p.mailbox \
         CROSS JOIN LATERAL (SELECT count(*) AS count FROM ( \
             SELECT 1 FROM notice n WHERE lower(n.email) = p.mailbox \
                 AND n.queued_at > greatest($1, coalesce(s.until, '-infinity')) \
                 AND n.state <> 'cancelled' AND n.key NOT LIKE 'test:%' LIMIT $2) AS first) AS told \
         WHERE told.count > 0",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<BigInt, _>(at_most)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.mailbox, row.count.unsigned_abs()))
        .collect())
}
