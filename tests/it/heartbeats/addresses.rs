//! What comes to the addresses: how it may be sent, what is kept of it, and what whoever guesses is told.

use reqwest::Method;
use signalbox::features::heartbeats::actions;
use signalbox::features::heartbeats::heartbeat::{Signal, Standing};
use signalbox::features::heartbeats::ping::BODY_LIMIT;
use signalbox::foundation::auth::limits::Limits;
use signalbox::foundation::config::RateConfig;
use uuid::Uuid;

use super::{HEARTBEATS, address, advance, id, last, named, pack, ping, standing};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;

async fn send(app: &TestApp, method: Method, path: &str, body: Vec<u8>) -> Page {
    let url = format!("{}{path}", app.url);
    let request = app.http.request(method, url).body(body);
    Page::read(request.send().await.unwrap()).await
}

#[actix_web::test]
async fn head_get_and_post_do_the_same_and_set_no_cookie() {
    let app = named().await;
    let path = address(&app, "sync");
    for (method, body) in [
        (Method::GET, "OK"),
        (Method::POST, "OK"),
        (Method::HEAD, ""),
    ] {
        let answer = send(&app, method.clone(), &path, Vec::new()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let methods: Vec<String> = last(&app, "sync").into_iter().map(|it| it.method).collect();
    assert_eq!(methods, ["HEAD", "POST", "GET"]);
    let other = send(&app, Method::PUT, &path, Vec::new()).await;
    assert_eq!(other.status, 405);
    assert_eq!(
        other.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

/// No page of ours is in play: what a job posts comes with neither of the headers that forms need.
#[actix_web::test]
async fn a_job_needs_no_page_of_ours_and_a_session_makes_no_difference() {
    let app = named().await;
    let path = address(&app, "sync");
    let foreign = app
        .http
        .post(format!("{}{path}", app.url))
        .header("origin", "https://elsewhere.example")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 200);
    let operator = app.as_operator();
    assert_eq!(operator.get(&path).await.status, 200);
}

#[actix_web::test]
async fn a_body_is_kept_up_to_its_limit_and_longer_ones_are_cut() {
    let app = named().await;
    let path = address(&app, "sync");
    send(&app, Method::POST, &path, vec![b'a'; BODY_LIMIT]).await;
    let long = send(&app, Method::POST, &path, vec![b'b'; BODY_LIMIT + 1]).await;
    assert_eq!(long.status, 200);
    assert_eq!(long.header("ping-body-limit"), Some("10000"));
    let kept = last(&app, "sync");
    assert_eq!((kept[0].body.len(), kept[0].cut), (BODY_LIMIT, true));
    assert_eq!((kept[1].body.len(), kept[1].cut), (BODY_LIMIT, false));
}

/// What a run about reports says may name one, and whoever sees health does not see those.
#[actix_web::test]
async fn what_a_job_about_reports_says_is_not_kept() {
    let app = TestApp::start().await;
    let silent = "id = \"sync\"\nkeep_output = false";
    apply(&app, &pack().replacen("id = \"sync\"", silent, 1));
    actions::tick(&app.services).unwrap();
    let path = address(&app, "sync");
    let answer = send(&app, Method::POST, &path, vec![b'a'; BODY_LIMIT + 1]).await;
    assert_eq!(answer.status, 200);
    let kept = last(&app, "sync").remove(0);
    assert_eq!((kept.body.len(), kept.cut), (0, false));
}

#[actix_web::test]
async fn hostile_bytes_are_kept_as_they_came_and_shown_as_text() {
    let app = named().await;
    let body = b"<script>alert(1)</script>\0\xff\xfe\x1b[2J done".to_vec();
    let agent = "curl/8 <b>bold</b>";
    let url = format!("{}{}/3", app.url, address(&app, "sync"));
    let request = app.http.post(url).header("user-agent", agent);
    assert_eq!(
        request.body(body.clone()).send().await.unwrap().status(),
        200
    );
    assert_eq!(last(&app, "sync")[0].body, body);
    let path = format!("/heartbeats/{}", id(&app.services, "sync"));
    let page = app.as_operator().get(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.says("<script>alert(1)</script>\u{fffd}\u{fffd}\u{fffd}\u{fffd}[2J done"));
    assert!(page.says("curl/8 <b>bold</b>"));
    assert!(!page.body.contains("<script>alert"));
}

#[actix_web::test]
async fn what_the_database_holds_opens_no_address() {
    use diesel::prelude::*;
    use signalbox::foundation::db::schema::{heartbeat, heartbeat_ping};
    let app = named().await;
    let secret: Uuid = super::secret(&app.services, "sync").parse().unwrap();
    let path = address(&app, "sync");
    send(&app, Method::POST, &path, b"told to nobody".to_vec()).await;
    let conn = &mut app.db.connect_superuser();
    let kept: Vec<(Vec<u8>, Vec<u8>)> = heartbeat::table
        .select((heartbeat::secret_hash, heartbeat::secret))
        .load(conn)
        .unwrap();
    for (hash, sealed) in kept {
        for bytes in [hash, sealed] {
            assert!(!bytes.windows(16).any(|part| part == secret.as_bytes()));
        }
    }
    let bodies: Vec<Option<Vec<u8>>> = heartbeat_ping::table
        .select(heartbeat_ping::body)
        .load(conn)
        .unwrap();
    assert!(
        !bodies[0]
            .as_ref()
            .unwrap()
            .windows(6)
            .any(|part| part == b"nobody")
    );
    assert_eq!(
        (secret.get_version_num(), secret.get_variant()),
        (4, uuid::Variant::RFC4122)
    );
}

/// One that was retired, one that was renewed, one that never was, and one that is no UUID.
#[actix_web::test]
async fn an_address_that_is_no_more_answers_like_one_that_never_was() {
    let app = named().await;
    let retired = address(&app, "sync");
    let without = pack().replace(HEARTBEATS, "");
    apply(&app, &without);
    actions::tick(&app.services).unwrap();
    let never = format!("/ping/{}", Uuid::new_v4());
    let shape = |answer: Page| {
        let mut headers: Vec<(String, String)> = answer
            .headers
            .iter()
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        (answer.status, answer.body, headers)
    };
    let expected = shape(send(&app, Method::GET, &never, Vec::new()).await);
    assert_eq!((expected.0, expected.1.as_str()), (404, "not found"));
    for end in ["", "/start", "/fail", "/log", "/0", "/255"] {
        for place in [&retired, &never] {
            let answer = send(&app, Method::GET, &format!("{place}{end}"), Vec::new()).await;
            assert_eq!(shape(answer), expected, "{end}");
        }
    }
    let nonsense = send(&app, Method::GET, "/ping/nonsense", Vec::new()).await;
    assert_eq!(shape(nonsense), expected);
}

#[actix_web::test]
async fn what_is_no_word_of_an_address_is_not_found_and_says_nothing_of_the_secret() {
    let app = named().await;
    for end in ["/256", "/-1", "/begin", "/start/now"] {
        assert_eq!(ping(&app, "sync", end).await, 404, "{end}");
    }
    assert_eq!(ping(&app, "sync", "?rid=nonsense").await, 400);
    let never = format!("/ping/{}?rid=nonsense", Uuid::new_v4());
    assert_eq!(
        app.get(&never).await.status(),
        400,
        "whoever guesses learns nothing"
    );
    assert_eq!(standing(&app, "sync").0, Standing::New);
    assert!(last(&app, "sync").is_empty());
}

#[actix_web::test]
async fn a_heartbeat_that_comes_back_has_its_old_address_and_begins_anew() {
    let app = named().await;
    let path = address(&app, "sync");
    ping(&app, "sync", "").await;
    apply(&app, SMALL);
    advance(&app, 300);
    assert_eq!(
        actions::tick(&app.services).unwrap(),
        0,
        "nobody waits for it"
    );
    apply(&app, &pack());
    actions::tick(&app.services).unwrap();
    assert_eq!(address(&app, "sync"), path);
    assert_eq!(standing(&app, "sync").0, Standing::New);
}

#[actix_web::test]
async fn a_renewed_address_kills_the_one_before() {
    let app = named().await;
    let old = address(&app, "sync");
    let page = format!("/heartbeats/{}", id(&app.services, "sync"));
    let operator = app.as_operator();
    let answer = operator.post_form(&format!("{page}/address"), &[]).await;
    assert_eq!((answer.status, answer.location()), (303, page.as_str()));
    let new = address(&app, "sync");
    assert_ne!(old, new);
    assert_eq!(app.get(&old).await.status(), 404);
    assert_eq!(app.get(&new).await.status(), 200);
    let event = app.events_of("heartbeat.address_renewed").remove(0);
    assert_eq!(event["details"]["heartbeat"], "sync");
    assert_eq!(event["actor"]["kind"], "person");
    let told = event.to_string();
    assert!(!told.contains(new.trim_start_matches("/ping/")));
}

#[actix_web::test]
async fn a_renewal_asks_for_a_fresh_proof_and_is_not_for_everybody() {
    let app = named().await;
    let old = address(&app, "sync");
    let path = format!("/heartbeats/{}/address", id(&app.services, "sync"));
    for stranger in [app.as_auditor(), app.as_reviewer(), app.as_compliance()] {
        assert_eq!(stranger.post_form(&path, &[]).await.status, 403);
    }
    let operator = app.as_operator();
    advance(&app, 11);
    let asked = operator.post_form(&path, &[]).await;
    assert_ne!(
        asked.header("location"),
        Some(path.trim_end_matches("/address"))
    );
    assert_eq!(address(&app, "sync"), old);
}

#[actix_web::test]
async fn who_asks_too_often_is_told_so_in_a_line() {
    let app = TestApp::start_with(|services| {
        services.limits = Limits::new(RateConfig {
            address: 3,
            session: 1_000,
            key: 1_000,
        });
    })
    .await;
    apply(&app, &pack());
    actions::tick(&app.services).unwrap();
    for _ in 0..3 {
        assert_eq!(ping(&app, "sync", "/log").await, 200);
    }
    let refused = send(&app, Method::GET, &address(&app, "sync"), Vec::new()).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        refused.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        ping(&app, "nightly", "").await,
        200,
        "another job has its own share"
    );
    let signals: Vec<Signal> = last(&app, "sync").iter().map(|it| it.signal).collect();
    assert_eq!(signals, [Signal::Log; 3]);
}
