//! The audit log as an auditor meets it.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::verify::{self, Outside};
use signalbox::foundation::audit::{Actor, Event, Log, Outcome, Subject};
use signalbox::foundation::auth::Role as Duty;
use signalbox::foundation::auth::people::{self, NewPerson, Refusal};
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::schema::{audit_inbox, platform};
use signalbox::foundation::kernel::{PlatformId, Scope};

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

/// What an event carries stands in a row beneath it, which has no number.
fn numbers(page: &Page) -> Vec<String> {
    page.table("Events, newest first")
        .into_iter()
        .map(|row| row[0].clone())
        .filter(|number| number.starts_with('#'))
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
    let rows = denied.table("Events, newest first");
    assert!(
        rows[0].len() == 6 && rows[0][2].contains("Denied"),
        "{rows:?}"
    );
    let beneath = &rows[1][1];
    assert!(beneath.contains("alert(1)"), "{beneath}");
    let one = auditor
        .get("/audit?subject=17&from=2026-03-02&until=2026-03-02")
        .await;
    assert_eq!(numbers(&one).len(), 1);
    let none = auditor.get("/audit?from=2026-03-03").await;
    assert!(none.says("No event fits the filter"));
    assert_eq!(auditor.get("/audit?from=yesterday").await.status, 400);
    for refused in [
        "cursor=rubbish",
        "subject=%00",
        "actor=a%00%40b",
        "action=%07",
        "from=-9999-01-01",
        "until=%2B99999-01-01",
        "platform=all",
    ] {
        let page = auditor.get(&format!("/audit?{refused}")).await;
        assert_eq!(page.status, 400, "{refused}");
    }
    let posted = auditor
        .post_form("/audit/exports", &[("format", "csv"), ("subject", "a\0b")])
        .await;
    assert_eq!(posted.status, 400);
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
        page.says("and what is shown is what they say"),
        "{}",
        page.text()
    );
    assert!(page.says("does not check who signed"));
    for none in ["999999", "9223372036854775807", "18446744073709551615"] {
        let path = format!("/audit/events/{none}");
        assert_eq!(auditor.get(&path).await.status, 404, "{none}");
    }
    seal(&app);
    let read = auditor.get("/audit?action=audit_log.event_read").await;
    assert_eq!(numbers(&read).len(), 1, "what is not there was not read");

    // What is shown stands in the columns, and a column can be changed without the tree.
    let idx = numbers(&list)[0].trim_start_matches('#').to_owned();
    let path = format!("/audit/events/{idx}");
    app.deliberately_damaged();
    let mut superuser = app.db.connect_superuser();
    let mut attack = |sql: String| superuser.batch_execute(&sql).unwrap();
    attack(format!(
        "UPDATE audit_log SET actor_id = 'another' WHERE idx = {idx}"
    ));
    let page = auditor.get(&path).await;
    assert!(
        page.says("The column actor_id is not what its bytes say"),
        "{}",
        page.text()
    );
    // Nor does a root count that stands beside the signed note.
    attack(format!(
        "UPDATE audit_log SET actor_id = 'test.job', body = convert_to(replace(convert_from(body, 'UTF8'), \
         'script', 'skript'), 'UTF8') WHERE idx = {idx}; UPDATE audit_checkpoint SET root = sha256('')"
    ));
    let page = auditor.get(&path).await;
    assert!(
        page.says("Its bytes are not in the tree"),
        "{}",
        page.text()
    );
    assert!(!page.says("what is shown is what they say"));
}

async fn make(app: &TestApp, auditor: &Client, format: &str, filter: &[(&str, &str)]) -> Page {
    let mut fields = vec![("format", format)];
    fields.extend(filter);
    let asked = auditor.post_form("/audit/exports", &fields).await;
    let path = auditor.get(asked.location()).await.link("Continue");
    assert!(auditor.get(&path).await.says("Being made"));
    app.run_jobs();
    let done = auditor.get(&path).await;
    assert!(done.says("Ready"), "{}", done.text());
    auditor.get(&done.link("Download")).await
}

/// A column that a superuser has put beyond every calendar costs nobody the list or an export of it.
#[actix_web::test]
async fn a_moment_beyond_all_is_shown_at_the_border() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    record(&app, &Actor::job("test.job"), 2);
    seal(&app);
    app.deliberately_damaged();
    app.db
        .connect_superuser()
        .batch_execute("UPDATE audit_log SET recorded_at = 'infinity' WHERE actor_id = 'test.job'")
        .unwrap();
    let list = auditor.get("/audit?actor=test.job").await;
    assert_eq!(list.status, 200);
    assert_eq!(numbers(&list).len(), 2);
    assert!(list.body.contains("9999-12-31T23:59:59"));
    let file = make(&app, &auditor, "csv", &[("actor", "test.job")]).await;
    assert_eq!(file.body.matches("9999-12-31T23:59:59").count(), 2);
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
    let path = auditor.get(asked.location()).await.link("Continue");
    let path = format!("{path}/file");
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
        keys: vec![signer().verification_key()],
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
        "An erasure that nobody asked for",
        "--vkey NEW --vkey OLD",
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

fn add_platform(app: &TestApp, slug: &str) -> PlatformId {
    let id = PlatformId::new();
    diesel::insert_into(platform::table)
        .values((
            platform::id.eq(id.uuid()),
            platform::slug.eq(slug),
            platform::name.eq(slug),
            platform::created_at.eq(app.now()),
        ))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    id
}

/// An auditor of one platform.
fn limited_auditor(app: &TestApp, platform: PlatformId) -> Client {
    let new = NewPerson {
        email: "limited@test.example".to_owned(),
        name: "Limited auditor".to_owned(),
        roles: vec![Duty::Auditor],
        scope: Scope::one(platform),
        demo: false,
    };
    app.services
        .audit
        .write::<_, Refusal>(&Actor::command_line("test"), |tx| people::add(tx, &new))
        .unwrap();
    app.sign_in_as("limited@test.example", "Limited auditor", &[Duty::Auditor])
}

fn record_at(app: &TestApp, platform: PlatformId) {
    app.advance(chrono::Duration::microseconds(1));
    let event = Event::new("test.placed", Subject::new("note", platform)).platform(platform);
    let recorded: db::Result<()> = app
        .services
        .audit
        .write(&Actor::job("test.job"), |tx| tx.record(event).map(drop));
    recorded.unwrap();
}

#[actix_web::test]
async fn an_auditor_of_one_platform_sees_its_events_and_no_others() {
    let app = TestApp::start().await;
    let (here, there) = (add_platform(&app, "north"), add_platform(&app, "south"));
    record(&app, &Actor::job("test.job"), 3);
    record_at(&app, here);
    record_at(&app, there);
    let all = app.as_auditor();
    let limited = limited_auditor(&app, here);
    seal(&app);

    let whole = all.get("/audit?actor=test.job").await;
    assert_eq!(numbers(&whole).len(), 5);
    let part = limited.get("/audit?actor=test.job").await;
    assert_eq!(numbers(&part).len(), 1);
    assert!(!part.says("south"), "{}", part.text());
    let elsewhere = limited.get(&format!("/audit?platform={there}")).await;
    assert!(elsewhere.says("No event fits the filter"));
    for (row, status) in [(0, 404), (1, 200), (2, 404)] {
        let path = format!(
            "/audit/events/{}",
            numbers(&whole)[row].trim_start_matches('#')
        );
        assert_eq!(limited.get(&path).await.status, status, "{path}");
        assert_eq!(all.get(&path).await.status, 200, "{path}");
    }

    let form = limited.get("/audit/exports").await;
    assert!(!form.says("Verifiable: the whole log"), "{}", form.text());
    let refused = limited
        .post_form("/audit/exports", &[("format", "verifiable")])
        .await;
    assert_eq!(refused.status, 409);
    assert!(refused.says("A verifiable export is the whole log"));
    let file = make(&app, &limited, "ndjson", &[]).await;
    assert_eq!(file.body.lines().count(), 1);
    let asked = all.post_form("/audit/exports", &[("format", "csv")]).await;
    let of_all = all.get(asked.location()).await.link("Continue");
    app.run_jobs();
    for path in [of_all.clone(), format!("{of_all}/file")] {
        assert_eq!(limited.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(
        limited
            .get("/audit/exports")
            .await
            .table("Exports, newest first")
            .len(),
        1
    );
    assert_eq!(
        all.get("/audit/exports")
            .await
            .table("Exports, newest first")
            .len(),
        2
    );
}

#[actix_web::test]
async fn a_receipt_waits_until_the_event_is_sealed() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    let asked = auditor
        .post_form("/audit/exports", &[("format", "csv")])
        .await;
    let receipt = asked.location().to_owned();
    assert!(receipt.starts_with("/audit/receipts/"));
    assert!(auditor.get(&receipt).await.says("Waiting until sealed"));
    seal(&app);
    let page = auditor.get(&receipt).await;
    assert!(
        page.says("Sealed") && page.says("audit_log.export_requested"),
        "{}",
        page.text()
    );
    assert_eq!(
        app.as_operator().get(&receipt).await.status,
        404,
        "it is somebody else's"
    );
    let foreign = receipt.split('?').next().unwrap().to_owned() + "?then=//elsewhere.example";
    assert_eq!(auditor.get(&foreign).await.link("Continue"), "/");
    let nobodys = format!("/audit/receipts/{}", uuid::Uuid::nil());
    assert_eq!(auditor.get(&nobodys).await.status, 404);
    app.run_jobs();
}

#[actix_web::test]
async fn of_readings_at_once_one_is_recorded() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    let readings = (0..8).map(|_| auditor.get("/audit?actor=test.job"));
    for page in futures_util::future::join_all(readings).await {
        assert_eq!(page.status, 200);
    }
    let bodies: Vec<Vec<u8>> = audit_inbox::table
        .select(audit_inbox::body)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    let searched = bodies
        .iter()
        .filter(|body| String::from_utf8_lossy(body).contains("audit_log.searched"));
    assert_eq!(searched.count(), 1);
}
