//! Health: services and how they stand, what probes measured, what was reported.
//!
//! Invariants:
//! - a probe runs in its slot, once, whoever runs it: its own row is claimed with a lease, and a run
//!   whose lease was lost changes nothing;
//! - a missed run, or our own network being away, is *unknown*, which is neither up nor down;
//! - a change of state is an audited event; a run that changes nothing is a sample and is not;
//! - roll-ups add buckets, never averages;
//! - no number is shown without its source and its age, and a stale one is shown as unknown.
//!
//! Deliberately absent: shell commands as probes, and any opinion on what a state means; that is the
//! rules' (`alerts`).

pub mod actions;
pub mod api;
pub mod board;
pub mod cache;
pub mod checks;
pub mod claims;
pub mod demo;
pub mod exposition;
pub mod latency;
pub mod pages;
pub mod probe;
pub mod queue;
pub mod reporting;
pub mod resp;
pub mod runner;
pub mod series;
pub mod slice;
pub mod store;
pub mod views;

use crate::foundation::auth::Permission::{HealthRead, IndicatorsReport};
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new()
        .get("/services", Access::Needs(HealthRead), pages::services)
        .get(
            "/indicators",
            Access::Needs(HealthRead),
            claims::pages::list,
        )
        .get(
            "/indicators/{id}",
            Access::Needs(HealthRead),
            claims::pages::one,
        )
        .post(
            "/indicators/{id}/reports",
            Access::Needs(IndicatorsReport),
            claims::pages::report,
        )
        .get(
            "/indicators/{id}/reports/{claim}/file",
            Access::Needs(HealthRead),
            claims::pages::file,
        )
        .post(
            "/indicators/{id}/reports/{claim}/approval",
            Access::Needs(IndicatorsReport),
            claims::pages::approve,
        )
        .with_step_up()
        .post(
            "/indicators/{id}/reports/{claim}/refusal",
            Access::Needs(IndicatorsReport),
            claims::pages::refuse,
        )
        .post(
            "/api/v1/indicators",
            Access::Key(KeyScope::IndicatorsWrite),
            api::report_indicator,
        )
        .post(
            "/api/v1/events",
            Access::Key(KeyScope::EventsWrite),
            api::report_event,
        )
}
