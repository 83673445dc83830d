//! Password and code, known and unknown names, and what the log says of it.

use std::sync::Mutex;

use chrono::Duration;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use signalbox::features::account::demo;
use signalbox::foundation::audit::{Actor, Tx};
use signalbox::foundation::auth::{factors, people};
use signalbox::foundation::config::Mode;
use signalbox::foundation::db;

use super::{EMAIL, PASSWORD, give_password};
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_front_page_is_the_sign_in_page() {
    let app = TestApp::start_as(Mode::Serve).await;
    let page = app.browser().get("/").await;
    assert_eq!((page.status, page.heading().as_str()), (200, "Sign in"));
    assert_eq!(page.field("Email").name, "email");
    assert_eq!(page.field("Password").kind, "password");
    assert!(!page.says("People of this demo"));
}

#[actix_web::test]
async fn password_and_code_lead_to_where_one_wanted_to_go() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    let asked = browser.get("/account/password?from=test").await;
    assert_eq!(asked.status, 303);
    let page = browser.get(asked.location()).await;
    let fields = [("email", " ADA@test.example "), ("password", PASSWORD)];
    let answer = browser.submit(&page, "/sign-in", &fields).await;
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "Second step");
    let code = app.code_of(person);
    let typed = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(page.field("Code").name, "code");
    let answer = browser
        .submit(&page, "/sign-in/code", &[("code", &typed)])
        .await;
    assert_eq!(answer.location(), "/account/password?from=test");
    let page = browser.get("/account").await;
    assert_eq!(page.heading(), "Your account");
    assert_eq!(page.definition("Email"), EMAIL);
    assert_eq!(page.definition("Roles"), "Operator");
}

#[actix_web::test]
async fn every_step_is_an_event() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    // The log is in order of time, so each step gets its own second.
    let a_second_later = || app.advance(Duration::seconds(1));
    give_password(&browser, EMAIL, "not the password").await;
    a_second_later();
    give_password(&browser, "nobody@test.example", "not the password").await;
    a_second_later();
    give_password(&browser, EMAIL, PASSWORD).await;
    a_second_later();
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(person);
    let answer = browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    assert_eq!(answer.location(), "/");
    a_second_later();
    let page = browser.get("/account").await;
    let answer = browser.submit(&page, "/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in");
    assert!(!browser.cookies.borrow().contains_key("signalbox"));
    assert_eq!(browser.get("/account").await.status, 303);
    let told: Vec<(String, String, String)> = app
        .events()
        .iter()
        .filter(|event| event["kind"].as_str().unwrap().starts_with("session."))
        .map(|event| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                text(&event["kind"]),
                text(&event["actor"]["kind"]),
                text(&event["outcome"]),
            )
        })
        .collect();
    let mut expected = [
        ("session.sign_in_failed", "anonymous", "failure"),
        ("session.sign_in_failed", "anonymous", "failure"),
        ("session.password_accepted", "person", "success"),
        ("session.signed_in", "person", "success"),
        ("session.signed_out", "person", "success"),
    ];
    let mut told: Vec<(&str, &str, &str)> = told
        .iter()
        .map(|(kind, actor, outcome)| (kind.as_str(), actor.as_str(), outcome.as_str()))
        .collect();
    // The inbox has no order of its own, and the test's clock stands still.
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[actix_web::test]
async fn a_typed_name_is_not_in_the_log() {
    let app = TestApp::start().await;
    give_password(&app.browser(), "my secret in the wrong field", "x").await;
    let failed = app.events_of("session.sign_in_failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["subject"]["kind"], "account");
    assert!(!failed[0].to_string().contains("secret in"));
}

/// What databases were asked over the connections that are kept for signing in: other pools
/// work in the background, and other tests beside this one, each with a database of its own.
static STATEMENTS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Listener {
    url: String,
    for_sign_in: bool,
}

/// Takes what this database was asked since the last time.
fn asked_of(app: &TestApp) -> Vec<String> {
    let url = url::Url::parse(app.db.app_url.expose()).unwrap();
    let mut statements = STATEMENTS.lock().unwrap();
    let (ours, others) = std::mem::take(&mut *statements)
        .into_iter()
        .partition(|(asked, _)| asked.contains(url.path()));
    *statements = others;
    ours.into_iter().map(|(_, statement)| statement).collect()
}

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let query = match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                url.clone_into(&mut self.url);
                return;
            }
            InstrumentationEvent::StartQuery { query, .. } => query.to_string(),
            _ => return,
        };
        if query.contains("application_name") {
            self.for_sign_in = query.contains("'signalbox sign_in'");
        } else if self.for_sign_in {
            let statement = query.split(" -- binds").next().unwrap_or_default();
            let asked = (self.url.clone(), without_values(statement));
            STATEMENTS.lock().unwrap().push(asked);
        }
    }
}

/// The statement with its quoted values left out: an event goes to the database as text, with its own id and time.
fn without_values(statement: &str) -> String {
    let parts = statement.split('\'').enumerate();
    parts
        .map(|(number, part)| if number % 2 == 0 { part } else { "?" })
        .collect()
}

#[actix_web::test]
async fn known_and_unknown_names_get_the_same_answer_for_the_same_work() {
    set_default_instrumentation(|| Some(Box::new(Listener::default()))).unwrap();
    let app = TestApp::start_as(Mode::Serve).await;
    app.enrolled(EMAIL);
    let mut seen = Vec::new();
    for email in [EMAIL, "nobody@test.example"] {
        let browser = app.browser();
        let hashes = app.services.passwords.hashes_done();
        asked_of(&app);
        let page = give_password(&browser, email, "not the password").await;
        let statements = asked_of(&app);
        assert!(!statements.is_empty(), "the listener hears nothing");
        let work = app.services.passwords.hashes_done() - hashes;
        let mut body = page.body.replace(email, "EMAIL");
        for action in ["/sign-in", "/sign-in/passkey"] {
            let fields = page.form(action);
            let key = fields.iter().find(|(name, _)| name == "idempotency");
            body = body.replace(&key.unwrap().1, "KEY");
        }
        seen.push((page.status, body, work, statements));
    }
    let (status, _, work, statements) = &seen[0];
    assert_eq!((*status, *work), (422, 1));
    assert!(
        statements
            .iter()
            .any(|statement| statement.contains("audit_inbox"))
    );
    assert!(seen[0] == seen[1], "{:?}\n{:?}", seen[0].3, seen[1].3);
}

#[actix_web::test]
async fn the_demo_shows_its_people_and_lets_each_of_them_in() {
    let app = TestApp::start().await;
    demo::seed(&app.services).unwrap();
    demo::seed(&app.services).unwrap();
    let page = app.browser().get("/").await;
    let people = page.table("Demo people");
    assert_eq!(people.len(), 7);
    for row in people {
        let [_, email, password, code, seconds] = &row[..] else {
            panic!("{row:?}");
        };
        assert_eq!(seconds, "30 s");
        let browser = app.browser();
        give_password(&browser, email, password).await;
        let page = browser.get("/sign-in/code").await;
        assert!(page.says(code), "the second step shows the code too");
        let answer = browser
            .submit(&page, "/sign-in/code", &[("code", code)])
            .await;
        assert_eq!(answer.location(), "/", "{email}");
    }
    assert_eq!(
        app.browser()
            .get("/sign-in?email=a%40b.c")
            .await
            .field("Email")
            .value,
        "a@b.c"
    );
}

#[actix_web::test]
async fn in_the_demo_somebody_without_an_authenticator_shuts_nobody_out() {
    let app = TestApp::start().await;
    demo::seed(&app.services).unwrap();
    let find = |conn: &mut db::Conn| people::find_by_email(conn, "reviewer@demo.signalbox");
    let without = app.services.db.read(find).unwrap().unwrap().id;
    let actor = Actor::command_line("test");
    let reset = |tx: &mut Tx<'_>| factors::reset(tx, without).map(drop);
    app.services.audit.write(&actor, reset).unwrap();
    let door = app.browser().get("/").await;
    assert_eq!(door.status, 200, "{}", door.text());
    assert!(door.says("no authenticator now") && door.says("operator@demo.signalbox"));
    let code = demo::code(&app.services, "reviewer@demo.signalbox").unwrap();
    assert!(code.is_none());
}

#[actix_web::test]
async fn outside_the_demo_no_code_is_shown() {
    let app = TestApp::start_as(Mode::Serve).await;
    demo::seed(&app.services).unwrap();
    assert!(!app.browser().get("/").await.says("demo.signalbox"));
    assert!(
        demo::code(&app.services, "operator@demo.signalbox")
            .unwrap()
            .is_none()
    );
    let browser = app.browser();
    give_password(&browser, "operator@demo.signalbox", demo::PASSWORD).await;
    assert!(!browser.get("/sign-in/code").await.says("the code is now"));
}

#[actix_web::test]
async fn only_local_paths_are_gone_to() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    for next in ["//evil.test/", "https://evil.test/", "/\\evil.test"] {
        let browser = app.browser();
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.get(&format!("/sign-in/?next={encoded}")).await;
        assert_eq!(page.status, 404, "one spelling of each address");
        let page = browser.get(&format!("/sign-in?next={encoded}")).await;
        let mut fields = page.form("/sign-in");
        fields.retain(|(name, _)| name != "next");
        for (name, value) in &mut fields {
            match name.as_str() {
                "email" => EMAIL.clone_into(value),
                "password" => PASSWORD.clone_into(value),
                _ => {}
            }
        }
        fields.push(("next".to_owned(), next.to_owned()));
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!(answer.location(), "/sign-in/code");
        let page = browser.get("/sign-in/code").await;
        let mut fields = page.form("/sign-in/code");
        fields.push(("next".to_owned(), next.to_owned()));
        for (name, value) in &mut fields {
            if name == "code" {
                *value = app.code_of(person);
            }
        }
        let answer = browser.post("/sign-in/code", &fields).await;
        assert_eq!(answer.location(), "/", "{next}");
        app.next_code();
    }
}
