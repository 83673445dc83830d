//! Logs: from files and senders to the page, the counts and the lamp.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use chrono::{SubsecRound as _, TimeDelta};
use diesel::prelude::*;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::logs::{actions, store};
use signalbox::foundation::auth::keys::KeyScope;
use signalbox::foundation::db::PoolKind;
use signalbox::foundation::db::schema::{log_count, log_line, log_source};
use signalbox::foundation::kernel::Scope;

use crate::packs::apply;
use crate::support::app::TestApp;
use crate::support::keys::Program;

const PACK: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "api"
name = "API"

[[log_source]]
id = "app"
name = "Application"
service = "api"
component = "api"
files = "FILES"
keep = "30d"

[[error_code]]
id = "LEGAL_001"
name = "Legal database unavailable"
runbook = "mend"

[[rule]]
id = "log-errors"
name = "Many errors in the log"
on.log = { source = "app", level = "error", within = "24h" }
yellow = { above = 10 }
runbook = "mend"

[[runbook]]
id = "mend"
title = "Mend it"
owner = "operations"
version = "1"
next_review = "2027-05-20"
steps = ["Mend it."]
"#;

struct Ground {
    app: TestApp,
    folder: tempfile::TempDir,
    sources: Vec<actions::Source>,
}

impl Ground {
    async fn with_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("app.log*").display().to_string();
        Self::of(folder, &files).await
    }

    async fn with_senders() -> Self {
        Self::of(tempfile::tempdir().unwrap(), "").await
    }

    async fn of(folder: tempfile::TempDir, files: &str) -> Self {
        let app = TestApp::start().await;
        apply(&app, &PACK.replace("FILES", files));
        let sources = actions::enrol(&app.services).unwrap();
        let ground = Self {
            app,
            folder,
            sources,
        };
        // The first look finds where the files end.
        ground.read();
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, text: &str) {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(self.path("app.log"));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(&self) -> usize {
        actions::read_files(&self.app.services, &self.sources[0]).unwrap()
    }

    fn messages(&self) -> Vec<String> {
        let mut conn = self.app.db.connect_superuser();
        let lines = log_line::table.order(log_line::id);
        lines.select(log_line::message).load(&mut conn).unwrap()
    }

    fn tick(&self) -> Vec<String> {
        self.app.advance(TimeDelta::seconds(2));
        evaluate::tick(&self.app.services).unwrap();
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let lit = self.app.services.db.read(open).unwrap();
        lit.into_iter().map(|alert| alert.summary).collect()
    }
}

fn sender(app: &TestApp) -> Program {
    app.program(&[KeyScope::LogsWrite])
}

/// FC-5
#[actix_web::test]
async fn more_than_ten_errors_in_a_day_light_their_lamp_and_it_goes_out_a_day_later() {
    let ground = Ground::with_files().await;
    ground.write(&"ERROR it broke\n  with a trace\nINFO fine\n".repeat(10));
    assert_eq!(ground.read(), 20);
    assert_eq!(ground.tick(), [""; 0], "ten are not more than ten");
    ground.write("CRITICAL worse than an error\n");
    ground.read();
    let lit = ground.tick();
    assert_eq!(
        lit,
        ["lines at error or worse in the log app within 1d is 11, above 10"]
    );
    ground.app.advance(TimeDelta::hours(25));
    ground.read();
    assert_eq!(ground.tick(), [""; 0]);
}

/// A log that cannot be read says nothing: neither that there are errors nor that there are none.
#[actix_web::test]
async fn a_log_that_cannot_be_read_changes_no_lamp_and_says_so_on_its_page() {
    let ground = Ground::with_files().await;
    ground.write(&"ERROR it broke\n".repeat(11));
    ground.read();
    assert_eq!(ground.tick().len(), 1);
    fs::remove_dir_all(ground.folder.path()).unwrap();
    ground.app.advance(TimeDelta::hours(25));
    ground.read();
    assert_eq!(ground.tick().len(), 1, "whatever was, stays");
    let page = ground.app.as_operator().get("/logs").await;
    assert_eq!(page.heading(), "1 of 1 log cannot be read");
    assert!(page.says("does not exist"));
}

#[actix_web::test]
async fn each_line_is_kept_once_by_however_many_at_once() {
    let ground = Ground::with_files().await;
    ground.write(&"INFO one of many\n".repeat(200));
    let (services, source) = (&ground.app.services, &ground.sources[0]);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| actions::read_files(services, source).unwrap());
        }
    });
    ground.read();
    assert_eq!(ground.messages().len(), 200);
    let mut conn = ground.app.db.connect_superuser();
    let counted: Vec<i64> = log_count::table
        .select(log_count::lines)
        .load(&mut conn)
        .unwrap();
    assert_eq!(counted.iter().sum::<i64>(), 200);
}

/// Whoever dies in the middle of a turn has kept nothing, and what was read is read again when the turn is over.
#[actix_web::test]
async fn a_turn_that_was_never_finished_is_taken_by_another() {
    let ground = Ground::with_files().await;
    ground.write("INFO once\n");
    let (services, id) = (&ground.app.services, ground.sources[0].item.id);
    let now = services.clock.now();
    let claimed = services
        .audit
        .write_unaudited(signalbox::foundation::audit::Unaudited::LogLine, |conn| {
            store::claim(conn, id, now, now + TimeDelta::seconds(30))
        });
    let dead = claimed.unwrap().expect("nobody had it");
    assert_eq!(ground.read(), 0, "somebody else is at it");
    ground.app.advance(TimeDelta::seconds(31));
    assert_eq!(ground.read(), 1);
    let look = store::Look {
        seen: None,
        trouble: None,
    };
    let late = services
        .audit
        .write_unaudited(signalbox::foundation::audit::Unaudited::LogLine, |conn| {
            store::release(conn, id, dead, look)
        });
    assert!(!late.unwrap(), "its turn is over");
    assert_eq!(ground.messages(), ["INFO once"]);
}

#[actix_web::test]
async fn what_senders_hand_in_is_read_masked_and_counted() {
    let ground = Ground::with_senders().await;
    let program = sender(&ground.app);
    let at = ground.app.now().trunc_subsecs(0);
    let lines = [
        json!({"timestamp": at, "level": "error", "message": "Search is away: LEGAL_001", "context": {"component": "search", "latency_ms": 9_500}}),
        json!({"level": "info", "msg": "in", "password": "hunter2", "card": "4111 1111 1111 1111"}),
        json!({"level": "info", "msg": "SAR for C-1 is due"}),
    ];
    let body = serde_json::to_string(&lines).unwrap();
    let answer = program.post("/api/v1/logs?source=app", &body).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"lines": 2})));

    let operator = ground.app.as_operator();
    let page = operator.get("/logs").await;
    assert_eq!(page.heading(), "1 error in an hour");
    let rows = page.table("Lines, newest first");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(!page.body.contains("hunter2") && !page.body.contains("4111"));
    assert!(!page.body.contains("C-1"), "nobody learns of a report");
    let codes = page.table("Error codes, most frequent first");
    assert_eq!(codes[0][0], "LEGAL_001");
    assert!(codes[0][1].starts_with("Legal database unavailable"));

    // LT-16: errors, latency, and words.
    for (query, found) in [
        ("level=error", 1),
        ("slower=9000", 1),
        ("slower=9600", 0),
        ("text=search", 1),
        ("text=%25", 0),
        ("component=search", 1),
        ("code=LEGAL_001", 1),
        ("within=15m&until=1999-01-01T00:00", 0),
    ] {
        let page = operator.get(&format!("/logs?{query}")).await;
        let rows = page.texts("#lines tbody tr").len();
        assert_eq!(rows, found, "{query}");
    }
    let wrong = operator.get("/logs?slower=soon&text=kept").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.says("such as 500"));
    assert_eq!(wrong.field("Text").value, "kept");
    let auditor = ground.app.as_auditor().get("/logs").await;
    assert_eq!(auditor.status, 200);
    assert_eq!(ground.app.as_reviewer().get("/logs").await.status, 403);
}

#[actix_web::test]
async fn a_delivery_with_a_name_is_taken_once() {
    let ground = Ground::with_senders().await;
    let program = sender(&ground.app);
    let path = "/api/v1/logs?source=app";
    let send = async |body: &'static str| {
        program
            .request(Method::POST, path)
            .header("content-type", "text/plain")
            .header("idempotency-key", "a")
            .body(body)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let sent = join_all((0..4).map(|_| send("INFO once\nINFO only"))).await;
    assert_eq!(sent, [202; 4]);
    assert_eq!(ground.messages(), ["INFO once", "INFO only"]);
    assert_eq!(send("INFO other").await, 409);
}

#[actix_web::test]
async fn a_key_hands_in_where_it_reaches_and_nowhere_else() {
    let ground = Ground::with_senders().await;
    let program = sender(&ground.app);
    let status = async |query: &str| {
        program
            .post(&format!("/api/v1/logs{query}"), "[]")
            .await
            .status
    };
    assert_eq!(status("?source=app").await, 202);
    assert_eq!(status("?source=app&platform=demo").await, 202);
    assert_eq!(status("?source=nothing").await, 404);
    assert_eq!(status("?source=app&platform=elsewhere").await, 400);
    assert_eq!(status("").await, 400);
    assert_eq!(
        program.post("/api/v1/logs?source=app", "{").await.status,
        400
    );
    let other = ground.app.program(&[KeyScope::AlertsRead]);
    assert_eq!(
        other.post("/api/v1/logs?source=app", "[]").await.status,
        403
    );
}

/// RH-13, DO-21: lines go when their pack says, and with them what was counted.
#[actix_web::test]
async fn lines_are_kept_for_as_long_as_their_pack_says() {
    let ground = Ground::with_files().await;
    ground.write("INFO old\n");
    ground.read();
    ground.app.advance(TimeDelta::days(29));
    ground.write("INFO young\n");
    ground.read();
    ground.app.advance(TimeDelta::days(2));
    let now = ground.app.now();
    let gone = ground
        .app
        .services
        .audit
        .write_unaudited(signalbox::foundation::audit::Unaudited::Expiry, |conn| {
            store::purge(conn, now, 100)
        });
    assert_eq!(gone.unwrap(), 1);
    assert_eq!(ground.messages(), ["INFO young"]);
    let mut conn = ground.app.db.connect_superuser();
    let counts: i64 = log_count::table.count().get_result(&mut conn).unwrap();
    assert_eq!(counts, 1);
}

/// A pack that stops naming a log leaves its lines for a while, and nothing reads its files any more.
#[actix_web::test]
async fn a_log_that_is_retired_is_not_read() {
    let ground = Ground::with_files().await;
    let pack = PACK.replace("FILES", "");
    let start = pack.find("[[log_source]]").unwrap();
    let end = pack.find("[[error_code]]").unwrap();
    let rule = pack.find("[[rule]]").unwrap();
    let runbook = pack.find("[[runbook]]").unwrap();
    let without = format!("{}{}{}", &pack[..start], &pack[end..rule], &pack[runbook..]);
    apply(&ground.app, &without);
    assert!(actions::enrol(&ground.app.services).unwrap().is_empty());
    let sources: i64 = ground
        .app
        .services
        .db
        .read_on(PoolKind::Jobs, |conn| {
            log_source::table
                .count()
                .get_result(conn)
                .map_err(signalbox::foundation::db::Error::from)
        })
        .unwrap();
    assert_eq!(sources, 1);
    let page = ground.app.as_operator().get("/logs").await;
    assert_eq!(page.heading(), "Logs");
    assert!(page.says("No log is read yet"));
}

/// A sender that has died is no day without errors.
#[actix_web::test]
async fn a_sender_that_falls_silent_puts_no_lamp_out() {
    let app = TestApp::start().await;
    let pack = PACK.replace("files = \"FILES\"", "expect_every = \"1h\"");
    apply(&app, &pack);
    actions::enrol(&app.services).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground {
        app,
        folder,
        sources: Vec::new(),
    };
    let lines: Vec<_> = (0..11)
        .map(|_| json!({"level": "error", "message": "away"}))
        .collect();
    let lines = serde_json::to_string(&lines).unwrap();
    let answer = sender(&ground.app)
        .post("/api/v1/logs?source=app", &lines)
        .await;
    assert_eq!(answer.status, 202);
    assert_eq!(ground.tick().len(), 1);
    ground.app.advance(TimeDelta::hours(25));
    assert_eq!(ground.tick().len(), 1, "nobody knows what became of it");
    let page = ground.app.as_operator().get("/logs").await;
    assert!(page.says("Its senders are silent"), "{}", page.text());
}
