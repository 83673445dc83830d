use std::net::TcpListener;
use std::time::Duration;

use super::board;
use super::jobs::registry;
use super::server::{Running, serve, serve_metrics};
use crate::features::alerts::runner::Evaluator;
use crate::features::health::runner::Runner as Prober;
use crate::foundation::Services;
use crate::foundation::jobs::Runner;

/// How long running jobs may take to come to a stop; what does not is rescued after its lease.
const JOBS_GRACE: Duration = Duration::from_secs(10);

/// The application at work: its pages, its metrics, its workers.
pub struct Application {
    pages: Running,
    metrics: Option<Running>,
    jobs: Runner,
    probes: Prober,
    rules: Evaluator,
}

/// Starts everything that runs inside this process.
pub fn start(services: Services, listener: TcpListener) -> std::io::Result<Application> {
    let metrics = services
        .config
        .web
        .metrics_bind
        .map(|bind| serve_metrics(services.clone(), TcpListener::bind(bind)?))
        .transpose()?;
    board::keep(services.clone());
    Ok(Application {
        pages: serve(services.clone(), listener)?,
        metrics,
        jobs: Runner::start(services.clone(), registry())?,
        probes: Prober::start(services.clone()).map_err(std::io::Error::other)?,
        rules: Evaluator::start(services),
    })
}

impl Application {
    /// Finishes what is being done, then stops: no new requests first, the work behind them last.
    pub async fn stop(self) {
        self.pages.stop().await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        self.probes.stop().await;
        self.rules.stop().await;
        let jobs = self.jobs;
        let remaining = tokio::task::spawn_blocking(move || jobs.stop(JOBS_GRACE)).await;
        if let Ok(1..) = remaining {
            tracing::warn!("some jobs did not stop in time; they are rescued after their lease");
        }
    }
}
