//! Sensitive acts ask for a proof of the last ten minutes; what was typed waits behind it.

use chrono::Duration;
use futures_util::future::join_all;
use reqwest::Method;
use signalbox::app;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::sar::is_compartment;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;

const ASKING: &str = "/account/recovery-codes";
const TYPED: &str = "for the regulator <i>";

/// Sends the code of now to the page that asks for proof.
async fn prove(app: &TestApp, browser: &Browser, asking: &Page, code: &str) -> Page {
    assert_eq!(asking.heading(), "Prove that it is you", "{}", app.url);
    browser.submit(asking, "/step-up", &[("code", code)]).await
}

#[actix_web::test]
async fn every_route_that_asks_for_proof_is_403_without() {
    let app = TestApp::start().await;
    let table = app::routes();
    let tagged: Vec<_> = table.iter().filter(|route| route.step_up).collect();
    for expected in [
        "/account/password",
        "/account/recovery-codes",
        "/audit/exports",
        "/reviews/{id}/approval",
        "/reviews/{id}/hits/{hit}/approval",
        "/policy/{key}/{version}/approval",
        "/sar/grants/opening",
        "/sar/grants/{id}/approval",
    ] {
        assert!(
            tagged.iter().any(|route| route.path == expected),
            "{expected}"
        );
    }
    let signs = |path: &str| {
        ["/approval", "/signature", "/countersignature"]
            .iter()
            .any(|end| path.ends_with(end))
    };
    let untagged: Vec<&str> = table
        .iter()
        .filter(|route| signs(route.path) && !route.step_up)
        .map(|route| route.path)
        .collect();
    assert!(
        untagged.is_empty(),
        "whoever signs or approves proves who they are: {untagged:?}"
    );
    for route in tagged {
        let mut asked = 0;
        // For everybody but holders of a grant there is nothing in the compartment to ask for.
        let askers = if is_compartment(route.path) {
            vec![None]
        } else {
            Role::ALL.map(Some).to_vec()
        };
        for role in askers {
            let client = role.map_or_else(|| app.as_sar_holder(), |role| app.as_role(role));
            app.advance(Duration::minutes(10));
            let path = route
                .path
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "01900000-0000-7000-8000-000000000000"
                    } else {
                        part
                    }
                })
                .collect::<Vec<_>>()
                .join("/");
            let method: Method = route.method.as_str().parse().unwrap();
            let answer = client
                .request(method, &path)
                .header("sec-fetch-site", "same-origin")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 403, "{}", route.path);
            let page = Page::read(answer).await;
            match page.heading().as_str() {
                "Prove that it is you" => asked += 1,
                heading => assert_eq!(heading, "You may not do this", "{}", route.path),
            }
        }
        assert!(asked > 0, "nobody is asked for proof at {}", route.path);
    }
}

#[actix_web::test]
async fn a_proof_lasts_ten_minutes_whatever_is_done_meanwhile() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::seconds(5 * 60));
    assert_eq!(client.get(ASKING).await.status, 200);
    app.advance(Duration::seconds(4 * 60 + 59));
    assert_eq!(client.get(ASKING).await.status, 200);
    app.advance(Duration::seconds(1));
    let page = client.get(ASKING).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (403, "Prove that it is you")
    );
    assert_eq!(
        client.get("/account").await.status,
        200,
        "the rest stays open"
    );
}

#[actix_web::test]
async fn what_was_typed_waits_behind_the_proof_and_the_old_token_is_dead() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let mut fields = browser.get("/account").await.form("/sign-out");
    fields.push(("note".to_owned(), TYPED.to_owned()));
    app.advance(Duration::minutes(11));
    // Whoever approves nothing is told so before they are asked to prove anything.
    let barred = browser.post("/policy/kyc/1/approval", &fields).await;
    assert_eq!(barred.heading(), "You may not do this");
    let asking = browser.post(ASKING, &fields).await;
    assert_eq!(asking.status, 403);
    assert!(asking.says("What you typed is kept"));
    let before = browser.cookies.borrow().clone();
    let code = app.code_of(person);
    let wrong = prove(&app, &browser, &asking, "000000").await;
    assert_eq!(wrong.status, 422);
    let answer = prove(&app, &browser, &wrong, &code).await;
    assert!(
        answer.location().starts_with("/account/parked/"),
        "{}",
        answer.location()
    );
    let waiting = browser.get(answer.location()).await;
    assert!(waiting.says(TYPED));
    let old = app.browser();
    *old.cookies.borrow_mut() = before;
    assert_eq!(
        old.get("/account").await.location(),
        "/sign-in?next=%2Faccount"
    );
    let done = browser.submit(&waiting, ASKING, &[]).await;
    assert_eq!(done.texts("ol.codes li").len(), 10);
    assert_eq!(app.events_of("session.proved").len(), 1);
    assert_eq!(app.events_of("session.proof_failed").len(), 1);
    let denied = &app.events_of("access.denied");
    assert!(
        denied
            .iter()
            .any(|event| event["details"]["why"] == "step_up")
    );
}

#[actix_web::test]
async fn a_page_that_was_asked_for_comes_after_the_proof() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    app.advance(Duration::minutes(11));
    let asking = browser.get("/account/password").await;
    let code = app.code_of(person);
    let answer = prove(&app, &browser, &asking, &code).await;
    assert_eq!(answer.location(), "/account/password");
    assert_eq!(browser.get("/account/password").await.status, 200);
    assert_eq!(
        browser.get("/step-up?next=%2Falerts").await.location(),
        "/alerts",
        "nobody proves twice"
    );
}

#[actix_web::test]
async fn a_recovery_code_opens_a_session_and_proves_nothing() {
    let app = TestApp::start().await;
    let (_, codes) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/recovery").await;
    let fields = [("code", codes[0].expose().as_str())];
    browser.submit(&page, "/sign-in/recovery", &fields).await;
    assert_eq!(browser.get("/account").await.status, 200);
    let asking = browser.get(ASKING).await;
    assert_eq!(asking.status, 403);
    let fields = [("code", codes[1].expose().as_str())];
    assert_eq!(
        browser.submit(&asking, "/step-up", &fields).await.status,
        422
    );
}

#[actix_web::test]
async fn fifty_parallel_proofs_with_one_code_are_one() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    app.advance(Duration::minutes(11));
    let asking = browser.get(ASKING).await;
    let code = app.code_of(person);
    let fields = [("code", code.as_str())];
    join_all((0..50).map(|_| browser.submit(&asking, "/step-up", &fields))).await;
    assert_eq!(app.events_of("session.proved").len(), 1);
}

#[actix_web::test]
async fn guessing_a_proof_is_throttled_and_programs_are_told_in_a_status() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    app.advance(Duration::minutes(11));
    let asking = browser.get(ASKING).await;
    for _ in 0..5 {
        let wrong = browser
            .submit(&asking, "/step-up", &[("code", "000000")])
            .await;
        assert_eq!(wrong.status, 422);
    }
    let code = app.code_of(person);
    let refused = browser
        .submit(&asking, "/step-up", &[("code", &code)])
        .await;
    assert_eq!(refused.status, 429);
    let client = app.as_operator();
    app.advance(Duration::minutes(11));
    let told = client
        .request(Method::GET, ASKING)
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    assert_eq!(told.status(), 403);
    let problem = told.text().await.unwrap();
    assert!(problem.contains("\"step_up_required\""), "{problem}");
}
