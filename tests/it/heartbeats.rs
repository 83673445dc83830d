//! Jobs that give signs of life, and what happens when they do not.

mod addresses;
mod packs;
mod pages;
mod simulated;
mod turns;

use chrono::{DateTime, TimeDelta, Utc};
use signalbox::features::heartbeats::heartbeat::{Expected, Standing};
use signalbox::features::heartbeats::store::pings::{self, Kept};
use signalbox::features::heartbeats::{actions, expect, store};
use signalbox::features::packs::pack::{Heartbeat, ItemId};
use signalbox::features::packs::store as defined;
use signalbox::foundation::Services;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

/// The small pack with a job every ten minutes, one at night in New York, and rules on them.
pub fn pack() -> String {
    format!("{SMALL}{HEARTBEATS}")
}

pub const HEARTBEATS: &str = r#"
[[heartbeat]]
id = "sync"
name = "Balance synchronisation"
about = "Fetches balances from the banks."
every = "10m"
grace = "3m"
service = "api"
runbook = "mend"

[[heartbeat]]
id = "nightly"
name = "Nightly run"
cron = "30 2 * * *"
zone = "America/New_York"
grace = "10m"

[[rule]]
id = "sync-silent"
name = "Balances are not synchronised"
on.heartbeat = "sync"
red = { is = "down" }
yellow = { is = "late" }
runbook = "mend"

[[rule]]
id = "nightly-silent"
name = "The nightly run is missing"
on.heartbeat = "nightly"
red = { is = "down" }
runbook = "mend"
"#;

/// An application over that pack, its heartbeats with addresses.
pub async fn named() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack());
    actions::tick(&app.services).unwrap();
    app
}

pub fn id(services: &Services, slug: &str) -> ItemId {
    let live = services.db.read(defined::live::<Heartbeat>).unwrap();
    live.iter().find(|item| item.slug == slug).unwrap().id
}

pub fn secret(services: &Services, slug: &str) -> String {
    let id = id(services, slug);
    let read = |conn: &mut _| store::secret(conn, &services.keyring, id);
    services.db.read(read).unwrap().expose().clone()
}

pub fn address(app: &TestApp, slug: &str) -> String {
    format!("/ping/{}", secret(&app.services, slug))
}

/// Pings as a crontab does it. Answers the status.
pub async fn ping(app: &TestApp, slug: &str, end: &str) -> u16 {
    let path = format!("{}{end}", address(app, slug));
    app.get(&path).await.status().as_u16()
}

pub fn last(app: &TestApp, slug: &str) -> Vec<Kept> {
    let id = id(&app.services, slug);
    let read = |conn: &mut _| pings::last(conn, &app.services.keyring, id);
    app.services.db.read(read).unwrap()
}

fn expected(app: &TestApp, slug: &str) -> Expected {
    let item = app
        .services
        .db
        .read(|conn| defined::item::<Heartbeat>(conn, id(&app.services, slug)));
    expect::expected(&item.unwrap().spec, chrono_tz::Tz::UTC).unwrap()
}

pub fn standing(app: &TestApp, slug: &str) -> (Standing, DateTime<Utc>) {
    let held = app
        .services
        .db
        .read(|conn| store::find(conn, id(&app.services, slug)));
    let held = held.unwrap().unwrap();
    held.beat.standing(&expected(app, slug), app.now())
}

pub fn advance(app: &TestApp, minutes: i64) {
    app.advance(TimeDelta::minutes(minutes));
}

/// What the log was told of heartbeats that turned: the kind, and the moment.
pub fn turned(app: &TestApp) -> Vec<(String, DateTime<Utc>)> {
    let mut found = Vec::new();
    for event in app.events() {
        let kind = event["kind"].as_str().unwrap();
        if ["heartbeat.went_down", "heartbeat.came_up"].contains(&kind) {
            let at = event["details"]["at"].as_str().unwrap();
            found.push((kind.to_owned(), at.parse().unwrap()));
        }
    }
    found
}
