//! What the door costs. Each request loads its session and asks what its person may do: in microseconds, and as a share of
//! the page that it leads to. And 300 wrong sign-ins each of a known and an unknown name, in turns: how long they take must
//! not tell the two apart (Mann-Whitney, p above 0.01). Run with `cargo bench --bench doors`.

mod ground;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use actix_web::cookie::{Cookie, CookieJar};
use diesel::connection::SimpleConnection;
use ground::{Ground, how_many, median};
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::auth::people::{self, NewPerson, Refusal};
use signalbox::foundation::auth::sessions::{self, Method, Stage};
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::auth::{
    Permission, Role as Office, factors, facts, permissions_of, reach_of, session_store,
};
use signalbox::foundation::db::{self, PoolKind};
use signalbox::foundation::kernel::{PersonId, Scope, Secret};

const LOADS: usize = 5_000;
const PAGES: usize = 1_000;
const SAMPLES: usize = 300;
/// What chance alone would do at least this often tells nobody apart.
const LEAST_P: f64 = 0.01;
const EMAIL: &str = "known@bench.example";

fn main() {
    let ground = Ground::prepare();
    let (_app, port) = ground.serve();
    let services = ground.services(port, 4);
    let person = somebody(&services);
    let token = begin(&services, person);
    let cookie = cookie(&services, &token);

    let hash = token.hash();
    let load = median(times(how_many(LOADS), || {
        let found = services.db.look_up(PoolKind::Web, |conn| {
            facts::find(conn, &hash, services.clock.now())
        });
        assert!(found.unwrap().is_some());
    }));
    let known = services.db.look_up(PoolKind::Web, |conn| {
        facts::find(conn, &hash, services.clock.now())
    });
    let grants = known.unwrap().unwrap().grants;
    let check = median(times(how_many(LOADS), || {
        let held = permissions_of(black_box(&grants)).contains(&Permission::AlertsRead);
        assert!(held && reach_of(&grants, Permission::AlertsRead) == Scope::All);
    }));
    for path in ["/alerts", "/account"] {
        let page = median(times(how_many(PAGES), || {
            assert!(get(port, path, &cookie).starts_with("HTTP/1.1 200"));
        }));
        println!(
            "{path}: {page:.0} µs; session load {load:.0} µs, permission check {check:.1} µs: {:.0} % of it",
            100.0 * (load + check) / page
        );
    }
    compare_names(&ground, port);
}

/// Microseconds of each run.
fn times(count: usize, mut work: impl FnMut()) -> Vec<f64> {
    (0..count)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect()
}

fn compare_names(ground: &Ground, port: u16) {
    let mut conn = ground.superuser();
    let mut sample = |email: &str| {
        // Nobody is throttled here: each try is the first.
        conn.batch_execute("TRUNCATE sign_in_throttle").unwrap();
        let began = Instant::now();
        let answer = sign_in(port, email);
        let took = began.elapsed().as_secs_f64() * 1e3;
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        took
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..how_many(SAMPLES) {
        let nobody = format!("u{number:04}@bench.example");
        // Whoever comes first in a pair comes second in the next.
        if number % 2 == 0 {
            known.push(sample(EMAIL));
            unknown.push(sample(&nobody));
        } else {
            unknown.push(sample(&nobody));
            known.push(sample(EMAIL));
        }
    }
    let p = mann_whitney(&known, &unknown);
    println!(
        "wrong sign-ins: known name {:.2} ms, unknown name {:.2} ms; p = {p:.3}; least {LEAST_P}: {}",
        median(known),
        median(unknown),
        if p > LEAST_P { "held" } else { "MISSED" }
    );
}

/// How often chance alone would part two samples as far, by the normal approximation: fit for samples of 20 and more.
fn mann_whitney(ones: &[f64], others: &[f64]) -> f64 {
    let wins: f64 = ones
        .iter()
        .flat_map(|one| others.iter().map(move |other| one.total_cmp(other)))
        .map(|order| match order {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    let (n, m) = (ones.len() as f64, others.len() as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let z = ((wins - n * m / 2.0).abs() - 0.5).max(0.0) / deviation;
    2.0 * upper_tail(z)
}

/// The share of a normal distribution above `z`: Abramowitz and Stegun 26.2.17, off by less than 1e-7.
fn upper_tail(z: f64) -> f64 {
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / 0.231_641_9_f64.mul_add(z, 1.0);
    let sum = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

fn somebody(services: &Services) -> PersonId {
    let hash = services
        .passwords
        .hash_now(&Secret::from("lamp orchard vivid tram"))
        .unwrap();
    let new = NewPerson {
        email: EMAIL.to_owned(),
        name: "Known".to_owned(),
        roles: vec![Office::Operator],
        scope: Scope::All,
        demo: false,
    };
    let actor = Actor::command_line("bench");
    services
        .audit
        .write::<_, Refusal>(&actor, |tx| {
            let id = people::add(tx, &new)?;
            factors::set_password(tx, id, &hash)?;
            Ok(id)
        })
        .unwrap()
}

fn begin(services: &Services, person: PersonId) -> Token {
    let client = sessions::Client {
        address: "127.0.0.1".to_owned(),
        user_agent: "bench".to_owned(),
    };
    services
        .audit
        .write(&Actor::person(person), |tx| {
            let (stage, method, now) = (Stage::Full, Some(Method::Totp), tx.now());
            let (id, token) = sessions::begin(tx, person, stage, method, &client, None, now)?;
            tx.record(Event::new("session.signed_in", Subject::new("session", id)))?;
            Ok::<_, db::Error>(token)
        })
        .unwrap()
}

fn cookie(services: &Services, token: &Token) -> String {
    let name = session_store::cookie_name(services);
    let mut jar = CookieJar::new();
    jar.signed_mut(&session_store::cookie_key(services))
        .add(Cookie::new(name, token.expose().to_owned()));
    jar.get(name).unwrap().encoded().stripped().to_string()
}

fn get(port: u16, path: &str, cookie: &str) -> String {
    exchange(
        port,
        &format!("GET {path} HTTP/1.1\r\ncookie: {cookie}\r\n"),
        "",
    )
}

fn sign_in(port: u16, email: &str) -> String {
    let key = uuid::Uuid::now_v7();
    let body = format!("email={email}&password=wrong+by+design&idempotency={key}");
    let head = "POST /sign-in HTTP/1.1\r\nsec-fetch-site: same-origin\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    exchange(port, head, &body)
}

/// One request over a connection of its own.
fn exchange(port: u16, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head}host: localhost:{port}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
