//! Evaluates the rules every few seconds, until told to stop.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::evaluate;
use crate::foundation::Services;

pub struct Evaluator {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Evaluator {
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
    let every = Duration::from_secs(evaluate::TICK.num_seconds().unsigned_abs());
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let services = services.clone();
        match tokio::task::spawn_blocking(move || evaluate::tick(&services)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "rules could not be evaluated"),
            Err(error) => tracing::error!(%error, "evaluating the rules broke off"),
        }
    }
}
