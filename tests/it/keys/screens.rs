//! Wall screens: made once, ended at once, and good for nothing else.

use std::net::Ipv4Addr;
use std::sync::Arc;

use chrono::Duration;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions as health;
use signalbox::features::keys::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, Display};
use signalbox::foundation::auth::keys::{KeyId, displays};
use signalbox::foundation::auth::limits::Limits;
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::config::RateConfig;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::keys::new_key;
use crate::support::page::Page;
use crate::support::personas::Client;

const FORM: [(&str, &str); 3] = [("name", "Hall"), ("scope", "display"), ("days", "90")];

const ENDED: &str = "This screen was ended";

/// An application that watches something, with a red alert.
async fn watched() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    tick(&app);
    report(&app, 97.4);
    tick(&app);
    app
}

fn tick(app: &TestApp) {
    app.advance(Duration::seconds(2));
    evaluate::tick(&app.services).unwrap();
}

fn report(app: &TestApp, value: f64) {
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
}

fn address(link: &Token) -> String {
    format!("/display/link/{}", link.expose())
}

/// The address that a page shows, without the host.
fn shown(page: &Page, app: &TestApp) -> String {
    let texts = page.texts("pre code");
    let link = texts
        .first()
        .unwrap_or_else(|| panic!("no link on {}", page.text()));
    link.strip_prefix(&app.url).unwrap().to_owned()
}

#[actix_web::test]
async fn an_administrator_makes_a_browser_a_screen() {
    let app = watched().await;
    let admin = app.as_admin();
    let made = admin.post_form("/keys", &FORM).await;
    let place = made.location().to_owned();
    assert!(place.starts_with("/keys/"), "its text is shown to nobody");
    let page = admin.get(&place).await;
    assert!(page.says("No browser is a screen of this key yet"));
    assert!(!page.has_button("Rotate key") && page.has_button("Revoke key"));
    let offered = admin.post_form(&format!("{place}/screens"), &[]).await;
    let link = shown(&offered, &app);

    let screen = app.browser();
    for _ in 0..2 {
        let page = screen.get(&link).await;
        assert_eq!(page.heading(), "Make this browser a wall screen?");
    }
    assert_eq!(
        screen.get("/display").await.status,
        401,
        "looking is not enough"
    );
    let page = screen.get(&link).await;
    let opened = screen.submit(&page, &link, &[]).await;
    assert_eq!(opened.location(), "/display");
    let cookie = opened.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!link.contains(cookie.split(['=', ';']).nth(1).unwrap()));

    let wall = screen.get("/display").await;
    assert_eq!(wall.heading(), "1 alert needs attention");
    assert!(
        wall.says("ncc_qos is 97.4 %, below 98 %"),
        "{}",
        wall.text()
    );
    assert!(
        wall.body
            .contains(r#"<noscript><meta http-equiv="refresh" content="30"></noscript>"#)
    );
    for nothing in ["a[href]", "form", "button", "input"] {
        assert_eq!(wall.texts(nothing), Vec::<String>::new(), "{nothing}");
    }
    let again = screen.get(&link).await;
    assert_eq!(
        (again.status, again.heading().as_str()),
        (404, "This link does not work")
    );
    let page = admin.get(&place).await;
    let screens = page.table("Browsers that show the display");
    assert_eq!(page.definition("Last used"), "just now, from 127.0.0.0/24");
    assert_eq!(screens.len(), 1);
    assert_eq!(&screens[0][1..3], ["just now", "127.0.0.0/24"]);
    for kind in ["display.offered", "display.opened"] {
        let events = app.events_of(kind);
        assert_eq!(events.len(), 1, "{kind}");
        assert!(place.ends_with(events[0]["details"]["key"].as_str().unwrap()));
    }
}

#[actix_web::test]
async fn the_scope_stands_alone_in_the_form_and_in_the_database() {
    let app = TestApp::start().await;
    let mut both = FORM.to_vec();
    both.push(("scope", "alerts:read"));
    let refused = app.as_admin().post_form("/keys", &both).await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("for nothing else"), "{}", refused.text());
    assert_eq!(refused.field("Name").value, "Hall");
    let key = app.screen_key(Scope::All);
    let force =
        format!("UPDATE api_key SET scopes = ARRAY['display', 'alerts:read'] WHERE id = '{key}'");
    let forced = app.db.connect_superuser().batch_execute(&force);
    assert!(
        forced
            .unwrap_err()
            .to_string()
            .contains("api_key_scopes_closed")
    );
    let text = app.make_key(new_key(&[Display])).text;
    let program = app.program_with(text.expose());
    for path in ["/api/v1/alerts", "/api/v1/cases", "/api/v1/audit/events"] {
        let answer = program.get(path).await;
        assert_eq!(answer.problem(), (403, "key_scope".to_owned()), "{path}");
    }
    assert_eq!(program.get("/display").await.status, 401);
    let hour = Duration::hours(1);
    let actor = Actor::command_line("test");
    let rotated = actions::rotate(&app.services, &actor, &key, hour, None);
    assert!(
        rotated
            .unwrap_err()
            .to_string()
            .contains("no secret to change")
    );
}

/// As a session's: bound to the host and to TLS wherever there is TLS.
#[actix_web::test]
async fn the_cookie_is_bound_to_the_host() {
    let app = TestApp::start().await;
    let until = app.now() + Duration::days(90);
    let mut services = app.services.clone();
    let here = displays::cookie(&services, &Token::generate(), until);
    assert_eq!(
        (here.name(), here.secure()),
        ("signalbox-display", Some(false))
    );
    let mut config = (*services.config).clone();
    config.web.base_url = "https://signalbox.test".parse().unwrap();
    services.config = Arc::new(config);
    let there = displays::cookie(&services, &Token::generate(), until);
    assert_eq!(
        (there.name(), there.secure()),
        ("__Host-signalbox-display", Some(true))
    );
    for cookie in [here, there] {
        assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
        assert_eq!(cookie.http_only(), Some(true));
        let age = cookie
            .max_age()
            .map(actix_web::cookie::time::Duration::whole_days);
        assert_eq!(age, Some(90));
    }
}

#[actix_web::test]
async fn twenty_uses_of_one_link_at_once_make_one_screen() {
    let app = TestApp::start().await;
    let key = app.screen_key(Scope::All);
    let link = address(&app.link_of(&key));
    let outsider = app.as_outsider();
    let uses = (0..20).map(|_| outsider.post_form(&link, &[]));
    let answers = join_all(uses).await;
    let opened = answers.iter().filter(|answer| answer.status == 303).count();
    let refused = answers.iter().filter(|answer| answer.status == 404).count();
    assert_eq!((opened, refused), (1, 19));
    assert_eq!(app.events_of("display.opened").len(), 1);
    let list = |conn: &mut _| displays::list(conn, &key);
    assert_eq!(app.services.db.read(list).unwrap().len(), 1);
}

#[actix_web::test]
async fn a_link_ends_with_its_time_and_with_its_key() {
    let app = TestApp::start().await;
    let key = app.screen_key(Scope::All);
    let outsider = app.as_outsider();
    let (late, orphan) = (app.link_of(&key), app.link_of(&key));
    app.advance(Duration::minutes(15));
    let orphaned = app.link_of(&key);
    for link in [&late, &orphan] {
        assert_eq!(outsider.get(&address(link)).await.status, 404);
        assert_eq!(outsider.post_form(&address(link), &[]).await.status, 404);
    }
    assert_eq!(outsider.get(&address(&orphaned)).await.status, 200);
    let actor = Actor::command_line("test");
    actions::revoke(&app.services, &actor, &key, None).unwrap();
    assert_eq!(outsider.get(&address(&orphaned)).await.status, 404);
    assert_eq!(
        outsider.post_form(&address(&orphaned), &[]).await.status,
        404
    );
    assert_eq!(app.events_of("display.opened").len(), 0);
}

async fn is_ended(screen: &Client) -> bool {
    let page = screen.get("/display").await;
    if page.status == 200 {
        return false;
    }
    assert_eq!((page.status, page.heading().as_str()), (401, ENDED));
    assert_eq!(page.texts("main a"), Vec::<String>::new());
    true
}

#[actix_web::test]
async fn revoking_a_key_ends_its_screens_with_their_next_request() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    let keys = [app.screen_key(Scope::All), app.screen_key(Scope::All)];
    let screens = [
        app.screen_of(&keys[0]),
        app.screen_of(&keys[0]),
        app.screen_of(&keys[1]),
    ];
    for screen in &screens {
        assert!(!is_ended(screen).await);
    }
    let place = format!("/keys/{}", keys[0]);
    let ends = admin.get(&place).await.actions();
    let ends: Vec<_> = ends.iter().filter(|to| to.ends_with("/end")).collect();
    assert_eq!(ends.len(), 2);
    let one = admin.post_form(ends[0], &[]).await;
    assert_eq!(one.location(), place);
    let gone = [is_ended(&screens[0]).await, is_ended(&screens[1]).await];
    assert_eq!(
        gone.iter().filter(|gone| **gone).count(),
        1,
        "the other stays"
    );
    let elsewhere = format!(
        "/keys/{}/screens/{}",
        keys[1],
        ends[1].split('/').nth(4).unwrap()
    );
    let foreign = admin.post_form(&format!("{elsewhere}/end"), &[]).await;
    assert_eq!(foreign.status, 404, "a screen is its own key's");
    admin
        .post_form(&format!("{place}/revocation"), &[])
        .await
        .location();
    for screen in &screens[..2] {
        assert!(is_ended(screen).await);
    }
    assert!(!is_ended(&screens[2]).await, "of another key");
    assert_eq!(app.events_of("display.ended").len(), 1);
    assert!(!app.events_of("key.refused").is_empty());
    app.advance(Duration::days(90));
    assert!(is_ended(&screens[2]).await, "its time is over");
}

#[actix_web::test]
async fn a_screen_stays_in_the_networks_of_its_key() {
    let app = TestApp::start().await;
    let mut new = new_key(&[Display]);
    new.networks = "127.0.0.1".parse().unwrap();
    let key = app.make_key(new).key.id;
    let link = address(&app.link_of(&key));
    let far = app.browser_at(Ipv4Addr::new(127, 0, 9, 9));
    let page = far.get(&link).await;
    let refused = far.submit(&page, &link, &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.says("The link still works"));
    assert_eq!(app.events_of("key.refused").len(), 1, "it may have leaked");
    let here = app.browser();
    let page = here.get(&link).await;
    assert_eq!(here.submit(&page, &link, &[]).await.status, 303);
    assert_eq!(here.get("/display").await.status, 200);
    *far.cookies.borrow_mut() = here.cookies.borrow().clone();
    let moved = far.get("/display").await;
    assert_eq!((moved.status, moved.heading().as_str()), (401, ENDED));
    let refused = app.events_of("key.refused");
    let details = &refused.last().unwrap()["details"];
    assert_eq!(details["why"], "address");
    assert!(
        details["display"].is_string(),
        "which of the screens it was"
    );
}

#[actix_web::test]
async fn a_session_in_the_same_browser_stays_what_it_is() {
    let app = TestApp::start().await;
    let key = app.screen_key(Scope::All);
    let operator = app.as_operator();
    let opened = operator.post_form(&address(&app.link_of(&key)), &[]).await;
    let cookie = opened.header("set-cookie").unwrap();
    assert_eq!(opened.headers.get_all("set-cookie").iter().count(), 1);
    let screen = cookie.split(';').next().unwrap();
    let mut both = operator.clone();
    both.cookie = Some(format!("{}; {screen}", operator.cookie.as_deref().unwrap()));
    assert_eq!(both.get("/account").await.heading(), "Your account");
    assert_eq!(both.get("/display").await.status, 200);
    assert_eq!(operator.get("/display").await.status, 401);
    both.post_form("/sign-out", &[]).await.location();
    assert_eq!(both.get("/account").await.status, 303);
    assert_eq!(
        both.get("/display").await.status,
        200,
        "a screen is nobody's session"
    );
}

/// Visitors see the wall: it says that somebody has an alert in hand, and not who.
#[actix_web::test]
async fn the_wall_names_nobody_and_shows_first_what_nobody_has_in_hand() {
    let app = watched().await;
    let screen = app.screen_of(&app.screen_key(Scope::All));
    assert!(!screen.get("/display").await.says("in hand"));
    let alerts = app.as_operator().get("/alerts").await;
    assert!(!screen.get("/display").await.says("may be missing"));
    let open = alerts.texts("tbody th a");
    let alert = alerts.link(&open[0]);
    let act = format!("{alert}/acknowledgement");
    let note = [("note", "Calling Ms Borg of the network team")];
    app.as_operator().post_form(&act, &note).await.location();
    let wall = screen.get("/display").await;
    assert!(wall.says("in hand"), "{}", wall.text());
    for name in ["Test operator", "operator@", "Ms Borg", "To"] {
        assert!(!wall.text().split(' ').any(|word| word == name), "{name}");
        assert!(name == "To" || !wall.body.contains(name), "{name}");
    }
}

/// Where nobody evaluates rules, no alert is no good news.
#[actix_web::test]
async fn the_wall_says_when_nobody_looks_for_alerts() {
    let app = watched().await;
    let screen = app.screen_of(&app.screen_key(Scope::All));
    app.advance(Duration::minutes(10));
    let wall = screen.get("/display").await;
    assert!(
        wall.says("The rules were last evaluated at 09:00: alerts may be missing."),
        "{}",
        wall.text()
    );
}

#[actix_web::test]
async fn a_screen_shows_the_platforms_of_its_key() {
    let app = watched().await;
    let other = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at, zone) \
         VALUES ('{other}', 'elsewhere', 'Elsewhere', now(), 'Africa/Lagos')"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let wall = app
        .screen_of(&app.screen_key(Scope::one(other)))
        .get("/display")
        .await;
    assert_eq!(wall.heading(), "Nothing is watched yet");
    assert!(!wall.says("ncc_qos"));
    assert!(
        wall.texts(".wall-made")[0].contains("10:00 WAT"),
        "{}",
        wall.text()
    );
}

#[actix_web::test]
async fn renewing_is_no_event_and_is_counted_by_key() {
    let rates = RateConfig {
        address: 1_000,
        session: 1_000,
        key: 6,
    };
    let app = TestApp::start_with(|services| services.limits = Limits::new(rates)).await;
    let key: KeyId = app.screen_key(Scope::All);
    let screens = [app.screen_of(&key), app.screen_of(&key)];
    let before = app.events().len();
    for _ in 0..3 {
        app.advance(Duration::minutes(2));
        for screen in &screens {
            assert_eq!(screen.get("/display").await.status, 200);
        }
    }
    let seventh = screens[0].get("/display").await;
    assert_eq!(seventh.status, 429);
    assert!(seventh.header("retry-after").is_some());
    assert_eq!(app.events().len(), before);
    let list = |conn: &mut _| displays::list(conn, &key);
    let seen = app.services.db.read(list).unwrap();
    assert!(
        seen.iter()
            .all(|screen| app.now() - screen.last_seen_at < Duration::minutes(1))
    );
    assert_eq!(app.found_key(&key).last_used.unwrap().0, app.now());
}

#[actix_web::test]
async fn a_key_has_no_more_screens_than_a_room_has_walls() {
    let app = TestApp::start().await;
    let key = app.screen_key(Scope::All);
    for _ in 0..20 {
        app.link_of(&key);
    }
    let place = format!("/keys/{key}/screens");
    let admin = app.as_admin();
    let refused = admin.post_form(&place, &[]).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.says("as many screens and open links"),
        "{}",
        refused.text()
    );
    app.advance(Duration::minutes(15));
    assert_eq!(
        app.as_admin().post_form(&place, &[]).await.status,
        200,
        "old links make room"
    );
    let program = app.program(&[AlertsRead]);
    let of_program = format!("/keys/{}/screens", program.id);
    let refused = app.as_admin().post_form(&of_program, &[]).await;
    assert_eq!(refused.status, 409);
    let stale = app.as_admin();
    app.advance(Duration::minutes(11));
    let asked = stale.post_form(&place, &[]).await;
    assert!(asked.heading().contains("you"), "{}", asked.heading());
    assert!(
        !asked.says("Open it on the screen"),
        "a fresh proof comes first"
    );
}
