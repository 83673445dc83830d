//! Silences: for a while nobody is told of some alerts.
//!
//! Invariants:
//! - a silence keeps back the notice that something fires, and nothing else: what it covers is evaluated, listed and
//!   counted as ever;
//! - one person silences one alert for a short while; a red one for an hour at most, and somebody else countersigns by
//!   the end of the next day. Everything longer or broader holds only once a second person has agreed;
//! - what was asked for never changes: another one is made, and the old one ends;
//! - a program may do what one person may do alone, and no more.

pub mod actions;
pub mod known;
pub mod matcher;
pub mod pages;
pub mod runner;
pub mod silence;
pub mod store;
pub mod sweep;
pub(super) mod views;

use crate::foundation::auth::Permission::{AlertsAct, AlertsRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let act = Access::Needs(AlertsAct);
    Routes::new()
        .get("/silences", Access::Needs(AlertsRead), pages::list)
        .get("/silences/new", act, pages::new)
        .post("/silences", act, pages::create)
        .get("/silences/{id}", Access::Needs(AlertsRead), pages::one)
        .post("/silences/{id}/approval", act, pages::approve)
        .with_step_up()
        .post("/silences/{id}/refusal", act, pages::refuse)
        .post("/silences/{id}/countersignature", act, pages::countersign)
        .with_step_up()
        .post("/silences/{id}/end", act, pages::end)
}
