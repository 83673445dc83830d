//! Days of results for the demo, from the days of probes that it invented. Every row of it is marked, and the pages say
//! that it is invented.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::month;
use super::store::{self, Spent};
use crate::features::alerts::burning::Targets;
use crate::features::health::slice::Tally;
use crate::features::packs::pack::ItemId;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db;
use crate::foundation::kernel::Scope;

const DAYS: TimeDelta = TimeDelta::days(75);

/// What settles by itself begins after this.
const SETTLES: TimeDelta = TimeDelta::hours(47);

/// Gives every target of which nothing is known a past. A second start finds it there and changes nothing.
pub fn fill(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        let targets = Targets::read(conn, &Scope::All, now)?;
        let ids: Vec<ItemId> = targets.slos.iter().map(|it| it.id).collect();
        let known = store::settled(conn, &ids)?;
        let zones: HashMap<_, _> = packs::platforms(conn)?
            .into_iter()
            .map(|it| (it.id, it.zone))
            .collect();
        for (place, slo) in targets.slos.iter().enumerate() {
            let is_known = known
                .get(&slo.id)
                .is_some_and(|it| it.days_until.is_some() || it.until.is_some());
            if is_known {
                continue;
            }
            let zone = zones.get(&slo.platform).copied().unwrap_or_default();
            let days = invented(place, slo.spec.allowed(), zone, now);
            store::insert_days(conn, slo.id, &days)?;
        }
        Ok(())
    })
}

/// The same days whenever it starts: most of them whole, a bad one now and then, an hour that nobody knows of.
fn invented(place: usize, allowed: f64, zone: Tz, now: DateTime<Utc>) -> Vec<Spent> {
    const MINUTE: i64 = 60_000;
    let days = month::days(now - DAYS, now - SETTLES, zone);
    let last = days.len();
    days.into_iter()
        .enumerate()
        .map(|(index, (at, until))| {
            let all = (until - at).num_milliseconds();
            let back = last - index + place;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "a share of a day"
            )]
            let bad = match back % 11 {
                // A tenth of the budget of 30 days, and on another day a little more.
                3 => (all as f64 * allowed * 3.0) as i64,
                7 if place.is_multiple_of(3) => (all as f64 * allowed * 4.0) as i64,
                _ => 0,
            };
            let unknown = if back == 40 { 5 * MINUTE } else { 0 };
            let results = all / 30_000;
            let failed = results * bad / all;
            let tally = Tally {
                good: results - failed,
                bad: failed,
                good_ms: all - bad - unknown,
                bad_ms: bad,
                unknown_ms: unknown,
                planned_ms: 0,
                demo: true,
            };
            Spent { at, until, tally }
        })
        .collect()
}
