//! What a provider or a stranger can try.

use std::net::Ipv4Addr;

use chrono::Duration;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::{Value, json};
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::auth::provider::journeys;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::{break_glass, people};
use signalbox::foundation::db;
use signalbox::foundation::db::schema::{person_identity, provider_journey};

use super::{UNKNOWN, come_back_to_confirm, connect, connected, sessions_of};
use crate::account::{EMAIL, sign_in};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;
use crate::support::provider::{Fault, NAME, TestProvider};

const STALE: &str = "/sign-in?failed=stale";
const UNTRUE: &str = "/sign-in?failed=untrue";
const UNREACHABLE: &str = "/sign-in?failed=unreachable";

fn failures(app: &TestApp) -> Vec<Value> {
    let mut events = app.events_of("session.sign_in_failed");
    events.retain(|event| event["details"]["secret"] == "provider");
    events
}

#[actix_web::test]
async fn a_journey_of_one_session_connects_no_other() {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let back = provider
        .way_back(&app, &browser, "/account/provider/go")
        .await;
    // Somebody else signs in at the same browser in between, or nobody is signed in any more.
    let (other, _) = app.enrolled("grace@test.example");
    browser.cookies.borrow_mut().remove("signalbox");
    sign_in(&app, &browser, other, "grace@test.example").await;
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.location(), "/account/provider?failed=stale");
    assert!(!browser.get("/account/provider").await.says("Is this you"));
}

#[actix_web::test]
async fn known_and_unknown_and_shut_out_look_the_same() {
    let (provider, app, person) = connected().await;
    let browser = app.browser();
    let accepted = provider.sign_in(&app, &browser).await;
    assert_eq!(accepted.location(), "/sign-in/code");
    app.services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            people::disable(tx, person, "left")
        })
        .unwrap();
    let disabled = provider.sign_in(&app, &app.browser()).await;
    let (glass, _) = app.enrolled("glass@test.example");
    provider.state().subject = "glass".to_owned();
    connect(&app, &provider, glass);
    app.services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            break_glass::seal(tx, glass)
        })
        .unwrap();
    let sealed = provider.sign_in(&app, &app.browser()).await;
    provider.state().subject = "nobody".to_owned();
    let unknown = provider.sign_in(&app, &app.browser()).await;
    for page in [&disabled, &sealed, &unknown] {
        assert_eq!(page.location(), UNKNOWN);
        assert_eq!(page.body, unknown.body);
    }
    let mut subjects: Vec<_> = failures(&app)
        .iter()
        .map(|event| event["subject"]["kind"].as_str().unwrap().to_owned())
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["identity", "person", "person"]);
    let told = serde_json::to_string(&failures(&app)).unwrap();
    assert!(!told.contains("nobody"), "unknown people are a keyed hash");
}

#[actix_web::test]
async fn tokens_that_do_not_hold_open_nothing() {
    let (provider, app, _) = connected().await;
    let faults = [
        Fault::WrongNonce,
        Fault::NoNonce,
        Fault::WrongAudience,
        Fault::AnotherAudienceToo,
        Fault::WrongIssuer,
        Fault::Expired,
        Fault::IssuedLongAgo,
        Fault::IssuedInTheFuture,
        Fault::NoAlgorithm,
        Fault::SharedSecret,
        Fault::PublicKeyAsSecret,
        Fault::AnothersKey,
        Fault::HiddenKey,
        Fault::Encrypted,
        Fault::NobodyNamed,
        Fault::NoToken,
        Fault::NoJson,
        Fault::Refusal,
    ];
    for (at, fault) in (1..).zip(faults) {
        provider.lies(fault);
        let browser = app.browser_at(Ipv4Addr::new(127, 0, 9, at));
        let page = provider.sign_in(&app, &browser).await;
        assert_eq!(page.location(), UNTRUE, "{fault:?}");
        let told = browser.open(page.location()).await;
        assert!(told.says("could not be verified"), "{fault:?}");
        assert!(!told.body.contains("555-0100"));
        assert_eq!(browser.get("/account").await.status, 303, "{fault:?}");
    }
    assert_eq!(failures(&app).len(), faults.len());
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 0);
    provider.lies(Fault::None);
    let page = provider.sign_in(&app, &app.browser()).await;
    assert_eq!(page.location(), "/sign-in/code", "and a true one does");
}

#[actix_web::test]
async fn a_provider_that_misbehaves_is_one_that_does_not_answer() {
    let (provider, app, person) = connected().await;
    for fault in [Fault::EndlessBody, Fault::Redirect, Fault::ServerError] {
        provider.lies(fault);
        let page = provider.sign_in(&app, &app.browser()).await;
        assert_eq!(page.location(), UNREACHABLE, "{fault:?}");
    }
    provider.lies(Fault::SlowBody);
    let (slow, browser) = (app.browser(), app.browser());
    let way_back = provider.way_back(&app, &slow, "/sign-in/provider").await;
    let asked = std::time::Instant::now();
    let waits = async {
        let page = slow.get(&way_back).await;
        (page, asked.elapsed())
    };
    // Meanwhile everybody else gets in.
    let others = async {
        sign_in(&app, &browser, person, EMAIL).await;
        asked.elapsed()
    };
    let ((page, waited), signed) = futures_util::future::join(waits, others).await;
    assert_eq!(page.location(), UNREACHABLE);
    assert!(waited.as_secs() < 15, "{waited:?}");
    assert!(signed.as_secs() < 5, "{signed:?}");
    assert_eq!(browser.get("/account").await.definition("Email"), EMAIL);
}

#[actix_web::test]
async fn what_a_provider_says_of_itself_is_held_to_account() {
    let cases = [
        ("issuer", json!("https://login.example.com")),
        ("authorization_endpoint", json!("http://login.example.com/")),
        ("token_endpoint", json!("http://login.example.com/")),
        ("jwks_uri", json!("http://login.example.com/")),
        ("code_challenge_methods_supported", json!(["plain"])),
        ("token_endpoint", json!(null)),
    ];
    for (name, value) in cases {
        let provider = TestProvider::start();
        provider.state().metadata_fault = Some((name, value));
        let app = provider.app().await;
        let page = app.browser().get("/sign-in/provider?next=%2Falerts").await;
        assert_eq!(
            page.location(),
            "/sign-in?next=%2Falerts&failed=unreachable",
            "{name}"
        );
        let asked = app.services.provider.as_ref().unwrap().examine().await;
        assert!(asked.is_err(), "doctor says so too: {name}");
    }
}

#[actix_web::test]
async fn a_provider_that_is_away_keeps_nobody_out() {
    let provider = TestProvider::start();
    provider.stop().await;
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    let page = browser.open("/sign-in/provider").await;
    assert!(page.says(&format!("{NAME} does not answer")));
    assert!(page.has_field("Password"));
    sign_in(&app, &browser, person, EMAIL).await;
    assert_eq!(browser.get("/account").await.definition("Email"), EMAIL);
}

#[actix_web::test]
async fn a_new_key_of_the_provider_is_asked_for_once() {
    let (provider, app, _) = connected().await;
    provider.sign_in(&app, &app.browser()).await;
    provider.sign_in(&app, &app.browser()).await;
    assert_eq!(provider.state().key_set_reads, 1, "it is remembered");
    let asked = app.services.provider.as_ref().unwrap().examine().await;
    assert_eq!(asked, Ok(()), "and doctor finds it in order");
    provider.state().key_set_reads = 1;
    provider.changes_key();
    let page = provider.sign_in(&app, &app.browser()).await;
    assert_eq!(page.location(), "/sign-in/code");
    assert_eq!(provider.state().key_set_reads, 2);
}

#[actix_web::test]
async fn a_journey_works_once_in_its_own_browser_and_for_ten_minutes() {
    let (provider, app, _) = connected().await;
    let browser = app.browser();
    let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
    let stolen = app.browser_at(Ipv4Addr::new(127, 0, 9, 1));
    assert_eq!(stolen.get(&way_back).await.location(), STALE);
    provider.way_back(&app, &stolen, "/sign-in/provider").await;
    assert_eq!(
        stolen.get(&way_back).await.location(),
        STALE,
        "with a journey of its own, too"
    );
    let replayed = app.browser();
    *replayed.cookies.borrow_mut() = browser.cookies.borrow().clone();
    assert_eq!(browser.get(&way_back).await.location(), "/sign-in/code");
    assert_eq!(replayed.get(&way_back).await.location(), STALE);

    let late = app.browser();
    let way_back = provider.way_back(&app, &late, "/sign-in/provider").await;
    app.advance(Duration::minutes(10));
    assert_eq!(late.get(&way_back).await.location(), STALE);
    let fresh = app.browser();
    fresh.get("/sign-in/provider").await;
    app.advance(Duration::seconds(1));
    let swept = app
        .services
        .audit
        .write_unaudited(Unaudited::Expiry, |conn| {
            journeys::purge(conn, app.now(), 100)
        });
    assert_eq!(swept.unwrap(), 2, "those from which nobody came back");
    let left: i64 = provider_journey::table
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(left, 1, "and not the one that is under way");
}

#[actix_web::test]
async fn a_code_of_another_journey_is_worth_nothing() {
    let (provider, app, _) = connected().await;
    let (attacker, victim) = (app.browser_at(Ipv4Addr::new(127, 0, 9, 1)), app.browser());
    let theirs = provider
        .way_back(&app, &attacker, "/sign-in/provider")
        .await;
    let own = provider.way_back(&app, &victim, "/sign-in/provider").await;
    let part = |path: &str, name: &str| {
        let pairs = url::form_urlencoded::parse(path.split_once('?').unwrap().1.as_bytes());
        let found = pairs.into_owned().find(|(key, _)| key == name);
        found.unwrap().1
    };
    let mixed = own.replace(&part(&own, "code"), &part(&theirs, "code"));
    assert_eq!(
        victim.get(&mixed).await.location(),
        UNTRUE,
        "the verifier is another one"
    );
    assert_eq!(provider.state().redeemed, 0);
}

#[actix_web::test]
async fn an_answer_of_another_provider_is_not_passed_on() {
    let (provider, app, _) = connected().await;
    let issuer: String = url::form_urlencoded::byte_serialize(provider.issuer.as_bytes()).collect();
    let named = format!("iss={issuer}");
    for instead in ["iss=https%3A%2F%2Flogin.example.com", "iss=", ""] {
        let browser = app.browser();
        let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
        assert!(way_back.contains(&named), "{way_back}");
        let page = browser.get(&way_back.replace(&named, instead)).await;
        assert_eq!(page.location(), UNTRUE, "{instead:?}");
    }
    assert_eq!(provider.state().redeemed, 0, "it was not even asked");
}

#[actix_web::test]
async fn fifty_parallel_returns_of_one_journey_are_one_session() {
    let (provider, app, _) = connected().await;
    let browser = app.browser();
    let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
    let browsers: Vec<Browser> = (1..=50)
        .map(|at| {
            let twin = app.browser_at(Ipv4Addr::new(127, 0, at, 9));
            *twin.cookies.borrow_mut() = browser.cookies.borrow().clone();
            twin
        })
        .collect();
    let pages = join_all(browsers.iter().map(|browser| browser.get(&way_back))).await;
    let arrived = pages
        .iter()
        .filter(|page| page.status == 303 && page.location() == "/sign-in/code")
        .count();
    assert_eq!(arrived, 1);
    assert_eq!(provider.state().redeemed, 1);
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 1);
}

#[actix_web::test]
async fn returns_are_counted_by_address() {
    let (provider, app, person) = connected().await;
    let from = Ipv4Addr::new(127, 0, 9, 1);
    for _ in 0..20 {
        let page = app
            .browser_at(from)
            .get("/sign-in/provider/back?code=x&state=y")
            .await;
        assert_eq!(page.location(), STALE);
    }
    let browser = app.browser_at(from);
    let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
    assert_eq!(browser.get(&way_back).await.status, 429);
    sign_in(&app, &browser, person, EMAIL).await;
    assert_eq!(
        browser.get("/account").await.definition("Email"),
        EMAIL,
        "a password is another matter"
    );
}

#[actix_web::test]
async fn what_the_provider_refuses_is_told_in_our_words() {
    let (provider, app, _) = connected().await;
    for (word, why) in [
        ("access_denied", "declined"),
        ("login_required", "declined"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "declined"),
        ("temporarily_unavailable", "unreachable"),
    ] {
        let browser = app.browser();
        let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
        let (_, rest) = way_back.split_once("&state=").unwrap();
        let page = browser
            .get(&format!(
                "/sign-in/provider/back?error={word}&error_description=call+555-0100&state={rest}"
            ))
            .await;
        assert_eq!(page.location(), format!("/sign-in?failed={why}"));
        let told = browser.open(page.location()).await;
        assert!(told.says("your password or a passkey"));
        assert!(!told.body.contains("555-0100") && !told.body.contains("alert(1)"));
    }
    let logged = serde_json::to_string(&failures(&app)).unwrap();
    assert!(!logged.contains("555-0100") && !logged.contains("alert"));
    let invented = app.browser().get("/sign-in?failed=you+have+won").await;
    assert!(!invented.says("Not signed in"));
}

#[actix_web::test]
async fn beside_a_disconnection_nobody_comes_in() {
    let (provider, app, _) = connected().await;
    let browser = app.browser();
    let way_back = provider.way_back(&app, &browser, "/sign-in/provider").await;
    let mut conn = app.db.connect_superuser();
    diesel::delete(person_identity::table)
        .execute(&mut conn)
        .unwrap();
    assert_eq!(browser.get(&way_back).await.location(), UNKNOWN);
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 0);
}

#[actix_web::test]
async fn a_yes_counts_for_what_was_shown_and_for_nothing_that_came_since() {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let shown = come_back_to_confirm(&provider, &app, &browser).await;
    // Another tab comes back as somebody else, whom another site had signed in at the provider.
    provider.state().subject = "of-the-attacker".to_owned();
    come_back_to_confirm(&provider, &app, &browser).await;
    let answer = browser.submit(&shown, "/account/provider", &[]).await;
    assert_eq!(answer.location(), "/account/provider?failed=stale");
    assert!(app.events_of("identity.connected").is_empty());
}

#[actix_web::test]
async fn whoever_says_that_it_is_not_them_is_heard() {
    let provider = TestProvider::start();
    let app = provider.app().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let ask = come_back_to_confirm(&provider, &app, &browser).await;
    let refused = browser.submit(&ask, "/account/provider/refusal", &[]).await;
    assert_eq!(refused.location(), "/account");
    let told = app.events_of("identity.not_connected");
    assert_eq!(told[0]["details"]["why"], "refused");
    browser.submit(&ask, "/account/provider/refusal", &[]).await;
    let told = app.events_of("identity.not_connected");
    assert_eq!(told.len(), 1, "nobody waits any more");
    let late = browser.submit(&ask, "/account/provider", &[]).await;
    assert_eq!(late.location(), "/account/provider?failed=stale");
}

#[actix_web::test]
async fn another_site_begins_no_journey_and_a_picture_ends_none() {
    let (provider, app, _) = connected().await;
    let ask = |path: &str, name: &'static str, value: &'static str| {
        app.http
            .get(format!("{}{path}", app.url))
            .header(name, value)
    };
    for from in ["cross-site", "same-site"] {
        let sent = ask("/sign-in/provider?next=/alerts", "sec-fetch-site", from);
        let answer = Page::read(sent.send().await.unwrap()).await;
        assert_eq!(answer.location(), "/sign-in?next=%2Falerts", "{from}");
    }
    for _ in 0..30 {
        let picture = ask(
            "/sign-in/provider/back?state=x&code=y",
            "sec-fetch-dest",
            "image",
        );
        assert_eq!(picture.send().await.unwrap().status(), 403);
    }
    assert!(app.events_of("session.sign_in_failed").is_empty());
    let arrived = provider.sign_in(&app, &app.browser()).await;
    assert_eq!(
        arrived.location(),
        "/sign-in/code",
        "nobody is blocked by it"
    );
}

#[actix_web::test]
async fn a_disconnection_ends_what_was_begun_with_it() {
    let (provider, app, person) = connected().await;
    let elsewhere = app.browser();
    provider.sign_in(&app, &elsewhere).await;
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 1);
    let browser = app.browser();
    sign_in(&app, &browser, person, EMAIL).await;
    let own = browser.get("/account/provider").await;
    browser.submit(&own, "/account/provider/removal", &[]).await;
    assert_eq!(sessions_of(&app, Stage::SecondFactor), 0);
    assert_eq!(
        browser.get("/account").await.status,
        200,
        "the one it was done in goes on"
    );
    let told = app.events_of("identity.disconnected");
    assert_eq!(told[0]["details"]["sessions_ended"], 1);
}
