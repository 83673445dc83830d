//! Sessions: 256 random bits in a cookie, their SHA-256 in PostgreSQL. What a session may do is
//! looked up at each request, so disabling somebody or changing their roles acts at once.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::devices;
use super::permissions::Grant;
use super::token::{Token, TokenHash};
use crate::foundation::db::schema::{person, person_role, person_role_platform, session};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};

/// Without a deliberate request for this long, a session is over.
pub const IDLE: Duration = Duration::minutes(15);
/// However busy, a session ends after this.
pub const ABSOLUTE: Duration = Duration::hours(12);
/// How long somebody may take between password and second factor.
pub const HALF_WAY: Duration = Duration::minutes(10);
/// A session's last use is written at most this often. It may therefore end this much early.
const TOUCH_EVERY: Duration = Duration::seconds(5);
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

    fn parse(text: &str) -> Option<Self> {
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

    fn parse(text: &str) -> Option<Self> {
        [Self::Totp, Self::RecoveryCode]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

/// A session and its person, as one request sees them.
#[derive(Clone, Debug)]
pub struct Facts {
    pub session: Uuid,
    pub person: PersonId,
    pub email: String,
    pub name: String,
    pub zone: String,
    pub grants: Vec<Grant>,
    /// What the switch of the top bar is set to.
    pub platform: Option<PlatformId>,
    pub stage: Stage,
    pub method: Option<Method>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub disabled: bool,
}

impl Facts {
    /// Whether the session still counts. A disabled person's does not.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        let (idle, absolute) = match self.stage {
            Stage::Full => (IDLE, ABSOLUTE),
            Stage::SecondFactor | Stage::Enrolment => (HALF_WAY, HALF_WAY),
        };
        !self.disabled && now - self.last_seen_at < idle && now - self.created_at < absolute
    }

    /// When the session ends if nothing more is done in it.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        (self.last_seen_at + IDLE).min(self.created_at + ABSOLUTE)
    }

    #[must_use]
    pub fn wants_touch(&self, now: DateTime<Utc>) -> bool {
        now - self.last_seen_at >= TOUCH_EVERY
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

#[derive(Queryable)]
struct Row {
    session: Uuid,
    person: Uuid,
    email: String,
    name: String,
    zone: String,
    stage: String,
    method: Option<String>,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    platform: Option<Uuid>,
    unlimited_roles: Vec<String>,
    limited_roles: Vec<String>,
    /// Of the limited ones, each with a platform that it reaches; by position.
    listed_roles: Vec<String>,
    listed_platforms: Vec<Uuid>,
}

/// The session with this token, live or over, in one query.
pub fn find(conn: &mut Conn, hash: &TokenHash) -> QueryResult<Option<Facts>> {
    let roles = |limited: bool| {
        diesel::dsl::array(
            person_role::table
                .filter(person_role::person_id.eq(session::person_id))
                .filter(person_role::limited.eq(limited))
                .select(person_role::role),
        )
    };
    let listed = person_role_platform::table
        .filter(person_role_platform::person_id.eq(session::person_id))
        .order((
            person_role_platform::role,
            person_role_platform::platform_id,
        ));
    // Not `first`: its limit is a parameter, for which PostgreSQL plans anew every time.
    let row: Option<Row> = session::table
        .inner_join(person::table)
        .filter(session::token_hash.eq(hash.as_slice()))
        .select((
            session::id,
            person::id,
            person::email,
            person::name,
            person::zone,
            session::stage,
            session::method,
            session::created_at,
            session::last_seen_at,
            person::disabled_at,
            session::platform_id,
            roles(false),
            roles(true),
            diesel::dsl::array(listed.select(person_role_platform::role)),
            diesel::dsl::array(listed.select(person_role_platform::platform_id)),
        ))
        .get_result(conn)
        .optional()?;
    Ok(row.and_then(facts))
}

/// A limited role reaches the platforms listed for it, and none where none is.
fn limited_grants(row: &Row) -> impl Iterator<Item = Grant> {
    row.limited_roles.iter().filter_map(|role| {
        let listed = row.listed_roles.iter().zip(&row.listed_platforms);
        let reached = listed.filter(|(of, _)| *of == role);
        Some(Grant {
            role: role.parse().ok()?,
            scope: reached
                .map(|(_, platform)| PlatformId::from(*platform))
                .collect(),
        })
    })
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

fn facts(row: Row) -> Option<Facts> {
    let unlimited = row.unlimited_roles.iter().filter_map(|role| {
        let role = role.parse().ok()?;
        let scope = Scope::All;
        Some(Grant { role, scope })
    });
    let grants = unlimited.chain(limited_grants(&row)).collect();
    Some(Facts {
        session: row.session,
        person: row.person.into(),
        email: row.email,
        name: row.name,
        zone: row.zone,
        grants,
        platform: row.platform.map(PlatformId::from),
        stage: Stage::parse(&row.stage)?,
        method: row.method.as_deref().and_then(Method::parse),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        disabled: row.disabled_at.is_some(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn live(stage: Stage, since_start: Duration, since_seen: Duration, disabled: bool) -> bool {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Facts {
            session: Uuid::nil(),
            person: Uuid::nil().into(),
            email: String::new(),
            name: String::new(),
            zone: "UTC".into(),
            grants: Vec::new(),
            platform: None,
            stage,
            method: None,
            created_at: now - since_start,
            last_seen_at: now - since_seen,
            disabled,
        }
        .is_live(now)
    }

    #[test]
    fn idle_and_absolute_limits() {
        let secs = Duration::seconds;
        for (start, seen, expected) in [
            (secs(899), secs(899), true),
            (secs(901), secs(901), false),
            (secs(43_199), secs(10), true),
            (secs(43_200), secs(10), false),
        ] {
            assert_eq!(
                live(Stage::Full, start, seen, false),
                expected,
                "{start} {seen}"
            );
        }
        assert!(
            !live(Stage::Full, secs(1), secs(1), true),
            "disabled people are out"
        );
    }

    #[test]
    fn half_way_is_short_and_is_not_extended() {
        let mins = Duration::minutes;
        for stage in [Stage::SecondFactor, Stage::Enrolment] {
            assert!(live(stage, mins(9), mins(9), false));
            assert!(!live(stage, mins(10), mins(1), false));
        }
    }
}
