//! Webhooks in: who is heard, once, and what becomes of what they say.

use std::time::Duration;

use chrono::TimeDelta;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::hooks::actions::Message;
use signalbox::features::hooks::message::Standing;
use signalbox::features::hooks::store::{self, Source, SourceId, receipts};
use signalbox::features::notify::signing;
use signalbox::features::packs::store as packs;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::Scope;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;

/// An application over the small pack, a source of events for it, and the source's secret.
async fn with_source() -> (TestApp, SourceId, Vec<u8>) {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let fields = [("name", "Production"), ("platform", "demo")];
    let made = app.as_admin().post_form("/event-sources", &fields).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let secret = secret_of(&made);
    let id = all(&app)[0].id;
    (app, id, secret)
}

fn secret_of(page: &Page) -> Vec<u8> {
    let shown = page.texts("pre code");
    let secret = shown
        .iter()
        .find(|text| text.starts_with("whsec_"))
        .unwrap();
    signing::secret_bytes(secret).unwrap()
}

fn all(app: &TestApp) -> Vec<Source> {
    app.services.db.read(store::all).unwrap()
}

/// A source that is written directly, whose secret has been changed once, and that has sent what nobody knows.
pub fn rotated_source(app: &TestApp) -> SourceId {
    let id = SourceId::new();
    let platform = app.services.db.read(packs::platforms).unwrap()[0].id;
    let message = Message {
        id: "msg_1".to_owned(),
        timestamp: String::new(),
        signatures: String::new(),
        body: "{}".into(),
    };
    crate::notify::write(app, |tx| {
        store::insert(tx, id, platform, "Rotated", b"first secret")?;
        store::rotate(tx, id, b"second secret")?;
        receipts::insert(tx, id, &message, "invoice.unheard_of", None)
    });
    id
}

const SUBMITTED: &str = r#"{"type":"report.submitted","data":{"pages":1204}}"#;

/// Sends a message as its sender signs it.
async fn send(
    app: &TestApp,
    source: SourceId,
    secret: &[u8],
    id: &str,
    body: &str,
) -> (u16, String) {
    let at = app.now().timestamp();
    let signature = signing::sign(secret, id, at, body.as_bytes());
    send_signed(app, &source.to_string(), (id, at, &signature), body).await
}

async fn send_signed(
    app: &TestApp,
    source: &str,
    (id, at, signature): (&str, i64, &str),
    body: &str,
) -> (u16, String) {
    let answer = app
        .http
        .post(format!("{}/hooks/events/{source}", app.url))
        .header("content-type", "application/json")
        .header(signing::ID, id)
        .header(signing::TIMESTAMP, at)
        .header(signing::SIGNATURE, signature)
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn lit(app: &TestApp) -> Vec<String> {
    evaluate::tick(&app.services).unwrap();
    let open = |conn: &mut _| alerts::open(conn, &Scope::All);
    let open = app.services.db.read(open).unwrap();
    open.into_iter().map(|alert| alert.name).collect()
}

/// FA-17, LT-23..25
#[tokio::test]
async fn a_signed_event_lights_its_lamp_and_counts_once() {
    let (app, id, secret) = with_source().await;
    evaluate::tick(&app.services).unwrap();
    let (status, said) = send(&app, id, &secret, "msg_1", SUBMITTED).await;
    assert_eq!(
        (status, said.as_str()),
        (200, r#"{"repeated":false,"known":true}"#)
    );
    assert_eq!(lit(&app), ["Report submitted"]);
    app.advance(TimeDelta::minutes(20));
    let (status, said) = send(&app, id, &secret, "msg_1", SUBMITTED).await;
    assert_eq!(
        (status, said.as_str()),
        (200, r#"{"repeated":true,"known":true}"#)
    );
    assert_eq!(app.events_of("event.reported").len(), 1);
    let source = &all(&app)[0];
    assert_eq!((source.known, source.repeated), (1, 1));
    let event = &app.events_of("event.reported")[0];
    assert_eq!(event["details"]["message"], "msg_1");
}

#[tokio::test]
async fn of_many_at_once_one_is_taken() {
    let (app, id, secret) = with_source().await;
    let sent = (0..12).map(|_| send(&app, id, &secret, "msg_same", SUBMITTED));
    let sent = futures_util::future::join_all(sent).await;
    assert!(sent.iter().all(|(status, _)| *status == 200), "{sent:?}");
    let first = sent
        .iter()
        .filter(|(_, said)| said.contains(r#""repeated":false"#));
    assert_eq!(first.count(), 1);
    assert_eq!(app.events_of("event.reported").len(), 1);
}

#[tokio::test]
async fn what_is_not_signed_lately_is_not_here() {
    let (app, id, secret) = with_source().await;
    let (at, address) = (app.now().timestamp(), id.to_string());
    let sign = |at| signing::sign(&secret, "msg_1", at, SUBMITTED.as_bytes());
    let (good, old, early) = (sign(at), sign(at - 301), sign(at + 301));
    let stranger = signing::sign(b"somebody else's secret", "msg_1", at, SUBMITTED.as_bytes());
    let nobody = SourceId::new().to_string();
    let mut answers = Vec::new();
    for (source, id, at, signature, body) in [
        (address.as_str(), "msg_1", at, stranger.as_str(), SUBMITTED),
        (&address, "msg_1", at - 301, &old, SUBMITTED),
        (&address, "msg_1", at + 301, &early, SUBMITTED),
        (&address, "msg_2", at, &good, SUBMITTED),
        (
            &address,
            "msg_1",
            at,
            &good,
            r#"{"type":"report.submitted"}"#,
        ),
        (&address, "", at, &good, SUBMITTED),
        (&address, "msg_1", at, "", SUBMITTED),
        (&nobody, "msg_1", at, &good, SUBMITTED),
        ("no-id", "msg_1", at, &good, SUBMITTED),
    ] {
        let (status, said) = send_signed(&app, source, (id, at, signature), body).await;
        assert_eq!(status, 404, "{source} {id} {at} {signature}");
        answers.push(strip(&said));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all of them look alike: {answers:?}");
    assert!(app.events_of("event.reported").is_empty());
    for _ in 0..100 {
        if all(&app)[0].refused == 7 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let source = all(&app).remove(0);
    assert_eq!(source.refused, 7, "its page says how many");
    let page = app.as_admin().get(&format!("/event-sources/{id}")).await;
    assert!(page.definition("Not taken").starts_with('7'));
}

/// Without what differs from request to request.
fn strip(body: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    for key in ["request", "instance", "request_id"] {
        if let Some(members) = value.as_object_mut() {
            members.remove(key);
        }
    }
    value.to_string()
}

#[tokio::test]
async fn during_a_rotation_either_secret_opens_and_then_the_new_one_alone() {
    let (app, id, old) = with_source().await;
    let made = app
        .as_admin()
        .post_form(&format!("/event-sources/{id}/secret"), &[])
        .await;
    let new = secret_of(&made);
    assert_ne!(old, new);
    assert_eq!(send(&app, id, &old, "a", SUBMITTED).await.0, 200);
    assert_eq!(send(&app, id, &new, "b", SUBMITTED).await.0, 200);
    let at = app.now().timestamp();
    let both = signing::sign_with_all([&new[..], &old[..]], "c", at, SUBMITTED.as_bytes());
    let sent = send_signed(&app, &id.to_string(), ("c", at, &both), SUBMITTED).await;
    assert_eq!(sent.0, 200);
    app.advance(TimeDelta::hours(24));
    assert_eq!(send(&app, id, &old, "d", SUBMITTED).await.0, 404);
    assert_eq!(send(&app, id, &new, "e", SUBMITTED).await.0, 200);
    let again = app.as_admin().get(&format!("/event-sources/{id}")).await;
    assert!(!again.body.contains("whsec_"), "it is shown once");
}

/// The page with the new secret is lost, and another is made: whoever has the first goes on.
#[tokio::test]
async fn a_second_rotation_cuts_nobody_off() {
    let (app, id, first) = with_source().await;
    let admin = app.as_admin();
    let path = format!("/event-sources/{id}/secret");
    let second = secret_of(&admin.post_form(&path, &[]).await);
    let third = secret_of(&admin.post_form(&path, &[]).await);
    for (message, secret) in [("a", &first), ("b", &second), ("c", &third)] {
        let (status, said) = send(&app, id, secret, message, SUBMITTED).await;
        assert_eq!(status, 200, "{message}: {said}");
    }
    app.advance(TimeDelta::hours(24));
    assert_eq!(send(&app, id, &first, "d", SUBMITTED).await.0, 404);
    assert_eq!(send(&app, id, &second, "e", SUBMITTED).await.0, 404);
    assert_eq!(send(&app, id, &third, "f", SUBMITTED).await.0, 200);
}

#[tokio::test]
async fn what_no_pack_names_is_kept_and_read_by_name() {
    let (app, id, secret) = with_source().await;
    let body = r#"{"type":"invoice.flagged","data":{"customer":"Ada <b>Example</b>"}}"#;
    let (status, said) = send(&app, id, &secret, "msg_1", body).await;
    assert_eq!(
        (status, said.as_str()),
        (200, r#"{"repeated":false,"known":false}"#)
    );
    assert_eq!(all(&app)[0].unknown, 1);
    assert_eq!(app.events_of("event.unknown").len(), 1);
    let admin = app.as_admin();
    let page = admin.get(&format!("/event-sources/{id}")).await;
    assert!(page.says("1 of types that no pack names"));
    let read = admin.get(&page.link("Read it")).await;
    assert!(read.says("Ada <b>Example</b>") && !read.body.contains("<b>Example"));
    assert_eq!(
        app.events_of("event.read").len(),
        1,
        "reading it is an event"
    );
    let auditor = app.as_auditor();
    let shown = auditor.get(&format!("/event-sources/{id}")).await;
    assert!(shown.status == 200 && !shown.body.contains("Read it"));
    assert_eq!(auditor.get(&page.link("Read it")).await.status, 403);

    app.advance(TimeDelta::days(31));
    app.services
        .db
        .read(|conn| receipts::last(conn, id, 10))
        .map(|last| assert_eq!(last.len(), 1))
        .unwrap();
    let purge = |conn: &mut _| receipts::purge(conn, app.now(), 10);
    let gone = app
        .services
        .audit
        .write_unaudited(signalbox::foundation::audit::Unaudited::Expiry, purge);
    assert_eq!(gone.unwrap(), 1);
}

#[tokio::test]
async fn what_is_signed_and_no_event_is_said_to_be_none() {
    let (app, id, secret) = with_source().await;
    for (body, says) in [
        ("not json", "type"),
        (r#"{"type":"Report"}"#, "small letters"),
        (r#"{"type":"sar.filed","data":{}}"#, "not taken"),
    ] {
        let (status, said) = send(&app, id, &secret, "msg_1", body).await;
        assert!(status == 400 && said.contains(says), "{said}");
    }
    let page = app.as_admin().get(&format!("/event-sources/{id}")).await;
    assert!(!page.text().to_lowercase().contains("sar.filed"));
    let long = format!(r#"{{"type":"a","data":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(send(&app, id, &secret, "msg_1", &long).await.0, 413);
    // An id is whatever its sender makes of it: signed it is taken, and it is never mark-up.
    let hostile = "<script>alert(1)</script>";
    assert_eq!(send(&app, id, &secret, hostile, SUBMITTED).await.0, 200);
    let event = &app.events_of("event.reported")[0];
    assert_eq!(event["details"]["message"], hostile);
    let page = app.as_admin().get(&format!("/event-sources/{id}")).await;
    assert!(page.says(hostile) && !page.body.contains(hostile));
}

/// Neither its type nor what it says may name a report, and nothing of it is kept.
#[tokio::test]
async fn what_names_a_report_is_taken_from_nobody() {
    let (app, id, secret) = with_source().await;
    for (message, body) in [
        ("m1", r#"{"type":"sars.filed"}"#),
        ("m2", r#"{"type":"suspicious_activity_report.filed"}"#),
        ("m3", r#"{"type":"suspicious-activity.due"}"#),
        ("m4", r#"{"type":"case.closed","data":"SAR filed for C-1"}"#),
        ("m5", r#"{"type":"case.closed","data":{"sarId":7}}"#),
        ("m6", r#"{"type":"case.closed","data":"S\u0041R filed"}"#),
        ("sar-7", r#"{"type":"case.closed"}"#),
    ] {
        let (status, said) = send(&app, id, &secret, message, body).await;
        assert!(
            status == 400 && said.contains("not taken"),
            "{body}: {said}"
        );
    }
    let kept = app.services.db.read(|conn| receipts::last(conn, id, 10));
    assert!(kept.unwrap().is_empty());
    assert!(app.events_of("event.unknown").is_empty());
    let (status, _) = send(&app, id, &secret, "m8", r#"{"type":"case.closed"}"#).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_source_is_paused_resumed_and_removed() {
    let (app, id, secret) = with_source().await;
    let admin = app.as_admin();
    let act = |verb: &'static str| {
        let admin = app.as_admin();
        async move {
            admin
                .post_form(&format!("/event-sources/{id}/{verb}"), &[])
                .await
                .status
        }
    };
    assert_eq!(act("pause").await, 303);
    assert_eq!(send(&app, id, &secret, "a", SUBMITTED).await.0, 404);
    assert_eq!(act("pause").await, 409);
    assert_eq!(act("resumption").await, 303);
    assert_eq!(send(&app, id, &secret, "a", SUBMITTED).await.0, 200);
    app.advance(TimeDelta::minutes(11));
    let path = format!("/event-sources/{id}/removal");
    let stale = admin.post_form(&path, &[]).await;
    assert!(
        stale.status == 403 && all(&app)[0].standing == Standing::Active,
        "it asks for a proof"
    );
    let admin = app.as_admin();
    assert_eq!(act("removal").await, 303);
    assert_eq!(send(&app, id, &secret, "b", SUBMITTED).await.0, 404);
    assert_eq!(act("resumption").await, 409);
    let list = admin.get("/event-sources").await;
    assert_eq!(list.heading(), "No webhooks come in");
}

#[tokio::test]
async fn a_source_has_a_name_and_a_platform_of_its_own() {
    let (app, _, _) = with_source().await;
    let admin = app.as_admin();
    for (fields, says) in [
        ([("name", " "), ("platform", "demo")], "Give it a name"),
        (
            [("name", "PRODUCTION"), ("platform", "demo")],
            "Another source has this name",
        ),
        (
            [("name", "New"), ("platform", "elsewhere")],
            "Choose the platform",
        ),
        (
            [("name", "a\u{1b}b"), ("platform", "demo")],
            "cannot be seen",
        ),
    ] {
        let page = admin.post_form("/event-sources", &fields).await;
        assert!(
            page.status == 422 && page.says(says),
            "{says}: {}",
            page.text()
        );
    }
    assert_eq!(all(&app).len(), 1);
    for role in [Role::Operator, Role::Auditor] {
        let client = app.as_role(role);
        let fields = [("name", "Mine"), ("platform", "demo")];
        assert_eq!(
            client.post_form("/event-sources", &fields).await.status,
            403
        );
    }
    assert_eq!(app.as_operator().get("/event-sources").await.status, 403);
}

/// The list heeds the platform that somebody has chosen, as all lists do.
#[tokio::test]
async fn the_list_is_of_the_platform_that_is_chosen() {
    use diesel::connection::SimpleConnection as _;
    let (app, _, _) = with_source().await;
    let elsewhere = signalbox::foundation::kernel::PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let admin = app.as_admin();
    assert!(admin.get("/event-sources").await.says("Production"));
    let chosen = [("platform", elsewhere.to_string())];
    let chosen: Vec<(&str, &str)> = chosen
        .iter()
        .map(|(name, id)| (*name, id.as_str()))
        .collect();
    assert_eq!(
        admin.post_form("/account/platform", &chosen).await.status,
        303
    );
    assert!(!admin.get("/event-sources").await.says("Production"));
}
