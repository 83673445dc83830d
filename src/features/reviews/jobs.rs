//! Background work of reviews. Thin: everything happens in `assess` and `actions`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::assess::{self, Rules, Tally};
use super::{actions, store};
use crate::features::intake;
use crate::features::screening::current::Current;
use crate::features::screening::index::Scratch;
use crate::foundation::audit::{Event, NewJob, Subject};
use crate::foundation::db;
use crate::foundation::jobs::{JobContext, JobError, Lane, Late, Registry, Schedule};
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::PolicyError;

/// Assesses the subjects of a chunk: `{"batch", "chunk", "subjects": [id…]}`.
pub const ASSESS_CHUNK: &str = "reviews.assess_chunk";
/// Assesses everybody anew, a chunk at a time: `{"after": id | null, "why": code}`.
pub const ASSESS_ALL: &str = "reviews.assess_all";
/// Takes parked cases up again whose time has come.
pub const RESUME_PARKED: &str = "reviews.resume_parked";

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
}

const SUBJECTS_AT_ONCE: usize = 500;

#[derive(Deserialize)]
struct Chunk {
    subjects: Vec<SubjectId>,
    #[serde(default)]
    batch: Option<String>,
    #[serde(default)]
    chunk: Option<i64>,
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
        let event = match chunk.chunk {
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
    why: String,
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
        .detail("why", everybody.why.as_str());
    assess_some(ctx, &subjects, event, &mut Scratch::default())?;
    if subjects.len() == SUBJECTS_AT_ONCE {
        let next = json!({ "after": last, "why": everybody.why });
        ctx.write(|tx| {
            let job = NewJob::new(ASSESS_ALL, next).key(last.to_string());
            tx.enqueue(&job)?;
            tx.record(
                Event::new("kyc.assessment_continued", Subject::new("job", job.id()))
                    .detail("after", last.to_string()),
            )?;
            Ok(())
        })?;
    }
    Ok(())
}

/// A list was loaded: everybody is compared with it.
#[must_use]
pub fn after_list_loaded(event: &Event) -> NewJob {
    let why = format!("list {}", event.subject().id);
    NewJob::new(ASSESS_ALL, json!({ "after": null, "why": why })).key("list")
}

fn assess_some(
    ctx: &JobContext,
    subjects: &[SubjectId],
    event: Event,
    scratch: &mut Scratch,
) -> Result<Tally, JobError> {
    let services = &ctx.services;
    let now = services.clock.now();
    let (rules, current, records) = ctx.read(|conn| {
        Ok((
            Rules::at(conn, now).map_err(no_policy)?,
            Current::load(conn)?,
            intake::store::records(conn, &services.keyring, subjects)?,
        ))
    })?;
    let compared = assess::compare(&current, &rules, records, scratch);
    ctx.write(|tx| {
        let tally = assess::write(tx, &rules, &compared)?;
        let lists: Vec<String> = current
            .versions
            .iter()
            .map(|(source, version)| format!("{source}:{version}"))
            .collect();
        tx.record(
            event
                .detail("subjects", subjects.len())
                .detail("assessed", tally.assessed)
                .detail("unchanged", tally.unchanged)
                .detail("hits_found", tally.hits_found)
                .detail("hits_reopened", tally.hits_reopened)
                .detail("hits_withdrawn", tally.hits_withdrawn)
                .detail("cases_opened", tally.cases_opened)
                .detail("cases_changed", tally.cases_changed)
                .detail("risk_policy", rules.risk.version)
                .detail("screening_policy", rules.screening.version)
                .detail("lists", lists),
        )?;
        Ok(tally)
    })
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
