//! What comes and goes of what other programs say: held lit and told once, as our own rules' lamps are.

use chrono::TimeDelta;
use serde_json::{Value, json};
use signalbox::features::alerts::alertmanager::store::flaps;
use signalbox::foundation::audit::Unaudited;
use signalbox::foundation::auth::keys::KeyScope::AlertsWrite;

use super::{awake, open, tick, watched};
use crate::support::app::TestApp;
use crate::support::keys::{Program, new_key};

fn program(app: &TestApp) -> Program {
    let key = app.make_key(new_key(&[AlertsWrite]));
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
        page.says("it is held lit until it has been quiet"),
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
