//! What comes and goes of what other programs say: held lit and told once, as our own rules' lamps are.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{PgConnection, QueryableByName, RunQueryDsl as _, sql_query};
use serde_json::{Value, json};
use signalbox::features::alerts::alertmanager::posted::Identity;
use signalbox::features::alerts::alertmanager::store::flaps;
use signalbox::features::alerts::evaluate;
use signalbox::features::packs::store as packs;
use signalbox::foundation::audit::Unaudited;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, AlertsWrite};

use super::{awake, open, tick, watched};
use crate::support::app::TestApp;
use crate::support::keys::{Program, new_key};

fn program(app: &TestApp) -> Program {
    let key = app.make_key(new_key(&[AlertsRead, AlertsWrite]));
    app.program_with(key.text.expose())
}

/// Says that it is there for ten minutes, or that it has just ended.
async fn say(app: &TestApp, program: &Program, is_there: bool) {
    let ends = app.now() + TimeDelta::minutes(if is_there { 10 } else { 0 });
    let alert: Value = json!([{
        "labels": {"alertname": "Slow", "severity": "warning", "platform": "demo"},
        "annotations": {"summary": "Slow again"},
        "startsAt": (app.now() - TimeDelta::seconds(1)).to_rfc3339(),
        "endsAt": ends.to_rfc3339(),
    }]);
    let answer = program.post("/api/v2/alerts", &alert.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn told(app: &TestApp) -> [usize; 4] {
    ["fired", "resolved", "flapping", "settled"]
        .map(|kind| app.events_of(&format!("alert.{kind}")).len())
}

/// It comes and goes so often, a minute apart.
async fn swing(app: &TestApp, program: &Program, times: usize) {
    for _ in 0..times {
        for is_there in [true, false] {
            say(app, program, is_there).await;
            awake(app, 1);
        }
    }
}

#[tokio::test]
async fn what_comes_and_goes_is_held_lit_until_it_is_quiet() {
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 1).await;
    assert_eq!((told(&app), open(&app).len()), ([1, 1, 0, 0], 0));
    swing(&app, &program, 1).await;
    let held = open(&app);
    assert_eq!((told(&app), held.len()), ([2, 1, 1, 0], 1));
    assert!(held[0].firing && held[0].flapping_since.is_some());
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", held[0].id))
        .await;
    assert!(
        page.says(
            "it came or went four times in half an hour: it is held lit until it has been quiet"
        ),
        "{}",
        page.text()
    );
    // Nobody is told of any of this, also not of what a sender says twice.
    swing(&app, &program, 3).await;
    say(&app, &program, false).await;
    assert_eq!((told(&app), open(&app)[0].id), ([2, 1, 1, 0], held[0].id));
    awake(&app, 27);
    assert!(open(&app)[0].firing, "it was last there half an hour ago");
    awake(&app, 4);
    assert!(open(&app).is_empty());
    assert_eq!(told(&app), [2, 2, 1, 1]);
    let why = &app.events_of("alert.resolved")[1]["details"]["why"];
    assert!(why.as_str().unwrap().contains("quiet"), "{why}");
    // What is quiet is forgotten in the end, and then comes like any other.
    awake(&app, 31);
    let purge = |conn: &mut _| flaps::purge(conn, app.now(), 10);
    let write = |work| app.services.audit.write_unaudited(Unaudited::Expiry, work);
    assert_eq!(write(purge).unwrap(), 1);
    swing(&app, &program, 1).await;
    assert_eq!(told(&app), [3, 3, 1, 1]);
}

#[tokio::test]
async fn what_settles_while_it_is_there_stays_lit() {
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 2).await;
    for _ in 0..8 {
        say(&app, &program, true).await;
        awake(&app, 4);
    }
    let lit = open(&app);
    assert!(lit[0].firing && lit[0].flapping_since.is_none(), "{lit:?}");
    assert_eq!(told(&app), [2, 1, 1, 1]);
    // From here on it goes out as any other does.
    say(&app, &program, false).await;
    assert_eq!((told(&app), open(&app).len()), ([2, 2, 1, 1], 0));
}

/// What is not sent again has gone as well, and a standstill of ours is no quiet.
#[tokio::test]
async fn what_was_not_sent_again_is_held_too_and_we_have_to_see_that_it_is_quiet() {
    let app = watched().await;
    let program = program(&app);
    for _ in 0..2 {
        say(&app, &program, true).await;
        awake(&app, 11);
    }
    assert_eq!(told(&app), [2, 1, 1, 0]);
    app.advance(TimeDelta::minutes(60));
    tick(&app);
    tick(&app);
    assert!(open(&app)[0].firing, "nobody saw whether it was quiet");
    awake(&app, 31);
    assert!(open(&app).is_empty());
    assert_eq!(told(&app), [2, 2, 1, 1]);
}

/// Whoever of two has to wait does so within this time.
const A_MOMENT: Duration = Duration::from_millis(700);

/// Whether what is held lit would be lit at present.
fn would_be_lit(app: &TestApp) -> Option<bool> {
    let held = app.services.db.read(flaps::held).unwrap();
    held.into_values().next()?.held.map(|held| held.on)
}

/// What `other` has begun ends while `work` waits for it. Returns what came of that.
fn meanwhile<T: Send>(other: &mut PgConnection, ends: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(work);
        std::thread::sleep(A_MOMENT);
        assert!(!waiting.is_finished(), "it waits");
        other.batch_execute(ends).unwrap();
        waiting.join().unwrap()
    })
}

/// Its last two turns leave the half hour together, and it comes before anybody looks.
#[tokio::test]
async fn what_comes_in_the_moment_in_which_it_is_quiet_is_lit() {
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 1).await;
    for is_there in [true, false] {
        say(&app, &program, is_there).await;
    }
    assert_eq!(told(&app), [2, 1, 1, 0]);
    awake(&app, 29);
    for _ in 0..4 {
        app.advance(TimeDelta::seconds(10));
        tick(&app);
    }
    assert!(open(&app)[0].flapping_since.is_some(), "not yet");
    app.advance(TimeDelta::seconds(12));
    say(&app, &program, true).await;
    for _ in 0..2 {
        let lit = open(&app);
        assert!(lit[0].firing && lit[0].flapping_since.is_none(), "{lit:?}");
        tick(&app);
    }
    assert_eq!(told(&app), [2, 1, 1, 1]);
    // From here on it goes out as any other does.
    say(&app, &program, false).await;
    assert_eq!((told(&app), open(&app).len()), ([2, 2, 1, 1], 0));
}

#[tokio::test]
async fn what_is_sent_again_at_this_moment_has_not_gone() {
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 2).await;
    say(&app, &program, true).await;
    assert_eq!(would_be_lit(&app), Some(true));
    let mut other = app.db.connect_superuser();
    let ends_at = |at: DateTime<Utc>| format!("UPDATE outside_alert SET ends_at = '{at}'");
    other.batch_execute(&ends_at(app.now())).unwrap();
    let again = ends_at(app.now() + TimeDelta::minutes(10));
    other.batch_execute(&format!("BEGIN; {again}")).unwrap();
    meanwhile(&mut other, "COMMIT", || tick(&app));
    assert_eq!(would_be_lit(&app), Some(true));
}

#[tokio::test]
async fn one_is_forgotten_and_locked_at_the_same_moment() {
    let app = watched().await;
    let platforms = app.services.db.read(packs::platforms).unwrap();
    let whose = Identity {
        platform: platforms[0].id,
        fingerprint: "0123456789abcdef".to_owned(),
    };
    let lock = || {
        app.services
            .audit
            .write_unaudited(Unaudited::RuleState, |conn| flaps::lock(conn, &whose))
    };
    lock().unwrap();
    let mut other = app.db.connect_superuser();
    let begin = "BEGIN; SELECT FROM outside_flap FOR UPDATE";
    other.batch_execute(begin).unwrap();
    let locked = meanwhile(&mut other, "DELETE FROM outside_flap; COMMIT", lock);
    assert!(locked.unwrap().turns.is_empty(), "nothing is known of it");
}

/// One that has gone and is held lit waits for nothing but quiet.
#[tokio::test]
async fn what_is_held_lit_is_listed_as_lit_and_is_left_alone() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        written_by: String,
    }
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 2).await;
    awake(&app, 11);
    let listed = program.get("/api/v2/alerts").await.json();
    let ends: DateTime<Utc> = listed[0]["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(ends > app.now(), "it ends at {ends}");
    let written_by = || {
        let query = "SELECT xmin::text AS written_by FROM outside_flap";
        let row: Row = sql_query(query)
            .get_result(&mut app.db.connect_superuser())
            .unwrap();
        row.written_by
    };
    let before = written_by();
    tick(&app);
    assert_eq!(written_by(), before, "it was written again");
}

#[tokio::test]
async fn one_of_which_nothing_can_be_noted_keeps_nobody_from_being_looked_at() {
    let app = watched().await;
    let program = program(&app);
    swing(&app, &program, 2).await;
    say(&app, &program, true).await;
    let trouble = format!(
        "UPDATE outside_alert SET ends_at = '{}'; \
         CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'trouble'; END$$; \
         CREATE TRIGGER trouble BEFORE UPDATE ON outside_flap FOR EACH ROW EXECUTE FUNCTION trouble()",
        app.now()
    );
    let mut conn = app.db.connect_superuser();
    conn.batch_execute(&trouble).unwrap();
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).expect("the tick goes on");
    assert_eq!(would_be_lit(&app), Some(true), "nothing could be noted");
    conn.batch_execute("DROP TRIGGER trouble ON outside_flap")
        .unwrap();
    tick(&app);
    assert_eq!(would_be_lit(&app), Some(false));
}
