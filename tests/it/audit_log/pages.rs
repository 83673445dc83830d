//! The audit log as an auditor meets it.

use std::path::Path;

use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::verify::{self, Outside};
use signalbox::foundation::audit::{Actor, Event, Log, Outcome, Subject};
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;

use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

fn signer() -> CheckpointSigner {
    CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap()
}

fn seal(app: &TestApp) {
    let mut conn = app.db.connect(Role::Sealer);
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer(), app.now()).unwrap();
    sealer
        .seal(&mut conn, &signer(), app.now(), 10_000)
        .unwrap();
}

fn record(app: &TestApp, actor: &Actor, count: u32) {
    for number in 0..count {
        app.advance(chrono::Duration::microseconds(1));
        let outcome = if number % 10 == 3 {
            Outcome::Denied
        } else {
            Outcome::Success
        };
        let event = Event::new("test.noted", Subject::new("note", number))
            .outcome(outcome)
            .detail("text", "<script>alert(1)</script>");
        let recorded: db::Result<()> = app
            .services
            .audit
            .write(actor, |tx| tx.record(event).map(drop));
        recorded.unwrap();
    }
}

fn numbers(page: &Page) -> Vec<String> {
    page.table("Events, newest first")
        .into_iter()
        .map(|row| row[0].clone())
        .collect()
}

#[actix_web::test]
async fn the_list_pages_by_index_and_filters() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    record(&app, &Actor::job("test.job"), 120);
    seal(&app);

    let first = auditor.get("/audit?actor=test.job").await;
    assert_eq!((first.status, first.heading().as_str()), (200, "Audit log"));
    assert!(first.says("Sealed to #"));
    let shown = numbers(&first);
    assert_eq!(shown.len(), 50);
    let second = auditor.get(&first.link("Next")).await;
    let third = auditor.get(&second.link("Next")).await;
    let all: Vec<_> = [&first, &second, &third]
        .into_iter()
        .flat_map(numbers)
        .collect();
    assert_eq!(all.len(), 120);
    assert_eq!(numbers(&auditor.get(&second.link("Previous")).await), shown);
    assert!(!first.body.contains("<script>alert"));

    let denied = auditor.get("/audit?action=test.noted&outcome=denied").await;
    assert_eq!(numbers(&denied).len(), 12);
    let one = auditor
        .get("/audit?subject=17&from=2026-03-02&until=2026-03-02")
        .await;
    assert_eq!(numbers(&one).len(), 1);
    let none = auditor.get("/audit?from=2026-03-03").await;
    assert!(none.says("No event fits the filter"));
    assert_eq!(auditor.get("/audit?from=yesterday").await.status, 400);
    assert_eq!(auditor.get("/audit?cursor=rubbish").await.status, 400);
}

#[actix_web::test]
async fn reading_is_recorded_once_in_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    for path in ["/audit", "/audit", "/audit?actor=Somebody%20Named"] {
        assert_eq!(auditor.get(path).await.status, 200);
    }
    seal(&app);
    let searches = |page: &Page| numbers(page).len();
    let found = auditor.get("/audit?action=audit_log.searched").await;
    assert_eq!(searches(&found), 2);
    assert!(
        !found.says("Somebody Named"),
        "a typed name stands in the log"
    );
    app.advance(chrono::Duration::minutes(16));
    let again = app.as_auditor();
    again.get("/audit").await;
    seal(&app);
    assert_eq!(
        searches(
            &again
                .get("/audit?action=audit_log.searched&outcome=success")
                .await
        ),
        4
    );
}

#[actix_web::test]
async fn an_event_shows_its_proof() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    record(&app, &Actor::job("test.job"), 5);
    seal(&app);
    let list = auditor.get("/audit?actor=test.job").await;
    let page = auditor
        .get(&format!(
            "/audit/events/{}",
            numbers(&list)[0].trim_start_matches('#')
        ))
        .await;
    assert_eq!(page.status, 200);
    assert!(
        page.says("The event is in the signed tree"),
        "{}",
        page.text()
    );
    assert_eq!(auditor.get("/audit/events/999999").await.status, 404);
}

async fn make(app: &TestApp, auditor: &Client, format: &str, filter: &[(&str, &str)]) -> Page {
    let mut fields = vec![("format", format)];
    fields.extend(filter);
    let asked = auditor.post_form("/audit/exports", &fields).await;
    let path = asked.location().to_owned();
    assert!(auditor.get(&path).await.says("Being made"));
    app.run_jobs();
    let done = auditor.get(&path).await;
    assert!(done.says("Ready"), "{}", done.text());
    auditor.get(&done.link("Download")).await
}

#[actix_web::test]
async fn csv_and_ndjson_hold_what_the_filter_left() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    record(&app, &Actor::job("=cmd()"), 30);
    record(&app, &Actor::job("other"), 5);
    seal(&app);
    let csv = make(&app, &auditor, "csv", &[("actor", "=cmd()")]).await;
    assert_eq!(csv.body.lines().count(), 31);
    assert!(csv.body.contains(",'=cmd(),"));
    let ndjson = make(
        &app,
        &auditor,
        "ndjson",
        &[("actor", "=cmd()"), ("outcome", "denied")],
    )
    .await;
    assert_eq!(ndjson.body.lines().count(), 3);
    assert_eq!(
        auditor
            .post_form("/audit/exports", &[("format", "exe")])
            .await
            .status,
        400
    );
}

#[actix_web::test]
async fn the_verifiable_export_unpacks_and_verifies() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    record(&app, &Actor::job("test"), 300);
    seal(&app);
    let asked = auditor
        .post_form("/audit/exports", &[("format", "verifiable")])
        .await;
    app.run_jobs();
    let path = format!("{}/file", asked.location());
    let bytes = auditor
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    unpack(&bytes, folder.path());
    let outside = Outside {
        key: Some(signer().verification_key()),
        anchors: Vec::new(),
        now: app.now(),
    };
    let report = verify::verify(&folder.path().join("signalbox-audit"), &outside).unwrap();
    assert!(report.to >= 300);
}

fn unpack(bytes: &[u8], folder: &Path) {
    let packed = folder.join("packed.tar");
    std::fs::write(&packed, bytes).unwrap();
    let tar = std::process::Command::new("tar")
        .arg("-xf")
        .arg(&packed)
        .arg("-C")
        .arg(folder)
        .status();
    assert!(tar.unwrap().success());
}

#[actix_web::test]
async fn the_verify_page_says_what_cannot_be_seen() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    seal(&app);
    let page = auditor.get("/audit/verify").await;
    for said in [
        "Deletion before sealing",
        "Lies at the source",
        "A cut tail",
        "one system user runs everything",
        "signalbox audit key",
        "python3 tools/verify_audit.py",
    ] {
        assert!(page.says(said), "{said}");
    }
}

#[actix_web::test]
async fn who_may_not_read_the_log_does_not() {
    let app = TestApp::start().await;
    for path in [
        "/audit",
        "/audit/events/0",
        "/audit/exports",
        "/audit/verify",
    ] {
        assert_eq!(app.as_operator().get(path).await.status, 403, "{path}");
    }
    let admin = app.as_admin();
    assert_eq!(admin.get("/audit").await.status, 200);
    assert_eq!(admin.get("/audit/exports").await.status, 403);
}
