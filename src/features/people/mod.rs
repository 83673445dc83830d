//! The people of this installation: who may do what, for how long, why, and by whose word.
//!
//! Invariants:
//! - whatever widens somebody's access (roles, enabling, new factors, a new password) is proposed by one administrator
//!   and approved by another who is not the person either; the approval binds to a hash of exactly what was proposed,
//!   and the database says so as well;
//! - whatever narrows it takes one administrator and a reason, and acts on the next request;
//! - there stay two administrators who can act, so that there can always be a second one;
//! - a recovery has two halves, a link and a code, which two administrators hold: neither opens the account alone;
//! - using the break-glass account is told at once, lasts a few hours, and stays red until somebody else reviewed it;
//! - who watches does not act: an audit goes with no other role, has an end, and may be limited to dates and queues.
//!
//! Deliberately absent: deleting people. What they did stays theirs; their account is disabled.

mod actions;
mod answers;
mod ask;
mod form;
mod pages;
mod proposal;
mod refusal;
pub mod review;
mod store;
mod views;

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::PeopleRead);
    let manage = Access::Needs(Permission::PeopleManage);
    Routes::new()
        .get("/people", read, pages::list)
        .get("/people/invitation", manage, pages::invitation)
        .post("/people/invitation", manage, pages::invite)
        .with_step_up()
        .get("/people/proposals/{id}", read, pages::proposal)
        .post("/people/proposals/{id}/approval", manage, pages::approve)
        .with_step_up()
        .post("/people/proposals/{id}/refusal", manage, pages::decline)
        .get("/people/reviews", read, review::pages::list)
        .post("/people/reviews", manage, review::pages::open)
        .get("/people/reviews/{id}", read, review::pages::one)
        .get("/people/reviews/{id}/file", read, review::pages::file)
        .post(
            "/people/reviews/{id}/answers",
            manage,
            review::pages::answer,
        )
        .with_step_up()
        .post(
            "/people/reviews/{id}/signature",
            manage,
            review::pages::sign,
        )
        .with_step_up()
        .get("/people/{id}", read, pages::person)
        .get("/people/{id}/grant", manage, pages::grant)
        .post("/people/{id}/grant", manage, pages::propose_grant)
        .with_step_up()
        .post("/people/{id}/revocation", manage, pages::revoke)
        .with_step_up()
        .post("/people/{id}/disabling", manage, pages::disable)
        .with_step_up()
        .post("/people/{id}/sessions", manage, pages::end_sessions)
        .post(
            "/people/{id}/sessions/{session}/end",
            manage,
            pages::end_session,
        )
        .post("/people/{id}/enabling", manage, pages::propose_enabling)
        .with_step_up()
        .post("/people/{id}/factors", manage, pages::propose_reset)
        .with_step_up()
        .post("/people/{id}/recovery", manage, pages::propose_recovery)
        .with_step_up()
        .post("/people/{id}/break-glass", manage, pages::review_use)
        .with_step_up()
        .post("/people/{id}/link", manage, pages::invite_again)
        .with_step_up()
}
