//! The pages of heartbeats: what they say, and to whom.

use signalbox::features::heartbeats::actions;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{advance, id, named, ping, secret};
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_list_says_what_is_overdue_before_anything_else() {
    let app = named().await;
    let operator = app.as_operator();
    let new = operator.get("/heartbeats").await;
    assert_eq!(new.heading(), "2 of 2 heartbeats were never heard of");
    ping(&app, "sync", "").await;
    ping(&app, "nightly", "").await;
    let page = operator.get("/heartbeats").await;
    assert_eq!(page.heading(), "All 2 heartbeats are on time");
    advance(&app, 11);
    let page = operator.get("/heartbeats").await;
    assert_eq!(page.heading(), "1 of 2 heartbeats is late");
    advance(&app, 11);
    let page = operator.get("/heartbeats").await;
    assert_eq!(
        page.heading(),
        "1 of 2 heartbeats is overdue",
        "noticed or not"
    );
    let rows = page.table("Heartbeats, worst first");
    assert!(
        rows[0][0].starts_with("Balance synchronisation"),
        "{rows:?}"
    );
    assert!(rows[0][1].starts_with("Overdue"), "{rows:?}");
    assert!(rows[0][2].starts_with("Every 10m"), "{rows:?}");
    assert!(rows[1][2].contains("America/New_York"), "{rows:?}");
    assert_eq!(rows[0][3], "22 minutes ago");
}

#[actix_web::test]
async fn without_heartbeats_the_list_says_how_they_come() {
    let app = TestApp::start().await;
    let page = app.as_operator().get("/heartbeats").await;
    assert_eq!(page.heading(), "Heartbeats");
    assert!(page.says("No heartbeat is expected yet"));
}

#[actix_web::test]
async fn the_page_of_one_tells_its_pings_and_downtimes() {
    let app = named().await;
    ping(&app, "sync", "").await;
    advance(&app, 20);
    actions::tick(&app.services).unwrap();
    ping(&app, "sync", "/start").await;
    advance(&app, 1);
    ping(&app, "sync", "/0").await;
    let path = format!("/heartbeats/{}", id(&app.services, "sync"));
    let page = app.as_operator().get(&path).await;
    assert_eq!(page.heading(), "Balance synchronisation");
    let downtimes = page.table("Downtimes, newest first");
    assert_eq!(downtimes.len(), 1);
    assert_eq!(downtimes[0][3], "Nothing came by its deadline");
    let pings = page.table("Pings, newest first, at most 100");
    assert_eq!(pings.len(), 3);
    assert_eq!(pings[0][1], "Success, exit code 0");
    assert!(pings[0][2].starts_with('1'), "it took a minute: {pings:?}");
    assert!(pings[0][3].starts_with("127.0.0.1"), "{pings:?}");
    assert_eq!(page.link("Mend it").split('/').nth(1), Some("runbooks"));
    assert_eq!(page.link("API").split('/').nth(1), Some("services"));
}

#[actix_web::test]
async fn the_address_is_shown_to_those_who_set_up_jobs_and_to_nobody_else() {
    let app = named().await;
    let path = format!("/heartbeats/{}", id(&app.services, "sync"));
    let secret = secret(&app.services, "sync");
    for role in Role::ALL {
        let page = app.as_role(role).get(&path).await;
        assert_eq!(page.status, 200, "{role}");
        let told = matches!(role, Role::Operator | Role::Administrator);
        assert_eq!(page.body.contains(&secret), told, "{role}");
        assert_eq!(page.has_button("Make a new address"), told, "{role}");
    }
    let page = app.as_operator().get(&path).await;
    assert!(page.says(&format!("{}/ping/{secret}/$?", app.url)));
    let list = app.as_operator().get("/heartbeats").await;
    assert!(!list.body.contains(&secret));
}

#[actix_web::test]
async fn a_heartbeat_of_another_platform_does_not_exist() {
    use diesel::connection::SimpleConnection;
    let app = named().await;
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited("there@test.example", Role::Operator, Scope::one(elsewhere));
    let path = format!("/heartbeats/{}", id(&app.services, "sync"));
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(
        stranger
            .post_form(&format!("{path}/address"), &[])
            .await
            .status,
        404
    );
    assert!(
        stranger
            .get("/heartbeats")
            .await
            .says("No heartbeat is expected yet")
    );
}

#[actix_web::test]
async fn the_overview_counts_them() {
    let app = named().await;
    ping(&app, "sync", "").await;
    let page = app.as_operator().get("/").await;
    assert!(page.says("Heartbeats on time"));
    assert!(page.says("1 of 2 heartbeats was never heard of"));
}
