//! How often somebody may try, and that strangers lock nobody out for good.

use std::net::Ipv4Addr;

use chrono::Duration;
use diesel::prelude::*;
use futures_util::future::join_all;
use signalbox::foundation::db::schema::sign_in_throttle as counters;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

fn tries(app: &TestApp, scope: &str) -> Vec<i32> {
    counters::table
        .filter(counters::scope.eq(scope))
        .order(counters::tries.desc())
        .select(counters::tries)
        .load(&mut app.db.connect_superuser())
        .unwrap()
}

#[actix_web::test]
async fn five_tries_then_fifteen_minutes_for_known_and_unknown_names() {
    // LT-10
    let app = TestApp::start().await;
    app.enrolled(EMAIL);
    for email in [EMAIL, "nobody@test.example"] {
        let browser = app.browser_at(ATTACKER);
        for _ in 0..5 {
            assert_eq!(give_password(&browser, email, "wrong").await.status, 422);
        }
        let refused = give_password(&browser, email, PASSWORD).await;
        assert_eq!(refused.status, 429, "the right password does not help");
        assert_eq!(refused.header("retry-after"), Some("900"));
    }
    app.advance(Duration::minutes(15));
    let answer = give_password(&app.browser_at(ATTACKER), EMAIL, PASSWORD).await;
    assert_eq!(answer.location(), "/sign-in/code");
}

#[actix_web::test]
async fn twenty_tries_from_one_address_whatever_the_name() {
    let app = TestApp::start().await;
    let browser = app.browser_at(ATTACKER);
    for number in 0..20 {
        let email = format!("guess-{number}@test.example");
        assert_eq!(give_password(&browser, &email, "wrong").await.status, 422);
    }
    let refused = give_password(&browser, "fresh@test.example", "wrong").await;
    assert_eq!(refused.status, 429);
    let other = give_password(&app.browser_at(ELSEWHERE), "fresh@test.example", "wrong").await;
    assert_eq!(other.status, 422);
}

#[actix_web::test]
async fn five_hundred_bad_tries_do_not_lock_out_a_known_device() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let own = app.browser();
    assert_eq!(sign_in(&app, &own, person, EMAIL).await.location(), "/");
    own.cookies.borrow_mut().remove("signalbox");
    app.next_code();
    let attacker = app.browser_at(ATTACKER);
    let page = attacker.get("/sign-in").await;
    let fields = [("email", EMAIL), ("password", "wrong")];
    for _ in 0..10 {
        join_all((0..50).map(|_| attacker.submit(&page, "/sign-in", &fields))).await;
    }
    assert_eq!(tries(&app, "pair")[0], 500);
    let stranger = give_password(&app.browser_at(ELSEWHERE), EMAIL, PASSWORD).await;
    assert_eq!(stranger.status, 429, "unknown devices wait 30 minutes");
    assert_eq!(stranger.header("retry-after"), Some("1800"));
    assert_eq!(
        sign_in(&app, &own, person, EMAIL).await.location(),
        "/",
        "a device that signed in before still gets in"
    );
    app.advance(Duration::minutes(30));
    let stranger = give_password(&app.browser_at(ELSEWHERE), EMAIL, PASSWORD).await;
    assert_eq!(stranger.location(), "/sign-in/code");
    let throttled = app.events_of("session.throttled").len();
    assert_eq!(
        throttled, 2,
        "one for the attacker's network, one for the stranger's"
    );
}

#[actix_web::test]
async fn fifty_parallel_failures_count_fifty() {
    let app = TestApp::start().await;
    app.enrolled(EMAIL);
    let browser = app.browser_at(ATTACKER);
    let page = browser.get("/sign-in").await;
    let fields = [("email", EMAIL), ("password", "wrong")];
    let answers = join_all((0..50).map(|_| browser.submit(&page, "/sign-in", &fields))).await;
    let checked = answers.iter().filter(|answer| answer.status == 422).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((checked, refused), (5, 45));
    for scope in ["pair", "address", "account"] {
        assert_eq!(tries(&app, scope), [50], "{scope}");
    }
    assert_eq!(app.events_of("session.sign_in_failed").len(), 5);
    assert_eq!(app.events_of("session.throttled").len(), 1);
}

#[actix_web::test]
async fn right_passwords_are_not_counted() {
    let app = TestApp::start().await;
    app.enrolled(EMAIL);
    for _ in 0..12 {
        let answer = give_password(&app.browser_at(ATTACKER), EMAIL, PASSWORD).await;
        assert_eq!(answer.location(), "/sign-in/code");
    }
}

#[actix_web::test]
async fn wrong_codes_are_throttled_by_themselves() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/code").await;
    for _ in 0..5 {
        let answer = browser
            .submit(&page, "/sign-in/code", &[("code", "000000")])
            .await;
        assert_eq!(answer.status, 422);
    }
    let code = app.code_of(person);
    let refused = browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    assert_eq!(refused.status, 429);
}

#[actix_web::test]
async fn denials_are_recorded_and_coalesced() {
    let app = TestApp::start().await;
    let auditor = app.as_auditor();
    let path = signalbox::app::routes()
        .iter()
        .find(|route| {
            use signalbox::foundation::auth::Role;
            use signalbox::foundation::web::Access;
            let Access::Needs(needed) = route.access else {
                return false;
            };
            route.method == "GET" && !Role::Auditor.permissions().contains(&needed)
        })
        .map(|route| route.path.replace("{id}", &uuid::Uuid::nil().to_string()))
        .expect("a page that an auditor may not open");
    for _ in 0..40 {
        assert_eq!(auditor.get(&path).await.status, 403);
    }
    let denied = app.events_of("access.denied");
    assert_eq!(
        denied.len(),
        21,
        "twenty, and one for the rest of the minute"
    );
    assert_eq!(denied[0]["outcome"], "denied");
}

#[actix_web::test]
async fn a_blocked_address_makes_no_rows_and_no_events_with_new_names() {
    let app = TestApp::start().await;
    let browser = app.browser_at(ATTACKER);
    for number in 0..40 {
        let email = format!("guess-{number}@test.example");
        give_password(&browser, &email, "wrong").await;
    }
    assert_eq!(tries(&app, "address"), [40]);
    for scope in ["pair", "account"] {
        assert_eq!(tries(&app, scope).len(), 20, "{scope}");
    }
    assert_eq!(app.events_of("session.throttled").len(), 1);
}
