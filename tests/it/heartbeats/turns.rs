//! The moments that turn a heartbeat: once, in the log, and when they were.

use std::sync::{Arc, Barrier};

use chrono::TimeDelta;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::heartbeats::actions;
use signalbox::features::heartbeats::heartbeat::{Signal, Standing};
use signalbox::features::heartbeats::ping::{Method, Ping};
use signalbox::foundation::config::Mode;
use signalbox::foundation::kernel::{Clock, Level, Scope};
use uuid::Uuid;

use super::{advance, id, last, named, pack, ping, secret, standing, turned};
use crate::packs::apply;
use crate::support::app::{TestApp, services_at};

fn down(at: chrono::DateTime<chrono::Utc>) -> (String, chrono::DateTime<chrono::Utc>) {
    ("heartbeat.went_down".to_owned(), at)
}

fn up(at: chrono::DateTime<chrono::Utc>) -> (String, chrono::DateTime<chrono::Utc>) {
    ("heartbeat.came_up".to_owned(), at)
}

#[actix_web::test]
async fn on_time_it_stays_up_and_only_the_first_ping_is_an_event() {
    let app = named().await;
    assert_eq!(standing(&app, "sync").0, Standing::New);
    let first = app.now();
    for _ in 0..4 {
        assert_eq!(ping(&app, "sync", "").await, 200);
        advance(&app, 9);
        assert_eq!(actions::tick(&app.services).unwrap(), 0);
        assert_eq!(standing(&app, "sync").0, Standing::Up);
    }
    assert_eq!(turned(&app), [up(first)]);
    assert_eq!(last(&app, "sync").len(), 4);
}

#[actix_web::test]
async fn it_is_late_in_its_grace_and_a_ping_then_is_in_time() {
    let app = named().await;
    let first = app.now();
    ping(&app, "sync", "").await;
    advance(&app, 12);
    assert_eq!(
        standing(&app, "sync"),
        (Standing::Late, first + TimeDelta::minutes(10))
    );
    ping(&app, "sync", "").await;
    assert_eq!(standing(&app, "sync").0, Standing::Up);
    assert_eq!(turned(&app), [up(first)], "nothing turned");
}

/// A standstill of ours moves no deadline: whoever comes back finds what was missed meanwhile, at its own moment.
#[actix_web::test]
async fn after_a_restart_it_is_down_since_its_deadline() {
    let app = named().await;
    let first = app.now();
    ping(&app, "sync", "").await;
    let deadline = first + TimeDelta::minutes(13);
    advance(&app, 600);
    let again = services_at(Mode::Demo, 0, &app.db.app_url, Clock::fake(app.now()));
    assert_eq!(actions::tick(&again).unwrap(), 1);
    assert_eq!(turned(&app), [up(first), down(deadline)]);
    assert_eq!(standing(&app, "sync"), (Standing::Down, deadline));
    let event = app.events_of("heartbeat.went_down").remove(0);
    assert_eq!(event["details"]["why"], "missed");
    assert_eq!(event["actor"]["kind"], "job");
}

#[actix_web::test]
async fn the_ping_that_comes_first_after_a_deadline_notices_it() {
    let app = named().await;
    let first = app.now();
    ping(&app, "sync", "").await;
    advance(&app, 40);
    let back = app.now();
    ping(&app, "sync", "").await;
    let deadline = first + TimeDelta::minutes(13);
    assert_eq!(turned(&app), [up(first), down(deadline), up(back)]);
    assert_eq!(actions::tick(&app.services).unwrap(), 0);
}

#[actix_web::test]
async fn exit_codes_and_failures_turn_it_at_once_and_a_success_turns_it_back() {
    let app = named().await;
    ping(&app, "sync", "/0").await;
    advance(&app, 1);
    let failed = app.now();
    ping(&app, "sync", "/7").await;
    assert_eq!(standing(&app, "sync"), (Standing::Failed, failed));
    advance(&app, 1);
    ping(&app, "sync", "/fail").await;
    assert_eq!(
        app.events_of("heartbeat.went_down").len(),
        1,
        "one downtime"
    );
    advance(&app, 1);
    ping(&app, "sync", "").await;
    assert_eq!(standing(&app, "sync").0, Standing::Up);
    let signals: Vec<Signal> = last(&app, "sync").iter().map(|ping| ping.signal).collect();
    assert_eq!(
        signals,
        [
            Signal::Success,
            Signal::Fail,
            Signal::Exit(7),
            Signal::Exit(0)
        ]
    );
}

#[actix_web::test]
async fn a_start_without_an_end_is_down_a_grace_later() {
    let app = named().await;
    ping(&app, "sync", "").await;
    advance(&app, 1);
    let started = app.now();
    ping(&app, "sync", "/start").await;
    assert_eq!(standing(&app, "sync"), (Standing::Started, started));
    advance(&app, 30);
    actions::tick(&app.services).unwrap();
    let deadline = started + TimeDelta::minutes(3);
    assert_eq!(standing(&app, "sync"), (Standing::Down, deadline));
    let event = app.events_of("heartbeat.went_down").remove(0);
    assert_eq!(event["details"]["why"], "unfinished");
}

#[actix_web::test]
async fn overlapping_runs_have_their_own_lengths() {
    let app = named().await;
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    ping(&app, "sync", &format!("/start?rid={a}")).await;
    advance(&app, 1);
    ping(&app, "sync", &format!("/start?rid={b}")).await;
    advance(&app, 1);
    ping(&app, "sync", &format!("?rid={a}")).await;
    app.advance(TimeDelta::seconds(30));
    ping(&app, "sync", &format!("/0?rid={b}")).await;
    let took: Vec<_> = last(&app, "sync")
        .iter()
        .map(|ping| (ping.run, ping.took.map(|took| took.num_seconds())))
        .collect();
    assert_eq!(
        took,
        [
            (Some(b), Some(90)),
            (Some(a), Some(120)),
            (Some(b), None),
            (Some(a), None)
        ]
    );
}

/// 02:30 does not exist in New York on 8 March 2026, and comes forward to 03:00.
#[actix_web::test]
async fn daylight_saving_moves_the_deadline_with_the_zone() {
    let app = named().await;
    // From the test's Monday to the Saturday before the change, half a minute after that night's run.
    let saturday = "2026-03-07T07:30:30Z"
        .parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap();
    app.advance(saturday - app.now());
    ping(&app, "nightly", "").await;
    app.advance(TimeDelta::days(2));
    actions::tick(&app.services).unwrap();
    let deadline = "2026-03-08T07:10:00Z".parse().unwrap();
    assert_eq!(standing(&app, "nightly"), (Standing::Down, deadline));
}

/// Whether it is the deadline moment that the alert goes by, and not the tick which found out.
#[actix_web::test]
async fn the_lamp_is_lit_since_the_deadline() {
    let app = named().await;
    let first = app.now();
    evaluate::tick(&app.services).unwrap();
    ping(&app, "sync", "").await;
    let lit = |app: &TestApp| {
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let mut open = app.services.db.read(open).unwrap();
        (open.len() == 1).then(|| open.remove(0))
    };
    assert_eq!(lit(&app), None);
    advance(&app, 11);
    evaluate::tick(&app.services).unwrap();
    let late = lit(&app).unwrap();
    assert_eq!(
        (late.level, late.active_at),
        (Level::Yellow, first + TimeDelta::minutes(10))
    );
    assert_eq!(late.summary, "the heartbeat sync is late");
    assert!(late.service.is_some(), "its service is the heartbeat's");
    advance(&app, 200);
    evaluate::tick(&app.services).unwrap();
    assert_eq!(lit(&app).unwrap().level, Level::Red);
    ping(&app, "sync", "").await;
    evaluate::tick(&app.services).unwrap();
    assert!(!lit(&app).unwrap().firing);
}

#[actix_web::test]
async fn a_red_lamp_goes_by_the_deadline_too() {
    let app = named().await;
    let first = app.now();
    ping(&app, "sync", "").await;
    evaluate::tick(&app.services).unwrap();
    advance(&app, 300);
    evaluate::tick(&app.services).unwrap();
    let open = |conn: &mut _| alerts::open(conn, &Scope::All);
    let lit = app.services.db.read(open).unwrap().remove(0);
    assert_eq!(
        (lit.level, lit.active_at),
        (Level::Red, first + TimeDelta::minutes(13))
    );
}

#[actix_web::test]
async fn what_was_never_heard_of_is_no_data() {
    let app = TestApp::start().await;
    let waits = pack().replace(
        "on.heartbeat = \"sync\"\n",
        "on.heartbeat = \"sync\"\nno_data = \"fire\"\nno_data_for = \"1h\"\n",
    );
    apply(&app, &waits);
    actions::tick(&app.services).unwrap();
    let lit = |app: &TestApp| {
        evaluate::tick(&app.services).unwrap();
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        app.services.db.read(open).unwrap()
    };
    assert!(lit(&app).is_empty());
    // Looked at all the while: a standstill of ours is no time without data.
    for _ in 0..400 {
        app.advance(TimeDelta::seconds(10));
        evaluate::tick(&app.services).unwrap();
    }
    let red = lit(&app).remove(0);
    assert_eq!(red.summary, "the heartbeat sync was never heard of");
}

/// Two processes, each with connections of its own, look at the same deadline at the same moment.
#[actix_web::test]
async fn two_that_notice_at_once_make_one_event() {
    let app = named().await;
    ping(&app, "sync", "").await;
    ping(&app, "nightly", "").await;
    app.advance(TimeDelta::days(3));
    let both: Vec<_> = (0..2)
        .map(|_| services_at(Mode::Demo, 0, &app.db.app_url, Clock::fake(app.now())))
        .collect();
    let start = Arc::new(Barrier::new(2));
    let looking: Vec<_> = both
        .into_iter()
        .map(|services| {
            let start = Arc::clone(&start);
            std::thread::spawn(move || {
                start.wait();
                actions::notice(&services).unwrap()
            })
        })
        .collect();
    let turned: usize = looking.into_iter().map(|it| it.join().unwrap()).sum();
    assert_eq!(turned, 2, "each heartbeat turned for one of them");
    assert_eq!(app.events_of("heartbeat.went_down").len(), 2);
}

fn a_ping(signal: Signal) -> Ping {
    Ping {
        signal,
        run: None,
        method: Method::Get,
        source: "192.0.2.7".to_owned(),
        agent: "curl".to_owned(),
        body: Vec::new(),
        cut: false,
    }
}

#[actix_web::test]
async fn pings_that_come_at_once_are_all_kept_and_turn_it_once() {
    let app = named().await;
    let secret: Uuid = secret(&app.services, "sync").parse().unwrap();
    let start = Arc::new(Barrier::new(8));
    let pinging: Vec<_> = (0..8)
        .map(|_| {
            let services = services_at(Mode::Demo, 0, &app.db.app_url, Clock::fake(app.now()));
            let start = Arc::clone(&start);
            std::thread::spawn(move || {
                start.wait();
                actions::hear(&services, secret, &a_ping(Signal::Success)).unwrap()
            })
        })
        .collect();
    assert!(pinging.into_iter().all(|it| it.join().unwrap()));
    assert_eq!(last(&app, "sync").len(), 8);
    assert_eq!(app.events_of("heartbeat.came_up").len(), 1);
}

/// The end of a run may reach a process whose clock is behind that of the one which heard it begin.
#[actix_web::test]
async fn a_clock_that_is_behind_loses_no_ping() {
    let app = named().await;
    let secret: Uuid = secret(&app.services, "sync").parse().unwrap();
    actions::hear(&app.services, secret, &a_ping(Signal::Start)).unwrap();
    let behind = Clock::fake(app.now() - TimeDelta::seconds(2));
    let other = services_at(Mode::Demo, 0, &app.db.app_url, behind);
    assert!(actions::hear(&other, secret, &a_ping(Signal::Success)).unwrap());
    assert_eq!(last(&app, "sync")[0].took, Some(TimeDelta::zero()));
}

#[actix_web::test]
async fn a_hundred_pings_are_kept_and_a_job_removes_the_rest() {
    let app = named().await;
    let secret: Uuid = secret(&app.services, "sync").parse().unwrap();
    for _ in 0..130 {
        app.advance(TimeDelta::seconds(1));
        actions::hear(&app.services, secret, &a_ping(Signal::Log)).unwrap();
    }
    let count = |app: &TestApp| {
        use diesel::prelude::*;
        use signalbox::foundation::db::schema::heartbeat_ping;
        let conn = &mut app.db.connect_superuser();
        heartbeat_ping::table
            .count()
            .get_result::<i64>(conn)
            .unwrap()
    };
    assert_eq!(count(&app), 130);
    app.run_jobs();
    // The schedule's minute is 41; later it would be left for the next hour.
    let minute: chrono::DateTime<chrono::Utc> = "2026-03-02T09:41:00Z".parse().unwrap();
    app.advance(minute - app.now());
    app.run_jobs();
    assert_eq!(count(&app), 100);
    let newest = last(&app, "sync").remove(0);
    assert!(newest.at > app.now() - TimeDelta::hours(2));
}

/// Between a pack that expects more and the look that takes it over, nobody goes by the new schedule for the past.
#[actix_web::test]
async fn a_changed_schedule_turns_nothing_in_the_past() {
    let app = named().await;
    let first = app.now();
    evaluate::tick(&app.services).unwrap();
    ping(&app, "sync", "").await;
    advance(&app, 9);
    apply(&app, &pack().replace("every = \"10m\"", "every = \"1m\""));
    assert_eq!(evaluate::tick(&app.services).unwrap(), 0);
    let page = app.as_operator().get("/heartbeats").await;
    assert!(
        page.says("1 of 2 heartbeats was never heard of"),
        "and none is overdue"
    );
    assert_eq!(ping(&app, "sync", "").await, 200);
    assert_eq!(turned(&app), [up(first)]);
    advance(&app, 5);
    actions::notice(&app.services).unwrap();
    assert_eq!(
        standing(&app, "sync").0,
        Standing::Down,
        "from then on they do"
    );
}

#[actix_web::test]
async fn a_pack_that_changes_the_schedule_counts_anew() {
    let app = named().await;
    ping(&app, "sync", "").await;
    advance(&app, 9);
    apply(&app, &pack().replace("every = \"10m\"", "every = \"1m\""));
    let changed = app.now();
    actions::tick(&app.services).unwrap();
    assert_eq!(
        standing(&app, "sync").0,
        Standing::Up,
        "nobody expected it before"
    );
    advance(&app, 60);
    actions::tick(&app.services).unwrap();
    let deadline = changed + TimeDelta::minutes(4);
    assert_eq!(standing(&app, "sync"), (Standing::Down, deadline));
    assert_ne!(id(&app.services, "sync"), id(&app.services, "nightly"));
}
