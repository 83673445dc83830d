//! What programs report: indicators and events.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, EventsWrite, IndicatorsWrite};
use signalbox::foundation::kernel::Scope;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::keys::Program;

async fn ground() -> (TestApp, Program) {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    evaluate::tick(&app.services).unwrap();
    let program = app.program(&[IndicatorsWrite, EventsWrite]);
    (app, program)
}

fn lit(app: &TestApp) -> Vec<String> {
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
    let open = |conn: &mut _| store::open(conn, &Scope::All);
    let open = app.services.db.read(open).unwrap();
    open.into_iter().map(|alert| alert.name).collect()
}

/// RH-9, RH-11
#[actix_web::test]
async fn a_program_reports_a_breach_and_a_submission_and_the_lamps_are_lit() {
    let (app, program) = ground().await;
    let breach = r#"{"indicator": "ncc_qos", "value": 97.4}"#;
    assert_eq!(program.post("/api/v1/indicators", breach).await.status, 201);
    let submitted = r#"{"event": "report.submitted", "platform": "demo"}"#;
    assert_eq!(program.post("/api/v1/events", submitted).await.status, 201);
    assert_eq!(lit(&app), ["Quality is in breach", "Report submitted"]);
    let well = r#"{"indicator": "ncc_qos", "value": 99.9}"#;
    assert_eq!(program.post("/api/v1/indicators", well).await.status, 201);
    assert!(!lit(&app).contains(&"API is down".to_owned()));
}

/// What was measured earlier stands where it belongs, with how it is known, and is not what is so now.
#[actix_web::test]
async fn a_value_has_its_moment_and_its_evidence() {
    let (app, program) = ground().await;
    let at = |hours| (app.now() - TimeDelta::hours(hours)).to_rfc3339();
    let send = async |hours: i64, value: f64, evidence: &str| {
        let body =
            json!({"indicator": "ncc_qos", "value": value, "at": at(hours), "evidence": evidence});
        let body = body.to_string();
        program.post("/api/v1/indicators", &body).await.status
    };
    assert_eq!(send(0, 99.0, "Report of today").await, 201);
    assert_eq!(send(24, 97.4, "Report of yesterday, page 3").await, 201);
    assert!(lit(&app).is_empty(), "it was in breach, and is not");
    let told = app.events_of("indicator.reported");
    assert_eq!(
        told[1]["details"]["evidence"],
        "Report of yesterday, page 3"
    );
    assert_eq!(send(31 * 24, 97.4, "Old").await, 400);
    assert_eq!(send(-1, 97.4, "Of a moment to come").await, 400);
    assert_eq!(send(0, 97.4, "SAR filed for C-1").await, 400);
    assert_eq!(send(0, 97.4, " ").await, 400);
}

#[actix_web::test]
async fn an_event_carries_a_value_where_its_pack_says_so() {
    let app = TestApp::start().await;
    let from = "from_event = { type = \"report.submitted\", value = \"data.score\" }";
    let at = "id = \"ncc_qos\"\n";
    apply(&app, &SMALL.replacen(at, &format!("{at}{from}\n"), 1));
    let program = app.program(&[EventsWrite]);
    let send = async |data: &str| {
        let body = format!("{{\"event\": \"report.submitted\"{data}}}");
        program.post("/api/v1/events", &body).await.status
    };
    assert_eq!(send(", \"data\": {\"score\": 97.4}").await, 201);
    assert!(lit(&app).contains(&"Quality is in breach".to_owned()));
    assert_eq!(send(", \"data\": {\"score\": \"99.9\"}").await, 201);
    assert_eq!(send("").await, 201);
    let told = app.events_of("event.reported");
    assert_eq!(told[0]["details"].get("without_value_of"), None);
    for event in &told[1..] {
        assert_eq!(event["details"]["without_value_of"], "ncc_qos");
    }
    assert_eq!(app.events_of("indicator.reported").len(), 1);
    assert!(lit(&app).contains(&"Quality is in breach".to_owned()));
}

#[actix_web::test]
async fn a_report_under_one_name_is_taken_down_once() {
    let (app, program) = ground().await;
    let send = async |body: &'static str| {
        let request = program
            .request(Method::POST, "/api/v1/events")
            .header("content-type", "application/json")
            .header("idempotency-key", "a");
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(r#"{"event": "report.submitted"}"#).await, 201);
    assert_eq!(send(r#"{"event": "report.submitted"}"#).await, 200);
    assert_eq!(
        send(r#"{"event": "report.submitted", "platform": "demo"}"#).await,
        409
    );
    let reported = app.events_of("event.reported");
    assert_eq!(reported.len(), 1);
}

#[actix_web::test]
async fn what_cannot_be_reported_is_told_apart() {
    let (app, program) = ground().await;
    let status = async |body: &str| program.post("/api/v1/indicators", body).await.status;
    assert_eq!(status(r#"{"indicator": "nothing", "value": 1}"#).await, 404);
    assert_eq!(
        status(r#"{"indicator": "ncc_qos", "value": 1, "platform": "x"}"#).await,
        400
    );
    assert_eq!(status(r#"{"indicator": "ncc_qos"}"#).await, 400);
    assert_eq!(
        status(r#"{"indicator": "ncc_qos", "value": "97"}"#).await,
        400
    );
    assert_eq!(
        status(r#"{"indicator": "ncc_qos", "value": 1e999}"#).await,
        400
    );
    let reader = app.program(&[AlertsRead]);
    let body = r#"{"indicator": "ncc_qos", "value": 1}"#;
    assert_eq!(reader.post("/api/v1/indicators", body).await.status, 403);
}
