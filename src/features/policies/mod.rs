//! Policies as people see and change them: what is in force, what is proposed, who approves.
//!
//! Invariants:
//! - a change is a proposal with a reason and a day; somebody else approves exactly what was proposed;
//! - a policy holds for every platform, so only somebody who acts for all of them changes one;
//! - what was ever in force stays in view.

pub mod difference;
mod pages;
mod views;

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::PolicyRead);
    let propose = Access::Needs(Permission::PolicyPropose);
    Routes::new()
        .get("/policy", read, pages::list)
        .get("/policy/{key}", read, pages::one)
        .post("/policy/{key}/proposal", propose, pages::propose)
        .post(
            "/policy/{key}/{version}/approval",
            Access::Needs(Permission::PolicyApprove),
            pages::approve,
        )
        .with_step_up()
        .post(
            "/policy/{key}/{version}/withdrawal",
            propose,
            pages::withdraw,
        )
}
