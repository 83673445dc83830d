//! Runs the probes: finds what is due, runs it beside everything else, notes how it came out.
//!
//! Any number of processes may do this at once; each probe's own row says who has it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::actions::{self, Probes};
use super::checks::Checks;
use super::store::Claim;
use crate::features::packs::pack::Probe;
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::db::{self, PoolKind};

/// How often due probes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often samples are rolled up and old ones dropped.
const TIDY_EVERY: Duration = Duration::from_mins(5);

/// How often we report on ourselves.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// Probing, until told to stop.
pub struct Runner {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Runner {
    /// Starts on the current tokio runtime.
    pub fn start(services: Services) -> Result<Self, reqwest::Error> {
        let (stop, stopped) = watch::channel(false);
        let work = Work {
            services,
            checks: Checks::new()?,
            probes: Arc::default(),
            revision: 0,
            running: JoinSet::new(),
        };
        Ok(Self {
            stop,
            task: tokio::spawn(work.run(stopped)),
        })
    }

    /// Finishes the runs in flight, each within its deadline at most, and ends.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

struct Work {
    services: Services,
    checks: Checks,
    probes: Arc<Probes>,
    revision: i64,
    running: JoinSet<()>,
}

impl Work {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut tidied, mut reported) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                _ = stopped.changed() => break,
                _ = ticks.tick() => {}
            }
            while self.running.try_join_next().is_some() {}
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "due probes could not be looked for");
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = Instant::now();
                self.beside("rolling up samples", |services| {
                    actions::tidy(services).map(drop)
                });
            }
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                self.beside("reporting on ourselves", actions::report_own);
            }
        }
        let grace = tokio::time::sleep(Duration::from_secs(5));
        tokio::select! {
            () = grace => self.running.shutdown().await,
            () = async { while self.running.join_next().await.is_some() {} } => {}
        }
    }

    async fn look(&mut self) -> db::Result<()> {
        self.refresh().await?;
        if self.probes.is_empty() {
            return Ok(());
        }
        let (services, probes) = (self.services.clone(), Arc::clone(&self.probes));
        for claim in blocking(move || actions::claim(&services, &probes)).await? {
            if let Some(item) = self.probes.get(&claim.probe) {
                let run = run(
                    self.services.clone(),
                    self.checks.clone(),
                    item.clone(),
                    claim,
                );
                self.running.spawn(run);
            }
        }
        Ok(())
    }

    /// Reads the definitions again when a pack has been applied.
    async fn refresh(&mut self) -> db::Result<()> {
        let (services, known) = (self.services.clone(), self.revision);
        let news = blocking(move || {
            let revision = services.db.read_on(PoolKind::Jobs, packs::revision)?;
            if revision == known {
                return Ok(None);
            }
            let live = services.db.read_on(PoolKind::Jobs, packs::live::<Probe>)?;
            let probes: Probes = live.into_iter().map(|item| (item.id, item)).collect();
            actions::enrol(&services, &probes)?;
            Ok::<_, db::Error>(Some((revision, probes)))
        })
        .await?;
        if let Some((revision, probes)) = news {
            self.revision = revision;
            self.probes = Arc::new(probes);
        }
        Ok(())
    }

    /// Upkeep that no probe waits for.
    fn beside(&mut self, what: &'static str, work: fn(&Services) -> db::Result<()>) {
        let services = self.services.clone();
        self.running.spawn(async move {
            if let Err(error) = blocking(move || work(&services)).await {
                tracing::warn!(%error, "{what} failed");
            }
        });
    }
}

async fn run(services: Services, checks: Checks, item: Item<Probe>, claim: Claim) {
    let run = checks
        .run(&item.spec, services.clock.now(), claim.tally.clone())
        .await;
    let slug = item.slug.clone();
    if let Err(error) = blocking(move || actions::finish(&services, &item, claim, run)).await {
        // The lease ends by itself and the probe is run again; nothing was claimed that did not happen.
        tracing::warn!(%error, probe = %slug, "a probe's run could not be noted");
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> db::Result<T> + Send + 'static,
) -> db::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(db::Error::Unavailable(error.to_string())))
}
