//! A wall screen in a browser: it renews itself, says when it cannot, and goes dark with its key.

use signalbox::features::keys::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Scope;

use crate::chromium::{Browser, Screen};
use crate::furnish;
use crate::support::app::TestApp;

/// What the module does every half minute, every half second.
const HURRY: &str = "document.body.dataset.every = '0.5';
    const { enhance } = await import(document.querySelector('script[type=module]').src);
    enhance(document.body);";

#[actix_web::test]
async fn a_wall_renews_itself_and_says_when_it_cannot() {
    let app = TestApp::start().await;
    furnish::furnish(&app).await;
    let Some(browser) = Browser::open(Screen::Wall).await else {
        return;
    };
    let key = app.screen_key(Scope::All);
    browser.sign_in(&app.screen_of(&key)).await;
    let display = format!("{}/display", app.url);
    browser.look(&display).await;
    let fits = "return document.documentElement.scrollHeight <= 1080";
    browser.wait_until(fits).await;
    browser.page.execute(HURRY, vec![]).await.unwrap();
    app.advance(chrono::Duration::minutes(3));
    browser
        .wait_until("return document.querySelector('.wall-made').textContent.includes('09:03')")
        .await;
    browser.go_offline(true).await;
    let stale = "const told = document.querySelector('.wall-stale');
        return !told.hidden && told.textContent.includes('Not renewed since') && 'stale' in document.body.dataset";
    browser.wait_until(stale).await;
    browser.hold_in_both_themes("a wall that is old").await;
    browser.go_offline(false).await;
    browser
        .wait_until("return document.querySelector('.wall-stale').hidden && !('stale' in document.body.dataset)")
        .await;
    browser.complaints().await;
    let actor = Actor::command_line("test");
    actions::revoke(&app.services, &actor, &key, None).unwrap();
    browser
        .wait_until("return document.querySelector('h1').textContent.includes('screen was ended')")
        .await;
    browser.hold_in_both_themes("a screen that was ended").await;
}

/// What an administrator sees of screens: which there are, and a link for another.
#[actix_web::test]
async fn screens_are_looked_after_on_the_page_of_their_key() {
    for screen in [Screen::Desk, Screen::Phone] {
        let app = TestApp::start().await;
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        let key = app.screen_key(Scope::All);
        app.screen_of(&key);
        browser.sign_in(&app.as_admin()).await;
        browser.look(&format!("{}/keys/{key}", app.url)).await;
        let press = "document.querySelector('form[action$=\"/screens\"] button').click()";
        browser.page.execute(press, vec![]).await.unwrap();
        browser
            .wait_until("return document.querySelector('pre code')?.textContent.includes('/display/link/') === true")
            .await;
        browser
            .hold_in_both_themes("a link for a wall screen")
            .await;
    }
}
