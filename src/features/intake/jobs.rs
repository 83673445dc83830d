//! Background work of intake.

use serde::Deserialize;
use serde_json::Value;

use super::batch::BatchId;
use super::events::{CLOSE_BATCH, READ_BATCH, Why};
use super::{actions, care};
use crate::foundation::jobs::{JobContext, JobError, Lane, Late, Registry, Schedule};

/// A reading goes on where it stopped, so trying again is cheap.
const ATTEMPTS: i16 = 20;

/// # Panics
/// Where the schedule is not one, which a test would have told.
pub fn register(registry: &mut Registry) {
    registry
        .handle(READ_BATCH, read_batch)
        .lane(Lane::HEAVY)
        .attempts(ATTEMPTS)
        .never_again("Its batch ended with it. Hand the same file in again: rows that are in already change nothing.");
    registry.handle(CLOSE_BATCH, close_batch);
    registry.handle(UPKEEP, upkeep);
    let hourly = Schedule::new(UPKEEP, "23 * * * *", "UTC", UPKEEP)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(hourly.late(Late::Skip));
}

/// Looks after batches that nobody reads, and removes rejected rows whose time is over.
pub const UPKEEP: &str = "intake.upkeep";

fn upkeep(context: &JobContext, _: Value) -> Result<(), JobError> {
    care::sweep(context)?;
    Ok(care::expire_rejections(context)?)
}

#[derive(Deserialize)]
struct CloseBatch {
    batch: BatchId,
    why: Why,
}

fn close_batch(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let CloseBatch { batch, why } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    Ok(care::close_after_job(context, batch, why)?)
}

#[derive(Deserialize)]
struct ReadBatch {
    batch: BatchId,
}

fn read_batch(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let ReadBatch { batch } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    context.result(&format!("/intake/{batch}"))?;
    Ok(actions::read_upload(context, batch)?)
}
