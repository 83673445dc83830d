//! The real application on a port of its own, with a clock that the test moves.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Bytea;
use signalbox::app::{self, Running};
use signalbox::foundation::Services;
use signalbox::foundation::audit::projection::Body;
use signalbox::foundation::audit::tiles::Edge;
use signalbox::foundation::audit::{Audit, tree};
use signalbox::foundation::auth::limits::Limits;
use signalbox::foundation::auth::password::Hasher;
use signalbox::foundation::auth::provider::Provider;
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
    damaged: AtomicBool,
    _running: Running,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_as(Mode::Demo).await
    }

    pub async fn start_as(mode: Mode) -> Self {
        Self::serve(mode, TestDb::create(), |_| ())
    }

    /// Over a database that is there already.
    pub async fn start_on(db: TestDb) -> Self {
        Self::serve(Mode::Demo, db, |_| ())
    }

    /// With other services than tests usually have.
    pub async fn start_with(change: impl FnOnce(&mut Services)) -> Self {
        Self::serve(Mode::Demo, TestDb::create(), change)
    }

    fn serve(mode: Mode, db: TestDb, change: impl FnOnce(&mut Services)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut services = services(mode, port, &db);
        change(&mut services);
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
            damaged: AtomicBool::new(false),
            _running: running,
        }
    }

    /// Says that this test damages the log on purpose: at its end nobody holds it to anything.
    pub fn deliberately_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
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

impl Drop for TestApp {
    /// Whatever a test did, the audit log holds: every body is an event, no id is there twice, and what is
    /// sealed leads to the root.
    fn drop(&mut self) {
        if std::thread::panicking() || self.damaged.load(Ordering::Relaxed) {
            return;
        }
        let mut conn = self.db.connect_superuser();
        for prefix in ["audit", "sar_audit"] {
            let mut ids = HashSet::new();
            let mut edge = Edge::default();
            let sealed = bodies(
                &mut conn,
                &format!("SELECT body FROM {prefix}_log ORDER BY idx"),
            );
            for body in &sealed {
                edge.push(tree::leaf_hash(body), |_, _| {});
            }
            let waiting = bodies(&mut conn, &format!("SELECT body FROM {prefix}_inbox"));
            for bytes in sealed.iter().chain(&waiting) {
                let body = Body::parse(bytes);
                let body = body.unwrap_or_else(|error| {
                    panic!(
                        "an event does not read: {error}: {}",
                        String::from_utf8_lossy(bytes)
                    )
                });
                assert!(
                    ids.insert(body.projection.id),
                    "an event's id is there twice"
                );
            }
            let roots = bodies(
                &mut conn,
                &format!("SELECT root AS body FROM {prefix}_head"),
            );
            assert_eq!(
                roots,
                [edge.root().to_vec()],
                "the sealed events of {prefix}_log do not lead to its root"
            );
        }
    }
}

fn bodies(conn: &mut PgConnection, query: &str) -> Vec<Vec<u8>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bytea)]
        body: Vec<u8>,
    }
    let rows: Vec<Row> = sql_query(query).load(conn).unwrap();
    rows.into_iter().map(|row| row.body).collect()
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
        // A test asks more often than any person; those of the limits set their own.
        name if name.starts_with("SIGNALBOX_RATE_") => Some("1000000".to_owned()),
        // One that is never there: its link and its pages are.
        "SIGNALBOX_OIDC_ISSUER" if mode == Mode::Demo => Some("http://127.0.0.1:9".to_owned()),
        "SIGNALBOX_OIDC_CLIENT_ID" if mode == Mode::Demo => Some("signalbox".to_owned()),
        "SIGNALBOX_OIDC_NAME" if mode == Mode::Demo => Some("Example Bank".to_owned()),
        _ => None,
    })
    .unwrap();
    let provider = Provider::of(&config).unwrap();
    config.password = PasswordConfig {
        memory_kib: 64,
        passes: 1,
    };
    let passwords = Hasher::new(config.password).unwrap();
    let keyring = Keyring::parse(TEST_KEY).unwrap();
    let pools = Db::new(url, config.database.pools);
    Services {
        limits: Limits::new(config.web.rates),
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
        provider,
        board: Board::default(),
    }
}
