//! FC-14: whoever a pack names is told two days before its platform is worked on.

use chrono::TimeDelta;
use signalbox::features::alerts::windows::store as windows;
use signalbox::features::alerts::windows::window::{TOLD_AHEAD, Window};
use signalbox::features::notify::notice::{About, State};
use signalbox::features::notify::store::{self as outbox, Told};
use signalbox::features::oncall::ahead;
use signalbox::features::packs::pack::{Contact, ItemId};
use signalbox::features::packs::store as packs;
use signalbox::foundation::kernel::Scope;

use super::escalation::deliver;
use super::{apply, pack, rota, staffed};
use crate::alerts::hand::second;
use crate::support::app::TestApp;
use crate::support::page::Page;

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
async fn it_is_told_two_days_ahead_once_and_what_had_not_left_is_taken_back() {
    let app = staffed().await;
    apply(&app, &format!("{}{WINDOW}", pack()));
    assert_eq!(look(&app), 0);
    let window = window(&app);
    app.advance(window.starts_at - TOLD_AHEAD - app.now() - TimeDelta::seconds(1));
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
    let sent = told(&app, &window);
    let said: Vec<(&str, State)> = sent
        .iter()
        .map(|it| (it.title.as_str(), it.state))
        .collect();
    assert_eq!(
        said,
        [("Maintenance: New disks", State::Cancelled)],
        "what had not left is not told after it, and nobody knows of what is called off"
    );
    assert_eq!(app.events_of("maintenance.told_off").len(), 1);
}

#[actix_web::test]
async fn whoever_was_told_is_told_that_it_was_called_off_whoever_is_on_call_by_then() {
    let app = staffed().await;
    let sent = announce(&app, 1, &[rota(&app, "operations")]).await;
    let (window, path) = (made(&app), sent.location().to_owned());
    app.advance(TimeDelta::minutes(2));
    let (other, _) = second(&app);
    let approval = format!("{path}/approval");
    assert_eq!(other.post_form(&approval, &[]).await.status, 303);
    assert_eq!(look(&app), 1);
    deliver(&app);
    let ada = "members = [\"ada\"]";
    let relieved = pack().replacen("members = [\"grace\", \"ada\"]", ada, 1);
    apply(&app, &relieved);
    let end = format!("{path}/end");
    assert_eq!(app.as_operator().post_form(&end, &[]).await.status, 303);
    assert_eq!((look(&app), look(&app)), (1, 0));
    assert_eq!(
        said(&app, &window),
        [
            "grace: Maintenance: New disks",
            "grace: Called off: New disks"
        ]
    );
    let event = &app.events_of("maintenance.told_off")[0];
    assert_eq!(
        (&event["details"]["told"], &event["outcome"]),
        (&1.into(), &"success".into())
    );
}

fn contact(app: &TestApp, slug: &str) -> ItemId {
    let live = app.services.db.read(packs::live::<Contact>).unwrap();
    live.iter().find(|item| item.slug == slug).unwrap().id
}

/// Somebody announces two hours of work, so many hours from now, and whom to tell of it.
async fn announce(app: &TestApp, hours: i64, tell: &[ItemId]) -> Page {
    let local = |hours| (app.now() + TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M");
    let (starts, ends) = (local(hours).to_string(), local(hours + 2).to_string());
    let tell: Vec<String> = tell.iter().map(ToString::to_string).collect();
    let mut fields = vec![
        ("platform", "demo"),
        ("name", "New disks"),
        ("starts", starts.as_str()),
        ("ends", ends.as_str()),
    ];
    fields.extend(tell.iter().map(|id| ("tell", id.as_str())));
    app.as_operator().post_form("/maintenance", &fields).await
}

fn made(app: &TestApp) -> Window {
    let read = |conn: &mut _| windows::running(conn, &Scope::All, app.now());
    app.services.db.read(read).unwrap().remove(0)
}

/// "grace: Maintenance: New disks"
fn said(app: &TestApp, window: &Window) -> Vec<String> {
    let line = |it: Told| {
        let who = it.to_name.replace("@test.example", "");
        format!("{who}: {}", it.title)
    };
    told(app, window).into_iter().map(line).collect()
}

#[actix_web::test]
async fn what_a_person_announces_is_told_to_whom_they_choose() {
    let app = staffed().await;
    let page = app.as_operator().get("/maintenance/new").await;
    assert!(page.says("Whom to tell") && page.says("Whoever is on call on Operations"));
    // Whoever is ticked twice, by a form that is none of ours, is told once.
    let (ada, rota) = (contact(&app, "ada"), rota(&app, "operations"));
    let tell = [ada, rota, ada, rota];
    let sent = announce(&app, 72, &tell).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let (window, path) = (made(&app), sent.location().to_owned());
    assert_eq!(look(&app), 0);
    app.advance(window.starts_at - TOLD_AHEAD - app.now() - TimeDelta::seconds(1));
    assert_eq!(look(&app), 0, "not yet");
    app.advance(TimeDelta::seconds(1));
    assert_eq!((look(&app), look(&app)), (1, 0), "once");
    let coming = [
        "grace: Maintenance: New disks",
        "ada: Maintenance: New disks",
    ];
    assert_eq!(said(&app, &window), coming);
    let page = app.as_operator().get(&path).await;
    assert!(
        page.says("whoever is on call on Operations, Ada"),
        "{}",
        page.text()
    );
    deliver(&app);
    let end = format!("{path}/end");
    assert_eq!(app.as_operator().post_form(&end, &[]).await.status, 303);
    assert_eq!((look(&app), look(&app)), (1, 0));
    let off = ["grace: Called off: New disks", "ada: Called off: New disks"];
    assert_eq!(said(&app, &window)[2..], off);
}

#[actix_web::test]
async fn what_is_proposed_is_told_once_somebody_has_agreed() {
    let app = staffed().await;
    let sent = announce(&app, 1, &[contact(&app, "ada")]).await;
    let (window, path) = (made(&app), sent.location().to_owned());
    app.advance(TimeDelta::minutes(2));
    assert_eq!(look(&app), 0, "nobody has agreed");
    let (other, _) = second(&app);
    let approval = format!("{path}/approval");
    assert_eq!(other.post_form(&approval, &[]).await.status, 303);
    assert_eq!((look(&app), look(&app)), (1, 0));
    assert_eq!(said(&app, &window), ["ada: Maintenance: New disks"]);

    // One of whom nobody is to be told is told to nobody.
    let nobody = announce(&app, 100, &[]).await;
    assert_eq!(nobody.status, 303);
    app.advance(TimeDelta::hours(60));
    assert_eq!(look(&app), 0);
    assert_eq!(app.events_of("maintenance.told").len(), 1);
    // Somebody who is not of the platform cannot be chosen.
    let wrong = announce(&app, 100, &[ItemId::new()]).await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.says("Tick people of the platform"),
        "{}",
        wrong.text()
    );
}

#[actix_web::test]
async fn a_person_tells_no_more_than_fifty() {
    let app = staffed().await;
    let many: Vec<String> = (0..51)
        .map(|number| {
            format!("\n[[contact]]\nid = \"c{number}\"\nname = \"C{number}\"\nphone = \"+1 555\"\n")
        })
        .collect();
    let many = many.concat();
    apply(&app, &format!("{}{many}", pack()));
    let all: Vec<ItemId> = (0..51)
        .map(|number| contact(&app, &format!("c{number}")))
        .collect();
    let refused = announce(&app, 100, &all).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.says("At most 50 are told of it, and these are 51."),
        "{}",
        refused.text()
    );
    let taken = announce(&app, 100, &all[1..]).await;
    assert_eq!(taken.status, 303, "{}", taken.text());
}
