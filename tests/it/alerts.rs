//! From a reading to a lamp, and from a lamp to a person.

mod alertmanager;
mod blind;
mod countersigned;
pub mod hand;
mod interop;
mod life;
mod outside_flaps;
mod runbooks;
pub mod scope;
mod silences;
mod sources;
mod windows;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self, Alert};
use signalbox::features::health::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::{Level, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

async fn watched() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    tick(&app);
    app
}

fn tick(app: &TestApp) -> usize {
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap()
}

/// So many minutes, in all of which the rules are evaluated.
pub fn awake(app: &TestApp, minutes: i64) {
    for _ in 0..minutes * 60 / 12 {
        app.advance(TimeDelta::seconds(12));
        evaluate::tick(&app.services).unwrap();
    }
}

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    actions::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
}

fn open(app: &TestApp) -> Vec<Alert> {
    let open = |conn: &mut _| store::open(conn, &Scope::All);
    app.services.db.read(open).unwrap()
}

/// RH-9: "NCC QoS below 98%" is red, and stays listed until somebody has acknowledged it.
#[tokio::test]
async fn a_breach_is_red_within_one_tick_and_stays_until_it_was_seen() {
    let app = watched().await;
    report(&app, 97.4);
    assert_eq!(tick(&app), 1);
    let lit = open(&app).remove(0);
    assert_eq!(
        (lit.level, lit.summary.as_str()),
        (Level::Red, "ncc_qos is 97.4 %, below 98 %")
    );
    assert_eq!(app.events_of("alert.fired").len(), 1);
    report(&app, 99.5);
    tick(&app);
    assert!(
        !open(&app)[0].firing,
        "it has ended, and is listed all the same"
    );

    let operator = app.as_operator();
    let path = format!("/alerts/{}", lit.id);
    let page = operator.get(&path).await;
    assert_eq!(page.heading(), "Quality is in breach");
    assert!(
        page.says("Look.") && page.says("Mend."),
        "the runbook stands beside it"
    );
    let answer = operator
        .post_form(
            &format!("{path}/acknowledgement"),
            &[("note", "Seen <b>it</b>")],
        )
        .await;
    assert_eq!((answer.status, answer.location()), (303, path.as_str()));
    assert!(open(&app).is_empty());
    assert_eq!(app.events_of("alert.acknowledged").len(), 1);
    let closed = operator.get("/alerts?state=closed").await;
    assert_eq!(closed.table("Alerts").len(), 1);
    assert!(
        operator.get(&path).await.says("Seen <b>it</b>"),
        "as it was typed"
    );
}

#[tokio::test]
async fn one_alert_moves_between_levels_and_worse_voids_the_acknowledgement() {
    let app = watched().await;
    report(&app, 98.5);
    tick(&app);
    let yellow = open(&app).remove(0);
    assert_eq!(yellow.level, Level::Yellow);
    let operator = app.as_operator();
    operator
        .post_form(&format!("/alerts/{}/acknowledgement", yellow.id), &[])
        .await;
    assert!(open(&app)[0].is_acknowledged(app.now()));
    report(&app, 97.0);
    tick(&app);
    let red = open(&app).remove(0);
    assert_eq!((red.id, red.level), (yellow.id, Level::Red));
    assert!(red.acknowledged.is_none());
    let page = operator.get(&format!("/alerts/{}", red.id)).await;
    assert!(page.says("The acknowledgement ended"));
}

#[tokio::test]
async fn several_are_acknowledged_in_one_form_and_twice_is_once() {
    let app = watched().await;
    report(&app, 97.0);
    let actor = Actor::command_line("tester");
    actions::report_event(&app.services, &actor, "report.submitted", None).unwrap();
    tick(&app);
    let ids: Vec<String> = open(&app)
        .iter()
        .map(|alert| alert.id.to_string())
        .collect();
    assert_eq!(ids.len(), 2);
    let operator = app.as_operator();
    let key = "0199d1b0-0000-7000-8000-000000000001";
    let fields = [
        ("alert", ids[0].as_str()),
        ("alert", ids[1].as_str()),
        ("idempotency", key),
    ];
    for _ in 0..2 {
        let answer = operator.post_form("/alerts/acknowledgement", &fields).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, "/alerts?acknowledged=yes")
        );
    }
    assert_eq!(app.events_of("alert.acknowledged").len(), 2);
}

#[tokio::test]
async fn a_form_with_nothing_ticked_or_with_a_hidden_character_comes_back_as_it_was() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let id = open(&app)[0].id.to_string();
    let operator = app.as_operator();
    let several = "/alerts/acknowledgement";
    let none = operator.post_form(several, &[("note", "on it")]).await;
    assert_eq!(none.status, 422);
    assert_eq!(none.heading(), "Alerts");
    assert_eq!(
        none.texts("#problems li"),
        ["Tick the alerts that you take in hand."]
    );
    assert_eq!(none.field("Note (optional)").value, "on it");

    let nul = [("alert", id.as_str()), ("note", "a\0b")];
    let page = operator.post_form(several, &nul).await;
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(page.says("a character that cannot be seen"));
    assert_eq!(page.texts("input[name=alert][checked]").len(), 1);
    let path = format!("/alerts/{id}/acknowledgement");
    let page = operator.post_form(&path, &[("note", "a\0b")]).await;
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(page.has_button("Acknowledge"));
    assert!(app.events_of("alert.acknowledged").is_empty());
}

#[tokio::test]
async fn only_who_may_act_is_shown_the_form() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let path = format!("/alerts/{}", open(&app)[0].id);
    let auditor = app.as_auditor();
    assert!(
        auditor
            .get(&path)
            .await
            .says("Acknowledging takes the operator's role.")
    );
    assert_eq!(
        auditor
            .post_form(&format!("{path}/acknowledgement"), &[])
            .await
            .status,
        403
    );
    assert!(
        !auditor
            .get("/alerts")
            .await
            .has_button("Acknowledge chosen")
    );
    assert!(
        app.as_operator()
            .get("/alerts")
            .await
            .has_button("Acknowledge chosen")
    );
}

#[tokio::test]
async fn two_evaluators_light_one_lamp() {
    let app = watched().await;
    report(&app, 97.0);
    let changed: usize = std::thread::scope(|scope| {
        let run = || evaluate::tick(&app.services).unwrap();
        let running: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(
        (
            changed,
            open(&app).len(),
            app.events_of("alert.fired").len()
        ),
        (1, 1, 1)
    );
}

/// The other evaluator is a transaction of the test's, which holds still at the moment that matters.
#[tokio::test]
async fn what_was_read_before_somebody_else_decided_changes_nothing() {
    const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(700);
    let app = watched().await;
    report(&app, 98.5);
    tick(&app);
    let yellow = open(&app).remove(0);
    report(&app, 99.5);
    app.advance(TimeDelta::seconds(2));
    let mut other = app.db.connect_superuser();
    other
        .batch_execute(
            "BEGIN; UPDATE rule_state SET red_at = yellow_at WHERE yellow_at IS NOT NULL; \
             UPDATE alert SET level = 'red'",
        )
        .unwrap();
    let changed = std::thread::scope(|scope| {
        let stale = scope.spawn(|| evaluate::tick(&app.services).unwrap());
        std::thread::sleep(A_MOMENT);
        assert!(!stale.is_finished(), "it waits for the rule");
        other.batch_execute("COMMIT").unwrap();
        stale.join().unwrap()
    });
    assert_eq!(changed, 0);
    let red = open(&app).remove(0);
    assert_eq!(
        (red.id, red.firing, red.level),
        (yellow.id, true, Level::Red)
    );
    assert_eq!(tick(&app), 1, "the next tick decides");
    assert_eq!(app.events_of("alert.resolved").len(), 1);
}

#[tokio::test]
async fn a_rule_that_cannot_be_read_lights_a_lamp_of_its_own_and_changes_no_other() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let set = |spec: &str| {
        sql_query("UPDATE pack_item SET spec = $1::jsonb WHERE slug = 'qos'")
            .bind::<Text, _>(spec)
            .execute(&mut app.db.connect_superuser())
            .unwrap();
    };
    set("{\"on\": 1}");
    tick(&app);
    let lit = open(&app);
    assert_eq!(lit.len(), 2, "{lit:?}");
    assert!(lit[1].name.contains("cannot be evaluated"));
    assert!(lit[0].firing && lit[0].level == Level::Red);
    assert_eq!(tick(&app), 0);
}

#[tokio::test]
async fn the_overview_says_the_verdict_first() {
    let app = watched().await;
    let operator = app.as_operator();
    let page = operator.get("/").await;
    assert_eq!(page.heading(), "1 of 1 service is unknown");
    assert!(
        page.says("NCC quality of service"),
        "what was never reported is unknown, and not left out"
    );
    assert!(!page.says("Break something"), "nothing is simulated here");
    report(&app, 97.4);
    tick(&app);
    let page = operator.get("/").await;
    assert_eq!(page.heading(), "1 alert needs attention");
    assert!(page.says("1 cannot be seen"), "the API was never probed");
    assert!(page.says("Quality is in breach"));
    assert!(page.says("97.4 %"));
    let service = page.link("API");
    let page = operator.get(&service).await;
    assert_eq!(page.heading(), "API");
    assert!(page.says("http://localhost:8000/health"));
    let runbook = page.link("Mend it");
    assert_eq!(operator.get(&runbook).await.heading(), "Mend it");
}
