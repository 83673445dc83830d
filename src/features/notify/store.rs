//! The outbox's rows.

pub mod endpoints;
pub mod outbox;
pub mod seen;
pub mod standing;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::notice::{About, Channel, Destination, EndpointId, Notice, NoticeId, State};
use crate::foundation::db::schema::{notice, notice_attempt, notice_endpoint};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PlatformId, Scope};

diesel::define_sql_function! {
    /// The database's clock, which all replicas share.
    fn clock_timestamp() -> Timestamptz;
}

/// The keys of tests.
const TESTS: &str = "test:%";

/// Puts a notice into the outbox, to leave at `leaves`. False where its key was there before.
pub fn insert(
    conn: &mut Conn,
    id: NoticeId,
    new: &Notice,
    now: DateTime<Utc>,
    leaves: DateTime<Utc>,
) -> Result<bool> {
    let (email, endpoint) = columns(&new.to);
    let inserted = diesel::insert_into(notice::table)
        .values((
            notice::id.eq(id.uuid()),
            notice::platform_id.eq(new.platform.map(PlatformId::uuid)),
            notice::channel.eq(new.to.channel().as_str()),
            notice::email.eq(email),
            notice::endpoint_id.eq(endpoint),
            notice::about_kind.eq(&new.about.kind),
            notice::about_id.eq(&new.about.id),
            notice::title.eq(&new.title),
            notice::text.eq(&new.text),
            notice::link.eq(&new.link),
            notice::level.eq(new.level.map(Level::as_str)),
            notice::key.eq(&new.key),
            notice::queued_at.eq(now),
            notice::next_at.eq(leaves),
            notice::gather.eq(&new.gather),
        ))
        .on_conflict(notice::key)
        .do_nothing()
        .execute(conn)?;
    Ok(inserted == 1)
}

/// A place as it is kept.
fn columns(to: &Destination) -> (Option<&str>, Option<Uuid>) {
    match to {
        Destination::Email(address) => (Some(address), None),
        Destination::Endpoint(endpoint) => (None, Some(endpoint.uuid())),
    }
}

/// When the last letter with what may be told together was taken in by this place.
pub fn last_gathered(
    conn: &mut Conn,
    gather: &str,
    to: &Destination,
) -> Result<Option<DateTime<Utc>>> {
    let delivered = notice::table
        .filter(notice::gather.eq(gather))
        .filter(notice::state.eq(State::Delivered.as_str()))
        .select(diesel::dsl::max(notice::ended_at));
    Ok(match to {
        Destination::Email(address) => delivered.filter(notice::email.eq(address)).first(conn)?,
        Destination::Endpoint(id) => {
            let delivered = delivered.filter(notice::endpoint_id.eq(id.uuid()));
            delivered.first(conn)?
        }
    })
}

#[derive(QueryableByName)]
struct Cancelled {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    platform_id: Option<Uuid>,
}

/// Which of what is queued about something.
#[derive(Clone, Copy, Debug)]
pub enum Which<'w> {
    All,
    But(&'w [Uuid]),
    /// What is to tell this place of this level.
    For(&'w Destination, Level),
}

/// Takes back what is queued about something. What is being sent keeps its state until that has ended, and is only marked.
pub fn cancel(
    conn: &mut Conn,
    about: &About,
    which: Which<'_>,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<(NoticeId, Option<PlatformId>)>> {
    let (but, level, place) = match which {
        Which::All => (&[][..], None, None),
        Which::But(but) => (but, None, None),
        Which::For(place, level) => (&[][..], Some(level.as_str()), Some(place)),
    };
    let (email, endpoint) = place.map_or((None, None), columns);
    let rows: Vec<Cancelled> = sql_query(
        "UPDATE notice SET why = $3, \
             state = CASE WHEN lease_until > clock_timestamp() THEN 'queued' ELSE 'cancelled' END, \
             ended_at = CASE WHEN lease_until > clock_timestamp() THEN NULL ELSE $4 END \
         WHERE about_kind = $1 AND about_id = $2 AND state = 'queued' AND why IS NULL AND id <> ALL($5) \
             AND ($6 IS NULL OR level = $6 AND email IS NOT DISTINCT FROM $7 AND endpoint_id IS NOT DISTINCT FROM $8) \
         RETURNING id, platform_id",
    )
    .bind::<Text, _>(&about.kind)
    .bind::<Text, _>(&about.id)
    .bind::<Text, _>(why)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<SqlUuid>, _>(but)
    .bind::<Nullable<Text>, _>(level)
    .bind::<Nullable<Text>, _>(email)
    .bind::<Nullable<SqlUuid>, _>(endpoint)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id.into(), row.platform_id.map(PlatformId::from)))
        .collect())
}

/// A notice as pages show it.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: NoticeId,
    pub platform: Option<PlatformId>,
    pub to: Destination,
    /// The mailbox, or the name of the endpoint.
    pub to_name: String,
    /// Whether its endpoint is switched off, so that it waits.
    pub is_held: bool,
    /// Whether somebody is sending it at this moment.
    pub is_being_sent: bool,
    pub about: About,
    pub title: String,
    pub text: String,
    pub link: String,
    pub level: Option<Level>,
    pub state: State,
    /// Why it was given up or cancelled; while it is queued, why it will not be tried again.
    pub why: Option<String>,
    pub queued_at: DateTime<Utc>,
    pub next_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub number: i16,
    pub begun_at: DateTime<Utc>,
    pub took_ms: i64,
    pub delivered: bool,
    /// What the receiver said, or what kept us from hearing it.
    pub answer: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notice)]
struct Row {
    id: Uuid,
    platform_id: Option<Uuid>,
    email: Option<String>,
    endpoint_id: Option<Uuid>,
    about_kind: String,
    about_id: String,
    title: String,
    text: String,
    link: String,
    level: Option<String>,
    state: String,
    why: Option<String>,
    queued_at: DateTime<Utc>,
    next_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    lease_until: Option<DateTime<Utc>>,
}

/// A notice with the name of its endpoint and how that stands.
type Joined = (Row, Option<(String, String)>);

/// What was told last about something, or is to be, in the order of queuing, with every attempt.
pub fn about(conn: &mut Conn, about: &About) -> Result<Vec<Told>> {
    const MOST: i64 = 500;
    let mut rows: Vec<Joined> = notice::table
        .left_join(notice_endpoint::table)
        .filter(notice::about_kind.eq(&about.kind))
        .filter(notice::about_id.eq(&about.id))
        .order(notice::id.desc())
        .limit(MOST)
        .select((
            Row::as_select(),
            (notice_endpoint::name, notice_endpoint::state).nullable(),
        ))
        .load(conn)?;
    rows.reverse();
    told(conn, rows)
}

/// Those of these notices that stand so: taken back before they left, or delivered.
pub fn in_state(conn: &mut Conn, notices: &[Uuid], state: State) -> Result<HashSet<Uuid>> {
    let found: Vec<Uuid> = notice::table
        .filter(notice::id.eq_any(notices))
        .filter(notice::state.eq(state.as_str()))
        .select(notice::id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// Those of these notices that are so bad and still wait to be sent, at first or again.
pub fn queued(conn: &mut Conn, notices: &[Uuid], level: Level) -> Result<HashSet<Uuid>> {
    let found: Vec<Uuid> = notice::table
        .filter(notice::id.eq_any(notices))
        .filter(notice::state.eq(State::Queued.as_str()))
        .filter(notice::why.is_null())
        .filter(notice::level.eq(level.as_str()))
        .select(notice::id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// Gives a notice that is queued another text, with which it goes from the next attempt on. False where it may have arrived
/// with the text of before, because somebody has tried or is trying.
pub fn reword(conn: &mut Conn, id: Uuid, text: &str) -> Result<bool> {
    let waiting = notice::table
        .find(id)
        .filter(notice::state.eq(State::Queued.as_str()))
        .filter(notice::why.is_null());
    let tried: Option<(i16, Option<DateTime<Utc>>)> = diesel::update(waiting)
        .set(notice::text.eq(text))
        .returning((notice::attempts, notice::lease_until))
        .get_result(conn)
        .optional()?;
    Ok(tried == Some((0, None)))
}

pub fn find(conn: &mut Conn, id: NoticeId) -> Result<Told> {
    let row: Joined = notice::table
        .find(id.uuid())
        .left_join(notice_endpoint::table)
        .select((
            Row::as_select(),
            (notice_endpoint::name, notice_endpoint::state).nullable(),
        ))
        .first(conn)?;
    let mut found = told(conn, vec![row])?;
    found.pop().ok_or(Error::NotFound)
}

/// Whether somebody who reaches so far may know of a notice. Those of no platform are for whoever reaches all.
#[must_use]
pub fn is_within(reach: &Scope, platform: Option<PlatformId>) -> bool {
    match platform {
        Some(platform) => reach.allows(platform),
        None => *reach == Scope::All,
    }
}

/// Which notices a list shows.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub states: &'a [State],
    pub channel: Option<Channel>,
    pub endpoint: Option<EndpointId>,
    pub scope: Scope,
    /// Older than this one, the newest first; or newer, the oldest first.
    pub before: Option<Uuid>,
    pub after: Option<Uuid>,
}

/// Up to `limit` notices, with their attempts.
pub fn list(conn: &mut Conn, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<Told>> {
    let states: Vec<&str> = wanted.states.iter().map(|state| state.as_str()).collect();
    let mut query = notice::table
        .left_join(notice_endpoint::table)
        .filter(notice::state.eq_any(states))
        .select((
            Row::as_select(),
            (notice_endpoint::name, notice_endpoint::state).nullable(),
        ))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(platforms) = wanted.scope.ids() {
        query = query.filter(notice::platform_id.eq_any(platforms));
    }
    if let Some(channel) = wanted.channel {
        query = query.filter(notice::channel.eq(channel.as_str()));
    }
    if let Some(endpoint) = wanted.endpoint {
        query = query.filter(notice::endpoint_id.eq(endpoint.uuid()));
    }
    query = match (wanted.before, wanted.after) {
        (_, Some(after)) => query.filter(notice::id.gt(after)).order(notice::id.asc()),
        (Some(before), None) => query.filter(notice::id.lt(before)).order(notice::id.desc()),
        (None, None) => query.order(notice::id.desc()),
    };
    let rows: Vec<Joined> = query.load(conn)?;
    told(conn, rows)
}

/// How many notices of these platforms are in each of the states that want a hand: queued, and given up since then.
/// Tests are looked at by whoever asked for them.
pub fn counts(conn: &mut Conn, scope: &Scope, since: DateTime<Utc>) -> Result<(i64, i64)> {
    let mut query = notice::table
        .filter(notice::state.eq_any(["queued", "given_up"]))
        .filter(notice::ended_at.is_null().or(notice::ended_at.gt(since)))
        .filter(notice::key.not_like(TESTS))
        .group_by(notice::state)
        .select((notice::state, diesel::dsl::count_star()))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(notice::platform_id.eq_any(platforms));
    }
    let rows: Vec<(String, i64)> = query.load(conn)?;
    let of = |wanted: State| {
        let mut rows = rows.iter();
        rows.find(|(state, _)| state == wanted.as_str())
            .map_or(0, |(_, count)| *count)
    };
    Ok((of(State::Queued), of(State::GivenUp)))
}

fn told(conn: &mut Conn, rows: Vec<Joined>) -> Result<Vec<Told>> {
    let ids: Vec<Uuid> = rows.iter().map(|(row, _)| row.id).collect();
    let mut attempts = attempts(conn, &ids)?;
    // Leases are by the database's clock.
    let now = diesel::select(clock_timestamp()).get_result(conn)?;
    rows.into_iter()
        .map(|(row, endpoint)| {
            let attempts = attempts.remove(&row.id).unwrap_or_default();
            row.told(endpoint, attempts, now)
        })
        .collect()
}

fn attempts(conn: &mut Conn, notices: &[Uuid]) -> Result<HashMap<Uuid, Vec<Attempt>>> {
    let rows: Vec<(Uuid, i16, DateTime<Utc>, i64, bool, String)> = notice_attempt::table
        .filter(notice_attempt::notice_id.eq_any(notices))
        .order((notice_attempt::notice_id, notice_attempt::number))
        .load(conn)?;
    let mut found: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    for (notice, number, begun_at, took_ms, delivered, answer) in rows {
        found.entry(notice).or_default().push(Attempt {
            number,
            begun_at,
            took_ms,
            delivered,
            answer,
        });
    }
    Ok(found)
}

impl Row {
    fn told(
        self,
        endpoint: Option<(String, String)>,
        attempts: Vec<Attempt>,
        now: DateTime<Utc>,
    ) -> Result<Told> {
        let is_queued = self.state == State::Queued.as_str();
        let is_off = endpoint
            .as_ref()
            .is_some_and(|(_, state)| state != "active");
        let damaged = |_| Error::Damaged("a notice");
        let (to, to_name) = match (self.email, self.endpoint_id) {
            (Some(email), _) => (Destination::Email(email.clone()), email),
            (None, Some(id)) => (
                Destination::Endpoint(EndpointId::from(id)),
                endpoint.map(|(name, _)| name).unwrap_or_default(),
            ),
            (None, None) => return Err(Error::Damaged("a notice to nobody")),
        };
        Ok(Told {
            id: self.id.into(),
            platform: self.platform_id.map(PlatformId::from),
            to,
            to_name,
            is_held: is_queued && is_off,
            is_being_sent: is_queued && self.lease_until.is_some_and(|until| until > now),
            about: About {
                kind: self.about_kind,
                id: self.about_id,
            },
            title: self.title,
            text: self.text,
            link: self.link,
            level: self
                .level
                .map(|level| level.parse())
                .transpose()
                .map_err(damaged)?,
            state: self.state.parse().map_err(damaged)?,
            why: self.why,
            queued_at: self.queued_at,
            next_at: self.next_at,
            ended_at: self.ended_at,
            attempts,
        })
    }
}
