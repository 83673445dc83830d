//! Looks after batches that nobody reads any more, and after what has been kept for long enough.

use chrono::Duration;

use super::actions::{end, resume};
use super::batch::BatchId;
use super::desk::Desk;
use super::events::Why;
use super::{Error, events, store};
use crate::foundation::audit::Tx;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::{self, JobContext};

/// Gives a piped file up that could not be read to its end: nobody can go on reading it.
pub fn abandon(desk: &impl Desk, id: BatchId) -> Result<(), Error> {
    desk.write(|tx| end(tx, id, Why::Silent))
}

/// Ends a batch whose job has ended without reading it, unless somebody has taken it up since.
pub fn close_after_job(context: &JobContext, id: BatchId, why: Why) -> Result<(), Error> {
    let outcome = Desk::write(context, |tx| {
        if jobs::open_of(tx, events::READ_BATCH, &id.to_string())?.is_some() {
            return Err(Error::TakenOver);
        }
        end(tx, id, why)
    });
    match outcome {
        Err(Error::TakenOver | Error::Closed) => Ok(()),
        outcome => outcome,
    }
}

/// A reader that was not heard of for this long does not come back by itself.
const GIVE_UP_AFTER: Duration = Duration::hours(1);
/// Whoever read a file at the command line may hand it in again and go on for this long.
const RESUMABLE_FOR: Duration = Duration::days(7);
/// Batches looked at in one sweep.
const SWEEP: i64 = 500;

/// Looks after batches that should be read and are not: stored files are queued again, broken pipes
/// are given up.
pub fn sweep(context: &JobContext) -> Result<(), Error> {
    let services = &context.services;
    let now = services.clock.now();
    let silent = services.db.read_on(PoolKind::Jobs, |conn| {
        store::silent(conn, now - GIVE_UP_AFTER, SWEEP)
    })?;
    for id in silent {
        context.check()?;
        match Desk::write(context, |tx| look_after(tx, id)) {
            Err(Error::TakenOver | Error::Closed) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

fn look_after(tx: &mut Tx<'_>, id: BatchId) -> Result<(), Error> {
    let (now, keyring) = (tx.now(), tx.keyring());
    if resume(tx, id, None)? {
        let batch = store::batch(tx, keyring, id)?.ok_or(db::Error::NotFound)?;
        tx.record(events::resumed(id, batch.platform))?;
        return Ok(());
    }
    let batch = store::batch(tx, keyring, id)?.ok_or(db::Error::NotFound)?;
    let has_job = jobs::open_of(tx, events::READ_BATCH, &id.to_string())?.is_some();
    if has_job || (!batch.is_piped() && now - batch.heard_at < RESUMABLE_FOR) {
        return Err(Error::TakenOver);
    }
    end(tx, id, Why::Silent)
}

/// Rejected rows removed in one transaction.
const REMOVE_AT_ONCE: i64 = 1_000;
/// Batches whose rejected rows are removed in one run.
const EXPIRE_BATCHES: i64 = 100;

/// Removes rejected rows whose time is over. They are evidence, so each removal is in the log.
pub fn expire_rejections(context: &JobContext) -> Result<(), Error> {
    let services = &context.services;
    let now = services.clock.now();
    let due = services.db.read_on(PoolKind::Jobs, |conn| {
        let days = store::kept_days(conn, now)?;
        let before = now - Duration::days(i64::from(days));
        Ok::<_, Error>(store::with_old_rejections(conn, before, EXPIRE_BATCHES)?)
    })?;
    for id in due {
        loop {
            context.check()?;
            let removed = Desk::write(context, |tx| {
                let (now, keyring) = (tx.now(), tx.keyring());
                let batch = store::lock(tx, keyring, id)?.ok_or(db::Error::NotFound)?;
                let removed = store::remove_rejections(tx, id, REMOVE_AT_ONCE)?;
                if removed < usize::try_from(REMOVE_AT_ONCE).unwrap_or(usize::MAX) {
                    store::rejections_expired(tx, id, now)?;
                }
                tx.record(events::rejections_expired(&batch, removed))?;
                Ok(removed)
            })?;
            if removed < usize::try_from(REMOVE_AT_ONCE).unwrap_or(usize::MAX) {
                break;
            }
        }
    }
    Ok(())
}
