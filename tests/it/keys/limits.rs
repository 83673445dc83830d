//! How often somebody may ask.

use std::net::Ipv4Addr;

use signalbox::foundation::auth::keys::KeyScope::AlertsRead;
use signalbox::foundation::auth::limits::Limits;
use signalbox::foundation::config::RateConfig;

use crate::support::app::TestApp;
use crate::support::page::Page;

async fn app(address: u32, session: u32, key: u32) -> TestApp {
    let rates = RateConfig {
        address,
        session,
        key,
    };
    TestApp::start_with(|services| services.limits = Limits::new(rates)).await
}

/// LT-9: so many requests a minute from an address, and then 429.
#[actix_web::test]
async fn whoever_is_not_signed_in_is_counted_by_address() {
    let app = app(5, 1_000, 1_000).await;
    let person = app.as_operator();
    for path in ["/", "/alerts", "/sign-in", "/nowhere", "/api/openapi.json"] {
        let status = app.get(path).await.status().as_u16();
        assert_ne!(status, 429, "{path}");
    }
    for path in [
        "/",
        "/alerts",
        "/nowhere",
        "/api/openapi.json",
        "/api/v1/alerts",
    ] {
        let answer = app.get(path).await;
        let wait: u64 = answer.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=13).contains(&wait), "{path}: {wait}");
        let answer = Page::read(answer).await;
        assert_eq!(answer.status, 429, "{path}");
        if path.starts_with("/api/") {
            assert_eq!(answer.problem().1, "too_many_requests");
        } else {
            assert_eq!(answer.heading(), "Too many requests", "{path}");
            assert_eq!(answer.link("Try again"), path);
        }
    }
    // Not what is asked for without limit, not somebody else, and not somebody who is signed in.
    for path in ["/health", "/api/health/db", "/api/readiness"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }
    let other = app.browser_at(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(other.get("/").await.status, 200);
    for _ in 0..10 {
        assert_eq!(person.get("/alerts").await.status, 200);
    }
}

#[actix_web::test]
async fn a_session_and_a_key_have_their_own_limit() {
    let app = app(1_000, 4, 3).await;
    let (one, two) = (app.as_operator(), app.as_operator());
    let program = app.program(&[AlertsRead]);
    for _ in 0..4 {
        assert_eq!(one.get("/alerts").await.status, 200);
    }
    let refused = one.get("/alerts").await;
    assert_eq!(
        (refused.status, refused.link("Try again").as_str()),
        (429, "/alerts")
    );
    assert_eq!(two.get("/alerts").await.status, 200, "another session");
    for _ in 0..3 {
        assert_eq!(program.get("/api/v1/alerts").await.status, 200);
    }
    let refused = program.get("/api/v1/alerts").await;
    assert_eq!(refused.problem(), (429, "too_many_requests".to_owned()));
    assert!(refused.header("retry-after").is_some());
    assert!(app.events_of("key.refused").is_empty(), "the key is right");
}

#[actix_web::test]
async fn a_made_up_key_does_not_buy_another_limit() {
    let app = app(5, 1_000, 1_000).await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let key = format!("made-up-{number}");
        statuses.push(app.program_with(&key).get("/api/v1/alerts").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}
