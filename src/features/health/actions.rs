//! What happens to probes, and to the indicators and events that we report of ourselves.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

pub use super::reporting::{ReportError, Reporter, report_event, report_indicator};

use super::probe::{self, Outcome, Run, Standing};
use super::store::{self, Claim, Finished};
use super::store::{measured, reports, samples, series};
use crate::features::packs::own;
use crate::features::packs::pack::{Indicator, ItemId, Probe, ProbeState};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{self, Actor, Event, Subject, Tx, Unaudited};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// The probes in force.
pub type Probes = BTreeMap<ItemId, Item<Probe>>;

/// Longer than a run may last, so that a run ends before its lease does.
const LEASE_SLACK: TimeDelta = TimeDelta::seconds(10);

/// Our own reports come four times a minute; what others report is kept.
const OWN_REPORTS_KEPT: TimeDelta = TimeDelta::hours(48);

/// How many runs one process takes on at a time.
const CLAIMS_AT_MOST: i64 = 64;

/// Takes on the probes that are due. Those that are new get their first slot.
pub fn claim(services: &Services, probes: &Probes) -> db::Result<Vec<Claim>> {
    let now = services.clock.now();
    let lease = |probe: &Probe| probe.deadline().delta() + LEASE_SLACK;
    let leases = probes
        .iter()
        .map(|(id, item)| (*id, lease(&item.spec)))
        .collect();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        store::claim(conn, &leases, now, CLAIMS_AT_MOST)
    })
}

/// Has these probes of a platform run now, where they have not been run since they were asked for. A run that is under way is
/// left alone.
pub fn hasten(
    services: &Services,
    platform: PlatformId,
    asked: &[(String, DateTime<Utc>)],
) -> db::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let now = services.clock.now();
    let probes = services.db.read_on(db::PoolKind::Jobs, |conn| {
        let live = packs::live_within::<Probe>(conn, &Scope::one(platform))?;
        let wanted = |(slug, since): &(String, DateTime<Utc>)| {
            let found = live.iter().find(|probe| probe.slug == *slug)?;
            Some((found.id, *since))
        };
        Ok::<_, db::Error>(asked.iter().filter_map(wanted).collect::<Vec<_>>())
    })?;
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        for (probe, since) in probes {
            store::hasten::hasten(conn, probe, since, now)?;
        }
        Ok(())
    })
}

/// Gives each probe its row.
pub fn enrol(services: &Services, probes: &Probes) -> db::Result<()> {
    let now = services.clock.now();
    let slots: Vec<(&Item<Probe>, DateTime<Utc>)> = probes
        .values()
        .map(|item| (item, next_slot(item.id, &item.spec, now)))
        .collect();
    services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| store::enrol(conn, &slots, now))
}

fn next_slot(id: ItemId, probe: &Probe, after: DateTime<Utc>) -> DateTime<Utc> {
    probe::next_slot(after, probe.interval.millis(), id.uuid().as_bytes())
}

/// Notes how a run came out. A change of state is an event; a run that changes nothing is a sample.
pub fn finish(services: &Services, item: &Item<Probe>, claim: Claim, run: Run) -> db::Result<()> {
    let was = claim.standing.state;
    let finished = conclude(item, claim, run, services.clock.now());
    if finished.standing.state == was {
        services
            .audit
            .write_unaudited(Unaudited::Sample, |conn| store::finish(conn, &finished))?;
        return Ok(());
    }
    let actor = Actor::job("health.probe");
    let changed = services.audit.write_on(db::PoolKind::Jobs, &actor, |tx| {
        if !store::finish(tx, &finished)? {
            return Ok(());
        }
        store::insert_change(tx, item.id, was, &finished)?;
        record_change(tx, item, was, &finished)
    });
    match changed {
        // The lease was lost, so there was nothing to record.
        Err(db::Error::NoEvent) => Ok(()),
        other => other,
    }
}

fn record_change(
    tx: &mut Tx<'_>,
    item: &Item<Probe>,
    was: ProbeState,
    finished: &Finished,
) -> db::Result<()> {
    let kind = match finished.standing.state {
        ProbeState::Up => "probe.came_up",
        ProbeState::Down => "probe.went_down",
        ProbeState::Unknown => "probe.lost_sight",
    };
    let mut event = Event::new(kind, Subject::new("probe", item.id))
        .platform(item.platform)
        .detail("probe", item.slug.as_str())
        .detail("service", item.spec.service.as_str())
        .detail("was", was.as_str());
    if let Outcome::Failed(failure) = &finished.run.outcome {
        event = event.detail("error", failure.kind.as_str());
    }
    tx.record(event)?;
    Ok(())
}

/// What a run means: where the probe stands now, when it runs next, and what fell through.
fn conclude(item: &Item<Probe>, claim: Claim, run: Run, now: DateTime<Utc>) -> Finished {
    let probe = &item.spec;
    let interval = probe.interval.millis();
    let missed = probe::slots_missed(claim.due_at, claim.claimed_at, interval);
    let mut standing: Standing = claim.standing;
    if missed > 0 {
        let unseen = Outcome::Unknown(format!("{missed} runs were missed"));
        standing = standing.after(&unseen, claim.due_at, probe);
    }
    let slot = next_slot(item.id, probe, claim.claimed_at);
    let skipped = if now < slot {
        0
    } else {
        1 + probe::slots_missed(slot, now, interval)
    };
    Finished {
        standing: standing.after(&run.outcome, run.at, probe),
        next_due_at: next_slot(item.id, probe, now),
        interval_ms: interval,
        skipped,
        missed,
        run,
        claim,
    }
}

/// Adds minutes up to hours and hours to days, then drops what has been kept long enough: in this order,
/// so that after a long stop nothing is dropped that was never added up.
pub fn tidy(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| samples::roll_up(conn, now))?;
    // What is scraped is anybody's, and keeps nothing else from being tidied.
    let summed = services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| series::roll_up(conn, now));
    let gone = services.audit.write_unaudited(Unaudited::Expiry, |conn| {
        Ok::<_, db::Error>(
            samples::prune(conn, now)?
                + reports::prune(conn, now)?
                + series::prune(conn, now)?
                + measured::prune(conn, now)?,
        )
    })?;
    summed?;
    Ok(gone)
}

/// Reports how far the audit log's seal and anchors are behind, over both logs: to `/metrics`, and to the
/// indicators that our own pack has for them.
pub fn report_own(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let (indicators, standing) = services.db.read_on(db::PoolKind::Jobs, |conn| {
        Ok::<_, db::Error>((own_indicators(conn)?, audit::store::standing(conn)?))
    })?;
    let age = |since: Option<DateTime<Utc>>| {
        let age = since.map_or(TimeDelta::zero(), |since| now - since);
        age.max(TimeDelta::zero()).as_seconds_f64().round()
    };
    let lag = age(standing.waiting_since);
    let unanchored = age(standing.unanchored_since);
    metrics::gauge!("audit_lag_seconds").set(lag);
    metrics::gauge!("audit_unanchored_seconds").set(unanchored);
    let reports = [
        ("audit_lag", lag),
        ("anchor_lag", unanchored),
        ("audit_partitions_left", f64::from(standing.partitions_left)),
    ];
    write_own(services, &indicators, &reports)
}

/// Reports what another part of Signalbox counts about itself, to the indicators that our own pack has for it.
pub fn report_ours(services: &Services, reports: &[(&str, f64)]) -> db::Result<()> {
    let indicators = services.db.read_on(db::PoolKind::Jobs, own_indicators)?;
    write_own(services, &indicators, reports)
}

fn write_own(
    services: &Services,
    indicators: &[Item<Indicator>],
    reports: &[(&str, f64)],
) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        for (name, value) in reports {
            let Some(indicator) = indicators.iter().find(|found| found.slug == *name) else {
                continue;
            };
            reports::insert_report(conn, indicator.id, now, *value, false)?;
            reports::prune_reports(conn, indicator.id, now - OWN_REPORTS_KEPT)?;
        }
        Ok(())
    })
}

/// The indicators of the platform that is ourselves.
fn own_indicators(conn: &mut Conn) -> db::Result<Vec<Item<Indicator>>> {
    let ours = packs::platforms(conn)?
        .into_iter()
        .find(|platform| platform.slug == own::PLATFORM);
    let Some(ours) = ours else {
        return Ok(Vec::new());
    };
    let mut indicators = packs::live::<Indicator>(conn)?;
    indicators.retain(|indicator| indicator.platform == ours.id);
    Ok(indicators)
}
