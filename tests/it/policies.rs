//! Policies: proposed by one, approved by another, never changed.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use serde_json::Value;
use signalbox::app;
use signalbox::features::screening::policy::{LISTS, ListsPolicy};
use signalbox::foundation::auth::Role as Held;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::policy;

use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

const PAGE: &str = "/policy/screening.lists";

fn second_officer(app: &TestApp) -> Client {
    let email = "second-compliance@test.example";
    app.sign_in_as(email, "Test second compliance", &[Held::Compliance])
}

async fn propose(client: &Client, value: &str, from: &str, reason: &str) -> Page {
    let fields = [("value", value), ("effective", from), ("reason", reason)];
    client.post_form(&format!("{PAGE}/proposal"), &fields).await
}

fn percent(app: &TestApp) -> (i32, u16) {
    let found = app
        .services
        .db
        .read(|conn| policy::at::<ListsPolicy>(conn, LISTS, app.services.clock.now()));
    let found = found.unwrap();
    (found.version, found.value.accept_drop_percent)
}

const VALUE: &str = "{\"accept_drop_percent\": 35}";

/// The test clock starts on 2 March 2026 at 09:00.
#[actix_web::test]
async fn a_version_is_proposed_by_one_and_approved_by_another() {
    let app = TestApp::start().await;
    let officer = app.as_compliance();
    let page = officer.get(PAGE).await;
    assert_eq!(page.heading(), "Loading of lists");
    let sent = propose(&officer, VALUE, "2026-03-04", "OFAC merges entries").await;
    assert_eq!(sent.location(), PAGE, "{}", sent.text());
    let page = officer.get(PAGE).await;
    let changes = page.table("What changes");
    assert_eq!(changes, [["accept_drop_percent", "20", "35"]]);
    assert!(page.says("You proposed this, so somebody else has to approve it"));
    assert!(!page.has_button("Approve version 2"));
    assert!(!page.has_button("Propose version"), "one at a time");
    let approval = format!("{PAGE}/2/approval");
    let hash = page.definition("SHA-256 of the proposal");
    let own = officer.post_form(&approval, &[("payload", &hash)]).await;
    assert_eq!(own.status, 409);
    assert!(own.says("You proposed this"));
    let second = second_officer(&app);
    assert!(second.get(PAGE).await.has_button("Approve version 2"));
    let blind = second
        .post_form(&approval, &[("payload", &"00".repeat(32))])
        .await;
    assert_eq!(blind.status, 409, "exactly what was seen");
    assert_eq!(percent(&app), (1, 20));
    let approved = second.post_form(&approval, &[("payload", &hash)]).await;
    assert_eq!(approved.location(), PAGE, "{}", approved.text());
    assert_eq!(percent(&app), (1, 20), "its day has not come");
    assert!(
        second
            .get("/policy")
            .await
            .says("Version 2 from 4 Mar 2026")
    );
    app.advance(TimeDelta::days(2));
    assert_eq!(percent(&app), (2, 35));
    let again = app
        .as_compliance()
        .post_form(&format!("{PAGE}/2/withdrawal"), &[])
        .await;
    assert_eq!(again.status, 409, "answered once");
    for kind in ["policy.proposed", "policy.approved"] {
        let told = app.events_of(kind);
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0]["details"]["payload_sha256"],
            Value::from(hash.clone())
        );
    }
    let auditor = app.as_auditor().get(PAGE).await;
    assert!(auditor.says("OFAC merges entries"));
    assert!(!auditor.has_button("Propose version"));
}

#[actix_web::test]
async fn a_proposal_that_does_not_fit_comes_back_with_its_reasons() {
    let app = TestApp::start().await;
    let officer = app.as_compliance();
    for (value, from, reason, words) in [
        ("{", "2026-03-04", "why", "not well-formed JSON"),
        (
            "{\"accept_drop_percent\": 0}",
            "2026-03-04",
            "why",
            "between 1 and 99",
        ),
        (
            "{\"accept_drop_percent\": 20.5}",
            "2026-03-04",
            "why",
            "does not fit",
        ),
        ("{\"other\": 1}", "2026-03-04", "why", "unknown field"),
        (
            "{\"accept_drop_percent\": 20}",
            "2026-03-04",
            "why",
            "will be in force",
        ),
        (VALUE, "2026-03-02", "why", "a day to come"),
        (VALUE, "soon", "why", "Give the day"),
        (VALUE, "2026-03-04", " ", "Say why"),
    ] {
        let page = propose(&officer, value, from, reason).await;
        assert_eq!(page.status, 422, "{value}");
        let said = page.texts("#problems li").concat();
        assert!(
            said.to_lowercase().contains(&words.to_lowercase()),
            "{value}: {said}"
        );
        assert_eq!(page.field("Holds from").value, from, "kept");
    }
    assert_eq!(app.events_of("policy.proposed").len(), 0);
    assert_eq!(
        propose(&app.as_admin(), VALUE, "2026-03-04", "why")
            .await
            .status,
        403
    );
}

#[actix_web::test]
async fn a_proposal_is_withdrawn_refused_or_too_late() {
    let app = TestApp::start().await;
    let (officer, second) = (app.as_compliance(), second_officer(&app));
    let events = |kind: &str| app.events_of(kind).len();
    propose(&officer, VALUE, "2026-03-04", "why").await;
    assert_eq!(
        propose(&second, VALUE, "2026-03-04", "why").await.status,
        409,
        "one at a time"
    );
    officer
        .post_form(&format!("{PAGE}/2/withdrawal"), &[])
        .await;
    propose(&officer, VALUE, "2026-03-04", "why").await;
    second.post_form(&format!("{PAGE}/3/withdrawal"), &[]).await;
    assert_eq!(
        (events("policy.withdrawn"), events("policy.refused")),
        (1, 1)
    );
    propose(&officer, VALUE, "2026-03-04", "why").await;
    let hash = officer
        .get(PAGE)
        .await
        .definition("SHA-256 of the proposal");
    app.advance(TimeDelta::days(2));
    let approval = format!("{PAGE}/4/approval");
    let late = second_officer(&app)
        .post_form(&approval, &[("payload", &hash)])
        .await;
    assert_eq!(late.status, 409);
    assert!(
        late.says("The day on which it takes effect has come"),
        "{}",
        late.text()
    );
    assert_eq!(percent(&app), (1, 20));
}

/// What the application's own connection cannot do, whatever the program above it tries.
#[test]
fn the_database_keeps_versions_as_they_are() {
    let db = crate::support::db::TestDb::create();
    let columns = "(key, version, effective_from, value, proposed_by, proposed_at, payload_sha256";
    let insert = |rest: &str, values: &str| {
        format!(
            "INSERT INTO policy {columns}{rest}) VALUES ('screening.lists', 2, now(), '{{}}', \
             'person:a', now(), sha256('a'){values})"
        )
    };
    let approve = |by: &str, hash: &str| {
        format!(
            "UPDATE policy SET approved_by = '{by}', approved_at = now(), \
             approved_sha256 = sha256('{hash}') WHERE version = 2"
        )
    };
    let mut app = db.connect(Role::App);
    let mut refused = |statement: &str, why: &str| {
        let error = app.batch_execute(statement).unwrap_err().to_string();
        assert!(error.contains(why), "{statement}: {error}");
    };
    let approved = insert(
        ", approved_by, approved_at, approved_sha256",
        ", 'person:b', now(), sha256('a')",
    );
    refused(&approved, "proposed first");
    let release = insert("", "").replace("'person:a'", "'release'");
    refused(&release, "proposed first");
    refused("UPDATE policy SET value = '{}'", "permission denied");
    db.connect(Role::App)
        .batch_execute(&insert("", ""))
        .unwrap();
    refused(&approve("person:a", "a"), "policy_four_eyes");
    refused(&approve("person:b", "b"), "policy_approved_payload");
    refused(
        &insert("", "").replace(", 2,", ", 3,"),
        "policy_one_proposal",
    );
    db.connect(Role::App)
        .batch_execute(&approve("person:b", "a"))
        .unwrap();
    refused(&approve("person:c", "a"), "answered once");
    refused(
        "UPDATE policy SET approved_by = NULL, approved_at = NULL",
        "answered once",
    );
    // Not even the owner changes what was proposed.
    let mut owner = db.connect(Role::Superuser);
    let other = insert("", "").replace("screening.lists", "kyc.screening");
    owner.batch_execute(&other).unwrap();
    let change =
        "UPDATE policy SET value = '{\"a\": 1}' WHERE key = 'kyc.screening' AND version = 2";
    let error = owner.batch_execute(change).unwrap_err().to_string();
    assert!(error.contains("never changes"), "{error}");
}

#[actix_web::test]
async fn every_policy_has_its_page_and_its_shipped_value_fits() {
    let app = TestApp::start().await;
    let catalog = app::policies();
    let keys = app.services.db.read(policy::keys).unwrap();
    for key in &keys {
        let kind = catalog
            .find(key)
            .unwrap_or_else(|| panic!("{key} has no page"));
        let now = app.services.clock.now();
        let version = app
            .services
            .db
            .read(|conn| policy::in_force(conn, key, now));
        let version = version.unwrap().unwrap();
        (kind.check)(&version.value).unwrap_or_else(|fault| panic!("{key}: {fault}"));
    }
    assert_eq!(catalog.0.len(), keys.len());
    let page = app.as_auditor().get("/policy").await;
    assert_eq!(page.table("Policies in force").len(), keys.len());
}
