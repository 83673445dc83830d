//! What happens to Signalbox itself and has to light a lamp at once: our own pack names the events and their rules.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::features::alerts::evaluate;
use crate::features::health::actions::{self, ReportError};
use crate::features::packs::own;
use crate::foundation::audit::{Actor, NewJob};
use crate::foundation::jobs::{JobContext, JobError, Registry};

const REPORT: &str = "own.report_event";

pub fn register(registry: &mut Registry) {
    registry.handle(REPORT, report);
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
