//! Queuing notices and taking them back, inside the transactions of those who cause them.

use chrono::{DateTime, Utc};

use super::endpoint::Kind;
use super::gather;
use super::notice::{self, About, Destination, LONGEST_ANSWER, LONGEST_TEXT, Notice, NoticeId};
pub use super::store::Which;
use super::store::{self, endpoints};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db;
use uuid::Uuid;

/// Gives a notice that still waits another text: what it is about has changed. False where it may have arrived with the text
/// of before.
pub fn reword(tx: &mut Tx<'_>, id: Uuid, text: &str) -> db::Result<bool> {
    store::reword(tx, id, &notice::lines(text, LONGEST_TEXT))
}

/// Queues a notice; it leaves once this transaction has committed, or when it has gathered its like. Nothing where its key
/// was queued before.
pub fn enqueue(tx: &mut Tx<'_>, notice: &Notice) -> db::Result<Option<NoticeId>> {
    enqueue_for(tx, notice, None)
}

/// The same of what is told from a moment on, unless a letter with its like leaves before.
pub fn enqueue_for(
    tx: &mut Tx<'_>,
    notice: &Notice,
    from: Option<DateTime<Utc>>,
) -> db::Result<Option<NoticeId>> {
    let id = NoticeId::new();
    let mut notice = notice.clone().fitting();
    // Programs are told one thing at a time, at once.
    if let Destination::Endpoint(endpoint) = notice.to
        && endpoints::find(tx, endpoint)?.kind == Kind::Standard
    {
        notice.gather = None;
    }
    let now = tx.now();
    let leaves = match &notice.gather {
        Some(with) => {
            let last = store::last_gathered(tx, with, &notice.to)?;
            gather::due(now, notice.level, last)
        }
        None => now,
    };
    let leaves = from.map_or(leaves, |from| leaves.max(from));
    if !store::insert(tx, id, &notice, now, leaves)? {
        return Ok(None);
    }
    let mut event = Event::new("notice.queued", Subject::new("notice", id))
        .detail("channel", notice.to.channel().as_str())
        .detail(
            "about",
            format!("{}:{}", notice.about.kind, notice.about.id),
        );
    if let Some(platform) = notice.platform {
        event = event.platform(platform);
    }
    if let Some(level) = notice.level {
        event = event.detail("level", level.as_str());
    }
    if let Destination::Endpoint(endpoint) = notice.to {
        event = event.detail("endpoint", endpoint.to_string());
    }
    tx.record(event)?;
    Ok(Some(id))
}

/// Takes back what was not yet sent about something. It stays on record, with `why` (a sentence for people). What is being
/// sent at this moment is not tried again if that fails. Returns how many were taken back.
pub fn cancel_queued(tx: &mut Tx<'_>, about: &About, why: &str) -> db::Result<usize> {
    cancel(tx, about, Which::All, why)
}

/// The same of a part of it; the rest is told all the same.
pub fn cancel(tx: &mut Tx<'_>, about: &About, which: Which<'_>, why: &str) -> db::Result<usize> {
    let why = match notice::line(why, LONGEST_ANSWER) {
        said if said.is_empty() => "it is no longer wanted".to_owned(),
        said => said,
    };
    let now = tx.now();
    let cancelled = store::cancel(tx, about, which, &why, now)?;
    for (id, platform) in &cancelled {
        let mut event = Event::new("notice.cancelled", Subject::new("notice", id))
            .detail("about", format!("{}:{}", about.kind, about.id))
            .detail("why", why.as_str());
        if let Some(platform) = platform {
            event = event.platform(*platform);
        }
        tx.record(event)?;
    }
    Ok(cancelled.len())
}
