//! The real application on a port of its own, with a clock that the test moves.

use std::net::TcpListener;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use signalbox::app::{self, Running};
use signalbox::foundation::Services;
use signalbox::foundation::audit::Audit;
use signalbox::foundation::auth::password::Hasher;
use signalbox::foundation::config::{Config, Mode, PasswordConfig};
use signalbox::foundation::crypto::Keyring;
use signalbox::foundation::db::Db;
use signalbox::foundation::jobs::{self, Drained};
use signalbox::foundation::kernel::{Clock, Secret};

use signalbox::foundation::web::Board;

use super::db::TestDb;

pub const TEST_KEY: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";

/// A served application over a database of its own.
pub struct TestApp {
    pub services: Services,
    pub url: String,
    pub http: reqwest::Client,
    pub db: TestDb,
    _running: Running,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_as(Mode::Demo).await
    }

    pub async fn start_as(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let db = TestDb::create();
        let services = services(mode, port, &db);
        let running = app::serve(services.clone(), listener).unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            services,
            url: format!("http://localhost:{port}"),
            http,
            db,
            _running: running,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.services.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.services.clock.advance(by);
    }

    /// Runs everything that is due by the test's clock, on this thread.
    pub fn run_jobs(&self) -> Drained {
        jobs::run_due(&self.services, &Arc::new(app::registry())).unwrap()
    }

    /// A plain GET without a cookie.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.url);
        self.http.get(url).send().await.unwrap()
    }
}

/// Services over a test database, for tests that need no pages.
pub fn services(mode: Mode, port: u16, db: &TestDb) -> Services {
    let clock = Clock::fake("2026-03-02T09:00:00Z".parse().unwrap());
    services_at(mode, port, &db.app_url, clock)
}

/// Services over any database.
pub fn services_at(mode: Mode, port: u16, url: &Secret<String>, clock: Clock) -> Services {
    let mut config = Config::read(mode, &|name| match name {
        "SIGNALBOX_BIND" => Some(format!("127.0.0.1:{port}")),
        "SIGNALBOX_BASE_URL" => Some(format!("http://localhost:{port}")),
        "SIGNALBOX_WORKERS" => Some("1".to_owned()),
        _ => None,
    })
    .unwrap();
    config.password = PasswordConfig {
        memory_kib: 64,
        passes: 1,
    };
    let passwords = Hasher::new(config.password).unwrap();
    let keyring = Keyring::parse(TEST_KEY).unwrap();
    let pools = Db::new(url, config.database.pools);
    Services {
        config: Arc::new(config),
        audit: Audit::new(
            pools.clone(),
            clock.clone(),
            keyring.clone(),
            app::reactions,
        ),
        clock,
        db: pools,
        keyring,
        passwords,
        board: Board::default(),
    }
}
