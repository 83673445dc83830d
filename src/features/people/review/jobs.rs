//! The review that opens by itself.

use serde_json::Value;

use super::actions;
use crate::foundation::audit::Actor;
use crate::foundation::jobs::{JobContext, JobError, Late, Registry, Schedule};

pub const OPEN: &str = "people.open_access_review";

pub fn register(registry: &mut Registry) {
    registry.handle(OPEN, open);
    let monthly = Schedule::new(OPEN, "10 6 1 * *", "UTC", OPEN)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(monthly.late(Late::Run));
}

/// Opens the month's review. Where the last one is still open it stays, and is overdue before long.
fn open(context: &JobContext, _: Value) -> Result<(), JobError> {
    let services = &context.services;
    actions::open(services, &Actor::job(OPEN), None)
        .map(drop)
        .or_else(|refusal| match refusal {
            actions::Refusal::OpenAlready(_) => Ok(()),
            actions::Refusal::Db(error) => Err(error.into()),
            other => Err(JobError::Hopeless(other.to_string())),
        })
}
