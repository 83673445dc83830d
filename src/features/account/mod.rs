//! Signing in and out, enrolment, and a person's own account.
//!
//! Invariants:
//! - a session begins half way, with the password, and is whole only after a second factor; its
//!   token changes at each step;
//! - whether a name is known shows in no answer: same status, same body, same work;
//! - every try, success, failure, sign-out and change is an event, in the transaction that makes it;
//! - no page creates an account: that is the command line's;
//! - secrets are shown once, in the answer to the act that made them.

mod actions;
pub mod demo;
pub mod pages;
mod views;

pub use actions::enrol::invite;

use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/sign-in", Access::PublicOrSigned, pages::sign_in::show)
        .post("/sign-in", Access::PublicOrSigned, pages::sign_in::submit)
        .get("/sign-in/code", Access::HalfSigned, pages::sign_in::code)
        .post(
            "/sign-in/code",
            Access::HalfSigned,
            pages::sign_in::submit_code,
        )
        .get(
            "/sign-in/recovery",
            Access::HalfSigned,
            pages::sign_in::recovery,
        )
        .post(
            "/sign-in/recovery",
            Access::HalfSigned,
            pages::sign_in::submit_recovery,
        )
        .post("/sign-out", Access::Signed, pages::sign_in::sign_out)
        .get(
            "/enrol/authenticator",
            Access::HalfSigned,
            pages::enrol::authenticator,
        )
        .post(
            "/enrol/authenticator",
            Access::HalfSigned,
            pages::enrol::submit_authenticator,
        )
        .get("/enrol/link/{token}", Access::Public, pages::enrol::link)
        .post(
            "/enrol/link/{token}",
            Access::Public,
            pages::enrol::submit_link,
        )
        .get("/account", Access::Signed, pages::own::show)
        .post("/account/session", Access::Signed, pages::own::stay)
        .post(
            "/account/platform",
            Access::Signed,
            pages::own::choose_platform,
        )
        .get("/account/password", Access::Signed, pages::own::password)
        .post(
            "/account/password",
            Access::Signed,
            pages::own::submit_password,
        )
        .get(
            "/account/recovery-codes",
            Access::Signed,
            pages::own::recovery_codes,
        )
        .post(
            "/account/recovery-codes",
            Access::Signed,
            pages::own::submit_recovery_codes,
        )
        .post(
            "/account/recovery-codes/file",
            Access::Signed,
            pages::own::recovery_file,
        )
        .get("/account/parked/{id}", Access::Signed, pages::own::parked)
}
