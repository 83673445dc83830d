//! Probes against real listeners, claims between two processes, and what is reported.

pub mod claims;
mod databases;
mod evidence;
mod files;
mod platforms;
mod queues;
mod redis;
mod scrapes;
mod signals;
mod tls;

use std::io::Write as _;

use signalbox::app::simulator::{Mode, Simulator};
use signalbox::features::health::actions::{self, ReportError};
use signalbox::features::health::checks::Checks;
use signalbox::features::health::probe::{ErrorKind, Outcome, Run};
use signalbox::features::health::store;
use signalbox::features::health::store::samples::{self, Span};
use signalbox::features::packs::pack::{Check, Http, Postgres, Probe, ProbeState, Tcp, Tls};
use signalbox::features::packs::quantity::Lasting;
use signalbox::features::packs::store::{self as packs, Item};
use signalbox::foundation::audit::Actor;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

fn probe(check: Check) -> Probe {
    Probe {
        id: "p".into(),
        service: "s".into(),
        check,
        interval: Lasting::from_secs(10),
        timeout: Some(Lasting::from_secs(3)),
        retries: 0,
        failures_to_down: 3,
        successes_to_up: 2,
    }
}

fn http(url: String) -> Check {
    let status = serde_json::Value::from("ok");
    Check::Http(Http {
        url,
        status: vec![200],
        json: [("/status".to_owned(), status)].into(),
        text: None,
        header: [].into(),
    })
}

async fn run(check: Check) -> Run {
    Checks::new()
        .unwrap()
        .run(&probe(check), chrono::Utc::now(), None)
        .await
}

async fn failure(check: Check) -> Option<ErrorKind> {
    match run(check).await.outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

fn parameter(simulator: &Simulator, name: &str) -> String {
    let found = simulator
        .parameters()
        .into_iter()
        .find(|(of, _)| of == name);
    found.unwrap().1
}

#[tokio::test]
async fn http_failures_are_told_apart() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let url = format!(
        "{}/health",
        parameter(&simulator, "REGTECH_HORIZON_API_URL")
    );
    let set = |mode| assert!(simulator.set("regtech-horizon", "API", mode));
    assert_eq!(
        run(http(url.clone())).await.outcome,
        Outcome::Good(Vec::new())
    );
    for (mode, kind) in [
        (Mode::Failing, ErrorKind::WrongAnswer),
        (Mode::Wrong, ErrorKind::WrongAnswer),
        (Mode::Slow, ErrorKind::Timeout),
        (Mode::Refusing, ErrorKind::Refused),
    ] {
        set(mode);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(failure(http(url.clone())).await, Some(kind), "{mode:?}");
    }
    set(Mode::Well);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(failure(http(url.clone())).await, None);
    let tls = url.replace("http://", "https://");
    assert_eq!(failure(http(tls)).await, Some(ErrorKind::Tls));
    let nowhere = "http://signalbox-test.invalid/".to_owned();
    assert_eq!(failure(http(nowhere)).await, Some(ErrorKind::Dns));
}

#[tokio::test]
async fn a_port_is_open_or_refused() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let address = parameter(&simulator, "FINAEGIS_REDIS_ADDRESS");
    let tcp = || {
        Check::Tcp(Tcp {
            address: address.clone(),
        })
    };
    assert_eq!(failure(tcp()).await, None);
    assert!(simulator.set("finaegis", "Cache and queues", Mode::Refusing));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(failure(tcp()).await, Some(ErrorKind::Refused));
}

/// RH-4: refused and wrong credentials are two things.
#[tokio::test]
async fn a_databases_failures_are_told_apart() {
    let app = TestApp::start().await;
    let url = url::Url::parse(app.db.app_url.expose()).unwrap();
    let mut password = tempfile::NamedTempFile::new().unwrap();
    writeln!(password, "{}", url.password().unwrap_or_default()).unwrap();
    let real = Postgres {
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap(),
        database: url.path().trim_start_matches('/').to_owned(),
        user: url.username().to_owned(),
        password_file: password.path().display().to_string(),
        tls: Tls::Disable,
    };
    let good = run(Check::Postgres(real.clone())).await.outcome;
    let Outcome::Good(measures) = good else {
        panic!("{good:?}")
    };
    assert!(
        measures[0].1 > 0.0 && measures[0].1 <= 1.0,
        "a share of the connections"
    );
    assert!(measures[1].1 > 1e6, "a database has bytes");
    let tls = Postgres {
        tls: Tls::Require,
        ..real.clone()
    };
    assert_eq!(failure(Check::Postgres(tls)).await, Some(ErrorKind::Tls));
    let missing = Postgres {
        password_file: "/nowhere".into(),
        ..real.clone()
    };
    assert!(matches!(
        run(Check::Postgres(missing)).await.outcome,
        Outcome::Unknown(_)
    ));

    let simulator = Simulator::start_sites(0).await.unwrap();
    let port = parameter(&simulator, "LAIT_DB_PORT").parse().unwrap();
    let simulated = || {
        Check::Postgres(Postgres {
            host: "127.0.0.1".into(),
            port,
            password_file: String::new(),
            ..real.clone()
        })
    };
    assert_eq!(failure(simulated()).await, None);
    for (mode, kind) in [
        (Mode::Wrong, ErrorKind::Authentication),
        (Mode::Failing, ErrorKind::WrongAnswer),
        (Mode::Slow, ErrorKind::Timeout),
        (Mode::Refusing, ErrorKind::Refused),
    ] {
        assert!(simulator.set("lait", "Database", mode));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(failure(simulated()).await, Some(kind), "{mode:?}");
    }
}

/// RegTech Horizon's guide knows the failure of a password that the server keeps as MD5.
#[tokio::test]
async fn a_password_that_is_kept_as_md5_is_right_or_wrong() {
    const ROLE: &str = "signalbox_test_md5";
    let app = TestApp::start().await;
    let mut owner = app.db.connect_superuser();
    owner
        .batch_execute(&format!(
            "DROP ROLE IF EXISTS {ROLE}; SET password_encryption = 'md5'; \
             CREATE ROLE {ROLE} LOGIN PASSWORD 'hush'"
        ))
        .unwrap();
    let kept: Kept = sql_query("SELECT rolpassword AS password FROM pg_authid WHERE rolname = $1")
        .bind::<Text, _>(ROLE)
        .get_result(&mut owner)
        .unwrap();
    assert!(kept.password.starts_with("md5"), "the server keeps it so");
    let url = url::Url::parse(app.db.superuser_url.expose()).unwrap();
    let with = |password: &tempfile::NamedTempFile| {
        Check::Postgres(Postgres {
            host: url.host_str().unwrap().to_owned(),
            port: url.port().unwrap(),
            database: "postgres".to_owned(),
            user: ROLE.to_owned(),
            password_file: password.path().display().to_string(),
            tls: Tls::Disable,
        })
    };
    let (mut right, mut wrong) = (
        tempfile::NamedTempFile::new().unwrap(),
        tempfile::NamedTempFile::new().unwrap(),
    );
    writeln!(right, "hush").unwrap();
    writeln!(wrong, "hash").unwrap();
    assert_eq!(failure(with(&right)).await, None);
    assert_eq!(failure(with(&wrong)).await, Some(ErrorKind::Authentication));
    owner.batch_execute(&format!("DROP ROLE {ROLE}")).unwrap();
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Text)]
    password: String,
}

pub fn probes(app: &TestApp) -> actions::Probes {
    let live = app.services.db.read(packs::live::<Probe>).unwrap();
    live.into_iter().map(|item| (item.id, item)).collect()
}

fn the_probe(app: &TestApp) -> Item<Probe> {
    probes(app).into_values().next().unwrap()
}

/// One run of the small pack's only probe, half a minute after the last.
fn run_once(app: &TestApp, outcome: Outcome) {
    app.advance(TimeDelta::seconds(30));
    let claim = actions::claim(&app.services, &probes(app))
        .unwrap()
        .remove(0);
    let run = Run {
        at: app.now(),
        outcome,
        latency_us: Some(7_000),
        attempts: 1,
        tally: None,
        scraped: Vec::new(),
    };
    actions::finish(&app.services, &the_probe(app), claim, run).unwrap();
}

fn state(app: &TestApp) -> store::State {
    let states = app.services.db.read(store::states).unwrap();
    states[&the_probe(app).id].clone()
}

#[tokio::test]
async fn a_probe_goes_down_after_three_failures_and_says_so() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    for _ in 0..2 {
        run_once(&app, Outcome::Good(Vec::new()));
    }
    assert_eq!(state(&app).standing.state, ProbeState::Up);
    assert_eq!(app.events_of("probe.came_up").len(), 1);
    for _ in 0..3 {
        assert!(app.events_of("probe.went_down").is_empty());
        run_once(
            &app,
            Outcome::failed(ErrorKind::Refused, "connection refused"),
        );
    }
    let down = &app.events_of("probe.went_down")[0];
    assert_eq!(down["details"]["error"], "refused");
    let page = app.as_operator().get("/services").await;
    let rows = page.table("Services, worst first");
    assert!(rows[0][0].starts_with("API"));
    assert!(
        rows[0][1].contains("Down") && rows[0][1].contains("connection refused"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn results_are_added_up_by_the_minute_and_rolled_up() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    for _ in 0..4 {
        run_once(&app, Outcome::Good(Vec::new()));
    }
    app.advance(TimeDelta::hours(1));
    actions::tidy(&app.services).unwrap();
    actions::tidy(&app.services).unwrap();
    let id = the_probe(&app).id;
    let of = |span| {
        let from = app.now() - TimeDelta::days(1);
        let found = app
            .services
            .db
            .read(|conn| samples::since(conn, &[id], span, from))
            .unwrap();
        found.get(&id).cloned().unwrap_or_default()
    };
    assert_eq!(
        of(Span::Minute)
            .iter()
            .map(|sample| sample.good)
            .sum::<i64>(),
        4
    );
    let hours = of(Span::Hour);
    assert_eq!(
        (hours.len(), hours[0].good, hours[0].histogram.total()),
        (1, 4, 4)
    );
    app.advance(TimeDelta::hours(49));
    actions::tidy(&app.services).unwrap();
    assert!(of(Span::Minute).is_empty());
}

#[tokio::test]
async fn two_processes_do_not_run_a_probe_twice() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let probes = probes(&app);
    actions::enrol(&app.services, &probes).unwrap();
    app.advance(TimeDelta::seconds(30));
    let claims: Vec<usize> = std::thread::scope(|scope| {
        let claim = || actions::claim(&app.services, &probes).unwrap().len();
        let running: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(claims.iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn a_run_whose_lease_was_lost_changes_nothing() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    app.advance(TimeDelta::seconds(30));
    let late = actions::claim(&app.services, &probes(&app))
        .unwrap()
        .remove(0);
    app.advance(TimeDelta::minutes(2));
    run_once(&app, Outcome::Good(Vec::new()));
    let before = state(&app).standing;
    let run = Run {
        at: app.now(),
        outcome: Outcome::failed(ErrorKind::Timeout, ""),
        latency_us: None,
        attempts: 1,
        tally: None,
        scraped: Vec::new(),
    };
    actions::finish(&app.services, &the_probe(&app), late, run).unwrap();
    assert_eq!(state(&app).standing, before);
    assert!(state(&app).missed > 0, "the runs between were missed");
}

#[tokio::test]
async fn a_probe_that_is_not_heard_of_is_unknown_not_green() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    for _ in 0..2 {
        run_once(&app, Outcome::Good(Vec::new()));
    }
    let word = async |app: &TestApp| {
        let page = app.as_operator().get("/services").await;
        page.table("Services, worst first")[0][1].clone()
    };
    assert!(word(&app).await.contains("Up"));
    app.advance(TimeDelta::minutes(5));
    assert!(word(&app).await.contains("Unknown"));
}

#[tokio::test]
async fn reports_are_audited_and_unknown_names_are_answered_with_the_known_ones() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let actor = Actor::command_line("tester");
    actions::report_indicator(&app.services, &actor, "ncc_qos", 97.4, None).unwrap();
    assert_eq!(
        app.events_of("indicator.reported")[0]["details"]["value"],
        "97.4"
    );
    let unknown =
        actions::report_indicator(&app.services, &actor, "nc_qos", 1.0, None).unwrap_err();
    assert!(
        unknown.to_string().contains("there are ncc_qos"),
        "{unknown}"
    );
    assert!(matches!(
        actions::report_indicator(&app.services, &actor, "ncc_qos", f64::NAN, None),
        Err(ReportError::NotFinite)
    ));
    apply(&app, &SMALL.replace("id = \"demo\"", "id = \"other\""));
    let twice = actions::report_event(&app.services, &actor, "report.submitted", None).unwrap_err();
    assert!(matches!(twice, ReportError::Ambiguous { .. }), "{twice}");
    actions::report_event(&app.services, &actor, "report.submitted", Some("other")).unwrap();
    assert_eq!(app.events_of("event.reported").len(), 1);
}
