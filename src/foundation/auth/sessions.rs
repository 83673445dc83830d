//! Sessions: 256 random bits in a cookie, their SHA-256 in PostgreSQL. What a session may do is
//! looked up at each request, so disabling somebody or changing their roles acts at once.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::devices;
use super::token::{Token, TokenHash};
use crate::foundation::db::schema::{person, session};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId};

/// Without a deliberate request for this long, a session is over.
pub const IDLE: Duration = Duration::minutes(15);
/// However busy, a session ends after this.
pub const ABSOLUTE: Duration = Duration::hours(12);
/// How long somebody may take between password and second factor.
pub const HALF_WAY: Duration = Duration::minutes(10);
/// A session's last use is written at most this often. It may therefore end this much early.
pub(super) const TOUCH_EVERY: Duration = Duration::seconds(5);
/// How long a session that is over is kept, so that a form posted from it can be parked.
const KEPT_AFTER: Duration = Duration::days(1);
const LONGEST_USER_AGENT: usize = 300;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The password was right; the second factor is missing.
    SecondFactor,
    /// The password was right; a second factor has to be set up first.
    Enrolment,
    Full,
}

impl Stage {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecondFactor => "second_factor",
            Self::Enrolment => "enrolment",
            Self::Full => "full",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::SecondFactor, Self::Enrolment, Self::Full]
            .into_iter()
            .find(|stage| stage.as_str() == text)
    }
}

/// What proved the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Totp,
    RecoveryCode,
}

impl Method {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Totp, Self::RecoveryCode]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

/// Where a session is used from, for its owner to recognise.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub address: String,
    pub user_agent: String,
}

/// Begins a session in place of `replaced`, and returns its token. The old token is dead when the
/// transaction commits: this is the rotation.
pub fn begin(
    conn: &mut Conn,
    person: PersonId,
    stage: Stage,
    method: Option<Method>,
    client: &Client,
    replaced: Option<Uuid>,
    now: DateTime<Utc>,
) -> db::Result<(Uuid, Token)> {
    if let Some(replaced) = replaced {
        end(conn, replaced)?;
    }
    forget_old(conn, person, now)?;
    let (id, token) = (Uuid::now_v7(), Token::generate());
    let user_agent: String = client.user_agent.chars().take(LONGEST_USER_AGENT).collect();
    diesel::insert_into(session::table)
        .values((
            session::id.eq(id),
            session::token_hash.eq(token.hash().to_vec()),
            session::person_id.eq(person.uuid()),
            session::stage.eq(stage.as_str()),
            session::method.eq(method.map(Method::as_str)),
            session::address.eq(&client.address),
            session::user_agent.eq(user_agent),
            session::created_at.eq(now),
            session::last_seen_at.eq(now),
        ))
        .execute(conn)?;
    Ok((id, token))
}

/// Holds this person's password and sessions as they are until the transaction ends. Whoever ends sessions takes it,
/// and whoever begins one takes [`hold_open`], so that none begins unseen beside the other.
pub fn hold_still(conn: &mut Conn, person: PersonId) -> db::Result<()> {
    let _: Uuid = person::table
        .find(person.uuid())
        .select(person::id)
        .for_update()
        .first(conn)?;
    Ok(())
}

/// Keeps [`hold_still`] waiting until the transaction ends; any number may hold it at once.
pub fn hold_open(conn: &mut Conn, person: PersonId) -> db::Result<()> {
    let _: Uuid = person::table
        .find(person.uuid())
        .select(person::id)
        .for_key_share()
        .first(conn)?;
    Ok(())
}

/// Gives a session a new token; the old one is dead when the transaction commits. Its age stays. `None` when the
/// session has ended.
pub fn rotate(conn: &mut Conn, id: Uuid) -> db::Result<Option<Token>> {
    let token = Token::generate();
    let rotated = diesel::update(session::table.find(id))
        .set(session::token_hash.eq(token.hash().to_vec()))
        .execute(conn)?;
    Ok((rotated == 1).then_some(token))
}

/// True for the one caller that ended it.
pub fn end(conn: &mut Conn, id: Uuid) -> db::Result<bool> {
    Ok(diesel::delete(session::table.find(id)).execute(conn)? == 1)
}

/// Ends what somebody has begun half way. Once one of them has set up an authenticator, the others have nothing left
/// to set up.
pub fn end_half_way(conn: &mut Conn, person: PersonId) -> db::Result<()> {
    diesel::delete(
        session::table
            .filter(session::person_id.eq(person.uuid()))
            .filter(session::stage.ne(Stage::Full.as_str())),
    )
    .execute(conn)?;
    Ok(())
}

/// Keeps the encrypted seed that this session's person is shown, in place of an older one.
pub fn keep_proposal(conn: &mut Conn, id: Uuid, sealed: &[u8]) -> db::Result<()> {
    diesel::update(session::table.find(id))
        .set(session::proposed_seed.eq(sealed))
        .execute(conn)?;
    Ok(())
}

/// The encrypted seed that this session's person was shown.
pub fn proposal(conn: &mut Conn, id: Uuid) -> db::Result<Option<Vec<u8>>> {
    Ok(session::table
        .find(id)
        .select(session::proposed_seed)
        .first(conn)
        .optional()?
        .flatten())
}

pub fn end_by_token(conn: &mut Conn, hash: &TokenHash) -> db::Result<()> {
    diesel::delete(session::table.filter(session::token_hash.eq(hash.as_slice()))).execute(conn)?;
    Ok(())
}

/// Ends somebody's sessions, except the one they act from. Devices are strangers again.
pub fn end_others(conn: &mut Conn, person: PersonId, kept: Option<Uuid>) -> db::Result<usize> {
    let kept = kept.unwrap_or_else(Uuid::nil);
    let ended = diesel::delete(
        session::table
            .filter(session::person_id.eq(person.uuid()))
            .filter(session::id.ne(kept)),
    )
    .execute(conn)?;
    devices::forget_all(conn, person)?;
    Ok(ended)
}

/// Notes that a session was used.
pub fn touch(conn: &mut Conn, id: Uuid, now: DateTime<Utc>) -> db::Result<()> {
    diesel::update(
        session::table
            .find(id)
            .filter(session::last_seen_at.lt(now)),
    )
    .set(session::last_seen_at.eq(now))
    .execute(conn)?;
    Ok(())
}

/// Those among these sessions that still let their people in.
pub fn alive(conn: &mut Conn, ids: &[Uuid], now: DateTime<Utc>) -> db::Result<Vec<Uuid>> {
    Ok(session::table
        .inner_join(person::table)
        .filter(session::id.eq_any(ids))
        .filter(session::stage.eq(Stage::Full.as_str()))
        .filter(session::last_seen_at.gt(now - IDLE))
        .filter(session::created_at.gt(now - ABSOLUTE))
        .filter(person::disabled_at.is_null())
        .select(session::id)
        .load(conn)?)
}

/// Sets the switch of the top bar; nothing means all platforms.
pub fn choose_platform(conn: &mut Conn, id: Uuid, platform: Option<PlatformId>) -> db::Result<()> {
    diesel::update(session::table.find(id))
        .set(session::platform_id.eq(platform.map(PlatformId::uuid)))
        .execute(conn)?;
    Ok(())
}

/// Somebody's own signing in sweeps up after them: no job is needed to keep the tables small.
fn forget_old(conn: &mut Conn, person: PersonId, now: DateTime<Utc>) -> db::Result<()> {
    diesel::delete(
        session::table
            .filter(session::person_id.eq(person.uuid()))
            .filter(
                session::last_seen_at
                    .lt(now - KEPT_AFTER)
                    .or(session::created_at.lt(now - ABSOLUTE - KEPT_AFTER)),
            ),
    )
    .execute(conn)?;
    devices::forget_old(conn, person, now)
}
