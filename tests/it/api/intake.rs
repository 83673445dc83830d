//! Customers from programs.

use chrono::Duration;
use serde_json::json;
use signalbox::foundation::auth::keys::KeyScope::SubjectsWrite;
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::kernel::Scope;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::keys::new_key;

const PATH: &str = "/api/v1/subjects";
const ADA: &str = r#"{"external_id": "C-1", "kind": "person", "name": "Ada Example"}"#;

async fn watched() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    app
}

#[actix_web::test]
async fn records_go_the_way_of_uploads() {
    let app = watched().await;
    let program = app.program(&[SubjectsWrite]);
    let two =
        format!("[{ADA},\n {{\"external_id\": \"C-2\",\n \"kind\": \"robot\", \"name\": \"B\"}}]");
    let sent = program.post(PATH, &two).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(sent.json()["state"], "waiting");
    let place = sent.location().to_owned();
    assert_eq!(
        place,
        format!("/api/v1/intake/{}", sent.json()["id"].as_str().unwrap())
    );
    assert_eq!(app.run_jobs().failed, 0);
    let done = program.get(&place).await.json();
    assert_eq!(
        (&done["state"], &done["platform"]),
        (&json!("done"), &json!("demo"))
    );
    assert_eq!(
        (&done["added"], &done["rejected"], &done["rows"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let problem = &done["problems"][0];
    assert_eq!(
        (&problem["row"], &problem["column"]),
        (&json!(2), &json!("kind"))
    );
    assert!(
        !done.to_string().contains("robot"),
        "values are not repeated: {done}"
    );
    let received = &app.events_of("intake.batch_received")[0];
    assert_eq!(
        received["actor"],
        json!({"kind": "key", "id": program.id.as_str()})
    );
    assert_eq!(received["details"]["source"], "api");
    // People find it where uploads are.
    let id = place.rsplit_once('/').unwrap().1;
    let page = app.as_compliance().get(&format!("/intake/{id}")).await;
    assert!(page.says("From the key Test program"), "{}", page.text());
}

#[actix_web::test]
async fn one_record_and_lines_are_taken_too() {
    let app = watched().await;
    let program = app.program(&[SubjectsWrite]);
    assert_eq!(program.post(PATH, ADA).await.status, 202);
    let lines = "{\"external_id\":\"C-2\",\"kind\":\"person\",\"name\":\"B B\"}\n\
                 {\"external_id\":\"C-3\",\"kind\":\"person\",\"name\":\"C C\"}\n";
    let kind = "application/x-ndjson; charset=utf-8";
    let sent = program.send(PATH, kind, lines, None).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    app.run_jobs();
    let done = program.get(sent.location()).await.json();
    assert_eq!(
        (&done["added"], &done["rejected"]),
        (&json!(2), &json!(0)),
        "{done}"
    );
}

#[actix_web::test]
async fn the_same_request_twice_is_one_batch() {
    let app = watched().await;
    let program = app.program(&[SubjectsWrite]);
    let send = async |body: &str, key: Option<&str>| {
        program.send(PATH, "application/json", body, key).await
    };
    let first = send(ADA, Some("night-1")).await;
    let second = send(ADA, Some("night-1")).await;
    assert_eq!((first.status, second.status), (202, 200));
    assert_eq!(first.location(), second.location());
    let other = ADA.replace("Ada", "Bea");
    let reused = send(&other, Some("night-1")).await;
    assert_eq!(reused.problem(), (409, "idempotency_key_reused".to_owned()));
    // The same bytes are known without a key too, and other bytes are another batch.
    assert_eq!(send(ADA, None).await.location(), first.location());
    assert_ne!(
        send(&other, Some("night-2")).await.location(),
        first.location()
    );
    assert_eq!(app.events_of("intake.batch_received").len(), 2);
    // A batch that came to nothing is not begun again by a repetition.
    let cancelled = send(&ADA.replace("C-1", "C-9"), Some("night-3")).await;
    let id = cancelled.json()["id"].as_str().unwrap().to_owned();
    let cancel = format!("/intake/{id}/cancellation");
    assert_eq!(
        app.as_compliance().post_form(&cancel, &[]).await.status,
        303
    );
    let again = send(&ADA.replace("C-1", "C-9"), Some("night-3")).await;
    assert_eq!(
        (again.status, again.location()),
        (200, cancelled.location())
    );
}

#[actix_web::test]
async fn whose_customers_they_are_is_said_or_plain() {
    let app = watched().await;
    apply(&app, &SMALL.replacen("id = \"demo\"", "id = \"other\"", 1));
    let everywhere = app.program(&[SubjectsWrite]);
    let unsaid = everywhere.post(PATH, ADA).await;
    assert_eq!(unsaid.problem(), (400, "malformed".to_owned()));
    assert!(unsaid.body.contains("?platform="), "{}", unsaid.body);
    let said = everywhere
        .post(&format!("{PATH}?platform=other"), ADA)
        .await;
    assert_eq!(
        (said.status, &said.json()["platform"]),
        (202, &json!("other"))
    );

    let platforms = app
        .services
        .db
        .read(signalbox::features::packs::store::platforms)
        .unwrap();
    let demo = platforms.iter().find(|it| it.slug == "demo").unwrap().id;
    let made = app.make_key(NewKey {
        reach: Scope::one(demo),
        ..new_key(&[SubjectsWrite])
    });
    let local = app.program_with(made.text.expose());
    assert_eq!(local.post(PATH, ADA).await.json()["platform"], "demo");
    let beyond = local.post(&format!("{PATH}?platform=other"), ADA).await;
    assert_eq!(beyond.problem(), (400, "malformed".to_owned()));
    let hidden = local.get(said.location()).await;
    assert_eq!(hidden.problem(), (404, "not_found".to_owned()));
}

#[actix_web::test]
async fn what_cannot_be_taken_in_is_refused_and_nothing_is_kept() {
    let app = watched().await;
    let program = app.program(&[SubjectsWrite]);
    let many = format!("[{}{{}}]", "{},".repeat(1_000));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for (kind, body, code) in [
        ("application/json", "", 400),
        ("application/json", "{", 400),
        ("application/json", "[1]", 400),
        ("application/json", "[]", 400),
        ("application/json", "\u{0}", 400),
        ("application/json", many.as_str(), 400),
        ("application/x-ndjson", "external_id,name\n1,2\n", 400),
        ("application/x-ndjson", "", 400),
        ("text/csv", "external_id,name\n1,2\n", 415),
        ("", ADA, 415),
    ] {
        let answer = program.send(PATH, kind, body, None).await;
        let short: String = body.chars().take(20).collect();
        assert_eq!(answer.problem().0, code, "{kind} {short}");
    }
    let query = program.post(&format!("{PATH}?platfrom=demo"), ADA).await;
    assert_eq!(query.problem(), (400, "malformed".to_owned()));
    let long_key = "k".repeat(256);
    let key = program
        .send(PATH, "application/json", ADA, Some(&long_key))
        .await;
    assert_eq!(key.problem(), (400, "malformed".to_owned()));
    assert!(app.events_of("intake.batch_received").is_empty());
    // Nested beyond all sense: it is a record that cannot be read, and no more than that.
    let sent = program.post(PATH, &deep).await;
    assert!([202, 400].contains(&sent.status), "{}", sent.status);
    app.advance(Duration::seconds(1));
    assert_eq!(app.run_jobs().failed, 0);
}

#[actix_web::test]
async fn a_body_has_an_end() {
    let app = watched().await;
    let program = app.program(&[SubjectsWrite]);
    let large = format!("{{\"external_id\":\"{}\"}}", "x".repeat(9 << 20));
    let request = program
        .request(reqwest::Method::POST, PATH)
        .header("content-type", "application/json")
        .body(large);
    // The server may close the connection before it has read all of it.
    if let Ok(answer) = request.send().await {
        let answer = crate::support::page::Page::read(answer).await;
        assert_eq!(answer.problem(), (413, "too_large".to_owned()));
    }
    assert!(app.events_of("intake.batch_received").is_empty());
}
