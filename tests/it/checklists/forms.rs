//! Lists by hand: starting them, answering them, evidence, and who may.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use signalbox::features::checklists::run::State;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{list, listed, morning, path, runs, second, sign, tick};
use crate::packs::apply;
use crate::support::app::TestApp;
use crate::support::personas::Client;

async fn started(app: &TestApp, by: &Client) -> String {
    let start = format!("/checklists/{}/runs", list(app, "deployment"));
    let sent = by.post_form(&start, &[("subject", "Release 2.4")]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    sent.location().to_owned()
}

/// FC-9
#[actix_web::test]
async fn evidence_is_kept_with_its_hash() {
    let app = listed().await;
    let operator = app.as_operator();
    let run = started(&app, &operator).await;
    let answer = |item: &str| format!("{run}/items/{item}");
    let pass = [("outcome", "pass")];
    operator.post_form(&answer("tests"), &pass).await;
    operator.post_form(&answer("restore"), &pass).await;
    let page = operator.get(&run).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(rows[1][3].contains("needs evidence"), "{rows:?}");
    let page = operator.get(&answer("restore")).await;
    assert!(page.has_field("File"));
    let add = format!("{}/evidence", answer("restore"));
    let none = operator.upload(&add, &[], &[]).await;
    assert_eq!(none.status, 422);
    assert!(none.says("Choose a file that is not empty."));
    let sent = operator
        .upload(&add, &[], &[("file", "restored 12 tables\n")])
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let page = operator.get(&run).await;
    let rows = page.table("What is asked, and what was answered");
    assert!(rows[1][2].contains("SHA-256"), "{rows:?}");
    let event = &app.events_of("checklist.evidence_added")[0];
    let kept = event["details"]["sha256"].as_str().unwrap();
    assert!(rows[1][2].contains(kept), "{rows:?}");
    let (_, link) = page.body.split_once("/checklists/evidence/").unwrap();
    let file = format!("/checklists/evidence/{}", &link[..36]);
    let file = operator.get(&file).await;
    assert_eq!(file.body, "restored 12 tables\n");
    let refused = operator
        .upload(
            &format!("{}/evidence", answer("tests")),
            &[],
            &[("file", "x")],
        )
        .await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("This item takes no file."));
    // The short form asks for no reference, and takes none away.
    let referenced = [("outcome", "pass"), ("reference", "CI-7")];
    operator.post_form(&answer("tests"), &referenced).await;
    operator.post_form(&answer("tests"), &pass).await;
    assert!(operator.get(&run).await.says("CI-7"));
    sign(&operator, &run).await;
    let contents = operator.get(&format!("{run}/json")).await.body;
    assert!(
        contents.contains(kept),
        "the hash is part of what was signed"
    );
    // Whoever took it out of the house is written down.
    for format in ["csv", "print"] {
        operator.get(&format!("{run}/{format}")).await;
    }
    let exported = app.events_of("checklist.exported");
    let formats: Vec<&str> = exported
        .iter()
        .filter_map(|event| event["details"]["format"].as_str())
        .collect();
    assert_eq!(formats.len(), 3, "{formats:?}");
    let read = app.events_of("checklist.evidence_read");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["details"]["sha256"], kept);
}

#[actix_web::test]
async fn what_makes_no_sense_is_said_and_what_was_typed_is_kept() {
    let app = listed().await;
    let operator = app.as_operator();
    let start = format!("/checklists/{}/runs", list(&app, "deployment"));
    let page = operator.post_form(&start, &[("subject", " ")]).await;
    assert_eq!(page.status, 422);
    assert!(page.says("Say what it is for."), "{}", page.text());
    let by_itself = format!("/checklists/{}/runs", list(&app, "morning"));
    let page = operator.post_form(&by_itself, &[("subject", "x")]).await;
    assert_eq!(page.status, 422);
    let run = started(&app, &operator).await;
    let item = format!("{run}/items/tests");
    for (fields, says) in [
        (
            vec![("note", "typed")],
            "Say whether it is as it should be.",
        ),
        (
            vec![("outcome", "unknown"), ("note", "typed")],
            "Say whether it is as it should be.",
        ),
        (
            vec![("outcome", "fail"), ("reference", "T-1")],
            "Say what is wrong, or why.",
        ),
        (
            vec![("outcome", "not_applicable")],
            "Say what is wrong, or why.",
        ),
        (
            vec![("outcome", "pass"), ("note", "a\u{8}b")],
            "a character that cannot be seen",
        ),
        (
            vec![("outcome", "pass"), ("alert", "none")],
            "Choose one of the alerts",
        ),
    ] {
        let page = operator.post_form(&item, &fields).await;
        assert_eq!(page.status, 422, "{fields:?}");
        assert!(page.says(says), "{fields:?}: {}", page.text());
        if fields.contains(&("note", "typed")) {
            assert_eq!(page.field("Note (optional)").value, "typed");
        }
    }
    assert_eq!(
        operator.get(&format!("{run}/items/nothing")).await.status,
        404
    );
    let elsewhere = [
        ("outcome", "fail"),
        ("note", "x"),
        ("alert", "019d0000-0000-7000-8000-000000000000"),
    ];
    assert_eq!(operator.post_form(&item, &elsewhere).await.status, 404);
    let early = operator.get(&format!("{run}/json")).await;
    assert_eq!(early.status, 409, "nothing was signed");
    let end = format!("{run}/end");
    let page = operator.post_form(&end, &[("why", "")]).await;
    assert_eq!(page.status, 422);
    let sent = operator.post_form(&end, &[("why", "Not this week")]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(runs(&app, "deployment")[0].state, State::CalledOff);
    assert_eq!(
        operator.post_form(&end, &[("why", "again")]).await.status,
        409
    );
    let scheduled = morning(&app).await;
    let end = format!("{}/end", path(&scheduled));
    let refused = app
        .as_operator()
        .post_form(&end, &[("why", "No time")])
        .await;
    assert_eq!(
        refused.status, 409,
        "what opens by itself is done or missed"
    );
}

#[actix_web::test]
async fn what_is_typed_is_text_wherever_it_is_shown() {
    let app = listed().await;
    let operator = app.as_operator();
    let start = format!("/checklists/{}/runs", list(&app, "deployment"));
    let evil = "<script>alert(1)</script>";
    let sent = operator.post_form(&start, &[("subject", evil)]).await;
    let run = sent.location().to_owned();
    let formula = [
        ("outcome", "fail"),
        ("note", "=HYPERLINK(\"x\")"),
        ("reference", evil),
    ];
    operator
        .post_form(&format!("{run}/items/tests"), &formula)
        .await;
    for path in [
        "/checklists".to_owned(),
        run.clone(),
        format!("{run}/items/tests"),
        format!("{run}/print"),
    ] {
        let page = operator.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains(evil), "{path}");
        assert!(page.says(evil), "{path}");
    }
    let csv = operator.get(&format!("{run}/csv")).await;
    assert!(csv.body.contains("\"'=HYPERLINK"), "{}", csv.body);
}

#[actix_web::test]
async fn going_through_a_list_takes_the_operators_role_on_its_platform() {
    let app = listed().await;
    let run = morning(&app).await;
    let path = path(&run);
    for role in Role::ALL {
        let client = app.as_role(role);
        let may_read = role != Role::Reviewer;
        let page = client.get(&path).await;
        assert_eq!(page.status == 200, may_read, "{role}: {}", page.status);
        assert_eq!(
            page.has_button("Read again"),
            role == Role::Operator,
            "{role}"
        );
        if role != Role::Operator {
            for (at, field) in [
                ("/items/log", ("outcome", "pass")),
                ("/signature", ("x", "y")),
                ("/readings", ("x", "y")),
            ] {
                let sent = client.post_form(&format!("{path}{at}"), &[field]).await;
                assert_eq!(sent.status, 403, "{role} {at}");
            }
        }
    }
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited("there@test.example", Role::Operator, Scope::one(elsewhere));
    let list = format!("/checklists/{}", list(&app, "morning"));
    for at in [
        path.clone(),
        format!("{path}/print"),
        format!("{path}/csv"),
        format!("{path}/items/log"),
        list,
    ] {
        assert_eq!(stranger.get(&at).await.status, 404, "{at}");
    }
    for at in ["/items/log", "/signature", "/review", "/readings", "/end"] {
        let fields = [("outcome", "pass"), ("verdict", "accept"), ("why", "x")];
        let sent = stranger.post_form(&format!("{path}{at}"), &fields).await;
        assert_eq!(sent.status, 404, "{at}");
    }
    assert!(!stranger.get("/checklists").await.says("Morning check"));
}

/// What was gone through years ago is found, and nothing is shown twice.
#[actix_web::test]
async fn what_is_older_is_on_the_next_page() {
    let app = listed().await;
    let run = super::signed(&app).await;
    let accept = [("verdict", "accept")];
    let review = format!("{}/review", path(&run));
    assert_eq!(second(&app).post_form(&review, &accept).await.status, 303);
    let older = "INSERT INTO checklist_run (id, platform_id, item_id, name, spec, schedule, slot, due_at, opened_at, \
                 opened_name, subject, state, ended_at, end_note) SELECT gen_random_uuid(), platform_id, item_id, \
                 'Long ago', spec, schedule, slot - n * interval '1 day', due_at, opened_at, opened_name, subject, \
                 'missed', due_at, 'x' FROM checklist_run, generate_series(1, 60) n";
    app.db.connect_superuser().batch_execute(older).unwrap();
    let auditor = app.as_auditor();
    let table = "The last ones, newest first";
    let first = auditor.get("/checklists").await;
    assert_eq!(first.table(table).len(), 50);
    let next = auditor.get(&first.link("Next")).await;
    assert_eq!(next.table(table).len(), 11);
    let at = format!("/checklists/{}", list(&app, "morning"));
    let first = auditor.get(&at).await;
    let next = auditor.get(&first.link("Next")).await;
    assert!(next.says("End of the list") || !next.body.contains("rel=\"next\""));
    assert_eq!(next.body.matches("/checklists/runs/").count(), 11);
    let broken = auditor.get("/checklists?after=nonsense").await;
    assert_eq!(broken.status, 400);
}

/// FC-14, FC-15
#[actix_web::test]
async fn the_tasks_of_a_window_open_with_it() {
    use signalbox::features::alerts::windows::sweep as windows;
    let app = listed().await;
    let window = "\n[[maintenance]]\nid = \"nightly\"\nname = \"Nightly\"\nwhen = \"daily 11:00-12:00\"\n\
                  \n[[checklist]]\nid = \"tasks\"\nname = \"Tasks\"\nmaintenance = \"nightly\"\n\
                  item = [{ id = \"patches\", text = \"Patches were applied\" }]\n";
    apply(&app, &format!("{}{window}", super::pack()));
    windows::announce(&app.services).unwrap();
    tick(&app);
    assert!(runs(&app, "tasks").is_empty());
    app.advance(TimeDelta::hours(2));
    tick(&app);
    tick(&app);
    let opened = runs(&app, "tasks");
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].due_at - opened[0].slot, TimeDelta::hours(1));
    let page = app.as_operator().get(&path(&opened[0])).await;
    assert!(page.definition("Maintenance").contains("Its window"));
    app.advance(TimeDelta::days(1));
    windows::announce(&app.services).unwrap();
    tick(&app);
    let states: Vec<State> = runs(&app, "tasks").iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Open, State::Missed]);
    // Nobody looked while the next one was: its tasks were missed all the same.
    app.advance(TimeDelta::hours(26));
    tick(&app);
    tick(&app);
    let over = runs(&app, "tasks");
    let states: Vec<State> = over.iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Missed; 3]);
    assert_eq!(over[0].slot - over[1].slot, TimeDelta::days(1));
    assert!(over[0].window.is_some());
    let other = second(&app);
    assert_eq!(other.get(&path(&opened[0])).await.status, 200);
}
