//! What people do at the door and with their own account.

pub mod enrol;
pub mod factors;
pub mod own;
pub mod passkeys;
pub mod preferences;
pub mod provider;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod step_up;
mod tries;

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use crate::foundation::Services;
use crate::foundation::auth::guard::client_address;
use crate::foundation::auth::password;
use crate::foundation::auth::sessions::Client;
use crate::foundation::auth::token::Token;
use crate::foundation::web::{Error, RequestId};

/// Where a try comes from.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    pub user_agent: String,
    /// What the device has kept from an earlier sign-in.
    pub device: Option<Token>,
    pub request: String,
}

/// A session that has just begun, for the cookies of the answer.
pub struct Begun {
    pub session: Token,
    pub device: Option<Token>,
}

impl Visitor {
    #[must_use]
    pub fn of(request: &HttpRequest, services: &Services) -> Self {
        let user_agent = request
            .headers()
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        Self {
            address: client_address(request),
            user_agent: user_agent.to_owned(),
            device: request
                .cookie(device_cookie(services))
                .map(|cookie| Token::from_text(cookie.value())),
            request: RequestId::of(request),
        }
    }

    fn client(&self) -> Client {
        Client {
            address: self.address.to_string(),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// The cookie that binds a journey to the provider to its browser.
#[must_use]
pub fn journey_cookie(services: &Services) -> &'static str {
    if services.config.web.is_https() {
        "__Host-signalbox-journey"
    } else {
        "signalbox-journey"
    }
}

#[must_use]
pub fn device_cookie(services: &Services) -> &'static str {
    if services.config.web.is_https() {
        "__Host-signalbox-device"
    } else {
        "signalbox-device"
    }
}

fn hashing(error: password::Error) -> Error {
    match error {
        password::Error::Busy => Error::Unavailable(error.to_string()),
        password::Error::Hash(_) => Error::internal(error),
    }
}
