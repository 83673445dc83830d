//! Forms: forged ones, parked ones, hostile ones.

use chrono::Duration;
use reqwest::Method;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;

#[actix_web::test]
async fn forged_posts_are_refused() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    let post = |headers: &'static [(&'static str, &'static str)], csrf: String| {
        let mut request = client
            .request(Method::POST, "/sign-out")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("csrf={csrf}"));
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

/// The form that turns recovery codes into a file stands for any form here: its one field takes
/// whatever is typed.
#[actix_web::test]
async fn a_form_from_a_session_that_ran_out_is_kept_for_its_author() {
    const ACTION: &str = "/account/recovery-codes/file";
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let mut fields = browser.get("/account").await.form("/sign-out");
    let typed = "three pages of reasons <b>& more</b>\nwith a second line";
    fields.push(("codes".to_owned(), typed.to_owned()));
    app.advance(Duration::minutes(16));
    let answer = browser.post(ACTION, &fields).await;
    let door = browser.get(answer.location()).await;
    assert!(door.says("What you typed is kept for you"));
    let asked = [("email", EMAIL), ("password", PASSWORD)];
    let answer = browser.submit(&door, "/sign-in", &asked).await;
    let page = browser.get(answer.location()).await;
    let code = app.code_of(person);
    let answer = browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    let waits_at = answer.location().to_owned();
    assert!(waits_at.starts_with("/account/parked/"));
    let page = browser.get(&waits_at).await;
    assert_eq!(page.heading(), "What you typed is still here");
    assert!(page.says("three pages of reasons <b>& more</b>"));
    let kept = page.form(ACTION);
    assert!(kept.contains(&("codes".to_owned(), typed.to_owned())));
    let key = |fields: &[(String, String)]| {
        fields
            .iter()
            .find(|(name, _)| name == "idempotency")
            .cloned()
    };
    assert_eq!(key(&kept), key(&fields), "sent again it is the same act");
    assert_eq!(
        app.as_operator().get(&waits_at).await.status,
        404,
        "nobody else's"
    );
    let sent = browser.submit(&page, ACTION, &[]).await;
    assert_eq!(
        sent.status, 409,
        "it reached its handler, which looked at the codes"
    );
}

#[actix_web::test]
async fn parked_forms_are_kept_half_an_hour_and_never_with_secrets() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::minutes(16));
    let answer = client.post_form("/sign-out", &[("note", "x")]).await;
    assert!(answer.location().contains("parked"));
    let secret = client
        .post_form("/account/password", &[("password", "x")])
        .await;
    assert_eq!(secret.location(), "/sign-in");
    let forged = client
        .post_form("/sign-out", &[("csrf", "other"), ("note", "x")])
        .await;
    assert_eq!(forged.location(), "/sign-in");
    let id = answer
        .location()
        .rsplit("%2F")
        .next()
        .unwrap()
        .replace("%2D", "-");
    let back = app.as_operator();
    assert_eq!(back.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(14));
    assert_eq!(back.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(1));
    let late = app.as_operator();
    app.advance(Duration::minutes(1));
    assert_eq!(late.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(14));
    assert_eq!(late.get(&format!("/account/parked/{id}")).await.status, 404);
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
                .post_form("/account/recovery-codes", &[("code", text)])
                .await,
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
