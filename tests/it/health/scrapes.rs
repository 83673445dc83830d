//! Pages of metrics: fetched from real listeners, kept as series, and what rules make of them.

use std::io::Write as _;

use chrono::TimeDelta;
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types};
use signalbox::features::health::actions;
use signalbox::features::health::probe::{ErrorKind, Outcome, Run};
use signalbox::features::packs::pack::{Check, ProbeState, Prometheus};
use signalbox::foundation::kernel::Level;

use super::{failure, run, state};
use crate::support::scraped::{Exporter, Ground};

const LAG: &str = r#"
[[rule]]
id = "late"
name = "Data is late"
on.metric = { scrape = "metrics", select = 'ingestion_lag_seconds{kind!="test"}', take = "max" }
yellow = { above = "5m", clear = "4m" }
"#;

/// RH-8, RH-10: over five minutes, as the platform's own metric says.
#[tokio::test]
async fn a_scraped_figure_lights_its_lamp_and_puts_it_out() {
    let ground = Ground::with(LAG).await;
    let page = |secs: u32| {
        format!(
            "# TYPE ingestion_lag_seconds gauge\ningestion_lag_seconds{{kind=\"csv\"}} 12\n\
             ingestion_lag_seconds{{kind=\"pdf\"}} {secs}\ningestion_lag_seconds{{kind=\"test\"}} 9000\nother 1\n"
        )
    };
    ground.turn(&page(300)).await;
    assert!(
        ground.lit().is_empty(),
        "five minutes are not over five minutes"
    );
    ground.turn(&page(301)).await;
    let lit = ground.lit().remove(0);
    assert_eq!(
        (lit.level, lit.summary.as_str()),
        (
            Level::Yellow,
            "highest ingestion_lag_seconds{kind!=\"test\"} is 5m 1s, above 5m"
        )
    );
    assert_eq!(lit.reading, "5m 1s");
    ground.turn(&page(250)).await;
    assert_eq!(ground.lit().len(), 1, "it has not cleared");
    ground.turn(&page(30)).await;
    assert!(ground.lit().is_empty());
    assert_eq!(
        ground.count("series WHERE name = 'other'"),
        0,
        "what nobody reads is not kept"
    );
    assert_eq!(ground.count("series_point"), 4 * 3);
    let page = ground.app.as_operator().get("/services").await;
    assert!(
        page.table("Services, worst first")[0][1].contains("Up"),
        "a scrape is a probe"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_page_is_told_apart() {
    let exporter = Exporter::start().await;
    let check = || Check::Prometheus(exporter.check());
    exporter.serves("m 1\nn 2\n");
    let good: Run = run(check()).await;
    assert_eq!(good.outcome, Outcome::Good(Vec::new()));
    assert_eq!(good.scraped.len(), 1);
    assert!(
        exporter
            .asked()
            .contains("accept: text/plain;version=0.0.4")
    );
    for (head, body, kind) in [
        ("HTTP/1.1 500 No", "m 1\n", ErrorKind::WrongAnswer),
        (
            "HTTP/1.1 302 Found\r\nlocation: /",
            "m 1\n",
            ErrorKind::WrongAnswer,
        ),
        ("HTTP/1.1 401 No", "", ErrorKind::Authentication),
        ("HTTP/1.1 403 No", "", ErrorKind::Authentication),
        ("", "<html>", ErrorKind::WrongAnswer),
        ("", "", ErrorKind::WrongAnswer),
        ("", "m 1\nm 2\n", ErrorKind::WrongAnswer),
    ] {
        exporter.answers(head);
        exporter.serves(body);
        assert_eq!(failure(check()).await, Some(kind), "{head} {body}");
    }
    exporter.answers("");
    exporter.serves("# ".to_owned() + &"x".repeat(17 * 1024 * 1024));
    let Outcome::Failed(large) = run(check()).await.outcome else {
        panic!()
    };
    assert!(
        large.message.contains("larger than 16384 KiB"),
        "{}",
        large.message
    );
    let nobody = Prometheus {
        url: "http://127.0.0.1:1/metrics".into(),
        ..exporter.check()
    };
    assert_eq!(
        failure(Check::Prometheus(nobody)).await,
        Some(ErrorKind::Refused)
    );
}

#[tokio::test]
async fn a_page_may_want_a_token_or_a_password() {
    let exporter = Exporter::start().await;
    exporter.serves("m 1\n");
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "sesame").unwrap();
    let file = secret.path().display().to_string();
    let token = Prometheus {
        bearer_file: file.clone(),
        ..exporter.check()
    };
    run(Check::Prometheus(token)).await;
    assert!(exporter.asked().contains("authorization: bearer sesame"));
    let password = Prometheus {
        user: "probe".into(),
        password_file: file,
        ..exporter.check()
    };
    run(Check::Prometheus(password)).await;
    assert!(
        exporter
            .asked()
            .contains("authorization: basic chjvymu6c2vzyw1l"),
        "{}",
        exporter.asked()
    );
    let missing = Prometheus {
        bearer_file: "/nowhere".into(),
        ..exporter.check()
    };
    assert!(matches!(
        run(Check::Prometheus(missing)).await.outcome,
        Outcome::Unknown(_)
    ));
}

/// An exporter that is not there for a while is down; its figures are not there meanwhile, whatever they were.
#[tokio::test]
async fn a_scrape_that_fails_leaves_no_figure_behind() {
    let rule = LAG.replace("yellow =", "no_data = \"ok\"\nyellow =");
    let ground = Ground::with(&rule).await;
    ground.turn("ingestion_lag_seconds 900\n").await;
    assert_eq!(ground.lit().len(), 1);
    ground.turn("ingestion_lag_seconds 900\n!").await;
    assert!(ground.lit().is_empty());
    let state = state_of(&ground);
    assert_eq!(
        state.message,
        "line 2 is not a metric: it begins with no name"
    );
    for _ in 0..2 {
        ground.turn("!").await;
    }
    assert_eq!(state_of(&ground).standing.state, ProbeState::Down);
}

fn state_of(ground: &Ground) -> signalbox::features::health::store::State {
    state(&ground.app)
}

/// DO-11: a share of what was counted, and none of too little.
#[tokio::test]
async fn a_share_of_counted_traffic_lights_its_lamp() {
    let ground = Ground::with(
        r#"
[[rule]]
id = "errors"
name = "Too many errors"
on.share = { scrape = "metrics", part = 'http_requests_total{status=~"5.."}', whole = "http_requests_total", window = "1m" }
red = { above = "1%", clear = "0.8%", for = "30s" }
runbook = "mend"
"#,
    )
    .await;
    let page = |good: u32, bad: u32| {
        format!(
            "http_requests_total{{status=\"200\"}} {good}\nhttp_requests_total{{status=\"503\"}} {bad}\n"
        )
    };
    for step in 0..4 {
        ground.turn(&page(step, step)).await;
    }
    assert!(ground.lit().is_empty(), "half of six are no share");
    for step in 1..=2 {
        ground.turn(&page(1_000 * step, 30 * step)).await;
    }
    assert!(
        ground.lit().is_empty(),
        "a quarter of a minute is not half of one"
    );
    ground.turn(&page(3_000, 90)).await;
    let lit = ground.lit().remove(0);
    assert_eq!(
        lit.summary,
        "share of http_requests_total{status=~\"5..\"} in http_requests_total over 1m is 2.9 %, above 1.0 %"
    );
    for step in 4..9 {
        ground.turn(&page(1_000 * step, 90)).await;
    }
    assert!(ground.lit().is_empty());
}

/// LT-26: what 95 of a hundred stay under, from buckets.
#[tokio::test]
async fn a_quantile_and_a_missing_metric_light_their_lamps() {
    let ground = Ground::with(
        r#"
[[rule]]
id = "slow"
name = "Searches are slow"
on.quantile = { scrape = "metrics", select = "search_seconds", quantile = 0.95, window = "1m" }
yellow = { above = "10s" }

[[rule]]
id = "gone"
name = "Nobody counts searches"
on.absence = { scrape = "metrics", select = "search_seconds_count" }
blue = { for = "30s" }
"#,
    )
    .await;
    let page = |fast: u32, slow: u32| {
        format!(
            "search_seconds_bucket{{le=\"5\"}} {fast}\nsearch_seconds_bucket{{le=\"20\"}} {0}\n\
             search_seconds_bucket{{le=\"+Inf\"}} {0}\nsearch_seconds_count {0}\n",
            fast + slow
        )
    };
    for step in 1..4 {
        ground.turn(&page(100 * step, 0)).await;
    }
    assert!(ground.lit().is_empty());
    ground.turn(&page(400, 100)).await;
    let lit = ground.lit().remove(0);
    assert!(
        lit.summary
            .starts_with("p95 of search_seconds over 1m is 16.3 s, above 10 s"),
        "{}",
        lit.summary
    );
    for _ in 0..2 {
        ground.turn("other 1\n").await;
    }
    assert!(
        !ground
            .lit()
            .iter()
            .any(|alert| alert.name == "Nobody counts searches")
    );
    ground.turn("other 1\n").await;
    let gone = ground.lit();
    let gone = gone
        .iter()
        .find(|alert| alert.name == "Nobody counts searches")
        .unwrap();
    assert_eq!(gone.summary, "search_seconds_count is not served");
    ground.turn(&page(900, 100)).await;
    assert!(
        !ground
            .lit()
            .iter()
            .any(|alert| alert.name == "Nobody counts searches")
    );
}

#[tokio::test]
async fn values_are_summed_up_in_steps_and_dropped_in_time() {
    let ground = Ground::with(
        "[[rule]]\nid = \"c\"\nname = \"C\"\non.increase = { scrape = \"metrics\", select = \"c_total\", window = \"1h\" }\nblue = { above = 1000 }\n",
    )
    .await;
    // Ten minutes, and a restart in the middle of them.
    for step in 1..=20 {
        ground.turn(&format!("c_total {}\n", step * 10)).await;
    }
    for step in 1..=20 {
        ground.turn(&format!("c_total {}\n", step * 10)).await;
    }
    let services = &ground.app.services;
    actions::tidy(services).unwrap();
    actions::tidy(services).unwrap();
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = sql_types::Double)]
        increase: f64,
        #[diesel(sql_type = sql_types::BigInt)]
        points: i64,
        #[diesel(sql_type = sql_types::Double)]
        high: f64,
    }
    let sum = || {
        let mut conn = ground.app.db.connect_superuser();
        let sum: Sum = sql_query("SELECT sum(increase) AS increase, sum(points) AS points, max(high) AS high FROM series_step")
            .get_result(&mut conn)
            .unwrap();
        (sum.increase, sum.points, sum.high)
    };
    assert_eq!(sum(), (190.0 + 200.0, 40, 200.0));
    ground.app.advance(TimeDelta::hours(27));
    actions::tidy(services).unwrap();
    assert_eq!(ground.count("series_point"), 0);
    assert_eq!(
        sum(),
        (390.0, 40, 200.0),
        "sums outlive what they were made of"
    );
    ground.app.advance(TimeDelta::days(34));
    actions::tidy(services).unwrap();
    assert_eq!(
        (ground.count("series_step"), ground.count("series")),
        (0, 0)
    );
}

/// Labels that change all the time fill no disk.
#[tokio::test]
async fn an_exporter_that_invents_labels_is_not_let_fill_the_disk() {
    let ground = Ground::with(LAG).await;
    for turn in 0..12 {
        let line =
            |page: String, at| page + &format!("ingestion_lag_seconds{{id=\"{turn}-{at}\"}} 1\n");
        let page = (0..1_000).fold(String::new(), line);
        ground.turn(&page).await;
    }
    assert_eq!(ground.count("series"), 10_000);
    let line = |page: String, at| page + &format!("ingestion_lag_seconds{{id=\"{at}\"}} 1\n");
    let page = (0..1_001).fold(String::new(), line);
    ground.turn(&page).await;
    assert_eq!(
        state_of(&ground).message,
        "more than 1000 series of it would be kept"
    );
}

/// What is already known of a scrape is kept when its rules change.
#[tokio::test]
async fn a_scrape_keeps_what_its_rules_read() {
    let ground = Ground::with(LAG).await;
    let kept = |ground: &Ground| match ground.scrape().spec.check {
        Check::Prometheus(check) => check.keep,
        other => panic!("{other:?}"),
    };
    assert_eq!(kept(&ground), ["ingestion_lag_seconds"]);
    ground.apply(
        "keep = [\"reports_total\"]\n[[rule]]\nid = \"slow\"\nname = \"Slow\"\n\
         on.quantile = { scrape = \"metrics\", select = \"d_seconds\", quantile = 0.9, window = \"5m\" }\nblue = { above = \"1s\" }\n",
    );
    assert_eq!(kept(&ground), ["d_seconds_bucket", "reports_total"]);
}
