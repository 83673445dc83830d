//! What should have been run, and was not.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::packs::pack::Probe;
use crate::features::packs::store as packs;
use crate::foundation::db::schema::probe_state;
use crate::foundation::db::{Conn, Result};

/// When the probe in force that is most overdue should have begun. One that runs at this moment is not overdue.
pub fn most_overdue(conn: &mut Conn, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let live = packs::live::<Probe>(conn)?;
    let ours: Vec<Uuid> = live.iter().map(|item| item.id.uuid()).collect();
    let free = probe_state::lease_until
        .is_null()
        .or(probe_state::lease_until.lt(now));
    Ok(probe_state::table
        .filter(probe_state::probe_id.eq_any(ours))
        .filter(probe_state::due_at.le(now))
        .filter(free)
        .select(diesel::dsl::min(probe_state::due_at))
        .first(conn)?)
}
