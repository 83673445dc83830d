//! Where somebody is signed in, and the devices that are known.

use chrono::Duration;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;
use crate::support::browser::Browser;

const HERE: &str = "/account/sessions";

async fn is_in(browser: &Browser) -> bool {
    browser.get("/account").await.status == 200
}

#[actix_web::test]
async fn one_session_is_ended_and_then_all_others() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browsers = [app.browser(), app.browser(), app.browser()];
    for browser in &browsers {
        sign_in(&app, browser, person, EMAIL).await;
        app.next_code();
    }
    let [here, there, elsewhere] = &browsers;
    let page = here.get(HERE).await;
    assert_eq!(page.heading(), "You are signed in at 3 places");
    let rows = page.table("Sessions");
    assert_eq!(rows.len(), 3);
    let current: Vec<_> = rows
        .iter()
        .filter(|row| row[0].contains("this one"))
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0][1], "127.0.0.1");
    assert_eq!(current[0][2], "code");
    let end = |page: &crate::support::page::Page| {
        let actions = page.actions();
        let one = actions.into_iter().find(|action| {
            action.starts_with("/account/sessions/") && action != "/account/sessions/end"
        });
        one.unwrap()
    };
    let ended = here.submit(&page, &end(&page), &[]).await;
    assert_eq!(ended.location(), HERE);
    let left = [is_in(there).await, is_in(elsewhere).await];
    assert_eq!(
        left.iter().filter(|is_in| **is_in).count(),
        1,
        "the next request is out"
    );
    let page = here.get(HERE).await;
    here.submit(&page, "/account/sessions/end", &[]).await;
    assert_eq!([is_in(there).await, is_in(elsewhere).await], [false, false]);
    assert!(is_in(here).await);
    let page = here.get(HERE).await;
    assert_eq!(page.heading(), "You are signed in here only");
    assert!(page.says("No known devices"), "devices are strangers again");
    assert_eq!(app.events_of("session.revoked").len(), 1);
    assert_eq!(app.events_of("session.others_revoked").len(), 1);
}

#[actix_web::test]
async fn nobody_ends_what_is_somebody_elses() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let own = app.browser();
    sign_in(&app, &own, person, EMAIL).await;
    let second = app.browser();
    app.next_code();
    sign_in(&app, &second, person, EMAIL).await;
    let page = own.get(HERE).await;
    let stranger = app.as_operator();
    for action in page.actions() {
        let is_of_one = action.ends_with("/end") && action != "/account/sessions/end";
        if is_of_one || action.starts_with("/account/devices/") {
            let answer = stranger.post_form(&action, &[]).await;
            assert_eq!(answer.location(), HERE, "it says nothing of what there is");
        }
    }
    assert!(is_in(&own).await && is_in(&second).await);
    let devices = own.get(HERE).await;
    assert_eq!(
        devices
            .table("Devices that are known for seven days after a sign-in")
            .len(),
        2
    );
    assert!(app.events_of("session.revoked").is_empty());
}

#[actix_web::test]
async fn a_device_is_known_for_seven_days_and_until_it_is_forgotten() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let own = app.browser();
    sign_in(&app, &own, person, EMAIL).await;
    let attack = async |app: &TestApp| {
        for last in 1..=3 {
            let attacker = app.browser_at(std::net::Ipv4Addr::new(127, 0, last, 1));
            for _ in 0..5 {
                give_password(&attacker, EMAIL, "wrong").await;
            }
        }
    };
    attack(&app).await;
    let close = || own.cookies.borrow_mut().remove("signalbox");
    close();
    let known = give_password(&own, EMAIL, PASSWORD).await;
    assert_eq!(known.location(), "/sign-in/code", "it still gets in");
    close();
    app.next_code();
    sign_in(&app, &own, person, EMAIL).await;
    let page = own.get(HERE).await;
    let forget = page
        .actions()
        .into_iter()
        .find(|action| action.starts_with("/account/devices/"))
        .unwrap();
    own.submit(&page, &forget, &[]).await;
    assert!(own.get(HERE).await.says("No known devices"));
    close();
    let stranger = give_password(&own, EMAIL, PASSWORD).await;
    assert_eq!(stranger.status, 429, "it is a device like any other");
    app.advance(Duration::minutes(31));
    sign_in(&app, &own, person, EMAIL).await;
    close();
    app.advance(Duration::days(7));
    attack(&app).await;
    let late = give_password(&own, EMAIL, PASSWORD).await;
    assert_eq!(late.status, 429, "seven days are over");
}
