//! The notification centre: what concerns whoever looks, and nobody else.

use chrono::TimeDelta;
use signalbox::features::health::actions as health;
use signalbox::features::notify::notice::Destination;
use signalbox::features::notify::store::seen;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;

use crate::alerts::hand::second;
use crate::connectors::{accounts, with_bank};
use crate::incidents::review;
use crate::notify::{enqueue, to};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::personas::Client;
use crate::{checklists, incidents, releases};

fn tell(app: &TestApp, client: &Client, key: &str) {
    // However the mailbox is spelled where somebody is named.
    let email = client.email.to_uppercase();
    enqueue(app, &to(Destination::Email(email), key));
}

/// LT-23..25
#[tokio::test]
async fn the_centre_shows_what_concerns_whoever_looks() {
    let (app, _bank) = with_bank().await;
    let name = "name = \"Report submitted\"";
    apply(
        &app,
        &SMALL.replacen(name, &format!("{name}\nshown = true"), 1),
    );
    let (mine, other) = (app.as_operator(), app.as_reviewer());
    tell(&app, &mine, "one");
    let actor = Actor::command_line("test");
    health::report_event(&app.services, &actor, "report.submitted", None).unwrap();
    let page = mine.get("/account/notices").await;
    assert!(
        page.says("1 new, and nothing waits for you."),
        "{}",
        page.text()
    );
    assert!(page.says("Balances are not synchronised") && page.says("Report submitted"));
    let theirs = other.get("/account/notices").await;
    assert!(
        !theirs.says("Balances are not synchronised"),
        "it was told to somebody else"
    );
    assert!(theirs.says("Nothing waits for you, and nothing is new."));

    let until = [("until", app.now().to_rfc3339())];
    let until: Vec<(&str, &str)> = until.iter().map(|(n, v)| (*n, v.as_str())).collect();
    app.advance(TimeDelta::seconds(1));
    tell(&app, &mine, "two");
    assert_eq!(
        mine.post_form("/account/notices/seen", &until).await.status,
        303
    );
    let page = mine.get("/account/notices").await;
    assert!(page.says("1 new"), "what came meanwhile is still new");
    let unseen = app
        .services
        .db
        .read(|conn| seen::unseen(conn, app.now() - TimeDelta::days(90), 100));
    assert_eq!(unseen.unwrap().values().sum::<u64>(), 1);
    app.advance(TimeDelta::days(91));
    let mine = app.as_operator();
    let page = mine.get("/account/notices").await;
    assert!(page.says("Nothing in the last 90 days."));
    let wrong = mine
        .post_form("/account/notices/seen", &[("until", "soon")])
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn what_waits_is_shown_to_those_who_could_agree() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    let first = app.as_operator();
    let asked = [("change", "disable"), ("lasts", "8h"), ("reason", "Try")];
    let sent = first
        .post_form(&format!("/connectors/{id}/change"), &asked)
        .await;
    assert_eq!(sent.status, 303);
    let second = app.sign_in_as("second@test.example", "Second", &[Role::Operator]);
    let page = second.get("/account/notices").await;
    assert!(page.says("1 for you to decide, 0 new."));
    assert_eq!(
        page.link("To let every call through to Bank"),
        format!("/connectors/{id}")
    );
    for client in [&first, &app.as_reviewer(), &app.as_auditor()] {
        let page = client.get("/account/notices").await;
        assert!(page.says("Nothing that somebody else asked for."));
    }
}

/// Where an entry of somebody's page leads; nothing where it is not among what waits for them.
async fn waits(client: &Client, what: &str) -> Option<String> {
    let page = client.get("/account/notices").await;
    page.says(what).then(|| page.link(what))
}

#[tokio::test]
async fn maintenance_at_short_notice_waits_for_a_second_person() {
    let app = incidents::watched().await;
    let (mine, other) = (app.as_operator(), checklists::second(&app));
    let local = |hours| (app.now() + TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M");
    let (starts, ends) = (local(1).to_string(), local(2).to_string());
    let fields = [
        ("platform", "demo"),
        ("name", "New disks"),
        ("starts", starts.as_str()),
        ("ends", ends.as_str()),
    ];
    let made = mine.post_form("/maintenance", &fields).await;
    let path = made.location().to_owned();
    let what = "Maintenance at short notice: New disks";
    assert_eq!(waits(&other, what).await, Some(path.clone()));
    for nobody in [&mine, &app.as_reviewer(), &app.as_auditor()] {
        assert_eq!(waits(nobody, what).await, None);
    }
    incidents::act(&other, &path, "approval", &[]).await;
    assert_eq!(waits(&other, what).await, None);
}

#[tokio::test]
async fn an_alert_that_is_somebodys_waits_for_them() {
    let app = incidents::watched().await;
    let alert = incidents::lights(&app, 97.0).remove(0);
    let (mine, (other, id)) = (app.as_operator(), second(&app));
    let path = format!("/alerts/{}", alert.id);
    let to = id.to_string();
    incidents::act(&mine, &path, "assignment", &[("person", &to)]).await;
    let what = "The alert Quality is in breach is yours";
    assert_eq!(waits(&other, what).await, Some(path.clone()));
    assert_eq!(waits(&mine, what).await, None);
    incidents::act(&other, &path, "acknowledgement", &[]).await;
    assert_eq!(waits(&other, what).await, None, "they have it in hand");
}

#[tokio::test]
async fn a_signed_checklist_waits_for_somebody_who_did_not_fill_it_in() {
    let app = checklists::listed().await;
    let run = checklists::signed(&app).await;
    let path = checklists::path(&run);
    let other = checklists::second(&app);
    let what = "A checklist to look over: Morning check";
    assert_eq!(waits(&other, what).await, Some(path.clone()));
    assert_eq!(waits(&app.as_operator(), what).await, None);
    incidents::act(&other, &path, "review", &[("verdict", "accept")]).await;
    assert_eq!(waits(&other, what).await, None);
}

#[tokio::test]
async fn a_release_and_its_closed_gate_wait_for_somebody_else() {
    let app = releases::gated(false).await;
    let (mine, other, path) = releases::drafted(&app).await;
    let what = "The release Demo 2.0";
    assert_eq!(waits(&other, what).await, Some(path.clone()));
    assert_eq!(waits(&mine, what).await, None);
    assert_eq!(releases::step(&other, &path, "approval", &[]).await, 303);
    assert_eq!(waits(&other, what).await, None);

    assert_eq!(releases::step(&mine, &path, "gates", &[]).await, 303);
    releases::seen(&app, 301, "down", None);
    let gate = "A gate of the release Demo 2.0: The API answers";
    assert_eq!(waits(&other, gate).await, Some(path.clone()));
    assert_eq!(waits(&mine, gate).await, None);
    let reason = [("override", "It is the old API that is down.")];
    let over = releases::step(&other, &path, "gates/before/override", &reason).await;
    assert_eq!(over, 303);
    assert_eq!(waits(&other, gate).await, None);
}

#[tokio::test]
async fn a_signed_review_waits_for_somebody_who_has_not_written_it() {
    let app = incidents::watched().await;
    let (author, other) = (app.as_operator(), app.as_admin());
    let at = review::resolved(&app).await;
    review::write(&author, &at, &review::WHOLE).await;
    let what = "The review of the incident The API stands still";
    assert_eq!(waits(&other, what).await, None, "nobody has signed it");
    review::sign(&author, &at).await;
    assert_eq!(waits(&other, what).await, Some(format!("{at}/review")));
    assert_eq!(waits(&author, what).await, None);
    let read = review::digest(&other, &at).await;
    incidents::act(&other, &at, "review/approval", &[("digest", &read)]).await;
    assert_eq!(waits(&other, what).await, None);
}
