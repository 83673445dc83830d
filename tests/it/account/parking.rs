//! What was typed is never lost, whatever has become of the session.

use chrono::Duration;
use diesel::prelude::*;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::db::schema::parked_form;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::health::claims::watched;
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

/// Stands for any form in which people write; nothing has this id.
const ACTION: &str = "/alerts/01900000-0000-7000-8000-000000000000/acknowledgement";
const TYPED: &str = "three pages of reasons <b>& more</b>\nwith a second line";

#[actix_web::test]
async fn a_form_from_a_session_that_ran_out_is_kept_for_its_author() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let mut fields = browser.get("/account").await.form("/sign-out");
    fields.push(("note".to_owned(), TYPED.to_owned()));
    app.advance(Duration::minutes(16));
    let answer = browser.post(ACTION, &fields).await;
    let door = browser.get(answer.location()).await;
    assert!(door.says("What you typed is kept for you"));
    let asked = [("email", EMAIL), ("password", PASSWORD)];
    let answer = browser.submit(&door, "/sign-in", &asked).await;
    let page = browser.get(answer.location()).await;
    let code = app.code_of(person);
    let answer = browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await;
    let waits_at = answer.location().to_owned();
    assert!(waits_at.starts_with("/account/parked/"));
    let page = browser.get(&waits_at).await;
    assert_eq!(page.heading(), "What you typed is still here");
    assert!(page.says("three pages of reasons <b>& more</b>"));
    let kept = page.form(ACTION);
    assert!(kept.contains(&("note".to_owned(), TYPED.to_owned())));
    let key = |fields: &[(String, String)]| {
        fields
            .iter()
            .find(|(name, _)| name == "idempotency")
            .cloned()
    };
    assert_eq!(key(&kept), key(&fields), "sent again it is the same act");
    assert_eq!(
        app.as_operator().get(&waits_at).await.status,
        404,
        "nobody else's"
    );
    let sent = browser.submit(&page, ACTION, &[]).await;
    assert_eq!(
        sent.status, 404,
        "it reached its handler, which looked for the alert"
    );
}

#[actix_web::test]
async fn a_form_of_an_older_session_is_kept_for_whoever_is_signed_in_now() {
    let app = TestApp::start().await;
    let (old, new) = (app.as_operator(), app.as_operator());
    let fields = [("csrf", old.csrf.as_str()), ("note", TYPED)];
    let answer = new.post_form(ACTION, &fields).await;
    let page = new.get(answer.location()).await;
    assert_eq!(page.heading(), "What you typed is still here");
    let kept = page.form(ACTION);
    assert!(kept.contains(&("note".to_owned(), TYPED.to_owned())));
    assert!(kept.contains(&("csrf".to_owned(), new.csrf.clone())));
    let secret = [("csrf", old.csrf.as_str()), ("password", "x")];
    assert_eq!(
        new.post_form("/account/password", &secret).await.status,
        403
    );
}

/// Files are not kept; what was typed beside them is.
#[actix_web::test]
async fn what_was_typed_beside_a_file_is_kept_without_it() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let old = app.as_operator();
    let half = app.as_half_signed(Stage::SecondFactor);
    let file = [("file", "a,b\n")];
    let answer = half.upload(ACTION, &[("note", TYPED)], &file).await;
    let (_, parked) = answer.location().split_once("next=").unwrap();
    assert!(parked.starts_with("%2Faccount%2Fparked%2F"), "{parked}");
    let batch = [("csrf", old.csrf.as_str()), ("platform", TYPED)];
    let officer = app.as_compliance();
    let answer = officer.upload("/intake", &batch, &file).await;
    let page = officer.get(answer.location()).await;
    assert_eq!(page.heading(), "What you typed is still here");
    let kept = page.form("/intake");
    assert!(kept.contains(&("platform".to_owned(), TYPED.to_owned())));
    let kept: Vec<(&str, &str)> = kept
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // Sent again it reaches its handler, which asks for the file.
    let again = officer.post_form("/intake", &kept).await;
    assert_eq!(again.status, 422);
    assert!(
        again.says("Choose a file that is not empty"),
        "{}",
        again.text()
    );
}

/// Whoever sends it again knows that it would go without what it came with.
#[actix_web::test]
async fn a_file_that_is_not_kept_is_named() {
    let (app, id) = watched(false).await;
    let (old, new) = (app.as_operator(), app.as_operator());
    let report = format!("/indicators/{id}/reports");
    let typed = [("value", "97.4"), ("evidence", TYPED)];
    let stale = [typed[0], typed[1], ("csrf", old.csrf.as_str())];
    let answer = new.upload(&report, &stale, &[("file", "page 3")]).await;
    let page = new.get(answer.location()).await;
    assert_eq!(page.heading(), "What you typed is still here");
    assert!(page.says("file.csv came with it"), "{}", page.text());
    assert!(page.has_button("Send it without the file") && !page.has_button("Send it now"));
    assert_eq!(page.given(&report, "evidence"), TYPED);
    let names = page.form(&report);
    assert!(
        names.iter().all(|(name, _)| !name.contains("file")),
        "{names:?}"
    );

    // The same of a form that was sent before with another file.
    let key = uuid::Uuid::now_v7().to_string();
    let keyed = [typed[0], typed[1], ("idempotency", key.as_str())];
    let sent = new.upload(&report, &keyed, &[("file", "page 3")]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let altered = new.upload(&report, &keyed, &[("file", "page 4")]).await;
    assert_eq!(altered.status, 409);
    assert!(altered.says("file.csv came with it"), "{}", altered.text());
    assert!(altered.has_button("Send this too, without the file"));
    // And of one without a file nothing is said.
    let altered = new.upload(&report, &keyed, &[]).await;
    assert!(altered.has_button("Send this too") && !altered.says("came with it"));
}

/// Nobody fills the memory with a form that goes on and on: of a stranger's nothing is read, and of others' no more than
/// a form has.
#[actix_web::test]
async fn a_form_that_goes_on_and_on_is_not_kept() {
    let app = TestApp::start().await;
    let half = app.as_half_signed(Stage::SecondFactor);
    let kept = async |names: Vec<String>| {
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "typed")).collect();
        let answer = half.upload(ACTION, &fields, &[]).await;
        answer.location().contains("next=%2Faccount%2Fparked%2F")
    };
    let numbered = |count: usize| (0..count).map(|number| format!("field-{number}")).collect();
    assert!(kept(numbered(20)).await);
    assert!(!kept(numbered(40)).await);
    let long = (0..6).map(|number| format!("{number}{}", "n".repeat(50_000)));
    assert!(!kept(long.collect()).await, "names count as well");
}

#[actix_web::test]
async fn a_form_posted_half_way_in_waits_behind_the_second_step() {
    let app = TestApp::start().await;
    let half = app.as_half_signed(Stage::SecondFactor);
    let answer = half.post_form(ACTION, &[("note", TYPED)]).await;
    let to = answer.location();
    assert!(
        to.starts_with("/sign-in/code?next=%2Faccount%2Fparked%2F"),
        "{to}"
    );
}

#[actix_web::test]
async fn parked_forms_are_kept_half_an_hour_and_never_with_secrets() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::minutes(16));
    let answer = client.post_form(ACTION, &[("note", "x")]).await;
    assert!(answer.location().contains("parked"));
    for (path, field) in [
        ("/account/password", "password"),
        ("/account/recovery-codes/file", "codes"),
    ] {
        let secret = client.post_form(path, &[(field, "x")]).await;
        assert_eq!(secret.location(), "/sign-in");
    }
    let nothing_typed = client.post_form("/sign-out", &[]).await;
    assert_eq!(nothing_typed.location(), "/sign-in");
    let id = answer
        .location()
        .rsplit("%2F")
        .next()
        .unwrap()
        .replace("%2D", "-");
    let back = app.as_operator();
    assert_eq!(back.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(14));
    assert_eq!(back.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(1));
    let late = app.as_operator();
    app.advance(Duration::minutes(1));
    assert_eq!(late.get(&format!("/account/parked/{id}")).await.status, 200);
    app.advance(Duration::minutes(14));
    assert_eq!(late.get(&format!("/account/parked/{id}")).await.status, 404);
}

#[actix_web::test]
async fn what_waits_is_listed_and_told_after_signing_in() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let mut fields = browser.get("/account").await.form("/sign-out");
    fields.push(("note".to_owned(), TYPED.to_owned()));
    app.advance(Duration::minutes(16));
    browser.post(ACTION, &fields).await;
    // The way that the answer showed is lost: somebody opens the front page instead.
    let answer = sign_in(&app, &browser, person, EMAIL).await;
    assert_eq!(answer.location(), "/account?done=waiting");
    let page = browser.get(answer.location()).await;
    assert!(page.says("What you typed before your session ended is still here"));
    let waiting = browser.get(&page.link(&format!("Form for {ACTION}"))).await;
    assert_eq!(waiting.heading(), "What you typed is still here");
}

#[actix_web::test]
async fn twenty_forms_wait_for_one_person() {
    let app = TestApp::start().await;
    let client = app.as_operator();
    app.advance(Duration::minutes(16));
    for number in 0..25 {
        let note = format!("note {number}");
        client.post_form(ACTION, &[("note", &note)]).await;
    }
    let kept: i64 = parked_form::table
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(kept, 20);
}

#[actix_web::test]
async fn the_way_on_survives_a_second_step_that_took_too_long() {
    const NEXT: &str = "%2Falerts%3Flevel%3Dred";
    let app = TestApp::start().await;
    app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let at = format!("/sign-in/code?next={NEXT}");
    let page = browser.get(&at).await;
    app.advance(Duration::minutes(11));
    let way_in = format!("/sign-in?next={NEXT}");
    let late = browser
        .submit(&page, "/sign-in/code", &[("code", "000000")])
        .await;
    assert_eq!(late.location(), way_in);
    assert_eq!(browser.get(&at).await.location(), way_in, "nothing nests");
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get(&at).await;
    let mut answer = browser
        .submit(&page, "/sign-in/code", &[("code", "000000")])
        .await;
    for _ in 0..5 {
        answer = browser
            .submit(&page, "/sign-in/code", &[("code", "000000")])
            .await;
    }
    assert_eq!(answer.status, 429);
    assert_eq!(answer.link("Back to the form"), at);
}
