//! The warnings that a pack lives with, for the pages of the things that they are about.

use serde_json::Value;

use super::store;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// What the linter says of the thing with this id, and why the platform's pack lives with it.
pub fn of(
    conn: &mut Conn,
    platform: PlatformId,
    warning: &str,
    on: &str,
) -> Result<Option<(String, String)>> {
    let applied = store::applied(conn)?;
    let pack = applied.iter().find(|it| it.platform_id == platform.uuid());
    let accepted = pack.and_then(|it| it.accepted.as_array());
    let is_it = |it: &&Value| it["warning"] == warning && it["on"] == on;
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let found = accepted.into_iter().flatten().find(is_it);
    Ok(found.map(|it| (text(&it["message"]), text(&it["reason"]))))
}
