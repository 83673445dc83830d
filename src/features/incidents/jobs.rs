//! What follows from events of others.

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::IncidentError;
use super::security;
use crate::foundation::audit::{Event, NewJob};
use crate::foundation::jobs::{JobContext, JobError, Registry};

const LOG_FAILED: &str = "incidents.log_failed";

pub fn register(registry: &mut Registry) {
    registry.handle(LOG_FAILED, log_failed);
}

/// The job after the audit log did not hold.
#[must_use]
pub fn after_check_failed(event: &Event) -> NewJob {
    let finding = event.details().get("finding").cloned().unwrap_or_default();
    NewJob::new(LOG_FAILED, json!({ "finding": finding }))
}

#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    finding: String,
}

fn log_failed(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let Failed { finding } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    security::log_failed(&context.services, &finding).map_err(|error| match error {
        IncidentError::Database(error) => error.into(),
        // It is tried again, and shown as failed, for as long as nobody could be told.
        error => JobError::Failed(error.to_string()),
    })
}

/// Whether an incident that was opened is one of our own security.
#[must_use]
pub fn is_own_security(event: &Event) -> bool {
    use super::incident::Cause;
    let cause = event.details().get("cause").and_then(Value::as_str);
    cause
        .and_then(|cause| cause.parse::<Cause>().ok())
        .is_some_and(Cause::is_own)
}
