//! Removes what is kept for a while only and is over: keys of forms, ended jobs, parked forms, links,
//! notes of who has read what. Business evidence is not here: its owner removes it, with an event.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::features::alerts::alertmanager::store::flaps;
use crate::features::connectors::store::calls;
use crate::features::heartbeats::store::pings;
use crate::features::hooks::store::receipts;
use crate::features::{audit_log, capacity, intake, logs, slo};
use crate::foundation::audit::{Event, Subject, Unaudited, forms};
use crate::foundation::auth::provider::journeys;
use crate::foundation::auth::{ceremony, factors, parked};
use crate::foundation::db::{self, Conn};
use crate::foundation::jobs::{self, JobContext, JobError, Late, Registry, Schedule};

pub const EXPIRE: &str = "upkeep.expire";

/// Rows removed in one transaction.
const AT_ONCE: i64 = 1_000;
/// Transactions for one table in a run; what is left goes with the next one.
const ROUNDS: usize = 200;

type Purge = fn(&mut Conn, DateTime<Utc>, i64) -> db::Result<usize>;

const PURGES: &[(&str, Purge)] = &[
    ("idempotency", forms::purge),
    ("job", jobs::purge),
    ("parked_form", parked::purge),
    ("enrolment_link", factors::purge_links),
    ("passkey_ceremony", ceremony::purge),
    ("provider_journey", journeys::purge),
    ("evidence_reading", audit_log::purge_readings),
    ("subject_reading", intake::store::purge_readings),
    ("heartbeat_ping", pings::purge),
    ("outside_flap", flaps::purge),
    ("log_line", logs::store::purge),
    ("slo_span", slo::store::purge),
    ("capacity_day", capacity::store::purge),
    ("event_receipt", receipts::purge),
    ("breaker_call", calls::purge),
];

pub fn register(registry: &mut Registry) {
    registry.handle(EXPIRE, expire);
    let hourly = Schedule::new(EXPIRE, "41 * * * *", "UTC", EXPIRE)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(hourly.late(Late::Skip));
}

fn expire(context: &JobContext, _: Value) -> Result<(), JobError> {
    let services = &context.services;
    let now = services.clock.now();
    let mut event = Event::new("upkeep.expired", Subject::new("job", context.job));
    let mut total = 0;
    for (table, purge) in PURGES {
        let mut removed = 0;
        for _ in 0..ROUNDS {
            context.check()?;
            let gone = services
                .audit
                .write_unaudited(Unaudited::Expiry, |conn| purge(conn, now, AT_ONCE))?;
            removed += gone;
            if gone < usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
                break;
            }
        }
        event = event.detail(table, removed);
        total += removed;
    }
    if total > 0 {
        context.write(|tx| {
            tx.record(event)?;
            Ok(())
        })?;
    }
    Ok(())
}
