//! The demo's jobs, which ping from outside as a crontab does.

use std::time::Duration;

use signalbox::app::simulator::{Habit, Job, Simulator};
use signalbox::features::heartbeats::heartbeat::Signal;

use super::{address, last, named};
use crate::support::app::TestApp;

fn ended(app: &TestApp, signal: Signal) -> bool {
    last(app, "sync").iter().any(|ping| ping.signal == signal)
}

async fn wait_for(app: &TestApp, signal: Signal) {
    for _ in 0..150 {
        if ended(app, signal) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no {signal:?} has come");
}

#[actix_web::test]
async fn a_simulated_job_pings_as_it_is_told_to() {
    let app = named().await;
    let simulator = Simulator::start_sites(0).await.unwrap();
    let job = Job {
        platform: "demo".to_owned(),
        name: "Balance synchronisation".to_owned(),
        address: format!("{}{}", app.url, address(&app, "sync")),
        every_secs: Some(3_600),
        cron: None,
        zone: "UTC".to_owned(),
    };
    simulator.run(job, &app.http);
    wait_for(&app, Signal::Exit(0)).await;
    let first = last(&app, "sync").remove(0);
    assert!(first.run.is_some() && first.took.is_some());
    assert!(simulator.set_job("demo", "Balance synchronisation", Habit::Failing));
    wait_for(&app, Signal::Exit(1)).await;
    assert!(simulator.set_job("demo", "Balance synchronisation", Habit::Stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let so_far = last(&app, "sync").len();
    assert_eq!(so_far, 4, "a start and an end of each run");
    assert!(!simulator.set_job("demo", "Another job", Habit::Stopped));
    simulator.stop().await;
}
