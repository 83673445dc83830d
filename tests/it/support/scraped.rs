//! A platform that is scraped: an exporter that serves what it is told, and a clock to fetch it by.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self as alerts, Alert};
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::packs::actions as packs_actions;
use signalbox::features::packs::pack::{Probe, Prometheus};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store::{self as packs, Item};
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::app::TestApp;

/// What an exporter answers, and what it was last asked.
#[derive(Default)]
struct Page {
    head: String,
    body: String,
    asked: String,
}

/// An exporter that serves what it is told.
#[derive(Clone)]
pub struct Exporter {
    page: Arc<Mutex<Page>>,
    pub url: String,
}

impl Exporter {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let page: Arc<Mutex<Page>> = Arc::default();
        let served = Arc::clone(&page);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    let mut asked = vec![0; 8_192];
                    let read = stream.read(&mut asked).await.unwrap_or(0);
                    let answer = {
                        let mut page = served.lock().unwrap();
                        page.asked = String::from_utf8_lossy(&asked[..read]).into_owned();
                        let head = if page.head.is_empty() {
                            "HTTP/1.1 200 OK"
                        } else {
                            page.head.as_str()
                        };
                        format!(
                            "{head}\r\ncontent-length: {}\r\n\r\n{}",
                            page.body.len(),
                            page.body
                        )
                    };
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { page, url }
    }

    pub fn serves(&self, body: impl Into<String>) {
        self.page.lock().unwrap().body = body.into();
    }

    pub fn answers(&self, head: &str) {
        head.clone_into(&mut self.page.lock().unwrap().head);
    }

    pub fn asked(&self) -> String {
        self.page.lock().unwrap().asked.to_lowercase()
    }

    pub fn check(&self) -> Prometheus {
        Prometheus {
            url: self.url.clone(),
            bearer_file: String::new(),
            user: String::new(),
            password_file: String::new(),
            labels: Vec::new(),
            keep: vec!["m".to_owned()],
        }
    }
}

const HEAD: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "api"
name = "API"

[[runbook]]
id = "mend"
title = "Mend it"
owner = "Operations"
version = "1"
next_review = "2027-01-01"
steps = ["Look."]

[[scrape]]
id = "metrics"
service = "api"
url = "${API_URL}"
interval = "15s"
"#;

/// A platform that is scraped, with these rules.
pub struct Ground {
    pub app: TestApp,
    pub exporter: Exporter,
    checks: Checks,
}

impl Ground {
    pub async fn with(rules: &str) -> Self {
        Self::of(Exporter::start().await, rules).await
    }

    /// One that is scraped elsewhere.
    pub async fn at(url: String, rules: &str) -> Self {
        let exporter = Exporter {
            page: Arc::default(),
            url,
        };
        Self::of(exporter, rules).await
    }

    async fn of(exporter: Exporter, rules: &str) -> Self {
        let ground = Self {
            app: TestApp::start().await,
            exporter,
            checks: Checks::new().unwrap(),
        };
        ground.apply(rules);
        actions::enrol(&ground.app.services, &ground.probes()).unwrap();
        ground
    }

    pub fn apply(&self, rules: &str) {
        let given: Given = [("API_URL", self.exporter.url.as_str())]
            .into_iter()
            .collect();
        let source = format!("{HEAD}{rules}");
        packs_actions::apply(
            &self.app.services,
            &Actor::command_line("tester"),
            &source,
            &given,
        )
        .unwrap();
    }

    fn probes(&self) -> actions::Probes {
        let live = self.app.services.db.read(packs::live::<Probe>).unwrap();
        live.into_iter().map(|item| (item.id, item)).collect()
    }

    pub fn scrape(&self) -> Item<Probe> {
        let live = self.app.services.db.read(packs::live::<Probe>).unwrap();
        live.into_iter()
            .find(|item| item.slug == "metrics")
            .unwrap()
    }

    /// A quarter of a minute later the page is fetched, and the rules look.
    pub async fn turn(&self, body: &str) {
        self.exporter.serves(body);
        self.fetch().await;
    }

    pub async fn fetch(&self) {
        self.app.advance(TimeDelta::seconds(15));
        self.run().await;
        evaluate::tick(&self.app.services).unwrap();
    }

    async fn run(&self) {
        let services = &self.app.services;
        for claim in actions::claim(services, &self.probes()).unwrap() {
            let item = self.scrape();
            let run = self.checks.run(&item.spec, self.app.now(), None).await;
            actions::finish(services, &item, claim, run).unwrap();
        }
    }

    pub fn lit(&self) -> Vec<Alert> {
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let open = self.app.services.db.read(open).unwrap();
        open.into_iter().filter(|alert| alert.firing).collect()
    }

    pub fn count(&self, query: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = sql_types::BigInt)]
            count: i64,
        }
        let mut conn = self.app.db.connect_superuser();
        let count: Count = sql_query(format!("SELECT count(*) FROM {query}"))
            .get_result(&mut conn)
            .unwrap();
        count.count
    }
}
