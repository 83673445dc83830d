//! What people do about breakers: the safe direction alone, the other one together.

use chrono::TimeDelta;
use signalbox::features::connectors::breaker::{State, Verdict};
use signalbox::features::connectors::gate;
use signalbox::features::connectors::store::proposals;
use signalbox::foundation::auth::Role;

use super::{accounts, ended, go, open, turned, with_bank};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

/// Where what waits for a second person is answered.
fn answer(app: &TestApp, verb: &str) -> String {
    let id = accounts(app).id;
    let open = app.services.db.read(|conn| proposals::open(conn, id));
    let proposal = open.unwrap().unwrap().id;
    format!("/connectors/{id}/proposals/{proposal}/{verb}")
}

async fn change(app: &TestApp, client: &Client, fields: &[(&str, &str)]) -> Page {
    let id = accounts(app).id;
    client
        .post_form(&format!("/connectors/{id}/change"), fields)
        .await
}

#[tokio::test]
async fn one_person_forces_it_open_and_lets_it_try_with_a_reason() {
    let (app, _bank) = with_bank().await;
    let (operator, id) = (app.as_operator(), accounts(&app).id);
    for (fields, says) in [
        (
            vec![("change", "force_open"), ("reason", "  ")],
            "Say why, for whoever wonders later.",
        ),
        (vec![("reason", "kept text")], "Choose what is to happen."),
        (
            vec![("change", "force_open"), ("reason", "a\u{1b}b")],
            "This holds a character that cannot be seen.",
        ),
    ] {
        let page = change(&app, &operator, &fields).await;
        assert_eq!(page.status, 422);
        assert!(page.says(says), "{says}");
    }
    let page = change(&app, &operator, &[("reason", "kept text")]).await;
    assert!(page.body.contains("kept text"), "what was typed stays");
    assert_eq!(accounts(&app).breaker.state, State::Closed);

    let fields = [("change", "force_open"), ("reason", "<b>Their outage</b>")];
    assert_eq!(change(&app, &operator, &fields).await.status, 303);
    assert!(go(&app, id).is_none());
    app.advance(TimeDelta::days(30));
    gate::notice(&app.services).unwrap();
    assert!(go(&app, id).is_none(), "it never expires by itself");
    let operator = app.as_operator();
    let page = operator.get(&format!("/connectors/{id}")).await;
    assert!(page.says("Somebody forced it open. <b>Their outage</b>"));
    let again = change(&app, &operator, &fields).await;
    assert!(again.status == 409 && again.says("It is so already."));
    assert!(again.body.contains("Their outage"), "what was typed stays");

    let fields = [("change", "reset"), ("reason", "They are back")];
    assert_eq!(change(&app, &operator, &fields).await.status, 303);
    assert_eq!(accounts(&app).breaker.state, State::HalfOpen);
    assert!(go(&app, id).is_some() && go(&app, id).is_none());
    assert_eq!(turned(&app, id), ["forced_open forced", "half_open reset"]);
    let event = &app.events_of("breaker.forced_open")[0];
    assert_eq!(event["details"]["reason"], "<b>Their outage</b>");
}

#[tokio::test]
async fn two_people_let_every_call_through_until_an_end() {
    let (app, _bank) = with_bank().await;
    let (first, id) = (app.as_operator(), accounts(&app).id);
    let second = app.sign_in_as("second-operator@test.example", "Second", &[Role::Operator]);
    open(&app, id);
    let page = change(
        &app,
        &first,
        &[("change", "disable"), ("lasts", "99h"), ("reason", "x")],
    )
    .await;
    assert!(page.status == 422 && page.says("Choose until when."));
    let asked = [
        ("change", "disable"),
        ("lasts", "1h"),
        ("reason", "Their status page lies"),
    ];
    assert_eq!(change(&app, &first, &asked).await.status, 303);
    assert_eq!(accounts(&app).breaker.state, State::Open, "nothing yet");
    assert_eq!(change(&app, &first, &asked).await.status, 409, "once");
    let approval = answer(&app, "approval");
    let own = first.post_form(&approval, &[]).await;
    assert!(own.status == 409 && own.says("You asked for this yourself."));
    assert_eq!(second.post_form(&approval, &[]).await.status, 303);
    assert_eq!(accounts(&app).breaker.state, State::Disabled);
    assert_eq!(second.post_form(&approval, &[]).await.status, 409);

    for _ in 0..20 {
        let pass = go(&app, id).unwrap();
        gate::tell(&app.services, pass, &ended(Verdict::Failed)).unwrap();
    }
    assert_eq!(accounts(&app).breaker.state, State::Disabled);
    app.advance(TimeDelta::hours(1));
    assert_eq!(gate::notice(&app.services).unwrap(), 1);
    assert_eq!(accounts(&app).breaker.state, State::HalfOpen);
    assert_eq!(
        turned(&app, id),
        ["open failures", "disabled agreed", "half_open ended"]
    );
}

#[tokio::test]
async fn what_was_asked_for_is_refused_withdrawn_or_lapses() {
    let (app, _bank) = with_bank().await;
    let first = app.as_operator();
    let second = app.sign_in_as("second-operator@test.example", "Second", &[Role::Operator]);
    let asked = [("change", "disable"), ("lasts", "1h"), ("reason", "Try")];
    for (who, kind) in [
        (&second, "breaker.disabling_refused"),
        (&first, "breaker.disabling_withdrawn"),
    ] {
        assert_eq!(change(&app, &first, &asked).await.status, 303);
        let refusal = answer(&app, "refusal");
        assert_eq!(who.post_form(&refusal, &[]).await.status, 303);
        assert_eq!(app.events_of(kind).len(), 1);
    }
    assert_eq!(change(&app, &first, &asked).await.status, 303);
    app.advance(TimeDelta::hours(1));
    let second = app.sign_in_as("second-operator@test.example", "Second", &[Role::Operator]);
    let late = second.post_form(&answer(&app, "approval"), &[]).await;
    assert!(late.status == 409 && late.says("The time that was asked for is over."));
    assert_eq!(accounts(&app).breaker.state, State::Closed);
}

/// Somebody agrees to what they saw, and to nothing that came in its place.
#[tokio::test]
async fn an_approval_is_of_what_was_seen() {
    let (app, _bank) = with_bank().await;
    let first = app.as_operator();
    let second = app.sign_in_as("second-operator@test.example", "Second", &[Role::Operator]);
    let short = [
        ("change", "disable"),
        ("lasts", "1h"),
        ("reason", "Their status page lies"),
    ];
    assert_eq!(change(&app, &first, &short).await.status, 303);
    let seen = answer(&app, "approval");
    let withdrawn = first.post_form(&answer(&app, "refusal"), &[]).await;
    assert_eq!(withdrawn.status, 303);
    let long = [("change", "disable"), ("lasts", "72h"), ("reason", "Test")];
    assert_eq!(change(&app, &first, &long).await.status, 303);
    let other = second.post_form(&seen, &[]).await;
    assert!(
        other.status == 409 && other.says("What is asked for now is not what you saw."),
        "{}",
        other.text()
    );
    assert_eq!(accounts(&app).breaker.state, State::Closed);

    // Nor does it lift what somebody did by hand in between.
    app.advance(TimeDelta::minutes(1));
    let forced = [("change", "force_open"), ("reason", "It pays twice")];
    assert_eq!(change(&app, &first, &forced).await.status, 303);
    let late = second.post_form(&answer(&app, "approval"), &[]).await;
    assert!(late.status == 409 && late.says("It was forced open after that was asked for."));
    assert_eq!(accounts(&app).breaker.state, State::ForcedOpen);
}

/// Twenty-four hours are asked for by mistake, and two people know better.
#[tokio::test]
async fn who_asks_us_to_wait_is_called_again_where_people_say_so() {
    let (app, _bank) = with_bank().await;
    let (first, id) = (app.as_operator(), accounts(&app).id);
    let day = Verdict::Limited(Some(TimeDelta::hours(24)));
    let limited = || {
        let pass = go(&app, id).unwrap();
        gate::tell(&app.services, pass, &ended(day)).unwrap();
    };
    limited();
    assert!(go(&app, id).is_none());
    let page = first.get(&format!("/connectors/{id}")).await;
    assert!(page.says("Calls go out at once, though it asked us to wait."));
    let reset = [("change", "reset"), ("reason", "They told us to go on")];
    assert_eq!(change(&app, &first, &reset).await.status, 303);
    assert_eq!(accounts(&app).breaker.state, State::Closed);
    assert_eq!(turned(&app, id), ["closed reset"]);
    assert_eq!(app.events_of("breaker.wait_ended").len(), 1);
    let nothing = change(&app, &first, &reset).await;
    assert!(nothing.says("There is nothing to try: calls go out."));

    limited();
    let asked = [("change", "disable"), ("lasts", "1h"), ("reason", "Try")];
    assert_eq!(change(&app, &first, &asked).await.status, 303);
    let second = app.sign_in_as("second-operator@test.example", "Second", &[Role::Operator]);
    let agreed = second.post_form(&answer(&app, "approval"), &[]).await;
    assert_eq!(agreed.status, 303);
    for _ in 0..3 {
        limited();
    }
    assert!(go(&app, id).is_some(), "every call goes out");
}

/// The database says so as well.
#[tokio::test]
async fn four_eyes_hold_in_the_database() {
    use diesel::connection::SimpleConnection;
    let (app, _bank) = with_bank().await;
    let asked = [("change", "disable"), ("lasts", "1h"), ("reason", "Try")];
    assert_eq!(change(&app, &app.as_operator(), &asked).await.status, 303);
    let mut conn = app.db.connect_superuser();
    for (sql, constraint) in [
        (
            "UPDATE breaker_proposal SET answer = 'approved', answered_at = now(), answered_by = asked_by",
            "breaker_proposal_four_eyes",
        ),
        (
            "UPDATE breaker_proposal SET ends_at = ends_at + interval '1 day'",
            "never changes",
        ),
        (
            "INSERT INTO breaker_turn (id, breaker_id, at, was, now, why, by_person, by_name, reason) \
             SELECT gen_random_uuid(), breaker_id, now(), 'closed', 'disabled', 'agreed', asked_by, 'x', 'x' \
             FROM breaker_proposal",
            "breaker_turn_agreed",
        ),
        (
            "INSERT INTO breaker_turn (id, breaker_id, at, was, now, why) \
             SELECT gen_random_uuid(), breaker_id, now(), 'closed', 'forced_open', 'forced' FROM breaker_proposal",
            "breaker_turn_reason",
        ),
    ] {
        let refused = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(refused.contains(constraint), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn two_approvals_at_once_give_one() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    let asked = [("change", "disable"), ("lasts", "1h"), ("reason", "Try")];
    assert_eq!(change(&app, &app.as_operator(), &asked).await.status, 303);
    let others: Vec<Client> = (0..4)
        .map(|n| app.sign_in_as(&format!("op{n}@test.example"), "Op", &[Role::Operator]))
        .collect();
    let path = answer(&app, "approval");
    let sent =
        futures_util::future::join_all(others.iter().map(|it| it.post_form(&path, &[]))).await;
    let agreed = sent.iter().filter(|page| page.status == 303).count();
    assert_eq!(agreed, 1);
    assert_eq!(turned(&app, id), ["disabled agreed"]);
}

#[tokio::test]
async fn whoever_only_looks_changes_nothing() {
    let (app, _bank) = with_bank().await;
    for client in [app.as_auditor(), app.as_reviewer(), app.as_compliance()] {
        let fields = [("change", "force_open"), ("reason", "Because")];
        assert_eq!(change(&app, &client, &fields).await.status, 403);
    }
}
