//! Signing in and out, enrolment, and a person's own account.
//!
//! Invariants:
//! - a session begins half way, with the password or the organisation's provider, and is whole only after a second
//!   factor; its token changes at each step;
//! - whether a name is known shows in no answer: same status, same body, same work;
//! - every try, success, failure, sign-out and change is an event, in the transaction that makes it;
//! - no page creates an account: that is the command line's;
//! - an identity of the provider signs in whoever has connected it themselves, never whoever has the same address;
//! - secrets are shown once, in the answer to the act that made them.

mod actions;
pub mod demo;
pub mod pages;
mod views;
mod zones;

pub use actions::enrol::{invite, seal_break_glass};

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
        .get("/step-up", Access::Signed, pages::step_up::show)
        .post("/step-up", Access::Signed, pages::step_up::submit)
        .and(passkeys())
        .and(provider())
        .and(factors())
        .and(sessions())
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
        .get(
            "/account/preferences",
            Access::Signed,
            pages::preferences::show,
        )
        .post(
            "/account/preferences",
            Access::Signed,
            pages::preferences::submit,
        )
        .post("/account/session", Access::Signed, pages::own::stay)
        .post(
            "/account/platform",
            Access::Signed,
            pages::own::choose_platform,
        )
        .get("/account/password", Access::Signed, pages::own::password)
        .with_step_up()
        .post(
            "/account/password",
            Access::Signed,
            pages::own::submit_password,
        )
        .with_step_up()
        .get(
            "/account/recovery-codes",
            Access::Signed,
            pages::own::recovery_codes,
        )
        .with_step_up()
        .post(
            "/account/recovery-codes",
            Access::Signed,
            pages::own::submit_recovery_codes,
        )
        .with_step_up()
        .post(
            "/account/recovery-codes/file",
            Access::Signed,
            pages::own::recovery_file,
        )
        .get("/account/parked/{id}", Access::Signed, pages::own::parked)
}

/// The questions that devices answer, and the answers.
fn passkeys() -> Routes {
    use pages::passkeys;
    let door = Access::PublicOrSigned;
    let half = Access::HalfSigned;
    let signed = Access::Signed;
    Routes::new()
        .post("/sign-in/passkey/options", door, passkeys::ask_at_the_door)
        .post("/sign-in/passkey", door, passkeys::sign_in)
        .post(
            "/sign-in/code/passkey/options",
            half,
            passkeys::ask_half_way,
        )
        .post("/sign-in/code/passkey", half, passkeys::second_step)
        .post("/enrol/passkey/options", half, passkeys::ask_at_enrolment)
        .post("/enrol/passkey", half, passkeys::enrol)
        .post("/step-up/passkey/options", signed, passkeys::ask_for_proof)
        .post("/step-up/passkey", signed, passkeys::prove)
}

/// To the organisation's own provider and back. Nothing is here where none is set up.
fn provider() -> Routes {
    use pages::provider;
    let door = Access::PublicOrSigned;
    let signed = Access::Signed;
    Routes::new()
        .get("/sign-in/provider", door, provider::start)
        .get("/sign-in/provider/back", door, provider::back)
        .get("/account/provider", signed, provider::show)
        .with_step_up()
        .get("/account/provider/go", signed, provider::go)
        .post("/account/provider", signed, provider::connect)
        .with_step_up()
        .post("/account/provider/refusal", signed, provider::refuse)
        .post("/account/provider/removal", signed, provider::disconnect)
        .with_step_up()
}

/// One's own second factors. Whatever changes them asks for a fresh proof.
fn factors() -> Routes {
    use pages::factors;
    let signed = Access::Signed;
    Routes::new()
        .get("/account/passkeys/new", signed, factors::new_passkey)
        .with_step_up()
        .post("/account/passkeys/options", signed, factors::ask)
        .with_step_up()
        .post("/account/passkeys", signed, factors::add_passkey)
        .with_step_up()
        .get("/account/passkeys/{id}", signed, factors::passkey)
        .post(
            "/account/passkeys/{id}/name",
            signed,
            factors::rename_passkey,
        )
        .post(
            "/account/passkeys/{id}/removal",
            signed,
            factors::remove_passkey,
        )
        .with_step_up()
        .get("/account/authenticator", signed, factors::authenticator)
        .with_step_up()
        .post(
            "/account/authenticator",
            signed,
            factors::confirm_authenticator,
        )
        .with_step_up()
        .post(
            "/account/authenticator/proposal",
            signed,
            factors::propose_authenticator,
        )
        .with_step_up()
        .post(
            "/account/authenticator/removal",
            signed,
            factors::remove_authenticator,
        )
        .with_step_up()
}

/// Where one is signed in. Ending a session is the safe direction and asks for nothing.
fn sessions() -> Routes {
    use pages::sessions;
    let signed = Access::Signed;
    Routes::new()
        .get("/account/sessions", signed, sessions::show)
        .post("/account/sessions/end", signed, sessions::end_others)
        .post("/account/sessions/{id}/end", signed, sessions::end)
        .post(
            "/account/devices/{id}/removal",
            signed,
            sessions::forget_device,
        )
}
