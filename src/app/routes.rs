use super::{health_routes, home, openapi};
use crate::features::{
    account, alerts, audit_log, capacity, centre, checklists, connectors, digests, health,
    heartbeats, hooks, incidents, intake, keys, logs, notify, oncall, packs, people, policies,
    posture, releases, reviews, rules, sar, screening, slo, upkeep,
};
use crate::foundation::web::{Access, Routes, assets, live};

/// Everything that the application answers, in one tree.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .and(health_routes::routes())
        .and(mechanisms())
        .get("/", Access::PublicOrSigned, home::show)
        .get("/api/openapi.json", Access::Public, openapi::show)
        .and(account::routes())
        .and(alerts::routes())
        .and(centre::routes())
        .and(connectors::routes())
        .and(health::routes())
        .and(heartbeats::routes())
        .and(hooks::routes())
        .and(audit_log::routes())
        .and(capacity::routes())
        .and(checklists::routes())
        .and(digests::routes())
        .and(incidents::routes())
        .and(intake::routes())
        .and(keys::routes())
        .and(logs::routes())
        .and(notify::routes())
        .and(oncall::routes())
        .and(packs::routes())
        .and(people::routes())
        .and(policies::routes())
        .and(posture::routes())
        .and(releases::routes())
        .and(reviews::routes())
        .and(rules::routes())
        .and(sar::routes())
        .and(screening::routes())
        .and(slo::routes())
        .and(upkeep::routes())
}

/// What pages are made of and how they stay fresh.
fn mechanisms() -> Routes {
    Routes::new()
        .get("/assets/{digest}/{path:.*}", Access::Public, assets::serve)
        .get("/live", Access::Signed, live::stream_changes)
}
