//! How much is in use, and when the rest will be.

use chrono::{Days, TimeDelta};
use signalbox::features::capacity::actions;
use signalbox::features::capacity::store::{self, Reading};
use signalbox::features::health::actions as health;
use signalbox::features::packs::pack::Capacity;
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::db;

use crate::packs::{SMALL, apply};
use crate::slo::the;
use crate::support::app::TestApp;

const LIMITS: &str = "
[[capacity]]
id = \"users\"
name = \"Users at once\"
on.indicator = \"ncc_qos\"
limit = 100
unit = \"users\"
[[capacity]]
id = \"reports\"
name = \"Reports a day\"
on.events = \"report.submitted\"
limit = 3.5
";

/// LT-28
#[tokio::test]
async fn what_is_in_use_is_kept_by_the_day_and_held_against_its_limit() {
    let app = TestApp::start().await;
    let pack = SMALL.replace("unit = \"%\"", "unit = \"\"\nexpect_every = \"5m\"");
    apply(&app, &format!("{pack}{LIMITS}"));
    app.advance(TimeDelta::hours(24));
    let actor = Actor::command_line("tester");
    for value in [61.0, 70.0, 65.0] {
        app.advance(TimeDelta::minutes(5));
        health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
        health::report_event(&app.services, &actor, "report.submitted", None).unwrap();
        actions::read_use(&app.services).unwrap();
    }
    let users = the::<Capacity>(&app, "users").id;
    let from = app.now() - TimeDelta::days(90);
    let read = |conn: &mut _| store::since(conn, &[users], from);
    let day = app
        .services
        .db
        .read(read)
        .unwrap()
        .remove(&users)
        .unwrap()
        .remove(0);
    assert_eq!((day.high, day.last), (70.0, 65.0));
    assert_eq!(
        actions::read_use(&app.services).unwrap(),
        0,
        "nothing new was read"
    );

    let operator = app.as_operator();
    let page = operator.get("/capacity").await;
    assert_eq!(page.heading(), "1 of 2 limits is close");
    assert!(page.says("65 users") && page.says("not enough data: 1 of 14 days"));
    assert!(
        page.says("Reports a day") && page.says("86 %"),
        "{}",
        page.text()
    );

    app.services
        .audit
        .write_unaudited::<_, db::Error>(Unaudited::Sample, |conn| {
            for back in 1..=20 {
                let at = app.now() - Days::new(back);
                let reading = Reading {
                    day: at.date_naive(),
                    at,
                    value: 70.0 - f64::from(u32::try_from(back).unwrap()) / 2.0,
                    demo: false,
                };
                store::add(conn, users, &reading)?;
            }
            Ok(())
        })
        .unwrap();
    let page = operator.get("/capacity").await;
    assert!(page.says("full in about 9 weeks"), "{}", page.text());

    app.advance(TimeDelta::hours(1));
    actions::read_use(&app.services).unwrap();
    let page = app.as_operator().get("/capacity").await;
    let rows = page.table("Limits, the closest first").into_iter();
    let mut rows = rows.map(|row| row.join(" "));
    let row = rows.find(|row| row.contains("Users")).unwrap();
    assert!(
        row.contains("Unknown"),
        "a stale report is not what is in use: {row}"
    );
}

/// What is reported by the hour is known for two, as for a rule; what nobody is said to report again, for ever.
#[tokio::test]
async fn a_reading_is_good_for_as_long_as_its_source_says() {
    for (every, minutes, says) in [
        ("expect_every = \"1h\"", 115, "61 users"),
        ("expect_every = \"1h\"", 125, "Unknown"),
        ("", 60 * 24, "61 users"),
    ] {
        let app = TestApp::start().await;
        let pack = SMALL.replace("unit = \"%\"", &format!("unit = \"\"\n{every}"));
        apply(&app, &format!("{pack}{LIMITS}"));
        let actor = Actor::command_line("tester");
        health::report_indicator(&app.services, &actor, "ncc_qos", 61.0, None).unwrap();
        actions::read_use(&app.services).unwrap();
        app.advance(TimeDelta::minutes(minutes));
        let page = app.as_operator().get("/capacity").await;
        let rows = page.table("Limits, the closest first").into_iter();
        let mut rows = rows.map(|row| row.join(" "));
        let row = rows.find(|row| row.contains("Users")).unwrap();
        assert!(row.contains(says), "{every} {minutes}: {row}");
    }
}
