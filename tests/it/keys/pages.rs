//! The pages of API keys.

use chrono::Duration;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::keys::KeyScope::AlertsRead;
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::db::schema::{api_key, audit_inbox};
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::support::app::TestApp;
use crate::support::keys::new_key;
use crate::support::page::Page;
use crate::support::personas::Client;

const FORM: [(&str, &str); 4] = [
    ("name", "Nightly intake"),
    ("scope", "alerts:read"),
    ("days", "90"),
    ("networks", "127.0.0.0/8"),
];

/// The one key that the page shows.
fn shown(page: &Page) -> String {
    let codes = page.texts("pre code");
    codes
        .into_iter()
        .find(|code| code.starts_with("sgbx_"))
        .unwrap()
}

fn path_of(key: &str) -> String {
    format!("/keys/{}", key.split('_').nth(1).unwrap())
}

fn platform(app: &TestApp, slug: &str) -> PlatformId {
    let id = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{id}', '{slug}', 'The {slug}', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    id
}

#[actix_web::test]
async fn a_key_is_shown_once_and_opens() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    let empty = admin.get("/keys").await;
    assert_eq!(empty.heading(), "No key is live");
    assert_eq!(empty.link("New key"), "/keys/new");
    let made = admin.post_form("/keys", &FORM).await;
    assert_eq!(
        (made.status, made.header("cache-control")),
        (200, Some("no-store"))
    );
    let key = shown(&made);
    assert_eq!(
        app.program_with(&key).get("/api/v1/alerts").await.status,
        200
    );

    let page = admin.get(&path_of(&key)).await;
    assert_eq!(page.heading(), "Nightly intake");
    assert_eq!(page.definition("May be used from"), "127.0.0.0/8");
    assert!(page.definition("Made").contains("Test administrator"));
    assert!(page.definition("Last used").contains("127.0.0.0/24"));
    let list = admin.get("/keys").await;
    assert_eq!(list.heading(), "1 key is live, none ends soon");
    assert_eq!(list.table("API keys, those that are live first").len(), 1);
    let secret = key.rsplit_once('_').unwrap().1;
    for page in [&page, &list] {
        assert!(!page.body.contains(secret));
    }
    // Nor does it stand anywhere in the database.
    let conn = &mut app.db.connect_superuser();
    let bodies: Vec<Vec<u8>> = audit_inbox::table
        .select(audit_inbox::body)
        .load(conn)
        .unwrap();
    let hashes: Vec<Vec<u8>> = api_key::table.select(api_key::secret).load(conn).unwrap();
    for kept in bodies.iter().chain(&hashes) {
        assert!(!String::from_utf8_lossy(kept).contains(&secret[..20]));
    }
    let event = &app.events_of("key.added")[0];
    assert_eq!(
        event["details"]["scopes"],
        serde_json::json!(["alerts:read"])
    );
    assert_eq!(event["actor"]["kind"], "person");
}

#[actix_web::test]
async fn a_form_sent_twice_makes_one_key() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    let key = uuid::Uuid::now_v7().to_string();
    let mut form = FORM.to_vec();
    form.push(("idempotency", &key));
    let first = shown(&admin.post_form("/keys", &form).await);
    let second = admin.post_form("/keys", &form).await;
    assert_eq!(
        (second.status, second.location()),
        (303, path_of(&first).as_str())
    );
    assert_eq!(app.events_of("key.added").len(), 1);
}

#[actix_web::test]
async fn what_is_wrong_with_the_form_is_said_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    for (field, value, says) in [
        ("name", " ", "Say which program"),
        ("scope", "cases:approve", "Tick what it may open"),
        ("days", "366", "how long it lives"),
        ("networks", "everywhere", "10.0.0.0/8"),
        ("platform", "x", "of this list"),
    ] {
        let mut form = FORM.to_vec();
        form.retain(|(name, _)| *name != field);
        form.push((field, value));
        let page = admin.post_form("/keys", &form).await;
        assert_eq!(page.status, 422, "{field}");
        assert!(page.says(says), "{field}: {}", page.text());
        if field != "name" {
            assert_eq!(page.field("Name").value, "Nightly intake");
        }
    }
    let unticked = admin
        .post_form("/keys", &[("name", "x"), ("days", "7")])
        .await;
    assert_eq!(unticked.status, 422);
    assert!(app.events_of("key.added").is_empty());
}

#[actix_web::test]
async fn a_key_is_rotated_and_revoked_on_its_page() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    let old = app.program(&[AlertsRead]);
    let path = path_of(&old.key);
    let overlap = [("overlap_hours", "24")];
    let made = admin.post_form(&format!("{path}/rotation"), &overlap).await;
    let new = app.program_with(&shown(&made));
    assert!(made.says("The old key opens until"));
    assert!(
        !admin
            .get(&path)
            .await
            .definition("The old key opens until")
            .is_empty()
    );
    for program in [&old, &new] {
        assert_eq!(program.get("/api/v1/alerts").await.status, 200);
    }
    let odd = admin
        .post_form(&format!("{path}/rotation"), &[("overlap_hours", "9999")])
        .await;
    assert_eq!(odd.status, 400);
    let revoked = admin.post_form(&format!("{path}/revocation"), &[]).await;
    assert_eq!((revoked.status, revoked.location()), (303, path.as_str()));
    for program in [&old, &new] {
        assert_eq!(program.get("/api/v1/alerts").await.status, 401);
    }
    let page = admin.get(&path).await;
    assert!(page.definition("Revoked").contains("Test administrator"));
    assert!(!page.has_button("Rotate key") && !page.has_button("Revoke key"));
    for act in ["rotation", "revocation"] {
        let again = admin.post_form(&format!("{path}/{act}"), &overlap).await;
        assert_eq!(again.status, 409, "{act}");
        assert!(again.says("This key was revoked"), "{}", again.text());
    }
    assert_eq!(app.events_of("key.rotated").len(), 1);
    assert_eq!(app.events_of("key.revoked").len(), 1);
}

#[actix_web::test]
async fn an_auditor_looks_and_changes_nothing() {
    let app = TestApp::start().await;
    let program = app.program(&[AlertsRead]);
    let auditor = app.as_auditor();
    let page = auditor.get(&path_of(&program.key)).await;
    assert!(
        page.definition("Made")
            .contains("the command line, as test")
    );
    assert!(!page.has_button("Revoke key"));
    assert!(!auditor.get("/keys").await.says("New key"));
    assert_eq!(auditor.get("/keys/new").await.status, 403);
    let act = format!("{}/revocation", path_of(&program.key));
    assert_eq!(auditor.post_form(&act, &[]).await.status, 403);
    assert_eq!(app.as_operator().get("/keys").await.status, 403);
    assert_eq!(auditor.get("/keys/nonsense").await.status, 404);
}

#[actix_web::test]
async fn nobody_sees_or_makes_a_key_that_reaches_further() {
    let app = TestApp::start().await;
    let (here, there) = (platform(&app, "here"), platform(&app, "there"));
    let local: Client = app.as_limited("local@test.example", Role::Administrator, Scope::one(here));
    let keys = [Scope::All, Scope::one(there), Scope::one(here)].map(|reach| {
        let made = app.make_key(NewKey {
            reach,
            ..new_key(&[AlertsRead])
        });
        path_of(made.text.expose())
    });
    for path in &keys[..2] {
        assert_eq!(local.get(path).await.status, 404, "{path}");
        let act = format!("{path}/revocation");
        assert_eq!(local.post_form(&act, &[]).await.status, 404, "{path}");
    }
    assert_eq!(
        local.get(&keys[2]).await.definition("Platforms"),
        "The here"
    );
    assert_eq!(
        local
            .get("/keys")
            .await
            .table("API keys, those that are live first")
            .len(),
        1
    );
    let form = local.get("/keys/new").await;
    assert!(form.says("The here") && !form.says("The there"));
    let beyond = there.to_string();
    let mut asked = FORM.to_vec();
    asked.push(("platform", &beyond));
    assert_eq!(local.post_form("/keys", &asked).await.status, 422);
    let made = local.post_form("/keys", &FORM).await;
    let id = path_of(&shown(&made));
    assert_eq!(local.get(&id).await.definition("Platforms"), "The here");
}

#[actix_web::test]
async fn keys_that_end_soon_are_the_verdict() {
    let app = TestApp::start().await;
    app.make_key(new_key(&[AlertsRead]));
    app.advance(Duration::days(77));
    app.make_key(new_key(&[AlertsRead]));
    let list = app.as_admin().get("/keys").await;
    assert_eq!(list.heading(), "1 key ends within 14 days");
}
