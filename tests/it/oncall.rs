//! Who is told of an alert, and when.

mod ahead;
mod ends;
pub mod escalation;
pub mod guides;
mod information;
mod packs;
mod pages;
mod trace;

use signalbox::features::packs::actions as apply;
use signalbox::features::packs::pack::{ItemId, Rota};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store as defined;
use signalbox::foundation::audit::Actor;

use crate::packs::SMALL;
use crate::support::app::TestApp;

/// The small pack with three people, of whom two take turns, a week each from Monday 2 March, nine in New York. The clock
/// of tests begins that day at 09:00 UTC, before the first turn.
pub const PEOPLE: &str = r#"
[[contact]]
id = "grace"
name = "Grace"
team = "operations"
email = "grace@test.example"
phone = "+1 555 0101"

[[contact]]
id = "edsger"
name = "Edsger"
team = "operations"
email = "${EDSGER_EMAIL:-}"

[[rota]]
id = "operations"
name = "Operations"
members = ["grace", "ada"]
turn = "weekly"
zone = "America/New_York"
start = "2026-03-02"
"#;

pub fn pack() -> String {
    format!("{SMALL}{PEOPLE}")
}

pub fn apply(app: &TestApp, source: &str) {
    let actor = Actor::command_line("tester");
    apply::apply(&app.services, &actor, source, &Given::default()).unwrap();
}

/// An application over that pack, in the first week.
pub async fn staffed() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack());
    app.advance(chrono::TimeDelta::hours(6));
    app
}

pub fn rota(app: &TestApp, slug: &str) -> ItemId {
    let live = app.services.db.read(defined::live::<Rota>).unwrap();
    live.iter().find(|item| item.slug == slug).unwrap().id
}
