//! Passkeys as people use them: Chromium with a device of its own that has seen a finger.

use chrono::Duration;
use fantoccini::Locator;
use serde_json::json;

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
