//! Whose an alert is: taken in hand for a while, let go, given to somebody, put aside.

use chrono::TimeDelta;
use futures_util::future::join_all;
use signalbox::features::alerts::store::Alert;
use signalbox::features::alerts::suppression::{self, Kind};
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{Level, PersonId, Scope};

use super::{open, report, tick, watched};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::{Client, find_or_add};

async fn lit(value: f64) -> (TestApp, Alert, String) {
    let app = watched().await;
    report(&app, value);
    tick(&app);
    let alert = open(&app).remove(0);
    let path = format!("/alerts/{}", alert.id);
    (app, alert, path)
}

pub fn second(app: &TestApp) -> (Client, PersonId) {
    let client = app.sign_in_as("second@test.example", "Second operator", &[Role::Operator]);
    let id = find_or_add(
        &app.services,
        "second@test.example",
        "Second operator",
        &[Role::Operator],
    );
    (client, id)
}

async fn assign(by: &Client, path: &str, person: &str) -> Page {
    by.post_form(&format!("{path}/assignment"), &[("person", person)])
        .await
}

async fn snooze(by: &Client, path: &str, lasts: &str, reason: &str) -> Page {
    let fields = [("lasts", lasts), ("reason", reason)];
    by.post_form(&format!("{path}/snooze"), &fields).await
}

#[tokio::test]
async fn somebody_takes_it_for_a_while_and_lets_it_go() {
    let (app, _, path) = lit(97.0).await;
    let operator = app.as_operator();
    let hold = |holds: &'static str| {
        let (operator, path) = (operator.at(&app), format!("{path}/acknowledgement"));
        async move {
            operator
                .post_form(&path, &[("holds", holds), ("note", "Looking")])
                .await
        }
    };
    let wrong = hold("9h").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.says("at most eight hours") && wrong.says("Looking"),
        "{}",
        wrong.text()
    );
    let wrong = operator
        .post_form(
            &format!("{path}/acknowledgement"),
            &[("holds", "1h"), ("note", "\u{1}")],
        )
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.texts("#field-holds option[selected]"),
        ["1 hour"],
        "what was chosen stays"
    );
    assert_eq!(hold("1h").await.status, 303);
    let held = open(&app).remove(0).acknowledged.unwrap();
    assert_eq!(held.until, app.now() + TimeDelta::hours(1));

    let release = format!("{path}/release");
    let (other, _) = second(&app);
    assert_eq!(other.post_form(&release, &[]).await.status, 303);
    let alert = open(&app).remove(0);
    assert!(!alert.is_acknowledged(app.now()));
    let page = operator.get(&path).await;
    assert!(page.says("Second operator let it go"), "{}", page.text());
    assert_eq!(app.events_of("alert.let_go").len(), 1);
    let again = other.post_form(&release, &[]).await;
    assert_eq!(again.status, 409, "nobody has it any more");
    // It has not run out: nobody says so afterwards.
    tick(&app);
    assert_eq!(app.events_of("alert.acknowledgement_ran_out").len(), 0);
}

#[tokio::test]
async fn it_is_given_to_somebody_who_acts_there_and_listed_as_theirs() {
    let (app, _, path) = lit(97.0).await;
    let operator = app.as_operator();
    let (other, id) = second(&app);
    assert_eq!(assign(&operator, &path, &id.to_string()).await.status, 303);
    assert_eq!(assign(&operator, &path, &id.to_string()).await.status, 409);
    let page = other.get("/alerts?state=mine").await;
    assert!(page.says("assigned to Second operator"), "{}", page.text());
    let page = operator.get("/alerts?state=mine").await;
    assert!(page.says("Nothing is yours"));
    let page = operator.get(&path).await;
    assert!(
        page.says("It is Second operator’s since"),
        "{}",
        page.text()
    );
    assert!(page.says("Test operator assigned it") && page.says("to Second operator"));

    let auditor = find_or_add(&app.services, "a@test.example", "Auditor", &[Role::Auditor]);
    assert_eq!(
        assign(&operator, &path, &auditor.to_string()).await.status,
        409
    );
    assert_eq!(assign(&operator, &path, "nobody").await.status, 422);
    assert_eq!(assign(&operator, &path, "").await.status, 303);
    assert_eq!(open(&app)[0].assigned, None);
    let events = app.events_of("alert.assigned");
    assert_eq!(events.len(), 2);
    let given = |event: &serde_json::Value| event["details"]["to"] == id.to_string().as_str();
    assert_eq!(events.iter().filter(|event| given(event)).count(), 1);
}

/// What came from both at once is one order of two.
#[tokio::test]
async fn two_who_assign_at_once_do_it_one_after_the_other() {
    let (app, _, path) = lit(97.0).await;
    let (other, id) = second(&app);
    let operator = app.as_operator();
    let id = id.to_string();
    let both = [assign(&operator, &path, &id), assign(&other, &path, &id)];
    let mut answers: Vec<u16> = join_all(both).await.iter().map(|it| it.status).collect();
    answers.sort_unstable();
    assert_eq!(answers, [303, 409]);
    assert_eq!(app.events_of("alert.assigned").len(), 1);
}

/// A snooze is a silence of one alert as it is, under the same rules.
#[tokio::test]
async fn put_aside_it_is_told_of_only_when_it_gets_worse() {
    let (app, ..) = lit(98.5).await;
    let alert = open(&app).remove(0);
    let path = format!("/alerts/{}", alert.id);
    let operator = app.as_operator();
    for (lasts, reason) in [("8h", " "), ("9y", "Known"), ("8h", "\u{1}")] {
        let wrong = snooze(&operator, &path, lasts, reason).await;
        assert_eq!(wrong.status, 422, "{lasts} {reason:?}");
    }
    let made = snooze(&operator, &path, "8h", "Known <b>fault</b>").await;
    assert_eq!(made.status, 303, "{}", made.text());
    let reasons = |alert: &Alert| {
        let now = app.now();
        let read = |conn: &mut _| suppression::reasons(conn, alert, now);
        app.services.db.read(read).unwrap()
    };
    let alert = open(&app).remove(0);
    let why = reasons(&alert);
    assert_eq!(why[0].kind, Kind::Silence);
    assert_eq!(why[0].title, "Snoozed by Test operator: Known <b>fault</b>");
    let page = operator.get("/alerts").await;
    assert!(
        page.says("Snoozed by Test operator: Known <b>fault</b>"),
        "{}",
        page.text()
    );
    assert_eq!(app.events_of("silence.created").len(), 1);
    let owed = |conn: &mut _| signalbox::features::alerts::silences::store::owed(conn, &Scope::All);
    assert!(
        app.services.db.read(owed).unwrap().is_empty(),
        "it is not red"
    );
    report(&app, 97.0);
    tick(&app);
    assert_eq!(reasons(&open(&app)[0]), [], "it has become worse");
}

#[tokio::test]
async fn put_aside_as_red_it_stays_aside_when_it_gets_better() {
    let (app, _, path) = lit(97.0).await;
    snooze(&app.as_operator(), &path, "1h", "Known").await;
    report(&app, 98.5);
    tick(&app);
    let alert = open(&app).remove(0);
    assert_eq!(alert.level, Level::Yellow);
    let now = app.now();
    let read = |conn: &mut _| suppression::reasons(conn, &alert, now);
    assert_eq!(app.services.db.read(read).unwrap()[0].kind, Kind::Silence);
}

#[tokio::test]
async fn a_red_one_is_put_aside_for_an_hour_alone_and_longer_by_two() {
    let (app, _, path) = lit(97.0).await;
    let operator = app.as_operator();
    let long = snooze(&operator, &path, "4h", "Known").await;
    let page = operator.get(long.location()).await;
    assert!(page.says("second person"), "{}", page.text());
    assert_eq!(app.events_of("silence.proposed").len(), 1);
    snooze(&operator, &path, "1h", "Known").await;
    assert_eq!(app.events_of("silence.created").len(), 1);
}

#[tokio::test]
async fn who_may_not_act_there_does_none_of_it() {
    let (app, _, path) = lit(97.0).await;
    let auditor = app.as_auditor();
    for act in ["release", "assignment", "snooze"] {
        let fields = [("lasts", "1h"), ("reason", "x"), ("person", "")];
        let refused = auditor.post_form(&format!("{path}/{act}"), &fields).await;
        assert_eq!(refused.status, 403, "{act}");
    }
    let page = auditor.get(&path).await;
    assert!(
        !page.says("Snooze") && !page.says("Assign"),
        "{}",
        page.text()
    );
}
