//! Grants for reports: who gives them, who opens what, and that to everybody else there is nothing.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bytea};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use signalbox::app::routes;
use signalbox::features::sar::actions::{Error, Wanted, give, take_back};
use signalbox::features::sar::grant::Refusal;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::sar::{SarGrant, is_compartment};
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::db::roles::Role as DbRole;
use signalbox::foundation::web::Access;

use crate::support::app::TestApp;
use crate::support::page::{Page, without_keys};
use crate::support::personas::Client;

const PAGE: &str = "/sar/grants";
const OPENING: &str = "/sar/grants/opening";

fn wanted(app: &TestApp, email: &str, grant: SarGrant) -> Wanted {
    Wanted {
        email: email.to_owned(),
        grant,
        purpose: "a test".to_owned(),
        starts_at: app.now(),
        ends_at: app.now() + chrono::Duration::days(30),
    }
}

/// What the second log was told. The clock of the tests stands still, so it is in no order.
fn told(app: &TestApp) -> Vec<Value> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bytea)]
        body: Vec<u8>,
    }
    let rows: Vec<Row> = sql_query("SELECT body FROM sar_audit_inbox ORDER BY recorded_at, id")
        .load(&mut app.db.connect_superuser())
        .unwrap();
    rows.iter()
        .map(|row| serde_json::from_slice(&row.body).unwrap())
        .collect()
}

fn kinds(app: &TestApp) -> Vec<String> {
    let events = told(app);
    let mut kinds: Vec<String> = events
        .iter()
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds
}

async fn opened(client: &Client) -> Page {
    let answer = client.post_form(OPENING, &[("purpose", "case 7")]).await;
    assert_eq!(answer.location(), PAGE);
    client.get(PAGE).await
}

fn proposal<'a>(email: &'a str, grant: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("email", email),
        ("grant", grant),
        ("purpose", "reading along"),
        ("from", "2026-03-02"),
        ("until", "2026-04-30"),
    ]
}

/// Where the first form of this page that ends so posts to.
fn action(page: &Page, ending: &str) -> Option<String> {
    let start = "action=\"";
    page.body.match_indices(start).find_map(|(at, _)| {
        let action = page.body[at + start.len()..].split('"').next()?;
        action.ends_with(ending).then(|| action.to_owned())
    })
}

#[actix_web::test]
async fn the_first_two_are_given_by_the_command_line_and_no_third() {
    let app = TestApp::start().await;
    let actor = Actor::command_line("ops");
    let [one, two, three] = ["one@test.example", "two@test.example", "three@test.example"];
    for email in [one, two, three] {
        app.sign_in_as(email, email, &[Role::Compliance]);
    }
    let give = |email| give(&app.services, &actor, &wanted(&app, email, SarGrant::Read));
    give(one).unwrap();
    assert!(matches!(give(one), Err(Error::Refused(Refusal::Exists))));
    assert!(matches!(
        give("nobody@test.example"),
        Err(Error::Refused(Refusal::Nobody))
    ));
    give(two).unwrap();
    assert!(matches!(give(three), Err(Error::Refused(Refusal::TwoHold))));
    take_back(&app.services, &actor, one, SarGrant::Read).unwrap();
    give(three).unwrap();
    // What has run out counts no more, and makes room for the next.
    app.advance(chrono::Duration::days(31));
    give(three).unwrap();
    assert_eq!(
        kinds(&app),
        ["ended", "given", "given", "given", "given"].map(|what| format!("sar.grant_{what}"))
    );
}

#[actix_web::test]
async fn one_proposes_another_approves_and_either_takes_it_back() {
    let app = TestApp::start().await;
    let (first, second) = (
        app.sar_holder("one@test.example"),
        app.sar_holder("two@test.example"),
    );
    let reviewer = app.as_reviewer();
    opened(&first).await;
    let sent = first
        .post_form(PAGE, &proposal("reviewer@test.example", "sar.read"))
        .await;
    assert_eq!(sent.location(), PAGE, "{}", sent.text());
    let page = first.get(PAGE).await;
    assert!(page.says("1 proposal waits for approval"));
    assert_eq!(action(&page, "/approval"), None, "not by the proposer");
    let end = action(&page, "/end").unwrap();
    let approval = end.replace("/end", "/approval");
    assert_eq!(first.post_form(&approval, &[]).await.status, 409);
    assert_eq!(reviewer.post_form(&approval, &[]).await.status, 404);
    assert_eq!(
        reviewer.get(PAGE).await.status,
        404,
        "a proposal gives nothing"
    );

    assert_eq!(
        action(&opened(&second).await, "/approval"),
        Some(approval.clone())
    );
    assert_eq!(second.post_form(&approval, &[]).await.location(), PAGE);
    assert_eq!(second.post_form(&approval, &[]).await.status, 409, "once");
    assert!(reviewer.get("/").await.says("Grants for reports"));
    assert!(reviewer.get(PAGE).await.says("What do you open it for?"));
    assert!(opened(&reviewer).await.says("reading along"));

    assert_eq!(first.post_form(&end, &[]).await.location(), PAGE);
    assert_eq!(reviewer.get(PAGE).await.status, 404, "at the next request");
    assert!(!reviewer.get("/").await.says("Grants for reports"));
    assert!(first.get(PAGE).await.says("Taken back"));
}

#[actix_web::test]
async fn nobody_gives_to_themselves_nor_what_they_do_not_hold() {
    let app = TestApp::start().await;
    let actor = Actor::command_line("ops");
    let reader = app.as_compliance();
    app.as_auditor();
    give(
        &app.services,
        &actor,
        &wanted(&app, "compliance@test.example", SarGrant::Read),
    )
    .unwrap();
    opened(&reader).await;
    let drafter = app.sar_holder("one@test.example");
    opened(&drafter).await;
    for (client, email, grant, says) in [
        (
            &reader,
            "compliance@test.example",
            "sar.read",
            "Nobody gives a grant to themselves.",
        ),
        (
            &reader,
            "reviewer@test.example",
            "sar.file",
            "Only somebody who holds the grant gives it.",
        ),
        (
            &reader,
            "nobody@test.example",
            "sar.read",
            "Nobody here has this address.",
        ),
        (
            &reader,
            "one@test.example",
            "sar.read",
            "They hold it already, or somebody has proposed it.",
        ),
        (
            &drafter,
            "auditor@test.example",
            "sar.draft",
            "An auditor reads reports and does nothing else",
        ),
    ] {
        let answer = client.post_form(PAGE, &proposal(email, grant)).await;
        assert_eq!(answer.status, 422, "{email} {grant}: {}", answer.text());
        assert!(answer.says(says), "{}", answer.text());
        assert_eq!(answer.field("Email").value, email, "what was typed is kept");
        assert!(answer.body.contains("reading along"));
    }
    let mut late = proposal("auditor@test.example", "sar.read");
    late[4].1 = "2026-03-01";
    assert!(
        drafter
            .post_form(PAGE, &late)
            .await
            .says("It ends after it starts")
    );
    let sent = drafter
        .post_form(PAGE, &proposal("auditor@test.example", "sar.read"))
        .await;
    assert_eq!(sent.location(), PAGE);
}

#[actix_web::test]
async fn two_approvals_at_once_are_one_and_an_end_beside_one_is_the_end() {
    let app = TestApp::start().await;
    let holders = [
        app.sar_holder("one@test.example"),
        app.sar_holder("two@test.example"),
    ];
    let [first, second] = &holders;
    app.as_reviewer();
    opened(first).await;
    first
        .post_form(PAGE, &proposal("reviewer@test.example", "sar.read"))
        .await;
    let end = action(&first.get(PAGE).await, "/end").unwrap();
    let approval = end.replace("/end", "/approval");
    let posts = (0..6).map(|_| second.post_form(&approval, &[]));
    let statuses: Vec<u16> = join_all(posts)
        .await
        .iter()
        .map(|page| page.status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    let ends = holders.iter().map(|holder| holder.post_form(&end, &[]));
    let statuses: Vec<u16> = join_all(ends)
        .await
        .iter()
        .map(|page| page.status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    let kinds = kinds(&app);
    for once in ["sar.grant_approved", "sar.grant_ended"] {
        assert_eq!(
            kinds.iter().filter(|kind| *kind == once).count(),
            1,
            "{once}"
        );
    }
}

#[actix_web::test]
async fn each_look_is_told_to_the_second_log_with_its_purpose_and_to_no_other() {
    let app = TestApp::start().await;
    let holder = app.as_sar_holder();
    let before = app.events().len();
    let unopened = holder.get(PAGE).await;
    assert!(unopened.says("What do you open it for?"));
    let refused = holder.post_form(OPENING, &[("purpose", "  ")]).await;
    assert_eq!(refused.status, 422);
    opened(&holder).await;
    holder.get(PAGE).await;
    let looks = told(&app);
    let mut looks: Vec<_> = looks
        .iter()
        .filter(|event| event["kind"] == "sar.viewed" || event["kind"] == "sar.opened")
        .map(|event| {
            (
                event["kind"].as_str().unwrap(),
                event["details"]["purpose"].as_str().unwrap(),
            )
        })
        .collect();
    looks.sort_unstable();
    assert_eq!(
        looks,
        [
            ("sar.opened", "case 7"),
            ("sar.viewed", "case 7"),
            ("sar.viewed", "case 7")
        ]
    );
    // A form of an older session of theirs: denied, and told where the rest is.
    let forged = [("purpose", "case 7"), ("csrf", "another")];
    assert_eq!(holder.post_form(OPENING, &forged).await.status, 303);
    assert!(kinds(&app).contains(&"access.denied".to_owned()));
    assert_eq!(app.events().len(), before, "the main log learns nothing");
    app.advance(chrono::Duration::minutes(14));
    holder.get("/account").await;
    app.advance(chrono::Duration::minutes(2));
    assert!(
        holder.get(PAGE).await.says("What do you open it for?"),
        "a quarter of an hour"
    );
}

fn counts(app: &TestApp) -> (i64, i64, i64) {
    #[derive(QueryableByName)]
    struct Counts {
        #[diesel(sql_type = BigInt)]
        main: i64,
        #[diesel(sql_type = BigInt)]
        sar: i64,
        #[diesel(sql_type = BigInt)]
        parked: i64,
    }
    let query = "SELECT (SELECT count(*) FROM audit_inbox) AS main, (SELECT count(*) FROM sar_audit_inbox) AS sar, \
                 (SELECT count(*) FROM parked_form) AS parked";
    let found: Counts = sql_query(query)
        .get_result(&mut app.db.connect_superuser())
        .unwrap();
    (found.main, found.sar, found.parked)
}

/// An answer as its reader gets it, without what is its own each time.
async fn answer(
    client: &Client,
    method: &Method,
    path: &str,
    same_origin: bool,
) -> (u16, Vec<String>, String) {
    let mut request = client.request(method.clone(), path);
    if same_origin {
        request = request.header("sec-fetch-site", "same-origin");
    }
    if *method == Method::POST {
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("purpose=typed&csrf={}", client.csrf));
    }
    let page = Page::read(request.send().await.unwrap()).await;
    let id = page.header("x-request-id").unwrap_or_default().to_owned();
    let mut headers: Vec<String> = page
        .headers
        .iter()
        // Whether the connection is kept depends on how much of the body has come when the answer is there.
        .filter(|(name, _)| !["date", "x-request-id", "connection"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
        .collect();
    headers.sort();
    let body = page.body.replace(&id, "REQUEST").replace("sar", "zar");
    (page.status, headers, without_keys(&body))
}

#[actix_web::test]
async fn to_everybody_else_there_is_nothing_at_these_addresses() {
    let app = TestApp::start().await;
    app.sar_holder("one@test.example");
    let mut clients = vec![app.as_outsider(), app.as_half_signed(Stage::SecondFactor)];
    clients.extend(Role::ALL.map(|role| app.as_role(role)));
    let before = counts(&app);
    let nobodys = "01900000-0000-7000-8000-000000000000";
    let table = routes();
    let hidden: Vec<String> = table
        .iter()
        .filter(|route| is_compartment(route.path))
        .map(|route| route.path.replace("{id}", nobodys))
        .collect();
    assert!(hidden.len() > 3);
    for client in &clients {
        for path in &hidden {
            let unknown = path.replace("/sar/", "/zar/");
            for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD] {
                for same_origin in [true, false] {
                    let there = answer(client, &method, path, same_origin).await;
                    let nowhere = answer(client, &method, &unknown, same_origin).await;
                    assert_eq!(there, nowhere, "{method} {path} for {:?}", client.email);
                    assert_eq!(there.0, 404);
                }
            }
        }
    }
    assert_eq!(counts(&app), before, "nothing is noted anywhere");
}

#[actix_web::test]
async fn the_compartments_routes_and_its_access_are_the_same() {
    for route in routes().iter() {
        assert_eq!(
            is_compartment(route.path),
            matches!(route.access, Access::Sar(_)),
            "{}",
            route.path
        );
    }
}

#[actix_web::test]
async fn the_database_holds_to_four_eyes_and_shows_the_table_to_holders_alone() {
    let app = TestApp::start().await;
    let holder = app.as_sar_holder();
    let stranger = app.as_reviewer();
    let mut conn = app.db.connect_superuser();
    let insert = |person: &str, by: &str, approved: &str| {
        format!(
            "INSERT INTO sar_grant (id, person_id, name, purpose, starts_at, ends_at, proposed_by, proposed_at, \
                 approved_by, approved_at) \
             VALUES (gen_random_uuid(), '{person}', 'sar.read', 'x', now(), now() + interval '1 day', '{by}', now(), \
                 '{approved}', now())"
        )
    };
    let (to, by) = (
        stranger.person.to_string(),
        format!("person:{}", holder.person),
    );
    let own = format!("person:{to}");
    for (by, approved, rule) in [
        (&by, &by, "sar_grant_four_eyes"),
        (&own, &by, "sar_grant_not_ones_own"),
        (&by, &own, "sar_grant_not_ones_own"),
    ] {
        let refused = conn.batch_execute(&insert(&to, by, approved)).unwrap_err();
        assert!(refused.to_string().contains(rule), "{refused}");
    }
    let change = "UPDATE sar_grant SET purpose = 'another'";
    assert!(
        conn.batch_execute(change)
            .unwrap_err()
            .to_string()
            .contains("answered once")
    );

    let mut seen = app.db.connect(DbRole::App);
    for (sar, actor, rows) in [
        ("", by.as_str(), false),
        ("granted", own.as_str(), false),
        ("granted", "", false),
        ("granted", by.as_str(), true),
    ] {
        let context = format!(
            "BEGIN; SELECT set_config('app.sar', '{sar}', true), set_config('app.actor', '{actor}', true)"
        );
        seen.batch_execute(&context).unwrap();
        let found: Vec<Found> = sql_query("SELECT count(*) AS count FROM sar_grant")
            .load(&mut seen)
            .unwrap();
        assert_eq!(found[0].count > 0, rows, "{sar} {actor}");
        seen.batch_execute("ROLLBACK").unwrap();
    }
    for write in [
        "INSERT INTO person_grant SELECT id, 'sar.read', now(), now() + interval '1 day' FROM person",
        "DELETE FROM sar_grant",
        "UPDATE sar_grant SET ends_at = 'infinity'",
    ] {
        let refused = seen.batch_execute(write).unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{write}: {refused}"
        );
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    count: i64,
}
