//! Redis: the real one where it is installed, and servers that mean no good.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::Utc;
use signalbox::app::simulator::{Mode, Simulator};
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::probe::{ErrorKind, Failure, Outcome, Run};
use signalbox::features::packs::pack::{Check, Measure, Redis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::tls::{authority, serve};
use super::{failure, parameter, probe, probes, run, state};
use crate::packs::apply;
use crate::support::app::TestApp;

pub fn redis(address: impl ToString) -> Redis {
    Redis {
        address: address.to_string(),
        user: String::new(),
        password_file: String::new(),
        tls: false,
        database: 0,
        lifetimes: std::collections::BTreeMap::new(),
    }
}

async fn failed(redis: Redis) -> Failure {
    match run(Check::Redis(redis)).await.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

pub fn figure(run: &Run, measure: Measure) -> Option<f64> {
    let mut measures = run.outcome.measures().iter();
    measures
        .find(|(name, _)| *name == measure)
        .map(|(_, figure)| *figure)
}

/// A server of its own for one test.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Nothing where it is not installed. Debian has the server in `redis-tools` under the name of one of its tools,
    /// and its package of the server's name would start one.
    pub async fn start(options: &[&str]) -> Option<Self> {
        let program = ["/usr/bin/redis-server", "/usr/bin/redis-check-rdb"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let Some(program) = program else {
            assert!(
                std::env::var_os("SIGNALBOX_REQUIRE_PROGRAMS").is_none(),
                "redis-server is missing (Debian: redis-tools)"
            );
            eprintln!("skipped for want of redis-server (Debian: redis-tools)");
            return None;
        };
        // Between finding a free port and taking it, somebody else may have.
        for _ in 0..5 {
            if let Some(server) = Self::at_a_free_port(program, options).await {
                return Some(server);
            }
        }
        panic!("redis-server does not start");
    }

    async fn at_a_free_port(program: &str, options: &[&str]) -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let port = address.port().to_string();
        let process = Command::new(program)
            .arg0("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, address };
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if server.process.try_wait().unwrap().is_some() {
                return None;
            }
            if TcpStream::connect(address).await.is_ok() {
                return Some(server);
            }
        }
        None
    }

    /// Says all of it at once, and waits until the last command is answered.
    pub async fn say(&self, commands: &str) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(commands.as_bytes()).await.unwrap();
        stream.write_all(b"ECHO done\r\n").await.unwrap();
        let mut answers = Vec::new();
        while !answers.ends_with(b"done\r\n") {
            let mut chunk = [0; 4_096];
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answers));
            answers.extend_from_slice(&chunk[..read]);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// FA-4, FC-21: hits are those since the last run.
#[tokio::test]
async fn a_real_server_is_measured() {
    let options = ["--maxmemory", "64mb", "--maxclients", "100"];
    let Some(server) = Server::start(&options).await else {
        return;
    };
    let checks = Checks::new().unwrap();
    let probe = probe(Check::Redis(redis(server.address)));
    server.say(&"GET nothing\r\n".repeat(100)).await;
    let first = checks.run(&probe, Utc::now(), None).await;
    assert!(matches!(first.outcome, Outcome::Good(_)), "{first:?}");
    assert_eq!(figure(&first, Measure::Hits), None, "nothing to count from");
    assert_eq!(figure(&first, Measure::Lag), None, "no replica");
    let memory = figure(&first, Measure::Memory).unwrap();
    assert!(memory > 0.0 && memory < 0.5, "{memory}");
    let clients = figure(&first, Measure::Clients).unwrap();
    assert!((0.01..0.2).contains(&clients), "{clients}");
    assert!(figure(&first, Measure::Saved).unwrap() < 60.0);
    assert!(first.latency_us.is_some());

    server.say("SET a 1\r\n").await;
    server.say(&"GET a\r\n".repeat(30)).await;
    server.say(&"GET nothing\r\n".repeat(10)).await;
    let second = checks.run(&probe, Utc::now(), first.tally).await;
    assert_eq!(figure(&second, Measure::Hits), Some(0.75));

    server.say("CONFIG RESETSTAT\r\n").await;
    server.say(&"GET a\r\n".repeat(20)).await;
    let third = checks.run(&probe, Utc::now(), second.tally).await;
    assert_eq!(figure(&third, Measure::Hits), Some(1.0));
}

#[tokio::test]
async fn a_replica_says_how_long_it_has_heard_nothing() {
    let Some(master) = Server::start(&[]).await else {
        return;
    };
    let of = master.address.port().to_string();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {of}")])
        .await
        .unwrap();
    let ask = async || {
        let run = run(Check::Redis(redis(replica.address))).await;
        assert_eq!(figure(&run, Measure::Memory), None, "it has no limit");
        figure(&run, Measure::Lag)
    };
    drop(master);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if ask().await.is_some_and(|lag| lag >= 1.0) {
            return;
        }
    }
    panic!("{:?}", ask().await);
}

#[tokio::test]
async fn credentials_are_told_apart_from_everything_else() {
    let Some(server) = Server::start(&["--requirepass", "hush"]).await else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "hush").unwrap();
    let mut other = tempfile::NamedTempFile::new().unwrap();
    writeln!(other, "wrong").unwrap();
    let with = |user: &str, file: &Path| Redis {
        user: user.to_owned(),
        password_file: file.display().to_string(),
        ..redis(server.address)
    };
    let let_in = [with("", file.path()), with("default", file.path())];
    for redis in let_in {
        assert_eq!(failure(Check::Redis(redis)).await, None);
    }
    let refused = [
        redis(server.address),
        with("", other.path()),
        with("nobody", file.path()),
    ];
    for redis in refused {
        let failure = failed(redis).await;
        assert_eq!(failure.kind, ErrorKind::Authentication, "{failure:?}");
    }
    server
        .say("AUTH hush\r\nACL SETUSER pinger on >hush -@all +ping\r\n")
        .await;
    let failure = failed(with("pinger", file.path())).await;
    assert_eq!(failure.kind, ErrorKind::Authentication, "{failure:?}");
    assert!(failure.message.starts_with("NOPERM"), "{failure:?}");
    // A database that there is not is no matter of credentials.
    let mut far = with("", file.path());
    far.database = 99;
    assert_eq!(failed(far).await.kind, ErrorKind::WrongAnswer);
    let missing = with("", Path::new("/nowhere"));
    let outcome = run(Check::Redis(missing)).await.outcome;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
}

/// Over TLS as over the open: nobody vouches for this one, so no password is told to it.
#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_told_no_password() {
    let mut secure = redis(serve(&authority("Nobody"), "127.0.0.1", -1, 30).await);
    secure.tls = true;
    assert_eq!(failed(secure).await.kind, ErrorKind::Tls);
}

/// A server that says `first`, and then `more` for as long as it is listened to.
async fn scripted(first: &'static [u8], more: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 64];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(first).await;
                while !more.is_empty() && stream.write_all(more).await.is_ok() {}
                // What is read to the end is not taken for a connection that broke.
                let _ = stream.shutdown().await;
                while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    address
}

#[tokio::test]
async fn hostile_answers_are_cut_short() {
    for (first, more, why) in [
        (&b"+"[..], &[b'x'; 4_096][..], "no end"),
        (b"", b"*1\r\n", "nested"),
        (b"$999999999\r\n", b"x", "larger"),
        (b"*200000\r\n", b":1\r\n:1\r\n:1\r\n:1\r\n", "larger"),
        (b"*9223372036854775807\r\n", b"", "larger"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"",
            "does not speak Redis",
        ),
        (b"+PONG\r\n", b"", "hung up"),
        (b"+PANG\r\n", b"", "PONG"),
        (b":1\r\n", b"", "PONG"),
        (b"+PONG\r\n+OK\r\n", b"", "INFO"),
        (b"-LOADING Redis is loading\r\n", b"", "LOADING"),
        (b"-ERR \x1b[31mred\r\n", b"", "ERR [31mred"),
        (b"", b"", "hung up"),
    ] {
        let failure = failed(redis(scripted(first, more).await)).await;
        assert_eq!(failure.kind, ErrorKind::WrongAnswer, "{failure:?}");
        assert!(failure.message.contains(why), "{why}: {failure:?}");
    }
    // A server that does not know the command repeats what it was sent.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "hush").unwrap();
    let repeated = b"-ERR unknown command 'AUTH', with args beginning with: 'hush'\r\n";
    let failure = failed(Redis {
        password_file: file.path().display().to_string(),
        ..redis(scripted(repeated, b"").await)
    })
    .await;
    assert_eq!(failure.kind, ErrorKind::Authentication);
    assert!(!failure.message.contains("hush"), "{failure:?}");
    let told = scripted(b"-NOAUTH Authentication required.\r\n", b"").await;
    assert_eq!(failed(redis(told)).await.kind, ErrorKind::Authentication);
}

#[tokio::test]
async fn a_simulated_server_fails_in_all_ways() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let address = parameter(&simulator, "FINAEGIS_REDIS_ADDRESS");
    let checks = Checks::new().unwrap();
    let probe = probe(Check::Redis(redis(&address)));
    let first = checks.run(&probe, Utc::now(), None).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let second = checks.run(&probe, Utc::now(), first.tally).await;
    let hits = figure(&second, Measure::Hits).unwrap();
    assert!((0.85..0.95).contains(&hits), "{hits}");
    for (mode, kind) in [
        (Mode::Wrong, ErrorKind::Authentication),
        (Mode::Failing, ErrorKind::WrongAnswer),
        (Mode::Slow, ErrorKind::Timeout),
        (Mode::Refusing, ErrorKind::Refused),
    ] {
        assert!(simulator.set("finaegis", "Cache and queues", mode));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let found = failure(Check::Redis(redis(&address))).await;
        assert_eq!(found, Some(kind), "{mode:?}");
    }
}

const CACHE: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "cache"
name = "Cache"

[[probe]]
id = "cache"
service = "cache"
check.redis = { address = "${REDIS_ADDRESS:-localhost:6379}", tls = "${REDIS_TLS:-false}", database = "${REDIS_DATABASE:-0}" }
interval = "30s"

[[rule]]
id = "cache-cold"
name = "The cache is cold"
on.measure = { probe = "cache", name = "hits" }
yellow = { below = "95%", clear = "96%" }
"#;

/// The counters are kept between runs, whoever makes them, and the share stands on the overview.
#[tokio::test]
async fn hits_are_counted_from_run_to_run_and_stand_on_the_overview() {
    let app = TestApp::start().await;
    let simulator = Simulator::start_sites(0).await.unwrap();
    let address = parameter(&simulator, "FINAEGIS_REDIS_ADDRESS");
    // FA-11: how long the platform keeps what stands beside its hits.
    let database = "database = \"${REDIS_DATABASE:-0}\"";
    let lasting = format!("{database}, lifetimes = {{ accounts = \"1h\" }}");
    let source = CACHE
        .replace("localhost:6379", &address)
        .replace(database, &lasting);
    apply(&app, &source);
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let checks = Checks::new().unwrap();
    let look = async || {
        app.advance(chrono::TimeDelta::seconds(30));
        let claim = actions::claim(&app.services, &probes(&app))
            .unwrap()
            .remove(0);
        let item = super::the_probe(&app);
        let run = checks.run(&item.spec, app.now(), claim.tally.clone()).await;
        actions::finish(&app.services, &item, claim, run).unwrap();
    };
    look().await;
    let tile = async |name: &str| {
        let page = app.as_operator().get("/").await;
        let tiles = page.texts(".tile");
        tiles.into_iter().find(|tile| tile.contains(name))
    };
    let unknown = tile("Demo Cache: Cache hits").await.unwrap();
    assert!(unknown.contains("unknown"), "{unknown}");
    assert!(tile("Demo Cache: Memory").await.unwrap().contains("25"));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    look().await;
    let hits = tile("Demo Cache: Cache hits").await.unwrap();
    // 91 of a hundred, give or take what a second and a tenth does not divide into.
    let about = ["90 %", "91 %", "92 %", "93 %"];
    assert!(about.iter().any(|share| hits.contains(share)), "{hits}");
    assert!(hits.contains("accounts kept 1h"), "{hits}");
    assert!(
        tile("Replication lag").await.is_none(),
        "nothing is replicated"
    );

    // A run that fails counts nothing and forgets nothing.
    let counted = state(&app).tally;
    assert!(simulator.set("finaegis", "Cache and queues", Mode::Refusing));
    tokio::time::sleep(Duration::from_millis(50)).await;
    look().await;
    assert_eq!(state(&app).tally, counted);
    assert!(tile("Cache hits").await.unwrap().contains("unknown"));
}
