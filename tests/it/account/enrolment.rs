//! From the command line's link to the first session.

use chrono::Duration;
use signalbox::features::account;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::{NewPerson, Refusal};
use signalbox::foundation::kernel::Scope;

use super::{EMAIL, PASSWORD, give_password};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;

pub(super) fn invite(app: &TestApp, roles: &[Role]) -> Result<String, Refusal> {
    let new = NewPerson {
        email: EMAIL.to_owned(),
        name: "Test person".to_owned(),
        roles: roles.to_vec(),
        scope: Scope::All,
        demo: false,
    };
    let link = account::invite(&app.services, &Actor::command_line("tester"), &new)?;
    assert!(link.as_str().starts_with(&app.url));
    Ok(link.path().to_owned())
}

async fn choose(browser: &Browser, link: &str, password: &str) -> Page {
    let page = browser.get(link).await;
    let fields = [("password", password), ("again", password)];
    browser.submit(&page, link, &fields).await
}

/// The code that an app would show which was given the key on this page.
fn code_for(app: &TestApp, page: &Page) -> String {
    let key = page.definition("Key, to type by hand").replace(' ', "");
    let secret = totp_rs::Secret::try_from_base32(key).unwrap();
    let app_on_phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(app.now().timestamp()).unwrap();
    app_on_phone.generate(now).to_string()
}

#[actix_web::test]
async fn a_link_leads_through_password_and_authenticator_into_a_session() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Administrator]).unwrap();
    let browser = app.browser();
    assert_eq!(browser.get(&link).await.heading(), "Choose a password");
    assert_eq!(choose(&browser, &link, "short").await.status, 422);
    assert_eq!(
        choose(&browser, &link, "ada@test.example").await.status,
        422
    );
    let answer = choose(&browser, &link, PASSWORD).await;
    assert_eq!(answer.location(), "/enrol/authenticator");
    assert_eq!(
        browser.get("/account").await.location(),
        "/enrol/authenticator"
    );
    let page = browser.get("/enrol/authenticator").await;
    assert!(page.body.contains("<svg class=\"qr\""));
    let wrong = browser
        .submit(&page, "/enrol/authenticator", &[("code", "000000")])
        .await;
    assert_eq!(wrong.status, 422);
    let code = code_for(&app, &page);
    let page = browser
        .submit(&page, "/enrol/authenticator", &[("code", &code)])
        .await;
    assert_eq!(page.heading(), "Your recovery codes");
    let codes = page.texts("ol.codes li");
    assert_eq!(codes.len(), 10);
    let file = browser
        .submit(&page, "/account/recovery-codes/file", &[])
        .await;
    assert_eq!(file.status, 200);
    assert!(
        file.header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    assert!(codes.iter().all(|code| file.body.contains(code)));
    let account = browser.get("/account").await;
    assert_eq!(account.definition("Roles"), "Administrator");
    assert!(account.definition("Recovery codes").starts_with("10 of 10"));
    assert_eq!(browser.get(&link).await.status, 404, "a link works once");
    let told = app.events_of("person.added");
    assert_eq!(told[0]["actor"]["kind"], "command_line");
    assert_eq!(told[0]["actor"]["id"], "tester");
}

#[actix_web::test]
async fn the_first_code_is_not_good_for_a_second_sign_in() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Operator]).unwrap();
    let browser = app.browser();
    choose(&browser, &link, PASSWORD).await;
    let page = browser.get("/enrol/authenticator").await;
    let code = code_for(&app, &page);
    browser
        .submit(&page, "/enrol/authenticator", &[("code", &code)])
        .await;
    let other = app.browser();
    give_password(&other, EMAIL, PASSWORD).await;
    let page = other.get("/sign-in/code").await;
    let answer = other
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    assert_eq!(answer.status, 422);
}

#[actix_web::test]
async fn whoever_broke_off_is_led_back_to_enrolment() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Operator]).unwrap();
    let browser = app.browser();
    choose(&browser, &link, PASSWORD).await;
    let first = browser.get("/enrol/authenticator").await;
    let later = app.browser();
    let answer = give_password(&later, EMAIL, PASSWORD).await;
    assert_eq!(answer.location(), "/enrol/authenticator");
    let again = later.get("/enrol/authenticator").await;
    let code = code_for(&app, &again);
    let page = later
        .submit(&again, "/enrol/authenticator", &[("code", &code)])
        .await;
    assert_eq!(page.heading(), "Your recovery codes");
    assert_ne!(
        key_on(&first),
        key_on(&again),
        "what was shown before the break may have been seen"
    );
}

fn key_on(page: &Page) -> String {
    page.definition("Key, to type by hand")
}

#[actix_web::test]
async fn of_two_who_know_the_password_neither_sees_the_others_authenticator() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Operator]).unwrap();
    let (owner, other) = (app.browser(), app.browser());
    choose(&owner, &link, PASSWORD).await;
    give_password(&other, EMAIL, PASSWORD).await;
    let page = owner.get("/enrol/authenticator").await;
    let seen = other.get("/enrol/authenticator").await;
    assert_ne!(key_on(&page), key_on(&seen));
    assert_eq!(
        key_on(&page),
        key_on(&owner.get("/enrol/authenticator").await),
        "a page opened twice shows the same"
    );
    let code = code_for(&app, &page);
    let done = owner
        .submit(&page, "/enrol/authenticator", &[("code", &code)])
        .await;
    assert_eq!(done.heading(), "Your recovery codes");
    let after = other.get("/enrol/authenticator").await;
    assert_eq!(after.location(), "/sign-in", "there is nothing left to see");
    let late = code_for(&app, &seen);
    let answer = other
        .submit(&seen, "/enrol/authenticator", &[("code", &late)])
        .await;
    assert_eq!(answer.location(), "/sign-in");
    let answer = give_password(&other, EMAIL, PASSWORD).await;
    assert_eq!(answer.location(), "/sign-in/code");
}

#[actix_web::test]
async fn guessing_links_is_counted() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Operator]).unwrap();
    let browser = app.browser();
    for _ in 0..3 {
        assert_eq!(
            browser.get(&link).await.status,
            200,
            "a right one is no try"
        );
    }
    for number in 0..20 {
        let page = browser.get(&format!("/enrol/link/made-up-{number}")).await;
        assert_eq!(page.status, 404);
    }
    assert_eq!(browser.get("/enrol/link/made-up").await.status, 429);
    let elsewhere = app.browser_at(std::net::Ipv4Addr::new(127, 0, 2, 1));
    assert_eq!(elsewhere.get(&link).await.status, 200);
}

/// Without scripts a double press sends the form twice, and a browser shows the second answer.
#[actix_web::test]
async fn a_double_press_shows_the_new_recovery_codes_twice() {
    const PATH: &str = "/account/recovery-codes";
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    super::sign_in(&app, &browser, person, EMAIL).await;
    let page = browser.get(PATH).await;
    let answers =
        futures_util::future::join_all((0..3).map(|_| browser.submit(&page, PATH, &[]))).await;
    let codes = answers[0].texts("ol.codes li");
    assert_eq!(codes.len(), 10);
    for answer in &answers {
        assert_eq!(answer.texts("ol.codes li"), codes);
    }
    assert_eq!(app.events_of("recovery_codes.replaced").len(), 2);
    let other = app.browser();
    give_password(&other, EMAIL, PASSWORD).await;
    let page = other.get("/sign-in/recovery").await;
    let used = other
        .submit(&page, "/sign-in/recovery", &[("code", &codes[0])])
        .await;
    assert_eq!(used.status, 303);
}

#[actix_web::test]
async fn links_are_used_once_and_grow_old() {
    let app = TestApp::start().await;
    let link = invite(&app, &[Role::Operator]).unwrap();
    let browser = app.browser();
    let page = browser.get(&link).await;
    app.advance(Duration::hours(72));
    assert_eq!(
        browser.get(&link).await.heading(),
        "This link does not work"
    );
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.submit(&page, &link, &fields).await.status, 404);
    assert_eq!(browser.get("/enrol/link/made-up").await.status, 404);
}

#[actix_web::test]
async fn nobody_is_added_twice_or_as_an_acting_auditor() {
    let app = TestApp::start().await;
    let conflict = invite(&app, &[Role::Auditor, Role::Reviewer]);
    assert!(matches!(conflict, Err(Refusal::Roles(_))));
    invite(&app, &[Role::Auditor]).unwrap();
    assert!(matches!(
        invite(&app, &[Role::Auditor]),
        Err(Refusal::Exists(_))
    ));
}

#[actix_web::test]
async fn a_fresh_database_offers_no_way_to_make_an_account() {
    let app = TestApp::start_as(signalbox::foundation::config::Mode::Serve).await;
    let page = app.browser().get("/").await;
    assert_eq!(page.texts("form").len(), 2, "a password, or a passkey");
    assert!(
        page.texts("a")
            .iter()
            .all(|link| link == "Skip to the content")
    );
}

#[actix_web::test]
async fn new_recovery_codes_replace_the_old_ones() {
    let app = TestApp::start().await;
    let (person, old) = app.enrolled(EMAIL);
    let browser = app.browser();
    super::sign_in(&app, &browser, person, EMAIL).await;
    let page = browser.get("/account/recovery-codes").await;
    let page = browser.submit(&page, "/account/recovery-codes", &[]).await;
    assert_eq!(page.texts("ol.codes li").len(), 10);
    let forged = [("codes", old[0].expose().as_str())];
    let refused = browser
        .submit(&page, "/account/recovery-codes/file", &forged)
        .await;
    assert_eq!(refused.status, 409);
    let other = app.browser();
    give_password(&other, EMAIL, PASSWORD).await;
    let page = other.get("/sign-in/recovery").await;
    let fields = [("code", old[1].expose().as_str())];
    assert_eq!(
        other
            .submit(&page, "/sign-in/recovery", &fields)
            .await
            .status,
        422
    );
}
