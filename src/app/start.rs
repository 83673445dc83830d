use std::net::TcpListener;

use super::server::{Running, serve, serve_metrics};
use crate::foundation::Services;

/// The application at work: its pages, its metrics, its workers.
pub struct Application {
    pages: Running,
    metrics: Option<Running>,
}

/// Starts everything that runs inside this process.
pub fn start(services: Services, listener: TcpListener) -> std::io::Result<Application> {
    let metrics = services
        .config
        .web
        .metrics_bind
        .map(|bind| serve_metrics(services.clone(), TcpListener::bind(bind)?))
        .transpose()?;
    Ok(Application {
        pages: serve(services, listener)?,
        metrics,
    })
}

impl Application {
    /// Finishes what is being done, then stops.
    pub async fn stop(self) {
        self.pages.stop().await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}
