//! Signing in at the organisation's own provider: there and back, and connecting. The provider is a double that speaks
//! the protocol over HTTP.

mod attacks;

use chrono::Duration;
use diesel::prelude::*;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::{factors, identities};
use signalbox::foundation::db;
use signalbox::foundation::db::schema::session;
use signalbox::foundation::kernel::PersonId;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;
use crate::support::provider::{NAME, TestProvider};

const UNKNOWN: &str = "/sign-in?failed=unknown";

/// Connects a person directly, as their own page would have.
fn connect(app: &TestApp, provider: &TestProvider, person: PersonId) {
    let (issuer, subject) = (&provider.issuer, provider.state().subject.clone());
    let connected = app.services.audit.write(&Actor::person(person), |tx| {
        identities::connect(tx, person, issuer, &subject, Some("ada@bank.example"))
    });
    assert!(connected.unwrap());
}

/// An application with a provider, and somebody who is connected with it.
async fn connected() -> (TestProvider, TestApp, PersonId) {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    connect(&app, &provider, person);
    (provider, app, person)
}

fn sessions_of(app: &TestApp, stage: Stage) -> i64 {
    session::table
        .filter(session::stage.eq(stage.as_str()))
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap()
}

/// Goes to the provider from the account page, and comes back to the question whether it is oneself.
async fn come_back_to_confirm(provider: &TestProvider, app: &TestApp, browser: &Browser) -> Page {
    let back = provider
        .way_back(app, browser, "/account/provider/go")
        .await;
    browser.get(&back).await;
    browser.get("/account/provider").await
}

async fn give_code(app: &TestApp, browser: &Browser, person: PersonId) -> Page {
    let page = browser.open("/sign-in/code").await;
    let code = app.code_of(person);
    browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await
}

#[actix_web::test]
async fn the_provider_is_a_first_step_and_the_second_stays() {
    let (provider, app, person) = connected().await;
    let browser = app.browser();
    let page = browser.get("/sign-in?next=%2Falerts").await;
    let link = page.link(&format!("Sign in with {NAME}"));
    let back = provider.way_back(&app, &browser, &link).await;
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.location(), "/sign-in/code?next=%2Falerts");
    assert_eq!(
        browser.get("/account").await.location(),
        "/sign-in/code",
        "half way in"
    );
    let accepted = app.events_of("session.provider_accepted");
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0]["details"]["next"], "second_factor");
    give_code(&app, &browser, person).await;
    assert_eq!(browser.get("/account").await.definition("Email"), EMAIL);
    assert!(browser.get("/account/recovery-codes").await.status == 200);
    let own = browser.get("/account/provider").await;
    assert_eq!(own.definition("Known there as"), "ada@bank.example");
    assert_ne!(own.definition("Last used"), "never");
}

#[actix_web::test]
async fn administrators_see_who_is_connected() {
    let (_provider, app, person) = connected().await;
    let administrator = app.as_admin();
    let page = administrator.get(&format!("/people/{person}")).await;
    let told = page.definition("Organisation's sign-in");
    assert!(
        told.starts_with("Connected as ada@bank.example since "),
        "{told}"
    );
    assert!(told.ends_with("never used"), "{told}");
    let (other, _) = app.enrolled("grace@bank.example");
    let page = administrator.get(&format!("/people/{other}")).await;
    assert!(!page.says("Connected as"));
}

#[actix_web::test]
async fn where_no_provider_is_set_up_there_is_nothing() {
    let app = TestApp::start_with(|services| services.provider = None).await;
    let browser = app.browser();
    assert!(!browser.get("/sign-in").await.says("Sign in with Example"));
    for path in ["/sign-in/provider", "/sign-in/provider/back?code=1&state=2"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let signed = app.as_operator();
    for path in ["/account/provider", "/account/provider/go"] {
        assert_eq!(signed.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn somebody_without_a_second_factor_sets_one_up() {
    let (provider, app, person) = connected().await;
    app.services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            factors::reset(tx, person)
        })
        .unwrap();
    let browser = app.browser();
    let refused = provider.sign_in(&app, &browser).await;
    assert_eq!(
        refused.location(),
        UNKNOWN,
        "whoever resets factors disconnects"
    );
    connect(&app, &provider, person);
    let arrived = provider.sign_in(&app, &browser).await;
    assert_eq!(arrived.location(), "/enrol/authenticator");
}

#[actix_web::test]
async fn a_person_connects_themselves_and_disconnects() {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    provider.state().email = Some(EMAIL.to_owned());
    let browser = app.browser();
    let stranger = provider.sign_in(&app, &browser).await;
    assert_eq!(
        stranger.location(),
        UNKNOWN,
        "the same address, verified, connects nobody"
    );
    let page = browser.open(stranger.location()).await;
    assert!(page.says("connect it on your account page"));

    sign_in(&app, &browser, person, EMAIL).await;
    let account = browser.get("/account").await;
    assert!(account.definition(NAME).starts_with("not connected"));
    let own = browser.get("/account/provider").await;
    let link = own.link(&format!("Go to {NAME}"));
    let back = provider.way_back(&app, &browser, &link).await;
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.location(), "/account/provider");
    assert!(app.events_of("identity.connected").is_empty(), "not yet");
    let ask = browser.get("/account/provider").await;
    assert_eq!(ask.heading(), format!("Is this you at {NAME}?"));
    let done = browser.submit(&ask, "/account/provider", &[]).await;
    assert_eq!(done.location(), "/account?done=connected");
    assert_eq!(app.events_of("identity.connected").len(), 1);
    let again = browser.submit(&ask, "/account/provider", &[]).await;
    assert_eq!(again.location(), "/account/provider?failed=stale");

    let other = app.browser();
    let arrived = provider.sign_in(&app, &other).await;
    assert_eq!(arrived.location(), "/sign-in/code");

    let own = browser.get("/account/provider").await;
    let gone = browser.submit(&own, "/account/provider/removal", &[]).await;
    assert_eq!(gone.location(), "/account?done=removed");
    assert_eq!(app.events_of("identity.disconnected").len(), 1);
    let refused = provider.sign_in(&app, &app.browser()).await;
    assert_eq!(refused.location(), UNKNOWN);
}

#[actix_web::test]
async fn connecting_asks_for_a_fresh_proof_at_every_step() {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let ask = come_back_to_confirm(&provider, &app, &browser).await;
    app.advance(Duration::minutes(9));
    let go = browser.get("/account").await;
    assert_eq!(go.status, 200);
    app.advance(Duration::minutes(2));
    assert_eq!(browser.get("/account/provider").await.status, 403);
    assert_eq!(
        browser.get("/account/provider/go").await.location(),
        "/account/provider",
        "the proof stands before the link, since a form may not end at another site"
    );
    let refused = browser.submit(&ask, "/account/provider", &[]).await;
    assert_eq!(refused.status, 403);
    assert!(app.events_of("identity.connected").is_empty());
}

#[actix_web::test]
async fn an_identity_signs_in_one_account_and_an_account_has_one() {
    let (provider, app, _) = connected().await;
    let (other, _) = app.enrolled("grace@test.example");
    let browser = app.browser();
    sign_in(&app, &browser, other, "grace@test.example").await;
    let ask = come_back_to_confirm(&provider, &app, &browser).await;
    let taken = browser.submit(&ask, "/account/provider", &[]).await;
    assert_eq!(taken.location(), "/account/provider?failed=taken");
    let failed = app.events_of("identity.not_connected");
    assert_eq!(failed[0]["details"]["why"], "taken");
}

/// Signs in with what the provider says of its methods; gives where that leads.
async fn with_methods(provider: &TestProvider, app: &TestApp, amr: &[&'static str]) -> String {
    provider.state().amr = amr.to_vec();
    let page = provider.sign_in(app, &app.browser()).await;
    page.location().to_owned()
}

#[actix_web::test]
async fn a_second_factor_at_the_provider_counts_where_the_setting_says_so() {
    let (provider, app, _) = connected().await;
    provider.state().seen_secs_ago = Some(60);
    assert_eq!(
        with_methods(&provider, &app, &["pwd", "otp", "mfa"]).await,
        "/sign-in/code",
        "not by default"
    );

    let trusted = TestProvider::start();
    let app = TestApp::start_with(|services| {
        trusted.join_as(services, |config| config.trusts_amr = true);
    })
    .await;
    let (person, _) = app.enrolled(EMAIL);
    connect(&app, &trusted, person);
    trusted.state().seen_secs_ago = Some(60);
    for falls_short in [&[][..], &["pwd"], &["pwd", "pin"]] {
        let to = with_methods(&trusted, &app, falls_short).await;
        assert_eq!(to, "/sign-in/code", "{falls_short:?}");
    }
    trusted.state().seen_secs_ago = Some(13 * 3_600);
    assert_eq!(
        with_methods(&trusted, &app, &["mfa"]).await,
        "/sign-in/code",
        "of yesterday"
    );
    trusted.state().seen_secs_ago = None;
    assert_eq!(
        with_methods(&trusted, &app, &["mfa"]).await,
        "/sign-in/code",
        "of nobody knows when"
    );

    trusted.state().seen_secs_ago = Some(60);
    trusted.state().amr = vec!["pwd", "hwk"];
    let browser = app.browser();
    let address = browser.get("/sign-in/provider?next=%2Falerts").await;
    assert!(
        address.location().contains("max_age=43200"),
        "{}",
        address.location()
    );
    let way_back = trusted.visit(&app, address.location()).await;
    assert_eq!(browser.get(&way_back).await.location(), "/alerts");
    assert_eq!(browser.get("/account").await.definition("Email"), EMAIL);
    let signed = app.events_of("session.signed_in");
    assert_eq!(signed.last().unwrap()["details"]["method"], "provider");
    assert_eq!(
        browser.get("/account/recovery-codes").await.status,
        403,
        "it is no fresh proof"
    );
    app.services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            factors::reset(tx, person)
        })
        .unwrap();
    connect(&app, &trusted, person);
    assert_eq!(
        with_methods(&trusted, &app, &["mfa"]).await,
        "/enrol/authenticator",
        "everybody has a factor of their own here"
    );
}

#[actix_web::test]
async fn a_session_of_the_browser_is_replaced_and_its_cookie_is_dead() {
    let (provider, app, _) = connected().await;
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let old = browser.cookies.borrow().clone();
    let arrived = provider.sign_in(&app, &browser).await;
    assert_eq!(arrived.location(), "/sign-in/code");
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 1);
    assert!(!browser.cookies.borrow().contains_key("signalbox-journey"));
    *browser.cookies.borrow_mut() = old;
    assert_eq!(browser.get("/sign-in/code").await.location(), "/sign-in");
}
