//! Forms: forged ones, parked ones, hostile ones.

use chrono::Duration;
use reqwest::Method;

use super::{EMAIL, PASSWORD, give_password};
use crate::support::app::TestApp;

#[actix_web::test]
async fn forged_posts_are_refused() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    let post = |headers: &'static [(&'static str, &'static str)], csrf: String| {
        let mut request = client
            .request(Method::POST, "/sign-out")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("csrf={csrf}&idempotency={}", uuid::Uuid::now_v7()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let good = client.csrf.clone();
    assert_eq!(post(&[], good.clone()).await, 403, "neither header");
    assert_eq!(
        post(&[("sec-fetch-site", "cross-site")], good.clone()).await,
        403
    );
    assert_eq!(
        post(&[("sec-fetch-site", "same-site")], good.clone()).await,
        403
    );
    assert_eq!(
        post(&[("origin", "http://evil.test")], good.clone()).await,
        403
    );
    assert_eq!(
        post(&[("sec-fetch-site", "same-origin")], String::new()).await,
        403
    );
    let other = app.as_auditor().csrf;
    assert_eq!(post(&[("sec-fetch-site", "same-origin")], other).await, 403);
    assert_eq!(client.get("/account").await.status, 200, "still signed in");
    let origin: &'static str = Box::leak(app.url.clone().into_boxed_str());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("origin", origin)]));
    assert_eq!(post(headers, good).await, 303);
    let denied = app.events_of("access.denied");
    assert_eq!(denied.len(), 6, "each is an event");
    for event in denied {
        assert_eq!(event["details"]["why"], "forged_form");
        assert_eq!(event["subject"]["id"], "/sign-out");
    }
}

#[actix_web::test]
async fn signing_in_cannot_be_forged_either() {
    let app = TestApp::start().await;
    app.enrolled(EMAIL);
    let body = format!("email={EMAIL}&password={}", PASSWORD.replace(' ', "+"));
    let forged = app
        .as_outsider()
        .request(Method::POST, "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(body);
    assert_eq!(forged.send().await.unwrap().status(), 403);
}

#[actix_web::test]
async fn a_form_that_comes_again_with_something_else_in_it_is_given_back() {
    const EXPORTS: &str = "/audit/exports";
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    let key = uuid::Uuid::now_v7().to_string();
    let fields = |format: &'static str| [("format", format), ("idempotency", key.as_str())];
    let first = auditor.post_form(EXPORTS, &fields("csv")).await;
    let again = auditor.post_form(EXPORTS, &fields("csv")).await;
    assert_eq!(
        first.location(),
        again.location(),
        "a double press is one act"
    );
    let other = auditor.post_form(EXPORTS, &fields("ndjson")).await;
    assert_eq!(other.status, 409);
    assert!(other.heading().contains("with something else in it"));
    let kept = other.form(EXPORTS);
    assert!(kept.contains(&("format".to_owned(), "ndjson".to_owned())));
    let fresh = kept.iter().find(|(name, _)| name == "idempotency").unwrap();
    assert_ne!(fresh.1, key);
    let kept: Vec<(&str, &str)> = kept
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let sent = auditor.post_form(EXPORTS, &kept).await;
    assert_ne!(sent.location(), first.location(), "it is an act of its own");
}

#[actix_web::test]
async fn a_form_without_a_key_is_refused() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    let request = client
        .request(Method::POST, "/sign-out")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("csrf={}", client.csrf));
    assert_eq!(request.send().await.unwrap().status(), 400);
    assert_eq!(client.get("/account").await.status, 200);
}

#[actix_web::test]
async fn a_page_that_comes_back_says_so_in_its_title() {
    let app = TestApp::start().await;
    let page = give_password(&app.browser(), "nobody@test.example", "x").await;
    assert_eq!(page.status, 422);
    assert_eq!(page.texts("title"), ["Error: Sign in · Signalbox"]);
}

/// The reference's naughty strings, through every field at the door.
#[actix_web::test]
async fn hostile_strings_are_only_strings() {
    let Some(strings) = crate::support::reference::json("strings/blns.json") else {
        return;
    };
    let app = TestApp::start().await;
    let outsider = app.as_outsider();
    for value in strings.as_array().unwrap() {
        let text = value.as_str().unwrap();
        // Nobody is throttled in this test.
        app.advance(Duration::minutes(31));
        let client = app.as_operator();
        let next: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let fields = [("email", text), ("password", text), ("next", text)];
        let current = [("current", text), ("password", text), ("again", text)];
        let pages = [
            outsider.post_form("/sign-in", &fields).await,
            outsider
                .get(&format!("/sign-in?next={next}&email={next}"))
                .await,
            outsider.get(&format!("/enrol/link/{next}")).await,
            client.post_form("/account/password", &current).await,
            client
                .post_form("/step-up", &[("code", text), ("next", text)])
                .await,
            client.get(&format!("/step-up?next={next}")).await,
            client
                .post_form("/account/recovery-codes/file", &[("codes", text)])
                .await,
            client.get(&format!("/account/parked/{next}")).await,
            client.get(&format!("/account?done={next}")).await,
        ];
        for page in pages {
            assert!(page.status < 500, "{text:?} gave {}", page.status);
            let dangerous = text.contains('<') && text.len() > 3;
            assert!(
                !dangerous || !page.body.contains(text),
                "{text:?} unescaped"
            );
        }
    }
    give_password(&app.browser(), "x\0y", "z").await;
}
