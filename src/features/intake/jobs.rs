//! Background work of intake.

use serde::Deserialize;
use serde_json::Value;

use super::actions;
use super::batch::BatchId;
use super::events::READ_BATCH;
use crate::foundation::jobs::{JobContext, JobError, Lane, Registry};

/// A reading goes on where it stopped, so trying again is cheap.
const ATTEMPTS: i16 = 20;

pub fn register(registry: &mut Registry) {
    registry
        .handle(READ_BATCH, read_batch)
        .lane(Lane::HEAVY)
        .attempts(ATTEMPTS);
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
