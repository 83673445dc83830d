//! Ways back in: both halves, and neither alone.

use chrono::TimeDelta;
use diesel::{RunQueryDsl as _, sql_query};
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::{factors, totp::Seed};

use super::{PASSWORD, approve, is_in, waiting};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;
use crate::support::personas::Client;

const NEW: &str = "violin harbour crisp ember";

/// Somebody with a password and an authenticator.
fn enrolled(app: &TestApp) -> Client {
    let operator = app.with_password(app.as_operator());
    app.services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            let seed = Seed::generate(&operator.email);
            factors::set_authenticator(tx, operator.person, &seed, 1)
        })
        .unwrap();
    operator
}

/// The code that the proposer was shown, and the link that the approver was shown.
async fn halves(app: &TestApp, person: &Client, lost: &str) -> (String, String) {
    let (admin, second) = (app.as_admin(), app.second_admin());
    let fields = [
        ("recovery_reason", "called from their desk"),
        ("lost_factors", lost),
    ];
    let path = format!("/people/{}/recovery", person.person);
    let shown = admin.post_form(&path, &fields).await;
    assert_eq!(shown.heading(), "Confirmation code", "{}", shown.text());
    let code = shown.texts("pre").concat();
    let proposal = waiting(&admin).await;
    assert!(
        !admin.get(&proposal).await.body.contains(&code),
        "shown once"
    );
    let approved = approve(&second, &proposal).await;
    assert_eq!(
        approved.heading(),
        "Link to recover the account",
        "{}",
        approved.text()
    );
    assert!(
        !approved.body.contains(&code),
        "the approver does not see it"
    );
    let link = approved.texts("pre").concat();
    (code, link.strip_prefix(&app.url).unwrap().to_owned())
}

async fn choose(browser: &Browser, link: &str, code: &str) -> Page {
    let page = browser.get(link).await;
    let fields = [("confirmation", code), ("password", NEW), ("again", NEW)];
    browser.submit(&page, link, &fields).await
}

async fn sign_in(browser: &Browser, password: &str) -> Page {
    let page = browser.get("/sign-in").await;
    let fields = [("email", "operator@test.example"), ("password", password)];
    browser.submit(&page, "/sign-in", &fields).await
}

#[actix_web::test]
async fn both_halves_lead_to_a_new_password_and_new_factors() {
    let app = TestApp::start().await;
    let operator = enrolled(&app);
    let (code, link) = halves(&app, &operator, "yes").await;
    assert!(
        !is_in(&operator).await,
        "the sessions end with the approval"
    );
    let browser = app.browser();
    let page = browser.get(&link).await;
    assert!(page.has_field("Confirmation code"));
    // The link alone: its holder guesses.
    let alone = choose(&browser, &link, "0000-0000-0000-0000").await;
    assert_eq!(alone.status, 422);
    assert!(alone.says("This is not the code"));
    assert_eq!(choose(&browser, &link, "").await.status, 422);
    assert_eq!(
        sign_in(&app.browser(), PASSWORD).await.status,
        303,
        "nothing has changed"
    );
    assert_eq!(app.events_of("recovery.not_confirmed").len(), 2);
    // The code alone leads nowhere: there is no page to type it on.
    let nowhere = app.browser().get(&format!("/enrol/link/{code}")).await;
    assert_eq!(nowhere.status, 404);

    let typed = code.to_uppercase().replace('-', " ");
    let set = choose(&browser, &link, &typed).await;
    assert_eq!(set.location(), "/enrol/authenticator", "{}", set.text());
    assert_eq!(browser.get(&link).await.status, 404, "a link works once");
    assert_eq!(sign_in(&app.browser(), PASSWORD).await.status, 422);
    let led = sign_in(&app.browser(), NEW).await;
    assert_eq!(
        led.location(),
        "/enrol/authenticator",
        "the second factor is set up anew"
    );
    for kind in [
        "access.proposed",
        "access.approved",
        "factors.reset",
        "enrolment_link.used",
    ] {
        assert_eq!(app.events_of(kind).len(), 1, "{kind}");
    }
    let everything = format!("{:?}", app.events());
    assert!(!everything.contains(&code), "no secret stands in the log");
}

#[actix_web::test]
async fn a_forgotten_password_leaves_the_authenticator() {
    let app = TestApp::start().await;
    let operator = enrolled(&app);
    let (code, link) = halves(&app, &operator, "").await;
    let set = choose(&app.browser(), &link, &code).await;
    assert_eq!(set.location(), "/sign-in/code");
    assert_eq!(app.events_of("factors.reset").len(), 0);
}

#[actix_web::test]
async fn guesses_at_the_code_are_counted() {
    let app = TestApp::start().await;
    let operator = enrolled(&app);
    let (code, link) = halves(&app, &operator, "").await;
    let browser = app.browser();
    for _ in 0..5 {
        assert_eq!(
            choose(&browser, &link, "1111-1111-1111-1111").await.status,
            422
        );
    }
    let refused = choose(&browser, &link, &code).await;
    assert_eq!(refused.status, 429, "also with the right one");
    app.advance(TimeDelta::minutes(31));
    assert_eq!(choose(&browser, &link, &code).await.status, 303);
}

#[actix_web::test]
async fn lost_factors_are_reset_by_two() {
    let app = TestApp::start().await;
    let operator = enrolled(&app);
    let passkey = format!(
        "INSERT INTO passkey (id, person_id, credential_id, credential, name, made_at) VALUES \
         (gen_random_uuid(), '{}', '\\x01', '{{}}', 'Phone', now())",
        operator.person
    );
    let mut conn = app.db.connect_superuser();
    sql_query(passkey).execute(&mut conn).unwrap();
    let admin = app.as_admin();
    let path = format!("/people/{}/factors", operator.person);
    let asked = admin
        .post_form(&path, &[("factors_reason", "phone in the sea")])
        .await;
    assert_eq!(asked.status, 303, "{}", asked.text());
    assert!(is_in(&operator).await);
    assert_eq!(
        sign_in(&app.browser(), PASSWORD).await.location(),
        "/sign-in/code"
    );
    let again = admin.post_form(&path, &[("factors_reason", "twice")]).await;
    assert_eq!(again.status, 409, "proposed already");
    assert_eq!(
        approve(&app.second_admin(), &waiting(&admin).await)
            .await
            .status,
        303
    );
    assert!(!is_in(&operator).await);
    let left = sql_query("DELETE FROM passkey").execute(&mut conn).unwrap();
    assert_eq!(left, 0, "passkeys are factors as well");
    let led = sign_in(&app.browser(), PASSWORD).await;
    assert_eq!(led.location(), "/enrol/authenticator");
}

#[actix_web::test]
async fn a_link_of_somebody_who_was_disabled_is_dead() {
    let app = TestApp::start().await;
    let operator = enrolled(&app);
    let (code, link) = halves(&app, &operator, "").await;
    let browser = app.browser();
    let page = browser.get(&link).await;
    let fields = [("disable_reason", "it was not them")];
    let path = format!("/people/{}/disabling", operator.person);
    assert_eq!(app.as_admin().post_form(&path, &fields).await.status, 303);
    let fields = [
        ("confirmation", code.as_str()),
        ("password", NEW),
        ("again", NEW),
    ];
    assert_eq!(browser.submit(&page, &link, &fields).await.status, 404);
}
