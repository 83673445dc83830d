//! Auditors: a time box, dates of the log, and queues.

use chrono::{DateTime, TimeDelta, Utc};
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::{Actor, Event, Log, Subject};
use signalbox::foundation::auth::Role;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role as DbRole;
use uuid::Uuid;

use super::{approve, waiting};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;
use crate::support::subjects;

fn seal(app: &TestApp) {
    let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
    let mut conn = app.db.connect(DbRole::Sealer);
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer, app.now()).unwrap();
    sealer.seal(&mut conn, &signer, app.now(), 10_000).unwrap();
}

fn note(app: &TestApp, id: &str) -> Uuid {
    let noted: db::Result<Uuid> = app.services.audit.write(&Actor::job("test.job"), |tx| {
        tx.record(Event::new("test.noted", Subject::new("note", id)))
    });
    noted.unwrap()
}

fn until(app: &TestApp, text: &str) {
    let at: DateTime<Utc> = text.parse().unwrap();
    app.advance(at - app.now());
}

/// An auditor whom two administrators have let in with these limits.
async fn auditor(app: &TestApp, limits: &[(&str, &str)]) -> Client {
    let admin = app.as_admin();
    let mut fields = vec![
        ("email", "visitor@audit.example"),
        ("name", "Visiting auditor"),
        ("role", "auditor"),
        ("platform", "all"),
        ("ends", "2026-04-30"),
        ("reason", "yearly audit of March"),
    ];
    fields.extend(limits);
    let invited = admin.post_form("/people/invitation", &fields).await;
    assert_eq!(invited.status, 200, "{}", invited.text());
    let approved = approve(&app.second_admin(), &waiting(&admin).await).await;
    assert_eq!(approved.status, 303, "{}", approved.text());
    visitor(app)
}

fn visitor(app: &TestApp) -> Client {
    app.sign_in_as(
        "visitor@audit.example",
        "Visiting auditor",
        &[Role::Auditor],
    )
}

fn numbers(page: &Page) -> Vec<String> {
    page.texts("#events tbody th")
}

/// The test clock starts on 2 March 2026 at 09:00.
#[actix_web::test]
async fn an_auditor_sees_the_dates_of_the_audit_and_nothing_else() {
    let app = TestApp::start().await;
    let before = note(&app, "before");
    until(&app, "2026-03-10T00:00:00Z");
    let first = note(&app, "first");
    until(&app, "2026-03-12T23:59:59Z");
    let last = note(&app, "last");
    until(&app, "2026-03-13T00:00:00Z");
    let after = note(&app, "after");
    let dates = [
        ("log_from", "2026-03-10"),
        ("log_until", "2026-03-12"),
        ("queue", "all"),
    ];
    let visitor = auditor(&app, &dates).await;
    seal(&app);

    let list = visitor.get("/audit?action=test.noted").await;
    assert_eq!(numbers(&list).len(), 2, "{}", list.text());
    assert!(list.says("Your audit is limited to events"));
    assert!(list.body.contains("last") && !list.body.contains(">after<"));
    let wider = visitor
        .get("/audit?action=test.noted&from=2026-01-01&until=2026-12-31")
        .await;
    assert_eq!(
        numbers(&wider),
        numbers(&list),
        "asking for more gives no more"
    );
    let narrower = visitor
        .get("/audit?action=test.noted&until=2026-03-11")
        .await;
    assert_eq!(numbers(&narrower).len(), 1);
    assert_eq!(
        numbers(&app.as_auditor().get("/audit?action=test.noted").await).len(),
        4
    );

    let place = |event: Uuid| {
        let found: db::Result<_> = app
            .services
            .db
            .read(|conn| signalbox::foundation::audit::store::index_of(conn, Log::Main, event));
        found.unwrap().unwrap()
    };
    for (event, status) in [(before, 404), (first, 200), (last, 200), (after, 404)] {
        let path = format!("/audit/events/{}", place(event));
        assert_eq!(visitor.get(&path).await.status, status, "{path}");
        let receipt = format!("/audit/receipts/{event}");
        assert_eq!(visitor.get(&receipt).await.status, status, "{receipt}");
        assert_eq!(app.as_auditor().get(&path).await.status, 200);
    }
    let person = app
        .as_admin()
        .get(&format!("/people/{}", visitor.person))
        .await;
    assert!(
        person.says("the log from 10 Mar 2026 to 12 Mar 2026"),
        "{}",
        person.text()
    );
    assert!(person.says("yearly audit of March"));
}

#[actix_web::test]
async fn exports_are_cut_to_the_dates_and_the_whole_log_is_refused() {
    let app = TestApp::start().await;
    note(&app, "before");
    until(&app, "2026-03-10T00:00:00Z");
    note(&app, "within");
    until(&app, "2026-03-13T00:00:00Z");
    note(&app, "after");
    let dates = [
        ("log_from", "2026-03-10"),
        ("log_until", "2026-03-12"),
        ("queue", "all"),
    ];
    let visitor = auditor(&app, &dates).await;
    seal(&app);
    let page = visitor.get("/audit/exports").await;
    assert!(!page.says("Verifiable: the whole log"));
    let whole = visitor
        .post_form("/audit/exports", &[("format", "verifiable")])
        .await;
    assert_eq!(whole.status, 409);
    assert!(whole.says("limited to some dates"), "{}", whole.text());

    let asked = visitor
        .post_form(
            "/audit/exports",
            &[("format", "csv"), ("action", "test.noted")],
        )
        .await;
    let export = |page: &Page| page.location().split("then=").nth(1).unwrap().to_owned();
    let theirs = export(&asked);
    let filter = [("format", "csv"), ("action", "test.noted")];
    let others = export(&app.as_auditor().post_form("/audit/exports", &filter).await);
    let dated = [
        ("format", "verifiable"),
        ("from", "2026-03-10"),
        ("until", "2026-03-12"),
    ];
    let proof = export(&app.as_auditor().post_form("/audit/exports", &dated).await);
    app.run_jobs();
    let file = visitor.get(&format!("{theirs}/file")).await;
    assert_eq!(file.status, 200);
    assert!(file.body.contains("within"), "{}", file.body);
    assert!(
        !file.body.contains("before") && !file.body.contains("after"),
        "{}",
        file.body
    );
    for hidden in [&others, &proof] {
        assert_eq!(visitor.get(hidden).await.status, 404, "{hidden}");
        assert_eq!(visitor.get(&format!("{hidden}/file")).await.status, 404);
        assert_eq!(app.as_auditor().get(hidden).await.status, 200);
    }
    let listed = visitor.get("/audit/exports").await;
    assert!(listed.body.contains(&theirs) && !listed.body.contains(&others));
}

#[actix_web::test]
async fn an_auditor_without_a_queue_sees_no_case() {
    let app = TestApp::start().await;
    subjects::load_demo_list(&app.services);
    let row = "external_id,kind,name,country,pep\nA-1,person,Ada Tester,IR,yes\n";
    subjects::take_in(&app.services, &app.db, row);
    app.run_jobs();
    let all = app.as_auditor();
    let queue = all.get("/reviews").await;
    let cases = queue.table("Cases, what is due first");
    assert_eq!(cases.len(), 1, "{}", queue.text());
    let case = queue.texts("#queue tbody th a").concat();
    let case = queue.link(&case);
    assert_eq!(all.get(&case).await.status, 200);

    let visitor = auditor(&app, &[]).await;
    assert!(visitor.get("/reviews").await.says("The queue is empty"));
    assert_eq!(visitor.get(&case).await.status, 404);
    assert_eq!(
        visitor.get("/audit").await.status,
        200,
        "the log is another thing"
    );
    let person = app
        .as_admin()
        .get(&format!("/people/{}", visitor.person))
        .await;
    assert!(person.says("no review queue"));

    // Let in to that queue, they see it.
    let admin = app.as_admin();
    let fields = [
        ("role", "auditor"),
        ("platform", "all"),
        ("ends", "2026-04-30"),
        ("queue", "kyc"),
        ("reason", "KYC as well"),
    ];
    let path = format!("/people/{}/grant", visitor.person);
    assert_eq!(admin.post_form(&path, &fields).await.status, 303);
    assert_eq!(
        approve(&app.second_admin(), &waiting(&admin).await)
            .await
            .status,
        303
    );
    assert_eq!(self::visitor(&app).get(&case).await.status, 200);
}

#[actix_web::test]
async fn an_audit_ends_by_itself() {
    let app = TestApp::start().await;
    let visitor = auditor(&app, &[("queue", "all")]).await;
    assert_eq!(visitor.get("/audit").await.status, 200);
    until(&app, "2026-04-30T23:59:59Z");
    let session = self::visitor(&app);
    assert_eq!(session.get("/audit").await.status, 200);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(session.get("/audit").await.status, 403);
    for (ends, words) in [
        ("", "An audit has an end"),
        ("2027-06-01", "at most a year"),
    ] {
        let fields = [
            ("role", "auditor"),
            ("platform", "all"),
            ("queue", "all"),
            ("ends", ends),
            ("reason", "more"),
        ];
        let page = app
            .as_admin()
            .post_form(&format!("/people/{}/grant", visitor.person), &fields)
            .await;
        assert_eq!(page.status, 422, "{ends:?}");
        assert!(page.says(words), "{}", page.text());
    }
}
