//! What everybody can ask: health, headers, hosts, errors.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{App, HttpResponse, test};
use diesel::RunQueryDsl;
use reqwest::Method;
use signalbox::foundation::web::headers::CONTENT_POLICY;

use crate::support::app::TestApp;

#[actix_web::test]
async fn health_routes_answer_without_a_host() {
    // RH-3, LT-2..4, DO-4..6
    let app = TestApp::start().await;
    for (path, expected) in [
        ("/health", "ok"),
        ("/api/health", "ok"),
        ("/api/readiness", "ok"),
        ("/api/health/db", "ok"),
        ("/api/health/redis", "not configured"),
    ] {
        let answer = raw(&app, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 200"), "{path}: {answer}");
        let body = format!(r#"{{"status":"{expected}"}}"#);
        assert!(answer.ends_with(&body), "{path}: {answer}");
    }
    let page = raw(&app, "GET /sign-in HTTP/1.0\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.0 421"), "{page}");
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
    let page = answer.text().await.unwrap();
    assert!(
        page.contains(&format!("Open {}/ instead", app.url)),
        "{page}"
    );
}

#[actix_web::test]
async fn whatever_can_be_read_can_be_asked_about() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for path in ["/health", "/", "/account", "/live"] {
        let asked = client.request(Method::HEAD, path).send();
        let asked = tokio::time::timeout(Duration::from_secs(5), asked).await;
        let asked = asked
            .expect("an answer without waiting for the end")
            .unwrap();
        assert_eq!(asked.status(), 200, "{path}");
        assert!(asked.headers().contains_key("content-type"), "{path}");
        assert!(asked.bytes().await.unwrap().is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn a_wrong_method_is_told_which_are_right() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for (method, path, allow) in [
        (Method::GET, "/sign-out", "POST"),
        (Method::DELETE, "/sign-in", "GET, HEAD, POST"),
        (Method::POST, "/health", "GET, HEAD"),
    ] {
        let request = client.request(method, path);
        let answer = request
            .header("sec-fetch-site", "same-origin")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], allow, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("This address takes no such request"));
        assert!(
            page.contains("Test operator"),
            "a reader keeps their navigation"
        );
    }
}

#[actix_web::test]
async fn an_unknown_address_knows_who_is_signed_in() {
    let app = TestApp::start().await;
    let page = app.as_operator().get("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.says("Test operator"));
    assert!(
        !app.as_outsider()
            .get("/nowhere")
            .await
            .says("Test operator")
    );
}

#[actix_web::test]
async fn whoever_holds_no_role_is_told_so_and_shown_no_good_news() {
    let app = TestApp::start().await;
    let newcomer = app.as_operator();
    diesel::sql_query("DELETE FROM person_role")
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    let start = newcomer.get("/").await;
    assert_eq!(start.heading(), "You hold no role yet");
    for good in ["Open alerts", "Nothing is watched", "pack apply"] {
        assert!(!start.says(good), "{good}");
    }
}

/// A route that asks for a fresh proof of identity is shut where no page takes one.
#[actix_web::test]
async fn a_route_with_step_up_is_shut_without_it() {
    use signalbox::foundation::auth::session_store;
    use signalbox::foundation::web::{Access, Routes};
    let app = TestApp::start().await;
    let table = Routes::new()
        .get("/plain", Access::Signed, HttpResponse::Ok)
        .get("/asks", Access::Signed, HttpResponse::Ok)
        .with_step_up();
    let service = test::init_service(
        App::new()
            .app_data(Data::new(app.services.clone()))
            .wrap(session_store::middleware(&app.services))
            .configure(|config| table.configure(config)),
    )
    .await;
    let cookie = app.as_operator().cookie.unwrap();
    app.advance(chrono::Duration::minutes(10));
    for (path, status) in [("/plain", 200), ("/asks", 403)] {
        let request = test::TestRequest::get()
            .uri(path)
            .insert_header(("cookie", cookie.as_str()))
            .to_request();
        let answer = test::call_service(&service, request).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

/// What comes back over a connection to which this was written, and nothing more.
async fn raw(app: &TestApp, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let port: u16 = app.url.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
