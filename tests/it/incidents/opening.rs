//! What opens an incident without a person: a step of an escalation, the audit log, and the door.

use std::net::Ipv4Addr;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use signalbox::features::audit_log::checking;
use signalbox::features::incidents::incident::Cause;
use signalbox::features::incidents::security::{self, STORM_TRIES};
use signalbox::features::incidents::{runner, store};
use signalbox::features::notify::notice::About;
use signalbox::features::notify::store as outbox;
use signalbox::features::oncall::engine;
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::{Log, Unaudited};
use signalbox::foundation::auth::attempts;
use signalbox::foundation::db::roles::Role as DbRole;
use signalbox::foundation::kernel::Level;

use super::{act, declare, lights, live, stored, tick};
use crate::packs::{SMALL, apply, shipped};
use crate::support::app::TestApp;

const STEPS: &str = "steps = [{ notify.contact = \"ada\" }, { wait = \"15m\" }, { incident = true }, \
                     { notify.contact = \"ada\" }, { wait = \"15m\" }]\nrepeat = 1";

async fn escalating() -> TestApp {
    let app = TestApp::start().await;
    apply(
        &app,
        &SMALL.replace("steps = [{ notify.contact = \"ada\" }]", STEPS),
    );
    tick(&app);
    app
}

fn after(app: &TestApp, minutes: i64) {
    app.advance(TimeDelta::minutes(minutes));
    tick(app);
    engine::tick(&app.services).unwrap();
}

#[actix_web::test]
async fn a_step_of_an_escalation_opens_one_and_no_second() {
    let app = escalating().await;
    let alert = lights(&app, 97.0).remove(0);
    engine::tick(&app.services).unwrap();
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(
        page.says("next: an incident is opened in 15 minutes."),
        "{}",
        page.text()
    );
    after(&app, 14);
    assert_eq!(live(&app), []);
    after(&app, 1);
    let opened = live(&app);
    assert_eq!(opened.len(), 1);
    let incident = &opened[0];
    assert_eq!(
        (incident.cause, incident.level),
        (Cause::Escalation, Level::Red)
    );
    assert_eq!(incident.title, "Quality is in breach");
    assert_eq!(incident.began_at, alert.fired_at);
    let at = format!("/incidents/{}", incident.id);
    let page = app.as_operator().get(&at).await;
    assert!(page.says("A step of an escalation opened it. Nobody leads it yet."));
    assert!(page.says("Opened by a step of an escalation"));
    assert!(page.says("The escalation Critical"), "who: {}", page.text());
    assert!(
        page.says("Ada was told by e-mail"),
        "who was told is in its timeline"
    );
    let of_alert = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert_eq!(of_alert.link("Quality is in breach"), at);
    // The second round says nothing new.
    after(&app, 15);
    after(&app, 15);
    assert_eq!(live(&app).len(), 1);
    let declared = app.events_of("escalation.declared");
    let opened: Vec<&serde_json::Value> =
        declared.iter().map(|it| &it["details"]["opened"]).collect();
    assert_eq!(opened, [true, false]);
    assert_eq!(app.events_of("incident.opened").len(), 1);
}

/// What nobody else tells of is told by the escalation of its level, once.
#[actix_web::test]
async fn whoever_is_on_call_is_told_of_one_that_is_opened_by_hand() {
    let app = escalating().await;
    let sent = declare(&app.as_operator(), "Opened by hand", "red", "").await;
    assert_eq!(live(&app).len(), 1);
    app.run_jobs();
    app.run_jobs();
    let about = About::new("incident", live(&app)[0].id);
    let told = app
        .services
        .db
        .read(|conn| outbox::about(conn, &about))
        .unwrap();
    let titles: Vec<&str> = told.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(titles, ["Incident: Opened by hand"]);
    assert_eq!(told[0].to_name, "ada@test.example");
    let page = app.as_operator().get(sent.location()).await;
    assert!(page.says("Told of it: Ada"), "{}", page.text());
    assert_eq!(app.events_of("incident.told").len(), 1);
    // No escalation is for a yellow one, and of an alert's its own tells.
    let yellow = declare(&app.as_operator(), "Yellow", "yellow", "").await;
    let alert = lights(&app, 97.0).remove(0).id.to_string();
    declare(&app.as_operator(), "Of an alert", "red", &alert).await;
    app.run_jobs();
    assert_eq!(live(&app).len(), 3);
    let page = app.as_operator().get(yellow.location()).await;
    assert!(page.says("Nobody was told of it: no escalation of its pack is for what is yellow"));
    let outcomes = app.events_of("incident.told");
    let outcomes: Vec<&serde_json::Value> = outcomes.iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["success", "failure"]);
}

/// As for alerts: where nobody is there, the next is told at once.
#[actix_web::test]
async fn where_the_first_cannot_be_told_of_an_incident_the_next_is() {
    let app = TestApp::start().await;
    let pack = crate::oncall::pack().replacen(
        "steps = [{ notify.contact = \"ada\" }]",
        "steps = [{ wait = \"5m\" }, { notify.endpoint = \"nowhere\" }, { wait = \"15m\" }, \
         { notify.contact = \"ada\" }, { wait = \"15m\" }, { notify.contact = \"grace\" }]",
        1,
    );
    apply(&app, &pack);
    let sent = declare(&app.as_operator(), "Opened by hand", "red", "").await;
    app.run_jobs();
    let page = app.as_operator().get(sent.location()).await;
    let said = "Told of it: Ada. Not told: nowhere, no endpoint of this name takes notices";
    assert!(page.says(said), "{}", page.text());
    let event = &app.events_of("incident.told")[0];
    assert_eq!(event["details"]["told"], serde_json::json!(["ada"]));
}

/// A yellow one is told to nobody; whoever makes it red wakes whoever is on call for that, each time once.
#[actix_web::test]
async fn whoever_is_on_call_is_told_of_one_that_is_made_red_or_opened_again() {
    let app = escalating().await;
    let operator = app.as_operator();
    let sent = declare(&operator, "It grows", "yellow", "").await;
    let at = sent.location().to_owned();
    let about = About::new("incident", live(&app)[0].id);
    let letters = || {
        app.run_jobs();
        let about = |conn: &mut _| outbox::about(conn, &about);
        app.services.db.read(about).unwrap().len()
    };
    assert_eq!(letters(), 0);
    let rate = |level| [("level", level), ("level_note", "Customers are concerned")];
    act(&operator, &at, "level", &rate("red")).await;
    assert_eq!(letters(), 1);
    act(&operator, &at, "level", &rate("yellow")).await;
    act(&operator, &at, "state", &[("to", "mitigated")]).await;
    act(&operator, &at, "state", &[("to", "open")]).await;
    assert_eq!(letters(), 1);
    act(&operator, &at, "level", &rate("red")).await;
    assert_eq!(letters(), 2, "it is news again");
    act(&operator, &at, "state", &[("to", "resolved")]).await;
    let again = [("to", "open"), ("note", "It came back")];
    act(&operator, &at, "state", &again).await;
    assert_eq!(letters(), 3);
}

#[actix_web::test]
async fn two_instances_that_step_at_once_open_one() {
    let app = escalating().await;
    lights(&app, 97.0);
    engine::tick(&app.services).unwrap();
    app.advance(TimeDelta::minutes(15));
    tick(&app);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| engine::tick(&app.services).unwrap());
        }
    });
    assert_eq!(live(&app).len(), 1);
    assert_eq!(app.events_of("incident.opened").len(), 1);
    assert_eq!(app.events_of("escalation.declared").len(), 1);
}

#[actix_web::test]
async fn an_alert_that_belongs_to_one_opens_no_other_and_the_step_is_told_there() {
    let app = escalating().await;
    let alert = lights(&app, 97.0).remove(0);
    engine::tick(&app.services).unwrap();
    let id = alert.id.to_string();
    let sent = declare(&app.as_operator(), "By hand", "red", &id).await;
    after(&app, 15);
    assert_eq!(live(&app).len(), 1);
    let page = app.as_operator().get(sent.location()).await;
    assert!(page.says("An escalation came to its step that declares an incident"));
    // Resolved, the next that the alert's escalation declares is another one.
    act(
        &app.as_operator(),
        sent.location(),
        "state",
        &[("to", "resolved")],
    )
    .await;
    after(&app, 15);
    after(&app, 15);
    let opened = live(&app);
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].cause, Cause::Escalation);
}

/// The step waits for the incident's row, and somebody resolves it meanwhile: the alert still fires, and belongs to none.
#[actix_web::test]
async fn a_step_that_waited_for_an_incident_which_was_resolved_opens_another() {
    let app = escalating().await;
    let alert = lights(&app, 97.0).remove(0);
    engine::tick(&app.services).unwrap();
    let id = alert.id.to_string();
    declare(&app.as_operator(), "By hand", "red", &id).await;
    app.advance(TimeDelta::minutes(15));
    tick(&app);
    let mut held = app.db.connect_superuser();
    let resolve = "BEGIN; UPDATE incident SET state = 'resolved', resolved_at = opened_at, review_due_at = opened_at, \
                   acknowledged_at = opened_at, taken_at = opened_at; UPDATE alert_incident SET live = false";
    held.batch_execute(resolve).unwrap();
    std::thread::scope(|scope| {
        let step = scope.spawn(|| engine::tick(&app.services).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(700));
        held.batch_execute("COMMIT").unwrap();
        step.join().unwrap();
    });
    let opened = live(&app);
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].cause, Cause::Escalation);
}

#[actix_web::test]
async fn acknowledged_or_silenced_nothing_is_opened() {
    let app = escalating().await;
    let alert = lights(&app, 97.0).remove(0);
    engine::tick(&app.services).unwrap();
    let at = format!("/alerts/{}", alert.id);
    act(&app.as_operator(), &at, "acknowledgement", &[]).await;
    after(&app, 16);
    assert_eq!(live(&app), []);
}

/// The pack of Signalbox itself.
async fn ours() -> TestApp {
    let app = TestApp::start().await;
    let (_, own) = shipped()
        .into_iter()
        .find(|(name, _)| name.contains("signalbox"))
        .unwrap();
    apply(&app, &own);
    app
}

/// Tries with a wrong password, from different places.
fn fail(app: &TestApp, tries: i64) {
    let keyring = &app.services.keyring;
    for number in 0..tries {
        let from = Ipv4Addr::new(192, 0, 2, u8::try_from(number % 200).unwrap());
        let account = format!("somebody-{number}@test.example");
        let keys = attempts::keys(keyring, "password", &account, from.into(), None);
        let now = app.now();
        app.services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| attempts::count(conn, keys, now))
            .unwrap();
    }
}

fn of_cause(app: &TestApp, cause: Cause) -> usize {
    live(app).iter().filter(|it| it.cause == cause).count()
}

/// FC-19
#[actix_web::test]
async fn a_storm_of_failed_sign_ins_opens_one_and_adds_to_it() {
    let app = ours().await;
    fail(&app, STORM_TRIES - 1);
    runner::tick(&app.services).unwrap();
    assert_eq!(live(&app), []);
    fail(&app, 1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| runner::tick(&app.services).unwrap());
        }
    });
    assert_eq!(
        of_cause(&app, Cause::SignInStorm),
        1,
        "of four processes one opens it"
    );
    assert_eq!(app.events_of("incident.opened").len(), 1);
    let at = format!("/incidents/{}", live(&app)[0].id);
    let page = app.as_operator().get(&at).await;
    assert_eq!(page.heading(), "A storm of failed sign-ins");
    assert!(page.says(
        "50 tries to sign in have failed within 15 minutes, from 49 addresses and known devices."
    ));
    assert!(page.says("the counters at the sign-in page"));
    // Our own rule tells whoever is on call.
    app.run_jobs();
    tick(&app);
    let alerts = app.as_operator().get("/alerts").await;
    assert!(
        alerts.says("Signalbox has opened a security incident"),
        "{}",
        alerts.text()
    );
    // It goes on: told once in a quarter of an hour.
    runner::tick(&app.services).unwrap();
    assert_eq!(app.events_of("incident.found_again").len(), 0);
    app.advance(TimeDelta::minutes(15));
    fail(&app, STORM_TRIES + 7);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| runner::tick(&app.services).unwrap());
        }
    });
    assert_eq!(of_cause(&app, Cause::SignInStorm), 1);
    assert_eq!(app.events_of("incident.found_again").len(), 1);
    assert!(app.as_operator().get(&at).await.says("57 tries"));
    // What came before it was resolved is not a new one.
    act(&app.as_operator(), &at, "state", &[("to", "resolved")]).await;
    runner::tick(&app.services).unwrap();
    assert_eq!(live(&app), []);
    app.advance(TimeDelta::minutes(16));
    fail(&app, STORM_TRIES);
    runner::tick(&app.services).unwrap();
    assert_eq!(
        of_cause(&app, Cause::SignInStorm),
        1,
        "another storm is another incident"
    );
    // One at a time: the first is not opened again beside it.
    let again = [("to", "open"), ("note", "It came back")];
    let page = app
        .as_operator()
        .post_form(&format!("{at}/state"), &again)
        .await;
    assert_eq!(page.status, 409, "{}", page.text());
    assert!(page.says("Another incident of the same cause is open"));
    assert_eq!(
        page.link("Open that incident"),
        format!("/incidents/{}", live(&app)[0].id)
    );
    assert_eq!(page.field("Why (optional)").value, "It came back");
}

/// Whoever signs in takes their try back.
#[actix_web::test]
async fn sign_ins_that_work_are_no_storm() {
    let app = ours().await;
    let keyring = &app.services.keyring;
    for number in 0..STORM_TRIES + 5 {
        let from = Ipv4Addr::new(198, 51, 100, u8::try_from(number).unwrap());
        let account = format!("owner-{number}@test.example");
        let keys = attempts::keys(keyring, "password", &account, from.into(), None);
        let now = app.now();
        app.services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| {
                let attempts::Outcome::Counted(counted) = attempts::count(conn, keys, now)? else {
                    panic!("nobody is blocked");
                };
                attempts::take_back(conn, &counted, now)
            })
            .unwrap();
    }
    runner::tick(&app.services).unwrap();
    assert_eq!(live(&app), []);
}

/// Tries that a block turns away count as well: a single address that goes on is a storm too.
#[actix_web::test]
async fn what_is_turned_away_is_counted() {
    let app = ours().await;
    let keyring = &app.services.keyring;
    let from = Ipv4Addr::new(203, 0, 113, 9);
    for number in 0..STORM_TRIES {
        let account = format!("guess-{number}@test.example");
        let keys = attempts::keys(keyring, "password", &account, from.into(), None);
        let now = app.now();
        app.services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| attempts::count(conn, keys, now))
            .unwrap();
    }
    runner::tick(&app.services).unwrap();
    let at = format!("/incidents/{}", live(&app)[0].id);
    let page = app.as_operator().get(&at).await;
    assert!(page.says("50 tries to sign in have failed within 15 minutes, from 1 address"));
}

fn seal(app: &TestApp) {
    let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
    let mut conn = app.db.connect(DbRole::Sealer);
    let now = app.now();
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer, now).unwrap();
    sealer.seal(&mut conn, &signer, now, 10_000).unwrap();
}

/// FC-19
#[actix_web::test]
async fn an_audit_log_that_does_not_hold_opens_one() {
    let app = ours().await;
    app.deliberately_damaged();
    for _ in 0..3 {
        app.as_operator();
    }
    checking::turn(&app.services).unwrap();
    seal(&app);
    checking::turn(&app.services).unwrap();
    app.run_jobs();
    assert_eq!(live(&app), [], "it holds");
    let changed = "ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET kind = 'nothing.happened' WHERE idx = 2";
    app.db.connect_superuser().batch_execute(changed).unwrap();
    checking::turn(&app.services).unwrap();
    checking::turn(&app.services).unwrap();
    app.run_jobs();
    assert_eq!(of_cause(&app, Cause::AuditVerification), 1);
    let at = format!("/incidents/{}", live(&app)[0].id);
    assert_eq!(stored(&app, &at).level, Level::Red);
    let page = app.as_operator().get(&at).await;
    assert!(
        page.says("event 2 says something else than its column kind"),
        "{}",
        page.text()
    );
    assert!(
        !page.text().to_lowercase().contains("sar"),
        "nothing of the other log"
    );
    assert_eq!(
        app.events_of(checking::FAILED).len(),
        2,
        "each check says so"
    );
    app.advance(TimeDelta::minutes(61));
    checking::turn(&app.services).unwrap();
    app.run_jobs();
    assert_eq!(of_cause(&app, Cause::AuditVerification), 1);
    assert_eq!(app.events_of("incident.found_again").len(), 1);
}

#[actix_web::test]
async fn each_way_of_damaging_the_log_is_found() {
    for (damage, finding) in [
        ("DELETE FROM audit_log WHERE idx = 2", "event 2 is missing"),
        (
            "UPDATE audit_log SET body = body || '\\x20' WHERE idx = 1",
            "the bytes of event 1 were changed",
        ),
        (
            "UPDATE audit_tile SET hashes = overlay(hashes placing '\\x00' from 3) WHERE level = 0",
            "is not that of the newest checkpoint",
        ),
        ("DELETE FROM audit_tile", "missing"),
        (
            "UPDATE audit_checkpoint SET note = 'x'",
            "the newest checkpoint cannot be read",
        ),
        (
            "UPDATE audit_checkpoint SET root = decode(repeat('00', 32), 'hex')",
            "says something else than its row",
        ),
    ] {
        let app = ours().await;
        app.deliberately_damaged();
        app.as_operator();
        seal(&app);
        let sql = format!("SET session_replication_role = replica; {damage}");
        app.db.connect_superuser().batch_execute(&sql).unwrap();
        checking::turn(&app.services).unwrap();
        let found = app.events_of(checking::FAILED);
        assert_eq!(found.len(), 1, "{damage}");
        let said = found[0]["details"]["finding"].as_str().unwrap().to_owned();
        assert!(said.contains(finding), "{damage}: {said}");
    }
}

#[actix_web::test]
async fn without_our_own_pack_nothing_is_opened_and_the_job_says_so() {
    let app = TestApp::start().await;
    fail(&app, STORM_TRIES);
    runner::tick(&app.services).unwrap();
    let unknown = security::log_failed(&app.services, "a test").unwrap_err();
    assert!(
        unknown.to_string().contains("was never applied"),
        "{unknown}"
    );
    assert_eq!(live(&app), []);
    let resolved = |conn: &mut _| store::last_resolved(conn, Cause::SignInStorm);
    assert_eq!(app.services.db.read(resolved).unwrap(), None);
}

/// What is overdue lights a lamp of our own pack.
#[actix_web::test]
async fn an_overdue_action_lights_a_lamp() {
    let app = ours().await;
    let operator = app.as_operator();
    let opened = [
        ("platform", "signalbox"),
        ("title", "Slow"),
        ("level", "yellow"),
    ];
    let sent = operator.post_form("/incidents", &opened).await;
    let owner = operator.person.to_string();
    let action = [
        ("action", "Buy a disk"),
        ("owner", owner.as_str()),
        ("due", "2026-03-03"),
    ];
    act(&operator, sent.location(), "actions", &action).await;
    let lit = |app: &TestApp| {
        runner::tick(&app.services).unwrap();
        tick(app);
        let open = |conn: &mut _| {
            signalbox::features::alerts::store::open(
                conn,
                &signalbox::foundation::kernel::Scope::All,
            )
        };
        let open = app.services.db.read(open).unwrap();
        open.iter()
            .any(|it| it.name == "What was learned of an incident is overdue")
    };
    assert!(!lit(&app));
    app.advance(TimeDelta::hours(40));
    assert!(lit(&app));
}
