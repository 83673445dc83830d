//! Reads the files of all logs every second, until told to stop.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::actions::{self, Source};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::jobs::Ticker;

const READ_EVERY: Duration = Duration::from_secs(1);

#[must_use]
pub fn start(services: Services) -> Ticker {
    let known = Mutex::new((None, Vec::new()));
    Ticker::start("reading logs", READ_EVERY, move || read(&services, &known))
}

/// Enrols anew when a pack has been applied since the `known` revision.
fn read(services: &Services, known: &Mutex<(Option<i64>, Vec<Source>)>) -> db::Result<()> {
    let revision = services.db.read_on(PoolKind::Jobs, packs::revision)?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.0 != Some(revision) {
        *known = (Some(revision), actions::enrol(services)?);
    }
    for source in &known.1 {
        match actions::read_files(services, source) {
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One log's trouble keeps no other from being read.
            Err(error) => {
                tracing::error!(%error, log = %source.item.slug, "a log could not be read");
            }
            Ok(_) => {}
        }
    }
    Ok(())
}
