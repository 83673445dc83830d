//! What a day came to.

use chrono::TimeDelta;
use futures_util::future::join_all;
use signalbox::features::alerts::evaluate;
use signalbox::features::capacity::actions as capacity;
use signalbox::features::digests::digest::{Digest, Kind};
use signalbox::features::digests::{store, sweep};
use signalbox::features::health::actions as health;
use signalbox::features::health::store::measured;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::account::give_password;
use crate::packs::apply;
use crate::support::app::TestApp;

/// Ada, whom the small pack names, has asked for it.
async fn asked() -> TestApp {
    let app = TestApp::start().await;
    let pack = crate::checklists::pack().replace(
        "email = \"ada@test.example\"",
        "email = \"ada@test.example\"\ndigests = [\"daily\", \"weekly\"]",
    );
    apply(&app, &pack);
    app
}

fn all(app: &TestApp) -> Vec<Digest> {
    let read = |conn: &mut _| store::all(conn, &Scope::All, None, 100);
    app.services.db.read(read).unwrap()
}

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
    evaluate::tick(&app.services).unwrap();
}

/// FC-7: what a queue held at its fullest was gone before anybody looked.
#[actix_web::test]
async fn a_day_says_how_full_its_queues_were_and_how_long_anything_waited() {
    const QUEUE: &str = "\n[[queue]]\nid = \"events\"\nservice = \"api\"\n\
         check.queue = { redis = { address = \"localhost:6379\" }, name = \"events\" }\n\
         [[queue]]\nid = \"jobs\"\nservice = \"api\"\n\
         check.queue = { postgres = { host = \"localhost\", database = \"app\", user = \"app\" }, query = \"SELECT 1 AS oldest\" }\n";
    let app = TestApp::start().await;
    apply(&app, &format!("{}{QUEUE}", crate::checklists::pack()));
    assert_eq!(sweep::tick(&app.services).unwrap(), 0, "no day is over");
    let probes = crate::health::probes(&app);
    let id = |slug| probes.values().find(|it| it.slug == slug).unwrap().id;
    let (events, jobs) = (id("events"), id("jobs"));
    let measured = |waiting: f64, oldest: f64| {
        let read = [(Measure::Waiting, waiting), (Measure::Oldest, oldest)];
        let note = |conn: &mut _| {
            measured::record(conn, events, app.now(), &read)?;
            measured::record(conn, jobs, app.now(), &read[1..])
        };
        let audit = &app.services.audit;
        audit.write_unaudited(Unaudited::Sample, note).unwrap();
    };
    for (waiting, oldest) in [(3.0, 4.0), (120.0, 340.0), (2.0, 1.0)] {
        app.advance(TimeDelta::minutes(7));
        measured(waiting, oldest);
    }
    app.advance(TimeDelta::hours(15));
    assert_eq!(sweep::tick(&app.services).unwrap(), 1);
    let day = all(&app).remove(0);
    let value = |name: &str| day.figure(name).unwrap().value;
    assert_eq!(value("Most waiting in events"), Some(120.0));
    assert_eq!(value("Longest wait in events"), Some(340.0));
    assert_eq!(value("Longest wait in jobs"), Some(340.0));
    let told: [&str; 3] = [
        "Most waiting in events",
        "Longest wait in events",
        "Longest wait in jobs",
    ];
    // What nobody measures is unknown, as long as anybody looks.
    for _ in 0..2 {
        app.advance(TimeDelta::days(1));
        assert_eq!(sweep::tick(&app.services).unwrap(), 1);
        let next = all(&app).remove(0);
        for name in told {
            let figure = next.figure(name);
            assert_eq!(figure.map(|it| it.value), Some(None), "{name}");
        }
        assert!(next.figure("Most waiting in jobs").is_none());
    }
}

/// FC-7, FC-24
#[actix_web::test]
async fn a_day_is_added_up_once_with_what_it_was_before() {
    let app = asked().await;
    assert_eq!(sweep::tick(&app.services).unwrap(), 0, "no day is over");
    report(&app, 97.0);
    let actor = Actor::command_line("tester");
    health::report_event(&app.services, &actor, "report.submitted", None).unwrap();
    evaluate::tick(&app.services).unwrap();
    app.advance(TimeDelta::hours(15) + TimeDelta::minutes(9));
    assert_eq!(
        sweep::tick(&app.services).unwrap(),
        0,
        "ten minutes after midnight"
    );
    app.advance(TimeDelta::minutes(2));
    let ticks = (0..3).map(|_| {
        let services = app.services.clone();
        tokio::task::spawn_blocking(move || sweep::tick(&services).unwrap())
    });
    let made: usize = join_all(ticks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(made, 1);
    let day = all(&app).remove(0);
    let value = |name: &str| day.figure(name).unwrap().value;
    assert_eq!(day.kind, Kind::Daily);
    assert_eq!(value("Red alerts"), Some(1.0));
    assert_eq!(value("Blue alerts"), Some(1.0));
    assert_eq!(value("Not acknowledged"), Some(1.0));
    assert_eq!(value("Longest time to acknowledge"), None, "nobody did");
    assert_eq!(
        value("Failed runs"),
        None,
        "nothing was run, which is not nothing failed"
    );
    assert_eq!(value("Errors in its logs"), None);
    assert_eq!(day.contents.information.len(), 1);
    let told = app.events_of("notice.queued");
    let about = format!("digest:{}", day.id);
    assert_eq!(
        told.iter()
            .filter(|event| event["details"]["about"] == about)
            .count(),
        1
    );

    app.advance(TimeDelta::days(1));
    assert_eq!(sweep::tick(&app.services).unwrap(), 1);
    let next = all(&app).remove(0);
    let page = app.as_auditor().get(&format!("/digests/{}", next.id)).await;
    let rows = page.table("Each figure, what it was before, and where it comes from");
    assert_eq!(
        rows[0][..4],
        ["Red alerts", "1", "1", "as before"],
        "it burns still"
    );
    assert_eq!(rows[0][4], "the alerts that were lit");
    let list = app.as_operator().get("/digests").await;
    assert_eq!(list.table("Digests, newest first").len(), 2);
    app.advance(TimeDelta::days(5));
    sweep::tick(&app.services).unwrap();
    let weeks = all(&app).into_iter().filter(|it| it.kind == Kind::Weekly);
    assert_eq!(weeks.count(), 1, "from Monday to Monday");
    assert_eq!(all(&app).len(), 8);
}

/// FC-7, FC-24
#[actix_web::test]
async fn a_day_says_what_broke_what_comes_near_its_limit_and_who_was_kept_out() {
    let app = TestApp::start().await;
    let pack = crate::packs::SMALL.replace("id = \"demo\"", "id = \"signalbox\"");
    let limit = "\n[[capacity]]\nid = \"quality\"\nname = \"Quality\"\non.indicator = \"ncc_qos\"\nlimit = 100\n";
    apply(&app, &format!("{pack}{limit}"));
    report(&app, 97.0);
    capacity::read_use(&app.services).unwrap();
    let operator = app.as_operator();
    let fields = [
        ("platform", "signalbox"),
        ("title", "The API stands still"),
        ("level", "yellow"),
        ("note", "What is known"),
    ];
    let opened = operator.post_form("/incidents", &fields).await;
    assert_eq!(opened.status, 303, "{}", opened.text());
    app.advance(TimeDelta::minutes(12));
    let at = opened.location().to_owned();
    let fields = [("to", "resolved"), ("note", "It moves again")];
    crate::incidents::act(&operator, &at, "state", &fields).await;
    give_password(&app.browser(), "nobody@test.example", "not the password").await;
    app.advance(TimeDelta::hours(15));
    crate::api::audit::seal(&app);
    sweep::tick(&app.services).unwrap();
    let day = all(&app).remove(0);
    let text = |name: &str| day.figure(name).unwrap().text();
    assert_eq!(text("Incidents"), "1");
    assert_eq!(text("Longest time to resolve"), "12 min");
    assert_eq!(text("Highest use of a limit"), "97.00 %");
    assert_eq!(text("Failed sign-ins"), "1");
    assert_eq!(text("Sign-ins held back"), "0");
    assert_eq!(day.contents.capacity, ["Quality: 97 % of its limit in use"]);
    let page = app.as_auditor().get(&format!("/digests/{}", day.id)).await;
    assert!(page.says("Limits that come near"));
    assert!(
        day.letter(None)
            .contains("- Quality: 97 % of its limit in use")
    );

    // People sign in to the house, and no platform of others hears of it.
    let app = asked().await;
    app.advance(TimeDelta::days(1));
    sweep::tick(&app.services).unwrap();
    assert_eq!(all(&app)[0].figure("Failed sign-ins"), None);
}

/// That nobody did a list is known when the next one opens, and stands in the digest of that day.
#[actix_web::test]
async fn a_list_that_nobody_signed_is_missed_in_the_digest_of_the_day_on_which_the_next_one_opened()
{
    let app = asked().await;
    let day = |app: &TestApp| {
        app.advance(TimeDelta::hours(2));
        crate::checklists::tick(app);
        app.advance(TimeDelta::hours(22));
        sweep::tick(&app.services).unwrap();
        all(app)
            .into_iter()
            .find(|it| it.kind == Kind::Daily)
            .unwrap()
    };
    let first = day(&app);
    assert_eq!(first.figure("Checklists missed").unwrap().value, Some(0.0));
    let page = app
        .as_auditor()
        .get(&format!("/digests/{}", first.id))
        .await;
    assert!(
        page.heading()
            .ends_with("there is nothing to compare it with"),
        "{}",
        page.heading()
    );
    let second = day(&app);
    assert_eq!(second.figure("Checklists missed").unwrap().value, Some(1.0));
    let page = app
        .as_auditor()
        .get(&format!("/digests/{}", second.id))
        .await;
    assert!(
        page.heading().ends_with("worse than before"),
        "{}",
        page.heading()
    );
}

/// Renewed hours later, it was in hand after two minutes all the same; and what became of it after the day is not its
/// figure.
#[actix_web::test]
async fn the_first_acknowledgement_counts_and_none_that_came_later() {
    let app = asked().await;
    report(&app, 97.0);
    let open = |conn: &mut _| signalbox::features::alerts::store::open(conn, &Scope::All);
    let alert = app.services.db.read(open).unwrap().remove(0);
    let at = format!("/alerts/{}", alert.id);
    app.advance(TimeDelta::minutes(2));
    crate::incidents::act(&app.as_operator(), &at, "acknowledgement", &[]).await;
    app.advance(TimeDelta::hours(8));
    crate::incidents::act(
        &crate::checklists::second(&app),
        &at,
        "acknowledgement",
        &[],
    )
    .await;
    app.advance(TimeDelta::hours(8));
    sweep::tick(&app.services).unwrap();
    let day = all(&app).remove(0);
    let taken = day.figure("Longest time to acknowledge").unwrap();
    assert_eq!(taken.value, Some(120.0));
    assert_eq!(day.figure("Not acknowledged").unwrap().value, Some(0.0));
}

#[actix_web::test]
async fn a_digest_never_changes_and_is_its_platforms() {
    use diesel::connection::SimpleConnection;
    let app = asked().await;
    app.advance(TimeDelta::days(1));
    sweep::tick(&app.services).unwrap();
    let path = format!("/digests/{}", all(&app)[0].id);
    let role = signalbox::foundation::db::roles::Role::App;
    for change in ["UPDATE digest SET figures = '{}'", "DELETE FROM digest"] {
        let refused = app.db.connect(role).batch_execute(change).unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{change}"
        );
    }
    assert_eq!(app.as_reviewer().get(&path).await.status, 403);
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited("there@test.example", Role::Operator, Scope::one(elsewhere));
    assert_eq!(stranger.get(&path).await.status, 404);
    assert!(!stranger.get("/digests").await.body.contains(&path));
}
