//! Alerts for programs.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store;
use signalbox::features::health::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::keys::KeyScope::{AlertsAcknowledge, AlertsRead};
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::kernel::Scope;
use uuid::Uuid;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::keys::{Program, new_key};

/// An application with one alert that is lit.
async fn lit() -> (TestApp, Uuid) {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    evaluate::tick(&app.services).unwrap();
    report(&app, 97.0);
    let open = |conn: &mut _| store::open(conn, &Scope::All);
    let id = app.services.db.read(open).unwrap()[0].id.uuid();
    (app, id)
}

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    actions::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
}

fn bridge(app: &TestApp) -> Program {
    app.program(&[AlertsRead, AlertsAcknowledge])
}

#[actix_web::test]
async fn open_alerts_are_listed_and_closed_ones_apart() {
    let (app, id) = lit().await;
    let program = bridge(&app);
    let list = program.get("/api/v1/alerts").await.json();
    assert_eq!(list["next"], serde_json::Value::Null);
    let alert = &list["items"][0];
    assert_eq!(alert["id"], id.to_string());
    assert_eq!(
        (&alert["level"], &alert["platform"]),
        (&json!("red"), &json!("demo"))
    );
    assert_eq!(alert["name"], "Quality is in breach");
    assert_eq!(
        (&alert["firing"], &alert["open"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(alert["acknowledged"], serde_json::Value::Null);
    assert_eq!(
        &program.get(&format!("/api/v1/alerts/{id}")).await.json(),
        alert
    );

    let acknowledge = format!("/api/v1/alerts/{id}/acknowledgement");
    assert_eq!(program.post(&acknowledge, "{}").await.status, 200);
    report(&app, 99.9);
    let of = async |query: &str| {
        let list = program.get(&format!("/api/v1/alerts{query}")).await.json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(of("").await, 0);
    assert_eq!(of("?state=closed").await, 1);
    assert_eq!(of("?state=closed&platform=demo").await, 1);
}

#[actix_web::test]
async fn a_key_takes_an_alert_in_hand_and_the_log_and_the_page_say_which() {
    let (app, id) = lit().await;
    let program = bridge(&app);
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    let answer = program.post(&path, r#"{"note": "Paged Ada <b>"}"#).await;
    let held = &answer.json()["acknowledged"];
    assert_eq!(
        (&held["by"], &held["id"]),
        (&json!("key"), &json!(program.id.as_str()))
    );
    let event = &app.events_of("alert.acknowledged")[0];
    assert_eq!(
        event["actor"],
        serde_json::json!({"kind": "key", "id": program.id.as_str()})
    );
    assert_eq!(event["subject"]["id"], id.to_string());
    let page = app.as_operator().get(&format!("/alerts/{id}")).await;
    assert!(
        page.says("The key Test program acknowledged it"),
        "{}",
        page.text()
    );
    assert!(page.says("Paged Ada <b>"));
    // Without a body, and again by the same key: it stays in its hand.
    let again = program
        .request(reqwest::Method::POST, &path)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 200);
}

#[actix_web::test]
async fn a_key_takes_nothing_from_a_person_and_a_person_may_take_it_from_a_key() {
    let (app, id) = lit().await;
    let (program, other) = (bridge(&app), bridge(&app));
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    assert_eq!(program.post(&path, "{}").await.status, 200);
    let refused = other.post(&path, "{}").await;
    assert_eq!(refused.problem(), (409, "alert_held".to_owned()));

    let operator = app.as_operator();
    let form = format!("/alerts/{id}/acknowledgement");
    assert_eq!(operator.post_form(&form, &[]).await.status, 303);
    let page = operator.get(&format!("/alerts/{id}")).await;
    assert!(
        page.says("taken over from The key Test program"),
        "{}",
        page.text()
    );
    let refused = program.post(&path, "{}").await;
    assert_eq!(refused.problem(), (409, "alert_held".to_owned()));
    let held = &program.get(&format!("/api/v1/alerts/{id}")).await.json()["acknowledged"];
    assert_eq!(
        (&held["by"], &held["id"]),
        (&json!("person"), &json!(operator.person.to_string()))
    );
    // After eight hours nobody has it in hand.
    app.advance(TimeDelta::hours(8));
    assert_eq!(program.post(&path, "{}").await.status, 200);
}

#[actix_web::test]
async fn of_several_programs_at_once_one_takes_it() {
    let (app, id) = lit().await;
    let programs: Vec<Program> = (0..6).map(|_| bridge(&app)).collect();
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    let answers = join_all(programs.iter().map(|program| program.post(&path, "{}"))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(app.events_of("alert.acknowledged").len(), 1);
}

#[actix_web::test]
async fn the_same_acknowledgement_sent_twice_is_one() {
    let (app, id) = lit().await;
    let program = bridge(&app);
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    let send = async |body: &str| {
        let json = "application/json";
        program.send(&path, json, body, Some("page-17")).await
    };
    let (first, second) = (send("{}").await, send("{}").await);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.json(), second.json());
    assert_eq!(app.events_of("alert.acknowledged").len(), 1);
    let other = send(r#"{"note": "something else"}"#).await;
    assert_eq!(other.problem(), (409, "idempotency_key_reused".to_owned()));
    // The key of another program is another key.
    let stranger = bridge(&app);
    let theirs = stranger
        .send(&path, "application/json", "{}", Some("page-17"))
        .await;
    assert_eq!(theirs.problem(), (409, "alert_held".to_owned()));
}

#[actix_web::test]
async fn a_closed_alert_needs_no_hand() {
    let (app, id) = lit().await;
    let program = bridge(&app);
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    program.post(&path, "{}").await;
    report(&app, 99.9);
    let late = program.post(&path, "{}").await;
    assert_eq!(late.problem(), (409, "alert_closed".to_owned()));
}

#[actix_web::test]
async fn alerts_of_other_platforms_are_not_there() {
    let (app, id) = lit().await;
    let elsewhere = apply_elsewhere(&app);
    let made = app.make_key(NewKey {
        reach: Scope::one(elsewhere),
        ..new_key(&[AlertsRead, AlertsAcknowledge])
    });
    let program = app.program_with(made.text.expose());
    let list = program.get("/api/v1/alerts").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    let one = program.get(&format!("/api/v1/alerts/{id}")).await;
    assert_eq!(one.problem(), (404, "not_found".to_owned()));
    let act = program
        .post(&format!("/api/v1/alerts/{id}/acknowledgement"), "{}")
        .await;
    assert_eq!(act.problem(), (404, "not_found".to_owned()));
    let named = program.get("/api/v1/alerts?platform=demo").await;
    assert_eq!(named.problem(), (400, "malformed".to_owned()));
    assert_eq!(
        program.get("/api/v1/alerts?platform=other").await.status,
        200
    );
}

fn apply_elsewhere(app: &TestApp) -> signalbox::foundation::kernel::PlatformId {
    let other = SMALL.replacen("id = \"demo\"", "id = \"other\"", 1);
    apply(app, &other);
    let platforms = app
        .services
        .db
        .read(signalbox::features::packs::store::platforms)
        .unwrap();
    platforms.iter().find(|it| it.slug == "other").unwrap().id
}

#[actix_web::test]
async fn a_long_list_is_walked_by_its_links() {
    let (app, _) = lit().await;
    let program = bridge(&app);
    let copy = "INSERT INTO alert (id, platform_id, rule_id, fingerprint, about, status, level, name, summary, reading, \
                active_at, fired_at, level_at, was_red, resolved_at) \
                SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, platform_id, rule_id, \
                fingerprint, about, 'resolved', 'blue', name || n, summary, reading, active_at, fired_at, level_at, \
                false, fired_at FROM alert, generate_series(1, 120) AS n";
    use diesel::connection::SimpleConnection as _;
    app.db.connect_superuser().batch_execute(copy).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut next = Some("/api/v1/alerts?state=closed".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let answer = program.get(&path).await;
        let page = answer.json();
        for alert in page["items"].as_array().unwrap() {
            assert!(seen.insert(alert["id"].to_string()), "twice");
        }
        next = page["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        assert_eq!(answer.header("link"), link.as_deref());
        pages += 1;
    }
    assert_eq!((seen.len(), pages), (120, 3));
}
