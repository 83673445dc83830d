//! How the outbox stands as a queue.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};

use super::TESTS;
use crate::foundation::db::{Conn, Result};

/// What was given up is counted for so long.
const GIVEN_UP_WITHIN: TimeDelta = TimeDelta::days(30);

#[derive(Clone, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Standing {
    /// To be tried, and not begun.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// Not to be tried yet, or held for an endpoint that is switched off.
    #[diesel(sql_type = BigInt)]
    pub delayed: i64,
    /// Being sent.
    #[diesel(sql_type = BigInt)]
    pub in_hand: i64,
    #[diesel(sql_type = BigInt)]
    pub given_up: i64,
    /// Since when the one that is most overdue should have been tried.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<DateTime<Utc>>,
}

pub fn standing(conn: &mut Conn, now: DateTime<Utc>) -> Result<Standing> {
    Ok(sql_query(
        "WITH all_of AS (SELECT n.state, n.next_at, \
                 coalesce(n.lease_until > clock_timestamp(), false) AS is_held, \
                 n.next_at <= $1 AND (e.id IS NULL OR e.state = 'active') AS is_due \
             FROM notice n LEFT JOIN notice_endpoint e ON e.id = n.endpoint_id \
             WHERE n.state = 'queued' OR n.state = 'given_up' AND n.ended_at > $2 AND n.key NOT LIKE $3) \
         SELECT count(*) FILTER (WHERE state = 'queued' AND is_due AND NOT is_held) AS waiting, \
             count(*) FILTER (WHERE state = 'queued' AND NOT is_due AND NOT is_held) AS delayed, \
             count(*) FILTER (WHERE state = 'queued' AND is_held) AS in_hand, \
             count(*) FILTER (WHERE state = 'given_up') AS given_up, \
             min(next_at) FILTER (WHERE state = 'queued' AND is_due AND NOT is_held) AS oldest \
         FROM all_of",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - GIVEN_UP_WITHIN)
    .bind::<Text, _>(TESTS)
    .get_result(conn)?)
}
