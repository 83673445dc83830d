//! Codes and recovery codes: each once, however many try at once.

use diesel::prelude::*;
use futures_util::future::join_all;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::{factors, recovery};

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_code_is_used_once() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    assert_eq!(
        sign_in(&app, &app.browser(), person, EMAIL)
            .await
            .location(),
        "/"
    );
    let browser = app.browser();
    let again = sign_in(&app, &browser, person, EMAIL).await;
    assert_eq!(again.status, 422);
    assert!(again.says("has been used"));
    app.next_code();
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(person);
    let answer = browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    assert_eq!(answer.location(), "/");
}

#[actix_web::test]
async fn of_fifty_parallel_posts_of_one_code_one_succeeds() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(person);
    let fields = [("code", code.as_str())];
    let posts = (0..50).map(|_| browser.submit(&page, "/sign-in/code", &fields));
    let answers = join_all(posts).await;
    let entered = answers
        .iter()
        .filter(|answer| answer.status == 303 && answer.location() == "/")
        .count();
    assert_eq!(entered, 1);
    assert_eq!(app.events_of("session.signed_in").len(), 1);
    assert!(answers.iter().all(|answer| answer.status < 500));
}

/// The same race without the throttle in front: real connections, one row.
#[actix_web::test]
async fn a_step_is_burnt_by_one_of_many_connections() {
    let app = TestApp::start().await;
    let (person, codes) = app.enrolled(EMAIL);
    let digest = recovery::digest(codes[0].expose()).unwrap();
    let now = app.now();
    let race = |act: &(dyn Fn(&mut PgConnection) -> bool + Sync)| -> usize {
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| act(&mut app.db.connect_superuser())))
                .collect();
            racers
                .into_iter()
                .map(|racer| usize::from(racer.join().unwrap()))
                .sum()
        })
    };
    assert_eq!(
        race(&|conn| factors::accept_step(conn, person, 7_000).unwrap()),
        1
    );
    assert_eq!(
        race(&|conn| factors::use_recovery_code(conn, person, digest, now).unwrap()),
        1
    );
}

#[actix_web::test]
async fn of_eight_parallel_uses_of_a_recovery_code_one_succeeds() {
    let app = TestApp::start().await;
    let (_, codes) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/recovery").await;
    assert_eq!(page.field("Recovery code").name, "code");
    let fields = [("code", codes[3].expose().as_str())];
    let posts = (0..8).map(|_| browser.submit(&page, "/sign-in/recovery", &fields));
    let answers = join_all(posts).await;
    let entered = answers
        .iter()
        .filter(|answer| answer.status == 303 && answer.location() == "/account?done=recovery")
        .count();
    assert_eq!(entered, 1);
    let used = app.events_of("recovery_code.used");
    assert_eq!(used.len(), 1);
    assert_eq!(used[0]["details"]["left"], 9);
}

#[actix_web::test]
async fn a_used_recovery_code_is_told_before_anything_else() {
    let app = TestApp::start().await;
    let (_, codes) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/recovery?next=%2Falerts").await;
    let fields = [("code", codes[0].expose().as_str())];
    let answer = browser.submit(&page, "/sign-in/recovery", &fields).await;
    let told = browser.get(answer.location()).await;
    assert!(told.says("9 of 10 left. Make new ones"), "{}", told.text());
    assert_eq!(told.link("Go on to where you were going"), "/alerts");
}

#[actix_web::test]
async fn a_device_is_known_by_a_token_of_our_making_only() {
    const COOKIE: &str = "signalbox-device";
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    let made_up = "A".repeat(43);
    browser
        .cookies
        .borrow_mut()
        .insert(COOKIE.into(), made_up.clone());
    sign_in(&app, &browser, person, EMAIL).await;
    let given = browser.cookies.borrow()[COOKIE].clone();
    assert_ne!(given, made_up);
    browser.cookies.borrow_mut().remove("signalbox");
    app.next_code();
    sign_in(&app, &browser, person, EMAIL).await;
    assert_eq!(browser.cookies.borrow()[COOKIE], given);
}

#[actix_web::test]
async fn a_used_recovery_code_is_worth_nothing() {
    let app = TestApp::start().await;
    let (_, codes) = app.enrolled(EMAIL);
    for expected in [303, 422] {
        let browser = app.browser();
        give_password(&browser, EMAIL, PASSWORD).await;
        let page = browser.get("/sign-in/recovery").await;
        let fields = [("code", codes[0].expose().as_str())];
        let answer = browser.submit(&page, "/sign-in/recovery", &fields).await;
        assert_eq!(answer.status, expected);
    }
}

#[actix_web::test]
async fn half_way_in_no_signed_in_route_opens() {
    let app = TestApp::start().await;
    for (stage, way_on) in [
        (Stage::SecondFactor, "/sign-in/code"),
        (Stage::Enrolment, "/enrol/authenticator"),
    ] {
        let half = app.as_half_signed(stage);
        for route in signalbox::app::routes().iter() {
            use signalbox::foundation::web::Access;
            if !matches!(route.access, Access::Signed | Access::Needs(_)) {
                continue;
            }
            let path = route.path.replace("{id}", &uuid::Uuid::nil().to_string());
            let page = if route.method == "GET" {
                half.get(&path).await
            } else {
                half.post_form(&path, &[]).await
            };
            if path.starts_with("/api/") {
                assert_eq!(page.status, 401, "{} {path}", route.method);
            } else {
                assert_eq!((page.status, page.location()), (303, way_on), "{path}");
            }
        }
    }
}
