//! One tick: read what the rules read, feed each rule's life cycle, write down what changed.
//!
//! Any number of processes may tick at once. What changes an alert is decided again under the lock of
//! the rule's own row, so that two who see the same thing light one lamp.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::AlertId;
use super::alert::{self, Change, Policy, Verdict, fingerprint};
use super::rule::{self, Reading};
use super::store::{self, About, Alert, RuleState};
use super::words;
use crate::features::health::store as health;
use crate::features::packs::pack::{
    EventType, Indicator, ItemId, Probe, ProbeState, Rule, Service, Source,
};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{Level, PlatformId};

/// How often rules are evaluated.
pub const TICK: TimeDelta = TimeDelta::seconds(2);

/// A longer pause than this between two ticks was a standstill, and nothing lasted during it.
const STANDSTILL: TimeDelta = TimeDelta::seconds(15);

/// Everything that rules read, at one moment.
struct Snapshot {
    now: DateTime<Utc>,
    platforms: HashMap<PlatformId, Watched>,
    services: HashMap<(PlatformId, String), ItemId>,
    probes: HashMap<(PlatformId, String), Item<Probe>>,
    indicators: HashMap<(PlatformId, String), Item<Indicator>>,
    event_types: HashMap<(PlatformId, String), ItemId>,
    states: HashMap<ItemId, health::State>,
    reports: HashMap<ItemId, health::Report>,
    tallies: HashMap<ItemId, i64>,
    rules: Vec<Item<Value>>,
    known: HashMap<ItemId, RuleState>,
}

/// Evaluates every rule once. Returns how many alerts changed.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let before = services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| store::tick(conn, now))?;
    let pause = before.map_or(TimeDelta::zero(), |before| now - before);
    let snapshot = services
        .db
        .read_on(PoolKind::Jobs, |conn| read(conn, now))?;
    let mut changed = 0;
    for item in &snapshot.rules {
        changed += usize::from(evaluate(services, &snapshot, item, pause)?);
    }
    Ok(changed)
}

/// Evaluates at once after something was reported, so that nobody waits for the next tick. A failure
/// is not the reporter's: what was reported stands, and the server's own tick finds it.
pub fn after_report(services: &Services) {
    if let Err(error) = tick(services) {
        tracing::warn!(%error, "rules could not be evaluated after a report");
    }
}

fn read(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Snapshot> {
    fn keyed<T>(items: Vec<Item<T>>) -> HashMap<(PlatformId, String), Item<T>> {
        items
            .into_iter()
            .map(|item| ((item.platform, item.slug.clone()), item))
            .collect()
    }
    fn ids<T>(items: Vec<Item<T>>) -> HashMap<(PlatformId, String), ItemId> {
        items
            .into_iter()
            .map(|item| ((item.platform, item.slug), item.id))
            .collect()
    }
    let indicators = packs::live::<Indicator>(conn)?;
    let indicator_ids: Vec<ItemId> = indicators.iter().map(|item| item.id).collect();
    Ok(Snapshot {
        now,
        platforms: packs::platforms(conn)?
            .into_iter()
            .map(|it| (it.id, it))
            .collect(),
        services: ids(packs::live::<Service>(conn)?),
        probes: keyed(packs::live::<Probe>(conn)?),
        event_types: ids(packs::live::<EventType>(conn)?),
        states: health::states(conn)?,
        reports: health::last_reports(conn, &indicator_ids)?,
        tallies: health::event_tallies(conn)?,
        indicators: keyed(indicators),
        rules: packs::live_rules(conn)?,
        known: store::rule_states(conn)?,
    })
}

/// One rule. True when its alert changed.
fn evaluate(
    services: &Services,
    snapshot: &Snapshot,
    item: &Item<Value>,
    pause: TimeDelta,
) -> db::Result<bool> {
    let known = match snapshot.known.get(&item.id) {
        Some(known) => known.clone(),
        None => enrol(services, snapshot, item)?,
    };
    let known = &known;
    let rule: Rule = match serde_json::from_value(item.spec.clone()) {
        Ok(rule) => rule,
        Err(error) => return note_error(services, snapshot, item, known, Some(error.to_string())),
    };
    if known.error.is_some() {
        note_error(services, snapshot, item, known, None)?;
    }
    let (reading, seen) = snapshot.reading(item.platform, &rule.on, known);
    let advance = |state: &mut RuleState| {
        if pause > STANDSTILL {
            state.track.skip(pause);
        }
        let verdict = rule::verdict(&rule, &reading, &state.track);
        let fresh = !matches!(reading, Reading::Events(_)) || seen > state.events_seen;
        state.events_seen = seen;
        // Whoever evaluated first has taken the events; they are not counted twice.
        let verdict = if fresh {
            verdict
        } else {
            Verdict::Holds(alert::PerLevel::default())
        };
        state.track.tick(snapshot.now, verdict, &Policy::of(&rule))
    };
    let mut next = known.clone();
    match advance(&mut next) {
        Some(_) => change(services, snapshot, item, &rule, &reading, advance),
        None if next == *known => Ok(false),
        None => {
            services
                .audit
                .write_unaudited(Unaudited::RuleState, |conn| {
                    if store::lock_rule(conn, item.id)?.as_ref() == Some(known) {
                        store::save_rule(conn, item.id, &next)?;
                    }
                    Ok::<_, db::Error>(())
                })?;
            Ok(false)
        }
    }
}

/// A new rule looks at nothing that was reported before it came.
fn enrol(services: &Services, snapshot: &Snapshot, item: &Item<Value>) -> db::Result<RuleState> {
    let rule = serde_json::from_value::<Rule>(item.spec.clone());
    let event_type = rule.ok().and_then(|rule| match rule.on {
        Source::Event(slug) => snapshot.event_types.get(&(item.platform, slug)).copied(),
        _ => None,
    });
    services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| {
            let seen = match event_type {
                Some(event_type) => health::events_before(conn, event_type, item.changed_at)?,
                None => 0,
            };
            store::enrol_rule(conn, item.id, seen)?;
            // Somebody else may have been first.
            Ok(store::lock_rule(conn, item.id)?.unwrap_or_default())
        })
}

/// Decides again under the rule's lock, and writes what changed with its event.
fn change(
    services: &Services,
    snapshot: &Snapshot,
    item: &Item<Value>,
    rule: &Rule,
    reading: &Reading,
    advance: impl Fn(&mut RuleState) -> Option<Change>,
) -> db::Result<bool> {
    let actor = Actor::job("alerts.evaluate");
    let changed = services.audit.write_on(PoolKind::Jobs, &actor, |tx| {
        let Some(mut state) = store::lock_rule(tx, item.id)? else {
            return Ok(());
        };
        let change = advance(&mut state);
        store::save_rule(tx, item.id, &state)?;
        if let Some(change) = change {
            let lamp = Lamp::of(snapshot, item, rule, reading);
            lamp.apply(tx, change, snapshot.now)?;
        }
        Ok(())
    });
    match changed {
        Ok(()) => Ok(true),
        // Somebody else was quicker.
        Err(db::Error::NoEvent | db::Error::Unique { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lights, or puts out, the lamp that says that a rule cannot be evaluated. Nothing else changes.
fn note_error(
    services: &Services,
    snapshot: &Snapshot,
    item: &Item<Value>,
    known: &RuleState,
    error: Option<String>,
) -> db::Result<bool> {
    if known.error == error {
        return Ok(false);
    }
    let lamp = Lamp::of_rule_health(snapshot, item, error.as_deref().unwrap_or_default());
    let actor = Actor::job("alerts.evaluate");
    let changed = services.audit.write_on(PoolKind::Jobs, &actor, |tx| {
        let Some(mut state) = store::lock_rule(tx, item.id)? else {
            return Ok(());
        };
        if state.error == error {
            return Ok(());
        }
        let change = match (&state.error, &error) {
            (None, _) => Some(Change::Fired {
                level: Level::Yellow,
                active_at: snapshot.now,
            }),
            (Some(_), None) => Some(Change::Resolved),
            (Some(_), Some(_)) => None,
        };
        state.error.clone_from(&error);
        store::save_rule(tx, item.id, &state)?;
        if let Some(change) = change {
            lamp.apply(tx, change, snapshot.now)?;
        }
        Ok(())
    });
    match changed {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent | db::Error::Unique { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Snapshot {
    /// What a rule's source says, and how many events it has seen afterwards.
    fn reading(&self, platform: PlatformId, source: &Source, known: &RuleState) -> (Reading, i64) {
        let seen = known.events_seen;
        let reading = match source {
            Source::State(slug) => Reading::State(
                self.state(platform, slug)
                    .map_or(ProbeState::Unknown, |it| it.standing.state),
            ),
            Source::Latency(slug) => match self.state(platform, slug) {
                Some(state) if !state.latencies_us.is_empty() => {
                    Reading::Latencies(state.latencies_us.clone())
                }
                _ => Reading::Nothing,
            },
            Source::Measure(of) => {
                let state = self
                    .state(platform, &of.probe)
                    .filter(|it| it.standing.state != ProbeState::Unknown);
                let measured =
                    state.and_then(|it| it.measures.iter().find(|(name, _)| *name == of.name));
                measured.map_or(Reading::Nothing, |(_, value)| Reading::Number(*value))
            }
            Source::Indicator(slug) => self
                .fresh_report(platform, slug)
                .map_or(Reading::Nothing, Reading::Number),
            Source::Age(slug) => self
                .report(platform, slug)
                .map_or(Reading::Nothing, |report| {
                    Reading::Age(self.now - report.at)
                }),
            Source::Event(slug) => {
                let event_type = self.event_types.get(&(platform, slug.clone()));
                let total = event_type
                    .and_then(|id| self.tallies.get(id))
                    .copied()
                    .unwrap_or(0);
                return (Reading::Events(total - seen), total.max(seen));
            }
        };
        (reading, seen)
    }

    /// How a probe stands, unless it has not been heard of for so long that nobody knows.
    fn state(&self, platform: PlatformId, slug: &str) -> Option<&health::State> {
        let probe = self.probes.get(&(platform, slug.to_owned()))?;
        let state = self.states.get(&probe.id)?;
        let heard = state.due_at + probe.spec.interval.delta() * 2;
        (self.now <= heard).then_some(state)
    }

    fn report(&self, platform: PlatformId, slug: &str) -> Option<&health::Report> {
        let indicator = self.indicators.get(&(platform, slug.to_owned()))?;
        self.reports.get(&indicator.id)
    }

    fn fresh_report(&self, platform: PlatformId, slug: &str) -> Option<f64> {
        let report = self.report(platform, slug)?;
        let every = self
            .indicators
            .get(&(platform, slug.to_owned()))?
            .spec
            .expect_every;
        let stale = every.is_some_and(|every| self.now - report.at > every.delta() * 2);
        (!stale).then_some(report.value)
    }

    /// The service that a rule is about: that of the probe which it reads.
    fn service(&self, platform: PlatformId, rule: &Rule) -> Option<(ItemId, &str)> {
        let probe = self.probes.get(&(platform, rule.on.probe()?.to_owned()))?;
        let service = &probe.spec.service;
        let id = self.services.get(&(platform, service.clone()))?;
        Some((*id, service))
    }
}

/// An alert's identity, and what it says if it is lit now.
struct Lamp<'s> {
    about: About,
    rule: &'s Item<Value>,
    service: Option<ItemId>,
    fingerprint: String,
    name: String,
    summary: Box<dyn Fn(Level) -> String + 's>,
}

impl<'s> Lamp<'s> {
    fn of(
        snapshot: &'s Snapshot,
        item: &'s Item<Value>,
        rule: &'s Rule,
        reading: &'s Reading,
    ) -> Self {
        let platform = snapshot
            .platforms
            .get(&item.platform)
            .map_or("", |it| it.slug.as_str());
        let service = snapshot.service(item.platform, rule);
        let mut labels = vec![("alertname", item.slug.as_str()), ("platform", platform)];
        labels.extend(service.map(|(_, slug)| ("service", slug)));
        let unit = match &rule.on {
            Source::Indicator(slug) => snapshot
                .indicators
                .get(&(item.platform, slug.clone()))
                .map_or("", |indicator| indicator.spec.unit.as_str()),
            _ => "",
        };
        Self {
            about: About::Platform,
            rule: item,
            service: service.map(|(id, _)| id),
            fingerprint: fingerprint(&labels),
            name: item.name.clone(),
            summary: Box::new(move |level| words::summary(rule, level, reading, unit)),
        }
    }

    fn of_rule_health(snapshot: &'s Snapshot, item: &'s Item<Value>, error: &'s str) -> Self {
        let platform = snapshot
            .platforms
            .get(&item.platform)
            .map_or("", |it| it.slug.as_str());
        let labels = [
            ("alertname", "rule-cannot-be-evaluated"),
            ("platform", platform),
            ("rule", item.slug.as_str()),
        ];
        Self {
            about: About::Rule,
            rule: item,
            service: None,
            fingerprint: fingerprint(&labels),
            name: format!("The rule \"{}\" cannot be evaluated", item.name),
            summary: Box::new(move |_| error.to_owned()),
        }
    }

    fn apply(&self, tx: &mut Tx<'_>, change: Change, now: DateTime<Utc>) -> db::Result<()> {
        match change {
            Change::Fired { level, active_at } => self.fire(tx, level, active_at, now),
            Change::Moved { from, to } => self.shift(tx, from, to, now),
            Change::Resolved => self.resolve(tx, now),
        }
    }

    fn fire(
        &self,
        tx: &mut Tx<'_>,
        level: Level,
        active_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> db::Result<()> {
        let alert = Alert {
            id: AlertId::new(),
            platform: self.rule.platform,
            rule: self.rule.id,
            service: self.service,
            fingerprint: self.fingerprint.clone(),
            firing: true,
            level,
            name: self.name.clone(),
            summary: (self.summary)(level),
            active_at,
            fired_at: now,
            level_at: now,
            was_red: level == Level::Red,
            resolved_at: None,
            acknowledged: None,
        };
        store::insert(tx, self.about, &alert)?;
        self.note(tx, &alert, "fired", &alert.summary)?;
        self.record(tx, "alert.fired", &alert)
    }

    fn shift(&self, tx: &mut Tx<'_>, from: Level, to: Level, now: DateTime<Utc>) -> db::Result<()> {
        let Some(mut alert) = store::lock_firing(tx, &self.fingerprint)? else {
            return Err(db::Error::NotFound);
        };
        alert.level = to;
        alert.summary = (self.summary)(to);
        alert.was_red |= to == Level::Red;
        if to > from {
            alert.level_at = now;
        }
        let voided = to == Level::Red && alert.acknowledged.take().is_some();
        store::save(tx, &alert)?;
        self.note(
            tx,
            &alert,
            "moved",
            &format!("from {from} to {to}: {}", alert.summary),
        )?;
        if voided {
            let text = "it is worse than what was acknowledged";
            self.note(tx, &alert, "acknowledgement_ended", text)?;
        }
        self.record(tx, "alert.level_changed", &alert)
    }

    fn resolve(&self, tx: &mut Tx<'_>, now: DateTime<Utc>) -> db::Result<()> {
        let Some(mut alert) = store::lock_firing(tx, &self.fingerprint)? else {
            return Err(db::Error::NotFound);
        };
        alert.firing = false;
        alert.resolved_at = Some(now);
        store::save(tx, &alert)?;
        self.note(tx, &alert, "resolved", "the condition ended")?;
        self.record(tx, "alert.resolved", &alert)
    }

    fn note(
        &self,
        tx: &mut Tx<'_>,
        alert: &Alert,
        kind: &'static str,
        text: &str,
    ) -> db::Result<()> {
        store::insert_change(tx, alert.id, kind, alert.level, "Signalbox", text)
    }

    fn record(&self, tx: &mut Tx<'_>, kind: &'static str, alert: &Alert) -> db::Result<()> {
        tx.record(
            Event::new(kind, Subject::new("alert", alert.id))
                .platform(alert.platform)
                .detail("rule", self.rule.slug.as_str())
                .detail("level", alert.level.as_str())
                .detail("fingerprint", alert.fingerprint.as_str())
                .detail("summary", alert.summary.as_str()),
        )?;
        Ok(())
    }
}
