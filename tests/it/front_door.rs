//! What everybody can ask: health, headers, hosts, errors.

use signalbox::foundation::web::headers::CONTENT_POLICY;

use crate::support::app::TestApp;

#[actix_web::test]
async fn health_routes_answer_without_a_host() {
    // RH-3, LT-2..4, DO-4..6
    let app = TestApp::start().await;
    for path in ["/health", "/api/health", "/api/readiness", "/api/health/db"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.text().await.unwrap(), r#"{"status":"ok"}"#, "{path}");
    }
    let redis = app.get("/api/health/redis").await;
    assert_eq!(
        redis.text().await.unwrap(),
        r#"{"status":"not configured"}"#
    );
}

#[actix_web::test]
async fn every_answer_carries_the_security_headers_and_a_request_id() {
    let app = TestApp::start().await;
    for path in ["/health", "/nowhere", "/api/nowhere"] {
        let answer = app.get(path).await;
        let header = |name: &str| {
            answer.headers().get(name).map_or_else(
                || panic!("{path} has no {name}"),
                |value| value.to_str().unwrap().to_owned(),
            )
        };
        assert_eq!(header("content-security-policy"), CONTENT_POLICY);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-request-id").len(), 32);
    }
}

#[actix_web::test]
async fn errors_are_pages_for_people_and_problems_for_programs() {
    let app = TestApp::start().await;
    let page = app.get("/nowhere").await;
    assert_eq!(page.status(), 404);
    assert!(page.text().await.unwrap().contains("There is nothing here"));
    let problem = app.get("/api/nowhere").await;
    assert_eq!(problem.status(), 404);
    assert_eq!(
        problem.headers()["content-type"],
        "application/problem+json"
    );
    let body: serde_json::Value = serde_json::from_str(&problem.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], "not_found");
    assert_eq!(body["status"], 404);
}

#[actix_web::test]
async fn a_foreign_host_is_misdirected() {
    let app = TestApp::start().await;
    let answer = app
        .http
        .get(format!("{}/nowhere", app.url))
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 421);
}
