//! When what kept a notice back ends and it still fires, it is told at once.

use chrono::TimeDelta;
use signalbox::features::alerts::store::Alert;
use signalbox::features::health::actions as health;
use signalbox::foundation::audit::Actor;

use super::escalation::{after, look, open, to};
use super::{apply, pack, staffed};
use crate::support::app::TestApp;

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
}

fn of(app: &TestApp, name: &str) -> Alert {
    open(app).into_iter().find(|it| it.name == name).unwrap()
}

/// Monday, 15:00 UTC.
#[actix_web::test]
async fn what_still_fires_when_a_window_ends_is_told_at_once() {
    let app = staffed().await;
    let window = "\n[[maintenance]]\nid = \"disks\"\nname = \"New disks\"\n\
                  when = \"2026-03-02 15:05-15:35 UTC\"\n";
    apply(&app, &format!("{}{window}", pack()));
    look(&app);
    after(&app, 6);
    report(&app, 97.0);
    look(&app);
    let alert = of(&app, "Quality is in breach");
    assert_eq!(to(&app, &alert), [""; 0], "it is worked on");
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("In maintenance: New disks"), "{}", page.text());
    assert!(page.says("When that ends and it still fires, they are told at once."));
    after(&app, 25);
    assert_eq!(to(&app, &alert), [""; 0]);
    after(&app, 4);
    assert_eq!(to(&app, &alert), ["ada"], "the window is over");
    assert_eq!(app.events_of("escalation.held_back").len(), 1);
}

/// The same of a window that somebody ends before its time.
#[actix_web::test]
async fn what_still_fires_when_somebody_ends_a_window_is_told_at_once() {
    let app = staffed().await;
    let window = "\n[[maintenance]]\nid = \"disks\"\nname = \"New disks\"\n\
                  when = \"2026-03-02 15:01-18:00 UTC\"\n";
    apply(&app, &format!("{}{window}", pack()));
    look(&app);
    after(&app, 2);
    report(&app, 97.0);
    look(&app);
    let alert = of(&app, "Quality is in breach");
    assert_eq!(to(&app, &alert), [""; 0]);
    let path = app
        .as_operator()
        .get("/maintenance")
        .await
        .link("New disks");
    let ended = app.as_operator();
    let ended = ended.post_form(&format!("{path}/end"), &[]).await;
    assert_eq!(ended.status, 303);
    look(&app);
    assert_eq!(to(&app, &alert), ["ada"]);
}

/// What followed from a cause, and still fires when that is over, is told then.
#[actix_web::test]
async fn what_still_fires_when_its_cause_is_over_is_told_at_once() {
    let app = staffed().await;
    let inhibited = "\n[[indicator]]\nid = \"load\"\nname = \"Load\"\n\
        [[rule]]\nid = \"load\"\nname = \"Load is high\"\non.indicator = \"load\"\nred = { above = 5 }\n\
        runbook = \"mend\"\n\
        [[inhibit]]\nid = \"breach\"\nsource = { alertname = \"qos\" }\ntarget = { alertname = \"load\" }\n\
        equal = [\"platform\"]\n";
    apply(&app, &format!("{}{inhibited}", pack()));
    look(&app);
    report(&app, 97.0);
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "load", 9.0, None).unwrap();
    look(&app);
    let follows = of(&app, "Load is high");
    assert_eq!(to(&app, &of(&app, "Quality is in breach")), ["ada"]);
    assert_eq!(to(&app, &follows), [""; 0], "it follows from the breach");
    app.advance(TimeDelta::minutes(10));
    report(&app, 99.9);
    look(&app);
    assert_eq!(to(&app, &follows), ["ada"], "it does not, after all");
}
