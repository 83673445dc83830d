//! Work that is done again and again while this process runs. It leaves no row: each turn finds for itself what there is
//! to do, and any number of processes may take turns at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::foundation::db;

pub struct Ticker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Ticker {
    /// Begins at once, on the current tokio runtime. `what` is for the log. A turn that fails is told there, and the
    /// next one comes as ever.
    pub fn start(
        what: &'static str,
        every: Duration,
        turn: impl Fn() -> db::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(run(what, every, Arc::new(turn), stopped)),
        }
    }

    /// Waits for the turn that is under way.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn run(
    what: &'static str,
    every: Duration,
    turn: Arc<impl Fn() -> db::Result<()> + Send + Sync + 'static>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let turn = turn.clone();
        match spawn_blocking(move || turn()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{what} failed"),
            Err(error) => tracing::error!(%error, "{what} broke off"),
        }
    }
}
