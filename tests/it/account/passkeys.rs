//! Passkeys: making them, signing in with nothing else, the second step, the proof, and taking them out.

use chrono::Duration;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::Value;
use signalbox::foundation::auth::Role;
use signalbox::foundation::db::schema::{passkey, person, totp};
use signalbox::foundation::kernel::PersonId;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;
use crate::support::authenticator::Authenticator;
use crate::support::browser::Browser;
use crate::support::page::Page;

/// Asks as the page's module does: with the fields of its form.
async fn ask(browser: &Browser, page: &Page, action: &str) -> (String, Value) {
    let fields: Vec<_> = page
        .form(action)
        .into_iter()
        .filter(|(name, _)| name == "csrf" || name == "idempotency")
        .collect();
    let answer = browser.post(&format!("{action}/options"), &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut told: Value = serde_json::from_str(&answer.body).unwrap();
    let ceremony = told["ceremony"].as_str().unwrap().to_owned();
    (ceremony, told["options"].take())
}

async fn answer(browser: &Browser, page: &Page, action: &str, with: (&str, &str)) -> Page {
    let fields = [("ceremony", with.0), ("credential", with.1)];
    browser.submit(page, action, &fields).await
}

/// The whole of it at a page whose form goes to `action`.
async fn use_passkey(
    browser: &Browser,
    device: &mut Authenticator,
    page: &Page,
    action: &str,
) -> Page {
    let (ceremony, options) = ask(browser, page, action).await;
    let signed = device.sign(&options);
    answer(browser, page, action, (&ceremony, &signed)).await
}

/// Somebody with a password and an authenticator adds a passkey. Gives the device and the signed-in browser.
async fn with_passkey(app: &TestApp) -> (PersonId, Browser, Authenticator) {
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(app, &browser, person, EMAIL).await;
    let mut device = Authenticator::at(&app.url);
    let made = add(&browser, &mut device, "Work laptop").await;
    assert_eq!(made.location(), "/account?done=passkey", "{}", made.text());
    (person, browser, device)
}

async fn add(browser: &Browser, device: &mut Authenticator, name: &str) -> Page {
    let page = browser.get("/account/passkeys/new").await;
    let fields: Vec<_> = page
        .form("/account/passkeys")
        .into_iter()
        .filter(|(name, _)| name == "csrf" || name == "idempotency")
        .collect();
    let told = browser.post("/account/passkeys/options", &fields).await;
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let made = device.make(&told["options"]);
    let ceremony = told["ceremony"].as_str().unwrap();
    let fields = [
        ("name", name),
        ("ceremony", ceremony),
        ("credential", made.as_str()),
    ];
    browser.submit(&page, "/account/passkeys", &fields).await
}

#[actix_web::test]
async fn a_passkey_alone_signs_in_whatever_others_try_at_the_password() {
    let app = TestApp::start().await;
    let (_, _, mut device) = with_passkey(&app).await;
    let attacker = app.browser_at(std::net::Ipv4Addr::new(127, 0, 7, 1));
    for _ in 0..12 {
        give_password(&attacker, EMAIL, "wrong").await;
    }
    let browser = app.browser_at(std::net::Ipv4Addr::new(127, 0, 8, 1));
    let locked = give_password(&browser, EMAIL, PASSWORD).await;
    assert_eq!(locked.status, 429, "the account is locked for strangers");
    let page = browser.get("/sign-in?next=%2Falerts").await;
    let signed = use_passkey(&browser, &mut device, &page, "/sign-in/passkey").await;
    assert_eq!(signed.location(), "/alerts");
    assert_eq!(browser.get("/account").await.definition("Email"), EMAIL);
    let events = app.events_of("session.signed_in");
    let by_passkey = |event: &Value| event["details"]["method"] == "passkey";
    assert!(events.iter().any(by_passkey));
    assert_eq!(
        browser.get("/account/recovery-codes").await.status,
        200,
        "it is a fresh proof"
    );
}

#[actix_web::test]
async fn eight_parallel_answers_to_one_question_are_one() {
    let app = TestApp::start().await;
    let (_, _, mut device) = with_passkey(&app).await;
    let before = app.events_of("session.signed_in").len();
    let browser = app.browser();
    let page = browser.get("/sign-in").await;
    let (ceremony, options) = ask(&browser, &page, "/sign-in/passkey").await;
    let signed = device.sign(&options);
    let with = (ceremony.as_str(), signed.as_str());
    let answers = join_all((0..8).map(|_| answer(&browser, &page, "/sign-in/passkey", with))).await;
    let let_in = answers.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(let_in, 1);
    assert_eq!(app.events_of("session.signed_in").len(), before + 1);
}

#[actix_web::test]
async fn wrong_answers_open_nothing() {
    let app = TestApp::start().await;
    let (person, _, mut device) = with_passkey(&app).await;
    let browser = app.browser();
    let page = browser.get("/sign-in").await;
    let action = "/sign-in/passkey";
    // An answer that was not asked for, one without verification, one to an older question, one too late.
    let (ceremony, options) = ask(&browser, &page, action).await;
    let signed = device.sign(&options);
    for (ceremony, credential) in [
        ("made-up", signed.as_str()),
        (&ceremony, "{}"),
        (&ceremony, signed.as_str()),
    ] {
        let refused = answer(&browser, &page, action, (ceremony, credential)).await;
        assert_eq!(refused.status, 422, "a question that was answered is gone");
        assert!(refused.says("This passkey was not accepted"));
    }
    device.verifies = false;
    let refused = use_passkey(&browser, &mut device, &page, action).await;
    assert_eq!(refused.status, 422, "somebody who found the device");
    device.verifies = true;
    let (ceremony, options) = ask(&browser, &page, action).await;
    let late = device.sign(&options);
    app.advance(Duration::minutes(5));
    assert_eq!(
        answer(&browser, &page, action, (&ceremony, &late))
            .await
            .status,
        422
    );
    let mut stranger = Authenticator::at("https://signalbox.evil.test");
    let (ceremony, options) = ask(&browser, &page, action).await;
    let foreign = stranger.sign(&options);
    let refused = answer(&browser, &page, action, (&ceremony, &foreign)).await;
    assert_eq!(refused.status, 422);
    diesel::update(person::table.find(person.uuid()))
        .set(person::disabled_at.eq(app.now()))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    let refused = use_passkey(&browser, &mut device, &page, action).await;
    assert_eq!(refused.status, 422, "a disabled person's");
    assert!(app.events_of("session.sign_in_failed").len() >= 6);
}

#[actix_web::test]
async fn a_passkey_is_a_second_step_and_a_proof_of_its_owner_only() {
    let app = TestApp::start().await;
    let (_, browser, mut device) = with_passkey(&app).await;
    app.advance(Duration::minutes(11));
    let asking = browser.get("/account/recovery-codes").await;
    assert_eq!(asking.status, 403);
    let proved = use_passkey(&browser, &mut device, &asking, "/step-up/passkey").await;
    assert_eq!(proved.location(), "/account/recovery-codes");
    assert_eq!(browser.get("/account/recovery-codes").await.status, 200);

    let second = app.browser();
    give_password(&second, EMAIL, PASSWORD).await;
    let page = second.get("/sign-in/code").await;
    let signed = use_passkey(&second, &mut device, &page, "/sign-in/code/passkey").await;
    assert_eq!(signed.location(), "/");

    // Somebody else's passkey, at a session that is not theirs.
    let other = "other@test.example";
    let (other_person, _) = app.enrolled(other);
    let others = app.browser();
    app.next_code();
    sign_in(&app, &others, other_person, other).await;
    let mut others_device = Authenticator::at(&app.url);
    add(&others, &mut others_device, "Theirs").await;
    app.advance(Duration::minutes(11));
    let asking = browser.get("/account/recovery-codes").await;
    let refused = use_passkey(&browser, &mut others_device, &asking, "/step-up/passkey").await;
    assert_eq!(refused.status, 422);
    let half = app.browser();
    give_password(&half, EMAIL, PASSWORD).await;
    let page = half.get("/sign-in/code").await;
    let refused = use_passkey(&half, &mut others_device, &page, "/sign-in/code/passkey").await;
    assert_eq!(refused.status, 422);
}

#[actix_web::test]
async fn a_question_for_one_session_is_answered_in_no_other() {
    let app = TestApp::start().await;
    let (_, browser, mut device) = with_passkey(&app).await;
    app.advance(Duration::minutes(11));
    let asking = browser.get("/account/recovery-codes").await;
    let (ceremony, options) = ask(&browser, &asking, "/step-up/passkey").await;
    let signed = device.sign(&options);
    let outside = app.browser();
    let page = outside.get("/sign-in").await;
    let elsewhere = answer(&outside, &page, "/sign-in/passkey", (&ceremony, &signed)).await;
    assert_eq!(elsewhere.status, 422);
}

#[actix_web::test]
async fn the_first_second_factor_can_be_a_passkey() {
    let app = TestApp::start().await;
    let link = super::enrolment::invite(&app, &[Role::Operator]).unwrap();
    let browser = app.browser();
    let page = browser.get(&link).await;
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    browser.submit(&page, &link, &fields).await;
    let page = browser.get("/enrol/authenticator").await;
    let (ceremony, options) = ask(&browser, &page, "/enrol/passkey").await;
    let mut device = Authenticator::at(&app.url);
    let made = device.make(&options);
    let codes = answer(&browser, &page, "/enrol/passkey", (&ceremony, &made)).await;
    assert_eq!(codes.texts("ol.codes li").len(), 10);
    assert_eq!(browser.get("/account").await.status, 200);
    assert!(
        browser
            .get("/account/authenticator")
            .await
            .says("not set up")
    );
    // The password leads to the second step from now on, and there to the passkey.
    let again = app.browser();
    let email = browser.get("/account").await.definition("Email");
    let to = give_password(&again, &email, PASSWORD).await;
    assert_eq!(to.location(), "/sign-in/code");
    let page = again.get("/sign-in/code").await;
    assert!(!page.has_field("Code"));
    let signed = use_passkey(&again, &mut device, &page, "/sign-in/code/passkey").await;
    assert_eq!(signed.status, 303);
}

#[actix_web::test]
async fn passkeys_are_named_renamed_and_removed_by_their_owner() {
    let app = TestApp::start().await;
    let (person, browser, mut device) = with_passkey(&app).await;
    let stranger = app.as_operator();
    let account = browser.get("/account").await;
    let path = account.link("Work laptop");
    assert_eq!(stranger.get(&path).await.status, 404);
    for (action, fields) in [("name", &[("name", "Mine")][..]), ("removal", &[])] {
        let refused = stranger
            .post_form(&format!("{path}/{action}"), fields)
            .await;
        assert_eq!(refused.status, 404, "{action}");
    }
    let page = browser.get(&path).await;
    let rename = format!("{path}/name");
    let refused = browser.submit(&page, &rename, &[("name", "  ")]).await;
    assert_eq!(refused.status, 422);
    browser
        .submit(&page, &rename, &[("name", "Old laptop")])
        .await;
    let page = browser.get(&path).await;
    assert_eq!(page.heading(), "Old laptop");
    let again = add(&browser, &mut device, "The same again").await;
    assert_eq!(again.status, 422, "a device has one");
    let removal = format!("{path}/removal");
    let removed = browser.submit(&page, &removal, &[]).await;
    assert_eq!(removed.location(), "/account?done=removed");
    let outside = app.browser();
    let page = outside.get("/sign-in").await;
    let refused = use_passkey(&outside, &mut device, &page, "/sign-in/passkey").await;
    assert_eq!(refused.status, 422);
    let left: i64 = passkey::table
        .filter(passkey::person_id.eq(person.uuid()))
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(left, 0);
    for kind in ["passkey.added", "passkey.renamed", "passkey.removed"] {
        assert_eq!(app.events_of(kind).len(), 1, "{kind}");
    }
}

#[actix_web::test]
async fn the_last_way_in_stays_whoever_presses_first() {
    let app = TestApp::start().await;
    let (person, browser, _) = with_passkey(&app).await;
    let account = browser.get("/account").await;
    let path = account.link("Work laptop");
    let (passkey_page, authenticator_page) = (
        browser.get(&path).await,
        browser.get("/account/authenticator").await,
    );
    let removal = format!("{path}/removal");
    let (first, second) = futures_util::future::join(
        browser.submit(&passkey_page, &removal, &[]),
        browser.submit(&authenticator_page, "/account/authenticator/removal", &[]),
    )
    .await;
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "one goes, the other stays");
    let mut conn = app.db.connect_superuser();
    let passkeys: i64 = passkey::table.count().get_result(&mut conn).unwrap();
    let apps: i64 = totp::table
        .filter(totp::person_id.eq(person.uuid()))
        .count()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(passkeys + apps, 1);
}

#[actix_web::test]
async fn an_authenticator_is_replaced_by_its_first_code() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let old = app.seed_of(person);
    let page = browser.get("/account/authenticator").await;
    browser
        .submit(&page, "/account/authenticator/proposal", &[])
        .await;
    let page = browser.get("/account/authenticator").await;
    let spelled = page.definition("Key, to type by hand").replace(' ', "");
    let bytes = from_base32(&spelled);
    let seed = signalbox::foundation::auth::totp::Seed::from_bytes(&bytes, EMAIL).unwrap();
    let wrong = browser
        .submit(&page, "/account/authenticator", &[("code", "000000")])
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        app.seed_of(person).bytes(),
        old.bytes(),
        "the old one stays until then"
    );
    let code = seed.code_at(app.now());
    let done = browser
        .submit(&page, "/account/authenticator", &[("code", &code)])
        .await;
    assert_eq!(done.location(), "/account?done=authenticator");
    assert_eq!(app.seed_of(person).bytes(), seed.bytes());
    app.next_code();
    let again = app.browser();
    assert_eq!(sign_in(&app, &again, person, EMAIL).await.location(), "/");
}

/// RFC 4648, without padding.
fn from_base32(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = (bits << 5) | u32::try_from(value).unwrap();
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}
