//! Takes the steps of escalations every few seconds, until told to stop.

use std::time::Duration;

use super::{ahead, engine};
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

/// Nothing is lost by it: what is looked at late is done then.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("telling people of alerts", LOOK_EVERY, move || {
        // Maintenance is told of whatever keeps alerts from being told.
        let told = engine::tick(&services);
        ahead::tick(&services)?;
        told.map(drop)
    })
}
