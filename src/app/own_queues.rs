//! Tells our own pack for how long what is due has waited: a job, a notice.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::jobs::registry;
use crate::features::health::actions as health;
use crate::features::notify::store::outbox;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::{self, Ticker};

/// Our own pack expects it every minute.
const LOOK_EVERY: Duration = Duration::from_secs(15);

#[must_use]
pub fn start(services: Services) -> Ticker {
    let registry = registry();
    Ticker::start("looking at our own queues", LOOK_EVERY, move || {
        report(&services, &registry)
    })
}

/// One look. Any number of processes may take it at once.
pub fn report(services: &Services, registry: &jobs::Registry) -> db::Result<()> {
    let now = services.clock.now();
    let (job, notice) = services.db.read_on(PoolKind::Jobs, |conn| {
        Ok::<_, db::Error>((
            jobs::overdue_since(conn, registry, now)?,
            outbox::health(conn, now)?.overdue_since,
        ))
    })?;
    let waited = |since: Option<DateTime<Utc>>| {
        let waited = since.map_or(TimeDelta::zero(), |since| now - since);
        waited.as_seconds_f64().round()
    };
    health::report_ours(
        services,
        &[
            ("jobs_waiting", waited(job)),
            ("notices_waiting", waited(notice)),
        ],
    )
}
