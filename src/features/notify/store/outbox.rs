//! Who sends what: claims with a lease and a number, and what became of them.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Double, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use crate::features::notify::gather::TOGETHER_AT_MOST;
use crate::features::notify::letter::{Letter, Part};
use crate::features::notify::notice::{About, Channel, Destination, EndpointId, NoticeId, State};
use crate::foundation::db::schema::{notice, notice_attempt, notice_endpoint};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PlatformId};

/// Longer than any attempt takes, so that nobody else begins while it goes on.
pub const LEASE_SECS: f64 = 120.0;

/// An attempt that is ours until its lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    pub to: Destination,
    pub platform: Option<PlatformId>,
    /// Attempts before this one.
    pub attempts: i16,
    pub fence: i64,
    /// What is told in the same letter.
    pub with: Vec<NoticeId>,
    /// Its links are still paths.
    pub letter: Letter,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    platform_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    platform_slug: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    platform_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    endpoint_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    about_kind: String,
    #[diesel(sql_type = Text)]
    about_id: String,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Text)]
    link: String,
    #[diesel(sql_type = Nullable<Text>)]
    level: Option<String>,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Timestamptz)]
    queued_at: DateTime<Utc>,
    #[diesel(sql_type = SmallInt)]
    attempts: i16,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Nullable<Text>)]
    gather: Option<String>,
}

/// Takes the notice that is due first, by one of these channels; one that was to be told with another that has ended
/// meanwhile goes by itself. An endpoint is asked one thing at a time, so that one
/// that is slow does not keep the others waiting.
pub fn claim(conn: &mut Conn, channels: &[Channel], now: DateTime<Utc>) -> Result<Option<Claim>> {
    let channels: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
    let row: Option<Row> = sql_query(
        "WITH due AS (SELECT d.id, p.slug, p.name FROM notice d \
             LEFT JOIN notice_endpoint e ON e.id = d.endpoint_id LEFT JOIN platform p ON p.id = d.platform_id \
             WHERE d.state = 'queued' AND d.why IS NULL AND d.next_at <= $2 AND d.channel = ANY($3) \
             AND (d.told_with IS NULL OR NOT EXISTS (SELECT 1 FROM notice l WHERE l.id = d.told_with AND l.state = 'queued')) \
             AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp()) \
             AND (e.id IS NULL OR e.state = 'active') \
             AND NOT EXISTS (SELECT 1 FROM notice o WHERE o.endpoint_id = d.endpoint_id AND o.state = 'queued' \
                 AND o.lease_until > clock_timestamp()) \
             ORDER BY d.next_at, d.id LIMIT 1 FOR UPDATE OF d SKIP LOCKED) \
         UPDATE notice n SET fence = n.fence + 1, told_with = NULL, \
             lease_until = clock_timestamp() + make_interval(secs => $1) FROM due \
         WHERE n.id = due.id \
         RETURNING n.id, n.platform_id, due.slug AS platform_slug, due.name AS platform_name, n.email, \
             n.endpoint_id, n.about_kind, n.about_id, n.title, n.text, n.link, n.level, n.key, n.queued_at, \
             n.attempts, n.fence, n.gather",
    )
    .bind::<Double, _>(LEASE_SECS)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(channels)
    .get_result(conn)
    .optional()?;
    let Some(row) = row else {
        return Ok(None);
    };
    // A letter that may have left tells the same when it is sent again: whoever has it already knows it by its id.
    if row.fence == 1 && row.attempts == 0 {
        gather(conn, &row)?;
    }
    together(conn, row).map(Some)
}

/// Puts what waits for the same place beside the notice that leaves. What others are told with stays with them.
fn gather(conn: &mut Conn, lead: &Row) -> Result<()> {
    let Some(gather) = &lead.gather else {
        return Ok(());
    };
    sql_query(
        "UPDATE notice SET told_with = $1 WHERE id IN (SELECT d.id FROM notice d \
             WHERE d.gather = $2 AND d.email IS NOT DISTINCT FROM $3 AND d.endpoint_id IS NOT DISTINCT FROM $4 \
             AND d.state = 'queued' AND d.why IS NULL AND d.attempts = 0 AND d.id <> $1 AND d.lease_until IS NULL \
             AND (d.told_with IS NULL OR NOT EXISTS (SELECT 1 FROM notice l WHERE l.id = d.told_with AND l.state = 'queued')) \
             AND NOT EXISTS (SELECT 1 FROM notice m WHERE m.told_with = d.id AND m.state = 'queued') \
             ORDER BY d.id LIMIT $5 FOR UPDATE OF d SKIP LOCKED)",
    )
    .bind::<SqlUuid, _>(lead.id)
    .bind::<Text, _>(gather)
    .bind::<Nullable<Text>, _>(&lead.email)
    .bind::<Nullable<SqlUuid>, _>(lead.endpoint_id)
    .bind::<BigInt, _>(TOGETHER_AT_MOST - 1)
    .execute(conn)?;
    Ok(())
}

/// A claim with what is told with it, which is ours for as long.
fn together(conn: &mut Conn, lead: Row) -> Result<Claim> {
    #[derive(QueryableByName)]
    struct Beside {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        about_kind: String,
        #[diesel(sql_type = Text)]
        about_id: String,
        #[diesel(sql_type = Text)]
        title: String,
        #[diesel(sql_type = Text)]
        text: String,
        #[diesel(sql_type = Text)]
        link: String,
        #[diesel(sql_type = Nullable<Text>)]
        level: Option<String>,
    }
    let beside: Vec<Beside> = sql_query(
        "UPDATE notice SET lease_until = clock_timestamp() + make_interval(secs => $2) \
         WHERE told_with = $1 AND state = 'queued' AND why IS NULL \
         RETURNING id, about_kind, about_id, title, text, link, level",
    )
    .bind::<SqlUuid, _>(lead.id)
    .bind::<Double, _>(LEASE_SECS)
    .load(conn)?;
    let mut claim = Claim::try_from(lead)?;
    let mut parts = Vec::new();
    for it in beside {
        claim.with.push(it.id.into());
        parts.push(Part {
            about: About {
                kind: it.about_kind,
                id: it.about_id,
            },
            title: it.title,
            text: it.text,
            link: it.link,
            level: read_level(it.level)?,
        });
    }
    claim.letter = claim.letter.together(parts);
    Ok(claim)
}

fn read_level(level: Option<String>) -> Result<Option<Level>> {
    let level = level.map(|level| level.parse()).transpose();
    level.map_err(|_| Error::Damaged("a notice's level"))
}

/// Takes one notice, with what is told in its letter, whenever it is due, and whether or not its endpoint is switched off: somebody asked for it.
pub fn claim_one(conn: &mut Conn, id: NoticeId) -> Result<Option<Claim>> {
    let row: Option<Row> = sql_query(
        "WITH due AS (SELECT d.id, p.slug, p.name FROM notice d LEFT JOIN platform p ON p.id = d.platform_id \
             WHERE d.id = $2 AND d.state = 'queued' AND d.why IS NULL \
             AND (d.told_with IS NULL OR NOT EXISTS (SELECT 1 FROM notice l WHERE l.id = d.told_with AND l.state = 'queued')) \
             AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp()) \
             FOR UPDATE OF d SKIP LOCKED) \
         UPDATE notice n SET fence = n.fence + 1, told_with = NULL, \
             lease_until = clock_timestamp() + make_interval(secs => $1) FROM due \
         WHERE n.id = due.id \
         RETURNING n.id, n.platform_id, due.slug AS platform_slug, due.name AS platform_name, n.email, \
             n.endpoint_id, n.about_kind, n.about_id, n.title, n.text, n.link, n.level, n.key, n.queued_at, \
             n.attempts, n.fence, n.gather",
    )
    .bind::<Double, _>(LEASE_SECS)
    .bind::<SqlUuid, _>(id.uuid())
    .get_result(conn)
    .optional()?;
    row.map(|row| together(conn, row)).transpose()
}

impl Claim {
    fn ids_beside(&self) -> Vec<Uuid> {
        self.with.iter().map(|id| id.uuid()).collect()
    }
}

impl TryFrom<Row> for Claim {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let to = match (row.email, row.endpoint_id) {
            (Some(email), _) => Destination::Email(email),
            (None, Some(id)) => Destination::Endpoint(id.into()),
            (None, None) => return Err(Error::Damaged("a notice to nobody")),
        };
        Ok(Self {
            to,
            platform: row.platform_id.map(PlatformId::from),
            attempts: row.attempts,
            fence: row.fence,
            with: Vec::new(),
            letter: Letter {
                id: row.id.into(),
                key: row.key,
                platform: row.platform_slug.zip(row.platform_name),
                part: Part {
                    about: About {
                        kind: row.about_kind,
                        id: row.about_id,
                    },
                    title: row.title,
                    text: row.text,
                    link: row.link,
                    level: read_level(row.level)?,
                },
                also: Vec::new(),
                queued_at: row.queued_at,
            },
        })
    }
}

/// How an attempt leaves its notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Delivered,
    Again { at: DateTime<Utc> },
    GivenUp { why: String },
}

/// A notice as an attempt leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub id: NoticeId,
    /// The number of the attempt.
    pub attempt: i16,
    /// One that was taken back meanwhile is cancelled in the place of another try.
    pub state: State,
}

/// Writes what became of an attempt, and gives the lease back. Nothing where the lease was lost; else the notice and what
/// was told with it.
pub fn settle(
    conn: &mut Conn,
    claim: &Claim,
    settled: &Settled,
    now: DateTime<Utc>,
) -> Result<Vec<Left>> {
    #[derive(QueryableByName)]
    struct After {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = SmallInt)]
        attempts: i16,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let (wanted, why, next) = match settled {
        Settled::Delivered => ("delivered", None, None),
        Settled::Again { at } => ("queued", None, Some(*at)),
        Settled::GivenUp { why } => ("given_up", Some(why.as_str()), None),
    };
    let after: Vec<After> = sql_query(
        "WITH lead AS (SELECT id FROM notice WHERE id = $1 AND fence = $2 AND state = 'queued' \
             AND lease_until IS NOT NULL FOR UPDATE) \
         UPDATE notice n SET lease_until = NULL, attempts = n.attempts + 1, \
             state = CASE WHEN $3 = 'queued' AND n.why IS NOT NULL THEN 'cancelled' ELSE $3 END, \
             why = CASE WHEN $3 = 'queued' THEN n.why ELSE $4 END, \
             next_at = coalesce($5, n.next_at), \
             ended_at = CASE WHEN $3 = 'queued' AND n.why IS NULL THEN NULL ELSE $6 END \
         FROM lead WHERE (n.id = lead.id OR n.id = ANY($7)) AND n.state = 'queued' \
             AND n.lease_until IS NOT NULL RETURNING n.id, n.attempts, n.state",
    )
    .bind::<SqlUuid, _>(claim.letter.id.uuid())
    .bind::<BigInt, _>(claim.fence)
    .bind::<Text, _>(wanted)
    .bind::<Nullable<Text>, _>(why)
    .bind::<Nullable<Timestamptz>, _>(next)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<SqlUuid>, _>(claim.ids_beside())
    .load(conn)?;
    let each = after.into_iter().map(|after| {
        let state = after.state.parse();
        Ok(Left {
            id: after.id.into(),
            attempt: after.attempts,
            state: state.map_err(|_| Error::Damaged("a notice's state"))?,
        })
    });
    each.collect()
}

/// Gives a claim back without an attempt, with what is told in its letter: it is due again at that moment. One that was
/// taken back meanwhile is cancelled by whoever looks for those.
pub fn postpone(
    conn: &mut Conn,
    claim: &Claim,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    sql_query(
        "WITH lead AS (SELECT id FROM notice WHERE id = $1 AND fence = $2 AND state = 'queued' \
             AND lease_until IS NOT NULL FOR UPDATE) \
         UPDATE notice n SET lease_until = NULL, next_at = greatest($3, $4) FROM lead \
         WHERE (n.id = lead.id OR n.id = ANY($5)) AND n.state = 'queued' AND n.lease_until IS NOT NULL",
    )
    .bind::<SqlUuid, _>(claim.letter.id.uuid())
    .bind::<BigInt, _>(claim.fence)
    .bind::<Timestamptz, _>(at)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<SqlUuid>, _>(claim.ids_beside())
    .execute(conn)?;
    Ok(())
}

/// An attempt that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub begun_at: DateTime<Utc>,
    pub took_ms: i64,
    pub delivered: bool,
    pub answer: String,
}

/// Notes an attempt, the first of which is number 1.
pub fn insert_attempt(conn: &mut Conn, notice: NoticeId, number: i16, ended: &Ended) -> Result<()> {
    diesel::insert_into(notice_attempt::table)
        .values((
            notice_attempt::notice_id.eq(notice.uuid()),
            notice_attempt::number.eq(number),
            notice_attempt::begun_at.eq(ended.begun_at),
            notice_attempt::took_ms.eq(ended.took_ms),
            notice_attempt::delivered.eq(ended.delivered),
            notice_attempt::answer.eq(&ended.answer),
        ))
        .execute(conn)?;
    Ok(())
}

/// One that nobody will send any more.
#[derive(QueryableByName)]
pub struct Unsent {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    platform_id: Option<Uuid>,
}

impl Unsent {
    #[must_use]
    pub fn id(&self) -> NoticeId {
        self.id.into()
    }

    #[must_use]
    pub fn platform(&self) -> Option<PlatformId> {
        self.platform_id.map(PlatformId::from)
    }
}

/// Those that were taken back while somebody sent them who never came to an end.
pub fn end_taken_back(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<Unsent>> {
    Ok(sql_query(
        "UPDATE notice SET state = 'cancelled', ended_at = $1, lease_until = NULL \
         WHERE id IN (SELECT id FROM notice WHERE state = 'queued' AND why IS NOT NULL \
             AND (lease_until IS NULL OR lease_until < clock_timestamp()) LIMIT 500 FOR UPDATE SKIP LOCKED) \
         RETURNING id, platform_id",
    )
    .bind::<Timestamptz, _>(now)
    .load(conn)?)
}

/// Those that have waited for too long for an endpoint that is switched off, since they were due.
pub fn give_up_held(
    conn: &mut Conn,
    why: &str,
    waited: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Vec<Unsent>> {
    Ok(sql_query(
        "UPDATE notice SET state = 'given_up', ended_at = $1, why = $2 \
         WHERE id IN (SELECT n.id FROM notice n JOIN notice_endpoint e ON e.id = n.endpoint_id \
             WHERE n.state = 'queued' AND e.state <> 'active' \
             AND greatest(n.queued_at, n.next_at, e.changed_at) < $3 \
             AND (n.lease_until IS NULL OR n.lease_until < clock_timestamp()) LIMIT 500 FOR UPDATE OF n SKIP LOCKED) \
         RETURNING id, platform_id",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(why)
    .bind::<Timestamptz, _>(now - waited)
    .load(conn)?)
}

/// Lets a notice be tried at once, also one that was given up. False where there is nothing to try.
pub fn hasten(conn: &mut Conn, id: NoticeId, now: DateTime<Utc>) -> Result<bool> {
    let changed = sql_query(
        "UPDATE notice SET state = 'queued', why = NULL, ended_at = NULL, next_at = $2, told_with = NULL \
         WHERE id = $1 AND (state = 'given_up' OR state = 'queued' AND why IS NULL) \
         AND (lease_until IS NULL OR lease_until < clock_timestamp())",
    )
    .bind::<SqlUuid, _>(id.uuid())
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(changed == 1)
}

/// Takes back what is queued for an endpoint. What is being sent is only marked. Returns how many.
pub fn cancel_for(
    conn: &mut Conn,
    endpoint: EndpointId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<usize> {
    Ok(sql_query(
        "UPDATE notice SET why = $2, \
             state = CASE WHEN lease_until > clock_timestamp() THEN 'queued' ELSE 'cancelled' END, \
             ended_at = CASE WHEN lease_until > clock_timestamp() THEN NULL ELSE $3 END \
         WHERE endpoint_id = $1 AND state = 'queued' AND why IS NULL",
    )
    .bind::<SqlUuid, _>(endpoint.uuid())
    .bind::<Text, _>(why)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?)
}

/// How the outbox stands as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Endpoints that are switched on.
    pub endpoints: i64,
    /// Since when the notice that is most overdue should have been tried.
    pub overdue_since: Option<DateTime<Utc>>,
    /// Given up within the last day.
    pub given_up: i64,
}

pub fn health(conn: &mut Conn, now: DateTime<Utc>) -> Result<Health> {
    let endpoints = notice_endpoint::table
        .filter(notice_endpoint::state.eq("active"))
        .count()
        .get_result(conn)?;
    // What waits for an endpoint that is switched off is not to be tried.
    let active = notice_endpoint::table
        .filter(notice_endpoint::state.eq("active"))
        .select(notice_endpoint::id.nullable());
    let is_to_be_tried = notice::endpoint_id
        .is_null()
        .or(notice::endpoint_id.eq_any(active));
    let overdue_since = notice::table
        .filter(notice::state.eq("queued"))
        .filter(notice::next_at.le(now))
        .filter(is_to_be_tried)
        .select(diesel::dsl::min(notice::next_at))
        .first(conn)?;
    let given_up = notice::table
        .filter(notice::state.eq("given_up"))
        .filter(notice::ended_at.gt(now - TimeDelta::days(1)))
        .filter(notice::key.not_like(super::TESTS))
        .count()
        .get_result(conn)?;
    Ok(Health {
        endpoints,
        overdue_since,
        given_up,
    })
}
