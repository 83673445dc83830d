//! Looks every minute for periods that are over, until told to stop.

use std::time::Duration;

use super::sweep;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

const LOOK_EVERY: Duration = Duration::from_mins(1);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("making digests", LOOK_EVERY, move || {
        sweep::tick(&services).map(drop)
    })
}
