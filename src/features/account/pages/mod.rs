//! The pages at the door and of one's own account.

pub mod enrol;
pub mod factors;
pub mod own;
pub mod passkeys;
pub mod preferences;
pub mod provider;
pub mod sessions;
pub mod sign_in;
pub mod step_up;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;

use super::actions::{Begun, device_cookie};
use crate::foundation::Services;
use crate::foundation::auth::{devices, session_store};
use crate::foundation::web::{self, Problems};

/// Lets an answer carry the session, and the mark of the device, that have just been made.
fn carrying(
    mut answer: HttpResponse,
    services: &Services,
    session: &Session,
    begun: &Begun,
) -> web::Result {
    session_store::carry(session, &begun.session)?;
    if let Some(device) = &begun.device {
        let cookie = Cookie::build(device_cookie(services), device.expose())
            .path("/")
            .secure(services.config.web.is_https())
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(devices::KNOWN_FOR.num_seconds()))
            .finish();
        answer.add_cookie(&cookie).map_err(web::Error::internal)?;
    }
    Ok(answer)
}

/// A form that has to be corrected is 422.
fn status_of(problems: &Problems) -> StatusCode {
    if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}
