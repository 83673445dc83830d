//! Settles what is over, every minute, until told to stop.

use std::time::Duration;

use super::actions;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

const EVERY: Duration = Duration::from_mins(1);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("settling service levels", EVERY, move || {
        actions::settle(&services).map(drop)
    })
}
