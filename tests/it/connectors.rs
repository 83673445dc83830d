//! Circuit breakers: what they let through, what they keep, and what people may do about them.

mod pages;
mod people;
mod ways;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::connectors::breaker::{State, Verdict};
use signalbox::features::connectors::gate::{self, Gate, Pass};
use signalbox::features::connectors::store::calls::Ended;
use signalbox::features::connectors::store::{self, BreakerId, Held, turns};
use signalbox::features::connectors::{board, runner};
use signalbox::foundation::kernel::{Level, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::scraped::Exporter;

/// The small pack with a bank at this address, and rules on it.
pub fn pack(url: &str) -> String {
    format!(
        "{SMALL}\n[[connector]]\nid = \"bank\"\nname = \"Bank\"\nservice = \"api\"\nurl = \"{url}\"\n\
         user_agent = \"Demo ops@demo.example\"\noperations = {{ accounts = \"\", transfers = \"/transfers\" }}\n\
         [[rule]]\nid = \"bank-cut-off\"\nname = \"The bank is cut off\"\non.connector = \"bank\"\n\
         red = {{ is = \"open\" }}\nyellow = {{ is = \"failing\" }}\nblue = {{ is = \"disabled\" }}\nrunbook = \"mend\"\n"
    )
}

/// An application, and a bank that answers what it is told.
pub async fn with_bank() -> (TestApp, Exporter) {
    let (app, bank) = (TestApp::start().await, Exporter::start().await);
    apply(&app, &pack(&bank.url));
    runner::enrol(&app.services).unwrap();
    (app, bank)
}

pub fn all(app: &TestApp) -> Vec<Held> {
    app.services.db.read(store::all).unwrap()
}

pub fn accounts(app: &TestApp) -> Held {
    let found = all(app).into_iter();
    let mut found = found.filter(|held| held.operation == "accounts");
    found.next().unwrap()
}

pub async fn call(app: &TestApp) -> usize {
    runner::call_due(&app.services).await.unwrap()
}

pub fn turned(app: &TestApp, id: BreakerId) -> Vec<String> {
    let mut kept = app
        .services
        .db
        .read(|conn| turns::last(conn, id, 100))
        .unwrap();
    kept.reverse();
    kept.iter()
        .map(|kept| format!("{} {}", kept.turn.now.as_str(), kept.turn.why.as_str()))
        .collect()
}

pub fn ended(verdict: Verdict) -> Ended {
    Ended {
        verdict,
        answer: "as told".to_owned(),
        took_ms: 4,
    }
}

pub fn go(app: &TestApp, id: BreakerId) -> Option<Pass> {
    match gate::ask(&app.services, id).unwrap() {
        Gate::Open(pass) => Some(pass),
        Gate::Shut { .. } => None,
    }
}

/// Opens it with as many failures as it takes.
pub fn open(app: &TestApp, id: BreakerId) {
    for _ in 0..5 {
        let pass = go(app, id).unwrap();
        gate::tell(&app.services, pass, &ended(Verdict::Failed)).unwrap();
    }
}

fn lit(app: &TestApp) -> BTreeMap<String, Level> {
    evaluate::tick(&app.services).unwrap();
    let open = |conn: &mut _| alerts::open(conn, &Scope::All);
    let open = app.services.db.read(open).unwrap().into_iter();
    open.filter(|alert| alert.firing)
        .map(|alert| (alert.name, alert.level))
        .collect()
}

/// FA-1..3
#[tokio::test]
async fn a_connector_that_fails_is_cut_off_and_comes_back() {
    let (app, bank) = with_bank().await;
    assert_eq!(call(&app).await, 2);
    assert!(bank.asked().contains("user-agent: demo ops@demo.example"));
    assert!(lit(&app).is_empty());
    assert_eq!(call(&app).await, 0, "the next is in five minutes");

    bank.answers("HTTP/1.1 503 Away");
    app.advance(TimeDelta::minutes(5));
    assert_eq!(call(&app).await, 2);
    assert_eq!(lit(&app)["The bank is cut off"], Level::Yellow);
    for _ in 0..4 {
        app.advance(TimeDelta::minutes(5));
        assert_eq!(call(&app).await, 2);
    }
    let held = accounts(&app);
    assert_eq!(held.breaker.state, State::Open);
    assert_eq!(lit(&app)["The bank is cut off"], Level::Red);
    assert_eq!(app.events_of("breaker.opened").len(), 2);

    // A trial a minute later, and not five: it fails, and the next waits for two.
    app.advance(TimeDelta::seconds(67));
    assert_eq!(call(&app).await, 2);
    app.advance(TimeDelta::seconds(67));
    assert_eq!(call(&app).await, 0);
    assert_eq!(lit(&app)["The bank is cut off"], Level::Red);
    bank.answers("");
    app.advance(TimeDelta::seconds(67));
    assert_eq!(call(&app).await, 2);
    assert_eq!(accounts(&app).breaker.state, State::HalfOpen);
    assert_eq!(lit(&app)["The bank is cut off"], Level::Red);
    app.advance(TimeDelta::seconds(10));
    assert_eq!(call(&app).await, 2);
    assert_eq!(accounts(&app).breaker.state, State::Closed);
    assert!(lit(&app).is_empty());
    assert_eq!(
        turned(&app, held.id),
        [
            "open failures",
            "half_open due",
            "open trial_failed",
            "half_open due",
            "closed trials_passed"
        ]
    );
    let tally = accounts(&app).tally;
    assert_eq!((tally.answered, tally.failed), (3, 6));
}

/// FC-26
#[tokio::test]
async fn whoever_asks_us_to_wait_is_left_alone() {
    let (app, bank) = with_bank().await;
    bank.answers("HTTP/1.1 429 Slow down\r\nretry-after: 1200");
    assert_eq!(call(&app).await, 2);
    for minutes in [5, 14] {
        app.advance(TimeDelta::minutes(minutes));
        assert_eq!(
            call(&app).await,
            0,
            "it asked us to wait for twenty minutes"
        );
    }
    bank.answers("");
    app.advance(TimeDelta::minutes(2));
    assert_eq!(call(&app).await, 2);
    let held = accounts(&app);
    let tally = held.tally;
    assert_eq!((tally.limited, tally.failed, tally.answered), (1, 0, 1));
    assert_eq!(
        (held.breaker.state, held.failing_since),
        (State::Closed, None)
    );
    let rows = app
        .services
        .db
        .read(|conn| board::rows(conn, &Scope::All, app.now()));
    assert!(rows.unwrap().iter().all(|row| row.limited == 1));
}

#[tokio::test]
async fn a_wrong_answer_is_an_answer_and_nobody_there_is_none() {
    let (app, bank) = with_bank().await;
    bank.answers("HTTP/1.1 404 Nothing here");
    for _ in 0..6 {
        call(&app).await;
        app.advance(TimeDelta::minutes(5));
    }
    assert_eq!(accounts(&app).breaker.state, State::Closed);
    apply(&app, &pack("http://127.0.0.1:9"));
    for _ in 0..5 {
        call(&app).await;
        app.advance(TimeDelta::minutes(5));
    }
    assert_eq!(accounts(&app).breaker.state, State::Open);
}

/// Two processes are two pools of connections to one database; here each thread has its own.
#[tokio::test]
async fn of_many_at_once_one_is_the_trial() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    open(&app, id);
    app.advance(TimeDelta::minutes(2));
    let passes: Vec<Pass> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| go(&app, id))).collect();
        asked
            .into_iter()
            .filter_map(|asked| asked.join().unwrap())
            .collect()
    });
    assert_eq!(passes.len(), 1, "one trial at a time");
    assert_eq!(accounts(&app).tally.short_circuited, 7);
    assert_eq!(turned(&app, id), ["open failures", "half_open due"]);
}

#[tokio::test]
async fn failures_at_once_open_it_once() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    let passes: Vec<Pass> = (0..16).filter_map(|_| go(&app, id)).collect();
    assert_eq!(passes.len(), 16);
    std::thread::scope(|scope| {
        for pass in passes {
            let services = &app.services;
            scope.spawn(move || gate::tell(services, pass, &ended(Verdict::Failed)).unwrap());
        }
    });
    assert_eq!(turned(&app, id), ["open failures"]);
    assert_eq!(app.events_of("breaker.opened").len(), 1);
    let held = accounts(&app);
    assert_eq!(held.tally.failed, 16, "every call is counted");
    assert_eq!(held.breaker.openings, 1);
}

/// Whoever had the trial was killed.
#[tokio::test]
async fn a_trial_that_nobody_ends_is_lost_after_a_minute() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    open(&app, id);
    app.advance(TimeDelta::seconds(70));
    let lost = go(&app, id).unwrap();
    app.advance(TimeDelta::seconds(59));
    assert_eq!(gate::notice(&app.services).unwrap(), 0);
    assert!(go(&app, id).is_none());
    app.advance(TimeDelta::seconds(1));
    assert_eq!(gate::notice(&app.services).unwrap(), 1);
    gate::tell(&app.services, lost, &ended(Verdict::Answered)).unwrap();
    assert_eq!(accounts(&app).breaker.state, State::Open);
    assert_eq!(turned(&app, id).last().unwrap(), "open trial_lost");
}

/// What is kept is kept: by the application's own role nobody rewrites it.
#[tokio::test]
async fn changes_of_state_are_never_rewritten() {
    use diesel::connection::SimpleConnection;
    use signalbox::foundation::db::roles::Role;
    let (app, _bank) = with_bank().await;
    open(&app, accounts(&app).id);
    let mut conn = app.db.connect(Role::App);
    for sql in [
        "UPDATE breaker_turn SET why = 'forced'",
        "DELETE FROM breaker_turn",
        "DELETE FROM breaker",
        "UPDATE breaker_call SET answer = ''",
    ] {
        let refused = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn what_no_pack_names_is_asked_no_more_and_comes_back_as_it_was() {
    let (app, bank) = with_bank().await;
    let id = accounts(&app).id;
    open(&app, id);
    apply(&app, SMALL);
    assert_eq!(call(&app).await, 0);
    assert!(all(&app).is_empty());
    apply(&app, &pack(&bank.url));
    app.advance(TimeDelta::minutes(2));
    assert_eq!(call(&app).await, 2);
    assert_eq!(accounts(&app).id, id);
    assert_eq!(accounts(&app).breaker.state, State::HalfOpen);
}

#[tokio::test]
async fn the_state_is_shown_to_prometheus_by_its_number() {
    signalbox::foundation::telemetry::metrics::start();
    let (app, _bank) = with_bank().await;
    open(&app, accounts(&app).id);
    runner::show(&app.services).unwrap();
    let page = signalbox::foundation::telemetry::metrics::render();
    let line = "breaker_state{dependency=\"demo/bank\",operation=\"accounts\"} 1";
    assert!(page.contains(line), "{page}");

    // One that is gone is no longer said to be cut off.
    apply(&app, SMALL);
    runner::enrol(&app.services).unwrap();
    runner::show(&app.services).unwrap();
    let page = signalbox::foundation::telemetry::metrics::render();
    assert!(
        !page.contains(line) && page.contains("operation=\"accounts\"} NaN"),
        "{page}"
    );
}

#[tokio::test]
async fn a_connector_is_called_what_its_pack_calls_it_now() {
    let (app, bank) = with_bank().await;
    let id = accounts(&app).id;
    let renamed = pack(&bank.url).replace("name = \"Bank\"", "name = \"Custodian\"");
    apply(&app, &renamed);
    runner::enrol(&app.services).unwrap();
    assert_eq!(
        (accounts(&app).id, accounts(&app).name.as_str()),
        (id, "Custodian")
    );
}

/// Where a secret lies is nobody's business, and one that cannot be read says nothing of the other side.
#[tokio::test]
async fn a_missing_authorisation_is_said_without_its_place() {
    let (app, bank) = (TestApp::start().await, Exporter::start().await);
    let file = "authorization_file = \"/nowhere/bank.token\"\noperations";
    apply(&app, &pack(&bank.url).replace("operations", file));
    runner::enrol(&app.services).unwrap();
    assert_eq!(call(&app).await, 2);
    let id = accounts(&app).id;
    let page = app.as_auditor().get(&format!("/connectors/{id}")).await;
    assert!(page.says("the file of its authorisation cannot be read"));
    assert!(!page.body.contains("/nowhere"));
    assert_eq!(accounts(&app).breaker.state, State::Closed);
}
