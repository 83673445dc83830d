//! A session and its person, as one request finds them: one query for who asks, how far they have come, and what they
//! may do.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::break_glass;
use super::permissions::{Grant, Role};
use super::preferences::{self, Preferences};
use super::sar::TimedGrant;
use super::sessions::{ABSOLUTE, HALF_WAY, IDLE, Method, PROOF_LASTS, Stage, TOUCH_EVERY};
use super::token::TokenHash;
use super::watch::Watch;
use crate::foundation::db::Conn;
use crate::foundation::db::schema::{
    person, person_grant, person_role, person_role_platform, session,
};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};

/// A session and its person, as one request sees them.
#[derive(Clone, Debug)]
pub struct Facts {
    pub session: Uuid,
    pub person: PersonId,
    pub email: String,
    pub name: String,
    pub preferences: Preferences,
    pub grants: Vec<Grant>,
    /// What they may do with reports, now or at another time.
    pub sar: Vec<TimedGrant>,
    /// What the switch of the top bar is set to.
    pub platform: Option<PlatformId>,
    pub stage: Stage,
    pub method: Option<Method>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// When the person last proved in this session that it is them.
    pub proved_at: Option<DateTime<Utc>>,
    pub disabled: bool,
    /// Sealed in an envelope: its sessions are short.
    pub break_glass: bool,
    /// What an auditor is shown.
    pub watch: Watch,
}

impl Facts {
    /// Whether the session still counts. A disabled person's does not.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        let (idle, absolute) = match self.stage {
            Stage::Full => (IDLE, self.longest()),
            Stage::SecondFactor | Stage::Enrolment => (HALF_WAY, HALF_WAY),
        };
        !self.disabled && now - self.last_seen_at < idle && now - self.created_at < absolute
    }

    /// When the session ends if nothing more is done in it.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        (self.last_seen_at + IDLE).min(self.created_at + self.longest())
    }

    fn longest(&self) -> Duration {
        if self.break_glass {
            break_glass::SESSION
        } else {
            ABSOLUTE
        }
    }

    /// Until when sensitive acts need no further proof. Using the session does not extend it.
    #[must_use]
    pub fn proved_until(&self) -> Option<DateTime<Utc>> {
        self.proved_at.map(|at| at + PROOF_LASTS)
    }

    #[must_use]
    pub fn wants_touch(&self, now: DateTime<Utc>) -> bool {
        now - self.last_seen_at >= TOUCH_EVERY
    }
}

#[derive(Queryable)]
struct Row {
    session: Uuid,
    person: Uuid,
    email: String,
    name: String,
    preferences: preferences::Row,
    stage: String,
    method: Option<String>,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    proved_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    platform: Option<Uuid>,
    unlimited_roles: Vec<String>,
    limited_roles: Vec<String>,
    /// Of the limited ones, each with a platform that it reaches; by position.
    listed_roles: Vec<String>,
    listed_platforms: Vec<Uuid>,
    /// What is held beyond the roles, with its time; by position.
    granted: Vec<String>,
    granted_from: Vec<DateTime<Utc>>,
    granted_until: Vec<DateTime<Utc>>,
    log_from: Option<DateTime<Utc>>,
    log_until: Option<DateTime<Utc>>,
    queues: Option<Vec<Option<String>>>,
    break_glass: bool,
}

/// The session with this token, live or over, in one query, with the roles that count at this moment.
pub fn find(conn: &mut Conn, hash: &TokenHash, now: DateTime<Utc>) -> QueryResult<Option<Facts>> {
    let roles = |limited: bool| {
        diesel::dsl::array(
            person_role::table
                .filter(person_role::person_id.eq(session::person_id))
                .filter(person_role::limited.eq(limited))
                .filter(person_role::starts_at.le(now))
                .filter(
                    person_role::ends_at
                        .is_null()
                        .or(person_role::ends_at.gt(now)),
                )
                .select(person_role::role),
        )
    };
    // Whoever audits does nothing else, so this is their only grant.
    let audit = diesel::alias!(person_role as audit);
    let listed = person_role_platform::table
        .filter(person_role_platform::person_id.eq(session::person_id))
        .order((
            person_role_platform::role,
            person_role_platform::platform_id,
        ));
    let granted = person_grant::table
        .filter(person_grant::person_id.eq(session::person_id))
        .order(person_grant::name);
    // Not `first`: its limit is a parameter, for which PostgreSQL plans anew every time.
    let row: Option<Row> = session::table
        .inner_join(person::table)
        .left_join(
            audit.on(audit
                .field(person_role::person_id)
                .eq(session::person_id)
                .and(audit.field(person_role::role).eq(Role::Auditor.as_str()))),
        )
        .filter(session::token_hash.eq(hash.as_slice()))
        .select((
            session::id,
            person::id,
            person::email,
            person::name,
            preferences::COLUMNS,
            session::stage,
            session::method,
            session::created_at,
            session::last_seen_at,
            session::proved_at,
            person::disabled_at,
            session::platform_id,
            roles(false),
            roles(true),
            diesel::dsl::array(listed.select(person_role_platform::role)),
            diesel::dsl::array(listed.select(person_role_platform::platform_id)),
            diesel::dsl::array(granted.select(person_grant::name)),
            diesel::dsl::array(granted.select(person_grant::starts_at)),
            diesel::dsl::array(granted.select(person_grant::ends_at)),
            audit.field(person_role::log_from).nullable(),
            audit.field(person_role::log_until).nullable(),
            audit.field(person_role::queues).nullable(),
            person::break_glass,
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

fn sar_grants(row: &Row) -> Vec<TimedGrant> {
    let times = row.granted_from.iter().zip(&row.granted_until);
    let granted = row.granted.iter().zip(times);
    granted
        .filter_map(|(name, (from, until))| {
            Some(TimedGrant {
                grant: name.parse().ok()?,
                starts_at: *from,
                ends_at: *until,
            })
        })
        .collect()
}

fn facts(row: Row) -> Option<Facts> {
    let unlimited = row.unlimited_roles.iter().filter_map(|role| {
        let role = role.parse().ok()?;
        let scope = Scope::All;
        Some(Grant { role, scope })
    });
    let grants = unlimited.chain(limited_grants(&row)).collect();
    let sar = sar_grants(&row);
    Some(Facts {
        session: row.session,
        person: row.person.into(),
        email: row.email,
        sar,
        name: row.name,
        preferences: row.preferences.into(),
        grants,
        platform: row.platform.map(PlatformId::from),
        stage: Stage::parse(&row.stage)?,
        method: row.method.as_deref().and_then(Method::parse),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        proved_at: row.proved_at,
        disabled: row.disabled_at.is_some(),
        break_glass: row.break_glass,
        watch: Watch {
            log_from: row.log_from,
            log_until: row.log_until,
            queues: row
                .queues
                .map(|queues| queues.into_iter().flatten().collect()),
        },
    })
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
            preferences: Preferences::default(),
            grants: Vec::new(),
            sar: Vec::new(),
            platform: None,
            stage,
            method: None,
            created_at: now - since_start,
            last_seen_at: now - since_seen,
            proved_at: None,
            disabled,
            break_glass: false,
            watch: Watch::default(),
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
