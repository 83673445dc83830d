//! Months freeze by themselves.

use serde_json::Value;

use super::actions;
use crate::foundation::audit::Actor;
use crate::foundation::jobs::{JobContext, JobError, Late, Registry, Schedule};

pub const FREEZE: &str = "slo.freeze_months";

/// Every hour, because months end at another hour in each zone.
pub fn register(registry: &mut Registry) {
    registry.handle(FREEZE, freeze);
    let hourly = Schedule::new(FREEZE, "32 * * * *", "UTC", FREEZE)
        .expect("a pattern and a zone that the tests have read"); // start-up
    registry.schedule(hourly.late(Late::Skip));
}

fn freeze(context: &JobContext, _: Value) -> Result<(), JobError> {
    context.check()?;
    actions::settle(&context.services)?;
    actions::freeze(&context.services, &Actor::job(FREEZE))?;
    Ok(())
}
