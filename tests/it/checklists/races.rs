//! Two at once, and somebody who does not come back.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use futures_util::future::{join, join_all};
use signalbox::features::checklists::run::State;
use signalbox::features::checklists::sweep;
use signalbox::foundation::auth::Role;

use super::{listed, morning, path, probed, report, runs, second, sign, signed, tick};

#[actix_web::test]
async fn two_replicas_open_a_slot_once() {
    let app = listed().await;
    app.advance(TimeDelta::days(3));
    let ticks = (0..4).map(|_| {
        let services = app.services.clone();
        tokio::task::spawn_blocking(move || sweep::tick(&services).unwrap())
    });
    join_all(ticks).await;
    let states: Vec<State> = runs(&app, "morning").iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Open, State::Missed, State::Missed]);
    assert_eq!(app.events_of("checklist.opened").len(), 1);
    assert_eq!(app.events_of("checklist.missed").len(), 2);
}

#[actix_web::test]
async fn of_two_signatures_and_of_two_reviews_one_counts() {
    let app = listed().await;
    let run = morning(&app).await;
    let (first, other) = (app.as_operator(), second(&app));
    let path = path(&run);
    let item = format!("{path}/items/log");
    first.post_form(&item, &[("outcome", "pass")]).await;
    let sign = format!("{path}/signature");
    let read = first.get(&path).await.given(&sign, "read");
    let read = [("read", read.as_str())];
    let (a, b) = join(first.post_form(&sign, &read), other.post_form(&sign, &read)).await;
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(app.events_of("checklist.signed").len(), 1);

    let review = format!("{path}/review");
    let third = app.sign_in_as("third@test.example", "Third", &[Role::Operator]);
    let (compliance, admin) = (app.as_compliance(), app.as_admin());
    let accept = [("verdict", "accept")];
    let object = [("verdict", "object"), ("note", "No.")];
    let answers = join_all([
        third.post_form(&review, &accept),
        compliance.post_form(&review, &accept),
        admin.post_form(&review, &object),
    ])
    .await;
    let done = answers.iter().filter(|answer| answer.status == 303).count();
    let late = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((done, late), (1, 2));
    let events =
        app.events_of("checklist.accepted").len() + app.events_of("checklist.objected").len();
    assert_eq!(events, 1);
}

#[actix_web::test]
async fn an_answer_that_the_signer_has_not_read_is_refused_or_keeps_them_from_signing() {
    let app = listed().await;
    let run = morning(&app).await;
    let (first, other) = (app.as_operator(), second(&app));
    let path = path(&run);
    let item = format!("{path}/items/log");
    first.post_form(&item, &[("outcome", "pass")]).await;
    let sign = format!("{path}/signature");
    let late = [("outcome", "fail"), ("note", "There is an error in it.")];
    let read = first.get(&path).await.given(&sign, "read");
    let read = [("read", read.as_str())];
    let (signed, answered) =
        join(first.post_form(&sign, &read), other.post_form(&item, &late)).await;
    let mut statuses = [signed.status, answered.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(
        runs(&app, "morning")[0].state == State::Signed,
        signed.status == 303
    );
}

#[actix_web::test]
async fn nobody_signs_an_answer_that_came_after_they_had_read() {
    let app = listed().await;
    let run = morning(&app).await;
    let (first, other) = (app.as_operator(), second(&app));
    let path = path(&run);
    let item = format!("{path}/items/log");
    let fails = [("outcome", "fail"), ("note", "The disk is full.")];
    first.post_form(&item, &fails).await;
    let at = format!("{path}/signature");
    let read = first.get(&path).await.given(&at, "read");
    let sent = other.post_form(&item, &[("outcome", "pass")]).await;
    assert_eq!(sent.status, 303);
    for stale in [read.as_str(), ""] {
        let refused = first.post_form(&at, &[("read", stale)]).await;
        assert_eq!(refused.status, 409);
        assert!(
            refused.says("changed since you read it"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(runs(&app, "morning")[0].state, State::Open);
    sign(&first, &path).await;
}

/// Whoever answered for an item is among those who went through the list, whatever the program says that signs.
#[actix_web::test]
async fn the_database_wants_everybody_who_answered_among_the_performers() {
    let app = listed().await;
    let run = morning(&app).await;
    let (first, other) = (app.as_operator(), second(&app));
    let item = format!("{}/items/log", path(&run));
    other.post_form(&item, &[("outcome", "pass")]).await;
    let sign = format!(
        "UPDATE checklist_run SET state = 'signed', signed_at = now(), signed_by = '{0}', signed_name = 'x', \
         performers = ARRAY['{0}'::uuid], contents = '', digest = sha256(''), failed = 0",
        first.person
    );
    let refused = app.db.connect_superuser().batch_execute(&sign).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("whoever answered for a checklist"),
        "{refused}"
    );
}

#[actix_web::test]
async fn one_form_sent_twice_is_one_act() {
    let app = listed().await;
    let run = signed(&app).await;
    let other = second(&app);
    let review = format!("{}/review", path(&run));
    let form = [
        ("verdict", "accept"),
        ("idempotency", "019d0000-0000-7000-8000-000000000001"),
    ];
    let (a, b) = join(
        other.post_form(&review, &form),
        other.post_form(&review, &form),
    )
    .await;
    assert_eq!((a.status, b.status), (303, 303));
    assert_eq!(app.events_of("checklist.accepted").len(), 1);
}

/// Whoever opens a list and dies over it has opened nothing; the next one opens it whole.
#[actix_web::test]
async fn a_list_that_was_half_opened_is_opened_whole() {
    let app = listed().await;
    app.advance(TimeDelta::hours(1));
    probed(&app, "up", None);
    report(&app, 1.0);
    let mut held = app.db.connect_superuser();
    held.batch_execute("BEGIN; LOCK TABLE checklist_answer IN SHARE MODE")
        .unwrap();
    let services = app.services.clone();
    let opening = tokio::task::spawn_blocking(move || sweep::tick(&services));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
    held.batch_execute(kill).unwrap();
    let killed = opening.await.unwrap();
    held.batch_execute("COMMIT").unwrap();
    assert!(killed.is_err() || killed.unwrap() == 0);
    assert!(runs(&app, "morning").is_empty(), "no half of it is there");
    assert!(app.events_of("checklist.opened").is_empty());
    assert_eq!(tick(&app), 1);
    assert_eq!(runs(&app, "morning").len(), 1);
    assert_eq!(app.events_of("checklist.opened").len(), 1);
}
