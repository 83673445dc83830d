//! For a while nobody is told: who may say so, for how long, and what is shown.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_query;
use futures_util::future::join_all;
use signalbox::features::alerts::silences::actions::{self as silences, Author, NewSilence};
use signalbox::features::alerts::silences::matcher::parse;
use signalbox::features::alerts::silences::silence::{SilenceId, State};
use signalbox::features::alerts::silences::store as rows;
use signalbox::features::alerts::store::Alert;
use signalbox::features::alerts::suppression::{self, Kind};
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;

use super::{open, report, tick, watched};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

fn second(app: &TestApp) -> Client {
    app.sign_in_as("second@test.example", "Second operator", &[Role::Operator])
}

/// What a person sends who silences.
async fn silence(by: &Client, matchers: &str, lasts: &str) -> Page {
    let fields = [
        ("platform", "demo"),
        ("matchers", matchers),
        ("starts", ""),
        ("lasts", lasts),
        ("reason", "Deploying <b>now</b>"),
        ("act", "save"),
    ];
    by.post_form("/silences", &fields).await
}

fn id_of(page: &Page) -> SilenceId {
    page.location()
        .strip_prefix("/silences/")
        .unwrap()
        .parse()
        .unwrap()
}

fn reasons(app: &TestApp, alert: &Alert) -> Vec<Kind> {
    let now = app.now();
    let read = |conn: &mut _| suppression::reasons(conn, alert, now);
    let reasons = app.services.db.read(read).unwrap();
    reasons.into_iter().map(|reason| reason.kind).collect()
}

/// The lamp of the small pack that is red.
async fn red() -> (TestApp, Alert) {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let alert = open(&app).remove(0);
    (app, alert)
}

#[tokio::test]
async fn an_alert_has_its_labels_and_its_page_shows_them() {
    let (app, alert) = red().await;
    assert_eq!(alert.labels["alertname"], "qos");
    assert_eq!(alert.labels["platform"], "demo");
    assert_eq!(alert.labels().get("severity").unwrap(), "critical");
    assert!(
        !alert.labels.contains_key("severity"),
        "it is no part of its identity"
    );
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert_eq!(page.definition("alertname"), "qos");
    assert_eq!(page.definition("severity"), "critical");
}

#[tokio::test]
async fn a_red_alert_is_silenced_alone_for_an_hour_and_countersigned_by_another() {
    let (app, alert) = red().await;
    let operator = app.as_operator();
    let page = operator
        .get(&format!("/silences/new?alert={}", alert.id))
        .await;
    assert_eq!(page.field("Which alerts").value, "alertname=\"qos\"");
    assert!(page.says("In the last 30 days it would have met 1 alert."));
    assert!(page.says("Somebody else countersigns it"));

    let made = silence(&operator, "alertname=\"qos\"", "1h").await;
    let id = id_of(&made);
    assert_eq!(reasons(&app, &alert), [Kind::Silence]);
    let list = operator.get("/alerts").await;
    assert!(
        list.says("Silenced by Test operator: Deploying <b>now</b>"),
        "as it was typed"
    );
    assert_eq!(list.table("Alerts").len(), 2, "it stays listed");
    let overview = operator.get("/").await;
    assert_eq!(overview.heading(), "1 alert needs attention", "and counted");
    let page = operator.get(&format!("/alerts/{}", alert.id)).await;
    assert!(page.says("Nobody is told of it now") && page.says("Silenced by Test operator"));

    app.advance(TimeDelta::minutes(61));
    tick(&app);
    assert_eq!(reasons(&app, &alert), [], "it has ended");
    let owed = app.as_operator().get("/silences").await;
    assert_eq!(owed.table("To be countersigned").len(), 1);
    app.advance(TimeDelta::days(2));
    assert!(
        app.as_operator()
            .get("/silences")
            .await
            .says("countersignature overdue")
    );

    let list = app.as_operator().get("/alerts").await;
    assert!(list.says("A countersignature is overdue"));

    let path = format!("/silences/{id}/countersignature");
    let own = app.as_operator().post_form(&path, &[]).await;
    assert_eq!(own.status, 409, "nobody countersigns their own");
    let other = second(&app).post_form(&path, &[]).await;
    assert_eq!(other.status, 303, "{}", other.text());
    assert_eq!(app.events_of("silence.countersigned").len(), 1);
    let again = second(&app).post_form(&path, &[]).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn what_is_longer_or_broader_waits_for_a_second_person() {
    let (app, alert) = red().await;
    let operator = app.as_operator();
    for (matchers, lasts) in [("alertname=qos", "2h"), ("platform=~\"d.*\"", "15m")] {
        let id = id_of(&silence(&operator, matchers, lasts).await);
        assert_eq!(reasons(&app, &alert), [], "{matchers} holds nothing yet");
        let path = format!("/silences/{id}/approval");
        assert_eq!(operator.post_form(&path, &[]).await.status, 409, "own work");
        assert!(
            operator
                .get(&format!("/silences/{id}"))
                .await
                .says("so somebody else has to agree")
        );
        assert_eq!(second(&app).post_form(&path, &[]).await.status, 303);
        assert_eq!(reasons(&app, &alert), [Kind::Silence], "{matchers}");
        let end = format!("/silences/{id}/end");
        assert_eq!(operator.post_form(&end, &[]).await.status, 303);
        assert_eq!(reasons(&app, &alert), [], "it was ended early");
    }
    let refused = id_of(&silence(&operator, "alertname=qos", "7d").await);
    let path = format!("/silences/{refused}/refusal");
    assert_eq!(second(&app).post_form(&path, &[]).await.status, 303);
    let late = second(&app)
        .post_form(&format!("/silences/{refused}/approval"), &[])
        .await;
    assert_eq!(late.status, 409);
    assert_eq!(app.events_of("silence.proposed").len(), 3);
    assert_eq!(app.events_of("silence.approved").len(), 2);
    assert_eq!(app.events_of("silence.ended").len(), 2);
    assert_eq!(app.events_of("silence.refused").len(), 1);
}

#[tokio::test]
async fn a_second_silence_of_a_red_alert_takes_two_until_the_first_is_countersigned() {
    let (app, alert) = red().await;
    let operator = app.as_operator();
    let first = id_of(&silence(&operator, "alertname=qos", "1h").await);
    app.advance(TimeDelta::minutes(61));
    let operator = app.as_operator();
    let next = id_of(&silence(&operator, "alertname=qos", "1h").await);
    assert_eq!(
        reasons(&app, &alert),
        [],
        "one hour after the other is not one hour"
    );
    let withdrawn = operator
        .post_form(&format!("/silences/{next}/refusal"), &[])
        .await;
    assert_eq!(withdrawn.status, 303);
    second(&app)
        .post_form(&format!("/silences/{first}/countersignature"), &[])
        .await;
    silence(&app.as_operator(), "alertname=qos", "1h").await;
    assert_eq!(reasons(&app, &alert), [Kind::Silence]);
}

#[tokio::test]
async fn a_yellow_alert_without_a_red_level_is_silenced_alone_for_eight_hours() {
    let app = TestApp::start().await;
    crate::packs::apply(
        &app,
        &crate::packs::SMALL.replace("red = { below = 98 }\n", ""),
    );
    tick(&app);
    report(&app, 97.0);
    tick(&app);
    let alert = open(&app).remove(0);
    silence(&app.as_operator(), "alertname=qos", "8h").await;
    assert_eq!(reasons(&app, &alert), [Kind::Silence]);
    assert!(
        app.services
            .db
            .read(|conn| rows::owed(conn, &signalbox::foundation::kernel::Scope::All))
            .unwrap()
            .is_empty()
    );
    let mut worse = alert;
    worse.level = signalbox::foundation::kernel::Level::Red;
    assert_eq!(
        reasons(&app, &worse),
        [],
        "nobody agreed to silence a red one for so long"
    );
}

#[tokio::test]
async fn what_makes_no_sense_comes_back_as_it_was_typed() {
    let (app, _) = red().await;
    let operator = app.as_operator();
    for (matchers, says) in [
        ("", "at least one matcher"),
        ("alertname", "is not a matcher"),
        (
            "alertname=~.*",
            "At least one matcher has to ask for a value",
        ),
        ("alertname=~(", "is not a regular expression"),
    ] {
        let page = silence(&operator, matchers, "1h").await;
        assert_eq!(page.status, 422, "{matchers}");
        assert!(page.says(says), "{matchers}: {}", page.text());
        assert_eq!(page.field("Which alerts").value.trim(), matchers);
        assert_eq!(page.field("Why").value.trim(), "Deploying <b>now</b>");
    }
    let elsewhere = [
        ("platform", "nowhere"),
        ("matchers", "a=b"),
        ("lasts", "5h"),
        ("starts", "2020-01-01T10:00"),
    ];
    let page = operator.post_form("/silences", &elsewhere).await;
    assert_eq!(page.status, 422);
    assert_eq!(page.texts("#problems li").len(), 4, "{}", page.text());
    assert!(app.events_of("silence.created").is_empty());
    let looked = operator
        .post_form(
            "/silences",
            &[
                ("platform", "demo"),
                ("matchers", "alertname=qos"),
                ("lasts", "1h"),
                ("act", "preview"),
            ],
        )
        .await;
    assert_eq!(looked.status, 200);
    assert!(looked.says("Quality is in breach"), "what is lit is named");
    assert!(
        app.events_of("silence.created").is_empty(),
        "looking makes nothing"
    );
}

/// Two people agree at the same moment, and somebody refuses.
#[tokio::test]
async fn one_answer_is_given_however_many_answer_at_once() {
    let (app, _) = red().await;
    let id = id_of(&silence(&app.as_operator(), "alertname=qos", "8h").await);
    let others: Vec<Client> = (0..6)
        .map(|n| app.sign_in_as(&format!("op{n}@test.example"), "Another", &[Role::Operator]))
        .collect();
    let answers = others.iter().enumerate().map(|(n, client)| {
        let what = if n % 2 == 0 { "approval" } else { "refusal" };
        let path = format!("/silences/{id}/{what}");
        async move { client.post_form(&path, &[]).await.status }
    });
    let statuses = join_all(answers).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        5,
        "{statuses:?}"
    );
}

/// The database says it as well as the code.
#[tokio::test]
async fn the_database_keeps_four_eyes_by_itself() {
    let (app, _) = red().await;
    let operator = app.as_operator();
    let id = id_of(&silence(&operator, "alertname=qos", "8h").await);
    let mut conn = app.db.connect_superuser();
    let mut refuses = |set: &str, constraint: &str| {
        let sql = format!("UPDATE silence SET {set} WHERE id = '{id}'");
        let error = sql_query(sql).execute(&mut conn).unwrap_err().to_string();
        assert!(error.contains(constraint), "{set}: {error}");
    };
    let own = format!(
        "approved_at = now(), approved_by = '{}', approved_name = 'x'",
        operator.person
    );
    refuses(&own, "silence_four_eyes");
    refuses("needs_second = false", "a silence never changes");
    refuses(
        "ends_at = ends_at + interval '1 hour'",
        "a silence never changes",
    );
    let alone = "INSERT INTO silence SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), \
                 'needs_second', false))).* FROM silence AS s LIMIT 1";
    let error = sql_query(alone).execute(&mut conn).unwrap_err().to_string();
    assert!(error.contains("silence_alone"), "{error}");
}

#[tokio::test]
async fn whoever_works_on_an_alert_is_reminded_before_its_silence_ends() {
    let (app, alert) = red().await;
    silence(&app.as_operator(), "alertname=qos", "1h").await;
    app.advance(TimeDelta::minutes(30));
    tick(&app);
    assert!(app.events_of("silence.ending").is_empty());
    app.advance(TimeDelta::minutes(16));
    tick(&app);
    tick(&app);
    assert_eq!(app.events_of("silence.ending").len(), 1);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("Its silence ends soon") && page.says("Silenced by Test operator"));
    assert!(app.as_operator().get("/silences").await.says("ends soon"));
}

#[tokio::test]
async fn a_silence_of_one_platform_is_nobodys_elsewhere() {
    let (app, alert) = red().await;
    let other = crate::packs::SMALL.replacen("id = \"demo\"", "id = \"other\"", 1);
    crate::packs::apply(&app, &other);
    let id = id_of(&silence(&app.as_operator(), "alertname=qos", "1h").await);
    let there = super::scope::operator_of(&app, "other");
    assert_eq!(there.get(&format!("/silences/{id}")).await.status, 404);
    assert_eq!(
        there
            .post_form(&format!("/silences/{id}/end"), &[])
            .await
            .status,
        404
    );
    assert!(!there.get("/silences").await.says("qos"));
    assert_eq!(
        silence(&there, "alertname=qos", "1h").await.status,
        422,
        "not theirs to choose"
    );
    let from = there
        .get(&format!("/silences/new?alert={}", alert.id))
        .await;
    assert_eq!(from.status, 404);
}

#[tokio::test]
async fn the_same_form_twice_is_one_silence() {
    let (app, _) = red().await;
    let operator = app.as_operator();
    let fields = [
        ("platform", "demo"),
        ("matchers", "alertname=qos"),
        ("lasts", "30m"),
        ("reason", "Once"),
        ("idempotency", "0199d1b0-0000-7000-8000-000000000009"),
    ];
    let first = operator.post_form("/silences", &fields).await;
    let second = operator.post_form("/silences", &fields).await;
    assert_eq!((first.status, second.status), (303, 303));
    assert_eq!(first.location(), second.location());
    assert_eq!(app.events_of("silence.created").len(), 1);
}

/// A program does what one person may do alone, and is told clearly where that ends.
#[tokio::test]
async fn a_program_asks_for_nothing_that_takes_two() {
    let (app, alert) = red().await;
    let made = app.make_key(crate::support::keys::new_key(&[
        signalbox::foundation::auth::keys::KeyScope::AlertsRead,
    ]));
    let author = Author {
        actor: Actor::key(made.key.id.as_str()),
        by: signalbox::features::alerts::alert::Holder::Key(made.key.id.to_string()),
        name: "The key Test program".to_owned(),
    };
    let ask = |matchers: &str, hours| {
        let new = NewSilence {
            snooze: false,
            platform: alert.platform,
            matchers: parse(matchers).unwrap(),
            reason: "amtool".to_owned(),
            starts_at: app.now(),
            ends_at: app.now() + TimeDelta::hours(hours),
        };
        silences::create(
            &app.services,
            &author,
            &new,
            None,
            uuid::Uuid::now_v7().into(),
        )
    };
    let refused = ask("alertname=qos", 2).unwrap_err();
    assert!(
        refused.to_string().contains("for an hour at most"),
        "{refused}"
    );
    let id = ask("alertname=qos", 1).unwrap();
    let found = app.services.db.read(|conn| rows::one(conn, id)).unwrap();
    assert_eq!(found.state(app.now()), State::Active);
    assert!(found.is_owed(), "a person looks at what a program did");
}
