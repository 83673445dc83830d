//! What somebody was told, and how much of it they have seen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::foundation::db::schema::notice_seen;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// A notice to somebody's mailbox.
#[derive(Clone, Debug, QueryableByName)]
pub struct Told {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    platform_id: Option<Uuid>,
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

impl Told {
    #[must_use]
    pub fn platform(&self) -> Option<PlatformId> {
        self.platform_id.map(PlatformId::from)
    }
}

/// What went to this mailbox since a moment, newest first. Whether it arrived is another matter: it was meant for them.
pub fn told(conn: &mut Conn, email: &str, since: DateTime<Utc>, at_most: i64) -> Result<Vec<Told>> {
    Ok(sql_query(
        "SELECT id, platform_id, queued_at AS at, title, text, link, level FROM notice \
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

/// How much each mailbox was told since a moment and has not seen, for the top bar of all pages.
pub fn unseen(conn: &mut Conn, since: DateTime<Utc>) -> Result<BTreeMap<String, u64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        mailbox: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT lower(n.email) AS mailbox, count(*) AS count FROM notice n \
         LEFT JOIN notice_seen s ON s.mailbox = lower(n.email) \
         WHERE n.email IS NOT NULL AND n.queued_at > $1 AND n.queued_at > coalesce(s.until, '-infinity') \
             AND n.state <> 'cancelled' AND n.key NOT LIKE 'test:%' \
         GROUP BY 1",
    )
    .bind::<Timestamptz, _>(since)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.mailbox, row.count.unsigned_abs()))
        .collect())
}
