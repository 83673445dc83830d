//! What is due leaves, what fails is tried again at its time, and what will never arrive is given up where people see it.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use signalbox::features::notify::actions;
use signalbox::features::notify::channels::Outcome;
use signalbox::features::notify::delivery::{self, deliver_due};
use signalbox::features::notify::endpoint::{Kind, Standing};
use signalbox::features::notify::notice::{About, Channel, Destination, EndpointId, Notice, State};
use signalbox::features::notify::runner::Runner;
use signalbox::features::notify::signing::{Signed, sign};
use signalbox::features::notify::store::{Told, endpoints, outbox};

use super::receivers::{Habit, MailServer, Receiver};
use super::{endpoint_at, enqueue, mail, mailing, to, told, write};
use crate::support::app::{TestApp, services_at};
use crate::support::waiting::until;

async fn deliver(app: &TestApp) -> usize {
    deliver_due(&app.services).await.unwrap()
}

fn only(app: &TestApp) -> Told {
    let mut notices = told(app);
    assert_eq!(notices.len(), 1);
    notices.remove(0)
}

#[actix_web::test]
async fn a_mail_arrives_with_its_link_and_nobody_elses_headers() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    let mut notice = mail("one");
    notice.title = "Balances\r\nBcc: everybody@bank.example\r\n\r\nÄnderung".to_owned();
    enqueue(&app, &notice);
    assert_eq!(deliver(&app).await, 1);

    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].from.contains("<signalbox@bank.example>"));
    assert!(taken[0].to.contains("<ada@bank.example>"));
    let head = taken[0].text.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert_eq!(
        taken[0].header("From"),
        "Signalbox <signalbox@bank.example>"
    );
    assert_eq!(taken[0].header("Auto-Submitted"), "auto-generated");
    let link = format!(
        "{}/alerts/7",
        app.services
            .config
            .web
            .base_url
            .as_str()
            .trim_end_matches('/')
    );
    assert!(taken[0].text.contains(&link), "{}", taken[0].text);

    let told = only(&app);
    assert_eq!(told.state, State::Delivered);
    assert_eq!(told.attempts.len(), 1);
    assert!(told.attempts[0].answer.contains("kept as 4711"), "{told:?}");
    assert_eq!(app.events_of("notice.delivered").len(), 1);
    assert_eq!(deliver(&app).await, 0, "once");
}

#[actix_web::test]
async fn a_mail_that_cannot_leave_now_is_tried_again_under_the_same_id() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    server.refuse(Some("451 4.7.1 greylisted, come back later"));
    enqueue(&app, &mail("one"));
    deliver(&app).await;
    let waiting = only(&app);
    assert_eq!(waiting.state, State::Queued);
    assert_eq!(waiting.next_at, app.now() + TimeDelta::seconds(30));
    assert!(waiting.attempts[0].answer.contains("greylisted"));
    assert_eq!(deliver(&app).await, 0, "not before its time");

    server.refuse(None);
    app.advance(TimeDelta::seconds(30));
    assert_eq!(deliver(&app).await, 1);
    assert_eq!(only(&app).state, State::Delivered);
    enqueue(&app, &mail("two"));
    deliver(&app).await;
    let ids: Vec<String> = server
        .taken()
        .iter()
        .map(|it| it.header("Message-ID"))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert!(ids[0].ends_with("@bank.example>"), "{ids:?}");
}

#[actix_web::test]
async fn a_mailbox_that_is_none_is_given_up_at_once_and_lights_a_lamp() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    server.refuse(Some("550 5.1.1 no such user"));
    enqueue(&app, &mail("one"));
    let mut nonsense = mail("two");
    nonsense.to = Destination::Email("nobody at all".to_owned());
    enqueue(&app, &nonsense);
    assert_eq!(deliver(&app).await, 2);
    for notice in told(&app) {
        assert_eq!(notice.state, State::GivenUp);
        assert!(notice.why.is_some());
    }
    assert!(only_answer(&told(&app)[0]).contains("no such user"));
    assert_eq!(app.events_of("notice.given_up").len(), 2);
    let ours = include_str!("../../../packs/signalbox.toml");
    crate::packs::apply(&app, ours);
    app.run_jobs();
    let reported = app.events_of("event.reported");
    assert!(
        reported
            .iter()
            .any(|event| event.to_string().contains("notice.given_up")),
        "{reported:?}"
    );
}

fn only_answer(told: &Told) -> &str {
    &told.attempts.last().unwrap().answer
}

#[actix_web::test]
async fn without_a_mail_server_it_says_so_and_gives_up_after_the_last_attempt() {
    let app = TestApp::start().await;
    enqueue(&app, &mail("one"));
    for wait in Channel::Email.waits() {
        app.advance(TimeDelta::seconds(*wait));
        assert_eq!(deliver(&app).await, 1, "after {wait} s");
    }
    let told = only(&app);
    assert_eq!(told.state, State::GivenUp);
    assert_eq!(told.attempts.len(), Channel::Email.waits().len());
    assert!(only_answer(&told).contains("SIGNALBOX_SMTP_URL"));
    app.advance(TimeDelta::days(9));
    assert_eq!(deliver(&app).await, 0);
}

#[actix_web::test]
async fn a_second_rotation_goes_on_signing_for_whoever_has_the_first_secret() {
    let receiver = Receiver::start(Habit::Answer(204));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    write(&app, |tx| endpoints::rotate(tx, id, &[2; 32]));
    write(&app, |tx| endpoints::rotate(tx, id, &[3; 32]));
    enqueue(&app, &to(Destination::Endpoint(id), "one"));
    assert_eq!(deliver(&app).await, 1);
    let signatures = receiver.seen().remove(0).header("webhook-signature");
    assert_eq!(signatures.split(' ').count(), 3);
}

#[actix_web::test]
async fn a_webhook_is_signed_with_both_secrets_of_a_rotation() {
    let receiver = Receiver::start(Habit::Answer(204));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    write(&app, |tx| {
        endpoints::rotate(tx, id, b"a secret from now on")
    });
    enqueue(&app, &to(Destination::Endpoint(id), "one"));
    assert_eq!(deliver(&app).await, 1);
    let request = receiver.seen().remove(0);
    assert!(
        request.head.starts_with("POST /in HTTP/1.1"),
        "{}",
        request.head
    );
    let [sent, timestamp, signatures] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.header(name));
    assert_eq!(sent, only(&app).id.to_string());
    let signed = Signed {
        id: &sent,
        timestamp: &timestamp,
        signatures: &signatures,
    };
    for secret in [&b"a secret of before"[..], b"a secret from now on"] {
        let body = request.body.as_bytes();
        assert_eq!(signed.check(&[secret], body, app.now()), Ok(()));
        let again = sign(secret, &sent, timestamp.parse().unwrap(), body);
        assert!(signatures.contains(&again));
    }
    let payload: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(payload["data"]["level"], "red");

    // The old one has gone when the overlap is over.
    app.advance(TimeDelta::hours(25));
    enqueue(&app, &to(Destination::Endpoint(id), "two"));
    deliver(&app).await;
    let later = receiver.seen().remove(1);
    assert_eq!(later.header("webhook-signature").split(' ').count(), 1);
}

#[actix_web::test]
async fn whatever_a_receiver_does_its_webhook_waits_for_the_next_try() {
    let receiver = Receiver::start(Habit::Answer(500));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let tls = endpoint_at(&app, &format!("https://127.0.0.1:{}/in", receiver.port));
    let nobody = endpoint_at(&app, "http://127.0.0.1:9/in");
    // One that asks us to wait is asked nothing else meanwhile.
    let busy = endpoint_at(&app, &receiver.url());
    let cases = [
        (id, Habit::Answer(500), "500"),
        (busy, Habit::Answer(429), "429"),
        (id, Habit::Redirect, "leads elsewhere"),
        (id, Habit::Slam, ""),
        (id, Habit::Silent, "No answer within 10 s"),
        (tls, Habit::Answer(200), ""),
        (nobody, Habit::Answer(200), ""),
    ];
    for (number, (endpoint, habit, expected)) in cases.into_iter().enumerate() {
        receiver.set(habit);
        let mut notice = to(Destination::Endpoint(endpoint), &format!("case {number}"));
        notice.about = About::new("case", number);
        enqueue(&app, &notice);
        assert_eq!(deliver(&app).await, 1, "{habit:?}");
        let about = About::new("case", number);
        let read = |conn: &mut _| signalbox::features::notify::store::about(conn, &about);
        let told = app.services.db.read(read).unwrap().remove(0);
        assert_eq!(told.state, State::Queued, "{habit:?}: {told:?}");
        let answer = only_answer(&told);
        assert!(
            answer.contains(expected) && !answer.is_empty(),
            "{habit:?}: {answer}"
        );
        assert!(
            !answer.contains("/in"),
            "an address is nobody's to read: {answer}"
        );
        let wait = if endpoint == busy { 60 } else { 5 };
        assert_eq!(told.next_at, app.now() + TimeDelta::seconds(wait));
    }
}

#[actix_web::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let receiver = Receiver::start(Habit::Endless);
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    enqueue(&app, &to(Destination::Endpoint(id), "one"));
    let begun = std::time::Instant::now();
    deliver(&app).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(9));
    let told = only(&app);
    assert_eq!(told.state, State::Delivered, "it said 200");
    assert!(only_answer(&told).chars().count() <= 500);
}

#[actix_web::test]
async fn private_networks_are_not_asked_unless_a_setting_allows_them() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start_with(|services| {
        let mut config = (*services.config).clone();
        config.notices.webhook_networks = "".parse().unwrap();
        services.config = std::sync::Arc::new(config);
    })
    .await;
    // As if they had been typed while the setting allowed them, or the name had stood for something else then.
    for (number, url) in [
        receiver.url(),
        format!("https://localhost:{}/in", receiver.port),
        "https://localhost/in".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let id = endpoint_at(&app, url);
        enqueue(&app, &to(Destination::Endpoint(id), &number.to_string()));
    }
    assert_eq!(deliver(&app).await, 3);
    assert!(receiver.seen().is_empty());
    for told in told(&app) {
        assert!(only_answer(&told).starts_with("Not asked."), "{told:?}");
    }
}

#[actix_web::test]
async fn an_endpoint_that_is_gone_or_fails_for_an_hour_is_switched_off() {
    let receiver = Receiver::start(Habit::Answer(410));
    let app = TestApp::start().await;
    let gone = endpoint_at(&app, &receiver.url());
    enqueue(&app, &to(Destination::Endpoint(gone), "gone"));
    deliver(&app).await;
    assert_eq!(only(&app).state, State::GivenUp);
    let standing = |id| {
        let read = |conn: &mut _| endpoints::find(conn, id);
        app.services.db.read(read).unwrap().standing
    };
    assert_eq!(standing(gone), Standing::Disabled);

    receiver.set(Habit::Answer(500));
    let failing = endpoint_at(&app, &receiver.url());
    for number in 0..10 {
        assert_eq!(standing(failing), Standing::Active, "after {number}");
        enqueue(
            &app,
            &to(Destination::Endpoint(failing), &format!("failing {number}")),
        );
        // Each one new; those before it wait for longer.
        deliver(&app).await;
        app.advance(TimeDelta::seconds(401));
    }
    deliver(&app).await;
    assert_eq!(standing(failing), Standing::Disabled);
    assert_eq!(app.events_of("endpoint.disabled").len(), 2);

    // What waits for it is not tried, and a day after it was due it is given up where people see it.
    let before = receiver.seen().len();
    app.advance(TimeDelta::hours(3));
    assert_eq!(deliver(&app).await, 0);
    assert_eq!(receiver.seen().len(), before);
    app.advance(TimeDelta::hours(24));
    assert!(delivery::tidy(&app.services).unwrap() > 0);
    assert!(
        told(&app)
            .iter()
            .all(|notice| notice.state == State::GivenUp)
    );
    assert_eq!(delivery::tidy(&app.services).unwrap(), 0);
}

/// What waits for another day has not waited for an endpoint that was off on the days before.
#[actix_web::test]
async fn what_is_due_later_is_given_up_a_day_after_it_was_due() {
    let app = TestApp::start().await;
    let id = endpoint_at(&app, "http://127.0.0.1:9/in");
    let notice = to(Destination::Endpoint(id), "one");
    let (now, due) = (app.now(), app.now() + TimeDelta::days(3));
    write(&app, |tx| actions::enqueue_for(tx, &notice, Some(due)));
    write(&app, |tx| {
        endpoints::set_standing(tx, id, Standing::Disabled, Some("It was off."), now)
    });
    app.advance(TimeDelta::days(3) + TimeDelta::hours(23));
    assert_eq!(delivery::tidy(&app.services).unwrap(), 0);
    app.advance(TimeDelta::hours(2));
    assert_eq!(delivery::tidy(&app.services).unwrap(), 1);
    assert_eq!(only(&app).state, State::GivenUp);
}

#[actix_web::test]
async fn a_chat_that_takes_what_slack_takes_is_told_in_text() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start().await;
    let id = EndpointId::new();
    write(&app, |tx| {
        let new = endpoints::New {
            name: "Chat",
            kind: Kind::Slack,
            host: "127.0.0.1",
            url: &receiver.url(),
            secret: None,
        };
        endpoints::insert(tx, id, &new)
    });
    let notice = Notice {
        text: "<!channel> is worked on".to_owned(),
        ..to(Destination::Endpoint(id), "one")
    };
    enqueue(&app, &notice);
    assert_eq!(deliver(&app).await, 1);
    assert_eq!(only(&app).state, State::Delivered);
    let request = receiver.seen().remove(0);
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("webhook-signature"), "", "nothing is signed");
    let said: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let text = said["text"].as_str().unwrap();
    assert!(
        text.starts_with("Red: Balances are not synchronised"),
        "{text}"
    );
    assert!(text.contains("&lt;!channel&gt; is worked on"), "{text}");
    assert_eq!(said["blocks"][0]["type"], "header");
    let all = said["blocks"].to_string();
    assert!(all.contains("/alerts/7|Open in Signalbox>"), "{all}");
    assert!(!all.contains("<!channel>"), "{all}");

    receiver.set(Habit::Answer(404));
    let about = About::new("alert", "8");
    enqueue(
        &app,
        &Notice {
            about: about.clone(),
            key: "two".to_owned(),
            ..notice
        },
    );
    assert_eq!(deliver(&app).await, 1);
    let read = |conn: &mut _| signalbox::features::notify::store::about(conn, &about);
    let waits = app.services.db.read(read).unwrap().remove(0);
    assert!(only_answer(&waits).contains("404"), "{waits:?}");
    assert_ne!(waits.state, State::Delivered);
}

/// As `kill -9` leaves it: the claim is committed, and nobody ever says what became of it.
#[actix_web::test]
async fn what_a_sender_that_died_had_claimed_is_sent_by_the_next_under_the_same_id() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let notice = enqueue(&app, &to(Destination::Endpoint(id), "one")).unwrap();
    let dead = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    assert_eq!(
        deliver(&app).await,
        0,
        "while its lease holds, nobody else begins"
    );
    end_leases(&app);
    assert_eq!(deliver(&app).await, 1);
    assert_eq!(receiver.seen()[0].header("webhook-id"), notice.to_string());

    // One that was only stopped, and goes on, changes nothing.
    let ended = outbox::Ended {
        begun_at: app.now(),
        took_ms: 1,
        delivered: false,
        answer: "late".to_owned(),
    };
    let late = Outcome::Failed("late".to_owned());
    delivery::settle(&app.services, &dead, &late, &ended).unwrap();
    let told = only(&app);
    assert_eq!(told.state, State::Delivered);
    assert_eq!(told.attempts.len(), 1);
}

pub fn end_leases(app: &TestApp) {
    let sql = "UPDATE notice SET lease_until = clock_timestamp() - interval '1 s' WHERE lease_until IS NOT NULL";
    app.db.connect_superuser().batch_execute(sql).unwrap();
}

/// As if an attempt had ended without an answer.
fn failed(app: &TestApp, claim: &outbox::Claim) {
    let ended = outbox::Ended {
        begun_at: app.now(),
        took_ms: 1,
        delivered: false,
        answer: "no".to_owned(),
    };
    let outcome = Outcome::Failed("no".to_owned());
    delivery::settle(&app.services, claim, &outcome, &ended).unwrap();
}

#[actix_web::test]
async fn what_has_changed_while_it_was_sent_is_said_when_it_is_tried_again() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    let id = enqueue(&app, &mail("one")).unwrap();
    let reword = |text: &str| write(&app, |tx| actions::reword(tx, id.uuid(), text));
    assert!(reword("It stands still."), "nobody has tried");
    let claim = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    assert!(!reword("It is over."), "it may be arriving as it was");
    failed(&app, &claim);
    app.advance(TimeDelta::seconds(30));
    assert_eq!(deliver(&app).await, 1);
    let text = &server.taken()[0].text;
    assert!(text.contains("It is over."), "{text}");
}

#[actix_web::test]
async fn what_is_taken_back_while_it_is_sent_is_not_tried_again() {
    let app = TestApp::start().await;
    let take_back = || {
        write(&app, |tx| {
            actions::cancel_queued(tx, &About::new("alert", "7"), "Ada took it.")
        })
    };
    enqueue(&app, &mail("one"));
    let claim = delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    assert_eq!(take_back(), 1);
    assert_eq!(
        only(&app).state,
        State::Queued,
        "it may be arriving just now"
    );
    failed(&app, &claim);
    assert_eq!(only(&app).state, State::Cancelled);

    // And where the sender died.
    enqueue(&app, &mail("two"));
    delivery::claim(&app.services, &Channel::ALL)
        .unwrap()
        .unwrap();
    take_back();
    end_leases(&app);
    assert_eq!(deliver(&app).await, 0);
    assert_eq!(delivery::tidy(&app.services).unwrap(), 1);
    assert_eq!(told(&app)[1].state, State::Cancelled);
}

#[actix_web::test]
async fn two_replicas_send_each_notice_once() {
    const EACH: usize = 12;
    let (receiver, server) = (Receiver::start(Habit::Answer(200)), MailServer::start());
    let app = mailing(&server).await;
    let ends = [1, 2, 3].map(|_| endpoint_at(&app, &receiver.url()));
    for number in 0..EACH {
        for (place, end) in ends.iter().enumerate() {
            enqueue(
                &app,
                &to(Destination::Endpoint(*end), &format!("{place} {number}")),
            );
        }
        enqueue(&app, &mail(&format!("mail {number}")));
    }
    let other = services_at(
        app.services.config.mode,
        1,
        &app.db.app_url,
        app.services.clock.clone(),
    );
    let other = signalbox::foundation::Services {
        config: app.services.config.clone(),
        ..other
    };
    let runners = [Runner::start(app.services.clone()), Runner::start(other)];
    until("they end", async || {
        told(&app).iter().all(|it| it.state != State::Queued)
    })
    .await;
    for runner in runners {
        runner.stop().await;
    }
    let mut ids: Vec<String> = receiver
        .seen()
        .iter()
        .map(|it| it.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 3 * EACH);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3 * EACH, "one came twice");
    assert_eq!(server.taken().len(), EACH);
    assert!(told(&app).iter().all(|it| it.attempts.len() == 1));
}
