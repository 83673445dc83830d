//! Looks for deadlines every few seconds, until told to stop.
//!
//! Nothing depends on how often: what is noticed late turns at its own moment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::actions;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::Ticker;

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[must_use]
pub fn start(services: Services) -> Ticker {
    let known = Mutex::new(None);
    Ticker::start("looking at heartbeats", LOOK_EVERY, move || {
        look(&services, &known)
    })
}

/// Enrols anew when a pack has been applied since the `known` revision.
fn look(services: &Services, known: &Mutex<Option<i64>>) -> db::Result<()> {
    let revision = services.db.read_on(PoolKind::Jobs, packs::revision)?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if *known != Some(revision) {
        actions::enrol(services)?;
        *known = Some(revision);
    }
    actions::notice(services)?;
    Ok(())
}
