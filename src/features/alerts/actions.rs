//! What people do about alerts.

use chrono::TimeDelta;

use super::AlertId;
use super::alert::ACKNOWLEDGED_AT_MOST;
use super::store::{self, Acknowledged, Holder, timeline};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::About;
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db;
use crate::foundation::web::{self, Refusal};

/// Longest note, in characters.
pub const NOTE_AT_MOST: usize = 1_000;

/// Why an alert cannot be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("this alert is closed")]
    Closed,
    /// A program takes nothing from a person.
    #[error("somebody else has this alert in hand")]
    Held,
    #[error("nobody has this alert in hand")]
    NotHeld,
    /// Whoever it was to be given to does not act here.
    #[error("this person does not act on this platform's alerts")]
    NobodyThere,
    #[error("it is theirs already")]
    Theirs,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<AlertError> for web::Error {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::Closed => Self::Refused(Refusal::new(
                "alert_closed",
                "This alert has been closed.",
                "Its condition ended, and no acknowledgement is needed any more. Open Alerts to see what is lit now.",
            )),
            AlertError::Held => Self::Refused(Refusal::new(
                "alert_held",
                "Somebody else has this alert in hand.",
                "A program does not take over what a person, or another program, has in hand. A person can.",
            )),
            AlertError::NotHeld => Self::Refused(Refusal::new(
                "alert_not_held",
                "Nobody has this alert in hand.",
                "It may have been let go, or have run out, meanwhile. Look at it again.",
            )),
            AlertError::NobodyThere => Self::Refused(Refusal::new(
                "assignee_unfit",
                "This person does not act on this platform's alerts.",
                "Choose somebody who holds a role there that may acknowledge alerts.",
            )),
            AlertError::Theirs => Self::Refused(Refusal::new(
                "assigned_already",
                "Nothing is different: it was so already.",
                "Somebody may have done the same meanwhile. Look at it again.",
            )),
            AlertError::Database(error) => error.into(),
        }
    }
}

/// Takes alerts in hand for a while, for at most eight hours. Whoever takes over what another has in hand does so
/// knowingly: it is a new act, and it says from whom. One form may name several; those that closed in the
/// meantime are passed over, unless all of them did.
pub fn acknowledge(
    services: &Services,
    signed: &Signed,
    alerts: &[AlertId],
    note: &str,
    lasts: TimeDelta,
    key: FormKey,
    location: &str,
) -> Result<usize, AlertError> {
    let hand = Hand {
        by: Holder::Person(signed.person),
        name: signed.name.clone(),
        note: short(note),
        lasts: lasts.min(ACKNOWLEDGED_AT_MOST),
    };
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, location)?;
        // In one order, so that two forms which name the same alerts cannot wait for each other.
        let mut wanted = alerts.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut done = 0;
        for id in wanted {
            done += usize::from(acknowledge_one(tx, &hand, id)?);
        }
        if done == 0 {
            Err(AlertError::Closed)
        } else {
            Ok(done)
        }
    })
}

/// The same by a program, which takes what nobody has in hand, or what it has itself.
pub fn acknowledge_by_key(
    services: &Services,
    keyed: &Keyed,
    id: AlertId,
    note: &str,
    key: FormKey,
) -> Result<(), AlertError> {
    let hand = Hand {
        by: Holder::Key(keyed.id.to_string()),
        name: format!("The key {}", keyed.name),
        note: short(note),
        lasts: ACKNOWLEDGED_AT_MOST,
    };
    services.audit.write(&keyed.actor(), |tx| {
        tx.once(key, &format!("/api/v1/alerts/{id}"))?;
        let now = tx.now();
        let alert = store::lock_alert(tx, id)?;
        tx.reach(alert.platform)?;
        let holder = alert
            .acknowledged
            .as_ref()
            .filter(|_| alert.is_acknowledged(now));
        if alert.is_open() && holder.is_some_and(|held| held.by != hand.by) {
            return Err(AlertError::Held);
        }
        if acknowledge_one(tx, &hand, id)? {
            Ok(())
        } else {
            Err(AlertError::Closed)
        }
    })
}

/// Who takes alerts in hand, and what they say about it.
struct Hand {
    by: Holder,
    name: String,
    note: String,
    lasts: TimeDelta,
}

fn short(note: &str) -> String {
    note.trim().chars().take(NOTE_AT_MOST).collect()
}

fn acknowledge_one(tx: &mut Tx<'_>, hand: &Hand, id: AlertId) -> db::Result<bool> {
    let Hand {
        by,
        name,
        note,
        lasts,
    } = hand;
    let mut alert = store::lock_alert(tx, id)?;
    tx.reach(alert.platform)?;
    if !alert.is_open() {
        return Ok(false);
    }
    let now = tx.now();
    let held = alert
        .is_acknowledged(now)
        .then(|| alert.acknowledged.take())
        .flatten();
    alert.acknowledged = Some(Acknowledged {
        at: now,
        until: now + *lasts,
        by: by.clone(),
        name: name.clone(),
        note: note.clone(),
        ended_at: None,
    });
    store::save(tx, &alert)?;
    if alert.firing {
        let why = format!("{name} acknowledged it");
        notices::cancel_queued(tx, &About::new("alert", id), &why)?;
    }
    let text = match &held {
        Some(held) if held.by != *by => {
            format!("taken over from {}. {note}", held.name)
        }
        _ => note.clone(),
    };
    timeline::insert_change(tx, id, "acknowledged", alert.level, name, text.trim_end())?;
    let mut event = Event::new("alert.acknowledged", Subject::new("alert", id))
        .platform(alert.platform)
        .detail("level", alert.level.as_str())
        .detail("fingerprint", alert.fingerprint.as_str())
        .detail("with_note", !note.is_empty());
    if let Some(held) = held {
        event = event.detail("held_by", held.by.to_string());
    }
    tx.record(event)?;
    Ok(true)
}
