//! Maintenance windows, and alerts that are the cause of others.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{RunQueryDsl, sql_query};
use futures_util::future::join_all;
use signalbox::features::alerts::store::Alert;
use signalbox::features::alerts::suppression::{self, Kind};
use signalbox::features::alerts::windows::store as windows;
use signalbox::features::alerts::windows::window::{State, Window};
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::Scope;

use super::{open, report, tick, watched};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

fn second(app: &TestApp) -> Client {
    app.sign_in_as("second@test.example", "Second operator", &[Role::Operator])
}

fn reasons(app: &TestApp, alert: &Alert) -> Vec<Kind> {
    let now = app.now();
    let read = |conn: &mut _| suppression::reasons(conn, alert, now);
    let reasons = app.services.db.read(read).unwrap();
    reasons.into_iter().map(|reason| reason.kind).collect()
}

fn running(app: &TestApp) -> Vec<Window> {
    let now = app.now();
    let read = |conn: &mut _| windows::running(conn, &Scope::All, now);
    app.services.db.read(read).unwrap()
}

async fn announce(by: &Client, from: DateTime<Utc>, to: DateTime<Utc>) -> Page {
    let local = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M").to_string();
    let (from, to) = (local(from), local(to));
    let fields = [
        ("platform", "demo"),
        ("name", "New disks"),
        ("starts", from.as_str()),
        ("ends", to.as_str()),
    ];
    by.post_form("/maintenance", &fields).await
}

/// What a window of the pack does: `when` is daily, from an hour from now on.
fn with_calendar(app: &TestApp, minutes: i64, services: &str) -> String {
    let time = |minutes| (app.now() + TimeDelta::minutes(minutes)).format("%H:%M");
    format!(
        "{SMALL}\n[[maintenance]]\nid = \"daily\"\nname = \"Nightly work\"\n\
         when = \"daily {}-{} UTC\"\nservices = [{services}]\n",
        time(60),
        time(60 + minutes)
    )
}

/// FC-14, FC-15
#[tokio::test]
async fn what_a_calendar_brings_is_announced_ahead_and_keeps_notices_back_while_it_lasts() {
    let app = watched().await;
    apply(&app, &with_calendar(&app, 30, ""));
    tick(&app);
    tick(&app);
    let announced = running(&app);
    assert!(
        (13..=15).contains(&announced.len()),
        "two weeks of them: {}",
        announced.len()
    );
    assert_eq!(
        app.events_of("maintenance.announced").len(),
        announced.len()
    );
    assert!(!announced[0].is_planned() && announced[5].is_planned());

    report(&app, 97.0);
    tick(&app);
    let alert = open(&app).remove(0);
    assert_eq!(reasons(&app, &alert), [], "not yet");
    app.advance(TimeDelta::minutes(61));
    tick(&app);
    assert_eq!(reasons(&app, &alert), [Kind::Maintenance]);
    let operator = app.as_operator();
    assert!(
        operator
            .get("/alerts")
            .await
            .says("In maintenance: Nightly work")
    );
    assert_eq!(
        operator.get("/").await.heading(),
        "1 alert needs attention",
        "it is counted"
    );
    let page = operator.get("/maintenance").await;
    assert!(page.says("Nightly work") && page.says("What comes back"));
    app.advance(TimeDelta::minutes(30));
    tick(&app);
    assert_eq!(
        reasons(&app, &alert),
        [],
        "it still fails, and nothing keeps the notice back"
    );

    apply(&app, SMALL);
    tick(&app);
    assert!(
        running(&app).is_empty(),
        "what the pack no longer has is called off"
    );
    assert!(!app.events_of("maintenance.called_off").is_empty());
}

#[tokio::test]
async fn a_window_of_a_service_is_about_that_service() {
    let app = watched().await;
    apply(&app, &with_calendar(&app, 30, "\"api\""));
    tick(&app);
    report(&app, 97.0);
    tick(&app);
    app.advance(TimeDelta::minutes(61));
    tick(&app);
    let mut alert = open(&app).remove(0);
    assert_eq!(
        reasons(&app, &alert),
        [],
        "an indicator belongs to no service"
    );
    alert.service = Some(running(&app)[0].services[0]);
    assert_eq!(reasons(&app, &alert), [Kind::Maintenance]);
    let path = app.as_operator().get("/services").await.link("API");
    assert!(app.as_operator().get(&path).await.says("Nightly work"));
}

#[tokio::test]
async fn what_a_person_announces_at_short_notice_takes_a_second() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let alert = open(&app).remove(0);
    let (now, hour) = (app.now(), TimeDelta::hours(1));
    let operator = app.as_operator();
    let made = announce(&operator, now - hour, now + hour).await;
    let path = made.location().to_owned();
    assert_eq!(reasons(&app, &alert), [], "it waits");
    let approval = format!("{path}/approval");
    assert_eq!(
        operator.post_form(&approval, &[]).await.status,
        409,
        "own work"
    );
    let others: Vec<Client> = (0..4)
        .map(|n| app.sign_in_as(&format!("w{n}@test.example"), "Another", &[Role::Operator]))
        .collect();
    let answers = others.iter().map(|client| client.post_form(&approval, &[]));
    let statuses: Vec<u16> = join_all(answers)
        .await
        .iter()
        .map(|page| page.status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(reasons(&app, &alert), [Kind::Maintenance]);
    assert!(operator.get(&path).await.says("does not count as planned"));
    assert_eq!(
        operator.post_form(&format!("{path}/end"), &[]).await.status,
        303
    );
    assert_eq!(reasons(&app, &alert), []);

    let day = TimeDelta::hours(24);
    let planned = announce(&operator, now + day * 3, now + day * 3 + hour).await;
    let window = running(&app).remove(0);
    assert!(window.is_planned() && window.state(app.now()) == State::Coming);
    let end = format!("{}/end", planned.location());
    assert_eq!(
        second(&app).post_form(&end, &[]).await.status,
        303,
        "calling off takes one"
    );
    assert_eq!(app.events_of("maintenance.proposed").len(), 1);
    assert_eq!(app.events_of("maintenance.announced").len(), 1);
    assert_eq!(app.events_of("maintenance.called_off").len(), 1);
}

#[tokio::test]
async fn a_window_that_makes_no_sense_comes_back_as_it_was_typed() {
    let app = watched().await;
    let operator = app.as_operator();
    let (now, hour) = (app.now(), TimeDelta::hours(1));
    for (from, to, says) in [
        (now + hour, now, "ends after it begins"),
        (now - hour * 3, now - hour, "over already"),
        (now, now + hour * 25, "24 hours at most"),
    ] {
        let page = announce(&operator, from, to).await;
        assert_eq!(page.status, 422, "{says}");
        assert!(page.says(says), "{}", page.text());
        assert_eq!(page.field("What is worked on").value, "New disks");
    }
    let nothing = operator.post_form("/maintenance", &[]).await;
    assert_eq!(nothing.status, 422);
    assert_eq!(nothing.texts("#problems li").len(), 4, "{}", nothing.text());
    assert!(running(&app).is_empty());
}

#[tokio::test]
async fn of_several_platforms_one_is_chosen_before_its_services_are_asked_for() {
    let app = watched().await;
    let operator = app.as_operator();
    let only = operator.get("/maintenance/new").await;
    assert_eq!(only.texts("dd")[0], "Demo", "{}", only.text());
    let elsewhere = "id = \"other\"\nname = \"Elsewhere\"";
    apply(
        &app,
        &SMALL.replacen("id = \"demo\"\nname = \"Demo\"", elsewhere, 1),
    );
    let asked = operator.get("/maintenance/new").await;
    assert!(asked.says("Its services and people are asked for next."));
    assert!(!asked.says("What is worked on"), "{}", asked.text());
    let chosen = "/maintenance/new?platform=other&name=New+disks";
    let form = operator.get(chosen).await;
    assert_eq!(form.texts("dd")[0], "Elsewhere Another one");
    assert_eq!(form.field("What is worked on").value, "New disks");
    let again = operator.get("/maintenance/new?platform=").await;
    assert!(again.says("Its services and people are asked for next."));
}

/// The database says it as well as the code.
#[tokio::test]
async fn the_database_keeps_windows_as_they_were_announced() {
    let app = watched().await;
    let operator = app.as_operator();
    let now = app.now();
    announce(&operator, now, now + TimeDelta::hours(2)).await;
    let mut conn = app.db.connect_superuser();
    for (set, constraint) in [
        (
            format!("approved_at = now(), approved_by = '{}'", operator.person),
            "window_four_eyes",
        ),
        ("needs_second = false".to_owned(), "never changes"),
        (
            "announced_at = announced_at - interval '3 days'".to_owned(),
            "never changes",
        ),
    ] {
        let sql = format!("UPDATE maintenance_window SET {set}");
        let error = sql_query(sql).execute(&mut conn).unwrap_err().to_string();
        assert!(error.contains(constraint), "{set}: {error}");
    }
    let alone = "INSERT INTO maintenance_window SELECT (jsonb_populate_record(w, jsonb_build_object('id', \
                 gen_random_uuid(), 'needs_second', false))).* FROM maintenance_window AS w LIMIT 1";
    let error = sql_query(alone).execute(&mut conn).unwrap_err().to_string();
    assert!(error.contains("window_alone"), "{error}");
}

#[tokio::test]
async fn of_what_follows_from_a_cause_nobody_is_told() {
    let app = TestApp::start().await;
    let pack = format!(
        "{SMALL}\n[[inhibit]]\nid = \"breach\"\nsource = {{ alertname = \"qos\", severity = \"critical\" }}\n\
         target = {{ alertname = \"submitted\" }}\nequal = [\"platform\"]\n"
    );
    apply(&app, &pack);
    tick(&app);
    let actor = signalbox::foundation::audit::Actor::command_line("tester");
    signalbox::features::health::actions::report_event(
        &app.services,
        &actor,
        "report.submitted",
        None,
    )
    .unwrap();
    report(&app, 98.5);
    tick(&app);
    let of = |app: &TestApp, name: &str| open(app).into_iter().find(|it| it.name == name).unwrap();
    let follows = of(&app, "Report submitted");
    assert_eq!(reasons(&app, &follows), [], "the cause is yellow");
    report(&app, 97.0);
    tick(&app);
    assert_eq!(reasons(&app, &follows), [Kind::Inhibition]);
    assert_eq!(
        reasons(&app, &of(&app, "Quality is in breach")),
        [],
        "nobody misses the cause"
    );
    assert!(
        app.as_operator()
            .get("/alerts")
            .await
            .says("Follows from Quality is in breach")
    );
    report(&app, 99.9);
    tick(&app);
    assert_eq!(reasons(&app, &follows), []);
}

#[tokio::test]
async fn what_leans_on_a_service_that_is_down_is_not_told_as_well() {
    let app = TestApp::start().await;
    let two = SMALL.replacen(
        "[[service]]\nid = \"api\"\nname = \"API\"",
        "[[service]]\nid = \"db\"\nname = \"Database\"\n\n[[service]]\nid = \"api\"\nname = \"API\"\n\
         depends_on = [\"db\"]",
        1,
    );
    apply(&app, &two);
    tick(&app);
    let platforms = app
        .services
        .db
        .read(signalbox::features::packs::store::platforms)
        .unwrap();
    let demo = platforms.iter().find(|it| it.slug == "demo").unwrap().id;
    let key = app.make_key(signalbox::foundation::auth::keys::NewKey {
        reach: Scope::one(demo),
        ..crate::support::keys::new_key(&[signalbox::foundation::auth::keys::KeyScope::AlertsWrite])
    });
    let program = app.program_with(key.text.expose());
    let post = |service: &str, severity: &str| {
        let body = serde_json::json!([{"labels": {
            "alertname": format!("{service} fails"), "service": service, "severity": severity,
        }}])
        .to_string();
        let program = &program;
        async move { assert_eq!(program.post("/api/v2/alerts", &body).await.status, 200) }
    };
    post("api", "critical").await;
    let of = |name: &str| open(&app).into_iter().find(|it| it.name == name).unwrap();
    assert_eq!(reasons(&app, &of("api fails")), []);
    post("db", "critical").await;
    assert_eq!(reasons(&app, &of("api fails")), [Kind::Dependency]);
    assert_eq!(reasons(&app, &of("db fails")), []);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", of("api fails").id))
        .await;
    assert!(page.says("It leans on Database: db fails"));
}
