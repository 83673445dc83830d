//! Our own queues: what is given up or waits for too long lights a lamp of our own, and both stand on their pages.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use serde_json::json;
use signalbox::app::{self, own_queues};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self, Alert};
use signalbox::features::packs::{Given, actions, own};
use signalbox::foundation::audit::{Actor, Event, NewJob, Subject};
use signalbox::foundation::auth::Role;
use signalbox::foundation::jobs::{self, JobError};
use signalbox::foundation::kernel::{Level, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

async fn watching_itself() -> TestApp {
    let app = TestApp::start().await;
    let actor = Actor::job("test");
    actions::apply(&app.services, &actor, own::TEXT, &Given::default()).unwrap();
    app
}

fn lit(app: &TestApp, name: &str) -> Option<Alert> {
    let open = |conn: &mut _| store::open(conn, &Scope::All);
    let open = app.services.db.read(open).unwrap();
    open.into_iter().find(|it| it.firing && it.name == name)
}

fn enqueue(app: &TestApp, job: &NewJob) {
    app.services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            tx.record(Event::new("test.begun", Subject::new("test", "1")))?;
            tx.enqueue(job).map(drop)
        })
        .unwrap();
}

const GIVEN_UP: &str = "A job of Signalbox was given up";

#[actix_web::test]
async fn a_job_that_is_given_up_lights_a_lamp_and_stands_among_the_queues() {
    let app = watching_itself().await;
    let mut registry = app::registry();
    registry.handle("test.work", |_, _| {
        Err(JobError::Hopeless("no luck".to_owned()))
    });
    enqueue(&app, &NewJob::new("test.work", json!({})));
    jobs::run_due(&app.services, &Arc::new(registry)).unwrap();
    evaluate::tick(&app.services).unwrap();
    assert_eq!(lit(&app, GIVEN_UP).unwrap().level, Level::Yellow);
    let page = app.as_operator().get("/queues").await;
    assert_eq!(page.heading(), "1 of 2 queues needs attention");
    let row = page.table("Queues, worst first").remove(0);
    assert!(row[0].starts_with("Jobs"), "{row:?}");
    assert!(row[6].contains('1'), "{row:?}");
    assert_eq!(page.link("Jobs"), "/jobs");
}

/// Otherwise a report that cannot be made would be reported for ever.
#[actix_web::test]
async fn a_report_that_is_given_up_is_not_reported_in_its_turn() {
    let app = watching_itself().await;
    enqueue(&app, &NewJob::new("own.report_event", json!({ "what": 1 })));
    let drained = app.run_jobs();
    assert_eq!((drained.done, drained.failed), (0, 1));
    assert!(lit(&app, GIVEN_UP).is_none());
}

#[actix_web::test]
async fn jobs_that_nobody_runs_light_a_lamp() {
    let app = watching_itself().await;
    let waits = |minutes: i64, kind: &str| {
        let insert = format!(
            "INSERT INTO job (id, kind, payload, run_at, enqueued_at) \
             VALUES (gen_random_uuid(), '{kind}', '{{}}', '{0}', '{0}')",
            app.now() - TimeDelta::minutes(minutes)
        );
        app.db.connect_superuser().batch_execute(&insert).unwrap();
    };
    let look = || {
        own_queues::report(&app.services, &app::registry()).unwrap();
        evaluate::tick(&app.services).unwrap();
        lit(&app, "Signalbox's jobs are not run").map(|it| it.level)
    };
    // A long one waits for its turn.
    waits(90, "audit_log.check");
    // One of another version waits for that: nobody here runs it, however often they are started.
    waits(90, "test.of_another_version");
    assert_eq!(look(), None);
    let operator = app.as_operator();
    let jobs = operator.get("/jobs").await;
    let rows = jobs.table("Running, waiting and given up");
    let row = rows.iter().find(|row| row[0] == "test.of_another_version");
    assert_eq!(row.unwrap()[1], "Waiting for another version");
    let page = operator.get(&jobs.link("test.of_another_version")).await;
    assert!(page.says("does no work of this kind"), "{}", page.text());
    assert!(page.has_button("Cancel job"));
    let page = operator.get(&jobs.link("audit_log.check")).await;
    assert_eq!(page.definition("State"), "Waiting");
    waits(11, "upkeep.expire");
    assert_eq!(look(), Some(Level::Yellow));
    let row = app.as_operator().get("/queues").await;
    let row = row.table("Queues, worst first").remove(0);
    assert!(
        row[0].starts_with("Jobs") && row[2].contains('3'),
        "{row:?}"
    );
    assert_eq!(
        (row[1].as_str(), row[3].as_str()),
        ("Needs attention", "1 h 30 min")
    );
    waits(61, "upkeep.expire");
    app.advance(TimeDelta::seconds(2));
    assert_eq!(look(), Some(Level::Red));
    let gone = "DELETE FROM job";
    app.db.connect_superuser().batch_execute(gone).unwrap();
    app.advance(TimeDelta::seconds(2));
    assert_eq!(look(), None);
}

#[actix_web::test]
async fn a_slot_that_was_missed_lights_a_lamp_and_stands_beside_its_schedule() {
    let app = watching_itself().await;
    app.run_jobs();
    app.advance(TimeDelta::hours(5));
    app.run_jobs();
    evaluate::tick(&app.services).unwrap();
    let missed = lit(&app, "A slot of a schedule of Signalbox was missed").unwrap();
    assert_eq!(missed.level, Level::Blue);
    let page = app.as_operator().get("/jobs").await;
    let rows = page.table("What runs by the clock");
    let of = |name: &str| {
        let row = rows.iter().find(|row| row[0].starts_with(name));
        row.unwrap_or_else(|| panic!("{name}: {rows:?}")).clone()
    };
    let expiry = of("upkeep.expire");
    assert!(expiry[0].contains("41 * * * *, UTC"), "{expiry:?}");
    assert_eq!(expiry[1], "None on record", "what is missed is left out");
    assert!(expiry[2].contains("41"), "{expiry:?}");
    assert!(
        expiry[3].starts_with('5') && expiry[3].contains("left out"),
        "{expiry:?}"
    );
    // An hour later it is there on time.
    app.advance(TimeDelta::minutes(41));
    app.run_jobs();
    let page = app.as_operator().get("/jobs").await;
    let rows = page.table("What runs by the clock");
    let expiry = rows.iter().find(|row| row[0].starts_with("upkeep.expire"));
    let expiry = expiry.unwrap();
    assert!(expiry[1].starts_with("Done"), "{expiry:?}");
    assert!(expiry[3].starts_with('5'), "{expiry:?}");
}

/// Whoever has taken our own pack out has taken out what lights lamps over our queues.
#[actix_web::test]
async fn without_our_own_rules_nothing_watches_them() {
    let app = TestApp::start().await;
    let page = app.as_operator().get("/queues").await;
    assert_eq!(page.heading(), "2 of 2 queues are unknown");
    for row in page.table("Queues, worst first") {
        assert!(row[1].contains("Nothing watches it"), "{row:?}");
    }
}

/// They are of all platforms together.
#[actix_web::test]
async fn whoever_sees_one_platform_sees_only_its_queues() {
    let app = watching_itself().await;
    apply(&app, SMALL);
    let platforms = signalbox::features::packs::store::platforms;
    let platforms = app.services.db.read(platforms).unwrap();
    let demo = platforms.iter().find(|it| it.slug == "demo").unwrap().id;
    let limited = app.as_limited("one@test.example", Role::Operator, Scope::one(demo));
    let page = limited.get("/queues").await;
    assert!(page.says("No queue is looked at yet"), "{}", page.text());
    let page = app.as_operator().get("/queues").await;
    assert_eq!(page.heading(), "All 2 queues are as they should be");
}
