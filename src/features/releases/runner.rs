//! Looks at gates every two seconds, until told to stop.

use std::time::Duration;

use super::sweep;
use crate::foundation::Services;
use crate::foundation::jobs::Ticker;

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[must_use]
pub fn start(services: Services) -> Ticker {
    Ticker::start("looking at release gates", LOOK_EVERY, move || {
        sweep::tick(&services).map(drop)
    })
}
