use std::collections::BTreeMap;

use chrono::Duration;

use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx};
use crate::foundation::db;
use crate::foundation::jobs::ended::{self, Ended};
use crate::foundation::jobs::{self, JobId, JobState, JobView, Registry, Stop};
use crate::foundation::web::{Error, Refusal};

/// Jobs that are removed at once.
pub const AT_MOST: i64 = 50_000;

/// Asks a job to stop.
pub fn cancel(
    services: &Services,
    actor: &Actor,
    id: JobId,
    key: Option<FormKey>,
) -> Result<Stop, Error> {
    services.audit.write(actor, |tx| {
        once(tx, id, key)?;
        let job = jobs::find(tx, id)?.ok_or(Error::NotFound)?;
        let now = tx.now();
        let Some(stop) = jobs::request_cancel(tx, id, now)? else {
            return Err(Error::Refused(Refusal::new(
                "job_ended",
                "This job has ended already.",
                "Look at what came of it; there is nothing left to cancel.",
            )));
        };
        tx.record(about("job.cancel_requested", job).detail("at_once", stop == Stop::AtOnce))?;
        Ok(stop)
    })
}

fn once(tx: &mut Tx<'_>, id: JobId, key: Option<FormKey>) -> db::Result<()> {
    match key {
        Some(key) => tx.once(key, &format!("/jobs/{id}")),
        None => Ok(()),
    }
}

fn about(kind: &'static str, job: JobView) -> Event {
    Event::new(kind, Subject::new("job", job.id))
        .detail("kind", job.kind)
        .detail("key", job.key)
}

/// Puts a job that was given up back into the queue.
pub fn run_again(
    services: &Services,
    work: &Registry,
    actor: &Actor,
    id: JobId,
    key: Option<FormKey>,
) -> Result<(), Error> {
    services.audit.write(actor, |tx| {
        once(tx, id, key)?;
        let job = ended::lock(tx, id)?.ok_or(Error::NotFound)?;
        may_run_again(tx, work, &job)?;
        let now = tx.now();
        match ended::put_back(tx, id, now) {
            // It was asked for elsewhere while this was looked at.
            Err(db::Error::Unique { .. }) => return Err(taken_up(None)),
            outcome => outcome?,
        }
        let attempts = job.attempt;
        tx.record(about("job.run_again", job).detail("attempts", attempts))?;
        Ok(())
    })
}

fn may_run_again(tx: &mut Tx<'_>, work: &Registry, job: &JobView) -> Result<(), Error> {
    if job.state != JobState::Discarded {
        return Err(Error::Refused(Refusal::new(
            "job_not_given_up",
            "This job was not given up, or is in the queue again.",
            "Only what was given up can run again. Look at how it stands now.",
        )));
    }
    if let Err(instead) = work.again(&job.kind) {
        let title = "This job cannot run again.";
        return Err(Error::Refused(Refusal::new("job_is_over", title, instead)));
    }
    if let Some(key) = &job.key
        && let Some(other) = jobs::open_of(tx, &job.kind, key)?
    {
        return Err(taken_up(Some(other)));
    }
    Ok(())
}

fn taken_up(other: Option<JobId>) -> Error {
    let refusal = Refusal::new(
        "job_taken_up",
        "Another job does the same already.",
        "Nothing was changed. Wait for what comes of that one.",
    );
    Error::Refused(match other {
        Some(other) => refusal.with_way("Open that job", format!("/jobs/{other}")),
        None => refusal,
    })
}

#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(
        "{now} would go, and only {seen} had been counted. Nothing was removed: look again at what would go."
    )]
    Grown { seen: i64, now: i64 },
    #[error("Nothing of what was shown is left: it has gone already, or runs again.")]
    Nothing,
    #[error(
        "What ended less than an hour ago stays: whoever asked for it wants to see what became of it."
    )]
    TooYoung,
    #[error("At most {AT_MOST} go at once: choose one kind, or what is older.")]
    TooMany,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// What ended more recently than this ago is not removed.
pub const LEAST_AGE: Duration = Duration::hours(1);

/// Removes jobs that have ended, where they are no more than `seen`. Says how many.
///
/// `form` is the form's key and where it leads.
pub fn purge(
    services: &Services,
    actor: &Actor,
    ended: &Ended,
    seen: i64,
    form: Option<(FormKey, &str)>,
) -> Result<i64, PurgeError> {
    services.audit.write(actor, |tx| {
        if let Some((key, back)) = form {
            tx.once(key, back)?;
        }
        if ended.before > tx.now() - LEAST_AGE {
            return Err(PurgeError::TooYoung);
        }
        let counted: i64 = ended.count(tx)?.iter().map(|group| group.jobs).sum();
        if counted == 0 {
            return Err(PurgeError::Nothing);
        }
        if counted > AT_MOST {
            return Err(PurgeError::TooMany);
        }
        let gone = ended.remove(tx)?;
        let now = i64::try_from(gone.len()).unwrap_or(i64::MAX);
        // What was removed is what counts, not what had been counted a moment before.
        if now > seen {
            return Err(PurgeError::Grown { seen, now });
        }
        tx.record(purged(ended, &gone))?;
        Ok(now)
    })
}

fn purged(ended: &Ended, gone: &[(JobState, String)]) -> Event {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, kind) in gone {
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, jobs)| format!("{kind} {jobs}"))
        .collect();
    let event = Event::new("job.purged", Subject::new("jobs", "ended"))
        .detail("ended_before", ended.before.to_rfc3339())
        .detail("removed", gone.len())
        .detail("kinds", kinds);
    let states = [JobState::Done, JobState::Cancelled, JobState::Discarded];
    states.into_iter().fold(event, |event, state| {
        let jobs = gone.iter().filter(|(ended, _)| *ended == state).count();
        event.detail(state.as_str(), jobs)
    })
}
