//! What people and programs do about silences.

use chrono::{DateTime, Days, Utc};

use super::known::{self, Preview};
use super::matcher::{self, Matcher};
use super::silence::{Governance, LONGEST, Mark, Silence, SilenceId, State, Why};
use super::store;
use crate::features::alerts::alert::Holder;
use crate::features::alerts::store::{self as alerts, timeline};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db;
use crate::foundation::kernel::{PlatformId, day_begins};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal};

/// Longest reason, in characters.
pub const REASON_AT_MOST: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// What was asked makes no sense; in words, and the field of the form that it is about.
    #[error("{1}")]
    Wrong(&'static str, String),
    #[error("a program cannot do this alone: {}", .0.sentence())]
    TakesTwo(Why),
    #[error("whoever asked for a silence does not answer for it as well")]
    OwnWork,
    #[error("this silence {0}")]
    NotNow(&'static str),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<SilenceError> for web::Error {
    fn from(error: SilenceError) -> Self {
        let refused =
            |code, title: String, advice: &str| Self::Refused(Refusal::new(code, title, advice));
        match error {
            SilenceError::Database(error) => error.into(),
            SilenceError::Wrong(_, why) => Self::Malformed(why),
            SilenceError::OwnWork => refused(
                "own_silence",
                "You asked for this silence yourself.".to_owned(),
                "Somebody else has to agree to it, or to countersign it.",
            ),
            SilenceError::TakesTwo(_) => refused(
                "silence_takes_two",
                sentence(&error),
                "Silence one alert, by its labels, for a shorter time; or ask on the page Silences, where a second person \
                 can agree.",
            ),
            SilenceError::NotNow(_) => refused(
                "silence_answered",
                sentence(&error),
                "Nothing was changed. Look at it again.",
            ),
        }
    }
}

type Result<T> = std::result::Result<T, SilenceError>;

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct NewSilence {
    pub platform: PlatformId,
    pub matchers: Vec<Matcher>,
    pub reason: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Asked for at one alert, about nothing else.
    pub snooze: bool,
}

/// Who asks.
pub struct Author {
    pub actor: Actor,
    pub by: Holder,
    pub name: String,
}

impl From<&Signed> for Author {
    fn from(signed: &Signed) -> Self {
        Self {
            actor: signed.actor(),
            by: Holder::Person(signed.person),
            name: signed.name.clone(),
        }
    }
}

impl From<&Keyed> for Author {
    fn from(keyed: &Keyed) -> Self {
        Self {
            actor: keyed.actor(),
            by: Holder::Key(keyed.id.to_string()),
            name: format!("The key {}", keyed.name),
        }
    }
}

impl Author {
    fn mark(&self, at: DateTime<Utc>) -> Mark {
        Mark {
            at,
            by: self.by.clone(),
            name: self.name.clone(),
        }
    }
}

/// Makes a silence, or asks for one that takes a second person. `instead_of` ends in the same act. A second post of the
/// same form gives the silence of the first.
pub fn create(
    services: &Services,
    author: &Author,
    new: &NewSilence,
    instead_of: Option<SilenceId>,
    key: FormKey,
) -> Result<SilenceId> {
    let id = SilenceId::new();
    services.audit.write(&author.actor, |tx| {
        tx.once(key, &format!("/silences/{id}"))?;
        tx.reach(new.platform)?;
        if let Some(old) = instead_of {
            replace(tx, author, new, old)?;
        }
        let now = tx.now();
        check(new, now)?;
        let found = known::preview(tx, new.platform, &new.matchers, new.ends_at - now, now)?;
        let silence = silence_of(tx, id, author, new, &found)?;
        store::insert(tx, &silence)?;
        let kind = if silence.needs_second {
            "silence.proposed"
        } else {
            let line = if silence.snooze {
                "snoozed"
            } else {
                "silenced"
            };
            note_on_alerts(tx, &silence, &author.name, line)?;
            "silence.created"
        };
        tx.record(described(kind, &silence).detail("lit", found.lit.len()))?;
        Ok(id)
    })
}

/// A silence that was changed by somebody is another one.
fn replace(tx: &mut Tx<'_>, author: &Author, new: &NewSilence, old: SilenceId) -> Result<()> {
    let before = store::lock(tx, old)?;
    tx.reach(before.platform)?;
    if before.platform != new.platform {
        return Err(SilenceError::NotNow("is another platform's"));
    }
    end_locked(tx, author, before)
}

/// What is wrong with what somebody asks for, if anything is.
fn check(new: &NewSilence, now: DateTime<Utc>) -> Result<()> {
    matcher::check(&new.matchers).map_err(|why| SilenceError::Wrong("matchers", why))?;
    let wrong = |field, why: &str| Err(SilenceError::Wrong(field, why.to_owned()));
    let reason = new.reason.trim();
    if reason.is_empty() {
        return wrong(
            "reason",
            "say why, for whoever wonders that nobody was told",
        );
    }
    if reason.chars().count() > REASON_AT_MOST {
        return wrong("reason", "a reason has at most 1000 characters");
    }
    if new.ends_at <= new.starts_at {
        return wrong("lasts", "a silence ends after it begins");
    }
    if new.ends_at <= now {
        return wrong("lasts", "this silence would be over already");
    }
    if new.ends_at - new.starts_at.min(now) > LONGEST {
        return wrong("lasts", "a silence ends within 30 days");
    }
    Ok(())
}

fn silence_of(
    tx: &mut Tx<'_>,
    id: SilenceId,
    author: &Author,
    new: &NewSilence,
    found: &Preview,
) -> Result<Silence> {
    let now = tx.now();
    if let (Governance::Second(why), Holder::Key(_)) = (found.governance, &author.by) {
        return Err(SilenceError::TakesTwo(why));
    }
    let countersign_by = match found.governance {
        Governance::Countersigned => Some(end_of_next_day(tx, new.platform)?),
        Governance::Alone | Governance::Second(_) => None,
    };
    let needs_second = matches!(found.governance, Governance::Second(_));
    Ok(Silence {
        id,
        platform: new.platform,
        matchers: new.matchers.clone(),
        fingerprint: found.fingerprint.clone(),
        covers_red: found.can_be_red,
        reason: new.reason.trim().to_owned(),
        // What was to begin a moment ago begins now: nothing is silenced in hindsight.
        starts_at: new.starts_at.max(now),
        ends_at: new.ends_at,
        created: author.mark(now),
        needs_second,
        approved: None,
        refused: None,
        ended: None,
        countersign_by,
        countersigned: None,
        reminded_at: None,
        snooze: new.snooze && found.fingerprint.is_some(),
    })
}

/// The last moment of tomorrow, where the platform is.
fn end_of_next_day(tx: &mut Tx<'_>, platform: PlatformId) -> db::Result<DateTime<Utc>> {
    let now = tx.now();
    let zone = packs::zone(tx, platform)?;
    let after = now.with_timezone(&zone).date_naive() + Days::new(2);
    Ok(day_begins(after, zone).unwrap_or(now + chrono::TimeDelta::days(2)))
}

/// A second person agrees to exactly what was asked for, and it holds from now on.
pub fn approve(services: &Services, signed: &Signed, id: SilenceId, key: FormKey) -> Result<()> {
    answer(
        services,
        &signed.into(),
        id,
        key,
        |tx, author, mut silence| {
            let now = tx.now();
            if silence.state(now) != State::Proposed {
                return Err(SilenceError::NotNow("waits for nobody's approval"));
            }
            if silence.created.by == author.by {
                return Err(SilenceError::OwnWork);
            }
            silence.approved = Some(author.mark(now));
            store::save(tx, &silence)?;
            note_on_alerts(tx, &silence, &silence.created.name, "silenced")?;
            tx.record(described("silence.approved", &silence))?;
            Ok(())
        },
    )
}

/// Somebody else refuses what was asked for, or whoever asked takes it back.
pub fn refuse(services: &Services, signed: &Signed, id: SilenceId, key: FormKey) -> Result<()> {
    answer(
        services,
        &signed.into(),
        id,
        key,
        |tx, author, mut silence| {
            let now = tx.now();
            if silence.state(now) != State::Proposed {
                return Err(SilenceError::NotNow("waits for nobody's approval"));
            }
            let own = silence.created.by == author.by;
            silence.refused = Some(author.mark(now));
            store::save(tx, &silence)?;
            let kind = if own {
                "silence.withdrawn"
            } else {
                "silence.refused"
            };
            tx.record(described(kind, &silence))?;
            Ok(())
        },
    )
}

/// Somebody else has looked at what one person did alone at night.
pub fn countersign(
    services: &Services,
    signed: &Signed,
    id: SilenceId,
    key: FormKey,
) -> Result<()> {
    answer(
        services,
        &signed.into(),
        id,
        key,
        |tx, author, mut silence| {
            if !silence.is_owed() {
                return Err(SilenceError::NotNow("wants no countersignature"));
            }
            if silence.created.by == author.by {
                return Err(SilenceError::OwnWork);
            }
            let now = tx.now();
            let late = silence.is_overdue(now);
            silence.countersigned = Some(author.mark(now));
            store::save(tx, &silence)?;
            tx.record(described("silence.countersigned", &silence).detail("late", late))?;
            Ok(())
        },
    )
}

/// Ends a silence before its time: the safe direction, for which one is enough.
pub fn end(services: &Services, author: &Author, id: SilenceId, key: FormKey) -> Result<()> {
    answer(services, author, id, key, end_locked)
}

fn end_locked(tx: &mut Tx<'_>, author: &Author, mut silence: Silence) -> Result<()> {
    let now = tx.now();
    match silence.state(now) {
        State::Active | State::Coming => {}
        State::Proposed | State::Refused | State::Lapsed => {
            return Err(SilenceError::NotNow("was never in force"));
        }
        State::Ended => return Err(SilenceError::NotNow("has ended already")),
    }
    note_on_alerts(tx, &silence, &author.name, "silence_ended")?;
    silence.ended = Some(author.mark(now));
    store::save(tx, &silence)?;
    tx.record(described("silence.ended", &silence))?;
    Ok(())
}

/// Something that is decided on the locked row.
fn answer(
    services: &Services,
    author: &Author,
    id: SilenceId,
    key: FormKey,
    decide: impl FnOnce(&mut Tx<'_>, &Author, Silence) -> Result<()>,
) -> Result<()> {
    services.audit.write(&author.actor, |tx| {
        tx.once(key, &format!("/silences/{id}"))?;
        let silence = store::lock(tx, id)?;
        tx.reach(silence.platform)?;
        decide(tx, author, silence)
    })
}

/// A line on each lit alert that it covers.
pub(super) fn note_on_alerts(
    tx: &mut Tx<'_>,
    silence: &Silence,
    who: &str,
    kind: &'static str,
) -> db::Result<usize> {
    let mut noted = 0;
    if kind == "silenced" && silence.state(tx.now()) != State::Active {
        return Ok(noted);
    }
    for alert in alerts::known::firing(tx)? {
        let labels = alert.labels();
        if silence.covers(alert.platform, &alert.fingerprint, &labels, alert.level) {
            let until = silence.end().format("%-d %b, %H:%M UTC");
            let text = format!("until {until}: {}", silence.reason);
            timeline::insert_change(tx, alert.id, kind, alert.level, who, &text)?;
            noted += 1;
        }
    }
    Ok(noted)
}

pub(super) fn described(kind: &'static str, silence: &Silence) -> Event {
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let event = Event::new(kind, Subject::new("silence", silence.id))
        .platform(silence.platform)
        .detail("matchers", matchers)
        .detail("starts_at", silence.starts_at.to_rfc3339())
        .detail("ends_at", silence.ends_at.to_rfc3339())
        .detail("needs_second", silence.needs_second);
    match &silence.fingerprint {
        Some(one) => event.detail("fingerprint", one.as_str()),
        None => event,
    }
}
