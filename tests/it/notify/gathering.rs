//! What comes close together is one letter to each place.

use chrono::TimeDelta;
use signalbox::features::notify::actions;
use signalbox::features::notify::delivery::{self, deliver_due};
use signalbox::features::notify::notice::{About, Channel, Destination, Notice, State};
use signalbox::features::notify::store::{self, Told, outbox};
use signalbox::foundation::kernel::Level;

use super::delivering::end_leases;
use super::receivers::{Habit, MailServer, Receiver};
use super::{endpoint_at, enqueue, mail, mailing, to, write};
use crate::support::app::TestApp;

fn alert(number: u32, level: Level) -> Notice {
    Notice {
        about: About::new("alert", number),
        title: format!("Alert {number}"),
        link: format!("/alerts/{number}"),
        level: Some(level),
        gather: Some("alerts:here".to_owned()),
        ..mail(&format!("alert {number}"))
    }
}

fn told(app: &TestApp, number: u32) -> Told {
    let about = About::new("alert", number);
    let read = |conn: &mut _| store::about(conn, &about);
    app.services.db.read(read).unwrap().remove(0)
}

async fn after(app: &TestApp, seconds: i64) -> usize {
    app.advance(TimeDelta::seconds(seconds));
    deliver_due(&app.services).await.unwrap()
}

#[actix_web::test]
async fn what_comes_within_half_a_minute_is_one_letter() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &alert(1, Level::Yellow));
    assert_eq!(after(&app, 20).await, 0);
    enqueue(&app, &alert(2, Level::Red));
    enqueue(&app, &alert(3, Level::Yellow));
    let elsewhere = Notice {
        to: Destination::Email("grace@bank.example".to_owned()),
        ..alert(4, Level::Yellow)
    };
    enqueue(&app, &elsewhere);
    assert_eq!(after(&app, 10).await, 1, "the first has waited long enough");
    let taken = server.taken();
    assert_eq!(taken[0].header("Subject"), "Red: Alert 2, and 2 more");
    for link in ["/alerts/1", "/alerts/2", "/alerts/3"] {
        assert!(taken[0].text.contains(link), "{}", taken[0].text);
    }
    assert!(!taken[0].text.contains("/alerts/4"));
    for number in [1, 2, 3] {
        let told = told(&app, number);
        assert_eq!(told.state, State::Delivered);
        assert_eq!(told.attempts.len(), 1, "{told:?}");
    }
    let events = app.events_of("notice.delivered");
    let lead = told(&app, 1).id.to_string();
    let with = |event: &&serde_json::Value| event["details"]["told_with"] == lead.as_str();
    assert_eq!((events.len(), events.iter().filter(with).count()), (3, 2));
    assert_eq!(after(&app, 20).await, 1, "another place has its own");

    // What comes after it waits for five minutes since, and what is red does not.
    enqueue(&app, &alert(5, Level::Yellow));
    assert_eq!(after(&app, 60).await, 0);
    assert_eq!(
        told(&app, 5).next_at,
        told(&app, 1).ended_at.unwrap() + TimeDelta::minutes(5)
    );
    enqueue(&app, &alert(6, Level::Red));
    assert_eq!(after(&app, 29).await, 0);
    assert_eq!(after(&app, 1).await, 1);
    assert_eq!(
        server.taken()[2].header("Subject"),
        "Red: Alert 6, and 1 more"
    );
}

#[actix_web::test]
async fn what_was_taken_back_is_not_in_the_letter_and_keeps_nobody_from_being_told() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    for number in [1, 2, 3] {
        enqueue(&app, &alert(number, Level::Yellow));
    }
    let take_back = |number: u32| {
        let about = About::new("alert", number);
        write(&app, |tx| {
            actions::cancel_queued(tx, &about, "Ada took it.")
        })
    };
    assert_eq!(take_back(2), 1);
    server.refuse(Some("451 4.7.1 come back later"));
    assert_eq!(after(&app, 30).await, 1);
    assert_eq!(told(&app, 3).attempts.len(), 1);
    // The one in whose letter the other stood is taken back before the next attempt.
    assert_eq!(take_back(1), 1);
    server.refuse(None);
    assert_eq!(after(&app, 30).await, 1);
    assert_eq!(server.taken()[0].header("Subject"), "Yellow: Alert 3");
    let states = [1, 2, 3].map(|number| told(&app, number).state);
    assert_eq!(
        states,
        [State::Cancelled, State::Cancelled, State::Delivered]
    );
}

/// It may have arrived: whoever has it knows it by its id, and would not read what was added.
#[actix_web::test]
async fn a_letter_that_may_have_left_tells_the_same_when_it_is_sent_again() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &alert(1, Level::Yellow));
    enqueue(&app, &alert(2, Level::Yellow));
    app.advance(TimeDelta::seconds(30));
    let claim = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    assert_eq!(claim.letter.also.len(), 1);
    // The sender dies here.
    end_leases(&app);
    enqueue(&app, &alert(3, Level::Yellow));
    assert_eq!(after(&app, 0).await, 1);
    assert_eq!(
        server.taken()[0].header("Subject"),
        "Yellow: Alert 1, and 1 more"
    );
    assert_eq!(told(&app, 3).state, State::Queued);
    assert_eq!(after(&app, 300).await, 1);
    assert_eq!(server.taken().len(), 2);
}

/// While a breaker is open nothing of the letter is sent, and none of it is overdue.
#[actix_web::test]
async fn a_letter_that_is_kept_back_is_kept_back_as_a_whole() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &alert(1, Level::Yellow));
    enqueue(&app, &alert(2, Level::Yellow));
    app.advance(TimeDelta::seconds(30));
    let claim = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    let (now, at) = (app.now(), app.now() + TimeDelta::minutes(10));
    write(&app, |tx| outbox::postpone(tx, &claim, at, now));
    for number in [1, 2] {
        let told = told(&app, number);
        assert_eq!((told.next_at, told.is_being_sent), (at, false), "{number}");
    }
    assert_eq!(after(&app, 599).await, 0);
    assert_eq!(after(&app, 1).await, 1);
    assert_eq!(
        server.taken()[0].header("Subject"),
        "Yellow: Alert 1, and 1 more"
    );
}

/// Storms of notices come while the mail server is away: what waits as one letter goes as one, whatever comes after it.
#[actix_web::test]
async fn what_is_told_with_a_letter_that_waits_is_not_lost_when_another_is_due() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &alert(1, Level::Yellow));
    enqueue(&app, &alert(2, Level::Yellow));
    app.advance(TimeDelta::seconds(30));
    let claim = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    let (now, at) = (app.now(), app.now() + TimeDelta::minutes(2));
    write(&app, |tx| outbox::postpone(tx, &claim, at, now));
    enqueue(&app, &alert(3, Level::Red));
    after(&app, 60).await;
    after(&app, 60).await;
    for number in [1, 2, 3] {
        assert_eq!(told(&app, number).state, State::Delivered, "{number}");
    }
    let taken = server.taken();
    let subjects: Vec<String> = taken.iter().map(|it| it.header("Subject")).collect();
    assert_eq!(subjects, ["Red: Alert 3", "Yellow: Alert 1, and 1 more"]);
}

#[actix_web::test]
async fn a_letter_that_is_tried_again_by_hand_goes_as_a_whole() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    for number in [1, 2, 3] {
        enqueue(&app, &alert(number, Level::Yellow));
    }
    server.refuse(Some("451 4.7.1 come back later"));
    assert_eq!(after(&app, 30).await, 1);
    server.refuse(None);
    // Taken back since: it is not in what leaves, and nobody says that it was delivered.
    let about = About::new("alert", 3);
    write(&app, |tx| {
        actions::cancel_queued(tx, &about, "Ada took it.")
    });
    let lead = told(&app, 1).id;
    assert!(delivery::deliver_one(&app.services, lead).await.unwrap());
    assert_eq!(
        server.taken()[0].header("Subject"),
        "Yellow: Alert 1, and 1 more"
    );
    let states = [1, 2, 3].map(|number| told(&app, number).state);
    assert_eq!(
        states,
        [State::Delivered, State::Delivered, State::Cancelled]
    );
}

#[actix_web::test]
async fn programs_are_told_one_thing_at_a_time_at_once() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start().await;
    let end = endpoint_at(&app, &receiver.url());
    for number in [1, 2] {
        let notice = Notice {
            to: to(Destination::Endpoint(end), "").to,
            ..alert(number, Level::Yellow)
        };
        enqueue(&app, &notice);
    }
    assert_eq!(after(&app, 0).await, 2);
    assert_eq!(receiver.seen().len(), 2);
}
