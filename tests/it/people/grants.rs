//! Roles with their time, their platforms and their conflicts; the safe direction; invitations.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use futures_util::future::join;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::totp::Seed;
use signalbox::foundation::auth::{Role, factors};
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{PASSWORD, approve, asks, is_in, propose, roles_of, waiting};
use crate::support::app::TestApp;
use crate::support::personas::Client;

async fn granted(app: &TestApp, person: &Client, fields: &[(&str, &str)]) {
    let admin = app.as_admin();
    let sent = propose(&admin, person.person, fields).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let proposal = waiting(&admin).await;
    let approved = approve(&app.second_admin(), &proposal).await;
    assert_eq!(approved.status, 303, "{}", approved.text());
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The test clock starts on 2 March 2026 at 09:00.
#[actix_web::test]
async fn a_role_gives_nothing_outside_its_time() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let mut fields = asks("reviewer");
    fields.extend([("starts", "2026-03-04"), ("ends", "2026-03-05")]);
    granted(&app, &operator, &fields).await;
    let may = async || app.as_operator().get("/reviews").await.status == 200;
    assert!(!may().await, "its day has not come");
    let admin = app
        .as_admin()
        .get(&format!("/people/{}", operator.person))
        .await;
    assert!(admin.says("To come"));
    app.advance(moment("2026-03-03T23:59:59Z") - app.now());
    assert!(!may().await);
    let session = app.as_operator();
    app.advance(TimeDelta::seconds(1));
    assert!(may().await, "the first moment of its day");
    assert_eq!(
        session.get("/reviews").await.status,
        200,
        "a session that was there before"
    );
    app.advance(moment("2026-03-05T23:59:58Z") - app.now());
    let session = app.as_operator();
    assert_eq!(session.get("/reviews").await.status, 200);
    app.advance(TimeDelta::seconds(2));
    assert_eq!(
        session.get("/reviews").await.status,
        403,
        "over, in the same session"
    );
    assert_eq!(
        session.get("/alerts").await.status,
        200,
        "the other role goes on"
    );
    let page = app
        .as_admin()
        .get(&format!("/people/{}", operator.person))
        .await;
    assert!(page.says("Over"));
    assert!(
        !app.as_admin()
            .get("/people")
            .await
            .says("Reviewing admin until")
    );
}

#[actix_web::test]
async fn a_role_reaches_the_platforms_that_were_approved() {
    let app = TestApp::start().await;
    let (lait, finchat) = (PlatformId::new(), PlatformId::new());
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES \
         ('{lait}', 'lait', 'Lait', now()), ('{finchat}', 'finchat', 'FinChat', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let operator = app.as_operator();
    let lait_id = lait.to_string();
    let fields = [
        ("role", "reviewer"),
        ("platform", lait_id.as_str()),
        ("queue", "all"),
        ("reason", "Lait only"),
    ];
    granted(&app, &operator, &fields).await;
    let held = app
        .services
        .db
        .read(|conn| signalbox::foundation::auth::grants::of(conn, operator.person))
        .unwrap();
    let reviewer = held
        .iter()
        .find(|held| held.role == Role::Reviewer)
        .unwrap();
    assert_eq!(reviewer.scope, Scope::one(lait));
    let page = app
        .as_admin()
        .get(&format!("/people/{}", operator.person))
        .await;
    let roles = page.table("Roles");
    assert!(
        roles
            .iter()
            .any(|row| row[0] == "Reviewing admin" && row[4] == "Lait")
    );
}

#[actix_web::test]
async fn who_watches_does_not_act_in_either_direction() {
    let app = TestApp::start().await;
    let (admin, auditor, operator) = (app.as_admin(), app.as_auditor(), app.as_operator());
    let mut audit = asks("auditor");
    audit.push(("ends", "2026-06-01"));
    for (person, fields) in [(&auditor, asks("operator")), (&operator, audit.clone())] {
        let page = propose(&admin, person.person, &fields).await;
        assert_eq!(page.status, 422);
        assert!(
            page.says("An auditor holds no other role"),
            "{}",
            page.text()
        );
        assert_eq!(
            page.field("Why they need it").value,
            "cover for the night shift"
        );
    }
    let mut both = asks("operator");
    both.extend([("role", "auditor"), ("ends", "2026-06-01")]);
    let page = propose(&admin, app.as_reviewer().person, &both).await;
    assert_eq!(page.status, 422);
    // What waits counts as well: either alone would do.
    let bare = app.sign_in_as("bare@test.example", "Test bare", &[Role::Operator]);
    let path = format!("/people/{}/revocation", bare.person);
    let fields = [("role", "operator"), ("revoke_reason", "moves to audit")];
    assert_eq!(admin.post_form(&path, &fields).await.status, 303);
    assert_eq!(
        propose(&admin, bare.person, &asks("reviewer")).await.status,
        303
    );
    assert_eq!(propose(&admin, bare.person, &audit).await.status, 422);
    let proposal = waiting(&admin).await;
    admin.post_form(&format!("{proposal}/refusal"), &[]).await;
    assert_eq!(propose(&admin, bare.person, &audit).await.status, 303);
    assert_eq!(
        approve(&app.second_admin(), &waiting(&admin).await)
            .await
            .status,
        303
    );
    assert_eq!(roles_of(&app, bare.person), [Role::Auditor]);
}

#[actix_web::test]
async fn an_administrator_ends_anyones_sessions_and_keeps_their_own() {
    let app = TestApp::start().await;
    let (admin, operator, again) = (app.as_admin(), app.as_operator(), app.as_operator());
    let page = format!("/people/{}", operator.person);
    assert!(admin.get(&page).await.has_button("End all sessions"));
    let sessions = format!("{page}/sessions");
    let open = admin.get(&page).await;
    assert_eq!(open.definition("Sessions now"), "2");
    let rows = open.table("Sessions");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0][0].as_str(), rows[0][1].as_str()),
        ("An unknown browser", "127.0.0.1")
    );
    let begins = format!("{sessions}/");
    let single: Vec<String> = open
        .actions()
        .into_iter()
        .filter(|action| action.starts_with(&begins))
        .collect();
    assert_eq!(single.len(), 2, "{:?}", open.actions());
    assert_eq!(operator.post_form(&single[0], &[]).await.status, 403);
    for _ in 0..2 {
        let ended = admin.post_form(&single[0], &[]).await;
        assert_eq!(ended.location(), page, "over is what was wanted");
    }
    assert_eq!(app.events_of("session.revoked").len(), 1);
    let left = [is_in(&operator).await, is_in(&again).await];
    assert_eq!(left.iter().filter(|is_in| **is_in).count(), 1, "{left:?}");
    let astray = single[1].replace(
        &operator.person.to_string(),
        &app.as_reviewer().person.to_string(),
    );
    assert_eq!(admin.post_form(&astray, &[]).await.status, 303);
    assert_eq!(app.events_of("session.revoked").len(), 1, "of nobody else");
    assert!(
        !app.as_auditor().get(&page).await.says("An unknown browser"),
        "who only looks is not shown from where"
    );
    assert_eq!(operator.post_form(&sessions, &[]).await.status, 403);
    let ended = admin.post_form(&sessions, &[]).await;
    assert_eq!(ended.location(), page);
    assert!(!is_in(&operator).await && !is_in(&again).await);
    assert!(is_in(&app.as_operator()).await, "they may sign in again");
    let own = format!("/people/{}/sessions", admin.person);
    let elsewhere = app.as_admin();
    admin.post_form(&own, &[]).await;
    assert!(is_in(&admin).await && !is_in(&elsewhere).await);
    let told = app.events_of("session.all_revoked");
    assert_eq!(told.len(), 2);
    let theirs = told
        .iter()
        .find(|event| event["subject"]["id"] == operator.person.to_string());
    assert_eq!(
        theirs.unwrap()["details"]["ended"],
        1,
        "the one that was left"
    );
}

#[actix_web::test]
async fn taking_away_takes_one_and_acts_on_the_next_request() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.as_admin(), app.as_operator());
    let page = format!("/people/{}", operator.person);
    let revocation = format!("{page}/revocation");
    let empty = admin
        .post_form(&revocation, &[("role", "operator"), ("revoke_reason", " ")])
        .await;
    assert_eq!(empty.status, 422);
    assert!(is_in(&operator).await);
    let fields = [("role", "operator"), ("revoke_reason", "left the team")];
    assert_eq!(admin.post_form(&revocation, &fields).await.location(), page);
    assert!(!is_in(&operator).await);
    assert_eq!(roles_of(&app, operator.person), []);
    assert_eq!(
        admin.post_form(&revocation, &fields).await.status,
        409,
        "not held any more"
    );
    let shown = admin.get(&page).await;
    let past = shown.table("Held before, the newest first");
    assert_eq!(
        past[0][5],
        "Test administrator (admin@test.example): left the team"
    );
    assert_eq!(
        app.events_of("role.revoked")[0]["details"]["role"],
        "operator"
    );

    let reviewer = app.as_reviewer();
    let page = format!("/people/{}", reviewer.person);
    let fields = [("disable_reason", "phished")];
    let disabled = admin.post_form(&format!("{page}/disabling"), &fields).await;
    assert_eq!(disabled.location(), page);
    assert!(!is_in(&reviewer).await);
    assert!(
        !is_in(&app.as_reviewer()).await,
        "a new session is of no use"
    );
    let shown = admin.get(&page).await;
    assert!(shown.says("phished"));
    assert_eq!(
        shown.table("Roles")[0][1],
        "Disabled",
        "what is held counts for nothing"
    );
    let grant = propose(&admin, reviewer.person, &asks("operator")).await;
    assert_eq!(grant.status, 409, "first they are enabled");

    let fields = [("enable_reason", "cleared")];
    let asked = admin.post_form(&format!("{page}/enabling"), &fields).await;
    assert_eq!(asked.location(), page, "{}", asked.text());
    assert!(!is_in(&app.as_reviewer()).await);
    let proposal = waiting(&admin).await;
    assert_eq!(approve(&admin, &proposal).await.status, 409);
    assert_eq!(approve(&app.second_admin(), &proposal).await.status, 303);
    assert!(is_in(&app.as_reviewer()).await);
    assert_eq!(app.events_of("person.enabled").len(), 1);
}

#[actix_web::test]
async fn two_administrators_who_can_act_stay() {
    let app = TestApp::start().await;
    let admin = app.with_password(app.as_admin());
    let second = app.with_password(app.second_admin());
    let page = format!("/people/{}", second.person);
    let disabling = [("disable_reason", "x")];
    let revocation = [("role", "administrator"), ("revoke_reason", "x")];
    for (path, fields) in [
        ("disabling", &disabling[..]),
        ("revocation", &revocation[..]),
    ] {
        let refused = admin.post_form(&format!("{page}/{path}"), fields).await;
        assert_eq!(refused.status, 409, "{path}");
        assert!(
            refused.says("the last two administrators"),
            "{}",
            refused.text()
        );
    }
    // One who has never set a password cannot act, and is not missed.
    let third = app.third_admin();
    assert_eq!(
        admin
            .post_form(&format!("{page}/disabling"), &disabling)
            .await
            .status,
        409
    );
    let idle = format!("/people/{}/disabling", third.person);
    assert_eq!(admin.post_form(&idle, &disabling).await.status, 303);
    let fourth = app.sign_in_as("fourth@test.example", "Test fourth", &[Role::Administrator]);
    app.with_password(fourth.clone());
    // Of three, two at once cannot each take another one away.
    let (a, b) = (
        format!("/people/{}/disabling", second.person),
        format!("/people/{}/revocation", fourth.person),
    );
    let (one, other) = join(
        admin.post_form(&a, &disabling),
        app.as_admin().post_form(&b, &revocation),
    )
    .await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

#[actix_web::test]
async fn somebody_new_enrols_and_may_do_nothing_until_the_second_yes() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    let mut fields = asks("operator");
    fields.extend([("email", "New@Test.Example"), ("name", "Newcomer")]);
    let handed = admin.post_form("/people/invitation", &fields).await;
    assert_eq!(handed.status, 200, "{}", handed.text());
    assert!(handed.says("Shown this once"));
    let link = handed.texts("pre").concat();
    let link = link.strip_prefix(&app.url).unwrap().to_owned();
    let id = app.person_of("new@test.example");
    assert_eq!(roles_of(&app, id), []);

    let again = admin.post_form(&format!("/people/{id}/link"), &[]).await;
    assert_eq!(again.status, 200, "they have not come");
    let browser = app.browser();
    assert_eq!(
        browser.get(&link).await.status,
        404,
        "an older link is dead"
    );
    let link = again.texts("pre").concat();
    let link = link.strip_prefix(&app.url).unwrap().to_owned();
    let page = browser.get(&link).await;
    assert!(!page.has_field("Confirmation code"));
    let chosen = [("password", PASSWORD), ("again", PASSWORD)];
    let set = browser.submit(&page, &link, &chosen).await;
    assert_eq!(set.location(), "/enrol/authenticator");
    let late = admin.post_form(&format!("/people/{id}/link"), &[]).await;
    assert_eq!(
        late.status, 409,
        "they have come: from here on it takes two"
    );
    let proposal = waiting(&admin).await;
    let approver = app.second_admin();
    let told = approver.get(&proposal).await.definition("Their sign-in");
    assert_eq!(told, "Not set up yet.", "a password is half of it");
    app.services
        .audit
        .write(&Actor::person(id), |tx| {
            factors::set_authenticator(tx, id, &Seed::generate("new@test.example"), 1)
        })
        .unwrap();
    let told = approver.get(&proposal).await.definition("Their sign-in");
    assert!(told.contains("Ask them yourself"), "{told}");
    let session = app.sign_in_as("new@test.example", "Newcomer", &[]);
    assert_eq!(session.get("/alerts").await.status, 403);
    assert_eq!(
        approve(&app.second_admin(), &waiting(&admin).await)
            .await
            .status,
        303
    );
    let session = app.sign_in_as("new@test.example", "Newcomer", &[]);
    assert_eq!(session.get("/alerts").await.status, 200);

    let twice = admin.post_form("/people/invitation", &fields).await;
    assert_eq!(twice.status, 422);
    assert!(
        twice.says("Somebody has an account with the address new@test.example already."),
        "{}",
        twice.text()
    );
    assert_eq!(
        twice.field("Email").value,
        "New@Test.Example",
        "what was typed is kept"
    );
    for (field, value, words) in [
        ("email", "nobody", "not an e-mail address"),
        ("email", " ", "Give the address"),
        ("name", "", "Say what they are called"),
        ("reason", "", "Say why"),
        ("role", "king", "no such role"),
        ("platform", "x", "no such platform"),
        ("ends", "2020-01-01", "over before it begins"),
    ] {
        let mut wrong = fields.clone();
        wrong.retain(|(name, _)| *name != field);
        wrong.push((field, value));
        let page = admin.post_form("/people/invitation", &wrong).await;
        assert_eq!(page.status, 422, "{field} {value:?}");
        assert!(page.says(words), "{field} {value:?}: {}", page.text());
    }
}

#[actix_web::test]
async fn the_list_is_filtered_and_paged() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    for number in 0..60 {
        let email = format!("crew{number:02}@test.example");
        app.sign_in_as(&email, "Crew 100%", &[Role::Operator]);
    }
    let emails = |page: &crate::support::page::Page| -> Vec<String> {
        page.table("People, by email")
            .into_iter()
            .map(|row| row[0].clone())
            .collect()
    };
    let first = admin.get("/people?role=operator").await;
    assert_eq!(emails(&first).len(), 50);
    let second = admin.get(&first.link("Next")).await;
    assert_eq!(emails(&second).len(), 10);
    assert_eq!(
        emails(&admin.get(&second.link("Previous")).await),
        emails(&first)
    );
    assert_eq!(emails(&admin.get("/people?q=crew07").await).len(), 1);
    assert!(
        admin
            .get("/people?q=0%25_")
            .await
            .says("Nobody fits the filter")
    );
    assert_eq!(
        emails(&admin.get("/people?role=administrator").await).len(),
        1
    );
    assert!(
        admin
            .get("/people?state=disabled")
            .await
            .says("Nobody fits")
    );
    assert_eq!(admin.get("/people?cursor=zz").await.status, 400);
    for role in [Role::Operator, Role::Reviewer, Role::Compliance] {
        assert_eq!(app.as_role(role).get("/people").await.status, 403, "{role}");
    }
    let auditor = app.as_auditor();
    let person = auditor.get(&format!("/people/{}", admin.person)).await;
    assert_eq!(person.status, 200);
    assert!(!person.has_button("Disable account"));
    let lait = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{lait}', 'lait', 'Lait', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let limited = app.as_limited(
        "limited@test.example",
        Role::Administrator,
        Scope::one(lait),
    );
    assert_eq!(
        limited.get("/people").await.status,
        403,
        "people belong to no platform"
    );
}
