//! Incidents: how they are opened, led, mended and closed, and what is learned.

mod life;
mod opening;
pub mod review;

use chrono::TimeDelta;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self as lit, Alert};
use signalbox::features::health::actions as health;
use signalbox::features::incidents::incident::{Incident, IncidentId};
use signalbox::features::incidents::store;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Scope;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

pub async fn watched() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    tick(&app);
    app
}

pub fn tick(app: &TestApp) {
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
}

/// What is lit after the quality was reported as this.
pub fn lights(app: &TestApp, value: f64) -> Vec<Alert> {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", value, Some("demo")).unwrap();
    tick(app);
    let open = |conn: &mut _| lit::open(conn, &Scope::All);
    app.services.db.read(open).unwrap()
}

pub fn live(app: &TestApp) -> Vec<Incident> {
    let live = |conn: &mut _| store::live(conn, &Scope::All);
    app.services.db.read(live).unwrap()
}

pub fn stored(app: &TestApp, at: &str) -> Incident {
    let id: IncidentId = at.rsplit('/').next().unwrap().parse().unwrap();
    app.services.db.read(|conn| store::one(conn, id)).unwrap()
}

/// The form as somebody fills it in.
pub async fn declare(who: &Client, title: &str, level: &str, alert: &str) -> Page {
    let fields = [
        ("platform", "demo"),
        ("title", title),
        ("level", level),
        ("note", "What is known"),
        ("alert", alert),
    ];
    who.post_form("/incidents", &fields).await
}

/// An incident that somebody has opened: its page.
pub async fn opened(app: &TestApp, level: &str) -> String {
    let sent = declare(&app.as_operator(), "The API stands still", level, "").await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    sent.location().to_owned()
}

/// Does something to it, which has to work.
pub async fn act(who: &Client, at: &str, what: &str, fields: &[(&str, &str)]) {
    let done = who.post_form(&format!("{at}/{what}"), fields).await;
    assert_eq!(done.status, 303, "{what}: {}", done.text());
}

/// Does something to it, which has to be refused: the status, and what the page says.
pub async fn refused(who: &Client, at: &str, what: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let done = who.post_form(&format!("{at}/{what}"), fields).await;
    (done.status, done.text())
}
