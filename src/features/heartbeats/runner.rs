//! Looks for deadlines every few seconds, until told to stop.
//!
//! Nothing depends on how often: what is noticed late turns at its own moment.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::actions;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};

const LOOK_EVERY: Duration = Duration::from_secs(2);

pub struct Watchman {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Watchman {
    /// Starts on the current tokio runtime.
    #[must_use]
    pub fn start(services: Services) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(run(services, stopped)),
        }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn run(services: Services, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut revision = None;
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let services = services.clone();
        match tokio::task::spawn_blocking(move || look(&services, revision)).await {
            Ok(Ok(seen)) => revision = Some(seen),
            Ok(Err(error)) => tracing::warn!(%error, "heartbeats could not be looked at"),
            Err(error) => tracing::error!(%error, "looking at heartbeats broke off"),
        }
    }
}

/// Enrols anew when a pack has been applied. Returns the revision that was seen.
fn look(services: &Services, known: Option<i64>) -> db::Result<i64> {
    let revision = services.db.read_on(PoolKind::Jobs, packs::revision)?;
    if known != Some(revision) {
        actions::enrol(services)?;
    }
    actions::notice(services)?;
    Ok(revision)
}
