//! What probes may claim, and for how long.

use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use signalbox::app::simulator::{self, Mode, Simulator};
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::latency::Histogram;
use signalbox::features::health::probe::{ErrorKind, Outcome};
use signalbox::features::health::store::samples::{self, Sample, Span};
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::{
    Check, Host, Http, ItemId, Measure, Postgres, ProbeState, Source, Tcp, Tls,
};
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Unaudited;

use super::{failure, parameter, probes, run, run_once, state, the_probe};
use crate::packs::{SMALL, apply, shipped};
use crate::support::app::TestApp;

/// A name has several addresses, and not all of them need be of a family that this machine speaks.
#[tokio::test]
async fn a_dead_service_behind_a_name_is_down_and_not_unknown() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let port = |name: &str| {
        let value = parameter(&simulator, name);
        value.rsplit(':').next().unwrap().parse::<u16>().unwrap()
    };
    let http = || {
        Check::Http(Http {
            url: format!(
                "http://localhost:{}/health",
                port("REGTECH_HORIZON_API_URL")
            ),
            status: vec![200],
            json: [].into(),
            text: None,
            header: [].into(),
        })
    };
    let tcp = || {
        Check::Tcp(Tcp {
            address: format!("localhost:{}", port("FINAEGIS_REDIS_ADDRESS")),
        })
    };
    let postgres = || {
        Check::Postgres(Postgres {
            host: "localhost".into(),
            port: port("LAIT_DB_PORT"),
            database: "lait".into(),
            user: "lait".into(),
            password_file: String::new(),
            tls: Tls::Disable,
        })
    };
    for check in [http(), tcp(), postgres()] {
        assert!(
            matches!(run(check.clone()).await.outcome, Outcome::Good(_)),
            "{check:?}"
        );
    }
    for (platform, name) in [
        ("regtech-horizon", "API"),
        ("finaegis", "Cache and queues"),
        ("lait", "Database"),
    ] {
        assert!(simulator.set(platform, name, Mode::Refusing));
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    for check in [http(), tcp(), postgres()] {
        assert_eq!(
            failure(check.clone()).await,
            Some(ErrorKind::Refused),
            "{check:?}"
        );
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// A role sees only its own sessions in the list of them; the share is that of all.
#[tokio::test]
async fn connections_of_others_are_counted() {
    const HELD: usize = 16;
    let app = TestApp::start().await;
    let url = url::Url::parse(app.db.app_url.expose()).unwrap();
    let mut password = tempfile::NamedTempFile::new().unwrap();
    writeln!(password, "{}", url.password().unwrap_or_default()).unwrap();
    let mut held: Vec<_> = (0..HELD).map(|_| app.db.connect_superuser()).collect();
    let count = |conn: &mut _, sql: &str| -> i64 {
        sql_query(sql).get_result::<Count>(conn).unwrap().count
    };
    let limit = count(
        &mut held[0],
        "SELECT current_setting('max_connections')::bigint AS count",
    );
    let everybody = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let before = count(&mut held[0], everybody);
    let outcome = run(Check::Postgres(Postgres {
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap(),
        database: url.path().trim_start_matches('/').to_owned(),
        user: url.username().to_owned(),
        password_file: password.path().display().to_string(),
        tls: Tls::Disable,
    }))
    .await
    .outcome;
    let after = count(&mut held[0], everybody);
    let Outcome::Good(measures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(measures[0].0, Measure::Connections);
    #[allow(clippy::cast_precision_loss)]
    let (used, least) = (measures[0].1 * limit as f64, before.min(after) as f64);
    // Other tests come and go meanwhile; without the superuser's there would be so many fewer.
    assert!(used > least - 8.0, "{used} of {least}");
    assert!(
        !measures.iter().any(|(name, _)| *name == Measure::Lag),
        "nothing is replicated here"
    );
}

#[tokio::test]
async fn a_host_is_not_asked_and_so_has_no_latency() {
    let found = run(Check::Host(Host { disk: "/".into() })).await;
    assert!(matches!(found.outcome, Outcome::Good(_)), "{found:?}");
    assert_eq!(found.latency_us, None);
}

/// A figure is as old as the run that read it, and is none once a run has failed to.
#[tokio::test]
async fn the_figures_of_a_dead_database_are_not_taken_for_present_ones() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let measured = vec![(Measure::Connections, 0.5)];
    run_once(&app, Outcome::Good(measured.clone()));
    let seen = app.now();
    assert_eq!(state(&app).current_measures(), measured);
    run_once(&app, Outcome::failed(ErrorKind::Refused, ""));
    let dead = state(&app);
    assert!(dead.current_measures().is_empty());
    assert_eq!(dead.measured_at, Some(seen));
    assert!(dead.checked_at > Some(seen));
}

#[tokio::test]
async fn a_pack_that_changes_an_interval_moves_the_next_run() {
    let app = TestApp::start().await;
    let slow = SMALL.replacen("interval = \"30s\"", "interval = \"1d\"", 1);
    apply(&app, &slow);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    app.advance(TimeDelta::seconds(1));
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    assert!(state(&app).due_at - app.now() <= TimeDelta::seconds(30));
}

#[tokio::test]
async fn a_probe_that_comes_back_begins_anew() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    for _ in 0..2 {
        run_once(&app, Outcome::Good(Vec::new()));
    }
    assert_eq!(state(&app).standing.state, ProbeState::Up);
    let start = SMALL.find("[[probe]]").unwrap();
    let end = SMALL.find("[[indicator]]").unwrap();
    let rule = "[[rule]]\nid = \"api-down\"\nname = \"API is down\"\non.state = \"api-health\"\nred = { is = \"down\" }\nrunbook = \"mend\"\n";
    let without = format!("{}{}", &SMALL[..start], SMALL[end..].replacen(rule, "", 1));
    apply(&app, &without);
    app.advance(TimeDelta::days(60));
    apply(&app, SMALL);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let back = state(&app);
    assert_eq!(
        back.standing.state,
        ProbeState::Unknown,
        "nobody has looked yet"
    );
    run_once(&app, Outcome::Good(Vec::new()));
    assert_eq!(state(&app).missed, 0, "nobody wanted those runs");
}

fn minute(at: DateTime<Utc>) -> Sample {
    Sample {
        at: at.duration_trunc(TimeDelta::minutes(1)).unwrap(),
        good: 1,
        failed: 0,
        unknown: 0,
        histogram: Histogram::default(),
        demo: false,
    }
}

/// One good result of this minute.
fn take(app: &TestApp, probe: ItemId) {
    let sample = minute(app.now());
    app.services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| {
            samples::add(conn, probe, Span::Minute, &sample)
        })
        .unwrap();
}

/// How many good results all samples of this length speak of.
fn count(app: &TestApp, probe: ItemId, span: Span) -> i64 {
    let of = |conn: &mut _| samples::since(conn, &[probe], span, DateTime::UNIX_EPOCH);
    let found = app.services.db.read(of).unwrap();
    let found = found.get(&probe).into_iter().flatten();
    found.map(|sample| sample.good).sum()
}

fn since_the_hour(now: DateTime<Utc>) -> TimeDelta {
    now - now.duration_trunc(TimeDelta::hours(1)).unwrap()
}

/// After a stop, what was measured before it is added up all the same.
#[tokio::test]
async fn a_long_stop_loses_no_hour_and_no_day() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let probe = the_probe(&app).id;
    let count = |span| count(&app, probe, span);
    take(&app, probe);
    app.advance(TimeDelta::hours(1));
    actions::tidy(&app.services).unwrap();
    assert_eq!(count(Span::Hour), 1);
    take(&app, probe);
    app.advance(TimeDelta::hours(5));
    actions::tidy(&app.services).unwrap();
    assert_eq!(count(Span::Hour), 2, "the hour before the stop is there");
    app.advance(TimeDelta::days(5));
    actions::tidy(&app.services).unwrap();
    assert_eq!(count(Span::Day), 2, "and so is the day");
}

/// Minutes are dropped one by one. What was added up while all of them were there stands.
#[tokio::test]
async fn an_hour_stays_as_it_was_when_its_minutes_are_dropped() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let probe = the_probe(&app).id;
    app.advance(TimeDelta::hours(1) - since_the_hour(app.now()));
    for _ in 0..3 {
        take(&app, probe);
        app.advance(TimeDelta::minutes(20));
    }
    let mut said = Vec::new();
    for _ in 0..6 * 74 {
        actions::tidy(&app.services).unwrap();
        said.push((
            count(&app, probe, Span::Hour),
            count(&app, probe, Span::Day),
        ));
        app.advance(TimeDelta::minutes(10));
    }
    assert_eq!(count(&app, probe, Span::Minute), 0, "they are dropped");
    said.dedup();
    assert_eq!(said, [(3, 0), (3, 3)], "nobody probed meanwhile");
}

/// What was measured before a stop that is longer than minutes are kept was never added up, and is yet.
#[tokio::test]
async fn a_stop_that_is_longer_than_minutes_are_kept_loses_no_hour() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let probe = the_probe(&app).id;
    take(&app, probe);
    app.advance(TimeDelta::hours(1));
    actions::tidy(&app.services).unwrap();
    take(&app, probe);
    app.advance(TimeDelta::days(5));
    actions::tidy(&app.services).unwrap();
    assert_eq!(count(&app, probe, Span::Hour), 2);
    assert_eq!(count(&app, probe, Span::Day), 2);
}

/// The page says that whatever is broken is seen; so what it breaks is something that the packs ask about.
#[tokio::test]
async fn every_way_to_break_a_simulated_service_fails_its_probes() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let given: Given = simulator.parameters().into_iter().collect();
    let checks = Checks::new().unwrap();
    for mode in [Mode::Failing, Mode::Refusing, Mode::Wrong] {
        for (platform, name) in simulator.names() {
            simulator.set(platform, name, mode);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        for (name, source) in shipped() {
            let (file, _) = packs::check(&source, &given).unwrap();
            let simulated = |check: &Check| match check {
                Check::Http(_)
                | Check::Postgres(_)
                | Check::Redis(_)
                | Check::Queue(_)
                | Check::Prometheus(_) => true,
                Check::Tcp(_) | Check::Tls(_) | Check::Host(_) | Check::File(_) => false,
            };
            let probes = file.pack.all_probes();
            let asked = probes
                .iter()
                .filter(|probe| name != "signalbox.toml" && simulated(&probe.check));
            for probe in asked {
                let mut probe = probe.clone();
                probe.retries = 0;
                let outcome = checks.run(&probe, Utc::now(), None).await.outcome;
                assert!(
                    matches!(outcome, Outcome::Failed(_)),
                    "{name}, {}, {mode:?}: {outcome:?}",
                    probe.id
                );
            }
        }
    }
}

/// "Red within half a minute" follows from the demo's parameters: as many runs as a probe needs to be down,
/// each at its slot, the last one for as long as it can take; then it is looked for, and the rules tick.
#[test]
fn in_the_demo_a_broken_service_is_lit_within_half_a_minute() {
    const LOOKED_FOR_MS: i64 = 500;
    const TICK_MS: i64 = 2_000;
    let given: Given = simulator::parameters(simulator::DEFAULT_PORT, Path::new("/srv/simulated"))
        .into_iter()
        .collect();
    let mut counted = 0;
    for (name, source) in shipped() {
        let (file, _) = packs::check(&source, &given).unwrap();
        let simulated = name != "signalbox.toml";
        for rule in file.pack.rules.iter().filter(|_| simulated) {
            let Source::State(probe) = &rule.on else {
                continue;
            };
            let probes = file.pack.all_probes();
            let probe = probes.iter().find(|it| it.id == *probe).unwrap();
            let slots = probe.interval.millis() * i64::from(probe.failures_to_down);
            let longest = slots + probe.longest_run().millis() + LOOKED_FOR_MS + TICK_MS;
            assert!(longest <= 30_000, "{name}, {}: {longest} ms", rule.id);
            assert!(
                rule.levels()
                    .all(|(_, condition)| condition.lasting.is_zero())
            );
            counted += 1;
        }
    }
    assert!(counted > 10);
}

#[tokio::test]
async fn old_reports_go_and_the_last_one_stays() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let mut conn = app.db.connect_superuser();
    conn.batch_execute(
        "INSERT INTO indicator_report (id, indicator_id, at, value) \
             SELECT gen_random_uuid(), id, timestamptz '2025-01-01' + day * interval '1 day', day \
             FROM pack_item, generate_series(1, 3) AS day WHERE slug = 'ncc_qos'; \
         INSERT INTO event_report (id, event_type_id, at) \
             SELECT gen_random_uuid(), id, '2025-01-01' FROM pack_item WHERE slug = 'report.submitted'",
    )
    .unwrap();
    actions::tidy(&app.services).unwrap();
    let mut count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        sql_query(sql).get_result::<Count>(&mut conn).unwrap().count
    };
    assert_eq!((count("indicator_report"), count("event_report")), (1, 0));
}
