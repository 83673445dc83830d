//! Evaluates the rules every few seconds, until told to stop.

use std::time::Duration;

use super::evaluate;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

#[must_use]
pub fn start(services: Services) -> Ticker {
    let every = Duration::from_secs(evaluate::TICK.num_seconds().unsigned_abs());
    Ticker::start("evaluating the rules", every, move || {
        evaluate::tick(&services).map(drop)
    })
}
