//! What every page promises, on the pages that need no session.

use crate::chromium::{Browser, Screen};
use crate::support::app::TestApp;

#[actix_web::test]
async fn an_error_page_is_a_page() {
    let app = TestApp::start().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        browser.look(&format!("{}/nowhere", app.url)).await;
    }
}
