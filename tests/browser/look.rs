//! What every page promises: axe finds nothing, nothing sticks out sideways, the console is silent, in both themes, on
//! a desk and on the narrowest phone.

use actix_web::http::Method;
use signalbox::app::routes;
use signalbox::foundation::auth::Role;
use signalbox::foundation::web::Access;

use crate::chromium::{Browser, Screen};
use crate::support::app::TestApp;

/// Answers that are not pages.
const NOT_PAGES: [&str; 4] = ["/health", "/api", "/live", "/metrics"];

#[actix_web::test]
async fn pages_for_everybody() {
    let app = TestApp::start().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        for path in ["/", "/nowhere"] {
            browser.look(&format!("{}{path}", app.url)).await;
        }
    }
}

/// Every address of the route table that stands without parameters, as each role that may open it.
#[actix_web::test]
async fn pages_of_each_role() {
    let app = TestApp::start().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let mut looked = Vec::new();
        for role in Role::ALL {
            let Some(browser) = Browser::open(screen).await else {
                return;
            };
            browser.sign_in(&app.as_role(role)).await;
            for path in pages_of(role) {
                if !looked.contains(&path) {
                    browser.look(&format!("{}{path}", app.url)).await;
                    looked.push(path);
                }
            }
        }
    }
}

fn pages_of(role: Role) -> Vec<&'static str> {
    routes()
        .iter()
        .filter(|route| route.method == Method::GET && !route.path.contains('{'))
        .filter(|route| !NOT_PAGES.iter().any(|start| route.path.starts_with(start)))
        .filter(|route| match route.access {
            Access::Signed | Access::PublicOrSigned => true,
            Access::Needs(permission) => role.permissions().contains(&permission),
            Access::Public | Access::HalfSigned => false,
        })
        .map(|route| route.path)
        .collect()
}

/// The warning comes from the page's own account of the session, and staying prolongs it.
#[actix_web::test]
async fn a_session_that_is_about_to_end_says_so() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let operator = app.as_operator();
    browser.sign_in(&operator).await;
    // Nothing is done for all but a minute of the fifteen; opening a page would count as an act, so the page is old.
    let account = format!("{}/account", app.url);
    browser.page.goto(&account).await.unwrap();
    let shown = "return !document.querySelector('.session-warning').hidden";
    browser
        .page
        .execute(
            "const notice = document.querySelector('.session-warning').cloneNode(true);
             notice.dataset.seconds = '60';
             document.querySelector('.session-warning').replaceWith(notice);
             const { enhance } = await import(document.querySelector('script[type=module]').src);
             enhance(notice);",
            vec![],
        )
        .await
        .unwrap();
    browser.wait_until(shown).await;
    browser.hold("the session warning").await;
    app.advance(chrono::Duration::minutes(14));
    browser
        .page
        .execute(
            "document.querySelector('.session-warning button').click()",
            vec![],
        )
        .await
        .unwrap();
    browser
        .wait_until("return document.querySelector('.session-warning').hidden")
        .await;
    app.advance(chrono::Duration::minutes(10));
    assert_eq!(operator.get("/account").await.heading(), "Your account");
}
