//! The program that people run, from the outside: how it starts, stops, refuses, and what its commands say.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::support::app::{TEST_KEY, TestApp};
use crate::support::db::TestDb;

const START: Duration = Duration::from_mins(1);

/// The program without anything of the surrounding environment that could lead it elsewhere.
pub fn signalbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    for (name, _) in std::env::vars() {
        let is_ours = name.starts_with("SIGNALBOX_") || name.starts_with("PG");
        if is_ours || name == "DATABASE_URL" || name == "LOG_LEVEL" {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// The program over a test's database, which it shares with the test and with its like. It may send to loopback.
pub fn serve_over(app: &TestApp, folder: &TempDir, port: u16) -> Command {
    let mut command = signalbox(&["serve"]);
    command
        .env("SIGNALBOX_DATA_DIR", folder.path().join("var"))
        .env("SIGNALBOX_BIND", format!("127.0.0.1:{port}"))
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
        .env("SIGNALBOX_WEBHOOK_NETWORKS", "127.0.0.0/8")
        .env("DATABASE_URL", app.db.app_url.expose())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A port that nobody uses.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn refuses(command: &mut Command, words: &[&str]) {
    let output = run(command);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
}

/// A data folder and a port of a test's own.
struct Site {
    _folder: TempDir,
    data: PathBuf,
    port: u16,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's user has to come through when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            data: folder.path().join("var"),
            port: free_port(),
            _folder: folder,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = signalbox(args);
        command
            .env("SIGNALBOX_DATA_DIR", &self.data)
            .env("SIGNALBOX_BIND", format!("127.0.0.1:{}", self.port));
        command
    }

    /// With a key from outside, as production has it, in a process group like a terminal's.
    fn serve(&self) -> Running {
        let mut command = self.command(&["serve"]);
        command
            .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        Running::start(command)
    }
}

struct Running {
    child: Child,
    pid: Pid,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let child = command.spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        Self { child, pid }
    }

    /// Waits until it says that it serves.
    fn until_it_serves(&mut self) {
        let mut log = String::new();
        let mut lines = BufReader::new(self.child.stderr.take().unwrap());
        while !log.contains("\"message\":\"serving\"") {
            let read = lines.read_line(&mut log).unwrap();
            assert!(read > 0, "it ended:\n{log}");
        }
        // Nobody may be kept waiting for a reader of the rest.
        std::thread::spawn(move || lines.read_to_string(&mut String::new()));
    }

    fn ends_within(mut self, limit: Duration) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < limit, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn postmaster(data: &Path) -> Option<String> {
    let note = fs::read_to_string(data.join("postgres/postmaster.pid")).ok()?;
    note.lines().next().map(str::to_owned)
}

#[test]
fn a_second_start_is_refused_a_killed_one_recovers_and_ctrl_c_ends_everything() {
    let site = Site::new();
    let began = Instant::now();
    let mut first = site.serve();
    first.until_it_serves();
    assert!(began.elapsed() < START);

    let pid = first.child.id().to_string();
    let mut second = site.command(&["serve"]);
    refuses(
        second.env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY),
        &[&pid, site.data.to_str().unwrap()],
    );

    // `kill -9` takes the sealer and the database with it, and the next start clears up.
    drop(first);
    let mut again = site.serve();
    again.until_it_serves();

    // A terminal sends Ctrl-C to the whole group.
    kill_process_group(again.pid, Signal::INT).unwrap();
    assert_eq!(again.ends_within(Duration::from_secs(29)), Some(0));
    assert_eq!(postmaster(&site.data), None, "the database was not stopped");

    // Its key came from outside; still nobody takes it for a demo's.
    assert!(!site.data.join("encryption.key").exists());
    refuses(
        &mut site.command(&["demo", "--calm"]),
        &["was not made by the demo"],
    );
}

#[test]
fn a_second_sigterm_or_the_first_ends_it_either_way() {
    let site = Site::new();
    let mut running = site.serve();
    running.until_it_serves();
    kill_process(running.pid, Signal::TERM).unwrap();
    let _ = kill_process(running.pid, Signal::TERM);
    assert_eq!(running.ends_within(Duration::from_secs(29)), Some(0));
}

#[test]
fn the_doctor_judges_an_installation_and_its_exit_code_says_so() {
    let site = Site::new();
    let mut running = site.serve();
    running.until_it_serves();
    let mut doctor = site.command(&["doctor"]);
    doctor.env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY);
    let output = run(&mut doctor);
    let found = said(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    for line in [
        "ok    configuration",
        "ok    port             Signalbox answers",
        "ok    database role    signalbox_app",
        "ok    migrations       up to date",
        "ok    durability",
        "ok    clock",
        "ok    sealer key",
        " 0 to mend",
    ] {
        assert!(found.contains(line), "no {line:?} in:\n{found}");
    }

    // A secret that others can read, whichever way it is given.
    let key = site.data.join("key");
    fs::write(&key, TEST_KEY).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut doctor = site.command(&["doctor", "--quiet"]);
    refuses(
        doctor.env("SIGNALBOX_ENCRYPTION_KEY_FILE", &key),
        &["FAIL  secrets", key.to_str().unwrap(), "chmod 600"],
    );
    let made = site.data.join("encryption.key");
    fs::copy(&key, &made).unwrap();
    fs::set_permissions(&made, fs::Permissions::from_mode(0o640)).unwrap();
    refuses(
        &mut site.command(&["doctor", "--quiet"]),
        &["FAIL  secrets", made.to_str().unwrap()],
    );
}

#[test]
fn the_doctor_finds_what_is_wrong_with_a_database_of_others() {
    let db = TestDb::create();
    let site = Site::new();
    let mut doctor = site.command(&["doctor"]);
    doctor
        .env("DATABASE_URL", db.superuser_url.expose())
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY);
    // The server of the tests forgets writes, and this is its superuser.
    refuses(
        &mut doctor,
        &[
            "FAIL  durability",
            "FAIL  database role    postgres is a superuser",
            "FAIL  audit tables",
            "warn  settings",
            "warn  sealer",
            "→ ",
        ],
    );
    let empty = TestDb::empty();
    refuses(
        doctor.env("DATABASE_URL", empty.app_url.expose()),
        &["FAIL  migrations", "run `signalbox migrate`"],
    );
    refuses(
        doctor.env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/nowhere"),
        &["FAIL  database", "check DATABASE_URL"],
    );
    refuses(
        doctor.env("SIGNALBOX_POOL_WEB", "0"),
        &["FAIL  configuration", "SIGNALBOX_POOL_WEB"],
    );
}

#[test]
fn what_is_pending_is_listed_and_nothing_is_made() {
    let db = TestDb::empty();
    let site = Site::new();
    let mut pending = site.command(&["migrate", "--pending"]);
    pending.env("SIGNALBOX_MIGRATE_DATABASE_URL", db.superuser_url.expose());
    let give_back = "ALTER DATABASE current OWNER TO postgres";
    let name = url::Url::parse(db.app_url.expose()).unwrap();
    let name = name.path().trim_start_matches('/').to_owned();
    db.connect_superuser()
        .batch_execute(&give_back.replace("current", &name))
        .unwrap();
    refuses(&mut pending, &["missing 2026-11-"]);
    // Preparing the database would have given it to its owner.
    let owner: Owner = diesel::RunQueryDsl::get_result(
        diesel::sql_query(
            "SELECT pg_get_userbyid(datdba)::text AS name FROM pg_database \
             WHERE datname = current_database()",
        ),
        &mut db.connect_superuser(),
    )
    .unwrap();
    assert_eq!(owner.name, "postgres");
}

#[derive(diesel::QueryableByName)]
struct Owner {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[test]
fn a_sealer_of_its_own_refuses_an_address_that_is_not_safe() {
    let site = Site::new();
    let mut sealer = site.command(&["sealer"]);
    sealer.env(
        "SIGNALBOX_SEALER_DATABASE_URL",
        "postgres://signalbox_sealer:changeme@db.example.com/signalbox",
    );
    refuses(&mut sealer, &["SIGNALBOX_SEALER_DATABASE_URL"]);
}

#[test]
fn a_person_can_be_limited_to_platforms_that_there_are() {
    let db = TestDb::create();
    let site = Site::new();
    let add = |platform: &str| {
        let mut command = site.command(&["user", "add", "--email", "a@test.example"]);
        command
            .args(["--role", "operator", "--platform", platform])
            .env("DATABASE_URL", db.app_url.expose())
            .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY);
        command
    };
    refuses(&mut add("finchat"), &["no platform \"finchat\"", "no pack"]);
    db.connect_superuser()
        .batch_execute(
            "INSERT INTO platform (id, slug, name, created_at) VALUES \
             ('00000000-0000-7000-8000-000000000001', 'finchat', 'FinChat', now()), \
             ('00000000-0000-7000-8000-000000000002', 'lait', 'Lait', now())",
        )
        .unwrap();
    refuses(&mut add("fin"), &["no platform \"fin\"", "finchat, lait"]);
    let added = run(&mut add("lait"));
    assert_eq!(added.status.code(), Some(0), "{}", said(&added));
    assert!(said(&added).contains("/enrol/"), "{}", said(&added));
}

/// The key that the installation keeps itself is changed by one command, while people work, and the old one taken out;
/// where the key is given from outside, the command says how.
#[test]
fn the_encryption_key_is_changed_while_it_serves() {
    let site = Site::new();
    let mut command = site.command(&["demo", "--calm"]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let mut demo = Running::start(command);
    let stdout = demo.child.stdout.take().unwrap();
    let ready = BufReader::new(stdout)
        .lines()
        .any(|line| line.unwrap().contains("demo is at"));
    assert!(ready, "it ended");
    let keys = |args: &[&str]| {
        let output = run(site.command(&["keys"]).args(args));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    };
    assert!(keys(&["rotate", "--status"]).contains("key 1: in use"));
    refuses(
        &mut site.command(&["keys", "retire", "1"]),
        &["the one in use"],
    );
    let rotated = keys(&["rotate"]);
    assert!(
        !rotated.contains("Moved 0 ") && rotated.contains(" to key 2."),
        "{rotated}"
    );
    let status = keys(&["rotate", "--status"]);
    assert!(
        status.contains("key 1: older") && !status.contains("under key 1"),
        "{status}"
    );
    assert!(keys(&["retire", "1"]).contains("Key 1 is retired"));
    // A seed opens under the new key alone, and the demo that has run all along still serves.
    let code = run(&mut site.command(&["demo", "code", "operator@demo.signalbox"]));
    assert_eq!(code.status.code(), Some(0), "{}", said(&code));
    let alive = run(&mut site.command(&["healthcheck"]));
    assert_eq!(alive.status.code(), Some(0), "{}", said(&alive));

    let mut given = site.command(&["keys", "rotate"]);
    let given = given.env(
        "SIGNALBOX_ENCRYPTION_KEY",
        fs::read_to_string(site.data.join("encryption.key")).unwrap(),
    );
    refuses(given, &["add a line", "3 ", " next", "on every machine"]);
    kill_process_group(demo.pid, Signal::INT).unwrap();
    assert_eq!(demo.ends_within(Duration::from_secs(29)), Some(0));
}

/// Everything secret that goes through a door while somebody signs in, enrols and calls the API, at the level at which
/// the log tells most of what we do.
#[actix_web::test]
async fn no_secret_is_in_the_log() {
    const PASSWORD: &str = "signal lamps at dusk";
    const MISTYPED: &str = "the password of my other account";
    let site = Site::new();
    let log = site.data.parent().unwrap().join("log");
    let mut command = site.command(&["demo", "--calm"]);
    command
        .env("LOG_LEVEL", "debug")
        .env(
            "SIGNALBOX_BASE_URL",
            format!("http://localhost:{}", site.port),
        )
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .process_group(0);
    let mut demo = Running::start(command);
    let mut lines = BufReader::new(demo.child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("demo is at")),
        "it ended"
    );

    let ask = |args: &[&str]| {
        let output = run(&mut site.command(args));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let person = "operator@demo.signalbox";
    let code = ask(&["demo", "code", person]).trim().to_owned();
    let key = ask(&["key", "add", "--name", "Reader", "--scope", "alerts:read"]);
    let key = key.trim().to_owned();
    let link = ask(&[
        "user",
        "add",
        "--email",
        "new@test.example",
        "--role",
        "operator",
    ]);
    let token = link.split("/enrol/link/").nth(1).unwrap();
    let token = token.split_whitespace().next().unwrap().to_owned();

    let visitor = Visitor::new(&site);
    visitor
        .send(
            "/sign-in",
            None,
            &[("email", person), ("password", MISTYPED)],
        )
        .await;
    let (cookie, _) = visitor
        .send(
            "/sign-in",
            None,
            &[("email", person), ("password", PASSWORD)],
        )
        .await;
    let half = cookie.expect("the password is right");
    let (cookie, _) = visitor
        .send("/sign-in/code", Some(&half), &[("code", &code)])
        .await;
    let session = cookie.expect("the code is right");
    let account = visitor.open("/account", Some(("cookie", &session))).await;
    assert_eq!(account.0, 200);
    let called = visitor
        .open(
            "/api/v1/alerts",
            Some(("authorization", &format!("Bearer {key}"))),
        )
        .await;
    assert_eq!(called.0, 200);
    let enrolled = visitor.open(&format!("/enrol/link/{token}"), None).await;
    assert_eq!(enrolled.0, 200);
    kill_process_group(demo.pid, Signal::INT).unwrap();
    assert_eq!(demo.ends_within(Duration::from_secs(29)), Some(0));

    let told = fs::read_to_string(&log).unwrap();
    assert!(
        told.contains("/sign-in/code") && told.contains("\"level\":\"debug\""),
        "{told}"
    );
    for line in told.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
    let value = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    let secrets = [
        PASSWORD.into(),
        MISTYPED.into(),
        code,
        key,
        token,
        value(&half),
        value(&session),
        account.1,
    ];
    // Digits of a code may stand by chance in the time and in the request's id, which we make ourselves.
    let plain = told.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("timestamp");
        if let Some(context) = line["context"].as_object_mut() {
            context.remove("request");
        }
        line.to_string()
    });
    let plain: Vec<String> = plain.collect();
    for secret in secrets {
        assert!(secret.len() >= 6, "{secret:?} would be found anywhere");
        let found = plain.iter().find(|line| line.contains(&secret));
        assert_eq!(found, None, "{secret}");
    }
}

/// Somebody who signs in by hand: forms, cookies and nothing else.
struct Visitor {
    http: reqwest::Client,
    base: String,
}

impl Visitor {
    fn new(site: &Site) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            base: format!("http://localhost:{}", site.port),
        }
    }

    /// The status, and the token that the page's forms carry.
    async fn open(&self, path: &str, header: Option<(&str, &str)>) -> (u16, String) {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let token = text.split("name=\"csrf\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        (status, token.unwrap_or("no form on this page").to_owned())
    }

    /// Fills in the form of this page. Answers the cookie that came back, and the status.
    async fn send(
        &self,
        path: &str,
        cookie: Option<&str>,
        fields: &[(&str, &str)],
    ) -> (Option<String>, u16) {
        let header = cookie.map(|cookie| ("cookie", cookie));
        let (_, csrf) = self.open(path, header).await;
        let key = uuid::Uuid::now_v7().to_string();
        let mut fields = fields.to_vec();
        fields.extend([("csrf", csrf.as_str()), ("idempotency", key.as_str())]);
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).finish();
        let mut request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        let set = response.headers().get_all("set-cookie").into_iter();
        let set = set.filter_map(|value| value.to_str().unwrap().split(';').next());
        let set = set.rev().find(|cookie| cookie.starts_with("signalbox="));
        let set = set.map(str::to_owned);
        (set, response.status().as_u16())
    }
}

#[test]
fn people_are_listed_and_shut_out_and_an_account_is_sealed() {
    let db = TestDb::create();
    let site = Site::new();
    let user = |args: &[&str]| {
        let mut command = site.command(&["user"]);
        command
            .args(args)
            .env("DATABASE_URL", db.app_url.expose())
            .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY);
        command
    };
    let sealed = run(&mut user(&[
        "break-glass",
        "--email",
        "envelope@test.example",
        "--name",
        "Envelope",
    ]));
    assert_eq!(sealed.status.code(), Some(0), "{}", said(&sealed));
    assert!(said(&sealed).contains("/enrol/link/"), "{}", said(&sealed));
    let list = said(&run(&mut user(&["list"])));
    assert!(
        list.contains("envelope@test.example\tEnvelope\tadministrator,operator\tenabled"),
        "{list}"
    );
    let why = ["--reason", "the envelope was lost"];
    let disable = |email: &'static str| user(&["disable", email, why[0], why[1]]);
    refuses(
        &mut disable("nobody@test.example"),
        &["nobody has the address"],
    );
    let disabled = run(&mut disable("envelope@test.example"));
    assert_eq!(disabled.status.code(), Some(0), "{}", said(&disabled));
    refuses(&mut disable("envelope@test.example"), &["disabled already"]);
    let list = said(&run(&mut user(&["list"])));
    assert!(list.contains("\tdisabled"), "{list}");
}

#[test]
fn every_command_says_what_it_is_for() {
    let top = said(&run(&mut signalbox(&["--help"])));
    let commands = top
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("Options:").next())
        .unwrap();
    let mut seen = 0;
    for line in commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
    {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        assert!(words.count() >= 2, "{name} says nothing of itself");
        if name == "help" {
            continue;
        }
        let help = run(&mut signalbox(&[name, "--help"]));
        assert_eq!(help.status.code(), Some(0), "{name}");
        seen += 1;
    }
    assert!(seen >= 12, "{top}");
}
