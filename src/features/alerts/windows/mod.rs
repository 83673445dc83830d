//! Maintenance windows: times in which a platform is worked on, and nobody is told that what is worked on fails.
//!
//! Invariants:
//! - probing, evaluation and lists go on; only the notice that something fires waits, and when the window ends and it
//!   still fires, nothing keeps it back any more;
//! - a window counts as planned only if it was announced 48 hours ahead: when each was announced is kept, and never
//!   changes;
//! - what a pack's calendar brings is announced two weeks ahead. What a person makes at shorter notice than 48 hours holds
//!   once a second person has agreed, so that nobody silences a platform by calling it maintenance.

pub mod actions;
pub mod pages;
mod people;
pub mod store;
pub mod sweep;
mod views;
pub mod window;

use crate::foundation::auth::Permission::{AlertsAct, AlertsRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let act = Access::Needs(AlertsAct);
    Routes::new()
        .get("/maintenance", Access::Needs(AlertsRead), pages::list)
        .get("/maintenance/new", act, pages::new)
        .post("/maintenance", act, pages::create)
        .get("/maintenance/{id}", Access::Needs(AlertsRead), pages::one)
        .post("/maintenance/{id}/approval", act, pages::approve)
        .with_step_up()
        .post("/maintenance/{id}/end", act, pages::end)
}
