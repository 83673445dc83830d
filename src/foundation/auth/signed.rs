use std::collections::BTreeSet;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono_tz::Tz;

use super::{Permission, Role};
use crate::foundation::audit::Actor;
use crate::foundation::kernel::PersonId;
use crate::foundation::web;

/// The signed-in person of a request, as the route guard found them a moment ago.
///
/// Only the guard makes one: a handler that takes `Signed` on a route without a guard answers 500,
/// and the route tests would show it.
#[derive(Clone, Debug)]
pub struct Signed {
    pub person: PersonId,
    pub name: String,
    pub email: String,
    pub roles: Vec<Role>,
    pub permissions: BTreeSet<Permission>,
    /// Binds forms to this session.
    pub csrf: String,
    pub zone: Tz,
    pub request: String,
}

impl Signed {
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
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
        ready(
            request
                .extensions()
                .get::<Self>()
                .cloned()
                .ok_or(web::Error::SignInRequired),
        )
    }
}
