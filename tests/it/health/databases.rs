//! What real servers tell of themselves, alone and when one follows another.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use rustix::process::{Pid, Signal, kill_process};
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions;
use signalbox::features::health::probe::Outcome;
use signalbox::features::packs::pack::{Check, Measure, Postgres, Tls};
use signalbox::foundation::db::cluster::Binaries;
use tempfile::{NamedTempFile, TempDir};
use url::Url;

use super::{probes, run, run_once};
use crate::packs::apply;
use crate::program::free_port;
use crate::support::app::TestApp;
use crate::support::waiting::{until, wait_until};

/// What a probe reads that is given this address.
async fn told(url: &str) -> BTreeMap<Measure, f64> {
    let url = Url::parse(url).unwrap();
    let mut password = NamedTempFile::new().unwrap();
    writeln!(password, "{}", url.password().unwrap_or_default()).unwrap();
    let check = Check::Postgres(Postgres {
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap_or(5432),
        database: url.path().trim_start_matches('/').to_owned(),
        user: url.username().to_owned(),
        password_file: password.path().display().to_string(),
        tls: Tls::Disable,
    });
    match run(check).await.outcome {
        Outcome::Good(measures) => measures.into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

/// How long its longest query runs, how many of its rows are dead, and who follows it.
#[tokio::test]
async fn a_real_database_is_measured() {
    let app = TestApp::start().await;
    let mut owner = app.db.connect_superuser();
    owner
        .batch_execute(
            "CREATE TABLE bloated (n int); ALTER TABLE bloated SET (autovacuum_enabled = false); \
             INSERT INTO bloated SELECT generate_series(1, 5000); DELETE FROM bloated; \
             SELECT pg_stat_force_next_flush(); SELECT 1;",
        )
        .unwrap();
    let mut sleeper = app.db.connect_superuser();
    std::thread::spawn(move || sleeper.batch_execute("SELECT pg_sleep(6)"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let plain = told(app.db.app_url.expose()).await;
    assert!(
        !plain.contains_key(&Measure::Query),
        "this role does not see it"
    );
    assert!(plain[&Measure::Bloat] > 0.5, "{plain:?}");
    assert!((plain[&Measure::Replicas]).abs() < f64::EPSILON);
    assert!(!plain.contains_key(&Measure::Lag), "nobody follows it");
    let all = told(app.db.superuser_url.expose()).await;
    assert!((1.0..6.0).contains(&all[&Measure::Query]), "{all:?}");
}

/// A server that follows another is seen from both ends: while it keeps up, while it does not, and when it is cut off.
#[tokio::test]
async fn a_server_that_follows_another_is_measured() {
    let ground = Ground::new();
    let mut primary = ground.primary();
    primary.does("CREATE ROLE plain LOGIN PASSWORD 'plain'");
    let mut standby = ground.standby_of(&primary);
    let keeps_up = |figures: &BTreeMap<_, _>| figures.get(&Measure::Lag) == Some(&0.0);
    let is_behind =
        |figures: &BTreeMap<_, _>| figures.get(&Measure::Lag).is_some_and(|lag| *lag > 1.5);

    let followed = |figures: &BTreeMap<_, _>| replicas(figures) == "1";
    let figures = primary.until("somebody follows", followed).await;
    assert!(figures[&Measure::Lag] < 10.0, "{figures:?}");
    let figures = standby.until("it keeps up", keeps_up).await;
    assert_eq!(replicas(&figures), "0");
    let figures = primary.tells("plain").await;
    assert_eq!(replicas(&figures), "1");
    assert!(
        !figures.contains_key(&Measure::Lag),
        "this role does not see it"
    );
    assert!(keeps_up(&standby.tells("plain").await), "and this one does");

    standby.does("SELECT pg_wal_replay_pause()");
    primary.does("CREATE TABLE written AS SELECT generate_series(1, 1000)");
    standby.until("it is behind", is_behind).await;
    primary.until("the other knows", is_behind).await;
    standby.does("SELECT pg_wal_replay_resume()");
    standby.until("it has caught up", keeps_up).await;
    primary.does("DROP TABLE written");
    primary
        .until("the other knows that too", |figures| {
            figures[&Measure::Lag] < 1.5
        })
        .await;

    // All that it received it has replayed, but it receives no more.
    primary.stop();
    standby.until("it is cut off", is_behind).await;
    assert!(is_behind(&standby.tells("plain").await));
    primary.start();
    standby.until("it follows again", keeps_up).await;
    standby.stop();
    let alone = |figures: &BTreeMap<_, _>| replicas(figures) == "0";
    let figures = primary.until("nobody follows", alone).await;
    assert!(!figures.contains_key(&Measure::Lag), "{figures:?}");
}

const FOLLOWED: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "database"
name = "Database"

[[probe]]
id = "primary"
service = "database"
check.postgres = { host = "localhost", database = "d", user = "probe", password_file = "/run/secrets/probe" }
interval = "30s"

[[rule]]
id = "nobody-follows"
name = "Nobody follows the database"
on.measure = { probe = "primary", name = "replicas" }
yellow = { below = 1 }
"#;

/// Where nobody follows there is no lag, and yet a rule may want one.
#[tokio::test]
async fn a_lamp_for_want_of_a_replica_stands_on_the_overview() {
    let app = TestApp::start().await;
    apply(&app, FOLLOWED);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let tile = async |measures: &[(Measure, f64)]| {
        run_once(&app, Outcome::Good(measures.to_vec()));
        evaluate::tick(&app.services).unwrap();
        let tiles = app.as_operator().get("/").await.texts(".tile");
        tiles
            .into_iter()
            .find(|tile| tile.contains("Replication lag"))
    };
    let alone = tile(&[(Measure::Replicas, 0.0)]).await.unwrap();
    assert!(
        alone.contains("none") && alone.contains("replicas: 0"),
        "{alone}"
    );
    let followed = [(Measure::Lag, 2.0), (Measure::Replicas, 1.0)];
    let followed = tile(&followed).await.unwrap();
    assert!(
        followed.contains("2 s") && followed.contains("replicas: 1"),
        "{followed}"
    );
    assert!(tile(&[]).await.is_none(), "nobody knows");
}

/// How many follow.
fn replicas(figures: &BTreeMap<Measure, f64>) -> String {
    figures[&Measure::Replicas].to_string()
}

/// Where servers of one test keep what they have.
struct Ground {
    folder: TempDir,
    programs: PathBuf,
}

const SUPERUSER: &str = "postgres";
const PASSWORD: &str = "as-long-as-its-test";

/// A standby says every second how far it is.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=16MB",
    "fsync=off",
    "wal_level=replica",
    "wal_receiver_status_interval=1",
];

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = Self {
            folder,
            programs: Binaries::find().unwrap().dir().to_owned(),
        };
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(ground.folder.path(), everybody).unwrap();
        ground
    }

    /// PostgreSQL refuses root, so root hands it to somebody else.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command
            .args(["--pdeathsig", "INT", "--"])
            .arg(self.programs.join(name))
            .current_dir(self.folder.path())
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        command
    }

    fn does(&self, name: &str, arguments: &[&str]) {
        let done = self.program(name).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{name}: {said}");
    }

    fn primary(&self) -> Server {
        let password = self.folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let file = format!("--pwfile={}", password.display());
        let of = [
            "--pgdata=primary",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--no-sync",
        ];
        self.does("initdb", &[&of[..], &[&file]].concat());
        Server::started(self, "primary")
    }

    fn standby_of(&self, primary: &Server) -> Server {
        self.does(
            "pg_basebackup",
            &[
                "--pgdata=standby",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--dbname",
                primary.url.as_str(),
            ],
        );
        Server::started(self, "standby")
    }
}

/// One server, on a port that it keeps.
struct Server {
    command: Command,
    process: Child,
    url: Url,
}

impl Server {
    fn started(ground: &Ground, folder: &str) -> Self {
        let port = free_port();
        let mut command = ground.program("postgres");
        command
            .args(["-D", folder, "-p", &port.to_string()])
            .stderr(Stdio::null());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let mut url = Url::parse(&format!("postgres://127.0.0.1:{port}/postgres")).unwrap();
        url.set_username(SUPERUSER).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        let process = command.spawn().unwrap();
        let server = Self {
            command,
            process,
            url,
        };
        server.connect();
        server
    }

    fn start(&mut self) {
        self.process = self.command.spawn().unwrap();
        self.connect();
    }

    /// As soon as it lets somebody in.
    fn connect(&self) -> PgConnection {
        let mut conn = None;
        wait_until("it lets us in", || {
            conn = PgConnection::establish(self.url.as_str()).ok();
            conn.is_some()
        });
        conn.unwrap()
    }

    fn does(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
    }

    /// What a probe reads as this role, which signs in with its name.
    async fn tells(&self, role: &str) -> BTreeMap<Measure, f64> {
        let mut url = self.url.clone();
        url.set_username(role).unwrap();
        if role != SUPERUSER {
            url.set_password(Some(role)).unwrap();
        }
        told(url.as_str()).await
    }

    /// The first figures that are so.
    async fn until(
        &self,
        what: &str,
        is_so: impl Fn(&BTreeMap<Measure, f64>) -> bool,
    ) -> BTreeMap<Measure, f64> {
        let mut figures = BTreeMap::new();
        until(what, async || {
            figures = self.tells(SUPERUSER).await;
            is_so(&figures)
        })
        .await;
        figures
    }

    /// At once: nobody is told goodbye.
    fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::QUIT);
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
