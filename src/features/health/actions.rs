//! What happens to probes, indicators and events.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::probe::{self, Outcome, Run, Standing};
use super::store::{self, Claim, Finished};
use super::store::{reports, samples, series};
use crate::features::packs::pack::{EventType, Indicator, ItemId, Probe, ProbeState};
use crate::features::packs::store::{self as packs, Definition, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{self, Actor, Event, FormKey, Subject, Tx, Unaudited};
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// The probes in force.
pub type Probes = BTreeMap<ItemId, Item<Probe>>;

/// Longer than a run may last, so that a run ends before its lease does.
const LEASE_SLACK: TimeDelta = TimeDelta::seconds(10);

/// Our own reports come four times a minute; what others report is kept.
const OWN_REPORTS_KEPT: TimeDelta = TimeDelta::hours(48);

/// What our own pack calls us.
const OWN_PLATFORM: &str = "signalbox";

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
            samples::prune(conn, now)? + reports::prune(conn, now)? + series::prune(conn, now)?,
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
        .find(|platform| platform.slug == OWN_PLATFORM);
    let Some(ours) = ours else {
        return Ok(Vec::new());
    };
    let mut indicators = packs::live::<Indicator>(conn)?;
    indicators.retain(|indicator| indicator.platform == ours.id);
    Ok(indicators)
}

/// Why something could not be reported.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("no pack names {kind} \"{name}\"; there are {}", known.join(", "))]
    Unknown {
        kind: &'static str,
        name: String,
        known: Vec<String>,
    },
    #[error("there is no platform \"{0}\"")]
    NoPlatform(String),
    #[error("{} have \"{name}\": say which with --platform", platforms.join(", "))]
    Ambiguous {
        name: String,
        platforms: Vec<String>,
    },
    #[error("an indicator's value is a finite number")]
    NotFinite,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Who reports, how far they reach, and what makes a second attempt the same report.
pub struct Reporter {
    actor: Actor,
    reach: Scope,
    key: Option<FormKey>,
}

impl Reporter {
    /// Somebody at the command line of the installation, whose every call is a report of its own.
    fn local(actor: &Actor) -> Self {
        Self {
            actor: actor.clone(),
            reach: Scope::All,
            key: None,
        }
    }

    #[must_use]
    pub fn program(keyed: &Keyed, key: FormKey) -> Self {
        Self {
            actor: keyed.actor(),
            reach: keyed.reach().clone(),
            key: Some(key),
        }
    }

    fn once(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        self.key.map_or(Ok(()), |key| tx.once(key, REPORTED))
    }
}

/// Where a report leads that is made twice.
const REPORTED: &str = "/services";

/// Takes down a value that somebody outside has measured.
pub fn report_indicator(
    services: &Services,
    actor: &Actor,
    name: &str,
    value: f64,
    platform: Option<&str>,
) -> Result<Item<Indicator>, ReportError> {
    report_indicator_by(services, &Reporter::local(actor), name, value, platform)
}

/// [`report_indicator`] by anybody.
pub fn report_indicator_by(
    services: &Services,
    reporter: &Reporter,
    name: &str,
    value: f64,
    platform: Option<&str>,
) -> Result<Item<Indicator>, ReportError> {
    if !value.is_finite() {
        return Err(ReportError::NotFinite);
    }
    let indicator = services
        .db
        .read(|conn| find::<Indicator>(conn, &reporter.reach, name, platform))?;
    services.audit.write(&reporter.actor, |tx| {
        reporter.once(tx)?;
        let now = tx.now();
        reports::insert_report(tx, indicator.id, now, value, false)?;
        tx.record(
            Event::new(
                "indicator.reported",
                Subject::new("indicator", indicator.id),
            )
            .platform(indicator.platform)
            .detail("indicator", indicator.slug.as_str())
            // The log holds no floats: 97.4 is written as it was reported.
            .detail("value", value.to_string()),
        )?;
        Ok::<_, db::Error>(())
    })?;
    Ok(indicator)
}

/// Takes down that something happened.
pub fn report_event(
    services: &Services,
    actor: &Actor,
    name: &str,
    platform: Option<&str>,
) -> Result<Item<EventType>, ReportError> {
    report_event_by(services, &Reporter::local(actor), name, platform)
}

/// [`report_event`] by anybody.
pub fn report_event_by(
    services: &Services,
    reporter: &Reporter,
    name: &str,
    platform: Option<&str>,
) -> Result<Item<EventType>, ReportError> {
    let event_type = services
        .db
        .read(|conn| find::<EventType>(conn, &reporter.reach, name, platform))?;
    services.audit.write(&reporter.actor, |tx| {
        reporter.once(tx)?;
        reports::insert_event(tx, event_type.id)?;
        tx.record(
            Event::new("event.reported", Subject::new("event_type", event_type.id))
                .platform(event_type.platform)
                .detail("type", event_type.slug.as_str()),
        )?;
        Ok::<_, db::Error>(())
    })?;
    Ok(event_type)
}

/// The definition of this name; where several platforms have one, `platform` says whose.
fn find<T: Definition>(
    conn: &mut Conn,
    reach: &Scope,
    name: &str,
    platform: Option<&str>,
) -> Result<Item<T>, ReportError> {
    let mut platforms = packs::platforms(conn)?;
    platforms.retain(|platform| reach.allows(platform.id));
    if let Some(wanted) = platform
        && !platforms.iter().any(|it| it.slug == wanted)
    {
        return Err(ReportError::NoPlatform(wanted.to_owned()));
    }
    let slug_of = |item: &Item<T>| slug(&platforms, item);
    let all: Vec<Item<T>> = packs::live_within(conn, reach)?;
    let mut known: Vec<String> = all.iter().map(|item| item.slug.clone()).collect();
    let mut found: Vec<Item<T>> = all
        .into_iter()
        .filter(|item| item.slug == name && platform.is_none_or(|wanted| slug_of(item) == wanted))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(item), true) => Ok(item),
        (Some(item), false) => {
            found.push(item);
            let platforms = found.iter().map(slug_of).collect();
            Err(ReportError::Ambiguous {
                name: name.to_owned(),
                platforms,
            })
        }
        (None, _) => {
            known.sort_unstable();
            known.dedup();
            Err(ReportError::Unknown {
                kind: T::KIND,
                name: name.to_owned(),
                known,
            })
        }
    }
}

fn slug<T>(platforms: &[Watched], item: &Item<T>) -> String {
    let of = platforms
        .iter()
        .find(|platform| platform.id == item.platform);
    of.map(|platform| platform.slug.clone()).unwrap_or_default()
}
