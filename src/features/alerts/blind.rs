//! Rules that cannot see what they watch. What such a rule is there for may be so, and lights no lamp: our own pack
//! lights one for all of them.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::Verdict;
use super::rule::{self, Reading};
use super::snapshot::Snapshot;
use super::step::RuleState;
use super::store::rules as store;
use crate::features::health::actions as health;
use crate::features::packs::pack::{ItemId, NoData, Rule};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::jobs::Ticker;

/// A rule that has had nothing to read for so long is blind. A restart of what it reads is shorter.
const AFTER: TimeDelta = TimeDelta::minutes(10);

/// Our own pack expects it every minute.
const REPORTED_EVERY: Duration = Duration::from_secs(30);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start(
        "looking for rules that are blind",
        REPORTED_EVERY,
        move || report(&services),
    )
}

/// Reports how many there are, of every platform.
pub fn report(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let blind = services
        .db
        .read_on(PoolKind::Jobs, |conn| rules(conn, now))?;
    let count = i32::try_from(blind.len()).unwrap_or(i32::MAX);
    health::report_ours(services, &[("rules_blind", f64::from(count))])
}

/// The rules that are blind now. One whose pack says what silence means is not, and neither is one for which too little
/// happened.
pub fn rules(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<ItemId>> {
    among(conn, |_| true, now)
}

/// Those of them that are asked about. What rules read is looked at only for those that may be blind by what is known about
/// them: mostly that is none.
pub fn among(
    conn: &mut Conn,
    asked: impl Fn(ItemId) -> bool,
    now: DateTime<Utc>,
) -> db::Result<Vec<ItemId>> {
    let unseeing = store::unseeing(conn, now - AFTER)?.into_iter();
    let unseeing: HashSet<ItemId> = unseeing.filter(|id| asked(*id)).collect();
    if unseeing.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = packs::live_rules(conn)?;
    items.retain(|item| unseeing.contains(&item.id));
    let snapshot = Snapshot::read_for(conn, items, now)?;
    let blind = snapshot.rules.iter().filter(|item| {
        let Some(known) = snapshot.known.get(&item.id) else {
            return false;
        };
        // What cannot be read as a rule is noted as its error.
        let Ok(rule) = serde_json::from_value::<Rule>(item.spec.clone()) else {
            return true;
        };
        let reading = snapshot.reading(item.platform, &rule.on);
        is_blind(&rule, reading.as_ref().ok(), known, now)
    });
    Ok(blind.map(|item| item.id).collect())
}

fn is_blind(rule: &Rule, reading: Option<&Reading>, known: &RuleState, now: DateTime<Utc>) -> bool {
    let Some(reading) = reading else {
        return true;
    };
    let since = known.track.no_data_since;
    known.error.is_some()
        || (rule.no_data == NoData::Keep
            && *reading != Reading::Scarce
            && rule::verdict(rule, reading, &known.track) == Verdict::NoData
            && since.is_some_and(|since| now - since >= AFTER))
}
