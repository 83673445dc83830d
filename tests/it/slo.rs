//! Targets, their budgets, and what becomes of a month.

mod burning;
mod months;
mod whole;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use signalbox::features::health::actions as health;
use signalbox::features::health::latency::Histogram;
use signalbox::features::health::slice::Tally;
use signalbox::features::health::store::samples::{self, Sample, Span};
use signalbox::features::packs::pack::{ItemId, Probe, Slo};
use signalbox::features::packs::store::{self as packs, Definition, Item};
use signalbox::features::slo::actions;
use signalbox::features::slo::store::{self, Asked};
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::auth::Role;
use signalbox::foundation::db;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::scraped::Ground;

/// A target over the small pack's probe.
pub const TARGET: &str = r#"
[[slo]]
id = "availability"
name = "Availability of the API"
service = "api"
on.availability = "api-health"
target = "99.9%"
"#;

pub fn the<T: Definition>(app: &TestApp, slug: &str) -> Item<T> {
    let live = app.services.db.read(packs::live::<T>).unwrap();
    live.into_iter().find(|item| item.slug == slug).unwrap()
}

/// Minutes of results, each with this many good ones and bad ones.
fn minutes(app: &TestApp, from: DateTime<Utc>, count: i32, good: i64, bad: i64, latency_us: i64) {
    let probe = the::<Probe>(app, "api-health").id;
    let mut histogram = Histogram::default();
    for _ in 0..good + bad {
        histogram.record(latency_us);
    }
    let minute = |index: i32| Sample {
        at: from + TimeDelta::minutes(1) * index,
        good,
        failed: bad,
        unknown: 0,
        histogram: histogram.clone(),
        demo: false,
    };
    let all: Vec<Sample> = (0..count).map(minute).collect();
    app.services
        .audit
        .write_unaudited::<_, db::Error>(Unaudited::Sample, |conn| {
            samples::insert(conn, probe, Span::Minute, &all)
        })
        .unwrap();
}

/// What is settled of a target, all of it.
fn tally(app: &TestApp, slo: ItemId) -> Tally {
    let from = app.now() - TimeDelta::days(90);
    let asked = Asked {
        slo,
        from,
        day: from,
    };
    let sums = app.services.db.read(|conn| store::since(conn, &[asked]));
    sums.unwrap()[&slo].tally
}

fn in_minutes(tally: &Tally) -> [i64; 4] {
    [
        tally.good_ms,
        tally.bad_ms,
        tally.unknown_ms,
        tally.planned_ms,
    ]
    .map(|ms| ms / 60_000)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A window that was announced so many hours ahead.
fn window(app: &TestApp, from: DateTime<Utc>, minutes: i64, hours_ahead: i64) {
    let platform = the::<Slo>(app, "availability").platform;
    let until = from + TimeDelta::minutes(minutes);
    let announced = from - TimeDelta::hours(hours_ahead);
    let person = app.as_operator().person;
    let insert = format!(
        "INSERT INTO maintenance_window (id, platform_id, name, services, starts_at, ends_at, announced_at, \
             announced_by, announced_name, needs_second, approved_at, approved_by, approved_name) \
         SELECT gen_random_uuid(), '{platform}', 'Upgrade', '{{}}', '{from}', '{until}', '{announced}', '{person}', \
                'Ada', true, '{announced}', id, 'Grace' FROM person WHERE id <> '{person}' LIMIT 1"
    );
    app.as_reviewer();
    app.db.connect_superuser().batch_execute(&insert).unwrap();
}

/// It is 9:00 on 2 March; the results begin at 5:00.
#[tokio::test]
async fn time_is_told_apart_and_what_comes_late_changes_nothing() {
    let app = TestApp::start().await;
    apply(&app, &format!("{SMALL}{TARGET}"));
    let five = at("2026-03-02T05:00:00Z");
    let hour = |hours: i64| five + TimeDelta::hours(hours);
    minutes(&app, hour(0), 60, 2, 0, 7_000);
    // Half an hour is bad, ten minutes of it within a window announced in time, ten within one that was not.
    minutes(&app, hour(1), 30, 0, 2, 7_000);
    window(&app, hour(1), 10, 48);
    window(&app, hour(1) + TimeDelta::minutes(10), 10, 47);
    minutes(&app, hour(1) + TimeDelta::minutes(30), 30, 2, 0, 7_000);
    // Nothing is known of the third hour.
    minutes(&app, hour(3), 50, 2, 0, 7_000);
    let written = actions::settle(&app.services).unwrap();
    assert_eq!(
        written, 15,
        "up to ten minutes ago, by the quarter of an hour"
    );
    let slo = the::<Slo>(&app, "availability").id;
    let settled = tally(&app, slo);
    assert_eq!(in_minutes(&settled), [60 + 30 + 45, 20, 60, 10]);
    assert_eq!((settled.good, settled.bad), (270, 40));

    minutes(&app, hour(2), 60, 0, 2, 7_000);
    assert_eq!(actions::settle(&app.services).unwrap(), 0);
    assert_eq!(tally(&app, slo), settled, "it came too late");

    let operator = app.as_operator();
    let list = operator.get("/service-levels").await;
    assert_eq!(list.status, 200);
    assert_eq!(
        list.heading(),
        "None of 1 target is known to be met; Availability of the API has used 46 % of its budget"
    );
    let one = operator.get(&list.link("Availability of the API")).await;
    let said = [
        "Met as far as is known",
        "99.9 %",
        "23 min",
        "29 d 21 h",
        "10 min",
    ];
    for said in said {
        assert!(one.says(said), "{said}: {}", one.text());
    }
}

#[tokio::test]
async fn a_latency_is_held_against_the_bound_of_its_bucket() {
    let app = TestApp::start().await;
    let target = "[[slo]]\nid = \"fast\"\nname = \"Fast\"\nservice = \"api\"\ntarget = \"95%\"\n\
                  on.latency = { probe = \"api-health\", within = \"100ms\" }\n";
    apply(&app, &format!("{SMALL}\n{target}")); // LT-26
    let eight = at("2026-03-02T08:00:00Z");
    minutes(&app, eight, 15, 2, 0, 100_000);
    minutes(&app, eight + TimeDelta::minutes(15), 15, 2, 0, 100_001);
    minutes(&app, eight + TimeDelta::minutes(30), 15, 1, 1, 5_000);
    actions::settle(&app.services).unwrap();
    let settled = tally(&app, the::<Slo>(&app, "fast").id);
    // A failure that was answered in time is for the availability.
    assert_eq!((settled.good, settled.bad), (60, 30));
    assert_eq!(in_minutes(&settled), [30, 15, 0, 0]);
}

#[tokio::test]
async fn reports_are_held_against_their_limit() {
    let app = TestApp::start().await;
    let pack = SMALL.replace("unit = \"%\"", "unit = \"s\"\nexpect_every = \"5m\"");
    let target = "[[slo]]\nid = \"fast\"\nname = \"Fast\"\nservice = \"api\"\ntarget = \"95%\"\nleast = 3\n\
                  on.reports = { indicator = \"ncc_qos\", at_most = 5 }\n";
    apply(&app, &format!("{pack}\n{target}")); // LT-26
    let actor = Actor::command_line("tester");
    for value in [4.9, 5.0, 5.1, 1.0, 1.0, 9.0] {
        health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
        app.advance(TimeDelta::minutes(5));
    }
    app.advance(TimeDelta::minutes(10));
    actions::settle(&app.services).unwrap();
    let settled = tally(&app, the::<Slo>(&app, "fast").id);
    assert_eq!((settled.good, settled.bad), (4, 2));
    assert_eq!(in_minutes(&settled), [20, 10, 0, 0]);
}

#[tokio::test]
async fn scraped_counters_and_buckets_are_counted_as_results() {
    let targets = "
[[slo]]
id = \"errors\"
name = \"Errors\"
service = \"api\"
on.counted = { scrape = \"metrics\", total = 'r_total', bad = 'r_total{code=~\"5..\"}' }
target = \"99%\"
[[slo]]
id = \"slow\"
name = \"Slow\"
service = \"api\"
on.histogram = { scrape = \"metrics\", select = \"d_seconds\", bucket = \"0.5\" }
target = \"95%\"
[[slo]]
id = \"nowhere\"
name = \"Nowhere\"
service = \"api\"
on.histogram = { scrape = \"metrics\", select = \"d_seconds\", bucket = \"0.7\" }
target = \"95%\"
";
    let ground = Ground::with(targets).await;
    for turn in 0..100 {
        // Ten requests a turn, one of which fails; four in five take at most half a second.
        ground
            .turn(&format!(
                "r_total{{code=\"200\"}} {}\nr_total{{code=\"500\"}} {}\n\
                 d_seconds_bucket{{le=\"0.5\"}} {}\nd_seconds_bucket{{le=\"+Inf\"}} {}\n",
                turn * 9,
                turn,
                turn * 8,
                turn * 10
            ))
            .await;
    }
    let app = &ground.app;
    app.advance(TimeDelta::minutes(12));
    health::tidy(&app.services).unwrap();
    actions::settle(&app.services).unwrap();
    let share = |slug: &str| {
        let tally = tally(app, the::<Slo>(app, slug).id);
        (tally.results() > 200, tally.bad_share())
    };
    let near = |slug: &str, expected: f64| {
        let (enough, share) = share(slug);
        assert!(
            enough && (share.unwrap() - expected).abs() < 0.01,
            "{slug}: {share:?}"
        );
    };
    near("errors", 0.1);
    near("slow", 0.2);
    assert_eq!(share("nowhere"), (false, None), "it has no such bucket");
}

#[tokio::test]
async fn a_target_of_another_platform_does_not_exist() {
    let app = TestApp::start().await;
    apply(&app, &format!("{SMALL}{TARGET}"));
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited(
        "stranger@test.example",
        Role::Operator,
        Scope::one(elsewhere),
    );
    let path = format!("/service-levels/{}", the::<Slo>(&app, "availability").id);
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(app.as_auditor().get(&path).await.status, 200);
    let list = stranger.get("/service-levels").await;
    assert!(list.says("No target is set yet"));
    assert!(
        stranger
            .get("/capacity")
            .await
            .says("No limit is named yet")
    );
}
