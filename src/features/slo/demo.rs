//! Days of results for the demo, from the days of probes that it invented. Every row of it is marked, and the pages say
//! that it is invented.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::actions::{self, promised};
use super::month::{self, QUARTER, quarter};
use super::store::{self, Spent};
use crate::features::alerts::burning::Targets;
use crate::features::health::slice::Tally;
use crate::features::health::store::slices;
use crate::features::packs::pack::{ItemId, Sli};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Unaudited};
use crate::foundation::db;
use crate::foundation::kernel::Scope;

const DAYS: TimeDelta = TimeDelta::days(75);

/// What settles by itself begins after this.
const SETTLES: TimeDelta = TimeDelta::hours(47);

/// Gives every target of which nothing is known a past, and freezes the months that it covers. A second start finds them there
/// and changes nothing.
pub fn fill(services: &Services) -> db::Result<()> {
    invent(services)?;
    actions::freeze(services, &Actor::job("demo")).map(drop)
}

fn invent(services: &Services) -> db::Result<()> {
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
            let of = promised(slo);
            let days = invented(
                place,
                slo.spec.allowed(),
                month::days(now - DAYS, now - SETTLES, zone),
            );
            store::insert_days(conn, of, &days)?;
            // The window of a target begins and ends within a day, so the last days have their quarters as well.
            let known = match targets.source(slo) {
                // The past of probes is invented in steps of five minutes, between which nobody would have looked.
                Some(source) if matches!(source.sli, Sli::Availability(_) | Sli::Latency(_)) => {
                    None
                }
                Some(source) => slices::oldest(conn, source, now - SETTLES)?,
                None => None,
            };
            let until = quarter(now);
            let known = known.map_or(until, quarter).min(until);
            let begins = days.last().map_or(known, |last| last.until);
            let mut all: Vec<Spent> = days
                .iter()
                .filter(|day| day.at > now - store::QUARTERS_KEPT)
                .flat_map(divided)
                .collect();
            all.extend(divided(&whole(begins, known)));
            all.extend(actions::quarters(conn, &targets, slo, (known, until))?);
            store::insert_quarters(conn, of, &all)?;
        }
        Ok(())
    })
}

/// The same days whenever it starts: most of them whole, a bad one now and then, five minutes that nobody knows of.
fn invented(place: usize, allowed: f64, days: Vec<(DateTime<Utc>, DateTime<Utc>)>) -> Vec<Spent> {
    const MINUTE: i64 = 60_000;
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

/// A span in which nothing was bad.
fn whole(at: DateTime<Utc>, until: DateTime<Utc>) -> Spent {
    let all = (until - at).num_milliseconds().max(0);
    let tally = Tally {
        good: all / 30_000,
        good_ms: all,
        demo: true,
        ..Tally::default()
    };
    Spent { at, until, tally }
}

/// A span by the quarter of an hour. What was bad in it stands at its beginning, and what is unknown after that.
fn divided(span: &Spent) -> Vec<Spent> {
    let (mut failed, mut bad, mut unknown) =
        (span.tally.bad, span.tally.bad_ms, span.tally.unknown_ms);
    let quarter = |at: DateTime<Utc>| {
        let all = QUARTER.num_milliseconds();
        let bad_ms = bad.min(all);
        let unknown_ms = unknown.min(all - bad_ms);
        let results = all / 30_000;
        let lost = failed.min(results);
        (failed, bad, unknown) = (failed - lost, bad - bad_ms, unknown - unknown_ms);
        let tally = Tally {
            good: results - lost,
            bad: lost,
            good_ms: all - bad_ms - unknown_ms,
            bad_ms,
            unknown_ms,
            planned_ms: 0,
            demo: true,
        };
        Spent {
            at,
            until: at + QUARTER,
            tally,
        }
    };
    let all = std::iter::successors(Some(span.at), |at| Some(*at + QUARTER));
    all.take_while(|at| *at < span.until).map(quarter).collect()
}
