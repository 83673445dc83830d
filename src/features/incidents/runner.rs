//! Looks for what opens an incident by itself, and tells our own pack what is overdue, until told to stop.

use std::time::Duration;

use super::actions::IncidentError;
use super::{security, store};
use crate::features::health::actions as health;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::Ticker;
use crate::foundation::kernel::Scope;

/// What our own pack expects every minute.
const LOOK_EVERY: Duration = Duration::from_secs(15);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("looking for incidents", LOOK_EVERY, move || tick(&services))
}

/// One look. Any number of processes may take it at once.
pub fn tick(services: &Services) -> db::Result<()> {
    match security::look_at_the_door(services) {
        Ok(()) => {}
        Err(IncidentError::Database(error)) => return Err(error),
        Err(error) => tracing::error!(%error, "no incident was opened for failed sign-ins"),
    }
    report_overdue(services)
}

/// Actions and reviews that are late, of every platform: the indicator that our own pack has a rule on.
fn report_overdue(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let overdue = services.db.read_on(PoolKind::Jobs, |conn| {
        let actions = store::follow_ups::overdue(conn, now)?;
        let reviews = store::reviews_overdue(conn, &Scope::All, now)?;
        Ok::<_, db::Error>(actions + reviews)
    })?;
    let overdue = i32::try_from(overdue).unwrap_or(i32::MAX);
    health::report_ours(services, &[("incidents_overdue", f64::from(overdue))])
}
