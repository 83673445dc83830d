//! On call: who is told of an alert, when, and what happens when nobody answers.
//!
//! Invariants:
//! - an alert's policy is copied when it opens, and followed to its end whatever its pack says later; who people are, and
//!   where they are reached, is what the pack says at each step;
//! - a step and the notices that it queues are one audited transaction under the alert's lock: two processes tell each
//!   person once, and a standstill loses no step;
//! - while somebody has the alert in hand nobody else is told, and when they have it no longer it begins at its first step;
//! - where nobody is there to be told that is recorded, and the next step comes at once;
//! - whoever was told that something fires is told when it is over;
//! - information is told on the next business day, also when its lamp has gone out by then; what was held back for as long
//!   as it was lit is not told at all;
//! - what nobody has in hand after the last step is told again every four hours, information excepted;
//! - whoever a pack names, or a person who announces it, is told two days before a platform is worked on;
//! - who was told, and who was not and why, stands with the alert and is never changed.
//!
//! - a step that declares an incident opens one of its alert, once: while the alert belongs to one that is not resolved, it
//!   opens no other.
//!
//! Deliberately absent: dialling (telephone numbers are for people).

mod actions;
pub mod ahead;
pub mod duty;
pub mod engine;
pub mod escalation;
pub mod incidents;
pub mod pages;
mod roster;
pub mod rota;
pub mod runner;
pub mod store;
mod suppression;
mod tell;
mod views;
mod words;

use crate::foundation::auth::Permission::{AlertsAct, AlertsRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new()
        .get("/on-call", Access::Needs(AlertsRead), pages::list)
        .get("/on-call/{rota}", Access::Needs(AlertsRead), pages::one)
        .post(
            "/on-call/{rota}/overrides",
            Access::Needs(AlertsAct),
            pages::put_in,
        )
        .post(
            "/on-call/{rota}/overrides/{id}/cancellation",
            Access::Needs(AlertsAct),
            pages::cancel,
        )
}
