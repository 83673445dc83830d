//! The warnings that a pack lives with, for the pages of the things that they are about.

use serde_json::Value;

use super::store;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// The warnings that are about a rule.
pub const OF_RULE: &[&str] = &[
    "burn-out-of-reach",
    "hold-under-twice-interval",
    "hold-without-expected-report",
    "red-without-escalation",
];
/// About a heartbeat, besides that it cannot meet its obligation.
pub const OF_HEARTBEAT: &[&str] = &["grace-over-period", "unread-heartbeat"];
/// About a connector.
pub const OF_CONNECTOR: &[&str] = &["unread-connector"];
/// About a scrape, which is a probe of its service.
pub const OF_SCRAPE: &[&str] = &["unread-scrape"];

/// A warning that a pack lives with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The id of what it is about.
    pub on: String,
    /// What the linter says.
    pub message: String,
    pub reason: String,
}

/// What the linter says of the thing with this id, and why the platform's pack lives with it.
pub fn of(
    conn: &mut Conn,
    platform: PlatformId,
    warning: &str,
    on: &str,
) -> Result<Option<(String, String)>> {
    let found = among(conn, platform, &[warning], &[on])?.into_iter().next();
    Ok(found.map(|it| (it.message, it.reason)))
}

/// Those of these warnings that are about any of these things. Things of two kinds may have one id, so that whoever asks names
/// the warnings of their own kind.
pub fn among(
    conn: &mut Conn,
    platform: PlatformId,
    warnings: &[&str],
    on: &[&str],
) -> Result<Vec<Accepted>> {
    let applied = store::applied(conn)?;
    let pack = applied.iter().find(|it| it.platform_id == platform.uuid());
    let accepted = pack.and_then(|it| it.accepted.as_array());
    let is_one = |of: &Value, among: &[&str]| of.as_str().is_some_and(|it| among.contains(&it));
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let found = accepted
        .into_iter()
        .flatten()
        .filter(|it| is_one(&it["warning"], warnings) && is_one(&it["on"], on));
    Ok(found
        .map(|it| Accepted {
            on: text(&it["on"]),
            message: text(&it["message"]),
            reason: text(&it["reason"]),
        })
        .collect())
}
