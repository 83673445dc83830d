use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use super::topics::topic_of;
use super::{health_routes, jobs, policies, routes};
use crate::features::{account, posture};
use crate::foundation::Services;
use crate::foundation::auth::guard::ProofPage;
use crate::foundation::auth::{guard, session_store};
use crate::foundation::config::TlsConfig;
use crate::foundation::web::live::Hub;
use crate::foundation::web::tls::Certificate;
use crate::foundation::web::{Error, Lanes, headers, log_requests};

/// How long requests in flight may take to finish after we were asked to stop.
const GRACE_SECS: u64 = 7;

/// Threads of a worker for what waits for no database: password hashes, uploads on their way to disk.
const OTHER_THREADS: usize = 3;

/// A server that runs; it stops when told to.
pub struct Running {
    pub address: SocketAddr,
    handle: ServerHandle,
    live: Option<Hub>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Ends the event streams, finishes the requests in flight and closes the listener.
    pub async fn stop(self) {
        // A stream is a request in flight for as long as its page is open.
        if let Some(live) = self.live {
            live.close();
        }
        self.handle.stop(true).await;
        let _ = self.task.await;
    }
}

/// Serves the route table on `listener`.
pub fn serve(services: Services, listener: TcpListener) -> std::io::Result<Running> {
    let address = listener.local_addr()?;
    let workers = services.config.web.workers.max(1);
    let pools = services.config.database.pools;
    let lanes = Lanes::share(pools.web, pools.sign_in, workers);
    let table = routes();
    let hub = Hub::start(&services, topic_of);
    let live = Data::new(hub.clone());
    let tls = services
        .config
        .web
        .tls
        .as_ref()
        .map(certified)
        .transpose()?;
    let services = Data::new(services);
    let catalog = Data::new(policies());
    let work = Data::new(jobs::registry());
    let proof = Data::new(ProofPage(account::pages::step_up::ask));
    let lookout = Data::new(posture::Lookout::default());
    let server = HttpServer::new(move || {
        lanes.open();
        App::new()
            .app_data(services.clone())
            .app_data(live.clone())
            .app_data(catalog.clone())
            .app_data(work.clone())
            .app_data(proof.clone())
            .app_data(lookout.clone())
            .wrap(session_store::middleware(&services))
            .wrap(from_fn(refuse_foreign_hosts))
            .wrap(from_fn(log_requests))
            .wrap(from_fn(headers::secure))
            .configure(|config| table.configure(config))
            .default_service(web::to(not_found).wrap(from_fn(guard::acquaint)))
    })
    .workers(workers)
    .worker_max_blocking_threads(lanes.pages + lanes.sign_in + OTHER_THREADS)
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .max_connections(10_000)
    .shutdown_timeout(GRACE_SECS)
    .disable_signals();
    let server = match tls {
        Some(tls) => server
            .tls_handshake_timeout(Duration::from_secs(10))
            .listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    Ok(Running {
        address,
        handle,
        live: Some(hub),
        task: tokio::spawn(server),
    })
}

/// HTTPS with the certificate of these files, as they are and as they will be.
fn certified(files: &TlsConfig) -> std::io::Result<rustls::ServerConfig> {
    let certificate = Certificate::open(files).map_err(std::io::Error::other)?;
    certificate.follow()?;
    certificate.server_config().map_err(std::io::Error::other)
}

/// Serves `/metrics` alone, on an address of its own.
pub fn serve_metrics(services: Services, listener: TcpListener) -> std::io::Result<Running> {
    let address = listener.local_addr()?;
    let services = Data::new(services);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(services.clone())
            .route("/metrics", web::get().to(health_routes::scrape))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    Ok(Running {
        address,
        handle,
        live: None,
        task: tokio::spawn(server),
    })
}

async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}

/// A request for another host than ours gets 421: links and cookies made for it would be wrong.
/// Probes may leave the header out, or use an address.
async fn refuse_foreign_hosts(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let ours = request
        .app_data::<Data<Services>>()
        .is_none_or(|services| is_our_host(&request, services));
    if ours {
        next.call(request).await
    } else {
        let ours = request
            .app_data::<Data<Services>>()
            .map(|services| services.config.web.base_url.to_string())
            .unwrap_or_default();
        Ok(request.error_response(Error::Misdirected { ours }))
    }
}

fn is_our_host(request: &ServiceRequest, services: &Services) -> bool {
    let path = request.path();
    if path == "/health" || path.starts_with("/api/health") || path == "/api/readiness" {
        return true;
    }
    let Some(host) = request
        .headers()
        .get("host")
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let base = &services.config.web.base_url;
    let expected = base.host_str().unwrap_or_default();
    let port = base.port_or_known_default();
    let (name, given_port) = match host.rsplit_once(':') {
        Some((name, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            (name, digits.parse().ok())
        }
        _ => (host, Some(if base.scheme() == "https" { 443 } else { 80 })),
    };
    name.eq_ignore_ascii_case(expected) && given_port == port
}
