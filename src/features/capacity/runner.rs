//! Writes down what is in use, every five minutes, until told to stop.

use std::time::Duration;

use super::actions;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

const EVERY: Duration = Duration::from_mins(5);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("reading what is in use", EVERY, move || {
        actions::read_use(&services).map(drop)
    })
}
