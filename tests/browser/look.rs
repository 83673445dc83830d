//! What every page promises: axe finds nothing, nothing sticks out sideways, the console is silent, in both themes, on
//! a desk and on the narrowest phone.

use chrono::Duration;
use fantoccini::Locator;
use signalbox::features::account;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::NewPerson;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::kernel::Scope;

use crate::chromium::{Browser, Screen};
use crate::furnish::{self, Places};
use crate::support::app::TestApp;

/// Every page of the route table, with something to show. A page that no link leads to fails.
async fn full(screen: Screen) {
    let app = TestApp::start().await;
    let acted = furnish::furnish(&app).await;
    let pages = furnish::pages();
    let places = Places::find(&app, &pages, &acted).await;
    assert!(
        places.missing.is_empty(),
        "no link leads to {:?}",
        places.missing
    );
    let Some(browser) = Browser::open(screen).await else {
        return;
    };
    look_at(&app, &browser, &places).await;
}

/// All of them, before anything is said of the first that fails.
async fn look_at(app: &TestApp, browser: &Browser, places: &Places) {
    let mut faults = Vec::new();
    for place in places.found.values() {
        browser.sign_in(&place.client).await;
        faults.extend(browser.faults(&format!("{}{}", app.url, place.path)).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[actix_web::test]
async fn every_page_with_something_to_show_on_a_desk() {
    full(Screen::Desk).await;
}

#[actix_web::test]
async fn every_page_with_something_to_show_on_a_phone() {
    full(Screen::Phone).await;
}

/// The same where there is nothing yet: what an empty list says.
#[actix_web::test]
async fn every_page_with_nothing_to_show() {
    let app = TestApp::start().await;
    let pages = furnish::pages();
    let places = Places::find(&app, &pages, &[]).await;
    let standing = pages.iter().filter(|page| !page.contains('{'));
    assert!(standing.count() > 10, "the route table has pages");
    for screen in [Screen::Desk, Screen::Phone] {
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        look_at(&app, &browser, &places).await;
    }
}

/// The way in, page by page, from the command line's link to the recovery codes, and every other page at the door.
#[actix_web::test]
async fn the_way_in() {
    for (number, screen) in [Screen::Desk, Screen::Phone].into_iter().enumerate() {
        let app = TestApp::start().await;
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        for path in [
            "/",
            "/sign-in?next=%2Faccount%2Fparked%2Fx",
            "/nowhere",
            "/enrol/link/x",
        ] {
            browser.look(&format!("{}{path}", app.url)).await;
        }
        let new = NewPerson {
            email: format!("new-{number}@test.example"),
            name: "Somebody new".to_owned(),
            roles: vec![Role::Operator],
            scope: Scope::All,
            demo: false,
        };
        let link = account::invite(&app.services, &Actor::command_line("test"), &new).unwrap();
        browser.look(link.as_str()).await;
        type_and_send(&browser, &[("password", "short"), ("again", "short")]).await;
        browser
            .hold_in_both_themes("a password that is refused")
            .await;
        let password = "lamp orchard vivid tram";
        type_and_send(&browser, &[("password", password), ("again", password)]).await;
        browser
            .wait_until("return document.querySelector('.qr') !== null")
            .await;
        browser
            .hold_in_both_themes("an authenticator to set up")
            .await;
        let code = code_on_page(&app, &browser).await;
        type_and_send(&browser, &[("code", &code)]).await;
        browser
            .wait_until("return document.querySelector('ol.codes') !== null")
            .await;
        browser.hold_in_both_themes("recovery codes").await;
        browser
            .sign_in(&app.as_half_signed(Stage::SecondFactor))
            .await;
        for path in ["/sign-in/code", "/sign-in/recovery"] {
            browser.look(&format!("{}{path}", app.url)).await;
            type_and_send(&browser, &[("code", "000000")]).await;
            browser.hold_in_both_themes("a code that is refused").await;
        }
        for _ in 0..5 {
            type_and_send(&browser, &[("code", "000000")]).await;
        }
        browser.hold_in_both_themes("too many tries").await;
    }
}

/// Forms that come back: to be corrected, parked, sent before with something else in them.
#[actix_web::test]
async fn forms_that_come_back() {
    for screen in [Screen::Desk, Screen::Phone] {
        let app = TestApp::start().await;
        let Some(browser) = Browser::open(screen).await else {
            return;
        };
        let (older, auditor) = (app.as_auditor(), app.as_auditor());
        browser.sign_in(&auditor).await;
        let at = |path: &str| format!("{}{path}", app.url);
        browser.page.goto(&at("/account/password")).await.unwrap();
        let different = [("current", "x"), ("password", "one"), ("again", "other")];
        type_and_send(&browser, &different).await;
        browser.hold_in_both_themes("a form to correct").await;
        let note = "a long note ".repeat(40);
        let fields = [
            ("csrf", older.csrf.as_str()),
            ("note", note.as_str()),
            ("format", "csv"),
        ];
        let parked = auditor.post_form("/audit/exports", &fields).await;
        browser.look(&at(parked.location())).await;
        browser.look(&at("/account?done=waiting")).await;
        browser
            .look(&at("/account?done=recovery&next=%2Falerts"))
            .await;
        let key = uuid::Uuid::now_v7().to_string();
        let sent = [("format", "csv"), ("idempotency", key.as_str())];
        auditor.post_form("/audit/exports", &sent).await.location();
        browser.page.goto(&at("/audit/exports")).await.unwrap();
        let send = "const form = document.querySelector('main form[method=post]');
            const note = document.createElement('input');
            note.type = 'hidden'; note.name = 'note'; note.value = arguments[1];
            form.append(note);
            form.elements.idempotency.value = arguments[0];
            form.querySelector('button').click()";
        let arguments = vec![serde_json::json!(key), serde_json::json!(note)];
        browser.page.execute(send, arguments).await.unwrap();
        browser
            .wait_until(
                "return document.querySelector('h1').textContent.includes('something else')",
            )
            .await;
        browser
            .hold_in_both_themes("a form that was sent before")
            .await;
    }
}

/// Whatever goes wrong is told on a page that keeps every promise too.
#[actix_web::test]
async fn pages_of_what_went_wrong() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Phone).await else {
        return;
    };
    let mut faults = Vec::new();
    let nobodys = "/alerts/01900000-0000-7000-8000-000000000000";
    for path in ["/nowhere", "/sign-out", "/enrol/link/x"] {
        faults.extend(browser.faults(&format!("{}{path}", app.url)).await);
    }
    browser.sign_in(&app.as_operator()).await;
    for (path, heading) in [
        ("/audit", "You may not do this"),
        ("/nowhere", "There is nothing here"),
        (nobodys, "There is nothing here"),
        ("/sign-out", "This address takes no such request"),
        ("/alerts?state=nonsense", ""),
    ] {
        faults.extend(browser.faults(&format!("{}{path}", app.url)).await);
        let said = browser.page.find(Locator::Css("h1")).await.unwrap();
        let said = said.text().await.unwrap();
        assert!(said.contains(heading), "{path} says {said}");
    }
    let account = format!("{}/account", app.url);
    browser.page.goto(&account).await.unwrap();
    let spoil = "const form = document.querySelector('form[action=\"/sign-out\"]');
        form.elements.idempotency.value = '';
        HTMLFormElement.prototype.submit.call(form)";
    browser.page.execute(spoil, vec![]).await.unwrap();
    let arrived = "return location.pathname === '/sign-out' && document.readyState === 'complete'";
    browser.wait_until(arrived).await;
    browser.hold_in_both_themes("a form without its key").await;
    faults.extend(browser.complaints().await);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Silence means something: what the content policy and Trusted Types refuse is heard.
#[actix_web::test]
async fn what_a_policy_refuses_is_heard() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    for (script, refused) in [
        (
            "document.body.innerHTML = '<b>x</b>'",
            "require-trusted-types-for",
        ),
        (
            "document.body.setAttribute('style', 'color: red')",
            "style-src",
        ),
    ] {
        browser.page.goto(&app.url).await.unwrap();
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        let script = format!("try {{ {script} }} catch {{ }}");
        browser.page.execute(&script, vec![]).await.unwrap();
        let heard = browser.complaints().await;
        assert!(
            heard.iter().any(|heard| heard.starts_with(refused)),
            "{script}: {heard:?}"
        );
    }
}

/// A form that is answered by a file leaves its page standing, and can be sent again.
#[actix_web::test]
async fn a_file_can_be_asked_for_twice() {
    let app = TestApp::start().await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    browser.sign_in(&app.as_operator()).await;
    let account = format!("{}/account", app.url);
    browser.page.goto(&account).await.unwrap();
    let press = "
        window.sendings ??= 0;
        const form = document.querySelector('form[action=\"/sign-out\"]');
        if (!window.heard) {
            window.heard = true;
            addEventListener('submit', (event) => { if (!event.defaultPrevented) window.sendings += 1; event.preventDefault(); });
        }
        form.requestSubmit(form.querySelector('button'));
        return window.sendings;";
    browser
        .wait_until("return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('submit-once.js'))")
        .await;
    let mut sendings = Vec::new();
    for _ in 0..2 {
        sendings.push(browser.page.execute(press, vec![]).await.unwrap());
    }
    assert_eq!(sendings, [1, 1], "a double press sends once");
    tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
    let later = browser.page.execute(press, vec![]).await.unwrap();
    assert_eq!(later, 2, "later it can be sent again");
}

/// Types into the fields of the page's form, and sends it.
async fn type_and_send(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        let field = format!("main form [name={name}]:not([type=hidden])");
        let field = browser.page.find(Locator::Css(&field)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }
    let (name, _) = fields.last().unwrap();
    let script = format!(
        "window.isTheOldPage = true;
         document.querySelector('main form [name={name}]:not([type=hidden])').form.querySelector('button.primary').click()"
    );
    browser.page.execute(&script, vec![]).await.unwrap();
    let arrived = "return !window.isTheOldPage && document.readyState === 'complete'";
    browser.wait_until(arrived).await;
}

/// What an app would show that was given the key on this page.
async fn code_on_page(app: &TestApp, browser: &Browser) -> String {
    let key = browser
        .page
        .find(Locator::Css("dd.mono"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let secret = totp_rs::Secret::try_from_base32(key.replace(' ', "")).unwrap();
    let device = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(app.now().timestamp()).unwrap();
    device.generate(now).to_string()
}

/// Shortcuts focus or press what is there, leave typing alone, and can be turned off.
#[actix_web::test]
async fn shortcuts() {
    let app = TestApp::start().await;
    furnish::furnish(&app).await;
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    browser.sign_in(&app.as_reviewer()).await;
    let page = &browser.page;
    page.goto(&format!("{}/reviews", app.url)).await.unwrap();
    browser
        .wait_until("return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('keyboard.js'))")
        .await;
    let press = |key: &'static str| {
        let script = "(document.activeElement ?? document.body).dispatchEvent(
            new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }))";
        page.execute(script, vec![serde_json::json!(key)])
    };
    let in_list = "return document.activeElement.closest('[data-enhance~=rows]') !== null";
    // The script has been fetched, and may be about to listen.
    let walk = format!(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'j', bubbles: true }})); {in_list}"
    );
    browser.wait_until(&walk).await;
    press("/").await.unwrap();
    let searching = "return document.activeElement.matches('[data-shortcut=search]')";
    browser.wait_until(searching).await;
    press("?").await.unwrap();
    let asked = page
        .execute(
            "return document.querySelector('dialog[open]') === null",
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(asked, true, "whoever types is left alone");
    page.execute("document.activeElement.blur()", vec![])
        .await
        .unwrap();
    press("?").await.unwrap();
    browser
        .wait_until("return document.querySelector('dialog[open]') !== null")
        .await;
    browser
        .hold_in_both_themes("the help of the shortcuts")
        .await;
    page.execute(
        "document.querySelector('dialog[open]').close(); document.activeElement.blur()",
        vec![],
    )
    .await
    .unwrap();
    press("g").await.unwrap();
    press("a").await.unwrap();
    browser
        .wait_until("return location.pathname === '/alerts'")
        .await;
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
    app.advance(Duration::minutes(14));
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
    app.advance(Duration::minutes(10));
    assert_eq!(operator.get("/account").await.heading(), "Your account");
}
