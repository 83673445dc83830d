//! Our own ways out go through breakers, too: what cannot leave waits, and nothing of it is lost.

use chrono::TimeDelta;
use signalbox::features::connectors::breaker::{State, Verdict};
use signalbox::features::connectors::gate;
use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::notice::{Destination, State as NoticeState};

use super::{all, ended, go};
use crate::notify::receivers::{Habit, MailServer, Receiver};
use crate::notify::{endpoint_at, enqueue, mail, mailing, mailing_at, to, told};
use crate::support::app::TestApp;

fn states(app: &TestApp, state: NoticeState) -> usize {
    told(app).iter().filter(|told| told.state == state).count()
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_not_hammered_and_loses_nothing() {
    let app = TestApp::start().await;
    let receiver = Receiver::start(Habit::Answer(503));
    let id = endpoint_at(&app, &format!("http://127.0.0.1:{}/in", receiver.port));
    for n in 0..20 {
        enqueue(&app, &to(Destination::Endpoint(id), &format!("n{n}")));
    }
    deliver_due(&app.services).await.unwrap();
    assert_eq!(receiver.seen().len(), 5, "then its breaker opens");
    assert_eq!(all(&app)[0].breaker.state, State::Open);
    assert_eq!(states(&app, NoticeState::Queued), 20);
    deliver_due(&app.services).await.unwrap();
    assert_eq!(receiver.seen().len(), 5);

    // One trial when its time is over, and no flood behind it.
    app.advance(TimeDelta::seconds(67));
    deliver_due(&app.services).await.unwrap();
    assert_eq!(receiver.seen().len(), 6);
    receiver.set(Habit::Answer(200));
    for _ in 0..8 {
        app.advance(TimeDelta::minutes(3));
        deliver_due(&app.services).await.unwrap();
    }
    assert_eq!(states(&app, NoticeState::Delivered), 20);
    assert_eq!(all(&app)[0].breaker.state, State::Closed);
    assert_eq!(all(&app)[0].tally.failed, 6);
}

#[tokio::test]
async fn a_mail_server_that_is_away_keeps_the_mail_waiting() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    let away = mailing_at(9).await;
    for n in 0..8 {
        enqueue(&away, &mail(&format!("m{n}")));
    }
    deliver_due(&away.services).await.unwrap();
    let breaker = &all(&away)[0];
    assert_eq!(breaker.dependency, "smtp");
    assert_eq!(
        (breaker.breaker.state, breaker.tally.failed),
        (State::Open, 5)
    );
    assert_eq!(states(&away, NoticeState::Queued), 8);

    enqueue(&app, &mail("one"));
    deliver_due(&app.services).await.unwrap();
    assert_eq!(states(&app, NoticeState::Delivered), 1);
    assert_eq!(all(&app)[0].tally.answered, 1);
}

/// A red notice may be among them.
#[tokio::test]
async fn our_own_ways_out_wait_for_a_quarter_of_an_hour_at_most() {
    let app = TestApp::start().await;
    let id = gate::own(&app.services, "webhook:test", "send", "Test").unwrap();
    let pass = go(&app, id).unwrap();
    let day = Verdict::Limited(Some(TimeDelta::hours(24)));
    gate::tell(&app.services, pass, &ended(day)).unwrap();
    app.advance(TimeDelta::minutes(14));
    assert!(go(&app, id).is_none());
    app.advance(TimeDelta::minutes(1));
    assert!(go(&app, id).is_some());
}
