//! Sessions: 256 random bits in a cookie, their SHA-256 in PostgreSQL. What a session may do is
//! looked up at each request, so disabling somebody or changing their roles acts at once.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::{Token, TokenHash};
use super::{break_glass, device, devices};
use crate::foundation::db::schema::{person, session};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId};

/// Without a deliberate request for this long, a session is over.
pub const IDLE: Duration = Duration::minutes(15);
/// However busy, a session ends after this.
pub const ABSOLUTE: Duration = Duration::hours(12);
/// How long a proof of identity opens what asks for one.
pub const PROOF_LASTS: Duration = Duration::minutes(10);
/// How long somebody may take between the first factor and the second.
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
    /// The password was right, or the provider vouches; the second factor is missing.
    SecondFactor,
    /// Likewise; a second factor has to be set up first.
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
    Passkey,
    /// The organisation's provider says that it has seen two factors, and the installation believes it.
    Provider,
}

impl Method {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
        }
    }

    /// Whether it shows who is sitting there well enough for a sensitive act. Recovery codes lie in drawers, and the
    /// provider may have let somebody in hours ago.
    const fn is_proof(self) -> bool {
        matches!(self, Self::Totp | Self::Passkey)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [
            Self::Totp,
            Self::RecoveryCode,
            Self::Passkey,
            Self::Provider,
        ]
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

impl Client {
    /// As much of what the browser says of itself as is kept.
    #[must_use]
    pub fn short_user_agent(&self) -> String {
        self.user_agent.chars().take(LONGEST_USER_AGENT).collect()
    }
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
    diesel::insert_into(session::table)
        .values((
            session::id.eq(id),
            session::token_hash.eq(token.hash().to_vec()),
            session::person_id.eq(person.uuid()),
            session::stage.eq(stage.as_str()),
            session::method.eq(method.map(Method::as_str)),
            session::address.eq(&client.address),
            session::user_agent.eq(client.short_user_agent()),
            session::created_at.eq(now),
            session::last_seen_at.eq(now),
            session::proved_at.eq(method.is_some_and(Method::is_proof).then_some(now)),
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

/// Notes that the person has just proved that it is them, and gives the session a new token. `None` when the session
/// has ended.
pub fn prove(conn: &mut Conn, id: Uuid, now: DateTime<Utc>) -> db::Result<Option<Token>> {
    let proved = diesel::update(session::table.find(id))
        .set(session::proved_at.eq(now))
        .execute(conn)?;
    if proved == 0 {
        return Ok(None);
    }
    rotate(conn, id)
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

/// Forgets the seed that this session's person was shown.
pub fn drop_proposal(conn: &mut Conn, id: Uuid) -> db::Result<()> {
    diesel::update(session::table.find(id))
        .set(session::proposed_seed.eq(None::<Vec<u8>>))
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

/// A session that lets its person in, for them to recognise.
#[derive(Clone, Debug, Queryable)]
pub struct Open {
    pub id: Uuid,
    pub method: Option<String>,
    pub address: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl Open {
    /// "Firefox on Windows".
    #[must_use]
    pub fn device(&self) -> String {
        device::name(&self.user_agent)
    }

    /// What proved the second factor, in a word.
    #[must_use]
    pub fn proof(&self) -> &'static str {
        match self.method.as_deref().and_then(Method::parse) {
            Some(Method::Totp) => "code",
            Some(Method::Passkey) => "passkey",
            Some(Method::RecoveryCode) => "recovery code",
            Some(Method::Provider) => "provider",
            None => "",
        }
    }
}

/// How many sessions of one person are shown. Each begins with a second factor, so nobody has many.
const MOST_SHOWN: i64 = 100;

/// Somebody's sessions that let them in, the one used last first.
pub fn open(conn: &mut Conn, person: PersonId, now: DateTime<Utc>) -> db::Result<Vec<Open>> {
    Ok(session::table
        .filter(session::person_id.eq(person.uuid()))
        .filter(session::stage.eq(Stage::Full.as_str()))
        .filter(session::last_seen_at.gt(now - IDLE))
        .filter(session::created_at.gt(now - ABSOLUTE))
        .order((session::last_seen_at.desc(), session::id.desc()))
        .limit(MOST_SHOWN)
        .select((
            session::id,
            session::method,
            session::address,
            session::user_agent,
            session::created_at,
            session::last_seen_at,
        ))
        .load(conn)?)
}

/// Ends one of somebody's own sessions: true for the one caller that ended it.
pub fn end_own(conn: &mut Conn, person: PersonId, id: Uuid) -> db::Result<bool> {
    let theirs = session::table
        .find(id)
        .filter(session::person_id.eq(person.uuid()));
    Ok(diesel::delete(theirs).execute(conn)? == 1)
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
        .filter(
            person::break_glass
                .eq(false)
                .or(session::created_at.gt(now - break_glass::SESSION)),
        )
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
