//! With the real exporters of others: what they serve is read, and rules follow it.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::programs;
use crate::support::scraped::Ground;

/// A server of somebody else's, for one test.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Nothing where it is not installed.
    async fn start(name: &str, set_up: impl Fn(&mut Command)) -> Option<Self> {
        let program = programs::find(name)?;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        // Between finding a free port and taking it, somebody else may have.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let mut command = Command::new(&program);
            command.arg(format!("--web.listen-address={address}"));
            set_up(&mut command);
            let process = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap();
            let server = Self {
                process,
                url: format!("http://{address}/metrics"),
            };
            for _ in 0..100 {
                if client.get(&server.url).send().await.is_ok() {
                    return Some(server);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        panic!("{name} does not start");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_node_exporter_is_scraped_and_drives_rules() {
    let Some(node) = Server::start("prometheus-node-exporter", |_| {}).await else {
        return;
    };
    let rules = r#"
[[rule]]
id = "memory"
name = "There is memory"
on.share = { scrape = "metrics", part = "node_memory_MemAvailable_bytes", whole = "node_memory_MemTotal_bytes" }
blue = { above = "0%" }

[[rule]]
id = "processor"
name = "The processor does something"
on.rate = { scrape = "metrics", select = 'node_cpu_seconds_total{mode=~"idle|user|system"}', window = "1m" }
blue = { above = 0 }

[[rule]]
id = "itself"
name = "It answers"
on.increase = { scrape = "metrics", select = 'promhttp_metric_handler_requests_total{code="200"}', window = "1m" }
blue = { above = 1 }

[[rule]]
id = "nothing"
name = "It does not serve what it has not"
on.absence = { scrape = "metrics", select = "node_imaginary" }
blue = {}
"#;
    let ground = Ground::at(node.url.clone(), rules).await;
    for _ in 0..4 {
        ground.fetch().await;
    }
    let mut lit: Vec<String> = ground.lit().into_iter().map(|alert| alert.name).collect();
    lit.sort();
    assert_eq!(
        lit,
        [
            "It answers",
            "It does not serve what it has not",
            "The processor does something",
            "There is memory"
        ]
    );
}

/// DO-14, DO-19: connections as the exporter counts them, a share of those allowed.
#[tokio::test]
async fn a_postgres_exporter_is_scraped_and_drives_rules() {
    let watched = crate::support::db::TestDb::create();
    let source = format!("{}?sslmode=disable", watched.superuser_url.expose());
    let started = Server::start("prometheus-postgres-exporter", |command| {
        command.env("DATA_SOURCE_NAME", &source);
    });
    let Some(exporter) = started.await else {
        return;
    };
    let rules = r#"
[[rule]]
id = "up"
name = "It is reached"
on.metric = { scrape = "metrics", select = "pg_up", take = "min" }
blue = { above = 0 }

[[rule]]
id = "connections"
name = "Connections are many"
on.share = { scrape = "metrics", part = 'pg_stat_activity_count{datname="DATABASE"}', whole = "pg_settings_max_connections" }
yellow = { above = "SHARE", clear = "SHARE" }
"#;
    let url = url::Url::parse(watched.superuser_url.expose()).unwrap();
    let database = url.path().trim_start_matches('/');
    // The exporter's own, and one at most that is just leaving.
    let share = 4.5 / most_connections(&watched);
    let rules = rules
        .replace("DATABASE", database)
        .replace("\"SHARE\"", &format!("{share:.9}"));
    let ground = Ground::at(exporter.url.clone(), &rules).await;
    ground.fetch().await;
    let names = |ground: &Ground| {
        ground
            .lit()
            .into_iter()
            .map(|alert| alert.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&ground), ["It is reached"]);
    let held: Vec<_> = (0..6).map(|_| watched.connect_superuser()).collect();
    ground.fetch().await;
    assert!(
        names(&ground).contains(&"Connections are many".to_owned()),
        "{:?}",
        names(&ground)
    );
    drop(held);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ground.fetch().await;
        if names(&ground) == ["It is reached"] {
            return;
        }
    }
    panic!("{:?}", names(&ground));
}

fn most_connections(db: &crate::support::db::TestDb) -> f64 {
    use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Integer};
    #[derive(QueryableByName)]
    struct Most {
        #[diesel(sql_type = Integer)]
        most: i32,
    }
    let query = "SELECT current_setting('max_connections')::int AS most";
    let most: Most = sql_query(query)
        .get_result(&mut db.connect_superuser())
        .unwrap();
    f64::from(most.most)
}
