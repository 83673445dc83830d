//! What happens to silences by itself: whoever looks at an alert is told before its silence ends.

use super::actions::{described, note_on_alerts};
use super::store;
use crate::features::alerts::evaluate::{audited, carry_on};
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Scope;

/// Returns how many silences are about to end of which nobody had been reminded.
pub fn remind(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let running = services.db.read_on(PoolKind::Jobs, |conn| {
        store::running(conn, &Scope::All, now)
    })?;
    let mut reminded = 0;
    for silence in running.iter().filter(|it| it.wants_reminder(now)) {
        let done = audited(services, |tx| {
            let mut silence = store::lock(tx, silence.id)?;
            if !silence.wants_reminder(now) {
                return Ok(());
            }
            note_on_alerts(tx, &silence, "Signalbox", "silence_ending")?;
            silence.reminded_at = Some(now);
            store::save(tx, &silence)?;
            tx.record(described("silence.ending", &silence))?;
            Ok(())
        });
        reminded += usize::from(carry_on("a silence that ends", done)?);
    }
    Ok(reminded)
}
