//! Incidents: what went wrong, who leads its mending, what was done when, and what was learned.
//!
//! Invariants:
//! - what Signalbox opens by itself is open once for each cause, and what is found again is added to it; an alert belongs to
//!   one incident that is not resolved; the database allows no second;
//! - what is closed for good is not changed, nor is what was approved or ended, in the database as well as here;
//! - the timeline is what is stored: lines are added in the transaction of what they tell, and what became of its alerts is
//!   read from them. Nothing in it is changed; what was wrong is corrected by another update;
//! - a change and its audit event are one transaction, decided on the incident's locked row;
//! - an incident that was ever red is closed by its review and in no other way; who approves that has neither written at it
//!   nor signed it, nor given it an action, in the code and in the database;
//! - what is signed and approved is what was read, its actions with it; a change of either voids the signature;
//! - an action of a review is tracked until it is done, or dropped for a reason, also after its incident is closed.
//!
//! Rows are locked in one order: alerts, then the incident, then what belongs to it.
//!
//! Deliberately absent: a way to delete an incident or a line of it, and a page for the public.

pub mod actions;
pub mod demo;
pub mod incident;
pub mod jobs;
mod pages;
pub mod review;
pub mod runner;
pub mod security;
pub mod store;
mod timeline;
mod times;
mod views;

use crate::foundation::auth::Permission::{IncidentsAct, IncidentsApprove, IncidentsRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let (read, act) = (Access::Needs(IncidentsRead), Access::Needs(IncidentsAct));
    let approve = Access::Needs(IncidentsApprove);
    Routes::new()
        .get("/incidents", read, pages::list::list)
        .get("/incidents/new", act, pages::new::new)
        .post("/incidents", act, pages::new::create)
        .get("/incidents/{id}", read, pages::one::one)
        .post("/incidents/{id}/state", act, pages::one::state)
        .post("/incidents/{id}/level", act, pages::one::level)
        .post("/incidents/{id}/command", act, pages::one::command)
        .post("/incidents/{id}/updates", act, pages::one::update)
        .post("/incidents/{id}/alerts", act, pages::one::attach)
        .post("/incidents/{id}/alerts/detachment", act, pages::one::detach)
        .post("/incidents/{id}/runbooks", act, pages::one::open_runbook)
        .post("/incidents/{id}/steps", act, pages::one::step)
        .get("/incidents/{id}/review", read, pages::review::show)
        .post("/incidents/{id}/review", act, pages::review::write)
        .post("/incidents/{id}/review/signature", act, pages::review::sign)
        .with_step_up()
        .post(
            "/incidents/{id}/review/approval",
            approve,
            pages::review::approve,
        )
        .with_step_up()
        .post(
            "/incidents/{id}/review/return",
            approve,
            pages::review::give_back,
        )
        .post("/incidents/{id}/actions", act, pages::review::add)
        .post("/incidents/{id}/actions/end", act, pages::review::end)
}
