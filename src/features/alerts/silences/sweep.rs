//! What happens to silences by itself: whoever looks at an alert is told before its silence ends.

use super::actions::{described, note_on_alerts};
use super::silence::Silence;
use super::store;
use crate::features::alerts::alert::Holder;
use crate::features::alerts::evaluate::{audited, carry_on};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice};
use crate::foundation::Services;
use crate::foundation::audit::Tx;
use crate::foundation::auth::people;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::moment;

/// Returns how many silences are about to end of which nobody had been reminded.
pub fn remind(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let mails = services.config.notices.mail.is_some();
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
            if mails {
                tell_author(tx, &silence)?;
            }
            Ok(())
        });
        reminded += usize::from(carry_on("a silence that ends", done)?);
    }
    Ok(reminded)
}

/// Whoever made it is told by mail, if it was a person who may still sign in.
fn tell_author(tx: &mut Tx<'_>, silence: &Silence) -> db::Result<()> {
    let Holder::Person(id) = silence.created.by else {
        return Ok(());
    };
    let author = people::find(tx, id)?;
    if author.disabled_at.is_some() {
        return Ok(());
    }
    let notice = Notice {
        platform: Some(silence.platform),
        to: Destination::Email(author.email),
        about: About::new("silence", silence.id),
        title: "Your silence ends soon".to_owned(),
        text: format!(
            "It ends at {}. What still fires then is told at once.\nYou gave as its reason: {}",
            moment(silence.ends_at, author.zone),
            silence.reason
        ),
        link: format!("/silences/{}", silence.id),
        level: None,
        key: format!("silence:{}:ending", silence.id),
        gather: None,
    };
    notices::enqueue(tx, &notice).map(drop)
}
