//! What people do about alerts.

use super::AlertId;
use super::alert::ACKNOWLEDGED_AT_MOST;
use super::store::{self, Acknowledged, timeline};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::web::{self, Refusal};

/// Longest note, in characters.
pub const NOTE_AT_MOST: usize = 1_000;

/// Why an alert cannot be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("this alert is closed")]
    Closed,
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
            AlertError::Database(error) => error.into(),
        }
    }
}

/// Takes alerts in hand, for at most eight hours. Whoever takes over what another has in hand does so
/// knowingly: it is a new act, and it says from whom. One form may name several; those that closed in the
/// meantime are passed over, unless all of them did.
pub fn acknowledge(
    services: &Services,
    signed: &Signed,
    alerts: &[AlertId],
    note: &str,
    key: FormKey,
    location: &str,
) -> Result<usize, AlertError> {
    let note: String = note.trim().chars().take(NOTE_AT_MOST).collect();
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, location)?;
        // In one order, so that two forms which name the same alerts cannot wait for each other.
        let mut wanted = alerts.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut done = 0;
        for id in wanted {
            done += usize::from(acknowledge_one(tx, signed, id, &note)?);
        }
        if done == 0 {
            Err(AlertError::Closed)
        } else {
            Ok(done)
        }
    })
}

fn acknowledge_one(tx: &mut Tx<'_>, signed: &Signed, id: AlertId, note: &str) -> db::Result<bool> {
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
        until: now + ACKNOWLEDGED_AT_MOST,
        by: signed.person,
        name: signed.name.clone(),
        note: note.to_owned(),
        ended_at: None,
    });
    store::save(tx, &alert)?;
    let text = match &held {
        Some(held) if held.by != signed.person => {
            format!("taken over from {}. {note}", held.name)
        }
        _ => note.to_owned(),
    };
    timeline::insert_change(
        tx,
        id,
        "acknowledged",
        alert.level,
        &signed.name,
        text.trim_end(),
    )?;
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
