//! What a scraper reads, as strictly as one that complains about everything.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use signalbox::app;
use signalbox::foundation::config::Mode;
use signalbox::foundation::telemetry::metrics;

use crate::support::app::services;
use crate::support::db::TestDb;
use crate::support::programs;
use crate::support::waiting::until;

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    /// Name and labels as they stand, and the value.
    samples: BTreeMap<String, f64>,
}

/// Reads the text format, and panics at whatever `promtool check metrics` would not like.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut finished = BTreeSet::new();
    let mut current = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let name = match words.as_slice() {
            ["#", "HELP" | "TYPE", name, _] => (*name).to_owned(),
            _ => family_of(line, &families),
        };
        if name != current {
            assert!(finished.insert(name.clone()), "{name} comes twice");
            current.clone_from(&name);
        }
        let family = families.entry(name.clone()).or_default();
        match words.as_slice() {
            ["#", "HELP", _, help] => {
                assert!(family.help.is_empty(), "{name} has two HELP lines");
                (*help).clone_into(&mut family.help);
            }
            ["#", "TYPE", _, kind] => {
                assert!(family.kind.is_empty(), "{name} has two TYPE lines");
                assert!(family.samples.is_empty(), "TYPE after samples of {name}");
                (*kind).clone_into(&mut family.kind);
            }
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                let earlier = family.samples.insert(series.to_owned(), value);
                assert_eq!(earlier, None, "{series} comes twice");
            }
        }
    }
    families
}

/// A histogram's series carry its name and an ending.
fn family_of(line: &str, families: &BTreeMap<String, Family>) -> String {
    let name = line.split(['{', ' ']).next().unwrap();
    let is_histogram = |name: &&str| {
        families
            .get(*name)
            .is_some_and(|family| family.kind == "histogram")
    };
    ["_bucket", "_sum", "_count"]
        .iter()
        .filter_map(|ending| name.strip_suffix(ending))
        .find(is_histogram)
        .unwrap_or(name)
        .to_owned()
}

fn check(name: &str, family: &Family) {
    assert!(!family.help.is_empty(), "{name} has no HELP");
    assert!(!family.samples.is_empty(), "{name} has no samples");
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.chars().all(is_name), "{name}");
    match family.kind.as_str() {
        "counter" => assert!(name.ends_with("_total"), "{name} is a counter"),
        "gauge" => assert!(!name.ends_with("_total"), "{name} is a gauge"),
        "histogram" => check_histogram(name, family),
        other => panic!("{name} is a {other:?}"),
    }
}

fn check_histogram(name: &str, family: &Family) {
    let whole = family
        .samples
        .iter()
        .filter(|(series, _)| series.contains("le=\"+Inf\""));
    let mut series_count = 0;
    for (series, value) in whole {
        series_count += 1;
        let labels = series
            .trim_start_matches(name)
            .trim_start_matches("_bucket")
            .replace(",le=\"+Inf\"", "")
            .replace("{le=\"+Inf\"}", "");
        let count = family.samples.get(&format!("{name}_count{labels}"));
        assert_eq!(count, Some(value), "{series}");
        assert!(family.samples.contains_key(&format!("{name}_sum{labels}")));
    }
    let counts = family.samples.keys();
    let counts = counts.filter(|series| series.starts_with(&format!("{name}_count")));
    assert_eq!(counts.count(), series_count, "{name} lacks a +Inf");
}

/// The one who complains about everything, where it is installed.
fn promtool_agrees(page: &str) {
    let Some(promtool) = programs::find("promtool") else {
        return;
    };
    let mut checking = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = checking.stdin.take().unwrap();
    told.write_all(page.as_bytes()).unwrap();
    drop(told);
    let said = checking.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

async fn get(url: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.text().await.unwrap()
}

fn value(families: &BTreeMap<String, Family>, series: &str) -> Option<f64> {
    let mut all = families.values();
    all.find_map(|family| family.samples.get(series).copied())
}

#[actix_web::test]
async fn every_series_says_what_it_is() {
    metrics::start();
    let db = TestDb::create();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut services = services(Mode::Demo, port, &db);
    let config = Arc::make_mut(&mut services.config);
    config.web.metrics_bind = Some("127.0.0.1:0".parse().unwrap());
    // Ninety seconds ago somebody brought a file that nobody has read yet.
    let waiting = services.clock.now() - chrono::Duration::seconds(90);
    db.connect_superuser()
        .batch_execute(&format!(
            "INSERT INTO platform (id, slug, name, created_at) \
             VALUES ('00000000-0000-7000-8000-000000000001', 'lait', 'Lait', now()); \
             INSERT INTO intake_batch (id, platform_id, source, created_by, created_at, name, \
                 ignore_unknown, state, heard_at) \
             VALUES ('00000000-0000-7000-8000-000000000002', \
                 '00000000-0000-7000-8000-000000000001', 'command_line', 'test', '{waiting}', '', \
                 false, 'waiting', '{waiting}'); \
             INSERT INTO job (id, kind, payload, run_at, enqueued_at) \
             VALUES ('00000000-0000-7000-8000-000000000003', 'no.such_kind', '{{}}', '{waiting}', \
                 '{waiting}')"
        ))
        .unwrap();
    let running = app::start(services, listener).unwrap();
    let scrape = format!("http://{}/metrics", running.metrics().unwrap());
    get(&format!("http://localhost:{port}/health")).await;
    let mut families = BTreeMap::new();
    until("a lag is told", async || {
        families = parse(&get(&scrape).await);
        let lag = value(&families, "ingestion_lag").unwrap_or_default();
        lag > 0.0 && value(&families, "jobs{state=\"waiting\"}").is_some()
    })
    .await;
    for (name, family) in &families {
        check(name, family);
    }
    promtool_agrees(&get(&scrape).await);
    assert_eq!(value(&families, "ingestion_lag"), Some(90.0));
    for name in [
        "http_requests_total",
        "http_request_duration_seconds",
        "db_pool_connections",
        "jobs",
    ] {
        assert!(families.contains_key(name), "{name} is missing");
    }

    db.connect_superuser()
        .batch_execute("UPDATE intake_batch SET state = 'cancelled', finished_at = now()")
        .unwrap();
    until("nothing lags", async || {
        value(&parse(&get(&scrape).await), "ingestion_lag") == Some(0.0)
    })
    .await;
    running.stop().await;
}

#[actix_web::test]
async fn metrics_are_not_among_the_pages() {
    let app = crate::support::app::TestApp::start().await;
    assert_eq!(app.get("/metrics").await.status(), 404);
}
