//! The console: what ended is counted before it goes, and what was given up runs again.

use std::process::{Command, Output};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use signalbox::features::screening::loads::LOAD_LIST;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::schema::job;
use signalbox::foundation::jobs::{self, JobId, JobState};

use crate::support::app::{TEST_KEY, TestApp};
use crate::support::page::Page;
use crate::support::personas::Client;

/// One of each kind, state and age: `given.up.N` and so on, N hours ago.
fn ended(app: &TestApp, state: &str, hours: &[i64]) {
    let ages: Vec<String> = hours.iter().map(|hours| format!("({hours})")).collect();
    let (now, ages) = (app.now().to_rfc3339(), ages.join(", "));
    app.db
        .connect(Role::Superuser)
        .batch_execute(&format!(
            "INSERT INTO job (id, kind, payload, run_at, enqueued_at, state, finished_at) \
             SELECT gen_random_uuid(), 'test.' || '{state}', '{{}}', '{now}', '{now}', '{state}', \
                 timestamptz '{now}' - hours * interval '1 hour' - interval '1 second' \
             FROM (VALUES {ages}) AS ages (hours)"
        ))
        .unwrap();
}

fn left(app: &TestApp, state: &str) -> i64 {
    job::table
        .filter(job::state.eq(state))
        .count()
        .get_result(&mut app.db.connect(Role::Superuser))
        .unwrap()
}

/// Sends what the page shows, as its button does.
async fn remove(client: &Client, page: &Page, instead: &[(&str, &str)]) -> Page {
    let mut fields: Vec<(String, String)> = page.form("/jobs/purge");
    for (name, value) in instead {
        fields.retain(|(field, _)| field != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    client.post_form("/jobs/purge", &fields).await
}

/// DO-23
#[actix_web::test]
async fn what_would_go_is_counted_first_and_no_more_goes() {
    let app = TestApp::start().await;
    ended(&app, "done", &[0, 30, 100, 200]);
    ended(&app, "cancelled", &[30]);
    ended(&app, "discarded", &[30, 200]);
    let operator = app.as_operator();
    let page = operator.get("/jobs").await;
    assert_eq!(page.link("Remove ended jobs"), "/jobs/purge");
    // What is chosen first is what is done and a day old.
    let page = operator.get("/jobs/purge").await;
    let rows = page.table("What would go");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0][..3], ["test.done", "Done", "3"]);
    assert!(page.has_button("Remove 3 jobs"));
    let all = "/jobs/purge?way=all&kind=&hours=168";
    let rows = operator.get(all).await.table("What would go");
    let told: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(told, ["Given up", "Done"]);
    let one = "/jobs/purge?way=all&kind=test.cancelled&hours=24";
    assert!(operator.get(one).await.has_button("Remove 1 job"));
    assert_eq!(left(&app, "done"), 4, "looking removes nothing");

    let sent = remove(&operator, &page, &[]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let back = "/jobs/purge?way=done&kind=&hours=24";
    assert_eq!(sent.location(), format!("{back}&removed=3"));
    let page_after = operator.get(sent.location()).await;
    assert!(page_after.says("Removed 3 jobs."));
    assert!(page_after.says("Nothing would go"));
    let states = ["done", "cancelled", "discarded"].map(|state| left(&app, state));
    assert_eq!(states, [1, 1, 2]);
    let told = app.events_of("job.purged");
    let details = &told[0]["details"];
    assert_eq!((told.len(), &details["removed"]), (1, &3.into()));
    assert_eq!(details["kinds"][0], "test.done 3");
    assert_eq!(
        (&details["done"], &details["discarded"]),
        (&3.into(), &0.into())
    );
    // The same form again is the same act.
    let again = remove(&operator, &page, &[]).await;
    assert_eq!((again.status, again.location()), (303, back));
    assert_eq!(app.events_of("job.purged").len(), 1);
}

#[actix_web::test]
async fn what_has_grown_since_it_was_shown_is_shown_again() {
    let app = TestApp::start().await;
    ended(&app, "discarded", &[30]);
    let operator = app.as_operator();
    let page = operator.get("/jobs/purge?way=given_up&hours=24").await;
    ended(&app, "discarded", &[40, 50]);
    let refused = remove(&operator, &page, &[]).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.says("3 would go, and only 1 had been counted"),
        "{}",
        refused.text()
    );
    assert!(refused.has_button("Remove 3 jobs"), "it is counted anew");
    assert_eq!(left(&app, "discarded"), 3);
    // What has become old enough meanwhile was not counted, and stays.
    ended(&app, "discarded", &[23]);
    app.advance(chrono::Duration::hours(2));
    let operator = app.as_operator();
    let sent = remove(&operator, &refused, &[("csrf", operator.csrf.as_str())]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(left(&app, "discarded"), 1);
    // Nothing that is to come, and nothing without its having been shown.
    let page = operator.get("/jobs/purge?way=given_up&hours=24").await;
    let ahead = (app.now() + chrono::Duration::hours(1)).to_rfc3339();
    for wrong in [
        [("before", ahead.as_str())],
        [("before", "")],
        [("seen", "")],
    ] {
        let refused = remove(&operator, &page, &wrong).await;
        assert_eq!(refused.status, 409, "{wrong:?}");
        assert!(refused.says("Look at what would go first"), "{wrong:?}");
    }
    // Nor what somebody has only just been told of.
    let young = (app.now() - chrono::Duration::minutes(59)).to_rfc3339();
    let refused = remove(&operator, &page, &[("before", young.as_str())]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.says("What ended less than an hour ago stays"));
    let sent = remove(&operator, &page, &[]).await;
    assert_eq!(sent.status, 303);
    let gone = remove(
        &operator,
        &page,
        &[("idempotency", JobId::new().to_string().as_str())],
    )
    .await;
    assert_eq!(gone.status, 409);
    assert!(
        gone.says("Nothing of what was shown is left"),
        "{}",
        gone.text()
    );
}

#[actix_web::test]
async fn who_only_reads_the_queue_does_not_tidy_it() {
    let app = TestApp::start().await;
    ended(&app, "discarded", &[30]);
    let id: uuid::Uuid = job::table
        .select(job::id)
        .first(&mut app.db.connect(Role::Superuser))
        .unwrap();
    for client in [app.as_auditor(), app.as_admin()] {
        let page = client.get("/jobs").await;
        assert!(!page.says("Remove ended jobs"));
        assert_eq!(client.get("/jobs/purge").await.status, 403);
        assert_eq!(client.post_form("/jobs/purge", &[]).await.status, 403);
        let retry = format!("/jobs/{id}/retry");
        assert_eq!(client.post_form(&retry, &[]).await.status, 403);
        let page = client.get(&format!("/jobs/{id}")).await;
        assert!(!page.has_button("Run again"));
    }
}

/// A job of this kind that was given up after eight attempts.
fn given_up(app: &TestApp, kind: &str, key: &str) -> JobId {
    let id = JobId::new();
    let now = app.now().to_rfc3339();
    app.db
        .connect(Role::Superuser)
        .batch_execute(&format!(
            "INSERT INTO job (id, kind, key, payload, run_at, enqueued_at, state, attempt, started_at, \
                 finished_at, progress_done, progress_total, last_error) \
             VALUES ('{id}', '{kind}', '{key}', '{{}}', '{now}', '{now}', 'discarded', 8, '{now}', '{now}', \
                 5, 9, 'no luck')"
        ))
        .unwrap();
    id
}

/// DO-24
#[actix_web::test]
async fn what_was_given_up_runs_again() {
    let app = TestApp::start().await;
    let id = given_up(&app, "upkeep.expire", "a");
    let operator = app.as_operator();
    let page = operator.get(&format!("/jobs/{id}")).await;
    assert_eq!(page.definition("State"), "Given up");
    assert!(page.has_button("Run again"));
    let retry = format!("/jobs/{id}/retry");
    let sent = operator.post_form(&retry, &[]).await;
    assert_eq!(
        (sent.status, sent.location()),
        (303, format!("/jobs/{id}").as_str())
    );
    let page = operator.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Waiting");
    assert_eq!(page.definition("Attempt"), "0");
    assert_eq!(page.definition("Last error"), "no luck", "it stays in view");
    let told = &app.events_of("job.run_again")[0];
    assert_eq!(told["subject"]["id"], id.to_string());
    assert_eq!(told["details"]["kind"], "upkeep.expire");
    assert_eq!(told["details"]["attempts"], 8);
    assert_eq!(
        operator.post_form(&retry, &[]).await.status,
        409,
        "it waits already"
    );
    app.run_jobs();
    let page = operator.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Done");
    assert!(!page.has_button("Run again"));
    assert_eq!(operator.post_form(&retry, &[]).await.status, 409);
}

#[actix_web::test]
async fn what_cannot_run_again_says_what_to_do_instead() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let refused = async |id: JobId| {
        let sent = operator.post_form(&format!("/jobs/{id}/retry"), &[]).await;
        assert_eq!(sent.status, 409, "{}", sent.text());
        sent
    };
    // The batch has ended with its job.
    let batch = given_up(&app, "intake.read_batch", "a");
    let page = operator.get(&format!("/jobs/{batch}")).await;
    assert!(!page.has_button("Run again"));
    assert!(page.says("Hand the same file in again"), "{}", page.text());
    assert!(refused(batch).await.says("Hand the same file in again"));
    let unknown = given_up(&app, "test.of_another_version", "a");
    assert!(refused(unknown).await.says("no work of this kind"));
    // Somebody has asked for the same since.
    let first = given_up(&app, LOAD_LIST, "a");
    let second = given_up(&app, LOAD_LIST, "a");
    let sent = operator
        .post_form(&format!("/jobs/{second}/retry"), &[])
        .await;
    assert_eq!(sent.status, 303);
    let page = refused(first).await;
    assert_eq!(page.link("Open that job"), format!("/jobs/{second}"));
    let actor = Actor::command_line("test");
    let state = |id| {
        let found = app.services.db.read(|conn| jobs::find(conn, id));
        found.unwrap().unwrap().state
    };
    assert_eq!(state(first), JobState::Discarded);
    signalbox::features::upkeep::actions::cancel(&app.services, &actor, second, None).unwrap();
    assert_eq!(state(second), JobState::Cancelled);
    assert_eq!(app.events_of("job.run_again").len(), 1);
}

fn run(app: &TestApp, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", app.db.app_url.expose())
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
        .env("SIGNALBOX_DATA_DIR", folder.path())
        .output()
        .unwrap()
}

/// DO-23, DO-24: where no page can be opened.
#[actix_web::test]
async fn the_command_line_counts_before_it_removes() {
    let app = TestApp::start().await;
    // The command looks at the real clock, which is later than the test's.
    ended(&app, "done", &[200, 300]);
    ended(&app, "discarded", &[200]);
    let id = given_up(&app, "upkeep.expire", "a");
    let out = |arguments: &[&str]| {
        let output = run(&app, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let status = out(&["job", "status"]);
    assert!(
        status.contains("given up          1  test.discarded"),
        "{status}"
    );
    let purge = ["job", "purge", "--state", "done", "--older-than", "7d"];
    let counted = out(&purge);
    assert!(
        counted.contains("2 would go. Nothing was removed"),
        "{counted}"
    );
    assert_eq!(left(&app, "done"), 2);
    let young = run(
        &app,
        &["job", "purge", "--state", "done", "--older-than", "59m"],
    );
    assert!(!young.status.success(), "{young:?}");
    assert!(String::from_utf8_lossy(&young.stderr).contains("less than an hour ago"));
    let removed = out(&[&purge[..], &["--yes"]].concat());
    assert!(removed.contains("2 removed."), "{removed}");
    assert_eq!((left(&app, "done"), left(&app, "discarded")), (0, 2));
    assert_eq!(app.events_of("job.purged").len(), 1);
    let id = id.to_string();
    assert!(out(&["job", "retry", &id]).contains("is in the queue again"));
    assert!(out(&["job", "cancel", &id]).contains("will not run"));
    let refused = run(&app, &["job", "cancel", &id]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("has ended already"), "{told}");
}
