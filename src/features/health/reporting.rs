//! What others report: values of indicators, and that something happened.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::store::reports;
use crate::features::packs::pack::{EventType, Indicator};
use crate::features::packs::store::{self as packs, Definition, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx};
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Scope, is_about_sar};

/// Values are kept for longer, but what is older was measured for something else.
const OLDEST: TimeDelta = TimeDelta::days(30);
/// By how much another clock may be ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);
const EVIDENCE_AT_MOST: usize = 500;

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
    #[error("a value is of the last 30 days, and of no moment to come: this one is of {0}")]
    Moment(DateTime<Utc>),
    #[error(
        "evidence is 1 to {EVIDENCE_AT_MOST} characters, none that cannot be seen, and nothing about suspicious activity"
    )]
    Evidence,
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

/// A value that somebody outside has measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'m> {
    pub value: f64,
    /// When it was so; now where nobody says.
    pub at: Option<DateTime<Utc>>,
    /// How it is known: a reference, an address, a sentence.
    pub evidence: Option<&'m str>,
}

impl Measured<'_> {
    fn checked(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, ReportError> {
        if !self.value.is_finite() {
            return Err(ReportError::NotFinite);
        }
        let at = self.at.unwrap_or(now);
        if at > now + CLOCKS_DIFFER || at < now - OLDEST {
            return Err(ReportError::Moment(at));
        }
        let plain = |text: &str| {
            let length = text.trim().chars().count();
            (1..=EVIDENCE_AT_MOST).contains(&length)
                && !text.chars().any(char::is_control)
                // The log is read by more people than may know of a report.
                && !is_about_sar(text)
        };
        if self.evidence.is_some_and(|text| !plain(text)) {
            return Err(ReportError::Evidence);
        }
        // What is of a moment to come by a clock that is ahead of ours is of now.
        Ok(at.min(now))
    }
}

/// Takes down a value that somebody outside has measured.
pub fn report_indicator(
    services: &Services,
    actor: &Actor,
    name: &str,
    value: f64,
    platform: Option<&str>,
) -> Result<Item<Indicator>, ReportError> {
    let measured = Measured {
        value,
        at: None,
        evidence: None,
    };
    report_indicator_by(services, &Reporter::local(actor), name, &measured, platform)
}

/// [`report_indicator`] by anybody. A value of an earlier moment than the last stands in the indicator's history, and
/// changes nothing of what it is now.
pub fn report_indicator_by(
    services: &Services,
    reporter: &Reporter,
    name: &str,
    measured: &Measured<'_>,
    platform: Option<&str>,
) -> Result<Item<Indicator>, ReportError> {
    let at = measured.checked(services.clock.now())?;
    let indicator = services
        .db
        .read(|conn| find::<Indicator>(conn, &reporter.reach, name, platform))?;
    services.audit.write(&reporter.actor, |tx| {
        reporter.once(tx)?;
        reports::insert_report(tx, indicator.id, at, measured.value, false)?;
        let mut event = reported(&indicator, measured.value);
        if measured.at.is_some() {
            event = event.detail("at", at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        if let Some(evidence) = measured.evidence {
            event = event.detail("evidence", evidence.trim());
        }
        tx.record(event)?;
        Ok::<_, db::Error>(())
    })?;
    Ok(indicator)
}

fn reported(indicator: &Item<Indicator>, value: f64) -> Event {
    Event::new(
        "indicator.reported",
        Subject::new("indicator", indicator.id),
    )
    .platform(indicator.platform)
    .detail("indicator", indicator.slug.as_str())
    // The log holds no floats: 97.4 is written as it was reported.
    .detail("value", value.to_string())
}

/// Takes down that something happened.
pub fn report_event(
    services: &Services,
    actor: &Actor,
    name: &str,
    platform: Option<&str>,
) -> Result<Item<EventType>, ReportError> {
    let reporter = Reporter::local(actor);
    report_event_by(services, &reporter, name, &Value::Null, platform)
}

/// [`report_event`] by anybody, with what its message says.
pub fn report_event_by(
    services: &Services,
    reporter: &Reporter,
    name: &str,
    message: &Value,
    platform: Option<&str>,
) -> Result<Item<EventType>, ReportError> {
    let event_type = services
        .db
        .read(|conn| find::<EventType>(conn, &reporter.reach, name, platform))?;
    services.audit.write(&reporter.actor, |tx| {
        reporter.once(tx)?;
        let event = take_event(tx, &event_type, message)?;
        tx.record(event)?;
        Ok::<_, db::Error>(())
    })?;
    Ok(event_type)
}

/// Notes that something happened, and the values of indicators in its message. Answers its event, which the caller
/// records with what it knows of where the message came from.
pub fn take_event(
    tx: &mut Tx<'_>,
    event_type: &Item<EventType>,
    message: &Value,
) -> db::Result<Event> {
    let now = tx.now();
    reports::insert_event(tx, event_type.id)?;
    let mut event = Event::new("event.reported", Subject::new("event_type", event_type.id))
        .platform(event_type.platform)
        .detail("type", event_type.slug.as_str());
    let indicators = packs::live_within::<Indicator>(tx, &Scope::one(event_type.platform))?;
    let mut without = Vec::new();
    for indicator in indicators {
        let Some(from) = &indicator.spec.from_event else {
            continue;
        };
        if from.event_type != event_type.slug {
            continue;
        }
        match number_at(message, &from.value) {
            Some(value) => {
                reports::insert_report(tx, indicator.id, now, value, false)?;
                let by = event_type.slug.as_str();
                tx.record(reported(&indicator, value).detail("event_type", by))?;
            }
            None => without.push(indicator.slug),
        }
    }
    if !without.is_empty() {
        event = event.detail("without_value_of", without.join(", "));
    }
    Ok(event)
}

/// The number at a place such as `data.score`.
fn number_at(message: &Value, place: &str) -> Option<f64> {
    let found = place
        .split('.')
        .try_fold(message, |value, key| value.get(key))?;
    found.as_f64().filter(|value| value.is_finite())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_where_the_pack_says() {
        let message =
            json!({"type": "quality.scored", "data": {"score": 97.4, "text": "97.4", "list": [1]}});
        assert_eq!(number_at(&message, "data.score"), Some(97.4));
        for place in ["data.text", "data.list", "data.list.0", "data", "score", ""] {
            assert_eq!(number_at(&message, place), None, "{place}");
        }
    }
}
