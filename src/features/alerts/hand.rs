//! Whose an alert is: letting it go, giving it to somebody, and putting it aside for a while.

use chrono::TimeDelta;

use super::AlertId;
use super::actions::AlertError;
use super::silences::actions::{self as silences, Author, NewSilence, SilenceError};
use super::silences::silence::{SilenceId, matchers_of};
use super::store::{self, Alert, Assigned, timeline};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::people::Person;
use crate::foundation::auth::{Permission, Signed, roster};
use crate::foundation::db;
use crate::foundation::kernel::PersonId;

fn place(id: AlertId) -> String {
    format!("/alerts/{id}")
}

fn event(kind: &'static str, alert: &Alert) -> Event {
    Event::new(kind, Subject::new("alert", alert.id))
        .platform(alert.platform)
        .detail("level", alert.level.as_str())
        .detail("fingerprint", alert.fingerprint.as_str())
}

/// Lets go of an alert, whoever has it in hand: it waits for somebody again, and whoever is on call is told anew.
pub fn let_go(
    services: &Services,
    signed: &Signed,
    id: AlertId,
    key: FormKey,
) -> Result<(), AlertError> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        let mut alert = store::lock_alert(tx, id)?;
        tx.reach(alert.platform)?;
        let now = tx.now();
        let is_held = alert.firing && alert.is_acknowledged(now);
        let held = alert.acknowledged.as_mut().filter(|_| is_held);
        let held = held.ok_or(AlertError::NotHeld)?;
        held.until = now;
        held.ended_at = Some(now);
        let (by, name) = (held.by.to_string(), held.name.clone());
        store::save(tx, &alert)?;
        let text = if name == signed.name {
            String::new()
        } else {
            format!("{name} had it in hand")
        };
        timeline::insert_change(tx, id, "let_go", alert.level, &signed.name, &text)?;
        tx.record(event("alert.let_go", &alert).detail("held_by", by))?;
        Ok(())
    })
}

/// Gives an alert to somebody, or to nobody. It says who is to see to it: the steps of its escalation go on until somebody
/// has acknowledged it.
pub fn assign(
    services: &Services,
    signed: &Signed,
    id: AlertId,
    to: Option<PersonId>,
    key: FormKey,
) -> Result<(), AlertError> {
    let mails = services.config.notices.mail.is_some();
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        let mut alert = store::lock_alert(tx, id)?;
        tx.reach(alert.platform)?;
        if !alert.is_open() {
            return Err(AlertError::Closed);
        }
        if alert.assigned.as_ref().map(|it| it.to) == to {
            return Err(AlertError::Theirs);
        }
        let now = tx.now();
        let person = match to {
            Some(to) => Some(somebody(tx, &alert, to)?),
            None => None,
        };
        let before = alert.assigned.take();
        alert.assigned = person.as_ref().map(|person| Assigned {
            to: person.id,
            name: person.name.clone(),
            at: now,
        });
        store::save(tx, &alert)?;
        let text = match (&alert.assigned, &before) {
            (Some(now), _) => format!("to {}", now.name),
            (None, Some(before)) => format!("no longer to {}", before.name),
            (None, None) => String::new(),
        };
        timeline::insert_change(tx, id, "assigned", alert.level, &signed.name, &text)?;
        let mut event = event("alert.assigned", &alert);
        if let Some(before) = before {
            event = event.detail("before", before.to.to_string());
        }
        if let Some(person) = &person {
            event = event.detail("to", person.id.to_string());
        }
        tx.record(event)?;
        match person.filter(|it| mails && it.id != signed.person) {
            Some(person) => tell(tx, &alert, &signed.name, &person),
            None => Ok(()),
        }
    })
}

fn somebody(tx: &mut Tx<'_>, alert: &Alert, id: PersonId) -> Result<Person, AlertError> {
    let now = tx.now();
    let people = roster::holders(tx, Permission::AlertsAct, alert.platform, now)?;
    let found = people.into_iter().find(|person| person.id == id);
    found.ok_or(AlertError::NobodyThere)
}

/// A person learns by mail that something is theirs.
fn tell(tx: &mut Tx<'_>, alert: &Alert, by: &str, to: &Person) -> Result<(), AlertError> {
    let now = tx.now();
    let notice = Notice {
        platform: Some(alert.platform),
        to: Destination::Email(to.email.clone()),
        // Whatever is taken back about the alert, it stays theirs.
        about: About::new("assignment", alert.id),
        title: format!("{} is yours", alert.name),
        text: format!(
            "{by} gave it to you.\n{}\nAcknowledge it when you have it in hand: until then others are told as well.",
            alert.summary
        ),
        link: place(alert.id),
        level: Some(alert.level),
        key: format!(
            "alert:{}:assigned:{}:{}",
            alert.id,
            to.id,
            now.timestamp_micros()
        ),
        gather: None,
    };
    notices::enqueue(tx, &notice)?;
    Ok(())
}

/// Puts one alert aside for a while, as it is: nobody is told of it, unless it gets worse. It is a silence of exactly this
/// alert, so that one person may do no more by it than by a silence.
pub fn snooze(
    services: &Services,
    signed: &Signed,
    alert: &Alert,
    lasts: TimeDelta,
    reason: &str,
    key: FormKey,
) -> Result<SilenceId, SilenceError> {
    let now = services.clock.now();
    let new = NewSilence {
        platform: alert.platform,
        matchers: matchers_of(&alert.labels()),
        reason: reason.to_owned(),
        starts_at: now,
        ends_at: now + lasts,
        snooze: true,
    };
    silences::create(services, &Author::from(signed), &new, None, key)
}

/// Who could be given an alert of this platform.
pub fn candidates(
    conn: &mut db::Conn,
    alert: &Alert,
    now: chrono::DateTime<chrono::Utc>,
) -> db::Result<Vec<(PersonId, String)>> {
    let people = roster::holders(conn, Permission::AlertsAct, alert.platform, now)?;
    Ok(people.into_iter().map(|it| (it.id, it.name)).collect())
}
