//! Which keys are let in, where, and until when.

use std::net::Ipv4Addr;

use chrono::Duration;
use diesel::prelude::*;
use futures_util::future::join_all;
use reqwest::Method;
use signalbox::features::keys::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, CasesRead};
use signalbox::foundation::auth::keys::{Made, NewKey};
use signalbox::foundation::db::schema::sign_in_throttle as counters;

use crate::support::app::TestApp;
use crate::support::keys::{Program, new_key};
use crate::support::page::Page;

const OPEN: &str = "/api/v1/alerts";

fn rotate(app: &TestApp, program: &Program, overlap: Duration) -> Made {
    let actor = Actor::command_line("test");
    actions::rotate(&app.services, &actor, &program.id, overlap, None).unwrap()
}

fn revoke(app: &TestApp, program: &Program) {
    let actor = Actor::command_line("test");
    actions::revoke(&app.services, &actor, &program.id, None).unwrap();
}

/// Why keys were refused, as the log has it.
fn refusals(app: &TestApp) -> Vec<String> {
    let events = app.events_of("key.refused");
    let why = |event: &serde_json::Value| event["details"]["why"].as_str().unwrap().to_owned();
    // Several in a moment stand in no order.
    let mut why: Vec<String> = events.iter().map(why).collect();
    why.sort_unstable();
    why
}

/// A key that has a right shape and that nobody has made here.
async fn strange_key() -> String {
    let elsewhere = TestApp::start().await;
    let made = elsewhere.make_key(new_key(&[AlertsRead]));
    made.text.expose().clone()
}

#[actix_web::test]
async fn a_key_opens_what_its_scopes_name_and_nothing_else() {
    let app = TestApp::start().await;
    let program = app.program(&[AlertsRead]);
    assert_eq!(program.get(OPEN).await.status, 200);
    let refused = program.get("/api/v1/cases").await;
    assert_eq!(refused.problem(), (403, "key_scope".to_owned()));
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("cases:read")
    );
    let event = &app.events_of("key.refused")[0];
    assert_eq!(event["actor"]["kind"], "key");
    assert_eq!(event["actor"]["id"], program.id.as_str());
    assert_eq!(event["details"]["why"], "scope");
    assert_eq!(event["details"]["route"], "/api/v1/cases");
    assert_eq!(event["outcome"], "denied");
    // A key is no session: the pages of people stay shut.
    for page in ["/alerts", "/", "/keys"] {
        let answer = program.get(page).await;
        assert!(!answer.body.contains("API keys"), "{page}");
    }
}

#[actix_web::test]
async fn without_a_key_nobody_is_let_in_and_is_told_how() {
    let app = TestApp::start().await;
    let bare = app.get(OPEN).await;
    assert_eq!(
        bare.headers()["www-authenticate"],
        "Bearer realm=\"Signalbox\""
    );
    let bare = Page::read(bare).await;
    assert_eq!(bare.problem(), (401, "key_missing".to_owned()));
    // A session does not open what is for programs, so that no page can be made to ask for it.
    let person = app.as_admin().get(OPEN).await;
    assert_eq!(person.problem(), (401, "key_missing".to_owned()));
    assert_eq!(person.header("set-cookie"), None);
}

#[actix_web::test]
async fn a_post_by_key_needs_no_origin_and_a_cookie_beside_it_counts_for_nothing() {
    let app = TestApp::start().await;
    let program = app.program(&[CasesRead]);
    let session = app.as_operator().cookie.unwrap();
    let id = uuid::Uuid::now_v7();
    let asked = program
        .request(
            Method::POST,
            &format!("/api/v1/alerts/{id}/acknowledgement"),
        )
        .header("cookie", session)
        .header("origin", "https://evil.test");
    let answer = Page::read(asked.send().await.unwrap()).await;
    assert_eq!(answer.problem(), (403, "key_scope".to_owned()));
}

#[actix_web::test]
async fn whatever_is_wrong_with_a_key_is_answered_alike() {
    let app = TestApp::start().await;
    let (rotated, revoked) = (app.program(&[AlertsRead]), app.program(&[AlertsRead]));
    let expired = app.make_key(NewKey {
        lives: Duration::minutes(1),
        ..new_key(&[AlertsRead])
    });
    rotate(&app, &rotated, Duration::zero());
    revoke(&app, &revoked);
    app.advance(Duration::minutes(1));
    let wrong = [
        "nonsense".to_owned(),
        strange_key().await,
        rotated.key,
        expired.text.expose().clone(),
        revoked.key,
    ];
    let mut answers = Vec::new();
    for key in &wrong {
        let answer = app.program_with(key).get(OPEN).await;
        assert_eq!(answer.problem(), (401, "key_invalid".to_owned()), "{key}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"Signalbox\", error=\"invalid_token\"")
        );
        let mut problem = answer.json();
        problem["instance"] = "".into();
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(
        refusals(&app),
        ["expired", "revoked", "unknown", "unknown", "wrong_secret"]
    );
    for event in app.events_of("key.refused") {
        assert_eq!(event["actor"]["kind"], "anonymous", "{event}");
    }
}

#[actix_web::test]
async fn revoking_acts_on_the_next_request_and_on_both_secrets() {
    let app = TestApp::start().await;
    let before = app.program(&[AlertsRead]);
    let after = app.program_with(rotate(&app, &before, Duration::hours(24)).text.expose());
    for program in [&before, &after] {
        assert_eq!(program.get(OPEN).await.status, 200);
    }
    revoke(&app, &before);
    for program in [&before, &after] {
        assert_eq!(program.get(OPEN).await.status, 401);
    }
    assert_eq!(app.events_of("key.revoked").len(), 1);
}

#[actix_web::test]
async fn after_a_rotation_both_open_until_the_old_ones_end() {
    let app = TestApp::start().await;
    let old = app.program(&[AlertsRead]);
    app.advance(Duration::days(10));
    let made = rotate(&app, &old, Duration::hours(24));
    let new = app.program_with(made.text.expose());
    assert_eq!(made.key.expires_at, app.now() + Duration::days(90));
    app.advance(Duration::hours(24) - Duration::seconds(1));
    assert_eq!(old.get(OPEN).await.status, 200);
    assert_eq!(new.get(OPEN).await.status, 200);
    app.advance(Duration::seconds(1));
    assert_eq!(old.get(OPEN).await.status, 401);
    assert_eq!(new.get(OPEN).await.status, 200);
    assert_eq!(refusals(&app), ["secret_ended"]);
    // Of three, only the last two are ever good.
    let newer = app.program_with(rotate(&app, &new, Duration::hours(1)).text.expose());
    let newest = app.program_with(rotate(&app, &new, Duration::hours(1)).text.expose());
    assert_eq!(new.get(OPEN).await.status, 401);
    for program in [&newer, &newest] {
        assert_eq!(program.get(OPEN).await.status, 200);
    }
    rotate(&app, &new, Duration::zero());
    assert_eq!(newest.get(OPEN).await.status, 401, "at once");
}

#[actix_web::test]
async fn the_old_secret_of_a_rotation_outlives_no_term() {
    let app = TestApp::start().await;
    let old = app.program(&[AlertsRead]);
    app.advance(Duration::days(90) - Duration::hours(1));
    let made = rotate(&app, &old, Duration::hours(24));
    assert_eq!(
        made.key.previous_ends_at,
        Some(app.now() + Duration::hours(1))
    );
    app.advance(Duration::hours(1));
    assert_eq!(old.get(OPEN).await.status, 401);
}

#[actix_web::test]
async fn a_key_for_some_networks_is_refused_elsewhere() {
    let app = TestApp::start().await;
    let made = app.make_key(NewKey {
        networks: "127.0.0.0/24, 2001:db8::/32".parse().unwrap(),
        ..new_key(&[AlertsRead])
    });
    let key = made.text.expose();
    assert_eq!(app.program_with(key).get(OPEN).await.status, 200);
    let elsewhere = app.program_at(key, Ipv4Addr::new(127, 0, 1, 1));
    assert_eq!(
        elsewhere.get(OPEN).await.problem(),
        (403, "key_address".to_owned())
    );
    assert_eq!(refusals(&app), ["address"]);
    let (_, from) = app.found_key(&made.key.id).last_used.unwrap();
    assert_eq!(from, "127.0.0.0/24", "a refusal is no use");
}

#[actix_web::test]
async fn its_use_is_written_down_at_most_once_a_minute() {
    let app = TestApp::start().await;
    let program = app.program(&[AlertsRead]);
    let used = || app.found_key(&program.id).last_used.unwrap().0;
    let first = app.now();
    program.get(OPEN).await;
    app.advance(Duration::seconds(59));
    program.get(OPEN).await;
    assert_eq!(used(), first);
    app.advance(Duration::seconds(1));
    program.get(OPEN).await;
    assert_eq!(used(), app.now());
    assert_eq!(app.events_of("key.refused").len(), 0);
}

#[actix_web::test]
async fn many_uses_at_once_are_all_let_in_and_leave_no_tries() {
    let app = TestApp::start().await;
    let program = app.program(&[AlertsRead]);
    let answers = join_all((0..40).map(|_| program.get(OPEN))).await;
    for answer in answers {
        assert!([200, 503].contains(&answer.status), "{}", answer.body);
    }
    let left: Vec<i32> = counters::table
        .select(counters::tries)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    assert!(left.iter().all(|tries| *tries == 0), "{left:?}");
}

#[actix_web::test]
async fn wrong_keys_are_counted_and_then_turned_away_unlooked_at() {
    let app = TestApp::start().await;
    let known = app.program(&[AlertsRead]);
    assert_eq!(known.get(OPEN).await.status, 200);
    let stranger = app.program_with(&strange_key().await);
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(stranger.get(OPEN).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
    let refused = stranger.get(OPEN).await;
    assert_eq!(refused.problem(), (429, "too_many_requests".to_owned()));
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Each of the first, and then one that stands for all.
    assert_eq!(refusals(&app).len(), 21);
    assert_eq!(refusals(&app)[0], "too_many");

    assert_eq!(known.get(OPEN).await.status, 200, "its secret is known");
    app.advance(Duration::minutes(20));
    for _ in 0..21 {
        stranger.get(OPEN).await;
    }
    assert_eq!(stranger.get(OPEN).await.status, 429);
    assert_eq!(
        known.get(OPEN).await.status,
        200,
        "after a pause it has its own counter in this network"
    );
    let fresh = app.program(&[AlertsRead]);
    assert_eq!(fresh.get(OPEN).await.status, 429, "nobody knows it yet");
    let elsewhere = app.program_at(&fresh.key, Ipv4Addr::new(127, 9, 9, 9));
    assert_eq!(elsewhere.get(OPEN).await.status, 200);
    app.advance(Duration::minutes(1));
    assert_eq!(fresh.get(OPEN).await.status, 200);
}
