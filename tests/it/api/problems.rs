//! Whatever goes wrong under /api is told as a problem (RFC 9457), with a code that programs can rely on.

use reqwest::Method;
use signalbox::foundation::auth::keys::KeyScope;

use crate::support::app::TestApp;
use crate::support::page::Page;

#[actix_web::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let app = TestApp::start().await;
    let program = app.program(&KeyScope::ALL);
    for path in [
        "/api/nowhere",
        "/api/v1/",
        "/api/v3/alerts",
        "/api/v1/alerts/x/y/z",
    ] {
        let answer = program.get(path).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{path}");
        let bare = Page::read(app.get(path).await).await;
        assert_eq!(bare.problem(), (404, "not_found".to_owned()), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/alerts"),
        (Method::POST, "/api/v1/cases"),
        (Method::PUT, "/api/v1/subjects"),
        (Method::POST, "/api/openapi.json"),
        (Method::PATCH, "/api/health"),
    ] {
        let request = program.request(method.clone(), path);
        let answer = Page::read(request.send().await.unwrap()).await;
        assert_eq!(
            answer.problem(),
            (405, "method_not_allowed".to_owned()),
            "{method} {path}"
        );
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
}

#[actix_web::test]
async fn ids_that_are_none_and_hostile_input_are_told_apart_from_faults() {
    let app = TestApp::start().await;
    let program = app.program(&KeyScope::ALL);
    for id in [
        "x",
        "0",
        "01900000-0000-7000-8000-000000000000",
        "%00",
        "..%2f..%2fetc",
        "%F0%9F%99%82",
    ] {
        for path in [
            format!("/api/v1/alerts/{id}"),
            format!("/api/v1/cases/{id}"),
            format!("/api/v1/intake/{id}"),
        ] {
            let answer = program.get(&path).await;
            assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{path}");
        }
    }
    for query in [
        "?state=ajar",
        "?after=x",
        "?nonsense",
        "?state=open&x=1",
        "?%ff=1",
        "?state=%00",
    ] {
        let answer = program.get(&format!("/api/v1/alerts{query}")).await;
        assert_eq!(answer.problem(), (400, "malformed".to_owned()), "{query}");
    }
    let id = uuid::Uuid::now_v7();
    let path = format!("/api/v1/alerts/{id}/acknowledgement");
    for (kind, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "{\"note\": 7}", 400),
        ("application/json", "{\"notes\": \"x\"}", 400),
        ("application/json", "{\"note\": \"a\\u0000b\"}", 400),
        ("application/json", "{\"note\": \"\u{1b}[2J\"}", 400),
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "note=x", 415),
        ("application/json", "{}", 404),
    ] {
        let answer = program.send(&path, kind, body, None).await;
        assert_eq!(answer.problem().0, status, "{kind} {body:?}");
    }
    let long = format!("{{\"note\": \"{}\"}}", "x".repeat(1_001));
    assert_eq!(program.post(&path, &long).await.problem().0, 400);
    let huge = format!("{{\"note\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(
        program.post(&path, &huge).await.problem(),
        (413, "too_large".to_owned())
    );
}

/// LT-20: 503 when the database is away, also where a key would have been looked up.
#[actix_web::test]
async fn without_a_database_the_answer_is_503() {
    let app = TestApp::start_with(|services| {
        let nowhere = "postgres://nobody@127.0.0.1:1/nowhere?connect_timeout=1";
        let url = signalbox::foundation::kernel::Secret::from(nowhere);
        services.db = signalbox::foundation::db::Db::new(&url, services.config.database.pools);
    })
    .await;
    let key = TestApp::start()
        .await
        .make_key(crate::support::keys::new_key(&[KeyScope::AlertsRead]));
    let answer = app
        .program_with(key.text.expose())
        .get("/api/v1/alerts")
        .await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert!(answer.header("retry-after").is_some());
}
