//! The notification centre: what concerns whoever looks, and nobody else.

use chrono::TimeDelta;
use signalbox::features::health::actions as health;
use signalbox::features::notify::notice::Destination;
use signalbox::features::notify::store::seen;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;

use crate::connectors::{accounts, with_bank};
use crate::notify::{enqueue, to};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::personas::Client;

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
