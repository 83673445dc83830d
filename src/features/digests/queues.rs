//! How full the platform's queues were, and for how long anything waited in them.

use super::compose::figure;
use super::digest::{Contents, Digest, Period, Unit};
use crate::features::health::store::measured;
use crate::features::packs::pack::{Check, ItemId, Measure, Probe};
use crate::features::packs::store as packs;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

pub(super) fn add(
    conn: &mut Conn,
    platform: PlatformId,
    period: Period,
    before: Option<&Digest>,
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
        let source = "the highest that any run of its probes read";
        let (most, longest) = (high(Measure::Waiting), high(Measure::Oldest));
        // What was told of the period before is unknown now, and not gone.
        let was_told = |name: &str| before.is_some_and(|it| it.figure(name).is_some());
        let name = format!("Most waiting in {}", queue.slug);
        // A query over a table tells what it was asked for, which need not be how many wait.
        let tells = longest.is_none() && tells_what_waits(&queue.spec.check);
        if most.is_some() || tells || was_told(&name) {
            let figures = &mut contents.figures;
            figures.push(figure(&name, most, Unit::Count, source));
        }
        let name = format!("Longest wait in {}", queue.slug);
        // Not every queue tells how long.
        if longest.is_some() || was_told(&name) {
            let figures = &mut contents.figures;
            figures.push(figure(&name, longest, Unit::Seconds, source));
        }
    }
    Ok(())
}

fn tells_what_waits(check: &Check) -> bool {
    matches!(check, Check::Queue(queue) if queue.redis.is_some())
}
