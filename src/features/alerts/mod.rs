//! Alerts: rules, and the lamps that they light.
//!
//! Invariants:
//! - one thing lights one lamp: an alert's identity is a fingerprint of what it is about, its level is
//!   not part of it, and the database allows one lit alert of an identity;
//! - a change of an alert and its audit event are one transaction, decided under the rule's lock;
//! - a rule that cannot be evaluated changes nothing, lights a lamp of its own, and keeps no other rule
//!   from being evaluated; one that is retired lights nothing;
//! - what comes and goes is held lit, with one notice, and is neither new nor over each time;
//! - nothing lasts while nobody looks: neither through a standstill nor without data;
//! - no alert resolves by age, and a red one stays listed after it stops until somebody has
//!   acknowledged it.
//!
//! Deliberately absent: any way to make an alert by hand, or to close one.

pub mod actions;
pub mod alert;
pub mod alertmanager;
pub mod api;
pub mod blind;
pub mod burn;
pub mod burning;
mod causes;
pub mod clock;
pub mod demo;
mod display;
pub mod evaluate;
mod figures;
mod flap;
mod hand;
mod hand_pages;
pub mod labels;
mod lamp;
pub mod overview;
mod own_queues;
pub mod pages;
mod queues;
pub mod rule;
pub mod runbooks;
pub mod runner;
mod scraped;
pub mod service;
pub mod sighting;
pub mod silences;
mod snapshot;
pub mod step;
pub mod store;
pub mod suppression;
mod sweep;
pub mod telling;
pub mod verdict;
pub mod views;
pub mod windows;
pub mod words;

use crate::foundation::auth::Permission::{AlertsAct, AlertsRead, HealthRead};
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

crate::typed_id!(
    /// A lamp that was lit.
    AlertId,
);

pub fn routes() -> Routes {
    Routes::new()
        .and(alertmanager::routes())
        .and(silences::routes())
        .and(windows::routes())
        .get("/alerts", Access::Needs(AlertsRead), pages::list)
        .post(
            "/alerts/acknowledgement",
            Access::Needs(AlertsAct),
            pages::acknowledge_several,
        )
        .get("/alerts/{id}", Access::Needs(AlertsRead), pages::alert)
        .post(
            "/alerts/{id}/acknowledgement",
            Access::Needs(AlertsAct),
            pages::acknowledge,
        )
        .post(
            "/alerts/{id}/release",
            Access::Needs(AlertsAct),
            hand_pages::let_go,
        )
        .post(
            "/alerts/{id}/assignment",
            Access::Needs(AlertsAct),
            hand_pages::assign,
        )
        .post(
            "/alerts/{id}/snooze",
            Access::Needs(AlertsAct),
            hand_pages::snooze,
        )
        .get("/display", Access::Display, display::show)
        .get(
            "/api/v1/alerts",
            Access::Key(KeyScope::AlertsRead),
            api::list,
        )
        .get(
            "/api/v1/alerts/{id}",
            Access::Key(KeyScope::AlertsRead),
            api::one,
        )
        .post(
            "/api/v1/alerts/{id}/acknowledgement",
            Access::Key(KeyScope::AlertsAcknowledge),
            api::acknowledge,
        )
        .get("/queues", Access::Needs(HealthRead), queues::list)
        .get("/runbooks", Access::Needs(AlertsRead), runbooks::list)
        .get("/runbooks/{id}", Access::Needs(AlertsRead), runbooks::one)
        .get(
            "/services/{id}",
            Access::Needs(HealthRead),
            service::service,
        )
}
