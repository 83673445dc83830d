//! The sign of life: given while all is well, and never otherwise.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use signalbox::app::{self, supervisor, watched};
use signalbox::features::alerts::evaluate;
use signalbox::features::watched::store;
use signalbox::foundation::Services;
use signalbox::foundation::config::{Mode, SupervisorConfig};
use signalbox::foundation::db::{self, Db, PoolKind};
use signalbox::foundation::kernel::Secret;
use tempfile::TempDir;

use crate::notify::receivers::{Habit, Receiver};
use crate::packs::{SMALL, apply};
use crate::support::app::{TestApp, services};
use crate::support::db::TestDb;
use crate::support::programs;

async fn watched_by(receiver: &Receiver) -> TestApp {
    let url = format!("http://127.0.0.1:{}/ping/secret", receiver.port);
    let app = TestApp::start_with(|services| {
        let mut config = (*services.config).clone();
        config.notices.sign_of_life = Some(Secret::new(url));
        services.config = Arc::new(config);
    })
    .await;
    apply(&app, SMALL);
    app
}

fn standing(app: &TestApp) -> store::Standing {
    app.services.db.read(store::standing).unwrap().unwrap()
}

#[tokio::test]
async fn it_is_given_once_a_minute_while_all_is_well() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = watched_by(&receiver).await;
    evaluate::tick(&app.services).unwrap();
    assert!(watched::turn(&app.services).await.unwrap());
    assert!(receiver.seen()[0].head.starts_with("POST /ping/secret"));
    // Another process looks in the same minute.
    app.advance(TimeDelta::seconds(20));
    assert!(!watched::turn(&app.services).await.unwrap());
    app.advance(TimeDelta::seconds(40));
    evaluate::tick(&app.services).unwrap();
    let both =
        futures_util::future::join(watched::turn(&app.services), watched::turn(&app.services))
            .await;
    assert_ne!(both.0.unwrap(), both.1.unwrap(), "one of two gives it");
    assert_eq!(receiver.seen().len(), 2);
    assert_eq!(standing(&app).trouble, None);
}

#[tokio::test]
async fn it_is_not_given_while_something_stands_still() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = watched_by(&receiver).await;
    assert!(!watched::turn(&app.services).await.unwrap());
    assert_eq!(
        standing(&app).trouble.unwrap(),
        "the rules are not evaluated"
    );
    // The pack's probe has its row, and nobody runs it.
    let probes = crate::health::probes(&app);
    signalbox::features::health::actions::enrol(&app.services, &probes).unwrap();
    app.advance(TimeDelta::minutes(4));
    evaluate::tick(&app.services).unwrap();
    assert!(!watched::turn(&app.services).await.unwrap());
    assert_eq!(
        standing(&app).trouble.unwrap(),
        "a probe is due and is not run"
    );
    assert!(receiver.seen().is_empty());
}

/// Long exports wait for each other, and what another version left waits for that: nothing stands still.
#[tokio::test]
async fn a_job_that_waits_for_its_turn_among_long_ones_stands_for_nothing() {
    use diesel::connection::SimpleConnection as _;
    let receiver = Receiver::start(Habit::Answer(200));
    let app = watched_by(&receiver).await;
    let waits = |kind: &str| {
        let insert = format!(
            "INSERT INTO job (id, kind, payload, run_at, enqueued_at) \
             VALUES (gen_random_uuid(), '{kind}', '{{}}', '{0}', '{0}')",
            app.now() - TimeDelta::minutes(12)
        );
        app.db.connect_superuser().batch_execute(&insert).unwrap();
    };
    waits("audit_log.check");
    waits("test.of_another_version");
    evaluate::tick(&app.services).unwrap();
    assert!(watched::turn(&app.services).await.unwrap());
    waits("upkeep.expire");
    app.advance(TimeDelta::minutes(1));
    evaluate::tick(&app.services).unwrap();
    assert!(!watched::turn(&app.services).await.unwrap());
    assert_eq!(
        standing(&app).trouble.unwrap(),
        "a job waits and is not run"
    );
    let gone = "DELETE FROM job";
    app.db.connect_superuser().batch_execute(gone).unwrap();
}

#[tokio::test]
async fn that_nobody_heard_it_is_told_without_its_address() {
    let receiver = Receiver::start(Habit::Answer(404));
    let app = watched_by(&receiver).await;
    evaluate::tick(&app.services).unwrap();
    assert!(!watched::turn(&app.services).await.unwrap());
    assert_eq!(standing(&app).trouble.unwrap(), "it answered 404");
    let page = app.as_admin().get("/security").await;
    assert!(page.says("no sign of life was given: it answered 404"));
    assert!(!page.body.contains("/ping/secret"));
}

#[tokio::test]
async fn without_an_address_nobody_is_called() {
    let app = TestApp::start().await;
    assert!(!watched::turn(&app.services).await.unwrap());
    assert_eq!(app.services.db.read(store::standing).unwrap(), None);
    assert!(
        app.as_admin()
            .get("/security")
            .await
            .says("SIGNALBOX_HEARTBEAT_URL")
    );
}

/// As systemd listens.
fn supervised(services: &mut Services, path: &Path, watchdog: Duration) -> UnixDatagram {
    let mut config = (*services.config).clone();
    config.supervisor = SupervisorConfig {
        socket: Some(path.display().to_string()),
        watchdog: Some(watchdog),
    };
    services.config = Arc::new(config);
    let socket = UnixDatagram::bind(path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
}

fn heard(socket: &UnixDatagram) -> String {
    let mut text = [0; 64];
    let length = socket.recv(&mut text).expect("the supervisor hears");
    String::from_utf8_lossy(&text[..length]).into_owned()
}

#[tokio::test]
async fn the_supervisor_is_told_of_the_start_the_life_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let db = TestDb::create();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut services = services(Mode::Demo, port, &db);
    let path = folder.path().join("notify");
    let socket = supervised(&mut services, &path, Duration::from_millis(400));
    let running = app::start(services, listener).unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let ready = heard(&socket);
        (ready, heard(&socket), socket)
    });
    let (ready, well, socket) = said.await.unwrap();
    assert_eq!((ready.as_str(), well.as_str()), ("READY=1", "WATCHDOG=1"));
    let health = reqwest::get(format!("http://localhost:{port}/health")).await;
    assert!(health.unwrap().status().is_success(), "ready is ready");
    running.stop().await;
    let last = std::iter::repeat_with(|| heard(&socket)).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.unwrap(), "STOPPING=1");
}

/// With where the supervisor listens, and the folder in which that is.
async fn supervised_app() -> (TestApp, UnixDatagram, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut socket = None;
    let app = TestApp::start_with(|services| {
        socket = Some(supervised(services, &path, Duration::from_mins(1)));
    })
    .await;
    (app, socket.unwrap(), folder)
}

#[tokio::test]
async fn the_watchdog_is_given_nothing_while_something_stands_still() {
    let (app, socket, _folder) = supervised_app().await;
    apply(&app, SMALL);
    assert!(!supervisor::turn(&app.services).unwrap());
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "nothing was said");
    evaluate::tick(&app.services).unwrap();
    assert!(supervisor::turn(&app.services).unwrap());
    socket.set_nonblocking(false).unwrap();
    assert_eq!(heard(&socket), "WATCHDOG=1");
}

/// What a new start does not mend keeps nothing back, and what it may mend does.
#[tokio::test]
async fn the_watchdog_tells_a_database_that_is_away_from_one_that_we_hold_up() {
    let (app, _socket, _folder) = supervised_app().await;
    let nowhere = Secret::new("postgres://nobody:none@127.0.0.1:1/none".to_owned());
    let away = Services {
        db: Db::new(&nowhere, app.services.config.database.pools),
        ..app.services.clone()
    };
    assert!(supervisor::turn(&away).unwrap(), "nobody is blamed for it");

    let jobs = app.services.db.states();
    let jobs = jobs.iter().find(|it| it.kind == PoolKind::Jobs).unwrap();
    let (held, hold) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..jobs.limit)
        .map(|_| {
            let (db, held) = (app.services.db.clone(), held.clone());
            let (release, released) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                db.read_on(PoolKind::Jobs, |_| {
                    held.send(()).unwrap();
                    let _ = released.recv();
                    Ok::<_, db::Error>(())
                })
            });
            (thread, release)
        })
        .collect();
    for _ in 0..jobs.limit {
        hold.recv().unwrap();
    }
    assert!(!supervisor::turn(&app.services).unwrap(), "none comes free");
    for (thread, release) in threads {
        drop(release);
        thread.join().unwrap().unwrap();
    }
    assert!(supervisor::turn(&app.services).unwrap());
}

/// What a Prometheus beside us is given to watch us with.
#[test]
fn the_rules_for_prometheus_are_rules() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prometheus-rules.yml");
    let text = std::fs::read_to_string(file).unwrap();
    for series in [
        "breaker_state",
        "notices_total",
        "audit_lag_seconds",
        "db_pool_idle",
    ] {
        assert!(text.contains(series), "{series}");
    }
    let Some(promtool) = programs::find("promtool") else {
        return;
    };
    let checked = Command::new(promtool)
        .args(["check", "rules", file])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success(), "{said}");
}
