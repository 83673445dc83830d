//! Alertmanager's API, version 2, so that Prometheus hands its alerts straight to us and `amtool` works unchanged; and
//! the webhook by which an Alertmanager passes on what it has.
//!
//! Invariants:
//! - what another program hands in stands beside what our rules light and never in its place: it has no rule, an identity
//!   within its platform, and the level that its severity says;
//! - it goes out when its sender says so, or when its end passes without its being sent again; where we stood still
//!   meanwhile it has as long again as it was given when it was last sent;
//! - what it says is what was sent last;
//! - what comes and goes is held lit, as our own rules' lamps are;
//! - one bad alert among many keeps no other from being taken;
//! - a key silences what one person may silence alone, and no more.
//!
//! Deliberately absent: receivers, routes and templates of an Alertmanager; who is told is said elsewhere.

pub mod alerts;
pub mod answers;
pub mod flapping;
pub mod intake;
pub mod platform;
pub mod posted;
pub mod silences;
pub mod store;

use crate::foundation::auth::keys::KeyScope::{AlertsRead, AlertsSilence, AlertsWrite};
use crate::foundation::web::{Access, Routes};

/// Longest body of alerts, in bytes.
pub const BODY_AT_MOST: usize = 2 * 1024 * 1024;
/// Most alerts that come together.
pub const TOGETHER_AT_MOST: usize = 2_000;
/// Most alerts of others that are lit on one platform.
pub const LIT_AT_MOST: i64 = 5_000;

pub fn routes() -> Routes {
    let read = Access::Key(AlertsRead);
    Routes::new()
        .get("/api/v2/alerts", read, alerts::list)
        .post("/api/v2/alerts", Access::Key(AlertsWrite), intake::post)
        .get("/api/v2/alerts/groups", read, alerts::groups)
        .get("/api/v2/status", read, answers::status)
        .get("/api/v2/receivers", read, answers::receivers)
        .get("/api/v2/silences", read, silences::list)
        .post(
            "/api/v2/silences",
            Access::Key(AlertsSilence),
            silences::create,
        )
        .get("/api/v2/silence/{id}", read, silences::one)
        .delete(
            "/api/v2/silence/{id}",
            Access::Key(AlertsSilence),
            silences::end,
        )
        .post(
            "/hooks/alertmanager/{id}",
            Access::Key(AlertsWrite),
            intake::hook,
        )
}
