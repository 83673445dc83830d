//! The sealed account: told at once, short, and red until somebody else has looked.

use std::path::Path;

use chrono::TimeDelta;
use signalbox::features::account;
use signalbox::features::alerts::evaluate;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::NewPerson;
use signalbox::foundation::kernel::Scope;

use super::{PASSWORD, roles_of};
use crate::support::app::TestApp;
use crate::support::browser::Browser;

const EMAIL: &str = "envelope@test.example";

/// Seals the account, and gives the path of the link in its envelope.
fn seal(app: &TestApp) -> String {
    let new = NewPerson {
        email: EMAIL.to_owned(),
        name: "Envelope".to_owned(),
        roles: vec![Role::Administrator, Role::Operator],
        scope: Scope::All,
        demo: false,
    };
    let actor = Actor::command_line("test");
    let link = account::seal_break_glass(&app.services, &actor, &new).unwrap();
    link.path().to_owned()
}

/// Opens the envelope: a password, an authenticator, and in.
async fn use_it(app: &TestApp, link: &str) -> Browser {
    let browser = app.browser();
    let page = browser.get(link).await;
    let chosen = [("password", PASSWORD), ("again", PASSWORD)];
    let set = browser.submit(&page, link, &chosen).await;
    assert_eq!(set.location(), "/enrol/authenticator", "{}", set.text());
    let page = browser.get("/enrol/authenticator").await;
    let key = page.definition("Key, to type by hand").replace(' ', "");
    let secret = totp_rs::Secret::try_from_base32(key).unwrap();
    let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(app.now().timestamp()).unwrap();
    let code = phone.generate(now).to_string();
    let done = browser
        .submit(&page, "/enrol/authenticator", &[("code", &code)])
        .await;
    assert_eq!(done.heading(), "Your recovery codes", "{}", done.text());
    browser
}

#[actix_web::test]
async fn its_use_is_told_and_stays_red_until_somebody_else_reviewed_it() {
    let app = TestApp::start().await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/signalbox.toml");
    let source = std::fs::read_to_string(source).unwrap();
    packs::apply(
        &app.services,
        &Actor::command_line("test"),
        &source,
        &Given::default(),
    )
    .unwrap();
    evaluate::tick(&app.services).unwrap();
    let link = seal(&app);
    let id = app.person_of(EMAIL);
    assert_eq!(roles_of(&app, id), [Role::Administrator, Role::Operator]);
    let admin = app.with_password(app.as_admin());
    app.with_password(app.second_admin());
    assert_eq!(
        admin.get("/people").await.heading(),
        "Nothing waits for a second administrator"
    );
    let people = admin.get("/people").await.table("People, by email");
    let marked: Vec<_> = people
        .iter()
        .filter(|row| row[0].contains("Break-glass"))
        .collect();
    assert_eq!(marked.len(), 1, "{people:?}");
    assert_eq!(marked[0][0], format!("Envelope Break-glass {EMAIL}"));
    let page = format!("/people/{id}");
    assert!(admin.get(&page).await.says("It has never been used"));
    app.advance(TimeDelta::days(300));

    let browser = use_it(&app, &link).await;
    let told = app.events_of("break_glass.used");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subject"]["id"], id.to_string());
    app.run_jobs();
    assert_eq!(app.events_of("event.reported").len(), 1);
    let admin = app.as_admin();
    let alerts = admin.get("/alerts").await;
    assert!(
        alerts.says("The break-glass account was used"),
        "{}",
        alerts.text()
    );
    let list = admin.get("/people").await;
    assert_eq!(
        list.heading(),
        "The break-glass account was used, and nobody has reviewed it"
    );
    assert_eq!(list.link("Review the use"), page);

    let review = format!("{page}/break-glass");
    let own = browser.get(&page).await;
    assert!(!own.has_button("Record the review"));
    let behind = app.sign_in_as(EMAIL, "Envelope", &[]);
    let own = behind.post_form(&review, &[("use_note", "all fine")]).await;
    assert_eq!(own.status, 409, "{}", own.text());
    assert_eq!(
        admin.post_form(&review, &[("use_note", " ")]).await.status,
        422
    );
    let early = admin
        .post_form(&review, &[("use_note", "database was down")])
        .await;
    assert_eq!(
        early.heading(),
        "Somebody is signed in with this account now."
    );
    assert!(!admin.get(&page).await.has_button("Record the review"));
    admin.post_form(&format!("{page}/sessions"), &[]).await;
    let reviewed = admin
        .post_form(&review, &[("use_note", "database was down")])
        .await;
    assert_eq!(reviewed.location(), page, "{}", reviewed.text());
    assert!(admin.get(&page).await.says("database was down"));
    assert_eq!(
        admin.get("/people").await.heading(),
        "Nothing waits for a second administrator"
    );
    assert_eq!(
        admin
            .post_form(&review, &[("use_note", "again")])
            .await
            .status,
        409
    );
    assert_eq!(app.events_of("break_glass.reviewed").len(), 1);
}

#[actix_web::test]
async fn its_session_lasts_four_hours_at_most() {
    let app = TestApp::start().await;
    let link = seal(&app);
    let browser = use_it(&app, &link).await;
    let operator = app.as_operator();
    let ten = TimeDelta::minutes(10);
    for _ in 0..23 {
        app.advance(ten);
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(operator.get("/account").await.status, 200);
    }
    app.advance(ten);
    assert_ne!(browser.get("/account").await.status, 200, "four hours");
    assert_eq!(operator.get("/account").await.status, 200, "others go on");
}

#[actix_web::test]
async fn it_does_not_count_as_an_administrator_who_can_act() {
    let app = TestApp::start().await;
    let link = seal(&app);
    use_it(&app, &link).await;
    let admin = app.with_password(app.as_admin());
    let second = app.with_password(app.second_admin());
    let path = format!("/people/{}/disabling", second.person);
    let refused = admin.post_form(&path, &[("disable_reason", "x")]).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
}
