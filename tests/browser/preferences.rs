//! What a person has chosen, as their browser shows it.

use serde_json::json;

use crate::chromium::{Browser, Screen};
use crate::furnish;
use crate::support::app::TestApp;
use crate::support::personas::Client;

async fn save(client: &Client, fields: &[(&str, &str)]) {
    client
        .post_form("/account/preferences", fields)
        .await
        .location();
}

/// How light the page is behind everything, 0 to 255.
async fn lightness(browser: &Browser) -> i64 {
    let script = "const canvas = document.createElement('canvas').getContext('2d');
        canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
        return Math.round((red + green + blue) / 3)";
    let told = browser.page.execute(script, vec![]).await.unwrap();
    told.as_i64().unwrap()
}

/// The chosen theme stands against the system's, both ways; where none is chosen the system's holds.
#[actix_web::test]
async fn a_theme_that_was_chosen_stands_against_the_systems() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let operator = app.as_operator();
    browser.sign_in(&operator).await;
    let account = format!("{}/account", app.url);
    for (chosen, system, is_dark) in [
        ("system", "dark", true),
        ("system", "light", false),
        ("light", "dark", false),
        ("dark", "light", true),
    ] {
        let fields = [("zone", "UTC"), ("theme", chosen), ("shortcuts", "on")];
        save(&operator, &fields).await;
        browser.prefer(system).await;
        browser.page.goto(&account).await.unwrap();
        let lightness = lightness(&browser).await;
        assert_eq!(
            lightness < 100,
            is_dark,
            "{chosen} on a {system} system is {lightness}"
        );
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Turned off, no key does anything, and the help says where they are turned on again.
#[actix_web::test]
async fn shortcuts_that_are_turned_off_do_nothing() {
    let app = TestApp::start().await;
    furnish::furnish(&app).await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let reviewer = app.as_reviewer();
    save(&reviewer, &[("zone", "UTC"), ("theme", "system")]).await;
    browser.sign_in(&reviewer).await;
    let page = &browser.page;
    page.goto(&format!("{}/reviews", app.url)).await.unwrap();
    browser
        .wait_until("return document.querySelector('[data-enhance=shortcuts] button') !== null")
        .await;
    for key in ["?", "/", "j", "g", "a"] {
        let press = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true }))";
        page.execute(press, vec![json!(key)]).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let nothing =
        "return location.pathname === '/reviews' && document.activeElement === document.body
        && document.querySelector('dialog[open]') === null";
    assert_eq!(page.execute(nothing, vec![]).await.unwrap(), json!(true));
    let ask = "document.querySelector('[data-enhance=shortcuts] button').click();
        return document.querySelector('dialog[open] a').getAttribute('href')";
    let leads = page.execute(ask, vec![]).await.unwrap();
    assert_eq!(leads, json!("/account/preferences"));
    browser
        .hold_in_both_themes("the help of shortcuts that are off")
        .await;
}

/// A page that stands still hears of nothing; the same page of somebody else renews itself.
#[actix_web::test]
async fn a_page_that_stands_still_follows_no_events() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let operator = app.as_operator();
    browser.sign_in(&operator).await;
    let services = format!("{}/services", app.url);
    browser.page.goto(&services).await.unwrap();
    let held = "return navigator.locks.query().then(({ held }) => held.some(({ name }) => name === 'signalbox-live'))";
    browser.wait_until(held).await;
    save(&operator, &[("zone", "UTC"), ("theme", "system")]).await;
    browser.page.goto(&services).await.unwrap();
    browser
        .wait_until("return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('live.js'))")
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let listens = browser.page.execute(held, vec![]).await.unwrap();
    assert_eq!(listens, json!(false), "nothing is listened to");
}
