//! Looks every few seconds for lists that are due, until told to stop.
//!
//! Nothing depends on how often: a slot that is seen late is opened for its own moment.

use std::time::Duration;

use super::sweep;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

const LOOK_EVERY: Duration = Duration::from_secs(5);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("opening checklists", LOOK_EVERY, move || {
        sweep::tick(&services).map(drop)
    })
}
