//! A month that is over is frozen once, and stays.

use std::thread;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use diesel::connection::SimpleConnection as _;
use sha2::{Digest as _, Sha256};
use signalbox::features::health::slice::Tally;
use signalbox::features::packs::pack::Slo;
use signalbox::features::slo::actions;
use signalbox::features::slo::month::days;
use signalbox::features::slo::store::months::{self, Month};
use signalbox::features::slo::store::{self, Promised, Spent};
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::db;
use signalbox::foundation::kernel::Scope;

use super::{TARGET, at, the};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::db::connect;

/// A platform in New York, and the target over it.
pub fn pack(name: &str) -> String {
    let target = TARGET.replace("Availability of the API", name);
    let pack = SMALL.replacen(
        "version = \"1\"",
        "version = \"1\"\nzone = \"America/New_York\"",
        1,
    );
    format!("{pack}{target}")
}

/// Whole days, with some minutes of each bad.
pub fn write(app: &TestApp, from: DateTime<Utc>, until: DateTime<Utc>, bad_minutes: i64) {
    let of = Promised {
        slo: the::<Slo>(app, "availability").id,
        share: 0.999,
    };
    let day = |(at, until): (DateTime<Utc>, DateTime<Utc>)| {
        let (all, bad_ms) = ((until - at).num_milliseconds(), bad_minutes * 60_000);
        let tally = Tally {
            good: 2_880 - bad_minutes * 2,
            bad: bad_minutes * 2,
            good_ms: all - bad_ms,
            bad_ms,
            ..Tally::default()
        };
        Spent { at, until, tally }
    };
    let all: Vec<Spent> = days(from, until, Tz::America__New_York)
        .into_iter()
        .map(day)
        .collect();
    app.services
        .audit
        .write_unaudited::<_, db::Error>(Unaudited::Sample, |conn| {
            store::insert_days(conn, of, &all).map(drop)
        })
        .unwrap();
}

/// The platform with its target, of which so many minutes of each day of February were bad.
pub async fn february(bad_minutes: i64) -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    let (from, until) = (at("2026-02-01T12:00:00Z"), at("2026-03-01T05:00:00Z"));
    write(&app, from, until, bad_minutes);
    app
}

/// The same pack without the target.
fn without() -> String {
    let zone = "version = \"2\"\nzone = \"America/New_York\"";
    SMALL.replacen("version = \"1\"", zone, 1)
}

/// Writes quarters of an hour, all of them good.
pub fn write_quarters(app: &TestApp, from: DateTime<Utc>, count: i32) {
    let of = Promised {
        slo: the::<Slo>(app, "availability").id,
        share: 0.999,
    };
    let quarter = |n: i32| Spent {
        at: from + TimeDelta::minutes(15) * n,
        until: from + TimeDelta::minutes(15) * (n + 1),
        tally: Tally {
            good: 30,
            good_ms: 900_000,
            ..Tally::default()
        },
    };
    let quarters: Vec<Spent> = (0..count).map(quarter).collect();
    app.services
        .audit
        .write_unaudited::<_, db::Error>(Unaudited::Sample, |conn| {
            store::insert_quarters(conn, of, &quarters).map(drop)
        })
        .unwrap();
}

pub fn path(month: &Month) -> String {
    format!("/service-levels/months/{}", month.id)
}

pub fn frozen(app: &TestApp) -> Vec<Month> {
    let all = |conn: &mut _| months::all(conn, &Scope::All);
    app.services.db.read(all).unwrap()
}

pub fn freeze(app: &TestApp) -> usize {
    actions::freeze(&app.services, &Actor::job("test")).unwrap()
}

#[tokio::test]
async fn a_month_is_frozen_once_and_stays() {
    let app = february(1).await;
    let services = &app.services;
    let counts: Vec<usize> = thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| actions::freeze(services, &Actor::job("test")).unwrap()))
            .collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().sum::<usize>(), 1, "four at once: {counts:?}");
    assert_eq!(freeze(&app), 0, "a job that is run again");
    assert_eq!(app.events_of("service_level.month_frozen").len(), 1);
    let month = frozen(&app).remove(0);
    assert_eq!(month.month.to_string(), "2026-02-01");
    assert_eq!(month.starts_at, at("2026-02-01T05:00:00Z"));
    let read = |conn: &mut _| months::figures(conn, month.id);
    let figures = services.db.read(read).unwrap();
    assert_eq!(
        (figures[0].days, figures[0].tally.bad_ms),
        (28, 28 * 60_000)
    );

    // What comes in later changes nothing, and nobody may.
    write(
        &app,
        at("2026-01-31T12:00:00Z"),
        at("2026-02-02T05:00:00Z"),
        500,
    );
    freeze(&app);
    assert_eq!(services.db.read(read).unwrap(), figures);
    for attempt in [
        "UPDATE slo_month SET frozen_at = now()",
        "UPDATE slo_figure SET bad_ms = 0",
        "DELETE FROM slo_figure",
        "UPDATE slo_month_file SET text = ''",
        "DELETE FROM slo_month_file",
    ] {
        let refused = connect(&app.db.app_url).batch_execute(attempt).unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{attempt}: {refused}"
        );
    }

    let auditor = app.as_auditor();
    let list = auditor.get("/service-levels").await;
    let page = auditor.get(&list.link("February 2026")).await;
    assert_eq!(
        page.heading(),
        "The one target was met; Availability of the API has used 69 % of its budget"
    );
    assert!(
        page.says("99.93 %") && page.says("28 min"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_month_waits_until_it_is_over_and_a_missing_one_is_named() {
    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write(
        &app,
        at("2025-12-10T12:00:00Z"),
        at("2026-01-01T05:00:00Z"),
        0,
    );
    write(
        &app,
        at("2026-02-03T12:00:00Z"),
        at("2026-03-02T05:00:00Z"),
        0,
    );
    assert_eq!(freeze(&app), 2, "December and February; March is running");
    let december = frozen(&app).remove(1);
    let auditor = app.as_auditor();
    let page = auditor.get(&path(&december)).await;
    let row = page.table("What became of each target")[0].join(" ");
    assert!(
        row.contains("Met as far as is known") && row.contains("9 d"),
        "of nine days nobody knows: {row}"
    );
    let months: Vec<String> = frozen(&app).iter().map(|it| it.month.to_string()).collect();
    assert_eq!(months, ["2026-02-01", "2025-12-01"]);
    let list = app.as_operator().get("/service-levels").await;
    let rows = list.table("Months that are over, newest first");
    assert_eq!(rows.len(), 3);
    let missing = rows[1].join(" ");
    assert!(
        missing.contains("January 2026") && missing.contains("missing"),
        "{rows:?}"
    );
    app.advance(TimeDelta::days(30));
    actions::settle(&app.services).unwrap();
    assert_eq!(
        freeze(&app),
        0,
        "March is not settled yet, but a part at a time"
    );
    while actions::settle(&app.services).unwrap() > 0 {}
    assert_eq!(freeze(&app), 1);
    let march = frozen(&app).remove(0);
    let figures = app
        .services
        .db
        .read(|conn| months::figures(conn, march.id))
        .unwrap();
    let unknown = figures[0].tally.unknown_ms / 3_600_000;
    assert!(
        (29 * 24..31 * 24).contains(&unknown),
        "nothing was probed: {unknown} h"
    );
}

#[tokio::test]
async fn a_hostile_name_is_no_formula_in_the_file() {
    let app = TestApp::start().await;
    let name = "=HYPERLINK('https://evil.example')";
    apply(&app, &pack(name));
    write(
        &app,
        at("2026-02-01T12:00:00Z"),
        at("2026-03-01T05:00:00Z"),
        2,
    );
    freeze(&app);
    let month = frozen(&app).remove(0);
    let auditor = app.as_auditor();
    let page = auditor.get(&path(&month)).await;
    assert!(page.says(name));
    let file = auditor.get(&format!("{}/file", path(&month))).await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut reader = csv::Reader::from_reader(file.body.as_bytes());
    let head = reader.headers().unwrap().clone();
    let line = reader.records().next().unwrap().unwrap();
    let cell = |column: &str| {
        let place = head.iter().position(|it| it == column).unwrap();
        line[place].to_owned()
    };
    assert_eq!(cell("name"), format!("'{name}"));
    assert_eq!(
        (cell("month"), cell("verdict")),
        ("2026-02".to_owned(), "Missed".to_owned())
    );
    assert_eq!(
        (cell("bad_seconds"), cell("invented")),
        ("3360".to_owned(), "no".to_owned())
    );
    assert_eq!(app.events_of("service_level.month_exported").len(), 1);
}

fn only_figure(app: &TestApp) -> months::Figure {
    let month = frozen(app).remove(0);
    let read = |conn: &mut _| months::figures(conn, month.id);
    let mut figures = app.services.db.read(read).unwrap();
    assert_eq!(figures.len(), 1);
    figures.remove(0)
}

/// Whoever takes a target away, or renames it, on the last day does not take what became of it away.
#[tokio::test]
async fn a_target_that_is_taken_away_stays_in_the_month_that_it_had() {
    let app = february(30).await;
    let id = the::<Slo>(&app, "availability").id;
    apply(&app, &without());
    assert_eq!(freeze(&app), 1);
    let figure = only_figure(&app);
    assert_eq!((figure.slo, figure.tally.bad_ms), (id, 28 * 30 * 60_000));
    assert_eq!(figure.retired_at, Some(app.now()));
    let auditor = app.as_auditor();
    let list = auditor.get("/service-levels").await;
    let page = auditor.get(&list.link("February 2026")).await;
    assert!(page.says("Missed") && page.says("taken out of its pack"));
    let one = auditor.get(&format!("/service-levels/{id}")).await;
    assert!(one.says("February 2026"), "{}", one.text());
}

/// A promise that is lowered on the last day is lower for that day.
#[tokio::test]
async fn a_month_is_held_against_what_was_promised_while_it_lasted() {
    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write(
        &app,
        at("2026-02-01T12:00:00Z"),
        at("2026-02-28T05:00:00Z"),
        3,
    );
    let lowered = pack("Availability of the API").replace("99.9%", "99%");
    app.advance(TimeDelta::seconds(1));
    apply(&app, &lowered);
    let (slo, of) = {
        let item = the::<Slo>(&app, "availability");
        assert!((item.spec.target.value() - 0.99).abs() < 1e-9);
        let share = item.spec.target.value();
        (
            item.id,
            Promised {
                slo: item.id,
                share,
            },
        )
    };
    let (from, until) = (at("2026-02-28T05:00:00Z"), at("2026-03-01T05:00:00Z"));
    let tally = Tally {
        good: 2_880,
        good_ms: 86_400_000,
        ..Tally::default()
    };
    let last = Spent {
        at: from,
        until,
        tally,
    };
    app.services
        .audit
        .write_unaudited::<_, db::Error>(Unaudited::Sample, |conn| {
            store::insert_days(conn, of, &[last]).map(drop)
        })
        .unwrap();
    assert_eq!(freeze(&app), 1);
    let figure = only_figure(&app);
    let promised = (27.0 * 0.999 + 0.99) / 28.0;
    assert!((figure.share - promised).abs() < 1e-9, "{}", figure.share);
    assert_eq!(figure.shares, Some((0.99, 0.999)));
    assert_eq!((figure.slo, figure.changed_at), (slo, Some(app.now())));
    let auditor = app.as_auditor();
    let list = auditor.get("/service-levels").await;
    let month = list.link("February 2026");
    let page = auditor.get(&month).await;
    // 81 minutes: more than the 53 of the month, less than the 403 of 99 % for all of it.
    for said in [
        "Missed",
        "between 99 % and 99.9 %",
        "its definition was changed",
    ] {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    let file = auditor.get(&format!("{month}/file")).await;
    assert!(file.body.contains(",0.99,0.999,"), "{}", file.body);
}

/// Quarters and days are written apart, by any number of processes: a month is added up from its days.
#[tokio::test]
async fn a_month_waits_for_its_last_day_to_be_summed_up() {
    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write(
        &app,
        at("2026-02-01T12:00:00Z"),
        at("2026-02-28T05:00:00Z"),
        0,
    );
    write_quarters(&app, at("2026-02-28T05:00:00Z"), 100);
    assert_eq!(freeze(&app), 0, "its last day is not summed up yet");
    actions::settle(&app.services).unwrap();
    assert_eq!(freeze(&app), 1);
    assert_eq!(only_figure(&app).days, 28);
}

/// The last day of one that was taken away has no quarter after it that would tell that it is over.
#[tokio::test]
async fn the_last_day_of_a_target_that_is_gone_is_summed_up() {
    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write_quarters(&app, app.now() - TimeDelta::hours(2), 8);
    apply(&app, &without());
    assert_eq!(actions::settle(&app.services).unwrap(), 0);
    app.advance(TimeDelta::days(1));
    assert_eq!(actions::settle(&app.services).unwrap(), 1);
    assert_eq!(actions::settle(&app.services).unwrap(), 0, "once");
}

/// What is signed on paper names the file that it was made of, and says everything in words.
#[tokio::test]
async fn a_month_is_printed_to_be_signed() {
    let app = february(30).await;
    let window_ms = 4 * 3_600_000;
    let planned = format!("UPDATE slo_figure SET planned_ms = {window_ms}");
    freeze(&app);
    let mut owner = app.db.connect_superuser();
    owner.batch_execute(&planned).unwrap();
    let (auditor, month) = (app.as_auditor(), frozen(&app).remove(0));
    let page = auditor.get(&path(&month)).await;
    let sheet = auditor.get(&page.link("Print")).await;
    assert_eq!(sheet.heading(), "Service levels of February 2026");
    let caption = "What became of each target";
    assert_eq!(sheet.table(caption), page.table(caption));
    let rows = sheet.table(caption);
    assert!(rows[0][1].contains("Missed"), "{rows:?}");
    for said in [
        "Availability of the API: 4 h of maintenance that was announced 48 hours ahead",
        "America/New_York",
        "1 Feb 2026, 00:00 EST",
        "1 Mar 2026, 00:00 EST",
        "Drawn up by",
        "Looked over by",
        "Printed from Signalbox by",
    ] {
        assert!(sheet.says(said), "{said}: {}", sheet.text());
    }
    let file = auditor.get(&format!("{}/file", path(&month))).await;
    for moment in ["2026-02-01T00:00:00-05:00", "2026-03-01T00:00:00-05:00"] {
        let is_said = file.body.contains(moment);
        assert!(is_said, "{moment}, as the sheet has it: {}", file.body);
    }
    let digest = hex::encode(Sha256::digest(file.body.as_bytes()));
    assert!(sheet.says(&digest), "{digest}: {}", sheet.text());
    let taken = app.events_of("service_level.month_exported");
    let mut formats: Vec<_> = taken
        .iter()
        .map(|it| it["details"]["format"].as_str())
        .collect();
    // Both are of one moment by the test's clock.
    formats.sort_unstable();
    assert_eq!(formats, [Some("csv"), Some("print")]);
    assert!(taken.iter().all(|it| it["details"]["sha256"] == digest));
}

/// A later version may write such files otherwise: what was signed names the file that was there.
#[tokio::test]
async fn the_file_of_a_month_stays_what_it_was_when_it_was_frozen() {
    let app = february(30).await;
    freeze(&app);
    let (auditor, month) = (app.as_auditor(), frozen(&app).remove(0));
    let (page, file) = (path(&month), format!("{}/file", path(&month)));
    let before = auditor.get(&file).await.body;
    let digest = hex::encode(Sha256::digest(before.as_bytes()));
    let event = &app.events_of("service_level.month_frozen")[0];
    assert_eq!(event["details"]["sha256"], digest);
    assert!(auditor.get(&page).await.says(&digest));
    let mut owner = app.db.connect_superuser();
    owner
        .batch_execute("UPDATE slo_figure SET measured = 'in other words'")
        .unwrap();
    assert_eq!(auditor.get(&file).await.body, before);

    // One that was frozen before files were kept is written once, and says so.
    owner.batch_execute("DELETE FROM slo_month_file").unwrap();
    let shown = auditor.get(&page).await;
    assert!(shown.says("none yet"), "{}", shown.text());
    app.advance(TimeDelta::minutes(1));
    let after = auditor.get(&file).await.body;
    assert!(after.contains("in other words"), "{after}");
    owner
        .batch_execute("UPDATE slo_figure SET measured = 'and in others'")
        .unwrap();
    assert_eq!(auditor.get(&file).await.body, after);
    let digest = hex::encode(Sha256::digest(after.as_bytes()));
    for shown in [page.clone(), format!("{page}/print")] {
        let shown = auditor.get(&shown).await;
        assert!(shown.says(&digest), "{}", shown.text());
        assert!(shown.says("because it was not kept when the month was frozen"));
    }
}
