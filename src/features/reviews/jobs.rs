//! Background work of reviews. Thin: everything happens in `assess` and `actions`.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::assess::{self, Ground, Tally};
use super::{actions, desk, renewal, store};
use crate::features::intake;
use crate::features::screening::index::Scratch;
use crate::foundation::audit::{Event, NewJob, Subject};
use crate::foundation::db;
use crate::foundation::jobs::{JobContext, JobError, Lane, Late, Registry, Schedule};
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::PolicyError;

/// Assesses the subjects of a chunk: `{"batch", "chunk", "subjects": [id…]}`.
pub const ASSESS_CHUNK: &str = "reviews.assess_chunk";
/// Assesses everybody anew, a chunk at a time: `{"after": id | null, "list": id}`.
pub const ASSESS_ALL: &str = "reviews.assess_all";
/// Takes parked cases up again whose time has come.
pub const RESUME_PARKED: &str = "reviews.resume_parked";
/// Assesses whoever was passed over because the job that had it to do was cancelled or given up.
pub const ASSESS_OWED: &str = "reviews.assess_owed";
/// Opens a case where an approval has run out.
pub const LOOK_AGAIN: &str = "reviews.look_again";

/// # Panics
/// Where the schedule is not one, which a test would have told.
pub fn register(registry: &mut Registry) {
    registry
        .handle(ASSESS_CHUNK, assess_chunk)
        .lane(Lane::HEAVY);
    registry.handle(ASSESS_ALL, assess_all).lane(Lane::HEAVY);
    registry.handle(RESUME_PARKED, resume_parked);
    let often = Schedule::new(RESUME_PARKED, "*/10 * * * *", "UTC", RESUME_PARKED)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(often.late(Late::Skip));
    registry.handle(ASSESS_OWED, assess_owed).lane(Lane::HEAVY);
    let often = Schedule::new(ASSESS_OWED, "5-59/10 * * * *", "UTC", ASSESS_OWED)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(often);
    registry.handle(LOOK_AGAIN, look_again);
    // Doing it twice changes nothing, so a day that was missed is made good.
    let daily = Schedule::new(LOOK_AGAIN, "20 4 * * *", "UTC", LOOK_AGAIN)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(daily);
}

const SUBJECTS_AT_ONCE: usize = 500;
const EXPIRED_AT_ONCE: i64 = 200;

/// How long the jobs of intake and of a new list have before their work is taken up again.
const OWED_AFTER: TimeDelta = TimeDelta::hours(1);

#[derive(Deserialize)]
struct Chunk {
    subjects: Vec<SubjectId>,
    #[serde(default)]
    batch: Option<String>,
    #[serde(default, rename = "chunk")]
    number: Option<i64>,
}

pub fn assess_chunk(ctx: &JobContext, payload: Value) -> Result<(), JobError> {
    let chunk: Chunk = read(payload)?;
    let about = match &chunk.batch {
        Some(batch) => Subject::new("intake_batch", batch),
        None => Subject::new("job", ctx.job),
    };
    let mut scratch = Scratch::default();
    for subjects in chunk.subjects.chunks(SUBJECTS_AT_ONCE) {
        ctx.check()?;
        let event = Event::new("kyc.subjects_assessed", about.clone());
        let event = match chunk.number {
            Some(number) => event.detail("chunk", number),
            None => event,
        };
        assess_some(ctx, subjects, event, &mut scratch)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Everybody {
    after: Option<SubjectId>,
    /// The version of the list that began the round.
    #[serde(default)]
    list: String,
}

/// One chunk, and a job for the next: the queue keeps its other work going in between.
pub fn assess_all(ctx: &JobContext, payload: Value) -> Result<(), JobError> {
    let everybody: Everybody = read(payload)?;
    let limit = i64::try_from(SUBJECTS_AT_ONCE).unwrap_or(i64::MAX);
    let subjects = ctx.read(|conn| Ok(intake::store::ids_after(conn, everybody.after, limit)?))?;
    let Some(last) = subjects.last() else {
        return Ok(());
    };
    let event = Event::new("kyc.subjects_assessed", Subject::new("job", ctx.job))
        .detail("why", format!("list {}", everybody.list));
    assess_some(ctx, &subjects, event, &mut Scratch::default())?;
    if subjects.len() == SUBJECTS_AT_ONCE {
        let next = next_chunk(&everybody.list, Some(*last));
        ctx.write(|tx| {
            tx.enqueue(&next)?;
            tx.record(
                Event::new("kyc.assessment_continued", Subject::new("job", next.id()))
                    .detail("after", last.to_string()),
            )?;
            Ok(())
        })?;
    }
    Ok(())
}

/// Chunk by chunk, each with its event.
pub fn assess_owed(ctx: &JobContext, _payload: Value) -> Result<(), JobError> {
    let since = ctx.services.clock.now() - OWED_AFTER;
    let limit = i64::try_from(SUBJECTS_AT_ONCE).unwrap_or(i64::MAX);
    let mut scratch = Scratch::default();
    let mut after = None;
    loop {
        ctx.check()?;
        let owed = ctx.read(|conn| Ok(desk::owed(conn, since, after, limit)?))?;
        let Some(last) = owed.last().copied() else {
            return Ok(());
        };
        after = Some(last);
        let event =
            Event::new("kyc.subjects_assessed", Subject::new("job", ctx.job)).detail("why", "owed");
        assess_some(ctx, &owed, event, &mut scratch)?;
    }
}

/// A list was loaded: everybody is compared with it. A list that is loaded while that goes on begins a
/// round of its own: those who were passed already would else not be compared with it.
#[must_use]
pub fn after_list_loaded(event: &Event) -> NewJob {
    next_chunk(&event.subject().id, None)
}

fn next_chunk(list: &str, after: Option<SubjectId>) -> NewJob {
    let from = after.map_or_else(|| "start".to_owned(), |after| after.to_string());
    NewJob::new(ASSESS_ALL, json!({ "after": after, "list": list })).key(format!("{list}:{from}"))
}

fn assess_some(
    ctx: &JobContext,
    subjects: &[SubjectId],
    event: Event,
    scratch: &mut Scratch,
) -> Result<Tally, JobError> {
    let services = &ctx.services;
    let now = services.clock.now();
    let demo = services.config.is_demo();
    let (ground, records) = ctx
        .read(|conn| Ground::of(conn, &services.keyring, subjects, now, demo).map_err(no_policy))?;
    let compared = ground.compare(records, scratch);
    ctx.write(|tx| {
        let tally = assess::write(tx, &ground, &compared, scratch).map_err(no_policy)?;
        tx.record(
            event
                .detail("subjects", subjects.len())
                .detail("assessed", tally.assessed)
                .detail("unchanged", tally.unchanged)
                .detail("compared_again", tally.compared_again)
                .detail("hits_found", tally.hits_found)
                .detail("hits_reopened", tally.hits_reopened)
                .detail("hits_withdrawn", tally.hits_withdrawn)
                .detail("cases_opened", tally.cases_opened)
                .detail("cases_changed", tally.cases_changed)
                .detail("risk_policy", tally.risk_policy)
                .detail("screening_policy", tally.screening_policy)
                .detail("lists", tally.lists.clone()),
        )?;
        Ok(tally)
    })
}

/// Once a day: approvals that have run out expire, a bounded number in each transaction.
pub fn look_again(ctx: &JobContext, _payload: Value) -> Result<(), JobError> {
    let now = ctx.services.clock.now();
    let mut after = None;
    loop {
        ctx.check()?;
        let due = ctx.read(|conn| {
            Ok(store::assessments::due_again(
                conn,
                now,
                after,
                EXPIRED_AT_ONCE,
            )?)
        })?;
        let Some(last) = due.last().copied() else {
            return Ok(());
        };
        after = Some(last);
        match ctx.write(|tx| renewal::expire(tx, &due).map_err(no_policy)) {
            // None of them is approved: each waits for a person already, or was turned down.
            Err(JobError::Database(db::Error::NoEvent)) => {}
            expired => {
                expired?;
            }
        }
    }
}

pub fn resume_parked(ctx: &JobContext, _payload: Value) -> Result<(), JobError> {
    let now = ctx.services.clock.now();
    let due = ctx.read(|conn| Ok(store::cases::any_parked_due(conn, now)?))?;
    if !due {
        return Ok(());
    }
    match ctx.write(|tx| Ok(actions::resume_parked(tx)?)) {
        // Another worker was faster, and there was nothing left to do.
        Err(JobError::Database(db::Error::NoEvent)) => Ok(()),
        resumed => resumed.map(drop),
    }
}

fn read<T: serde::de::DeserializeOwned>(payload: Value) -> Result<T, JobError> {
    serde_json::from_value(payload).map_err(|error| JobError::Hopeless(error.to_string()))
}

fn no_policy(error: PolicyError) -> JobError {
    match error {
        PolicyError::Database(error) => error.into(),
        other => JobError::Failed(other.to_string()),
    }
}
