use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::jobs::registry;
use super::server::{Running, serve, serve_metrics};
use super::supervisor::Supervisor;
use super::watched::Watched;
use super::{board, own_queues};
use crate::features::alerts;
use crate::features::connectors::runner::Runner as Caller;
use crate::features::health::runner::Runner as Prober;
use crate::features::notify::runner::Runner as Sender;
use crate::features::{
    capacity, checklists, digests, heartbeats, incidents, logs, oncall, releases, slo,
};
use crate::foundation::Services;
use crate::foundation::config::DEMO_METRICS;
use crate::foundation::jobs::{Runner, Ticker};

/// How long each step of stopping may take.
const PAGES_LIMIT: Duration = Duration::from_secs(8);
const WORK_LIMIT: Duration = Duration::from_secs(4);

/// How long running jobs may take to come to a stop; what does not is rescued after its lease.
const JOBS_GRACE: Duration = Duration::from_secs(3);

/// The application at work: its pages, its metrics, its workers.
pub struct Application {
    pages: Running,
    metrics: Option<Running>,
    jobs: Runner,
    probes: Prober,
    connectors: Caller,
    heartbeats: Ticker,
    incidents: Ticker,
    logs: Ticker,
    levels: Ticker,
    capacity: Ticker,
    notices: Sender,
    queues: Ticker,
    rules: Ticker,
    blind: Ticker,
    countersignatures: Ticker,
    escalations: Ticker,
    checklists: Ticker,
    releases: Ticker,
    digests: Ticker,
    watched: Watched,
    supervisor: Supervisor,
}

/// Starts everything that runs inside this process.
pub fn start(services: Services, listener: TcpListener) -> std::io::Result<Application> {
    let metrics = metrics_listener(&services)?
        .map(|listener| serve_metrics(services.clone(), listener))
        .transpose()?;
    board::keep(services.clone());
    Ok(Application {
        pages: serve(services.clone(), listener)?,
        metrics,
        jobs: Runner::start(services.clone(), registry())?,
        probes: Prober::start(services.clone()).map_err(std::io::Error::other)?,
        connectors: Caller::start(services.clone()).map_err(std::io::Error::other)?,
        heartbeats: heartbeats::runner::start(services.clone()),
        incidents: incidents::runner::start(services.clone()),
        logs: logs::runner::start(services.clone()),
        levels: slo::runner::start(services.clone()),
        capacity: capacity::runner::start(services.clone()),
        notices: Sender::start(services.clone()),
        queues: own_queues::start(services.clone()),
        rules: alerts::runner::start(services.clone()),
        blind: alerts::blind::start(services.clone()),
        countersignatures: alerts::silences::runner::start(services.clone()),
        escalations: oncall::runner::start(services.clone()),
        checklists: checklists::runner::start(services.clone()),
        releases: releases::runner::start(services.clone()),
        digests: digests::runner::start(services.clone()),
        watched: Watched::start(services.clone()),
        // The last of all: what it is told is so.
        supervisor: Supervisor::start(services),
    })
}

/// An address that somebody asked for must be had; the demo's own is left to whoever has it.
fn metrics_listener(services: &Services) -> std::io::Result<Option<TcpListener>> {
    match services.config.web.metrics_bind {
        Some(bind) => TcpListener::bind(bind).map(Some).map_err(|error| {
            let what =
                format!("cannot show metrics on {bind}: {error}. Set SIGNALBOX_METRICS_BIND");
            std::io::Error::new(error.kind(), what)
        }),
        None if services.config.is_demo() => Ok(TcpListener::bind(DEMO_METRICS).ok()),
        None => Ok(None),
    }
}

impl Application {
    /// The longest that [`Application::stop`] takes.
    pub const LONGEST_STOP: Duration = PAGES_LIMIT.saturating_add(WORK_LIMIT);

    /// Where `/metrics` is served, if anywhere.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|metrics| metrics.address)
    }

    /// Finishes what is being done, then stops: no new requests first, the work behind them last. Nothing
    /// is waited for without limit: a database that says nothing must not keep the process.
    pub async fn stop(self) {
        self.supervisor.stopping();
        within("pages", PAGES_LIMIT, self.pages.stop()).await;
        let jobs = self.jobs;
        let jobs = async {
            let remaining = tokio::task::spawn_blocking(move || jobs.stop(JOBS_GRACE)).await;
            if let Ok(1..) = remaining {
                tracing::warn!(
                    "some jobs did not stop in time; they are rescued after their lease"
                );
            }
        };
        let metrics = async {
            if let Some(metrics) = self.metrics {
                metrics.stop().await;
            }
        };
        tokio::join!(
            within("metrics", WORK_LIMIT, metrics),
            within("probes", WORK_LIMIT, self.probes.stop()),
            within("connectors", WORK_LIMIT, self.connectors.stop()),
            within("notices", WORK_LIMIT, self.notices.stop()),
            within("heartbeats", WORK_LIMIT, self.heartbeats.stop()),
            within("incidents", WORK_LIMIT, self.incidents.stop()),
            within("logs", WORK_LIMIT, self.logs.stop()),
            within("service levels", WORK_LIMIT, self.levels.stop()),
            within("capacity", WORK_LIMIT, self.capacity.stop()),
            within("own queues", WORK_LIMIT, self.queues.stop()),
            within("rules", WORK_LIMIT, self.rules.stop()),
            within("blind rules", WORK_LIMIT, self.blind.stop()),
            within(
                "countersignatures",
                WORK_LIMIT,
                self.countersignatures.stop()
            ),
            within("sign of life", WORK_LIMIT, self.watched.stop()),
            within("watchdog", WORK_LIMIT, self.supervisor.stop()),
            within("escalations", WORK_LIMIT, self.escalations.stop()),
            within("checklists", WORK_LIMIT, self.checklists.stop()),
            within("releases", WORK_LIMIT, self.releases.stop()),
            within("digests", WORK_LIMIT, self.digests.stop()),
            within("jobs", WORK_LIMIT, jobs),
        );
    }
}

async fn within(what: &str, limit: Duration, stopping: impl Future<Output = ()>) {
    if tokio::time::timeout(limit, stopping).await.is_err() {
        tracing::warn!(what, "did not stop in time and is left behind");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_end_is_left_behind() {
        within("test", Duration::from_millis(10), std::future::pending()).await;
    }
}
