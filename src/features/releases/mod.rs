//! Releases: a platform going from one version to another, with its checklist, its gates and the way back.
//!
//! Invariants:
//! - a gate counts only what was read after it was asked and had waited; what a probe said before says nothing about now;
//! - whoever proposes or deploys a release does not approve it, and nobody overrides a gate that they asked or a gate of a
//!   release that they proposed or deploy, in the database as well as here;
//! - one release at a time changes a platform;
//! - going back is the safe direction: one person and a reason are enough, and where the version that was named does not
//!   work another is named; it is back when its gates say so, or a person where there are none;
//! - a checklist in which not everything passed lets nothing begin before somebody else has looked it over;
//! - each step is an audited transaction under the release's lock, and stands in its timeline, of which nothing changes.
//!
//! Deliberately absent: deploying itself. Signalbox says whether it may begin and whether it went well; whoever deploys
//! does so with their own tools.

pub mod actions;
pub mod demo;
pub mod pages;
pub mod release;
pub mod runner;
pub mod store;
pub mod sweep;
mod views;

use crate::foundation::auth::Permission::{ReleasesAct, ReleasesApprove, ReleasesRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let read = Access::Needs(ReleasesRead);
    let act = Access::Needs(ReleasesAct);
    let approve = Access::Needs(ReleasesApprove);
    Routes::new()
        .get("/releases", read, pages::list)
        .get("/releases/new", act, pages::new)
        .post("/releases", act, pages::create)
        .get("/releases/{id}", read, pages::one)
        .post("/releases/{id}/approval", approve, pages::approve)
        .with_step_up()
        .post("/releases/{id}/checklist", act, pages::list_again)
        .post("/releases/{id}/gates", act, pages::ask)
        .post(
            "/releases/{id}/gates/{gate}/override",
            approve,
            pages::override_gate,
        )
        .with_step_up()
        .post("/releases/{id}/start", act, pages::start)
        .post("/releases/{id}/verification", act, pages::verify)
        .post("/releases/{id}/finish", act, pages::finish)
        .post("/releases/{id}/rollback", act, pages::roll_back)
        .post("/releases/{id}/abandonment", act, pages::abandon)
}
