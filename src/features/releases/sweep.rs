//! Looks at the gates that were asked. Any number of processes may do it at once.

use super::actions::{event, named, of_stage};
use super::release::{Gate, Outcome, ReleaseId, Seen, State};
use super::store::{self, gates};
use crate::features::alerts::sighting::{self, Question};
use crate::features::health::actions as health;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Outcome as EventOutcome};
use crate::foundation::db::{self, PoolKind};

/// Returns how many releases learned something.
pub fn tick(services: &Services) -> db::Result<usize> {
    let pending = services.db.read_on(PoolKind::Jobs, gates::pending)?;
    let mut learned = 0;
    for id in pending {
        match settle(services, id) {
            Ok(true) => learned += 1,
            Ok(false) => {}
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One release's trouble keeps no other from going on.
            Err(error) => tracing::error!(%error, release = %id, "its gates could not be read"),
        }
    }
    Ok(learned)
}

fn settle(services: &Services, id: ReleaseId) -> db::Result<bool> {
    let actor = Actor::job("releases");
    let done = services.audit.write_on(PoolKind::Jobs, &actor, |tx| {
        let mut release = store::lock(tx, id)?;
        let mut all = gates::of(tx, id)?;
        let now = tx.now();
        let is_due = |gate: &Gate| gate.outcome == Outcome::Pending && gate.not_before <= now;
        let questions: Vec<Question<'_>> = all
            .iter()
            .filter(|gate| is_due(gate))
            .map(|gate| Question {
                source: &gate.spec.read,
                expect: Some(&gate.spec.expect),
            })
            .collect();
        let seen = sighting::look(tx, release.platform, &questions, now)?;
        let due = all.iter_mut().filter(|gate| is_due(gate));
        let mut settled = Vec::new();
        for (gate, seen) in due.zip(seen) {
            let seen = Seen {
                value: seen.value,
                source: seen.source,
                at: seen.seen_at,
                holds: seen.holds,
                settled: seen.settled,
            };
            if gate.look(&seen, now) {
                gates::save(tx, id, gate)?;
                settled.push(gate.clone());
            }
        }
        for gate in &settled {
            let what = format!("gate {}: {}", gate.outcome.as_str(), gate.spec.name);
            store::note(tx, id, "", &what, &gate.value)?;
            let outcome = if gate.outcome == Outcome::Pass {
                EventOutcome::Success
            } else {
                EventOutcome::Failure
            };
            tx.record(
                event("release.gate_settled", &release)
                    .outcome(outcome)
                    .detail("gate", gate.spec.id.as_str())
                    .detail("answer", gate.outcome.as_str()),
            )?;
        }
        if settled.is_empty() {
            return Err(db::Error::NoEvent);
        }
        let named = named(tx, release.platform)?;
        let count = of_stage(&named, release.state.stage());
        if release.advance(&all, count, now) {
            store::save(tx, &release)?;
            let what = match release.state {
                State::RolledBack => "the earlier version is back",
                _ => "all gates have passed",
            };
            store::note(tx, id, "", what, "")?;
        }
        Ok(())
    });
    match done {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent) => {
            hasten(services, id)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What a gate waits for is run now, and not only in its next slot.
fn hasten(services: &Services, id: ReleaseId) -> db::Result<()> {
    let now = services.clock.now();
    let (platform, waited_for) = services.db.read_on(PoolKind::Jobs, |conn| {
        let release = store::one(conn, id)?;
        let pending = gates::of(conn, id)?.into_iter();
        let pending =
            pending.filter(|gate| gate.outcome == Outcome::Pending && gate.not_before <= now);
        let probes = pending.filter_map(|gate| {
            let probe = gate.spec.read.probe()?.to_owned();
            Some((probe, gate.not_before))
        });
        Ok::<_, db::Error>((release.platform, probes.collect::<Vec<_>>()))
    })?;
    health::hasten(services, platform, &waited_for)
}
