//! How long a session lasts, what ends it, and what the database knows of it.

use chrono::Duration;
use diesel::prelude::*;
use diesel::sql_types::Text;
use reqwest::Method;
use signalbox::foundation::db::schema::{person, person_role, session};

use super::{EMAIL, PASSWORD, sign_in};
use crate::support::app::TestApp;
use crate::support::personas::Client;

async fn is_in(client: &Client) -> bool {
    client.get("/account").await.status == 200
}

#[actix_web::test]
async fn fifteen_idle_minutes_end_a_session() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::seconds(14 * 60 + 59));
    assert!(is_in(&client).await);
    app.advance(Duration::seconds(14 * 60 + 59));
    assert!(is_in(&client).await, "each use begins the count anew");
    app.advance(Duration::seconds(15 * 60 + 1));
    assert!(!is_in(&client).await);
}

#[actix_web::test]
async fn whoever_works_on_the_overview_stays_in() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for _ in 0..4 {
        app.advance(Duration::minutes(10));
        let page = client.get("/").await;
        assert_ne!(page.heading(), "Sign in");
        assert!(
            page.body.contains("data-seconds=\"900\""),
            "the page counts from this use"
        );
    }
    app.advance(Duration::minutes(10));
    assert!(is_in(&client).await);
}

#[actix_web::test]
async fn the_last_use_counts_to_a_few_seconds() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::seconds(50));
    assert!(is_in(&client).await);
    app.advance(Duration::seconds(14 * 60 + 59));
    assert!(is_in(&client).await);
}

#[actix_web::test]
async fn choosing_badly_is_no_try_at_the_password() {
    let app = TestApp::start().await;
    let (id, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, id, EMAIL).await;
    let page = browser.get("/account/password").await;
    let choose = |password: &'static str| {
        let fields = [
            ("current", PASSWORD),
            ("password", password),
            ("again", password),
        ];
        let (browser, page) = (&browser, &page);
        async move { browser.submit(page, "/account/password", &fields).await }
    };
    for _ in 0..8 {
        assert_eq!(choose("aaaaaaaaaaaaaaa").await.status, 422);
    }
    let done = choose("copper kettle meadow nine").await;
    assert_eq!(done.location(), "/account?done=password");
}

#[actix_web::test]
async fn the_switch_of_platforms_leads_back_to_a_page() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for (from, to) in [
        ("/alerts", "/alerts"),
        ("/account/recovery-codes", "/account/recovery-codes"),
        ("/account/recovery-codes/file", "/"),
        ("/nowhere", "/"),
    ] {
        let body = format!("csrf={}&idempotency={}", client.csrf, uuid::Uuid::now_v7());
        let answer = client
            .request(Method::POST, "/account/platform")
            .header("sec-fetch-site", "same-origin")
            .header("referer", format!("{}{from}", app.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.headers()["location"], to, "{from}");
    }
}

#[actix_web::test]
async fn twelve_hours_end_a_session_however_busy() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for _ in 0..71 {
        app.advance(Duration::minutes(10));
        assert!(is_in(&client).await);
    }
    app.advance(Duration::seconds(9 * 60 + 59));
    assert!(is_in(&client).await);
    app.advance(Duration::seconds(1));
    assert!(!is_in(&client).await);
}

#[actix_web::test]
async fn polling_does_not_keep_a_session_alive() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    for _ in 0..14 {
        app.advance(Duration::minutes(1));
        let poll = client
            .request(Method::GET, "/account")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin");
        assert_eq!(poll.send().await.unwrap().status(), 200);
        let stream = client
            .request(Method::GET, "/account")
            .header("accept", "text/event-stream");
        assert_eq!(stream.send().await.unwrap().status(), 200);
    }
    app.advance(Duration::seconds(61));
    assert!(!is_in(&client).await);
}

#[actix_web::test]
async fn programs_are_told_401_and_people_are_led_to_the_door() {
    let app = TestApp::start().await;
    let outsider = app.as_outsider();
    assert_eq!(
        outsider.get("/account").await.location(),
        "/sign-in?next=%2Faccount"
    );
    for (name, value) in [
        ("accept", "text/event-stream"),
        ("accept", "application/json"),
    ] {
        let request = outsider
            .request(Method::GET, "/account")
            .header(name, value);
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
}

#[actix_web::test]
async fn disabling_somebody_acts_on_their_next_request() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    assert!(is_in(&client).await);
    diesel::update(person::table.find(client.person.uuid()))
        .set(person::disabled_at.eq(app.now()))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    assert!(!is_in(&client).await);
}

#[actix_web::test]
async fn a_change_of_roles_acts_on_the_next_request() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    assert_eq!(client.get("/account").await.definition("Roles"), "Operator");
    diesel::update(person_role::table.filter(person_role::person_id.eq(client.person.uuid())))
        .set(person_role::role.eq("reviewer"))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(
        client.get("/account").await.definition("Roles"),
        "Reviewing admin"
    );
}

#[actix_web::test]
async fn the_database_makes_no_auditor_who_acts() {
    let app = TestApp::start().await;
    let (auditor, operator) = (app.as_auditor(), app.as_operator());
    let mut conn = app.db.connect_superuser();
    for (id, role) in [(auditor.person, "reviewer"), (operator.person, "auditor")] {
        let granted = diesel::insert_into(person_role::table)
            .values((
                person_role::person_id.eq(id.uuid()),
                person_role::role.eq(role),
                person_role::granted_by.eq("command_line:test"),
                person_role::granted_at.eq(app.now()),
                person_role::starts_at.eq(app.now()),
                person_role::ends_at.eq(app.now() + Duration::days(1)),
                person_role::reason.eq("a test"),
            ))
            .execute(&mut conn);
        let error = granted.unwrap_err().to_string();
        assert!(error.contains("auditors_do_not_act"), "{error}");
    }
}

#[actix_web::test]
async fn each_step_of_signing_in_has_a_token_of_its_own() {
    let app = TestApp::start().await;
    let (id, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    super::give_password(&browser, EMAIL, PASSWORD).await;
    let half = browser.cookies.borrow()["signalbox"].clone();
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(id);
    browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    let whole = browser.cookies.borrow()["signalbox"].clone();
    assert_ne!(half, whole);
    let old = app.browser();
    old.cookies.borrow_mut().insert("signalbox".into(), half);
    assert_eq!(old.get("/sign-in/code").await.location(), "/sign-in");
    let sessions: i64 = session::table
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(sessions, 1);
}

#[actix_web::test]
async fn changing_the_password_ends_other_sessions_and_rotates_this_one() {
    let app = TestApp::start().await;
    let (id, _) = app.enrolled(EMAIL);
    let (here, there) = (app.browser(), app.browser());
    sign_in(&app, &here, id, EMAIL).await;
    app.next_code();
    sign_in(&app, &there, id, EMAIL).await;
    let before = here.cookies.borrow()["signalbox"].clone();
    let page = here.get("/account/password").await;
    let attempt = |current: &'static str, password: &'static str, again: &'static str| {
        let fields = [
            ("current", current),
            ("password", password),
            ("again", again),
        ];
        let (here, page) = (&here, &page);
        async move { here.submit(page, "/account/password", &fields).await }
    };
    let fresh = "copper kettle meadow nine";
    assert!(
        attempt("wrong one", fresh, fresh)
            .await
            .says("not your current password")
    );
    assert!(attempt(PASSWORD, fresh, "another").await.says("differ"));
    assert!(
        attempt(PASSWORD, "short", "short")
            .await
            .says("at least 12")
    );
    assert_eq!(
        attempt(PASSWORD, fresh, fresh).await.location(),
        "/account?done=password"
    );
    assert!(
        here.get("/account?done=password")
            .await
            .says("your other sessions have ended")
    );
    assert_eq!(there.get("/account").await.status, 303);
    let old = app.browser();
    old.cookies.borrow_mut().insert("signalbox".into(), before);
    assert_eq!(
        old.get("/account").await.status,
        303,
        "the old token is dead"
    );
    assert_eq!(app.events_of("proof.failed").len(), 1);
    assert_eq!(
        app.events_of("session.rotated")[0]["details"]["others_ended"],
        1
    );
}

#[derive(QueryableByName)]
struct Dumped {
    #[diesel(sql_type = Text)]
    row: String,
}

#[actix_web::test]
async fn a_dump_holds_no_live_secret() {
    let app = TestApp::start().await;
    let (id, codes) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, id, EMAIL).await;
    let signed_cookie = browser.cookies.borrow()["signalbox"].clone();
    let signed_cookie = percent_encoding::percent_decode_str(&signed_cookie)
        .decode_utf8()
        .unwrap()
        .into_owned();
    // A signature of 44 characters stands before the token.
    let token = &signed_cookie[44..];
    let device = browser.cookies.borrow()["signalbox-device"].clone();
    let seed = app.seed_of(id);
    let secrets = [
        token.to_owned(),
        hex::encode(token),
        device.clone(),
        hex::encode(&device),
        hex::encode(seed.bytes()),
        codes[0].expose().clone(),
        codes[0].expose().replace('-', ""),
        PASSWORD.to_owned(),
    ];
    assert_eq!(token.len(), 43);
    let mut conn = app.db.connect_superuser();
    let tables: Vec<Dumped> = diesel::sql_query(
        "SELECT c.oid::regclass::text AS row FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')",
    )
    .load(&mut conn)
    .unwrap();
    assert!(tables.iter().any(|table| table.row == "session"));
    for table in tables {
        let rows: Vec<Dumped> =
            diesel::sql_query(format!("SELECT t::text AS row FROM {} t", table.row))
                .load(&mut conn)
                .unwrap();
        for row in rows {
            for secret in &secrets {
                assert!(!row.row.contains(secret), "{}: {}", table.row, row.row);
            }
        }
    }
}
