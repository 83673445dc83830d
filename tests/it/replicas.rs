//! Two programs over one database: every slot of a probe is run once and every notice is sent once, and when one of them is
//! killed the other takes on.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use signalbox::features::health::probe::next_slot;
use signalbox::features::notify::actions;
use signalbox::features::notify::notice::{Destination, EndpointId};
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::config::Mode;
use signalbox::foundation::kernel::Clock;
use tempfile::TempDir;
use uuid::Uuid;

use crate::notify::receivers::{Habit, MailServer, Receiver};
use crate::notify::{end_leases, endpoint_at, mail, to, write};
use crate::program::{free_port, serve_over};
use crate::support::app::{TestApp, services_at};
use crate::support::waiting::until;

const PROBES: [&str; 4] = ["a", "b", "c", "broken"];
const INTERVAL_MS: i64 = 2_000;
/// A run ends before its lease does, and whoever was killed holds its probes for no longer.
const LEASE: Duration = Duration::from_secs(12);

fn pack(probed: u16, broken: u16, endpoint: EndpointId) -> String {
    let probe = |id: &str| {
        let port = if id == "broken" { broken } else { probed };
        format!(
            "[[probe]]\nid = \"{id}\"\nservice = \"api\"\ncheck.http = {{ url = \"http://127.0.0.1:{port}/{id}\" }}\n\
             interval = \"2s\"\ntimeout = \"1s\"\nretries = 0\nfailures_to_down = 1\n\n"
        )
    };
    let probes: String = PROBES.into_iter().map(probe).collect();
    format!(
        r#"
[platform]
id = "twin"
name = "Twin"
version = "1"

[[service]]
id = "api"
name = "API"

{probes}
[[rule]]
id = "api-broken"
name = "The API is broken"
on.state = "broken"
red = {{ is = "down" }}
runbook = "mend"

[[runbook]]
id = "mend"
title = "Mend it"
owner = "Operations"
version = "1"
next_review = "2027-01-01"
steps = ["Look."]

[[contact]]
id = "ada"
name = "Ada"
email = "ada@test.example"
endpoint = "Test {endpoint}"

[[escalation]]
id = "critical"
name = "Critical"
levels = ["red"]
steps = [{{ notify.contact = "ada" }}]
"#
    )
}

/// One of the two programs.
struct Replica {
    program: Child,
    port: u16,
    metrics: u16,
    _folder: TempDir,
}

impl Replica {
    fn start(app: &TestApp, mail: &MailServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, metrics) = (free_port(), free_port());
        let program = serve_over(app, &folder, port)
            .env(
                "SIGNALBOX_SMTP_URL",
                format!("smtp://localhost:{}", mail.port),
            )
            .env("SIGNALBOX_MAIL_FROM", "Signalbox <signalbox@bank.example>")
            .env("SIGNALBOX_METRICS_BIND", format!("127.0.0.1:{metrics}"))
            .spawn()
            .unwrap();
        Self {
            program,
            port,
            metrics,
            _folder: folder,
        }
    }

    async fn until_it_serves(&mut self) {
        let health = format!("http://127.0.0.1:{}/health", self.port);
        until("it serves", async || {
            assert_eq!(self.program.try_wait().unwrap(), None, "it ended");
            reqwest::get(&health).await.is_ok()
        })
        .await;
    }

    /// Whether it has itself sent a notice, by its own count.
    async fn has_sent(&self) -> bool {
        let metrics = format!("http://127.0.0.1:{}/metrics", self.metrics);
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        text.lines()
            .any(|line| line.starts_with("notices_total{") && line.contains("\"delivered\""))
    }
}

impl Drop for Replica {
    /// On Unix this is SIGKILL.
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[derive(QueryableByName)]
struct Run {
    #[diesel(sql_type = SqlUuid)]
    probe: Uuid,
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

/// What is stored of the runs of our probes.
fn runs(app: &TestApp) -> Vec<Run> {
    let query = "SELECT run.probe_id AS probe, item.slug, run.at FROM probe_run run \
                 JOIN pack_item item ON item.id = run.probe_id \
                 JOIN platform ON platform.id = item.platform_id \
                 WHERE platform.slug = 'twin' ORDER BY run.at";
    sql_query(query)
        .load(&mut app.db.connect_superuser())
        .unwrap()
}

fn stored(app: &TestApp) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for run in runs(app) {
        *counts.entry(run.slug).or_default() += 1;
    }
    counts
}

/// What those that are probed have counted.
fn counted(probed: &[&Receiver]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in probed.iter().flat_map(|it| it.seen()) {
        let path = request.head.split_whitespace().nth(1).unwrap().to_owned();
        *counts.entry(path[1..].to_owned()).or_default() += 1;
    }
    counts
}

/// No slot was run twice.
fn each_slot_once(app: &TestApp) {
    let mut slots = BTreeSet::new();
    for run in runs(app) {
        let slot = next_slot(run.at, INTERVAL_MS, run.probe.as_bytes());
        assert!(
            slots.insert((run.slug.clone(), slot)),
            "{} twice at {slot}",
            run.slug
        );
    }
}

fn count(app: &TestApp, of: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = format!("SELECT count(*) FROM {of}");
    let count: Count = sql_query(query)
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    count.count
}

/// As many webhooks as mails.
fn enqueue(app: &TestApp, end: EndpointId, name: &str, each: usize) {
    write(app, |tx| {
        for n in 0..each {
            let webhook = to(Destination::Endpoint(end), &format!("{name} webhook {n}"));
            actions::enqueue(tx, &webhook)?;
            actions::enqueue(tx, &mail(&format!("{name} mail {n}")))?;
        }
        Ok(())
    });
}

/// How often each webhook came, by its id.
fn webhooks(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for request in receiver.seen() {
        *times.entry(request.header("webhook-id")).or_default() += 1;
    }
    times
}

fn mails(server: &MailServer) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for mail in server.taken() {
        *times.entry(mail.header("Message-ID")).or_default() += 1;
    }
    times
}

#[actix_web::test]
async fn two_replicas_run_each_slot_and_send_each_notice_once() {
    const ROUND: usize = 10;
    const LAST: usize = 5;
    let (probed, broken) = (
        Receiver::start(Habit::Answer(200)),
        Receiver::start(Habit::Answer(500)),
    );
    let (receiver, server) = (Receiver::start(Habit::Answer(200)), MailServer::start());
    let mut app = TestApp::start().await;
    app.services = services_at(Mode::Serve, 0, &app.db.app_url, Clock::system());
    let end = endpoint_at(&app, &receiver.url());
    let source = pack(probed.port, broken.port, end);
    let actor = Actor::command_line("tester");
    packs::apply(&app.services, &actor, &source, &Given::default()).unwrap();
    let (mut one, mut other) = (Replica::start(&app, &server), Replica::start(&app, &server));
    one.until_it_serves().await;
    other.until_it_serves().await;

    // Both are at it: every slot once, by what is stored and by what those count who are asked.
    let mut first = 0;
    until("both send", async || {
        enqueue(&app, end, &format!("after {first}"), ROUND);
        first += ROUND;
        until("every notice is sent", async || {
            webhooks(&receiver).len() >= first && mails(&server).len() >= first
        })
        .await;
        one.has_sent().await && other.has_sent().await
    })
    .await;
    until("they probe", async || {
        stored(&app).values().filter(|runs| **runs >= 5).count() == PROBES.len()
    })
    .await;
    until("as often as it is stored", async || {
        stored(&app) == counted(&[&probed, &broken])
    })
    .await;
    each_slot_once(&app);
    assert!(
        webhooks(&receiver).values().all(|times| *times == 1),
        "{:?}",
        webhooks(&receiver)
    );
    assert!(
        mails(&server).values().all(|times| *times == 1),
        "{:?}",
        mails(&server)
    );
    assert_eq!(
        count(&app, "alert WHERE labels->>'alertname' = 'api-broken'"),
        1,
        "one lamp"
    );

    // One is killed with its hands full, and the other takes on.
    enqueue(&app, end, "last", LAST);
    drop(one);
    let killed_at = Utc::now();
    tokio::time::sleep(LEASE).await;
    until("the other probes all", async || {
        let late = killed_at + TimeDelta::from_std(LEASE).unwrap();
        let runs = runs(&app);
        PROBES.into_iter().all(|probe| {
            let since = runs.iter().filter(|it| it.slug == probe && it.at > late);
            since.count() >= 2
        })
    })
    .await;
    each_slot_once(&app);
    let (stored, counted) = (stored(&app), counted(&[&probed, &broken]));
    for (probe, runs) in &stored {
        // What the killed one had asked and not yet noted.
        let lost = counted[probe].saturating_sub(*runs);
        assert!(
            counted[probe] >= *runs && lost <= 2,
            "{probe}: {runs} of {}",
            counted[probe]
        );
    }
    // What it held is sent once its lease has run out; the letter of the alert was told to both places.
    end_leases(&app);
    until("nothing is left to send", async || {
        count(&app, "notice WHERE state <> 'delivered'") == 0
    })
    .await;
    for (times, name) in [(webhooks(&receiver), "webhooks"), (mails(&server), "mails")] {
        assert_eq!(times.len(), first + LAST + 1, "{name}: {times:?}");
        let twice = times.values().filter(|times| **times > 1).count();
        assert!(twice <= LAST, "{name} that were under way: {times:?}");
    }
    let of_alert = server.taken();
    let of_alert = of_alert
        .iter()
        .filter(|it| it.header("Subject").contains("The API is broken"));
    assert_eq!(of_alert.count(), 1, "the alert is told once");
    drop(other);
}
