//! Running a probe before its slot.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::probe_state;
use crate::foundation::db::{Conn, Result};

/// Makes a probe due now, unless it runs already or has run since `since`.
pub fn hasten(
    conn: &mut Conn,
    probe: ItemId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    diesel::update(
        probe_state::table
            .find(probe.uuid())
            .filter(probe_state::due_at.gt(now))
            .filter(
                probe_state::lease_until
                    .is_null()
                    .or(probe_state::lease_until.lt(now)),
            )
            .filter(
                probe_state::checked_at
                    .is_null()
                    .or(probe_state::checked_at.lt(since)),
            ),
    )
    .set(probe_state::due_at.eq(now))
    .execute(conn)?;
    Ok(())
}
