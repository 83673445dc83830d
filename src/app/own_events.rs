//! What happens to Signalbox itself and has to light a lamp at once: our own pack names the events and their rules.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::features::alerts::evaluate;
use crate::features::health::actions::{self, ReportError};
use crate::features::packs::own;
use crate::foundation::audit::{Actor, Event, NewJob};
use crate::foundation::jobs::{JobContext, JobError, Registry};

const REPORT: &str = "own.report_event";

/// A job was given up.
pub const JOB_GIVEN_UP: &str = "job.given_up";

pub fn register(registry: &mut Registry) {
    registry.handle(REPORT, report);
}

/// What follows from a job that was given up. That such a report cannot be made is not reported in the same way again.
pub fn job_given_up(event: &Event) -> Option<NewJob> {
    let is_a_report = event
        .details()
        .get("kind")
        .is_some_and(|kind| kind == REPORT);
    (!is_a_report).then(|| reported(JOB_GIVEN_UP))
}

/// The job that reports an event of ours.
pub fn reported(event_type: &str) -> NewJob {
    NewJob::new(REPORT, json!({ "type": event_type }))
}

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "type")]
    event_type: String,
}

fn report(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let Report { event_type } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    let services = &context.services;
    match actions::report_event(
        services,
        &Actor::job(REPORT),
        &event_type,
        Some(own::PLATFORM),
    ) {
        Ok(_) => {
            evaluate::after_report(services);
            Ok(())
        }
        Err(ReportError::Database(error)) => Err(error.into()),
        // Without our own pack there is no rule to light; the people's page is red all the same.
        Err(error) => {
            tracing::warn!(%error, event_type, "an event of our own was not reported");
            Ok(())
        }
    }
}
