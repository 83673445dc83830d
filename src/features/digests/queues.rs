//! How full the platform's queues were, and for how long anything waited in them.

use super::compose::figure;
use super::digest::{Contents, Period, Unit};
use crate::features::health::store::measured;
use crate::features::packs::pack::{Check, ItemId, Measure, Probe};
use crate::features::packs::store as packs;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

pub(super) fn add(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    contents: &mut Contents,
) -> db::Result<()> {
    let probes = packs::live_within::<Probe>(conn, &Scope::one(platform))?;
    let queues: Vec<_> = probes
        .iter()
        .filter(|probe| matches!(probe.spec.check, Check::Queue(_)))
        .collect();
    let ids: Vec<ItemId> = queues.iter().map(|queue| queue.id).collect();
    let highs = measured::highest(conn, &ids, period.from, period.to)?;
    for queue in queues {
        let high = |measure| highs.get(&(queue.id, measure)).copied();
        let source = "probes of its queues, every five minutes";
        let most = high(Measure::Waiting);
        let longest = high(Measure::Oldest);
        // A query over a table tells what it was asked for, which need not be how many wait.
        if most.is_some() || longest.is_none() && tells_what_waits(&queue.spec.check) {
            let name = format!("Most waiting in {}", queue.slug);
            contents
                .figures
                .push(figure(&name, most, Unit::Count, source));
        }
        // Not every queue tells how long.
        if longest.is_some() {
            let name = format!("Longest wait in {}", queue.slug);
            contents
                .figures
                .push(figure(&name, longest, Unit::Seconds, source));
        }
    }
    Ok(())
}

fn tells_what_waits(check: &Check) -> bool {
    matches!(check, Check::Queue(queue) if queue.redis.is_some())
}
