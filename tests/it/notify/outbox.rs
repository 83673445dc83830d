//! Queuing and taking back.

use std::sync::Barrier;

use signalbox::features::notify::actions;
use signalbox::features::notify::notice::{About, Destination, State};
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::db;

use super::{enqueue, mail, rotated_endpoint, to, told, write};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_key_is_queued_once_whoever_asks_at_the_same_time() {
    let app = TestApp::start().await;
    let gate = Barrier::new(8);
    let queued: usize = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    gate.wait();
                    enqueue(&app, &mail("alert:7:red:ada")).is_some()
                })
            })
            .collect();
        let asked = askers.into_iter().map(|asker| asker.join().unwrap());
        asked.filter(|queued| *queued).count()
    });
    assert_eq!(queued, 1);
    let notices = told(&app);
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].state, State::Queued);
    assert_eq!(notices[0].to_name, "ada@bank.example");
    assert_eq!(app.events_of("notice.queued").len(), 1);
}

#[actix_web::test]
async fn nothing_is_queued_by_what_is_rolled_back() {
    let app = TestApp::start().await;
    let undone: db::Result<()> = app
        .services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            tx.record(Event::new("test.begun", Subject::new("test", 1)))?;
            actions::enqueue(tx, &mail("k"))?;
            Err(db::Error::NotFound)
        });
    assert!(undone.is_err());
    assert!(told(&app).is_empty());
    assert!(enqueue(&app, &mail("k")).is_some(), "the key is still free");
}

#[actix_web::test]
async fn what_was_dealt_with_is_taken_back_and_stays_on_record() {
    let app = TestApp::start().await;
    let endpoint = rotated_endpoint(&app);
    enqueue(&app, &mail("one"));
    enqueue(&app, &to(Destination::Endpoint(endpoint), "two"));
    let mut other = mail("three");
    other.about = About::new("alert", "8");
    enqueue(&app, &other);

    let about = About::new("alert", "7");
    let why = "Ada acknowledged the alert.";
    let cancel = |app| write(app, |tx| actions::cancel_queued(tx, &about, why));
    assert_eq!(cancel(&app), 2);
    assert_eq!(cancel(&app), 0, "once");
    for notice in told(&app) {
        assert_eq!(notice.state, State::Cancelled);
        assert_eq!(notice.why.as_deref(), Some(why));
        assert_eq!(notice.ended_at, Some(app.now()));
    }
    assert_eq!(told(&app)[1].to_name, "Rotated");
    let events = app.events_of("notice.cancelled");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["details"]["about"], "alert:7");
    assert!(enqueue(&app, &mail("one")).is_none(), "nor queued again");
}

#[actix_web::test]
async fn the_log_names_no_mailbox_and_repeats_no_text() {
    let app = TestApp::start().await;
    enqueue(&app, &mail("one"));
    let event = app.events_of("notice.queued").remove(0);
    let said = event.to_string();
    assert!(
        !said.contains("ada@") && !said.contains("Balances"),
        "{said}"
    );
    assert_eq!(event["details"]["channel"], "email");
    assert_eq!(event["details"]["level"], "red");
}
