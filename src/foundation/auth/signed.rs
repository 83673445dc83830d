use std::collections::BTreeSet;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::facts::Facts;
use super::preferences::Preferences;
use super::sar::{self, SarGrant};
use super::sessions::Stage;
use super::{Grant, Permission, Watch, permissions_of, reach_of};
use crate::foundation::audit::Actor;
use crate::foundation::kernel::{PersonId, PlatformId, Scope};
use crate::foundation::web;

/// The signed-in person of a request, as the route guard found them a moment ago.
///
/// Only the guard makes one: a handler that takes `Signed` on a route without a guard answers 401,
/// and the route tests would show it.
#[derive(Clone, Debug)]
pub struct Signed {
    pub person: PersonId,
    pub name: String,
    pub email: String,
    pub grants: Vec<Grant>,
    /// What the switch of the top bar is set to; nothing means all platforms.
    pub platform: Option<PlatformId>,
    pub permissions: BTreeSet<Permission>,
    /// What is held now beyond the roles.
    pub sar: BTreeSet<SarGrant>,
    /// The platforms for which this request's permission is held.
    reach: Scope,
    /// What of the evidence an auditor is shown.
    watch: Watch,
    pub session: Uuid,
    pub since: DateTime<Utc>,
    /// When the session ends if nothing more is done in it; the page warns before.
    pub session_ends_at: DateTime<Utc>,
    /// Until when sensitive acts need no further proof; nothing when there has been none.
    pub proved_until: Option<DateTime<Utc>>,
    /// Binds forms to this session.
    pub csrf: String,
    pub preferences: Preferences,
    pub request: String,
}

/// Somebody whose password was right and whose second factor is still to come.
#[derive(Clone, Debug)]
pub struct HalfSigned {
    pub person: PersonId,
    pub name: String,
    pub email: String,
    pub session: Uuid,
    pub stage: Stage,
    pub csrf: String,
    pub request: String,
}

/// The token that forms of this request must carry. Present for whoever has a session, half way
/// or whole.
#[derive(Clone, Debug)]
pub struct FormToken(pub String);

impl Signed {
    pub(in crate::foundation) fn new(facts: Facts, csrf: String, request: String) -> Self {
        let anywhere = anywhere(&facts.grants);
        Self {
            person: facts.person,
            permissions: permissions_of(&facts.grants),
            sar: sar::held(&facts.sar),
            platform: facts.platform.filter(|chosen| anywhere.allows(*chosen)),
            reach: anywhere,
            session_ends_at: facts.ends_at(),
            proved_until: facts.proved_until(),
            watch: facts.watch,
            session: facts.session,
            since: facts.created_at,
            preferences: facts.preferences,
            name: facts.name,
            email: facts.email,
            grants: facts.grants,
            csrf,
            request,
        }
    }

    /// Whether the person has proved within the last minutes that it is them.
    #[must_use]
    pub fn is_proved(&self, now: DateTime<Utc>) -> bool {
        self.proved_until.is_some_and(|until| now < until)
    }

    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Every platform for which anything is held.
    #[must_use]
    pub fn reach_anywhere(&self) -> Scope {
        anywhere(&self.grants)
    }

    /// The platforms for which a permission is held.
    #[must_use]
    pub fn reach_for(&self, permission: Permission) -> Scope {
        reach_of(&self.grants, permission)
    }

    /// Whether something may be done to an object of this platform: what a page asks before it shows a form.
    #[must_use]
    pub fn may_at(&self, permission: Permission, platform: PlatformId) -> bool {
        self.reach_for(permission).allows(platform)
    }

    /// What this request may open and change: an object elsewhere does not exist for it.
    #[must_use]
    pub fn reach(&self) -> &Scope {
        &self.reach
    }

    /// What of the evidence this person is shown; everything, unless an audit is limited.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What this request's lists show: its reach, narrowed by the switch of the top bar.
    #[must_use]
    pub fn view(&self) -> Scope {
        self.reach.narrowed(self.platform)
    }

    /// From here on the request acts under `permission`, and reaches no further.
    pub(super) fn under(&mut self, permission: Permission) {
        self.reach = self.reach_for(permission);
    }

    /// Who acts. The writes of its transactions reach no further than the request.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::person(self.person)
            .with_request(&self.request)
            .reaching(self.reach.clone())
    }
}

fn anywhere(grants: &[Grant]) -> Scope {
    grants
        .iter()
        .fold(Scope::nothing(), |all, grant| all.and(grant.scope.clone()))
}

impl HalfSigned {
    pub(super) fn new(facts: Facts, csrf: String, request: String) -> Self {
        Self {
            person: facts.person,
            name: facts.name,
            email: facts.email,
            session: facts.session,
            stage: facts.stage,
            csrf,
            request,
        }
    }

    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::person(self.person).with_request(&self.request)
    }
}

impl FromRequest for Signed {
    type Error = web::Error;
    type Future = Ready<Result<Self, web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(left_by_guard(request))
    }
}

impl FromRequest for HalfSigned {
    type Error = web::Error;
    type Future = Ready<Result<Self, web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(left_by_guard(request))
    }
}

fn left_by_guard<T: Clone + 'static>(request: &HttpRequest) -> Result<T, web::Error> {
    request
        .extensions()
        .get::<T>()
        .cloned()
        .ok_or(web::Error::SignInRequired)
}
