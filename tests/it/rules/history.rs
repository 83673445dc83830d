//! What rules would have done, from the first moment on that is gone through: of a window nothing is told before it is full.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use signalbox::features::health::actions as health;
use signalbox::features::health::store::slices::{self, Read};
use signalbox::features::packs::pack::{Indicator, ItemId, LogSource, Probe, Reported, Sli};
use signalbox::features::packs::store::{self as packs, Definition};
use signalbox::foundation::db;

use super::{path, was_reported};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;

const STEP: TimeDelta = TimeDelta::minutes(5);

/// The small pack with a scrape, a log, and rules on what is read of them.
const MORE: &str = r#"
[[scrape]]
id = "metrics"
service = "api"
url = "http://localhost:1/metrics"

[[rule]]
id = "daily"
name = "It has not grown"
on.increase = { scrape = "metrics", select = "runs_total", window = "24h" }
yellow = { below = 0.5 }

[[rule]]
id = "gone"
name = "It is gone"
on.absence = { scrape = "metrics", select = "runs_total" }
yellow = {}

[[slo]]
id = "errors"
name = "Errors"
service = "api"
on.counted = { scrape = "metrics", total = 'r_total', bad = 'r_total{code="500"}' }
target = "99.9%"

[[rule]]
id = "burns"
name = "Burns"
on.burn_rate = "errors"
yellow = {}

[[log_source]]
id = "app"
name = "App"
files = "/nowhere/*.log"

[[rule]]
id = "quiet"
name = "It is quiet"
on.log = { source = "app", level = "info", within = "1h" }
yellow = { below = 1 }
"#;

fn started_with(app: &TestApp) {
    apply(app, &format!("{SMALL}{MORE}"));
}

fn id<T: Definition>(app: &TestApp, slug: &str) -> ItemId {
    let read = |conn: &mut db::Conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<T>(conn, platform.id, slug)
    };
    app.services.db.read(read).unwrap().id
}

fn run(app: &TestApp, statements: &str) {
    app.db
        .connect_superuser()
        .batch_execute(statements)
        .unwrap();
}

/// The step that ended last, by its beginning.
fn last_step(app: &TestApp) -> DateTime<Utc> {
    app.now().duration_trunc(STEP).unwrap() - STEP * 2
}

/// A series of the scrape with a step for each five minutes of so many days, in which it grew by what `grew` says of the
/// step's beginning, `at`.
fn stepped(app: &TestApp, (name, labels): (&str, &str), days: i32, grew: &str) {
    let (scrape, last) = (id::<Probe>(app, "metrics"), last_step(app).to_rfc3339());
    run(
        app,
        &format!(
            "WITH new AS (INSERT INTO series (scrape_id, name, labels) VALUES ('{scrape}', '{name}', '{labels}') RETURNING id) \
             INSERT INTO series_step (series_id, at, points, increase, low, high, last) \
             SELECT id, at, 10, {grew}, 1, 1, 1 FROM new, \
                 generate_series('{last}'::timestamptz - interval '{days} days', '{last}', interval '5 minutes') AS at"
        ),
    );
}

/// Grew once a day, in the step that began so long before the last.
fn once_a_day(app: &TestApp, before: &str) -> String {
    let last = last_step(app).to_rfc3339();
    format!(
        "(mod(extract(epoch FROM '{last}'::timestamptz - interval '{before}' - at)::bigint, 86400) = 0)::int"
    )
}

async fn page(app: &TestApp, rule: &str) -> Page {
    app.as_operator().get(&path(app, rule)).await
}

fn says(page: &Page, text: &str) {
    assert!(page.says(text), "{}", page.text());
}

#[tokio::test]
async fn the_first_window_of_what_grows_is_whole() {
    let app = TestApp::start().await;
    started_with(&app);
    let daily = once_a_day(&app, "12 hours");
    stepped(&app, ("runs_total", "{}"), 40, &daily);
    // Steps are kept for longer than is gone through, by the longest window.
    health::tidy(&app.services).unwrap();
    says(
        &page(&app, "daily").await,
        "Would not have fired in 30 days",
    );
}

#[tokio::test]
async fn the_first_windows_of_a_burn_rate_are_whole() {
    let app = TestApp::start().await;
    started_with(&app);
    let from = (app.now() - TimeDelta::days(30)).to_rfc3339();
    let first = format!("at >= '{from}' AND at < '{from}'::timestamptz + interval '10 minutes'");
    let bad = format!("CASE WHEN {first} THEN 2 ELSE 0 END");
    stepped(&app, ("r_total", r#"{"code": "200"}"#), 40, "98");
    stepped(&app, ("r_total", r#"{"code": "500"}"#), 40, &bad);
    health::tidy(&app.services).unwrap();
    says(
        &page(&app, "burns").await,
        "Would not have fired in 30 days",
    );
}

/// Many series are gone through less far back, and the window is filled first.
#[tokio::test]
async fn what_reads_many_series_begins_when_its_window_is_full() {
    let app = TestApp::start().await;
    started_with(&app);
    let daily = once_a_day(&app, "12 hours");
    stepped(&app, ("runs_total", "{}"), 4, &daily);
    let scrape = id::<Probe>(&app, "metrics");
    let others = |from: i32, to: i32| {
        let labels = "jsonb_build_object('worker', number::text)";
        run(
            &app,
            &format!(
                "INSERT INTO series (scrape_id, name, labels) \
                 SELECT '{scrape}', 'runs_total', {labels} FROM generate_series({from}, {to}) AS number"
            ),
        );
    };
    others(1, 800);
    let few = page(&app, "daily").await;
    says(&few, "Would not have fired in the last 17 h");
    says(
        &few,
        "It reads 801 series, so only the last 17 h 30 min are gone through.",
    );
    others(801, 1_500);
    says(
        &page(&app, "daily").await,
        "It reads 1501 series, which are gone through no further back than its window of 1d reaches.",
    );
}

/// The scrape was looked at all the time.
fn looked_at(app: &TestApp) {
    let (scrape, now) = (id::<Probe>(app, "metrics"), app.now().to_rfc3339());
    let buckets = "SELECT buckets FROM sample LIMIT 1";
    let every = |span: &str, back: &str| {
        format!(
            "INSERT INTO sample (probe_id, span, at, good, failed, unknown, buckets, demo) \
             SELECT '{scrape}', '{span}', date_trunc('{span}', at), 1, 0, 0, coalesce(({buckets}), '{{}}'), false \
             FROM generate_series('{now}'::timestamptz - interval '{back}', '{now}', interval '1 {span}') AS at;"
        )
    };
    run(app, &every("hour", "40 days"));
    run(app, &every("minute", "2 days"));
}

#[tokio::test]
async fn a_metric_that_was_there_all_the_time_was_never_absent() {
    let app = TestApp::start().await;
    started_with(&app);
    looked_at(&app);
    stepped(&app, ("runs_total", "{}"), 40, "1");
    let there = page(&app, "gone").await;
    says(&there, "Would not have fired in 30 days");
    let last = last_step(&app).to_rfc3339();
    run(
        &app,
        &format!(
            "DELETE FROM series_step WHERE at BETWEEN '{last}'::timestamptz - interval '3 days 2 hours' \
                                             AND '{last}'::timestamptz - interval '3 days'"
        ),
    );
    let away = page(&app, "gone").await;
    says(&away, "Would have fired once in 30 days");
    let rows = away.table("When it would have fired, the newest first");
    assert!(rows[0][3].starts_with("2 h"), "{rows:?}");
    // What is gone now is lit now.
    run(
        &app,
        &format!(
            "DELETE FROM series_step WHERE at > '{last}'::timestamptz - interval '40 minutes'"
        ),
    );
    let gone = page(&app, "gone").await;
    says(&gone, "Would have fired twice in 30 days");
    let rows = gone.table("When it would have fired, the newest first");
    assert_eq!(rows[0][2], "it would be lit now", "{rows:?}");
}

#[tokio::test]
async fn a_log_is_not_quiet_before_its_first_line_that_is_kept() {
    let app = TestApp::start().await;
    started_with(&app);
    let (log, now) = (id::<LogSource>(&app, "app"), app.now().to_rfc3339());
    let lines = format!(
        "INSERT INTO log_source (id) VALUES ('{log}'); \
         INSERT INTO log_count (source_id, minute, level, component, code, lines) \
         SELECT '{log}', date_trunc('minute', at), 4, '', '', 1 \
         FROM generate_series('{now}'::timestamptz - interval '20 days', '{now}', interval '20 minutes') AS at"
    );
    run(&app, &lines);
    // One that came with its first line was quiet until then.
    let declared = |back: &str| {
        run(
            &app,
            &format!(
                "UPDATE pack_item SET declared_at = '{now}'::timestamptz - interval '{back}' WHERE id = '{log}'"
            ),
        );
    };
    declared("20 days");
    says(&page(&app, "quiet").await, "Would have fired once in the");
    declared("60 days");
    says(
        &page(&app, "quiet").await,
        "Would not have fired in the 19 d 23 h that are kept",
    );
}

#[tokio::test]
async fn of_very_many_reports_the_last_are_read() {
    let app = TestApp::start().await;
    started_with(&app);
    let (now, item) = (app.now(), id::<Indicator>(&app, "ncc_qos"));
    let story: Vec<_> = (1..=5)
        .map(|back| (now - TimeDelta::hours(back), 97.0 + back as f64))
        .collect();
    was_reported(&app, &story);
    let read = Read {
        sli: Sli::Reports(Reported {
            indicator: "ncc_qos".to_owned(),
            at_most: None,
            at_least: Some(98.5),
        }),
        item,
        every: TimeDelta::hours(1),
    };
    let of = |at_most| {
        let from = now - TimeDelta::days(1);
        let read = |conn: &mut db::Conn| slices::reports(conn, &read, (from, now), at_most);
        app.services.db.read(read).unwrap()
    };
    let all = of(6);
    assert_eq!((all.from, all.is_cut), (now - TimeDelta::days(1), false));
    let last = of(2);
    assert_eq!((last.from, last.is_cut), (now - TimeDelta::hours(2), true));
    let told: Vec<_> = last.all.iter().map(|it| (it.at, it.good)).collect();
    assert_eq!(
        told,
        [
            (now - TimeDelta::hours(2), 1),
            (now - TimeDelta::hours(1), 0)
        ]
    );
}

/// More is kept than is gone through, which is another thing than that no more is kept.
#[tokio::test]
async fn what_is_cut_is_not_said_to_be_all_that_is_kept() {
    let app = TestApp::start().await;
    started_with(&app);
    let (item, now) = (id::<Indicator>(&app, "ncc_qos"), app.now().to_rfc3339());
    run(
        &app,
        &format!(
            "INSERT INTO indicator_report (id, indicator_id, at, value, demo) \
             SELECT gen_random_uuid(), '{item}', '{now}'::timestamptz - number * interval '6 seconds', 99.5, false \
             FROM generate_series(1, 200100) AS number"
        ),
    );
    says(
        &page(&app, "qos").await,
        "Would not have fired in the last 13 d 21 h",
    );
}
