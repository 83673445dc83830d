//! Lists that people go through: when they open, who signs and reviews them, and what of them never changes.

mod forms;
mod life;
mod packs;
mod races;

use chrono::TimeDelta;
use diesel::{RunQueryDsl, sql_query};
use signalbox::features::checklists::run::{Run, State};
use signalbox::features::checklists::{store, sweep};
use signalbox::features::health::actions as health;
use signalbox::features::packs::pack::{Checklist, ItemId, Probe};
use signalbox::features::packs::store as defined;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::Scope;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::personas::Client;

/// The small pack with a list each morning at ten (the clock of tests begins on a Monday at nine), one by hand, and a
/// rule on those that are overdue.
pub const LISTS: &str = r#"
[[indicator]]
id = "checklists_overdue"
name = "Checklists that are overdue"
expect_every = "5m"

[[indicator]]
id = "load"
name = "Load"
expect_every = "1h"

[[rule]]
id = "checklist-overdue"
name = "A checklist is overdue"
on.indicator = "checklists_overdue"
yellow = { above = 0 }

[[checklist]]
id = "morning"
name = "Morning check"
cron = "0 10 * * *"
within = "2h"
item = [
  { id = "api", text = "The API answers", read.state = "api-health", expect = { is = "up" } },
  { id = "load", text = "The load is low", read.indicator = "load", expect = { below = 5 } },
  { id = "log", text = "The log was looked through" },
]

[[checklist]]
id = "deployment"
name = "Before a deployment"
on_demand = "deployment"
item = [
  { id = "tests", text = "All tests pass" },
  { id = "restore", text = "A backup was restored", evidence = "required" },
]
"#;

pub fn pack() -> String {
    format!("{SMALL}{LISTS}")
}

/// An application over that pack, an hour before the first list.
pub async fn listed() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack());
    let probes = app.services.db.read(defined::live::<Probe>).unwrap();
    let probes = probes.into_iter().map(|item| (item.id, item)).collect();
    health::enrol(&app.services, &probes).unwrap();
    app
}

/// The probe was just run, and stands like this; with an error its last run failed.
pub fn probed(app: &TestApp, state: &str, error: Option<&str>) {
    sql_query(
        "UPDATE probe_state SET state = $1, error = $2, checked_at = $3, due_at = $3 + interval '30 seconds', \
         message = coalesce($2, '')",
    )
    .bind::<diesel::sql_types::Text, _>(state)
    .bind::<diesel::sql_types::Nullable<diesel::sql_types::Text>, _>(error)
    .bind::<diesel::sql_types::Timestamptz, _>(app.now())
    .execute(&mut app.db.connect_superuser())
    .unwrap();
}

pub fn report(app: &TestApp, value: f64) {
    let actor = signalbox::foundation::audit::Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "load", value, None).unwrap();
}

pub fn tick(app: &TestApp) -> usize {
    sweep::tick(&app.services).unwrap()
}

/// All that was ever opened of a list, the last first.
pub fn runs(app: &TestApp, slug: &str) -> Vec<Run> {
    let id = list(app, slug);
    let read = |conn: &mut _| store::of_item(conn, id, None, 1_000);
    app.services.db.read(read).unwrap()
}

pub fn list(app: &TestApp, slug: &str) -> ItemId {
    let live = app.services.db.read(defined::live::<Checklist>).unwrap();
    live.iter().find(|item| item.slug == slug).unwrap().id
}

pub fn waiting(app: &TestApp) -> usize {
    let read = |conn: &mut _| store::times(conn, &Scope::All);
    app.services.db.read(read).unwrap().len()
}

pub fn path(run: &Run) -> String {
    format!("/checklists/runs/{}", run.id)
}

pub fn second(app: &TestApp) -> Client {
    app.sign_in_as("second@test.example", "Second operator", &[Role::Operator])
}

/// The morning's list, opened with everything as it should be.
pub async fn morning(app: &TestApp) -> Run {
    app.advance(TimeDelta::hours(1));
    probed(app, "up", None);
    report(app, 2.0);
    assert_eq!(tick(app), 1);
    runs(app, "morning").remove(0)
}

/// The same, signed by the operator.
pub async fn signed(app: &TestApp) -> Run {
    let run = morning(app).await;
    sign_by_hand(&app.as_operator(), &run).await;
    let run = runs(app, "morning").remove(0);
    assert_eq!(run.state, State::Signed);
    run
}

/// Answers what is answered by hand, and signs.
pub async fn sign_by_hand(by: &Client, run: &Run) {
    let path = path(run);
    let sent = by
        .post_form(&format!("{path}/items/log"), &[("outcome", "pass")])
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    sign(by, &path).await;
}

/// Signs what stands on its page.
pub async fn sign(by: &Client, path: &str) {
    let at = format!("{path}/signature");
    let read = by.get(path).await.given(&at, "read");
    let sent = by.post_form(&at, &[("read", &read)]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
}
