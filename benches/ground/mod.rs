//! What the measurements stand on: a database cluster of their own, durable as the one that people
//! run, and the product's own programs.

#![allow(dead_code, reason = "no measurement needs all of it")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, CookieJar};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bytea, Timestamptz, Uuid as SqlUuid};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use signalbox::app;
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Audit, Event, Subject, jcs, sealer};
use signalbox::foundation::auth::limits::Limits;
use signalbox::foundation::auth::password::Hasher;
use signalbox::foundation::auth::people::{self, NewPerson, Refusal};
use signalbox::foundation::auth::sessions::{self, Method, Stage};
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::auth::{Role as Office, session_store};
use signalbox::foundation::config::{Config, Mode, PoolSizes};
use signalbox::foundation::crypto::Keyring;
use signalbox::foundation::db::cluster::{Cluster, ClusterConfig};
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::{self, Db, migrate};
use signalbox::foundation::kernel::{Clock, Scope};
use signalbox::foundation::web::Board;
use tempfile::TempDir;
use uuid::Uuid;

/// Encrypts nothing that anybody would miss.
const KEY: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";

const LOAD_BATCH: usize = 10_000;

/// Dropping it stops the server and removes the data.
pub struct Ground {
    cluster: Cluster,
    folder: TempDir,
}

impl Ground {
    pub fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's user has to come through when this runs as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Cluster::start(&ClusterConfig::new(folder.path().join("var"))).unwrap();
        migrate::up(&cluster.url(Role::Migrator)).unwrap();
        let ground = Self { cluster, folder };
        sealer::create_key(&ground.path("sealer.key"), Some("bench")).unwrap();
        ground
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self, role: Role) -> String {
        self.cluster.url(role).expose().clone()
    }

    pub fn superuser(&self) -> PgConnection {
        PgConnection::establish(&self.url(Role::Superuser)).unwrap()
    }

    /// Services as `port` serves them, with as many connections for pages and for jobs as given.
    pub fn services(&self, port: u16, connections: u32) -> Services {
        let mut config = Config::read(Mode::Demo, &|name| {
            match name {
                "SIGNALBOX_BIND" => Some(format!("127.0.0.1:{port}")),
                // Measured is the work, not the limit on how often it is asked for.
                _ if name.starts_with("SIGNALBOX_RATE_") => Some("1000000".to_owned()),
                _ => None,
            }
        })
        .unwrap();
        config.database.pools = PoolSizes {
            web: connections,
            jobs: connections,
            ..config.database.pools
        };
        let clock = Clock::system();
        let keyring = Keyring::parse(KEY).unwrap();
        let db = Db::new(&self.cluster.url(Role::App), config.database.pools);
        Services {
            audit: Audit::new(db.clone(), clock.clone(), keyring.clone(), app::reactions),
            passwords: Hasher::new(config.password).unwrap(),
            limits: Limits::new(config.web.rates),
            config: Arc::new(config),
            clock,
            db,
            keyring,
            provider: None,
            board: Board::default(),
        }
    }

    /// The product's program on this database.
    pub fn signalbox(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
        command
            .args(arguments)
            .env("DATABASE_URL", self.url(Role::App))
            .env("SIGNALBOX_SEALER_DATABASE_URL", self.url(Role::Sealer))
            .env("SIGNALBOX_SEALER_KEY_FILE", self.path("sealer.key"))
            .env("SIGNALBOX_ENCRYPTION_KEY", KEY)
            .env("SIGNALBOX_DATA_DIR", self.path("program"))
            .env("LOG_LEVEL", "error")
            .envs(
                ["ADDRESS", "SESSION", "KEY"].map(|of| (format!("SIGNALBOX_RATE_{of}"), "1000000")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running(self.signalbox(arguments).spawn().unwrap())
    }

    /// Starts the application on a free port, without its sealer, and waits until it is ready.
    pub fn serve(&self) -> (Running, u16) {
        let port = free_port();
        let mut command = self.signalbox(&["serve"]);
        command
            .env("SIGNALBOX_BIND", format!("127.0.0.1:{port}"))
            .env_remove("SIGNALBOX_SEALER_DATABASE_URL");
        let running = Running(command.spawn().unwrap());
        until_ready(port);
        (running, port)
    }

    /// Puts events where business transactions leave them, faster than those could.
    pub fn load_events(&self, count: usize) {
        let mut conn = self.superuser();
        let began = Utc::now() - TimeDelta::days(30);
        for first in (0..count).step_by(LOAD_BATCH) {
            let events: Vec<_> = (first..count.min(first + LOAD_BATCH))
                .map(|number| event(number, began))
                .collect();
            sql_query(
                "INSERT INTO audit_inbox (id, recorded_at, body) SELECT * FROM unnest($1, $2, $3)",
            )
            .bind::<Array<SqlUuid>, _>(events.iter().map(|event| event.0).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(events.iter().map(|event| event.1).collect::<Vec<_>>())
            .bind::<Array<Bytea>, _>(events.iter().map(|event| &event.2[..]).collect::<Vec<_>>())
            .execute(&mut conn)
            .unwrap();
        }
    }

    /// Waits until the database has nothing to do: a peer that was asked for more than it could serve works on
    /// after its askers have gone.
    pub fn until_quiet(&self) {
        let mut conn = self.superuser();
        let mut quiet = 0;
        while quiet < 20 {
            let busy = number(
                &mut conn,
                "SELECT count(*) AS number FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()",
            );
            quiet = if busy == 0 { quiet + 1 } else { 0 };
            sleep(Duration::from_millis(50));
        }
    }

    /// Loads and seals that many events; says how long the sealer took.
    pub fn sealed_events(&self, count: usize) -> Duration {
        self.load_events(count);
        let began = Instant::now();
        let sealer = self.start(&["sealer"]);
        let mut conn = self.superuser();
        while number(&mut conn, "SELECT size AS number FROM audit_head") < count as i64 {
            sleep(Duration::from_millis(20));
        }
        let took = began.elapsed();
        sealer.stop();
        // As autovacuum would, which the server of tests and benches does not run.
        for table in ["audit_log", "audit_inbox"] {
            sql_query(format!("VACUUM ANALYZE {table}"))
                .execute(&mut conn)
                .unwrap();
        }
        took
    }
}

/// An event such as the product writes a thousand times a day.
fn event(number: usize, began: DateTime<Utc>) -> (Uuid, DateTime<Utc>, Vec<u8>) {
    const KINDS: [&str; 5] = [
        "session.signed_in",
        "alert.acknowledged",
        "kyc.case_claimed",
        "kyc.case_approved",
        "intake.chunk_recorded",
    ];
    let id = Uuid::new_v4();
    let at = began + TimeDelta::milliseconds(i64::try_from(number).unwrap_or(0) * 2);
    let at = at.duration_trunc_micros();
    let body = json!({
        "v": 1,
        "id": id.simple().to_string(),
        "at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "kind": KINDS[number % KINDS.len()],
        "actor": { "kind": "person", "id": Uuid::from_u128(number as u128 % 40).to_string() },
        "subject": { "kind": "case", "id": Uuid::from_u128(number as u128 / 4).to_string() },
        "outcome": "success",
        "request": Uuid::from_u128(number as u128).simple().to_string(),
        "details": { "hits": number % 7, "reason": "name_match", "score": number % 1000 },
    });
    (id, at, jcs::to_vec(&body).unwrap())
}

/// Events hold microseconds.
trait Micros {
    fn duration_trunc_micros(self) -> Self;
}

impl Micros for DateTime<Utc> {
    fn duration_trunc_micros(self) -> Self {
        DateTime::from_timestamp_micros(self.timestamp_micros()).unwrap()
    }
}

/// A program that ends when this is dropped.
pub struct Running(Child);

impl Running {
    pub fn of(child: Child) -> Self {
        Self(child)
    }

    pub fn memory_kib(&self, line: &str) -> Option<u64> {
        memory_kib(self.0.id(), line)
    }

    /// Processor time so far, of all cores. The kernel counts it in hundredths of a second.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // What comes before the last parenthesis is the name, which may hold anything.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
    }

    pub fn stop(mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of the kernel's account of a process, such as VmRSS or VmHWM.
pub fn memory_kib(pid: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let found = status.lines().find_map(|found| found.strip_prefix(line))?;
    found
        .trim_start_matches(':')
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Runs a program to its end; how long it took and the most memory that it had.
pub fn run(mut command: Command) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(memory_kib(child.id(), "VmHWM").unwrap_or(0));
        sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    (took, peak)
}

pub fn number(conn: &mut PgConnection, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let row: Row = sql_query(query).get_result(conn).unwrap();
    row.number
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits for the first request that can be served.
pub fn until_ready(port: u16) -> Duration {
    let began = Instant::now();
    while status(port, "/api/readiness") != Some(200) {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "not ready in a minute"
        );
        sleep(Duration::from_millis(2));
    }
    began.elapsed()
}

/// A plain GET, without a client to warm up.
fn status(port: u16, path: &str) -> Option<u16> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_whitespace().nth(1)?.parse().ok()
}

/// How many, from the environment or as usual: a first look need not take minutes.
pub fn how_many(usual: usize) -> usize {
    let given = std::env::var("SIGNALBOX_BENCH_COUNT").ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(usual)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// An auditor's cookie.
pub fn sign_in(services: &Services) -> String {
    let new = NewPerson {
        email: "auditor@bench.example".to_owned(),
        name: "Bench auditor".to_owned(),
        roles: vec![Office::Auditor],
        scope: Scope::All,
        demo: false,
    };
    let actor = Actor::command_line("bench");
    let person = services
        .audit
        .write::<_, Refusal>(&actor, |tx| people::add(tx, &new))
        .unwrap();
    let client = sessions::Client {
        address: "127.0.0.1".to_owned(),
        user_agent: "bench".to_owned(),
    };
    let token: Token = services
        .audit
        .write(&actor, |tx| {
            let now = tx.now();
            let (id, token) = sessions::begin(
                tx,
                person,
                Stage::Full,
                Some(Method::Totp),
                &client,
                None,
                now,
            )?;
            tx.record(Event::new("session.signed_in", Subject::new("session", id)))?;
            Ok::<_, db::Error>(token)
        })
        .unwrap();
    let name = session_store::cookie_name(services);
    let mut jar = CookieJar::new();
    jar.signed_mut(&session_store::cookie_key(services))
        .add(Cookie::new(name, token.expose().to_owned()));
    jar.get(name).unwrap().encoded().stripped().to_string()
}

pub fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The line that counts.
pub fn verdict(what: &str, figure: f64, unit: &str, peer: &str, of_peer: f64, floor: Option<f64>) {
    let ratio = figure / of_peer;
    let judged = match floor {
        Some(floor) if ratio >= floor => format!("floor {floor}: held"),
        Some(floor) => format!("floor {floor}: MISSED"),
        None => "no floor".to_owned(),
    };
    println!("{what}: {figure:.0} {unit}; {peer}: {of_peer:.0}; ratio {ratio:.2}; {judged}");
}
