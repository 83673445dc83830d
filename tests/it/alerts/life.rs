//! What packs, people and time do to an alert that is lit.

use chrono::TimeDelta;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions;
use signalbox::features::packs::pack::Probe;
use signalbox::features::packs::store as packs;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Level;

use super::{awake, open, report, tick, watched};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

/// The small pack with a second service, and its rule about the API pointed at that one.
fn moved() -> String {
    let second = "[[service]]\nid = \"web\"\nname = \"Web\"\n\n[[probe]]\nid = \"web\"\nservice = \"web\"\n\
                  check.tcp = { address = \"localhost:1\" }\n\n[[indicator]]";
    SMALL.replacen("[[indicator]]", second, 1).replacen(
        "on.state = \"api-health\"",
        "on.state = \"web\"",
        1,
    )
}

fn set_state(app: &TestApp, state: &str) {
    let live = app.services.db.read(packs::live::<Probe>).unwrap();
    let probes = live.into_iter().map(|item| (item.id, item)).collect();
    actions::enrol(&app.services, &probes).unwrap();
    sql_query("UPDATE probe_state SET state = $1, due_at = '2100-01-01'")
        .bind::<Text, _>(state)
        .execute(&mut app.db.connect_superuser())
        .unwrap();
}

#[tokio::test]
async fn a_rule_that_moves_to_another_service_while_it_is_lit_goes_out_as_it_should() {
    let app = watched().await;
    set_state(&app, "down");
    tick(&app);
    assert_eq!(open(&app)[0].name, "API is down");
    apply(&app, &moved());
    set_state(&app, "up");
    report(&app, 97.0);
    assert_eq!(tick(&app), 2, "it goes out, and the rule after it is read");
    let open = open(&app);
    assert!(
        open.iter()
            .any(|alert| alert.firing && alert.name == "Quality is in breach")
    );
    assert!(
        open.iter()
            .any(|alert| !alert.firing && alert.name == "API is down")
    );
    assert_eq!(app.events_of("alert.resolved").len(), 1);
}

#[tokio::test]
async fn what_a_retired_rule_has_lit_goes_out_and_lights_up_when_it_is_back() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let lit = open(&app).remove(0);
    let start = SMALL.find("[[rule]]\nid = \"qos\"").unwrap();
    let end = SMALL.find("[[rule]]\nid = \"submitted\"").unwrap();
    let without = format!("{}{}", &SMALL[..start], &SMALL[end..]);
    apply(&app, &without);
    assert_eq!(tick(&app), 1);
    assert!(!open(&app)[0].firing);
    let resolved = &app.events_of("alert.resolved")[0];
    assert_eq!(resolved["details"]["why"], "its rule was retired");
    assert_eq!(resolved["details"]["rule"], "qos");
    assert_eq!(tick(&app), 0);
    apply(&app, SMALL);
    assert_eq!(tick(&app), 1);
    let again = open(&app);
    assert_eq!(
        (again.len(), again[0].id, again[0].firing),
        (1, lit.id, true)
    );
}

#[tokio::test]
async fn a_red_one_that_nobody_has_seen_comes_back_as_itself_and_its_clock_runs_on() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let first = open(&app).remove(0);
    // Seldom enough not to come and go.
    let turn = |value| {
        awake(&app, 11);
        report(&app, value);
        tick(&app);
    };
    for value in [99.5, 96.0, 99.5, 95.0] {
        turn(value);
    }
    let listed = open(&app);
    assert_eq!(listed.len(), 1, "not once for each time");
    let again = &listed[0];
    assert_eq!(
        (again.id, again.firing, again.level_at),
        (first.id, true, first.level_at)
    );
    assert!(again.summary.contains("95 %"), "{}", again.summary);
    assert_eq!(app.events_of("alert.fired").len(), 3);
    // What somebody has seen is done with; the next time is another alert.
    let operator = app.as_operator();
    let path = format!("/alerts/{}/acknowledgement", again.id);
    operator.post_form(&path, &[]).await;
    for value in [99.5, 97.0] {
        turn(value);
    }
    assert_ne!(open(&app)[0].id, first.id);
}

#[tokio::test]
async fn what_is_lit_comes_before_what_has_gone_out_and_worse_before_newer() {
    let app = watched().await;
    let actor = Actor::command_line("tester");
    set_state(&app, "down");
    tick(&app);
    set_state(&app, "up");
    tick(&app);
    report(&app, 98.5);
    tick(&app);
    actions::report_event(&app.services, &actor, "report.submitted", None).unwrap();
    tick(&app);
    let order: Vec<_> = open(&app)
        .iter()
        .map(|alert| (alert.firing, alert.level))
        .collect();
    assert_eq!(
        order,
        [
            (true, Level::Yellow),
            (true, Level::Blue),
            (false, Level::Red)
        ]
    );
}

#[tokio::test]
async fn an_acknowledgement_that_runs_out_says_so_once_and_the_clock_runs_from_there() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let operator = app.as_operator();
    let alert = open(&app).remove(0);
    let path = format!("/alerts/{}", alert.id);
    operator
        .post_form(&format!("{path}/acknowledgement"), &[])
        .await;
    let until = app.now() + TimeDelta::hours(8);
    app.advance(TimeDelta::minutes(479));
    assert_eq!(tick(&app), 0);
    app.advance(TimeDelta::minutes(2));
    assert_eq!((tick(&app), tick(&app)), (1, 0));
    assert_eq!(app.events_of("alert.acknowledgement_ran_out").len(), 1);
    assert_eq!(open(&app)[0].waits_since(), until);
    // The session of the morning has ended as well.
    let page = app.as_operator().get(&path).await;
    assert!(page.says("The acknowledgement ended"));
    assert!(
        page.says("Acknowledge by"),
        "it is due in a quarter of an hour, not late by eight"
    );
}

/// Nobody saw anything in a pause in the middle of an error either; but it is no longer than it is.
#[tokio::test]
async fn a_pause_while_a_rule_cannot_be_evaluated_is_made_up_for_once() {
    let app = watched().await;
    for value in [97.0, 99.5, 97.0, 99.5] {
        report(&app, value);
        tick(&app);
    }
    assert!(open(&app)[0].flapping_since.is_some());
    let set = |spec: &str| {
        sql_query(format!(
            "UPDATE pack_item SET spec = {spec} WHERE slug = 'qos'"
        ))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
    };
    set("spec || jsonb_build_object('on', 1, 'was_on', spec->'on')");
    tick(&app);
    assert_eq!(open(&app).len(), 2, "it cannot be evaluated");
    app.advance(TimeDelta::hours(2));
    tick(&app);
    set("(spec || jsonb_build_object('on', spec->'was_on')) - 'was_on'");
    report(&app, 99.5);
    tick(&app);
    awake(&app, 29);
    assert!(open(&app)[0].firing, "nobody saw whether it was quiet");
    awake(&app, 2);
    assert!(!open(&app)[0].firing);
}

#[tokio::test]
async fn taking_over_is_an_act_of_its_own_and_says_from_whom() {
    let app = watched().await;
    report(&app, 97.0);
    tick(&app);
    let alert = open(&app).remove(0);
    let path = format!("/alerts/{}", alert.id);
    let first = app.as_operator();
    first
        .post_form(&format!("{path}/acknowledgement"), &[])
        .await;
    let second = app.sign_in_as(
        "second@test.example",
        "Test second",
        &[signalbox::foundation::auth::Role::Operator],
    );
    let page = second.get(&path).await;
    assert!(page.says("Test operator has it in hand"));
    assert!(page.has_button("Take over"));
    app.advance(chrono::Duration::seconds(1));
    second
        .post_form(&format!("{path}/acknowledgement"), &[])
        .await;
    let events = app.events_of("alert.acknowledged");
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["details"]["held_by"], first.person.to_string());
    assert!(
        second
            .get(&path)
            .await
            .says("taken over from Test operator")
    );
}

#[tokio::test]
async fn a_lit_alert_says_what_is_read_now() {
    let app = watched().await;
    report(&app, 97.4);
    tick(&app);
    report(&app, 96.1);
    assert_eq!(tick(&app), 0, "a reading is no change of the alert");
    let alert = open(&app).remove(0);
    assert_eq!(
        (alert.summary.as_str(), alert.reading.as_str()),
        ("ncc_qos is 97.4 %, below 98 %", "96.1 %")
    );
    let page = app.as_operator().get("/alerts").await;
    assert!(page.says("now 96.1 %"));
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_stops_only_the_rules_that_lean_on_it() {
    let app = watched().await;
    let set = |slug: &str, spec: &str| {
        sql_query("UPDATE pack_item SET spec = $1::jsonb WHERE slug = $2")
            .bind::<Text, _>(spec)
            .bind::<Text, _>(slug)
            .execute(&mut app.db.connect_superuser())
            .unwrap();
    };
    set("api-health", "{\"id\": 1}");
    report(&app, 97.0);
    assert_eq!(tick(&app), 2);
    let names: Vec<_> = open(&app)
        .into_iter()
        .map(|alert| (alert.name, alert.summary))
        .collect();
    assert_eq!(names[0].0, "Quality is in breach");
    assert_eq!(names[1].0, "The rule \"API is down\" cannot be evaluated");
    assert!(names[1].1.contains("api-health"), "{names:?}");
    // A condition that does not fit what is read.
    set("qos", &serde_json::json!({ "id": "qos", "name": "Q", "on": { "indicator": "ncc_qos" }, "red": { "is": "down" } }).to_string());
    assert_eq!(tick(&app), 1);
    assert!(
        open(&app)
            .iter()
            .any(|alert| alert.summary.contains("does not fit"))
    );
    assert!(open(&app)[0].firing, "what was lit stays lit");
    assert_eq!(evaluate::tick(&app.services).unwrap(), 0);
}
