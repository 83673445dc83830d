//! Background work of the audit log's pages.

use serde::Deserialize;
use serde_json::Value;

use super::{ExportId, actions, checking, making};
use crate::foundation::jobs::{JobContext, JobError, Lane, Registry};

pub fn register(registry: &mut Registry) {
    checking::register(registry);
    registry
        .handle(actions::MAKE_EXPORT, make_export)
        .lane(Lane::HEAVY);
}

#[derive(Deserialize)]
struct MakeExport {
    export: ExportId,
}

fn make_export(context: &JobContext, payload: Value) -> Result<(), JobError> {
    let MakeExport { export } = serde_json::from_value(payload)
        .map_err(|error| JobError::Hopeless(format!("the payload: {error}")))?;
    context.result(&format!("/audit/exports/{export}"))?;
    making::make_export(context, export)
}
