//! Tells our own pack how many countersignatures are late, until told to stop.

use std::time::Duration;

use super::store;
use crate::features::health::actions as health;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::Ticker;
use crate::foundation::kernel::Scope;

/// What our own pack expects every minute.
const LOOK_EVERY: Duration = Duration::from_secs(15);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("looking for countersignatures", LOOK_EVERY, move || {
        tick(&services)
    })
}

/// One look, over every platform. Any number of processes may take it at once.
pub fn tick(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let overdue = services.db.read_on(PoolKind::Jobs, |conn| {
        store::overdue(conn, &Scope::All, now)
    })?;
    let overdue = i32::try_from(overdue).unwrap_or(i32::MAX);
    health::report_ours(
        services,
        &[("countersignatures_overdue", f64::from(overdue))],
    )
}
