//! Two administrators for whatever widens access: in the program, in the database, and in a race.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use futures_util::future::join;
use signalbox::foundation::auth::Role;
use signalbox::foundation::db::roles::Role as DbRole;

use super::{approve, asks, is_in, propose, roles_of, waiting};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_role_counts_once_a_second_administrator_has_approved_it() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.as_operator();
    let sent = propose(&admin, operator.person, &asks("reviewer")).await;
    let page = format!("/people/{}", operator.person);
    assert_eq!(sent.location(), page, "{}", sent.text());
    assert_eq!(roles_of(&app, operator.person), [Role::Operator]);

    let list = app.with_password(admin.clone()).get("/people").await;
    assert_eq!(
        list.heading(),
        "Only one administrator can act: nothing here can be approved"
    );
    app.with_password(second.clone());
    let list = admin.get("/people").await;
    assert_eq!(list.heading(), "1 change waits for a second administrator");
    assert!(list.says("You proposed this, so another administrator has to approve it."));
    let proposal = waiting(&admin).await;
    assert!(!admin.get(&proposal).await.has_button("Approve"));
    let own = approve(&admin, &proposal).await;
    assert_eq!(own.status, 409, "{}", own.text());
    assert!(own.says("You proposed this"));
    assert_eq!(roles_of(&app, operator.person), [Role::Operator]);

    assert!(second.get(&proposal).await.has_button("Approve"));
    assert!(is_in(&operator).await);
    let approved = approve(&second, &proposal).await;
    assert_eq!(approved.location(), proposal, "{}", approved.text());
    assert_eq!(
        roles_of(&app, operator.person),
        [Role::Operator, Role::Reviewer]
    );
    assert!(
        !is_in(&operator).await,
        "a change of roles ends the sessions"
    );
    assert_eq!(app.as_operator().get("/reviews").await.status, 200);

    let told = app.events_of("role.granted");
    let granted = told
        .iter()
        .find(|event| event["details"]["role"] == "reviewer")
        .unwrap();
    assert_eq!(granted["actor"]["id"], second.person.to_string());
    assert_eq!(granted["details"]["proposed_by"], admin.person.to_string());
    assert_eq!(app.events_of("access.proposed").len(), 1);
    assert_eq!(app.events_of("access.approved").len(), 1);
    let roles = admin.get(&page).await.table("Roles");
    let row = roles
        .iter()
        .find(|row| row[0] == "Reviewing admin")
        .unwrap();
    assert_eq!(row[5], "cover for the night shift");
    assert_eq!(
        row[6],
        "Test administrator (admin@test.example) and Test second administrator (second-admin@test.example)"
    );
    assert_eq!(
        admin.get("/people").await.heading(),
        "Nothing waits for a second administrator"
    );
}

#[actix_web::test]
async fn nobody_approves_what_is_about_themselves() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let sent = propose(&admin, second.person, &asks("operator")).await;
    assert_eq!(sent.status, 303);
    let proposal = waiting(&admin).await;
    let about = approve(&second, &proposal).await;
    assert_eq!(about.status, 409);
    assert!(about.says("about your own access"), "{}", about.text());
    assert_eq!(roles_of(&app, second.person), [Role::Administrator]);
    assert_eq!(approve(&app.third_admin(), &proposal).await.status, 303);
    assert_eq!(
        roles_of(&app, second.person),
        [Role::Administrator, Role::Operator]
    );
    // Of two administrators one has to ask for themselves; the other one is told so, and approves.
    let asked = app.second_admin().get(&proposal).await;
    assert!(!asked.says("Asked for oneself"));
    assert_eq!(
        propose(&admin, admin.person, &asks("operator"))
            .await
            .status,
        303
    );
    let proposal = waiting(&admin).await;
    assert_eq!(approve(&admin, &proposal).await.status, 409);
    let asked = app.second_admin().get(&proposal).await;
    assert!(
        asked.says("Test administrator (admin@test.example) asks this for themselves"),
        "{}",
        asked.text()
    );
    let list = app.second_admin().get("/people").await;
    assert!(list.says("(admin@test.example), for themselves"));
    assert_eq!(approve(&app.second_admin(), &proposal).await.status, 303);
    for what in ["factors", "recovery"] {
        let reason = format!("{what}_reason");
        let path = format!("/people/{}/{what}", app.second_admin().person);
        let own = app
            .second_admin()
            .post_form(&path, &[(&reason, "mine")])
            .await;
        assert_eq!(own.status, 409, "{what}");
    }
}

#[actix_web::test]
async fn of_two_approvals_at_once_one_counts() {
    let app = TestApp::start().await;
    let (admin, second, third) = (app.as_admin(), app.second_admin(), app.third_admin());
    let operator = app.as_operator();
    propose(&admin, operator.person, &asks("reviewer")).await;
    let proposal = waiting(&admin).await;
    let (one, other) = join(approve(&second, &proposal), approve(&third, &proposal)).await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "{} {}", one.text(), other.text());
    assert_eq!(app.events_of("access.approved").len(), 1);
    let reviewers = app.events_of("role.granted");
    let reviewers = reviewers
        .iter()
        .filter(|event| event["details"]["role"] == "reviewer");
    assert_eq!(reviewers.count(), 1);
}

#[actix_web::test]
async fn an_approval_is_of_exactly_what_was_seen_and_in_time() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.as_operator();
    propose(&admin, operator.person, &asks("reviewer")).await;
    let proposal = waiting(&admin).await;
    let approval = format!("{proposal}/approval");
    for seen in ["", "00", &"00".repeat(32)] {
        let blind = second.post_form(&approval, &[("payload", seen)]).await;
        assert_eq!(blind.status, 409, "{seen:?}");
        assert!(blind.says("not what was proposed"));
    }
    // Somebody who can write to the table changes it beneath its hash.
    let changed = "ALTER TABLE person_proposal DISABLE TRIGGER person_proposal_is_kept; \
                   UPDATE person_proposal SET payload = jsonb_set(payload, '{roles}', '[\"compliance\"]')";
    app.db.connect_superuser().batch_execute(changed).unwrap();
    assert_eq!(approve(&second, &proposal).await.status, 409);
    let back =
        "UPDATE person_proposal SET payload = jsonb_set(payload, '{roles}', '[\"reviewer\"]')";
    app.db.connect_superuser().batch_execute(back).unwrap();
    let hash = second
        .get(&proposal)
        .await
        .definition("SHA-256 of the proposal");
    app.advance(TimeDelta::days(7));
    let late = app
        .second_admin()
        .post_form(&approval, &[("payload", &hash)])
        .await;
    assert_eq!(late.status, 409);
    assert!(late.says("void"), "{}", late.text());
    assert_eq!(roles_of(&app, operator.person), [Role::Operator]);
    assert!(
        app.as_admin()
            .get(&proposal)
            .await
            .says("Void: nobody answered in time")
    );
}

#[actix_web::test]
async fn a_proposal_is_withdrawn_or_refused_and_not_asked_twice() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.as_operator();
    for (answerer, kind) in [(&admin, "access.withdrawn"), (&second, "access.refused")] {
        propose(&admin, operator.person, &asks("reviewer")).await;
        let again = propose(&second, operator.person, &asks("reviewer")).await;
        assert_eq!(again.status, 409);
        assert!(again.says("The same is proposed already."));
        let proposal = waiting(&admin).await;
        assert_eq!(again.link("Open the proposal"), proposal);
        let mut shorter = asks("reviewer");
        shorter.push(("ends", "2026-06-01"));
        let other = propose(&second, operator.person, &shorter).await;
        assert_eq!(other.status, 409);
        assert!(
            other.says("Another proposal waits for them already: Grant roles: Reviewing admin."),
            "{}",
            other.text()
        );
        assert_eq!(other.link("Open the proposal"), proposal);
        let answered = answerer
            .post_form(&format!("{proposal}/refusal"), &[])
            .await;
        assert_eq!(answered.location(), proposal);
        assert_eq!(app.events_of(kind).len(), 1, "{kind}");
        assert_eq!(approve(&second, &proposal).await.status, 409);
        let twice = answerer
            .post_form(&format!("{proposal}/refusal"), &[])
            .await;
        assert_eq!(twice.status, 409);
    }
    assert_eq!(roles_of(&app, operator.person), [Role::Operator]);
}

#[actix_web::test]
async fn who_proposed_and_is_no_administrator_any_more_proposed_nothing() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.as_operator();
    propose(&admin, operator.person, &asks("reviewer")).await;
    let proposal = waiting(&admin).await;
    let path = format!("/people/{}/disabling", admin.person);
    let gone = second.post_form(&path, &[("disable_reason", "left")]).await;
    assert_eq!(gone.status, 303, "{}", gone.text());
    let late = approve(&second, &proposal).await;
    assert_eq!(late.status, 409);
    assert!(late.says("no administrator any more"), "{}", late.text());
}

/// The application's own connection, with whatever the program above it might try.
#[actix_web::test]
async fn the_database_holds_to_four_eyes_as_well() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.as_operator();
    propose(&admin, operator.person, &asks("reviewer")).await;
    propose(&admin, second.person, &asks("operator")).await;
    let (one, two, person) = (admin.person, second.person, operator.person);
    let answer = |by: &str, about: &str| {
        format!(
            "UPDATE person_proposal SET decision = 'approved', decided_by = '{by}', decided_at = proposed_at, \
             decided_sha256 = payload_sha256 WHERE person_id = '{about}'"
        )
    };
    let grant = |by: &str| {
        format!(
            "INSERT INTO person_role (person_id, role, granted_by, granted_at, starts_at, reason) \
             VALUES ('{person}', 'reviewer', 'person:{by}', now(), now(), 'why')"
        )
    };
    let (one, two, person) = (one.to_string(), two.to_string(), person.to_string());
    let late = answer(&two, &person).replace("decided_at = proposed_at", "decided_at = expires_at");
    let blind =
        answer(&two, &person).replace("decided_sha256 = payload_sha256", "decided_sha256 = NULL");
    for (statement, rule) in [
        (answer(&one, &person), "person_proposal_four_eyes"),
        (answer(&two, &two), "person_proposal_not_oneself"),
        (late, "person_proposal_in_time"),
        (blind, "person_proposal_payload"),
        (
            "UPDATE person_proposal SET decision = 'refused'".to_owned(),
            "person_proposal_check",
        ),
        (grant(&two), "person_role_second_administrator"),
        (
            grant(&two).replace("granted_by", "proposal_id, proposed_by, granted_by").replace(
                "'person:",
                &format!("(SELECT id FROM person_proposal WHERE person_id = '{person}'), 'person:{one}', 'person:"),
            ),
            "person_role_second_administrator",
        ),
        (
            format!(
                "INSERT INTO person_role (person_id, role, granted_by, granted_at, starts_at, reason) \
                 VALUES ('{person}', 'auditor', 'command_line:x', now(), now(), 'why')"
            ),
            "auditors_are_time_boxed",
        ),
    ] {
        let mut conn = app.db.connect(DbRole::App);
        let refused = sql_query(&statement).execute(&mut conn).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.contains(rule) || rule == "person_role_second_administrator" && told.contains("two administrators"),
            "{statement}: {told}"
        );
    }
    let mut conn = app.db.connect(DbRole::App);
    for forbidden in [
        "UPDATE person_proposal SET payload = '{}'",
        "UPDATE person_role SET role = 'administrator'",
        "DELETE FROM person_proposal",
        "DELETE FROM person_role_past",
    ] {
        let told = sql_query(forbidden)
            .execute(&mut conn)
            .unwrap_err()
            .to_string();
        assert!(told.contains("permission denied"), "{forbidden}: {told}");
    }
    // Answered once, by whomever.
    sql_query(answer(&two, &person)).execute(&mut conn).unwrap();
    let again = sql_query(answer(&two, &person))
        .execute(&mut conn)
        .unwrap_err();
    assert!(again.to_string().contains("answered once"), "{again}");
    sql_query(format!(
        "UPDATE person SET disabled_at = now() WHERE id = '{person}'"
    ))
    .execute(&mut conn)
    .unwrap();
    let alone = sql_query(format!(
        "UPDATE person SET disabled_at = NULL WHERE id = '{person}'"
    ));
    let told = alone.execute(&mut conn).unwrap_err().to_string();
    assert!(told.contains("enabled by two"), "{told}");
}
