//! From a lamp to whoever is told, with the clock in the test's hands.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self, Alert};
use signalbox::features::health::actions as health;
use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::endpoint::Standing;
use signalbox::features::notify::notice::{About, State};
use signalbox::features::notify::store::{self as outbox, Told, endpoints};
use signalbox::features::oncall::engine;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db::schema::notice;
use signalbox::foundation::kernel::{Clock, Scope};

use super::{apply, staffed};
use crate::alerts::awake;
use crate::alerts::hand::second;
use crate::notify::receivers::MailServer;
use crate::notify::{endpoint_at, mailing, write};
use crate::packs::SMALL;
use crate::support::app::TestApp;

/// Whoever is on call, a quarter of an hour, Ada, a quarter of an hour, and once more.
const STEPS: &str = "steps = [{ notify.rota = \"operations\" }, { wait = \"15m\" }, \
                     { notify.contact = \"ada\" }, { wait = \"15m\" }]\nrepeat = 1";

fn pack() -> String {
    super::pack().replacen("steps = [{ notify.contact = \"ada\" }]", STEPS, 1)
}

/// Monday, 15:00 UTC: Grace is on call.
async fn watched() -> TestApp {
    let app = staffed().await;
    apply(&app, &pack());
    look(&app);
    app
}

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
}

/// Two seconds later, rules are evaluated and steps taken.
pub fn look(app: &TestApp) -> usize {
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
    engine::tick(&app.services).unwrap()
}

/// So many minutes later, without a standstill of the rules.
pub fn after(app: &TestApp, minutes: i64) -> usize {
    app.advance(TimeDelta::minutes(minutes));
    look(app)
}

pub fn open(app: &TestApp) -> Vec<Alert> {
    let open = |conn: &mut _| store::open(conn, &Scope::All);
    app.services.db.read(open).unwrap()
}

pub fn lit(app: &TestApp) -> Alert {
    open(app).remove(0)
}

/// To whom notices about it went, in the order of telling.
pub fn to(app: &TestApp, alert: &Alert) -> Vec<String> {
    let name = |it: Told| it.to_name.replace("@test.example", "");
    told(app, alert).into_iter().map(name).collect()
}

pub fn told(app: &TestApp, alert: &Alert) -> Vec<Told> {
    let about = About::new("alert", alert.id);
    app.services
        .db
        .read(|conn| outbox::about(conn, &about))
        .unwrap()
}

/// "grace: Quality is in breach", in the order of telling.
fn said(app: &TestApp, alert: &Alert) -> Vec<String> {
    let line = |it: Told| {
        let who = it.to_name.replace("@test.example", "");
        format!("{who}: {}", it.title)
    };
    told(app, alert).into_iter().map(line).collect()
}

/// To whom it was said that it is over.
pub fn heard_that_it_is_over(app: &TestApp, alert: &Alert) -> Vec<String> {
    let mut told = told(app, alert);
    told.retain(|it| it.title.starts_with("Over: "));
    let name = |it: Told| it.to_name.replace("@test.example", "");
    told.into_iter().map(name).collect()
}

/// As if the outbox had sent everything.
pub fn deliver(app: &TestApp) {
    diesel::update(notice::table.filter(notice::state.eq("queued")))
        .set((
            notice::state.eq("delivered"),
            notice::ended_at.eq(app.now()),
        ))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
}

pub async fn acknowledge(app: &TestApp, alert: &Alert) {
    let path = format!("/alerts/{}/acknowledgement", alert.id);
    let sent = app.as_operator().post_form(&path, &[]).await;
    assert_eq!(sent.status, 303);
}

const RED: &str = "Quality is in breach";
const OVER: &str = "Over: Quality is in breach";

/// RH-9, FC-27: whoever is on call hears of it at once, and the next when they do not answer.
#[actix_web::test]
async fn a_red_alert_tells_whoever_is_on_call_and_then_the_next() {
    let app = watched().await;
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    assert_eq!(said(&app, &alert), [format!("grace: {RED}")]);
    let notice = told(&app, &alert).remove(0);
    assert!(
        notice.text.contains("Ncc_qos is 97 %, below 98 %."),
        "{}",
        notice.text
    );
    assert!(
        notice.text.contains("What to do: Mend it."),
        "{}",
        notice.text
    );
    assert!(
        notice
            .text
            .contains("because you are on call on Operations"),
        "{}",
        notice.text
    );
    assert_eq!(notice.link, format!("/alerts/{}", alert.id));
    let page = app.as_operator().get(&notice.link).await;
    assert!(
        page.says("Grace is being told; next: Ada in 15 minutes."),
        "{}",
        page.text()
    );
    assert!(page.says("Grace was told by e-mail to grace@test.example On its way"));
    assert_eq!(look(&app), 0, "and nothing more");
    deliver(&app);
    after(&app, 14);
    assert_eq!(told(&app, &alert).len(), 1);
    after(&app, 1);
    assert_eq!(said(&app, &alert)[1..], [format!("ada: {RED}")]);
    for minutes in [15, 15] {
        after(&app, minutes);
    }
    assert_eq!(told(&app, &alert).len(), 4, "and both once more");
    for minutes in [15, 60] {
        after(&app, minutes);
    }
    assert_eq!(told(&app, &alert).len(), 4);
    let page = app.as_operator().get(&notice.link).await;
    assert!(
        page.says("No step is left, and nobody has it in hand; everybody who was told, once more in 2 hours."),
        "{}",
        page.text()
    );
    assert_eq!(app.events_of("escalation.opened").len(), 1);
    assert_eq!(app.events_of("escalation.told").len(), 4);
    assert_eq!(app.events_of("escalation.finished").len(), 1);
    assert_eq!(app.events_of("notice.queued").len(), 4);
    after(&app, 240);
    assert_eq!(
        said(&app, &alert)[4..],
        [format!("grace: {RED}, still"), format!("ada: {RED}, still")]
    );
    after(&app, 240);
    assert_eq!(told(&app, &alert).len(), 8, "every four hours");
    assert_eq!(app.events_of("escalation.reminded").len(), 2);
}

/// Four turns in half an hour: whoever was told is told so once, and of nothing more until it is quiet.
#[actix_web::test]
async fn what_comes_and_goes_is_held_lit_and_told_once() {
    let app = watched().await;
    let turn = |value: f64| {
        report(&app, value);
        app.advance(TimeDelta::minutes(3));
        look(&app);
        deliver(&app);
    };
    for value in [97.0, 99.5, 97.0, 99.5] {
        turn(value);
    }
    let alert = lit(&app);
    let all = [
        format!("grace: {RED}"),
        format!("grace: {OVER}"),
        format!("grace: {RED}, again"),
        format!("grace: {RED}, coming and going"),
    ];
    assert_eq!(said(&app, &alert), all);
    assert!(alert.firing && alert.flapping_since.is_some());
    let text = told(&app, &alert).remove(3).text;
    assert!(
        text.contains("It came or went four times in half an hour."),
        "{text}"
    );
    let page = app.as_operator().get("/alerts").await;
    assert!(page.says("Red, comes and goes"), "{}", page.text());
    for value in [97.0, 99.5, 97.0, 99.5] {
        turn(value);
    }
    assert_eq!(said(&app, &alert)[..4], all);
    assert!(
        !said(&app, &alert)[4..]
            .iter()
            .any(|it| it.contains("Over") || it.contains("again")),
        "{:?}",
        said(&app, &alert)
    );
    let begun = app.events_of("alert.flapping").len();
    // What nobody saw would be no quiet.
    awake(&app, 31);
    look(&app);
    assert!(!open(&app)[0].firing);
    assert_eq!((begun, app.events_of("alert.settled").len()), (1, 1));
    let last = said(&app, &alert).pop();
    assert!(last.is_some_and(|it| it.ends_with(OVER)));
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("It comes and goes") && page.says("Quiet again"));
}

#[actix_web::test]
async fn acknowledged_nobody_else_is_told_and_let_go_it_begins_anew() {
    let app = watched().await;
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    deliver(&app);
    after(&app, 16);
    acknowledge(&app, &alert).await;
    look(&app);
    let states: Vec<State> = told(&app, &alert).iter().map(|it| it.state).collect();
    assert_eq!(
        states,
        [State::Delivered, State::Cancelled],
        "what was not yet sent is taken back"
    );
    let path = format!("/alerts/{}", alert.id);
    let page = app.as_operator().get(&path).await;
    assert!(page.says("Test operator has it in hand: nobody else is told."));
    assert!(page.says("Taken back: Test operator acknowledged it"));
    after(&app, 120);
    assert_eq!(told(&app, &alert).len(), 2);
    // Eight hours are over. The rules go on being evaluated meanwhile.
    app.advance(TimeDelta::hours(6));
    look(&app);
    assert_eq!(said(&app, &alert)[2..], [format!("grace: {RED}")]);
    after(&app, 15);
    assert_eq!(said(&app, &alert)[3..], [format!("ada: {RED}")]);
    let why = &app.events_of("escalation.restarted")[0]["details"]["why"];
    assert_eq!(why, "let_go");
}

#[actix_web::test]
async fn who_was_told_is_told_when_it_is_over_and_nobody_else_is() {
    let app = watched().await;
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    deliver(&app);
    after(&app, 15);
    report(&app, 99.5);
    // Ada's notice has not left yet.
    look(&app);
    assert_eq!(
        said(&app, &alert),
        [
            format!("grace: {RED}"),
            format!("ada: {RED}"),
            format!("grace: {OVER}")
        ]
    );
    assert_eq!(told(&app, &alert)[1].state, State::Cancelled);
    assert_eq!(after(&app, 60), 0);
    deliver(&app);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("It is over, and everybody who was told of it was told so."));

    // The same again before anybody saw it: it goes on where it stood.
    deliver(&app);
    report(&app, 96.0);
    look(&app);
    assert_eq!(
        said(&app, &alert)[3..],
        [
            "grace: Quality is in breach, again".to_owned(),
            format!("grace: {RED}")
        ]
    );
}

#[actix_web::test]
async fn worse_than_what_was_acknowledged_begins_anew() {
    let app = watched().await;
    let yellow = pack().replacen(
        "[[rota]]",
        "[[escalation]]\nid = \"warning\"\nname = \"Warning\"\nlevels = [\"yellow\"]\n\
         steps = [{ notify.contact = \"ada\" }]\n\n[[rota]]",
        1,
    );
    apply(&app, &yellow);
    report(&app, 98.5);
    look(&app);
    let alert = lit(&app);
    acknowledge(&app, &alert).await;
    look(&app);
    report(&app, 97.0);
    look(&app);
    assert_eq!(
        said(&app, &alert),
        [
            "ada: Quality is in breach".to_owned(),
            format!("grace: {RED}")
        ]
    );
    let why = &app.events_of("escalation.restarted")[0]["details"]["why"];
    assert_eq!(why, "worse");
}

#[actix_web::test]
async fn where_nobody_is_there_that_is_kept_and_the_next_is_told_at_once() {
    let app = watched().await;
    let absent = pack().replacen(
        "members = [\"grace\", \"ada\"]",
        "members = [\"edsger\"]",
        1,
    );
    apply(&app, &absent);
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    assert_eq!(said(&app, &alert), [format!("ada: {RED}")]);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("Edsger was not told"), "{}", page.text());
    assert!(page.says("no address is known here"));
    let missed = &app.events_of("escalation.reached_nobody")[0];
    assert_eq!(missed["details"]["target"], "rota operations");
    assert_eq!(missed["outcome"], "failure");
}

#[actix_web::test]
async fn an_alert_keeps_the_policy_it_opened_with_and_finds_people_where_they_are_now() {
    let app = watched().await;
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    let other = pack()
        .replace(
            "{ notify.contact = \"ada\" }",
            "{ notify.contact = \"grace\" }",
        )
        .replace("ada@test.example", "ada@elsewhere.example");
    apply(&app, &other);
    after(&app, 15);
    let to: Vec<String> = told(&app, &alert)
        .into_iter()
        .map(|it| it.to_name)
        .collect();
    assert_eq!(to, ["grace@test.example", "ada@elsewhere.example"]);
}

#[actix_web::test]
async fn who_was_put_in_is_told_and_a_pack_without_escalations_says_that_nobody_is() {
    let app = watched().await;
    let path = format!("/on-call/{}/overrides", super::rota(&app, "operations"));
    let cover = [
        ("contact", "ada"),
        ("from", "2026-03-02T15:00"),
        ("until", "2026-03-02T20:00"),
        ("reason", "Swapped"),
    ];
    assert_eq!(app.as_operator().post_form(&path, &cover).await.status, 303);
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    assert_eq!(said(&app, &alert), [format!("ada: {RED}")]);

    let app = TestApp::start().await;
    apply(&app, SMALL.split("[[contact]]").next().unwrap());
    look(&app);
    report(&app, 97.0);
    assert_eq!(look(&app), 0);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", lit(&app).id))
        .await;
    assert!(page.says("Nobody is told: no escalation of its pack is for a red alert."));
    let page = app.as_operator().get("/on-call").await;
    assert!(page.says("Nobody is told of anything yet"));
}

/// Two processes over one database, each looking as fast as it can, while the alert goes through its life.
#[actix_web::test]
async fn two_replicas_tell_each_person_once() {
    let app = watched().await;
    report(&app, 97.0);
    let clock: Clock = app.services.clock.clone();
    let mut replica = app.services.clone();
    replica.clock = clock;
    replica.db =
        signalbox::foundation::db::Db::new(&app.db.app_url, app.services.config.database.pools);
    replica.audit = signalbox::foundation::audit::Audit::new(
        replica.db.clone(),
        replica.clock.clone(),
        replica.keyring.clone(),
        signalbox::app::reactions,
    );
    for _ in 0..5 {
        app.advance(TimeDelta::minutes(5));
        evaluate::tick(&app.services).unwrap();
        let looks: Vec<_> = [&app.services, &replica, &app.services, &replica]
            .into_iter()
            .cloned()
            .map(|services| {
                std::thread::spawn(move || {
                    let taken = engine::tick(&services).unwrap();
                    std::thread::sleep(Duration::from_millis(5));
                    taken + engine::tick(&services).unwrap()
                })
            })
            .collect();
        for look in looks {
            look.join().unwrap();
        }
    }
    let alert = lit(&app);
    assert_eq!(
        said(&app, &alert),
        [format!("grace: {RED}"), format!("ada: {RED}")]
    );
    assert_eq!(app.events_of("escalation.opened").len(), 1);
    assert_eq!(app.events_of("escalation.told").len(), 2);
}

/// What a silence keeps back is kept back, and told at once when it ends; and whoever was told hears the end of it.
#[actix_web::test]
async fn a_silence_keeps_back_who_would_be_told_until_it_ends() {
    let app = watched().await;
    let silence = [
        ("platform", "demo"),
        ("matchers", "alertname=\"qos\""),
        ("starts", ""),
        ("lasts", "1h"),
        ("reason", "Deploying"),
        ("act", "save"),
    ];
    report(&app, 97.0);
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
    let sent = app.as_operator().post_form("/silences", &silence).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    engine::tick(&app.services).unwrap();
    let alert = lit(&app);
    assert_eq!(said(&app, &alert), [""; 0]);
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", alert.id))
        .await;
    assert!(page.says("Silenced by"), "{}", page.text());
    after(&app, 59);
    assert_eq!(said(&app, &alert), [""; 0]);
    after(&app, 2);
    assert_eq!(said(&app, &alert), [format!("grace: {RED}")]);
    deliver(&app);
    report(&app, 99.9);
    look(&app);
    assert_eq!(heard_that_it_is_over(&app, &alert), ["grace"]);
}

/// Acknowledging takes back at once what has not left, also while nobody looks at escalations; what is somebody's stays
/// theirs, and they hear of it.
#[actix_web::test]
async fn acknowledging_takes_back_what_has_not_left() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    apply(&app, &pack());
    app.advance(TimeDelta::hours(6));
    look(&app);
    report(&app, 97.0);
    look(&app);
    let alert = lit(&app);
    let (_, other) = second(&app);
    let path = format!("/alerts/{}/assignment", alert.id);
    let sent = app.as_operator();
    let sent = sent
        .post_form(&path, &[("person", &other.to_string())])
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    acknowledge(&app, &alert).await;
    app.advance(TimeDelta::seconds(31));
    deliver_due(&app.services).await.unwrap();
    let taken = server.taken();
    let subjects: Vec<String> = taken.iter().map(|it| it.header("Subject")).collect();
    assert_eq!(subjects, ["Red: Quality is in breach is yours (Demo)"]);
}

/// What waits for an endpoint that is switched off reaches nobody, so the next is told.
#[actix_web::test]
async fn an_endpoint_that_is_switched_off_was_not_told() {
    let app = staffed().await;
    let end = endpoint_at(&app, "http://127.0.0.1:9");
    let name = format!("Test {end}");
    let steps = STEPS.replacen(
        "notify.rota = \"operations\"",
        &format!("notify.endpoint = \"{name}\""),
        1,
    );
    apply(&app, &pack().replace(STEPS, &steps));
    look(&app);
    write(&app, |tx| {
        let now = tx.now();
        endpoints::set_standing(tx, end, Standing::Paused, Some("For a while"), now)
    });
    report(&app, 97.0);
    look(&app);
    assert_eq!(to(&app, &lit(&app)), ["ada"]);
    let page = app.as_operator();
    let page = page.get(&format!("/alerts/{}", lit(&app).id)).await;
    assert!(page.says("its endpoint is paused now"), "{}", page.text());
}
