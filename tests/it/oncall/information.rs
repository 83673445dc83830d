//! FC-24: nobody is woken for information, and everybody hears of it on the next business day.

use chrono::{DateTime, TimeDelta, Utc};
use signalbox::features::alerts::AlertId;
use signalbox::features::alerts::store as alerts;
use signalbox::features::health::actions as health;
use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::notice::State;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db::Conn;

use super::escalation::{acknowledge, after, deliver, lit, look, open, to, told};
use super::{apply, pack, staffed};
use crate::alerts::awake;
use crate::notify::mailing;
use crate::notify::receivers::MailServer;
use crate::support::app::TestApp;

/// Ada hears of information; and an indicator that can be information or a warning.
const BLUE: &str = "\n[[indicator]]\nid = \"trend\"\nname = \"Trend\"\n\
    [[rule]]\nid = \"trend\"\nname = \"A trend\"\non.indicator = \"trend\"\nblue = { above = 1 }\n\
    yellow = { above = 5 }\n\
    [[escalation]]\nid = \"information\"\nname = \"Information\"\nlevels = [\"blue\", \"yellow\"]\n\
    steps = [{ notify.contact = \"ada\" }]\n";

/// Monday, 15:00 UTC, and the small pack's platform is in UTC.
async fn informed() -> TestApp {
    let app = staffed().await;
    inform(&app);
    app
}

fn inform(app: &TestApp) {
    apply(app, &format!("{}{BLUE}", pack()));
    look(app);
}

fn submitted(app: &TestApp) -> AlertId {
    let actor = Actor::command_line("tester");
    health::report_event(&app.services, &actor, "report.submitted", None).unwrap();
    look(app);
    lit(app).id
}

fn trend(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "trend", value, None).unwrap();
    look(app);
}

/// Watched for as long as an event keeps its lamp lit.
fn lets_it_go_out(app: &TestApp) {
    awake(app, 61);
    look(app);
    assert!(open(app).is_empty());
}

fn nine(app: &TestApp, days: i64) -> DateTime<Utc> {
    let day = app.now().date_naive() + TimeDelta::days(days);
    day.and_hms_opt(9, 0, 0).unwrap().and_utc()
}

fn one(app: &TestApp, id: AlertId) -> alerts::Alert {
    let read = |conn: &mut Conn| alerts::alert(conn, id);
    app.services.db.read(read).unwrap()
}

#[actix_web::test]
async fn what_is_for_information_is_told_on_the_next_business_day() {
    let app = informed().await;
    trend(&app, 2.0);
    let told = told(&app, &lit(&app));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].next_at, nine(&app, 1));
    let page = app.as_operator();
    let page = page.get(&format!("/alerts/{}", lit(&app).id)).await;
    assert!(page.says("Ada is told in 17 hours"), "{}", page.text());
    assert!(page.says("Information: leaves 3 Mar 2026, 09:00 UTC"));
}

/// An event lights its lamp for an hour. Whoever is to hear of it next morning hears of it, and when it was over.
#[actix_web::test]
async fn an_event_is_told_next_morning_though_its_lamp_has_gone_out() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    app.advance(TimeDelta::hours(6));
    inform(&app);
    let id = submitted(&app);
    lets_it_go_out(&app);
    let sent = told(&app, &one(&app, id));
    assert_eq!(
        sent.len(),
        1,
        "nobody heard of it, so nobody hears that it is over"
    );
    assert_eq!(
        (sent[0].state, sent[0].next_at),
        (State::Queued, nine(&app, 1))
    );
    assert!(
        sent[0]
            .text
            .contains("From 2 Mar 2026, 15:00 UTC to 2 Mar 2026, 16:00 UTC: it is over."),
        "{}",
        sent[0].text
    );
    assert!(!sent[0].text.contains("Acknowledge it"));
    let path = format!("/alerts/{id}");
    let page = app.as_operator().get(&path).await;
    assert!(
        page.says("It is over, and was information: it is told all the same, in 16 hours."),
        "{}",
        page.text()
    );
    assert!(page.says("Ada is to be told by e-mail to ada@test.example"));
    let ended = &app.events_of("escalation.ended")[0]["details"];
    assert_eq!((&ended["kept"], &ended["told"]), (&1.into(), &0.into()));

    app.advance(nine(&app, 1) - app.now());
    deliver_due(&app.services).await.unwrap();
    let subjects: Vec<String> = server
        .taken()
        .iter()
        .map(|it| it.header("Subject"))
        .collect();
    assert_eq!(subjects, ["Blue: Report submitted (Demo)"]);
    look(&app);
    let sent = told(&app, &one(&app, id));
    assert_eq!((sent.len(), sent[0].state), (1, State::Delivered));
    let page = app.as_operator().get(&path).await;
    assert!(
        page.says("Ada was told by e-mail to ada@test.example Delivered"),
        "{}",
        page.text()
    );
}

#[actix_web::test]
async fn over_a_weekend_it_is_told_on_monday() {
    let app = informed().await;
    app.advance(TimeDelta::days(4));
    look(&app);
    let friday = nine(&app, 0);
    let id = submitted(&app);
    lets_it_go_out(&app);
    let sent = told(&app, &one(&app, id));
    assert_eq!(sent[0].next_at, friday + TimeDelta::days(3));
    assert_eq!(sent[0].state, State::Queued);
}

async fn silence(app: &TestApp, name: &str) {
    let matcher = format!("alertname=\"{name}\"");
    let silence = [
        ("platform", "demo"),
        ("matchers", matcher.as_str()),
        ("lasts", "8h"),
        ("reason", "A rehearsal"),
    ];
    let made = app.as_operator().post_form("/silences", &silence).await;
    assert_eq!(made.status, 303, "{}", made.text());
}

fn states(app: &TestApp, alert: &alerts::Alert) -> Vec<State> {
    told(app, alert).iter().map(|it| it.state).collect()
}

#[actix_web::test]
async fn worse_than_information_that_somebody_has_in_hand_is_told() {
    let app = informed().await;
    trend(&app, 2.0);
    let alert = lit(&app);
    acknowledge(&app, &alert).await;
    look(&app);
    assert_eq!(states(&app, &alert), [State::Cancelled]);
    trend(&app, 6.0);
    assert_eq!(states(&app, &alert), [State::Cancelled, State::Queued]);
    let page = app.as_operator();
    let page = page.get(&format!("/alerts/{}", alert.id)).await;
    assert!(page.says("The acknowledgement ended"), "{}", page.text());
}

/// What is worse is held back until it is over: of that nobody hears, and of the information Ada does.
#[actix_web::test]
async fn information_is_told_though_what_is_worse_is_silenced() {
    let app = informed().await;
    trend(&app, 2.0);
    let alert = lit(&app);
    silence(&app, "trend").await;
    trend(&app, 6.0);
    assert_eq!(states(&app, &alert), [State::Queued]);
    let text = told(&app, &alert).remove(0).text;
    assert!(text.contains("Trend is 6, above 5."), "{text}");
    trend(&app, 0.0);
    let kept = told(&app, &alert);
    assert_eq!(states(&app, &alert), [State::Queued]);
    assert_eq!(kept[0].next_at, nine(&app, 1));
    assert!(kept[0].text.contains("it is over."), "{}", kept[0].text);
    assert_eq!(app.events_of("escalation.ended")[0]["details"]["kept"], 1);
}

/// For a warning there is no escalation, or one by which others are told.
#[actix_web::test]
async fn information_is_told_to_whoever_is_told_of_nothing_worse() {
    let blue = BLUE.replacen("[\"blue\", \"yellow\"]", "[\"blue\"]", 1);
    let warning = "\n[[escalation]]\nid = \"warning\"\nname = \"Warning\"\nlevels = [\"yellow\"]\n\
                   steps = [{ notify.contact = \"grace\" }]\n";
    for (more, told_of_worse) in [("", &[][..]), (warning, &["grace"][..])] {
        let app = staffed().await;
        apply(&app, &format!("{}{blue}{more}", pack()));
        look(&app);
        trend(&app, 2.0);
        let alert = lit(&app);
        trend(&app, 6.0);
        assert_eq!(to(&app, &alert), [&["ada"][..], told_of_worse].concat());
        assert_eq!(told(&app, &alert)[0].state, State::Queued);
        // Everybody who knows is reminded, and nobody is woken by that for information.
        after(&app, 241);
        let all = [&["ada"][..], told_of_worse, told_of_worse].concat();
        assert_eq!(to(&app, &alert), all);
        trend(&app, 0.0);
        assert_eq!(to(&app, &alert), all);
        let kept = told(&app, &alert).remove(0);
        assert_eq!((kept.state, kept.next_at), (State::Queued, nine(&app, 1)));
        assert!(kept.text.contains("it is over."), "{}", kept.text);
        let rest = &states(&app, &alert)[1..];
        assert!(rest.iter().all(|it| *it == State::Cancelled), "{rest:?}");
    }
}

/// What was held back for as long as it was lit is not told, and what was worse was told at once.
#[actix_web::test]
async fn what_was_silenced_or_worse_meanwhile_is_not_told_as_information() {
    let app = informed().await;
    silence(&app, "submitted").await;
    let id = submitted(&app);
    lets_it_go_out(&app);
    assert!(told(&app, &one(&app, id)).is_empty());

    trend(&app, 2.0);
    let alert = lit(&app);
    trend(&app, 6.0);
    let worse = [State::Cancelled, State::Queued];
    assert_eq!(states(&app, &alert), worse, "it is worse now");
    let page = app.as_operator();
    let page = page.get(&format!("/alerts/{}", alert.id)).await;
    assert!(page.says("Ada is being told"), "{}", page.text());
    trend(&app, 0.0);
    assert_eq!(states(&app, &alert), [State::Cancelled, State::Cancelled]);
    let kept = app.events_of("escalation.ended");
    assert!(
        kept.iter()
            .all(|it| it["details"]["kept"].is_null() || it["details"]["kept"] == 0)
    );
}

/// An attempt has failed when it ends: what leaves then does not say that it fires.
#[actix_web::test]
async fn what_was_tried_says_that_it_is_over_once_it_is() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    app.advance(TimeDelta::hours(6));
    inform(&app);
    trend(&app, 2.0);
    let id = lit(&app).id;
    server.refuse(Some("451 4.7.1 come back later"));
    app.advance(nine(&app, 1) - app.now());
    assert_eq!(deliver_due(&app.services).await.unwrap(), 1);
    trend(&app, 0.0);
    let sent = told(&app, &one(&app, id));
    assert_eq!(sent[0].attempts.len(), 1);
    assert!(sent[0].text.contains("it is over."), "{}", sent[0].text);
    server.refuse(None);
    app.advance(TimeDelta::seconds(30));
    deliver_due(&app.services).await.unwrap();
    let taken = server.taken();
    assert!(taken[0].text.contains("it is over."), "{}", taken[0].text);
    // The attempt may have arrived after all, with the text of before: so they hear that it is over.
    let subjects: Vec<String> = taken.iter().map(|it| it.header("Subject")).collect();
    assert_eq!(subjects, ["Blue: A trend (Demo)", "Over: A trend (Demo)"]);
}

/// What waits for tomorrow goes with a letter that leaves now; the next round's waits in its place.
#[actix_web::test]
async fn whoever_has_heard_of_it_hears_once_that_it_is_over() {
    let app = staffed().await;
    let twice = BLUE.replacen(
        "steps = [{ notify.contact = \"ada\" }]",
        "steps = [{ notify.contact = \"ada\" }, { wait = \"10m\" }]\nrepeat = 1",
        1,
    );
    apply(&app, &format!("{}{twice}", pack()));
    look(&app);
    trend(&app, 2.0);
    let alert = lit(&app);
    assert_eq!(told(&app, &alert).len(), 1);
    deliver(&app);
    after(&app, 10);
    assert_eq!(told(&app, &alert).len(), 2);
    trend(&app, 0.0);
    let said: Vec<(String, State)> = told(&app, &alert)
        .into_iter()
        .map(|it| (it.title, it.state))
        .collect();
    assert_eq!(
        said,
        [
            ("A trend".to_owned(), State::Delivered),
            ("A trend".to_owned(), State::Cancelled),
            ("Over: A trend".to_owned(), State::Queued)
        ]
    );
}
