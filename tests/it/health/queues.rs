//! Message queues: in a real Redis of each layout, in a table, and on their page.

use std::io::Write as _;

use chrono::Utc;
use signalbox::app::simulator::Simulator;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::health::actions;
use signalbox::features::health::probe::{ErrorKind, Outcome, Run};
use signalbox::features::health::store::measured;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::{Check, Layout, Measure, Postgres, Queue, Redis, Tls};
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::kernel::Scope;

use super::redis::{Server, figure, redis};
use super::{parameter, probes, run, run_once, state};
use crate::packs::apply;
use crate::support::app::TestApp;

fn queue(address: impl ToString, layout: Layout) -> Queue {
    Queue {
        redis: Some(redis(address)),
        layout,
        name: "events".to_owned(),
        prefix: String::new(),
        postgres: None,
        query: String::new(),
    }
}

async fn look(queue: Queue) -> Run {
    run(Check::Queue(Box::new(queue))).await
}

fn lengths(run: &Run) -> [Option<f64>; 4] {
    [
        Measure::Waiting,
        Measure::Delayed,
        Measure::Reserved,
        Measure::Failed,
    ]
    .map(|measure| figure(run, measure))
}

/// FA-10, DO-14, DO-15
#[tokio::test]
async fn a_queue_of_each_layout_is_counted() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let pushed = Utc::now().timestamp() - 120;
    server
        .say(&format!(
            "RPUSH queues:events '{{\"pushedAt\":\"{pushed}.5\"}}' '{{\"pushedAt\":\"{}\"}}'\r\n\
             ZADD queues:events:delayed 1 a 2 b 3 c\r\nZADD queues:events:reserved 1 d\r\n\
             LPUSH bull:events:wait 7\r\nLPUSH bull:events:wait 8\r\nLPUSH bull:events:paused 9\r\n\
             ZADD bull:events:prioritized 1 10\r\nLPUSH bull:events:active 11\r\nZADD bull:events:failed 1 12 2 13\r\n\
             HSET bull:events:7 timestamp {}000 delay 60000\r\nRPUSH events x\r\n",
            pushed + 60,
            pushed - 180,
        ))
        .await;
    let laravel = look(queue(server.address, Layout::Laravel)).await;
    assert_eq!(lengths(&laravel), [Some(2.0), Some(3.0), Some(1.0), None]);
    let oldest = figure(&laravel, Measure::Oldest).unwrap();
    assert!((119.0..125.0).contains(&oldest), "{oldest}");
    let bull = look(queue(server.address, Layout::BullMq)).await;
    assert_eq!(lengths(&bull), [Some(4.0), Some(0.0), Some(1.0), Some(2.0)]);
    let kept = [Measure::Done, Measure::GivenUp].map(|it| figure(&bull, it).unwrap());
    assert!(kept[0] < 1e-9 && kept[1] > 1e9, "{kept:?}");
    let oldest = figure(&bull, Measure::Oldest).unwrap();
    assert!((240.0..245.0).contains(&oldest), "{oldest}");
    server
        .say("DEL bull:events:wait\r\nHSET bull:events:9 timestamp 1000\r\n")
        .await;
    let paused = look(queue(server.address, Layout::BullMq)).await;
    assert!(figure(&paused, Measure::Oldest).unwrap() > 1e6);
    let list = look(queue(server.address, Layout::List)).await;
    assert_eq!(lengths(&list), [Some(1.0), None, None, None]);
    assert_eq!(figure(&list, Measure::Oldest), None, "nothing tells");
    let empty = Queue {
        name: "nothing".to_owned(),
        ..queue(server.address, Layout::Laravel)
    };
    let empty = look(empty).await;
    assert_eq!(figure(&empty, Measure::Waiting), Some(0.0));
    assert_eq!(figure(&empty, Measure::Oldest), Some(0.0));

    let other_kind = Queue {
        name: "queues:events".to_owned(),
        ..queue(server.address, Layout::Sorted)
    };
    match look(other_kind).await.outcome {
        Outcome::Failed(failure) => {
            assert_eq!(failure.kind, ErrorKind::WrongAnswer);
            assert!(failure.message.contains("WRONGTYPE"), "{}", failure.message);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_query_over_a_table_of_jobs_is_read_and_can_change_nothing() {
    let app = TestApp::start().await;
    let url = url::Url::parse(app.db.superuser_url.expose()).unwrap();
    let mut password = tempfile::NamedTempFile::new().unwrap();
    writeln!(password, "{}", url.password().unwrap_or_default()).unwrap();
    let asked = |query: &str| Queue {
        redis: None,
        name: String::new(),
        postgres: Some(Postgres {
            host: url.host_str().unwrap().to_owned(),
            port: url.port().unwrap(),
            database: url.path().trim_start_matches('/').to_owned(),
            user: url.username().to_owned(),
            password_file: password.path().display().to_string(),
            tls: Tls::Disable,
        }),
        query: query.to_owned(),
        ..queue("", Layout::List)
    };
    let told = look(asked(
        "SELECT 3 AS waiting, 12.5 AS oldest, 'x' AS failed, 7 AS other",
    ))
    .await;
    assert_eq!(lengths(&told), [Some(3.0), None, None, None]);
    assert_eq!(figure(&told, Measure::Oldest), Some(12.5));
    let twice = look(asked("SELECT 3 AS waiting, 4 AS waiting")).await;
    assert_eq!(twice.outcome.measures(), [(Measure::Waiting, 3.0)]);
    for (query, told) in [
        ("SELECT nextval('log_line_id_seq') AS waiting", "read-only"),
        ("SELECT 1 FROM nowhere", "nowhere"),
    ] {
        match look(asked(query)).await.outcome {
            Outcome::Failed(failure) => {
                assert_eq!(failure.kind, ErrorKind::WrongAnswer);
                assert!(failure.message.contains(told), "{}", failure.message);
            }
            other => panic!("{query}: {other:?}"),
        }
    }
}

const PACK: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "cache"
name = "Cache"

[[probe]]
id = "queue-events"
service = "cache"
check.queue = { redis = { address = "ADDRESS" }, layout = "laravel", name = "events" }
interval = "30s"

[[rule]]
id = "events-wait"
name = "Events wait too long"
on.measure = { probe = "queue-events", name = "oldest" }
yellow = { above = "5m", clear = "4m" }
"#;

#[tokio::test]
async fn a_job_that_waits_too_long_lights_the_lamp_of_its_queue() {
    let app = TestApp::start().await;
    let simulator = Simulator::start_sites(0).await.unwrap();
    let address = parameter(&simulator, "FINAEGIS_REDIS_ADDRESS");
    apply(&app, &PACK.replace("ADDRESS", &address));
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let measured = async |oldest: Option<f64>| {
        let mut found = look(queue(&address, Layout::Laravel)).await.outcome;
        if let (Outcome::Good(measures), Some(oldest)) = (&mut found, oldest) {
            measures.retain(|(measure, _)| *measure != Measure::Oldest);
            measures.push((Measure::Oldest, oldest));
        }
        run_once(&app, found);
        // Nothing but the runs moves the clock: one that comes later each time would miss a slot.
        evaluate::tick(&app.services).unwrap();
        app.services
            .db
            .read(|conn| alerts::open(conn, &Scope::All))
            .unwrap()
    };
    // One that answers twice is known to be up.
    assert!(measured(None).await.is_empty());
    assert!(measured(None).await.is_empty());
    assert_eq!(state(&app).current_measures().len(), 4);
    let page = app.as_operator().get("/queues").await;
    // Nothing watches our own here.
    assert_eq!(page.heading(), "2 of 3 queues are unknown");
    let row = page.table("Queues, worst first").remove(2);
    assert!(
        row[0].contains("events") && row[0].contains("Demo, Cache"),
        "{row:?}"
    );
    assert_eq!(row[6], "not told", "Laravel keeps what failed elsewhere");

    let lit = measured(Some(301.0)).await;
    assert_eq!(lit[0].summary, "oldest of queue-events is 5m 1s, above 5m");
    let page = app.as_operator().get("/queues").await;
    assert_eq!(page.heading(), "1 of 3 queues needs attention");
    let tiles = app.as_operator().get("/").await.texts(".tile");
    let tile = tiles
        .iter()
        .find(|tile| tile.contains("queue-events: Waiting"));
    let tile = tile.expect("a tile for the queue");
    assert!(
        tile.contains("Yellow") && tile.contains("longest 5 min 1 s"),
        "{tile}"
    );
    assert!(measured(Some(200.0)).await.is_empty());
    // Two figures of one name keep no run from being noted.
    let both = [(Measure::Waiting, 3.0), (Measure::Waiting, 4.0)];
    run_once(&app, Outcome::Good(both.to_vec()));
    let from = app.now() - measured::STEP;
    let step = app
        .services
        .db
        .read(|conn| {
            let probe = *probes(&app).keys().next().unwrap();
            measured::since(conn, probe, Measure::Waiting, from)
        })
        .unwrap();
    assert!((step.last().unwrap().last - 3.0).abs() < 1e-9, "{step:?}");
}

/// A role that may say no more than a queue needed once.
#[tokio::test]
async fn a_queue_is_counted_where_a_part_of_it_may_not_be_read() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    server
        .say(
            "LPUSH bull:events:wait 7\r\nZADD bull:events:failed 1 12\r\n\
             ACL SETUSER counter on >hush ~bull:* +ping +llen +zcard +lindex +hmget\r\n",
        )
        .await;
    let mut password = tempfile::NamedTempFile::new().unwrap();
    writeln!(password, "hush").unwrap();
    let counter = Redis {
        user: "counter".to_owned(),
        password_file: password.path().display().to_string(),
        ..redis(server.address)
    };
    let counted = look(Queue {
        redis: Some(counter),
        ..queue(server.address, Layout::BullMq)
    })
    .await;
    assert_eq!(
        lengths(&counted),
        [Some(1.0), Some(0.0), Some(0.0), Some(1.0)]
    );
    for left_out in [Measure::Done, Measure::GivenUp] {
        assert_eq!(figure(&counted, left_out), None);
    }
}

/// FA-10, DO-13: every queue that a guide names says how long its next message has waited, in the demo as well.
#[tokio::test]
async fn the_queues_of_the_guides_say_how_long_they_wait() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(0, folder.path(), None).await.unwrap();
    let given: Given = simulator.parameters().into_iter().collect();
    let mut looked_at = Vec::new();
    for (_, source) in crate::packs::shipped() {
        let pack = packs::check(&source, &given).unwrap().0.pack;
        for probe in pack.probes {
            let Check::Queue(queue) = probe.check else {
                continue;
            };
            if queue.redis.is_none() {
                let given_up = look(*queue).await;
                assert_eq!(lengths(&given_up), [None, None, None, Some(0.0)]);
                continue;
            }
            let found = look(*queue).await;
            let oldest = figure(&found, Measure::Oldest);
            assert!(
                oldest.is_some_and(|it| (3.0..60.0).contains(&it)),
                "{}: {oldest:?}",
                probe.id
            );
            looked_at.push(probe.id);
        }
    }
    assert_eq!(looked_at.len(), 7, "{looked_at:?}");
    assert!(looked_at.contains(&"queue-scan".to_owned()));
    simulator.stop().await;
}
