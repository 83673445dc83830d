//! Passkeys as people use them: Chromium with a device of its own that has seen a finger.

use chrono::Duration;
use fantoccini::Locator;
use serde_json::json;
use signalbox::foundation::auth::Role;

use crate::chromium::{Browser, Screen};
use crate::support::app::TestApp;

/// Presses the button that says this, and waits for the page that it leads to.
pub async fn press(browser: &Browser, label: &str) {
    let waiting = format!(
        "return [...document.querySelectorAll('main button')].some((button) => button.textContent.trim() === {label:?} \
         && button.offsetParent !== null)"
    );
    browser.wait_until(&waiting).await;
    let xpath = format!("//main//button[normalize-space()='{label}']");
    let button = browser.page.find(Locator::XPath(&xpath)).await.unwrap();
    let mark = "window.isTheOldPage = true";
    browser.page.execute(mark, vec![]).await.unwrap();
    button.click().await.unwrap();
    let arrived = "return !window.isTheOldPage && document.readyState === 'complete'";
    browser.wait_until(arrived).await;
}

pub async fn path(browser: &Browser) -> String {
    browser.page.current_url().await.unwrap().path().to_owned()
}

#[actix_web::test]
async fn a_passkey_is_made_signs_in_and_proves() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let at = |path: &str| format!("{}{path}", app.url);
    browser.carry_device().await;
    browser.sign_in(&app.as_operator()).await;
    browser
        .page
        .goto(&at("/account/passkeys/new"))
        .await
        .unwrap();
    press(&browser, "Make the passkey").await;
    assert_eq!(path(&browser).await, "/account");
    browser
        .hold_in_both_themes("an account with a passkey")
        .await;

    browser.page.delete_all_cookies().await.unwrap();
    browser
        .page
        .goto(&at("/sign-in?next=%2Falerts"))
        .await
        .unwrap();
    press(&browser, "Sign in with a passkey").await;
    assert_eq!(path(&browser).await, "/alerts", "no name, no password");

    app.advance(Duration::minutes(11));
    browser
        .page
        .goto(&at("/account/recovery-codes"))
        .await
        .unwrap();
    browser
        .hold_in_both_themes("a page that asks for proof")
        .await;
    press(&browser, "Use a passkey").await;
    assert_eq!(path(&browser).await, "/account/recovery-codes");
    let heading = "return document.querySelector('h1').textContent === 'New recovery codes'";
    browser.wait_until(heading).await;
    assert_eq!(app.events_of("session.proved").len(), 1);
}

/// A form that meets the question for a proof is kept; whoever goes back instead finds it filled in.
#[actix_web::test]
async fn going_back_from_the_proof_keeps_what_was_chosen() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    browser.sign_in(&app.as_auditor()).await;
    let exports = format!("{}/audit/exports", app.url);
    browser.page.goto(&exports).await.unwrap();
    let choose = "document.querySelector('main [name=format][value=ndjson]').checked = true;
        return document.querySelectorAll('main [name=format]').length";
    let choices = browser.page.execute(choose, vec![]).await.unwrap();
    assert!(choices.as_i64().unwrap() > 1);
    app.advance(Duration::minutes(11));
    press(&browser, "Make export").await;
    let asked = "return document.querySelector('h1').textContent === 'Prove that it is you'
        && document.body.textContent.includes('What you typed is kept')";
    browser.wait_until(asked).await;
    browser
        .page
        .execute("history.back()", vec![])
        .await
        .unwrap();
    browser
        .wait_until(
            "return document.querySelector('main [name=format][value=ndjson]')?.checked === true",
        )
        .await;
    let answers = json!("/audit/exports");
    assert_eq!(json!(path(&browser).await), answers);
}

/// What somebody decides about is what they saw: where the page says something else by now, it is not taken for it.
#[actix_web::test]
async fn a_form_whose_page_has_changed_is_not_filled_in() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    browser.carry_device().await;
    let asked = [
        ("role", "reviewer"),
        ("platform", "all"),
        ("reason", "holidays"),
    ];
    let grant = format!("/people/{}/grant", app.as_operator().person);
    app.sign_in_as("second@test.example", "Second", &[Role::Administrator])
        .post_form(&grant, &asked)
        .await;
    let admin = app.as_admin();
    let granted = app.events_of("role.granted").len();
    browser.sign_in(&admin).await;
    let passkey = format!("{}/account/passkeys/new", app.url);
    browser.page.goto(&passkey).await.unwrap();
    press(&browser, "Make the passkey").await;
    app.advance(Duration::minutes(11));
    let list = format!("{}/people", app.url);
    browser.page.goto(&list).await.unwrap();
    let open = "document.querySelector('main a[href*=\"/people/proposals/\"]').click()";
    browser.page.execute(open, vec![]).await.unwrap();
    let there = "return document.querySelector('main input[name=payload]') !== null";
    browser.wait_until(there).await;
    let other = "document.querySelector('main input[name=payload]').value = 'seen-before'";
    browser.page.execute(other, vec![]).await.unwrap();
    press(&browser, "Approve").await;
    press(&browser, "Use a passkey").await;
    let kept = "return document.querySelector('h1').textContent === 'What you typed is still here'
        && location.hash === '#kept' && document.body.textContent.includes('seen-before')";
    browser.wait_until(kept).await;
    assert_eq!(app.events_of("role.granted").len(), granted);
}

const NAME: &str = "return document.querySelector('main [name=name]')?.value === 'Newcomer'";

/// Fills in an invitation as somebody would, and sends it when the proof is too old.
async fn send_without_proof(browser: &Browser, app: &TestApp) {
    let invite = format!("{}/people/invitation", app.url);
    browser.page.goto(&invite).await.unwrap();
    let fill = "document.querySelector('main [name=email]').value = 'newcomer@test.example';
        document.querySelector('main [name=name]').value = 'Newcomer';
        document.querySelector('main [name=role][value=operator]').click();
        document.querySelector('main textarea[name=reason]').value = 'night shift';";
    browser.page.execute(fill, vec![]).await.unwrap();
    press(browser, "Invite and propose roles").await;
    let asked = "return document.querySelector('h1').textContent === 'Prove that it is you'";
    browser.wait_until(asked).await;
}

/// Text that somebody typed is there again too, and after the proof they see what they send before it is sent.
#[actix_web::test]
async fn after_the_proof_the_form_is_back_on_its_page() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    browser.carry_device().await;
    browser.sign_in(&app.as_admin()).await;
    let before = app.events_of("person.added").len();
    let passkey = format!("{}/account/passkeys/new", app.url);
    browser.page.goto(&passkey).await.unwrap();
    press(&browser, "Make the passkey").await;
    app.advance(Duration::minutes(11));
    send_without_proof(&browser, &app).await;
    let back = browser.page.execute("history.back()", vec![]).await;
    back.unwrap();
    browser.wait_until(NAME).await;

    send_without_proof(&browser, &app).await;
    press(&browser, "Use a passkey").await;
    browser.wait_until(NAME).await;
    let filled =
        "return document.querySelector('main .notice').textContent.includes('Not sent yet')
        && document.querySelector('main [name=role][value=operator]').checked
        && document.querySelector('main textarea[name=reason]').value === 'night shift'
        && sessionStorage.length === 0";
    browser.wait_until(filled).await;
    assert_eq!(path(&browser).await, "/people/invitation");
    browser.hold_in_both_themes("a form that came back").await;
    assert_eq!(app.events_of("person.added").len(), before);
    press(&browser, "Invite and propose roles").await;
    let handed = "return document.body.textContent.includes('Shown this once')";
    browser.wait_until(handed).await;
    assert_eq!(app.events_of("person.added").len(), before + 1);
}
