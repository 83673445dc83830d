//! From the slot to the review.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use signalbox::features::alerts::{evaluate, store as alerts};
use signalbox::features::checklists::run::State;
use signalbox::foundation::kernel::Scope;

use super::{
    listed, morning, pack, path, probed, report, runs, second, sign_by_hand, signed, tick, waiting,
};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

/// LT-17
#[actix_web::test]
async fn a_list_opens_once_is_signed_and_looked_over_by_somebody_else() {
    let app = listed().await;
    assert_eq!(tick(&app), 0, "it is not ten yet");
    let run = morning(&app).await;
    assert_eq!(tick(&app), 0, "once");
    assert_eq!(run.slot, app.now());
    let operator = app.as_operator();
    let list = operator.get("/checklists").await;
    assert_eq!(list.heading(), "1 checklist waits for you");
    let path = path(&run);
    let page = operator.get(&path).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(rows[0][1].contains("as it should be"), "{rows:?}");
    assert!(
        rows[0][1].contains("state of api-health, seen 2 Mar, 10:00"),
        "{rows:?}"
    );
    assert!(rows[2][3].contains("is not answered"), "{rows:?}");
    assert!(!page.has_button("Sign this checklist"));
    let early = operator.post_form(&format!("{path}/signature"), &[]).await;
    assert_eq!(early.status, 409);
    assert!(early.says("Something is still missing"));

    sign_by_hand(&operator, &run).await;
    let signature = runs(&app, "morning").remove(0).signature.unwrap();
    let digest = Sha256::digest(signature.contents.as_bytes());
    assert_eq!(digest.as_slice(), signature.digest);
    let contents: Value = serde_json::from_str(&signature.contents).unwrap();
    assert_eq!(contents["answers"][0]["value"], "up");
    assert_eq!(contents["answers"][0]["source"], "state of api-health");
    assert_eq!(contents["signed_name"], "Test operator");
    let exported = operator.get(&format!("{path}/json")).await;
    assert_eq!(exported.body, signature.contents, "to the byte");

    let accept = [("verdict", "accept")];
    let review = format!("{path}/review");
    let own = operator.post_form(&review, &accept).await;
    assert_eq!(own.status, 409);
    assert!(own.says("does not review it as well"));
    let page = operator.get(&path).await;
    assert!(page.says("somebody else has to look it over"));
    let other = second(&app);
    let list = other.get("/checklists").await;
    assert_eq!(list.heading(), "1 checklist waits for you");
    let done = other.post_form(&review, &accept).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let page = other.get(&path).await;
    assert_eq!(page.heading(), "Morning check: signed and reviewed");
    assert!(page.definition("Reviewed").contains("Second operator"));
    let list = other.get("/checklists").await;
    assert_eq!(list.heading(), "No checklist waits for you");
    assert_eq!(
        kinds(&app),
        [
            "checklist.accepted",
            "checklist.answered",
            "checklist.exported",
            "checklist.opened",
            "checklist.signed"
        ]
    );
}

fn kinds(app: &TestApp) -> Vec<String> {
    let events = app.events();
    let kinds = events.iter().filter_map(|event| event["kind"].as_str());
    let kinds = kinds.filter(|kind| kind.starts_with("checklist."));
    let mut kinds: Vec<String> = kinds.map(str::to_owned).collect();
    // The order in which events lie unsealed says nothing.
    kinds.sort_unstable();
    kinds
}

#[actix_web::test]
async fn what_is_stale_or_unknown_is_no_pass_and_needs_a_note() {
    let app = listed().await;
    report(&app, 2.0);
    app.advance(TimeDelta::hours(3));
    tick(&app);
    let run = runs(&app, "morning").remove(0);
    let operator = app.as_operator();
    let page = operator.get(&path(&run)).await;
    assert_eq!(
        page.heading(),
        "2 of 3 items are not as they should be; to be signed"
    );
    let rows = page.table("What is asked, and what was answered");
    assert!(rows[0][1].contains("nobody knows"), "never run: {rows:?}");
    assert!(
        rows[1][1].contains("nobody knows"),
        "three hours old: {rows:?}"
    );
    assert!(rows[1][3].contains("needs a note"), "{rows:?}");

    // No person says that it is as it should be in place of what was read.
    let item = format!("{}/items/load", path(&run));
    let lie = [("outcome", "pass"), ("note", "It looked low to me.")];
    assert_eq!(operator.post_form(&item, &lie).await.status, 303);
    let page = operator.get(&path(&run)).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(rows[1][1].contains("nobody knows"), "{rows:?}");
    assert!(rows[1][2].contains("It looked low to me."), "{rows:?}");

    // A probe that is called up while its last run failed is not as it should be.
    probed(&app, "up", Some("refused"));
    report(&app, 9.0);
    let again = operator
        .post_form(&format!("{}/readings", path(&run)), &[])
        .await;
    assert_eq!(again.status, 303, "{}", again.text());
    let page = operator.get(&path(&run)).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(
        rows[0][1].contains("not as it should be") && rows[0][1].contains("its last run failed"),
        "{rows:?}"
    );
    assert!(rows[1][1].contains("not as it should be"), "{rows:?}");
    assert!(
        rows[1][3].contains("needs a note"),
        "another answer: {rows:?}"
    );
}

#[actix_web::test]
async fn what_nobody_signed_and_what_was_due_in_a_standstill_is_missed() {
    let app = listed().await;
    morning(&app).await;
    app.advance(TimeDelta::days(4));
    assert_eq!(tick(&app), 1);
    let states: Vec<(String, State)> = runs(&app, "morning")
        .iter()
        .map(|run| (run.slot.format("%d %H:%M").to_string(), run.state))
        .collect();
    let missed = |day: &str| (format!("{day} 10:00"), State::Missed);
    assert_eq!(
        states,
        [
            ("06 10:00".to_owned(), State::Open),
            missed("05"),
            missed("04"),
            missed("03"),
            missed("02"),
        ]
    );
    let notes: Vec<String> = runs(&app, "morning")
        .into_iter()
        .filter_map(|run| run.ended.map(|(_, note)| note))
        .collect();
    assert!(notes[0].contains("stood still"), "{notes:?}");
    assert!(notes[3].contains("Nobody had signed it"), "{notes:?}");
    assert_eq!(app.events_of("checklist.missed").len(), 4);
    let page = app.as_operator().get("/checklists").await;
    let rows = page.table("The last ones, newest first");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row[1].contains("missed")), "{rows:?}");
    assert_eq!(tick(&app), 0);
}

#[actix_web::test]
async fn a_list_with_other_times_or_none_begins_anew() {
    let app = listed().await;
    morning(&app).await;
    app.advance(TimeDelta::days(2));
    apply(&app, &pack().replace("0 10 * * *", "0 11 * * *"));
    assert_eq!(tick(&app), 0, "what it would have been is not missed");
    assert_eq!(runs(&app, "morning").len(), 1);
    app.advance(TimeDelta::hours(1));
    assert_eq!(tick(&app), 1);
    assert_eq!(runs(&app, "morning").len(), 2);
    let gone = runs(&app, "morning").remove(0);
    apply(&app, SMALL);
    assert_eq!(tick(&app), 1);
    assert_eq!(waiting(&app), 0);
    let page = app.as_operator().get(&path(&gone)).await;
    assert!(page.definition("Ended").contains("names it no more"));
}

#[actix_web::test]
async fn what_is_overdue_lights_a_lamp_until_it_is_done() {
    let app = listed().await;
    let lit = |app: &TestApp| {
        app.advance(TimeDelta::seconds(61));
        tick(app);
        evaluate::tick(&app.services).unwrap();
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let open = app.services.db.read(open).unwrap();
        let firing = open.iter().filter(|alert| alert.firing);
        firing.map(|alert| alert.name.clone()).collect::<Vec<_>>()
    };
    let run = morning(&app).await;
    assert_eq!(lit(&app), Vec::<String>::new());
    app.advance(TimeDelta::hours(2));
    assert_eq!(lit(&app), ["A checklist is overdue"]);
    let operator = app.as_operator();
    let list = operator.get("/checklists").await;
    assert_eq!(list.heading(), "1 checklist waits for you; 1 is overdue");
    sign_by_hand(&operator, &run).await;
    assert_eq!(lit(&app), Vec::<String>::new(), "its review is not due yet");
    app.advance(TimeDelta::hours(2));
    assert_eq!(lit(&app), ["A checklist is overdue"]);
    let review = format!("{}/review", path(&run));
    let object = [("verdict", "object"), ("note", "Nobody read the log.")];
    let sent = second(&app).post_form(&review, &object).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(lit(&app), Vec::<String>::new());
    let page = app.as_operator().get(&path(&run)).await;
    assert!(page.definition("Reviewed").contains("Nobody read the log."));
    assert!(page.heading().contains("with an objection"));
}

/// "Known noise" was said of twelve errors, and says nothing of four thousand.
#[actix_web::test]
async fn a_note_stays_with_what_is_read_again_only_while_that_is_as_it_was() {
    let app = listed().await;
    app.advance(TimeDelta::hours(1));
    probed(&app, "up", None);
    report(&app, 12.0);
    tick(&app);
    let run = runs(&app, "morning").remove(0);
    let operator = app.as_operator();
    let path = path(&run);
    let item = format!("{path}/items/load");
    operator.post_form(&item, &[("note", "Known noise")]).await;
    let read = format!("{path}/readings");
    operator.post_form(&read, &[]).await;
    assert!(operator.get(&path).await.says("Known noise"));
    report(&app, 4_000.0);
    operator.post_form(&read, &[]).await;
    let page = operator.get(&path).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(
        rows[1][1].contains("4000") || rows[1][1].contains("4,000"),
        "{rows:?}"
    );
    assert!(rows[1][3].contains("needs a note"), "{rows:?}");
}

#[actix_web::test]
async fn what_was_signed_is_changed_by_nobody() {
    let app = listed().await;
    let run = signed(&app).await;
    let operator = app.as_operator();
    let late = operator
        .post_form(&format!("{}/items/log", path(&run)), &[("outcome", "pass")])
        .await;
    assert_eq!(late.status, 409, "{}", late.text());
    let again = operator
        .post_form(&format!("{}/readings", path(&run)), &[])
        .await;
    assert_eq!(again.status, 409);
    let mut conn = app.db.connect_superuser();
    let by = second(&app).person;
    for change in [
        "UPDATE checklist_run SET contents = '{}'".to_owned(),
        "UPDATE checklist_run SET contents = '{}', digest = sha256('{}')".to_owned(),
        "UPDATE checklist_run SET spec = '{}'".to_owned(),
        "UPDATE checklist_run SET state = 'open'".to_owned(),
        "UPDATE checklist_run SET state = 'missed', ended_at = now(), end_note = ''".to_owned(),
        // Whoever did it, whatever the program above says.
        "UPDATE checklist_run SET state = 'accepted', reviewed_at = now(), reviewed_by = signed_by"
            .to_owned(),
        format!(
            "INSERT INTO checklist_answer SELECT '{by}', run_id, item, at, answered_by, answered_name, 'pass', value, \
             source, seen_at, note, reference, alert_id FROM checklist_answer LIMIT 1"
        ),
    ] {
        let refused = conn.batch_execute(&change).unwrap_err().to_string();
        assert!(
            refused.contains("never changes")
                || refused.contains("no more answers")
                || refused.contains("four_eyes"),
            "{change}: {refused}"
        );
    }
    let app_role = app.db.connect(signalbox::foundation::db::roles::Role::App);
    let mut app_role = app_role;
    for change in [
        "DELETE FROM checklist_run",
        "UPDATE checklist_answer SET note = ''",
        "DELETE FROM checklist_answer",
    ] {
        let refused = app_role.batch_execute(change).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{change}: {refused}");
    }
}
