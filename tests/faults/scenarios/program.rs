//! The program that people run, `signalbox serve`, over HTTP.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, CookieJar};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bytea, Nullable, Uuid as SqlUuid};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::auth::{Role as Office, factors, session_store};
use signalbox::foundation::db;
use signalbox::foundation::db::cluster::{Cluster, ClusterConfig};
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::Secret;
use uuid::Uuid;

use super::child::Killable;
use super::plant::{Plant, signal};
use super::{Trial, wait_until};
use crate::support::app::TEST_KEY;
use crate::support::personas::{begin_session, find_or_add, session_cookie};

const PEOPLE: usize = 6;
pub(super) const PASSWORD: &str = "a lamp for every signal";

/// From the start of the process to the first request that can be served.
const START: Duration = Duration::from_secs(5);

/// From the first connection that the database accepts again to the first request that is served.
const RECOVERY: Duration = Duration::from_secs(10);

/// A database that was killed looks through its files first; how long that takes is its own affair.
const DATABASE_START: Duration = Duration::from_mins(1);

/// `kill -9` of the program while people sign in. Whoever got a session has one, with its event;
/// there is no session without its event, nor the reverse; and the next start is quick.
pub async fn killed(trial: Trial) {
    let plant = Plant::start();
    let port = free_port();
    let services = plant.services(port);
    let people = people(&services);
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let mut acknowledged = Vec::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..trial.rounds {
        forget_tries(&plant);
        let mut program = serve_over(&plant, port);
        slowest = slowest.max(until_ready(port, START).await);
        let crowd = Crowd::start(&services, port, &people);
        crowd.until_somebody_is_in().await;
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..250))).await;
        program.kill();
        acknowledged.extend(crowd.end().await);
    }
    check_sessions(&plant, &acknowledged);
    println!(
        "the program killed {} times: {} people had signed in, all of them have their session and its event; \
         ready at most {slowest:?} after the start",
        trial.rounds,
        acknowledged.len()
    );
}

/// `kill -9` of the private cluster under the program, which starts it again and goes on.
pub async fn database_killed(trial: Trial) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let data_dir = folder.path().join("var");
    let port = free_port();
    let program = serve(port, &data_dir, &[]);
    until_ready(port, DATABASE_START).await;
    let mut longest = Duration::ZERO;
    for _ in 0..trial.rounds {
        let note = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
        let postmaster = note.lines().next().unwrap().trim().parse().unwrap();
        signal(postmaster, Signal::KILL);
        wait_until("the database is back", DATABASE_START, || {
            let joined = Cluster::start_or_join(&ClusterConfig::new(&data_dir));
            joined
                .is_ok_and(|joined| PgConnection::establish(joined.url(Role::App).expose()).is_ok())
        });
        longest = longest.max(until_ready(port, RECOVERY).await);
        assert_eq!(get(port, "/health").await, Some(200));
    }
    program.stop();
    println!(
        "the private database killed {} times: ready again within {longest:?} of its return",
        trial.rounds
    );
}

/// A page that is open is a stream that never ends by itself: it must not hold up the end of the program.
pub async fn stopped_with_an_open_page() {
    let plant = Plant::start();
    let port = free_port();
    let services = plant.services(port);
    let person = find_or_add(&services, "open@test.example", "Test", &[Office::Operator]);
    let token = begin_session(&services, person, Stage::Full);
    let program = serve_over(&plant, port);
    until_ready(port, START).await;
    let request = client()
        .get(format!("http://localhost:{port}/live"))
        .header("accept", "text/event-stream")
        .header("cookie", session_cookie(&services, token.expose()));
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some());
    let listening = actix_web::rt::spawn(async move {
        while let Some(chunk) = stream.chunk().await? {
            drop(chunk);
        }
        Ok::<_, reqwest::Error>(())
    });
    let asked = Instant::now();
    actix_web::rt::task::spawn_blocking(move || program.stop())
        .await
        .unwrap();
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    listening
        .await
        .unwrap()
        .expect("the stream ends, and is not cut");
}

/// A database that says nothing must not keep the program from ending.
pub async fn stopped_over_a_silent_database() {
    let plant = Plant::start();
    let port = free_port();
    let program = serve_over(&plant, port);
    until_ready(port, START).await;
    let frozen = plant.freeze();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = Instant::now();
    actix_web::rt::task::spawn_blocking(move || program.stop_within(Duration::from_secs(29)))
        .await
        .unwrap();
    println!("ended over a silent database after {:?}", asked.elapsed());
    drop(frozen);
}

fn serve_over(plant: &Plant, port: u16) -> Killable {
    let app_url = plant.url(Role::App);
    let sealer_url = plant.url(Role::Sealer);
    let sealer_key = plant.sealer_key();
    serve(
        port,
        &plant.path("program"),
        &[
            ("DATABASE_URL", app_url.expose()),
            ("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY),
            ("SIGNALBOX_SEALER_DATABASE_URL", sealer_url.expose()),
            ("SIGNALBOX_SEALER_KEY_FILE", sealer_key.to_str().unwrap()),
        ],
    )
}

fn serve(port: u16, data_dir: &Path, variables: &[(&str, &str)]) -> Killable {
    let child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .arg("serve")
        .env_remove("DATABASE_URL")
        .env("SIGNALBOX_BIND", format!("127.0.0.1:{port}"))
        .env("SIGNALBOX_DATA_DIR", data_dir)
        .env("LOG_LEVEL", "error")
        .envs(["ADDRESS", "SESSION", "KEY"].map(|of| (format!("SIGNALBOX_RATE_{of}"), "1000000")))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Killable::new(child)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn get(port: u16, path: &str) -> Option<u16> {
    let answer = client()
        .get(format!("http://localhost:{port}{path}"))
        .send()
        .await;
    answer.ok().map(|answer| answer.status().as_u16())
}

async fn until_ready(port: u16, limit: Duration) -> Duration {
    let began = Instant::now();
    while get(port, "/api/readiness").await != Some(200) {
        assert!(began.elapsed() < limit, "not ready within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

/// One for all: making a client takes longer than some of the programs live here.
fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let make = || {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap()
    };
    CLIENT.get_or_init(make).clone()
}

/// People who can give a password.
pub(super) fn people(services: &Services) -> Vec<String> {
    let hash = services
        .passwords
        .hash_now(&Secret::from(PASSWORD))
        .unwrap();
    let add = |number| {
        let email = format!("person-{number}@test.example");
        let id = find_or_add(services, &email, "Test", &[Office::Operator]);
        let actor = Actor::command_line("faults");
        services
            .audit
            .write(&actor, |tx| {
                factors::set_password(tx, id, &hash)?;
                tx.record(Event::new(
                    "person.password_set",
                    Subject::new("person", id),
                ))?;
                Ok::<_, db::Error>(())
            })
            .unwrap();
        email
    };
    (0..PEOPLE).map(add).collect()
}

/// A try that was cut off stays counted, as it should; here it would lock everybody out.
fn forget_tries(plant: &Plant) {
    plant
        .superuser()
        .batch_execute("TRUNCATE sign_in_throttle")
        .unwrap();
}

/// Everybody signs in over and over, and keeps the tokens that they were given.
struct Crowd {
    tokens: Arc<Mutex<Vec<Token>>>,
    over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    fn start(services: &Services, port: u16, people: &[String]) -> Self {
        let tokens = Arc::<Mutex<Vec<Token>>>::default();
        let over = Arc::new(AtomicBool::new(false));
        let person = |email: &String| {
            let (tokens, over) = (tokens.clone(), over.clone());
            let (services, email) = (services.clone(), email.clone());
            actix_web::rt::spawn(async move {
                let http = client();
                while !over.load(Ordering::Relaxed) {
                    match sign_in(&http, &services, port, &email).await {
                        Some(token) => tokens.lock().unwrap().push(token),
                        None => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
            })
        };
        Self {
            tasks: people.iter().map(person).collect(),
            tokens,
            over,
        }
    }

    async fn until_somebody_is_in(&self) {
        let began = Instant::now();
        while self.tokens.lock().unwrap().is_empty() {
            assert!(began.elapsed() < START, "nobody can sign in");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> Vec<Token> {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        Arc::into_inner(self.tokens).unwrap().into_inner().unwrap()
    }
}

async fn sign_in(
    http: &reqwest::Client,
    services: &Services,
    port: u16,
    email: &str,
) -> Option<Token> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", email), ("password", PASSWORD)])
        .append_pair("idempotency", &uuid::Uuid::now_v7().to_string())
        .finish();
    let answer = http
        .post(format!("http://localhost:{port}/sign-in"))
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .ok()?;
    let status = answer.status().as_u16();
    assert!(
        status == 303 || status == 503,
        "signing in is answered {status}"
    );
    let cookies = answer.headers().get_all("set-cookie").iter();
    cookies
        .filter_map(|cookie| Cookie::parse_encoded(cookie.to_str().ok()?.to_owned()).ok())
        .find_map(|cookie| token_in(services, cookie))
}

fn token_in(services: &Services, cookie: Cookie<'static>) -> Option<Token> {
    let name = session_store::cookie_name(services);
    let mut jar = CookieJar::new();
    jar.add_original(cookie);
    let verified = jar.signed(&session_store::cookie_key(services)).get(name)?;
    Some(Token::from_text(verified.value()))
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Nullable<Bytea>)]
    token_hash: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    recorded: Option<Uuid>,
}

fn check_sessions(plant: &Plant, acknowledged: &[Token]) {
    let query = "SELECT session.token_hash, event.session AS recorded FROM session FULL JOIN \
        (SELECT (convert_from(body, 'UTF8')::jsonb #>> '{subject,id}')::uuid AS session \
         FROM (SELECT body FROM audit_inbox UNION ALL SELECT body FROM audit_log) AS entry \
         WHERE convert_from(body, 'UTF8')::jsonb ->> 'kind' = 'session.password_accepted') AS event \
        ON event.session = session.id";
    let found: Vec<Session> = sql_query(query).load(&mut plant.superuser()).unwrap();
    let mut rows = HashSet::new();
    for session in found {
        assert!(session.recorded.is_some(), "a session without its event");
        let hash = session.token_hash.expect("an event without its session");
        assert!(rows.insert(hash), "two sessions with one token");
    }
    for token in acknowledged {
        assert!(
            rows.contains(token.hash().as_slice()),
            "acknowledged and lost"
        );
    }
}
