//! Reviews: items that a person decides, with a second person where the risk is high.
//!
//! Invariants:
//! - whoever proposed cannot approve; an approval binds to a hash of exactly what was proposed, and
//!   any change of the case, its hits or the assessment voids it. The database says so as well;
//! - a case is claimed by one person at a time, for a lease; claiming the next is one statement;
//! - no case is closed while a screening hit is undecided, and none approved over a confirmed one;
//! - what a person has rejected, no machine approves: it may only ask a person again;
//! - a case is judged to its end under the policies that it was opened under;
//! - whoever changes a subject's standing, cases or hits locks the subject first, then its open case,
//!   then its hits, each in the order of ids;
//! - every step stands in the case's timeline and in the audit log, in the same transaction;
//! - notes are sealed under the subject's key.

pub mod actions;
pub mod api;
pub mod assess;
mod book;
pub mod case;
mod desk;
mod facts;
pub mod hit_actions;
mod hit_steps;
pub mod jobs;
mod opening;
mod pages;
pub mod proposal;
mod refusal;
pub mod renewal;
pub mod risk;
pub mod rules;
pub mod step;
pub mod store;
pub mod verdict;
mod views;

use crate::foundation::auth::Permission;
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::ReviewsRead);
    let by_key = Access::Key(KeyScope::CasesRead);
    let act = Access::Needs(Permission::ReviewsAct);
    let approve = Access::Needs(Permission::ReviewsApprove);
    Routes::new()
        .get("/api/v1/cases", by_key, api::list)
        .get("/api/v1/cases/{id}", by_key, api::one)
        .get("/reviews", read, pages::queue)
        .get("/reviews/approvals", approve, pages::approvals)
        .post("/reviews/next", act, pages::claim_next)
        .get("/reviews/{id}", read, pages::case)
        .post("/reviews/{id}/claim", act, pages::claim)
        .post("/reviews/{id}/release", act, pages::release)
        .post("/reviews/{id}/notes", act, pages::note)
        .post("/reviews/{id}/parking", act, pages::park)
        .post("/reviews/{id}/decision", act, pages::decide)
        .post("/reviews/{id}/proposal", act, pages::decide)
        .post("/reviews/{id}/approval", approve, pages::approve)
        .with_step_up()
        .post("/reviews/{id}/refusal", approve, pages::refuse)
        .post(
            "/reviews/{id}/hits/{hit}/disposition",
            act,
            pages::judge_hit,
        )
        .post(
            "/reviews/{id}/hits/{hit}/approval",
            approve,
            pages::second_hit,
        )
        .with_step_up()
        .post(
            "/reviews/{id}/hits/{hit}/refusal",
            approve,
            pages::refuse_hit,
        )
        .post("/reviews/{id}/hits/{hit}/report", act, pages::report_hit)
        .get(
            "/subjects/{id}",
            Access::Needs(Permission::SubjectsRead),
            pages::subject,
        )
}
