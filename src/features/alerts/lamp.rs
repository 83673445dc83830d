//! An alert's identity, what it says, and how it is lit, moved and put out.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::AlertId;
use super::alert::Change;
use super::flap::Turn;
use super::labels::{self, ALERTNAME, Labels, PLATFORM, SERVICE};
use super::rule::Reading;
use super::snapshot::Snapshot;
use super::store::timeline;
use super::store::{self, About, Alert};
use super::words;
use crate::features::packs::pack::{ItemId, Rule};
use crate::features::packs::store::Item;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db;
use crate::foundation::kernel::Level;

const FLAPPING: &str = "it came or went four times in half an hour: it is held lit until it has been quiet for as long";
const SETTLED: &str = "it comes and goes no more";

pub struct Lamp<'s> {
    about: About,
    rule: &'s Item<Value>,
    service: Option<ItemId>,
    labels: Labels,
    name: String,
    reading: String,
    summary: Box<dyn Fn(Level) -> String + 's>,
}

impl<'s> Lamp<'s> {
    pub fn of(
        snapshot: &'s Snapshot,
        item: &'s Item<Value>,
        rule: &'s Rule,
        reading: &'s Reading,
    ) -> Self {
        let service = snapshot.service(item.platform, rule);
        let unit = snapshot.unit(item.platform, &rule.on);
        Self {
            about: About::Platform,
            rule: item,
            service: service.map(|(id, _)| id),
            labels: labels_of(snapshot, item, rule),
            name: item.name.clone(),
            reading: words::reading(rule, reading, unit),
            summary: Box::new(move |level| words::summary(rule, level, reading, unit)),
        }
    }

    pub fn of_rule_health(snapshot: &'s Snapshot, item: &'s Item<Value>, error: &'s str) -> Self {
        let labels = [
            (ALERTNAME, "rule-cannot-be-evaluated"),
            (PLATFORM, snapshot.platform(item.platform)),
            ("rule", item.slug.as_str()),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            about: About::Rule,
            rule: item,
            service: None,
            labels: labels.into(),
            name: format!("The rule \"{}\" cannot be evaluated", item.name),
            reading: String::new(),
            summary: Box::new(move |_| error.to_owned()),
        }
    }

    pub fn apply(&self, tx: &mut Tx<'_>, change: Change, now: DateTime<Utc>) -> db::Result<()> {
        match change {
            Change::Fired { level, active_at } => self.fire(tx, level, active_at, now),
            Change::Moved { from, to } => self.shift(tx, from, to, now),
            Change::Resolved => {
                let alert = store::lock_lit(tx, self.rule.id, self.about)?;
                let alert = alert.ok_or(db::Error::NotFound)?;
                resolve(tx, alert, &self.rule.slug, "the condition ended")
            }
        }
    }

    /// It is held lit from now on, or no longer.
    pub fn turn(&self, tx: &mut Tx<'_>, turn: Turn) -> db::Result<()> {
        let alert = store::lock_lit(tx, self.rule.id, self.about)?;
        let alert = alert.ok_or(db::Error::NotFound)?;
        self::turn(tx, alert, turn, &self.rule.slug).map(drop)
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
            rule: Some(self.rule.id),
            service: self.service,
            fingerprint: labels::identity(&self.labels),
            labels: self.labels.clone(),
            firing: true,
            level,
            name: self.name.clone(),
            summary: (self.summary)(level),
            reading: self.reading.clone(),
            active_at,
            fired_at: now,
            level_at: now,
            was_red: level == Level::Red,
            resolved_at: None,
            acknowledged: None,
            flapping_since: None,
            assigned: None,
        };
        light(tx, self.about, alert, &self.rule.slug).map(drop)
    }

    fn shift(&self, tx: &mut Tx<'_>, from: Level, to: Level, now: DateTime<Utc>) -> db::Result<()> {
        let alert = store::lock_lit(tx, self.rule.id, self.about)?;
        let mut alert = alert.ok_or(db::Error::NotFound)?;
        alert.level = to;
        alert.summary = (self.summary)(to);
        alert.reading.clone_from(&self.reading);
        alert.was_red |= to == Level::Red;
        let is_worse = to > from;
        if is_worse {
            alert.level_at = now;
        }
        let voided = is_worse && alert.acknowledged.take().is_some();
        store::save(tx, &alert)?;
        let text = format!("from {from} to {to}: {}", alert.summary);
        note(tx, &alert, "moved", &text)?;
        if voided {
            note(tx, &alert, "acknowledgement_ended", "it has become worse")?;
        }
        record(tx, "alert.level_changed", &alert, &self.rule.slug)
    }

    /// What was reported again while the lamp was lit keeps it lit, and leaves its line.
    pub fn reported_again(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        let Some(alert) = store::lock_lit(tx, self.rule.id, self.about)? else {
            return Ok(());
        };
        note(tx, &alert, "reported", &(self.summary)(alert.level))?;
        record(tx, "alert.reported_again", &alert, &self.rule.slug)
    }
}

/// Lights a lamp, or lights the one again that went out before anybody saw it. Returns which.
pub fn light(tx: &mut Tx<'_>, about: About, alert: Alert, rule: &str) -> db::Result<AlertId> {
    if let Some(unseen) = store::lock_unseen(tx, about, &alert)? {
        return light_again(tx, unseen, alert, rule);
    }
    store::insert(tx, about, &alert)?;
    note(tx, &alert, "fired", &alert.summary)?;
    record(tx, "alert.fired", &alert, rule)?;
    Ok(alert.id)
}

/// A red one that nobody has seen is not listed once more for each time that it comes back; and its
/// clock to be acknowledged does not begin anew because it went out meanwhile.
fn light_again(tx: &mut Tx<'_>, unseen: Alert, now: Alert, rule: &str) -> db::Result<AlertId> {
    let alert = Alert {
        id: unseen.id,
        level_at: if now.level > unseen.level {
            now.level_at
        } else {
            unseen.level_at
        },
        was_red: unseen.was_red || now.was_red,
        assigned: unseen.assigned,
        ..now
    };
    store::save(tx, &alert)?;
    note(tx, &alert, "fired", &format!("again: {}", alert.summary))?;
    record(tx, "alert.fired", &alert, rule)?;
    Ok(alert.id)
}

/// What a rule's lamp is about: the same however it is read and whatever it says.
pub fn labels_of(snapshot: &Snapshot, item: &Item<Value>, rule: &Rule) -> Labels {
    let service = snapshot.service(item.platform, rule);
    let platform = snapshot.platform(item.platform);
    let mut labels = vec![(ALERTNAME, item.slug.as_str()), (PLATFORM, platform)];
    labels.extend(service.map(|(_, slug)| (SERVICE, slug)));
    let owned = labels.into_iter();
    owned
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A lamp is held lit from now on, or no longer. Returns it as it is then.
pub fn turn(tx: &mut Tx<'_>, mut alert: Alert, turn: Turn, rule: &str) -> db::Result<Alert> {
    let now = tx.now();
    let (since, line, text, kind) = match turn {
        Turn::Held => (Some(now), "flapping", FLAPPING, "alert.flapping"),
        Turn::Settled => (None, "settled", SETTLED, "alert.settled"),
    };
    alert.flapping_since = since;
    store::save(tx, &alert)?;
    note(tx, &alert, line, text)?;
    record(tx, kind, &alert, rule)?;
    Ok(alert)
}

/// Puts a lamp out.
pub fn resolve(tx: &mut Tx<'_>, mut alert: Alert, rule: &str, why: &str) -> db::Result<()> {
    alert.firing = false;
    alert.flapping_since = None;
    alert.resolved_at = Some(tx.now());
    store::save(tx, &alert)?;
    note(tx, &alert, "resolved", why)?;
    tx.record(described("alert.resolved", &alert, rule).detail("why", why))?;
    Ok(())
}

/// Records what happened to the alert of the rule of this name.
pub fn record(tx: &mut Tx<'_>, kind: &'static str, alert: &Alert, rule: &str) -> db::Result<()> {
    tx.record(described(kind, alert, rule))?;
    Ok(())
}

fn described(kind: &'static str, alert: &Alert, rule: &str) -> Event {
    let event = Event::new(kind, Subject::new("alert", alert.id))
        .platform(alert.platform)
        .detail("rule", rule)
        .detail("level", alert.level.as_str())
        .detail("fingerprint", alert.fingerprint.as_str());
    // What another program says may be anything, also about people.
    match alert.rule {
        Some(_) => event.detail("summary", alert.summary.as_str()),
        None => event,
    }
}

/// What the timeline of an alert says that the rules did.
pub fn note(tx: &mut Tx<'_>, alert: &Alert, kind: &'static str, text: &str) -> db::Result<()> {
    timeline::insert_change(tx, alert.id, kind, alert.level, "Signalbox", text)
}
