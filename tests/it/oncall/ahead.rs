//! FC-14: whoever a pack names is told two days before its platform is worked on.

use chrono::TimeDelta;
use signalbox::features::alerts::windows::store as windows;
use signalbox::features::alerts::windows::window::Window;
use signalbox::features::notify::notice::About;
use signalbox::features::notify::store::{self as outbox, Told};
use signalbox::features::oncall::ahead;

use super::{apply, pack, staffed};
use crate::support::app::TestApp;

/// Monday, 15:00 UTC. The window is on Thursday at 16:00.
const WINDOW: &str = "\n[[maintenance]]\nid = \"disks\"\nname = \"New disks\"\n\
    when = \"2026-03-05 16:00-18:00 UTC\"\nabout = \"Two hours at most.\"\n\
    tell = [{ rota = \"operations\" }, { team = \"operations\" }, { contact = \"edsger\" }]\n";

fn window(app: &TestApp) -> Window {
    let read = |conn: &mut _| windows::announced(conn, app.now());
    app.services.db.read(read).unwrap().remove(0)
}

fn told(app: &TestApp, window: &Window) -> Vec<Told> {
    let about = About::new("maintenance", window.id);
    app.services
        .db
        .read(|conn| outbox::about(conn, &about))
        .unwrap()
}

fn look(app: &TestApp) -> usize {
    signalbox::features::alerts::evaluate::tick(&app.services).unwrap();
    ahead::tick(&app.services).unwrap()
}

#[actix_web::test]
async fn it_is_told_two_days_ahead_once_and_that_it_was_called_off() {
    let app = staffed().await;
    apply(&app, &format!("{}{WINDOW}", pack()));
    assert_eq!(look(&app), 0);
    let window = window(&app);
    app.advance(window.starts_at - ahead::AHEAD - app.now() - TimeDelta::seconds(1));
    assert_eq!(look(&app), 0, "not yet");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(look(&app), 1);
    assert_eq!(look(&app), 0, "once");
    let sent = told(&app, &window);
    // Grace is on call and of the team, and has one mailbox; Edsger's is not given here.
    let to: Vec<&str> = sent.iter().map(|it| it.to_name.as_str()).collect();
    assert_eq!(to, ["grace@test.example"]);
    assert_eq!(sent[0].title, "Maintenance: New disks");
    assert!(
        sent[0]
            .text
            .contains("from 5 Mar 2026, 16:00 UTC to 5 Mar 2026, 18:00 UTC")
    );
    assert!(sent[0].text.contains("Two hours at most."));
    let event = &app.events_of("maintenance.told")[0];
    assert_eq!(event["details"]["told"], serde_json::json!(["grace"]));
    assert_eq!(event["details"]["not_told"], serde_json::json!(["edsger"]));

    let path = format!("/maintenance/{}/end", window.id);
    assert_eq!(app.as_operator().post_form(&path, &[]).await.status, 303);
    assert_eq!(look(&app), 1);
    assert_eq!(look(&app), 0);
    let titles: Vec<String> = told(&app, &window).into_iter().map(|it| it.title).collect();
    assert_eq!(titles, ["Maintenance: New disks", "Called off: New disks"]);
}
