//! The KYC desk: cases open, are claimed by one, decided, and approved by somebody else.

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use signalbox::features::reviews::actions::{self, Decide, ReviewError};
use signalbox::features::reviews::case::{Case, CaseId, CaseRefusal, Effect};
use signalbox::features::reviews::store::queue::{self, Wanted};
use signalbox::features::reviews::store::{cases, decisions};
use signalbox::features::reviews::verdict::{Status, Verdict};
use signalbox::features::screening::actions::Judgement;
use signalbox::features::screening::hit::{Hit, HitStatus, Outcome};
use signalbox::features::screening::hits;
use signalbox::foundation::audit::{Actor, Tx};
use signalbox::foundation::kernel::PersonId;

use crate::support::app::TestApp;
use crate::support::personas::Client;
use crate::support::subjects::{load_demo_list, take_in};

const HEADER: &str = "external_id,kind,name,date_of_birth,country,nationality,occupation,id_number";
const LISTED: &str = "DEMO-7,person,Zoltan Fakename-Demo,1971-03-14,HU,HU,accountant,X1";
const RISKY: &str = "DEMO-41,person,Sample Risky-Demo,1980-01-02,IR,IR,teacher,X2";
const PLAIN: &str = "DEMO-1,person,Plain Sample-Demo,1990-05-06,CZ,CZ,nurse,X3";

fn csv(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// An application with the invented list, these customers, and what followed.
async fn app_with(rows: &[&str]) -> TestApp {
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    take_in(&app.services, &app.db, &csv(rows));
    let drained = app.run_jobs();
    assert_eq!(drained.failed, 0);
    app
}

fn open_cases(app: &TestApp) -> Vec<Case> {
    let wanted = Wanted::default();
    let page = app
        .services
        .db
        .read(|conn| queue::page(conn, &wanted, None));
    page.unwrap().items
}

fn the_case(app: &TestApp) -> Case {
    let mut cases = open_cases(app);
    assert_eq!(cases.len(), 1, "one case is open");
    cases.remove(0)
}

fn reread(app: &TestApp, id: CaseId) -> Case {
    app.services.db.read(|conn| cases::find(conn, id)).unwrap()
}

fn hits_of(app: &TestApp, case: &Case) -> Vec<Hit> {
    let read = app
        .services
        .db
        .read(|conn| hits::of_subjects(conn, &[case.subject]));
    read.unwrap()
}

fn act<T>(
    app: &TestApp,
    by: PersonId,
    action: impl FnOnce(&mut Tx<'_>) -> Result<T, ReviewError>,
) -> Result<T, ReviewError> {
    app.services.audit.write(&Actor::person(by), action)
}

fn events(app: &TestApp, kind: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = "SELECT count(*) AS count FROM audit_inbox \
                 WHERE convert_from(body, 'UTF8')::jsonb ->> 'kind' = $1";
    diesel::sql_query(query)
        .bind::<Text, _>(kind)
        .get_result::<Count>(&mut app.db.connect_superuser())
        .unwrap()
        .count
}

async fn decide(
    client: &Client,
    case: &Case,
    fields: &[(&str, &str)],
) -> crate::support::page::Page {
    let version = case.version.to_string();
    let mut all = vec![("version", version.as_str())];
    all.extend_from_slice(fields);
    client
        .post_form(&format!("/reviews/{}/decision", case.id), &all)
        .await
}

#[tokio::test]
async fn intake_opens_cases_where_a_person_has_to_look() {
    let app = app_with(&[LISTED, RISKY, PLAIN]).await;
    let cases = open_cases(&app);
    let names: Vec<&str> = cases.iter().map(|case| case.external_id.as_str()).collect();
    assert_eq!(
        names,
        ["DEMO-7", "DEMO-41"],
        "the hit is due before the high risk"
    );
    let hits = hits_of(&app, &cases[0]);
    assert_eq!(hits.len(), 1);
    assert!(hits[0].exact && hits[0].score >= 950, "{:?}", hits[0]);
    assert_eq!(events(&app, "kyc.case_opened"), 2);
    assert_eq!(events(&app, "screening.hit_found"), 1);

    // The same facts once more change nothing.
    let before = reread(&app, cases[0].id);
    let page = app.as_reviewer().get("/reviews").await;
    assert_eq!(page.table("Cases, what is due first").len(), 2);
    assert_eq!(reread(&app, cases[0].id), before);
}

#[tokio::test]
async fn the_case_says_why_and_nobody_approves_over_an_undecided_hit() {
    let app = app_with(&[LISTED]).await;
    let reviewer = app.as_reviewer();
    let case = the_case(&app);
    let page = reviewer.get(&format!("/reviews/{}", case.id)).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.heading(), "Zoltan Fakename-Demo");
    for text in [
        "Why flagged",
        "A hit with exact name and date",
        "FAKENAME-DEMO, Zoltan",
        "the date of birth is the same",
        "Nobody holds this case.",
    ] {
        assert!(page.says(text), "{text}");
    }
    reviewer.get(&format!("/reviews/{}", case.id)).await;
    assert_eq!(
        events(&app, "kyc.case_read"),
        1,
        "reading twice at once is one act"
    );

    reviewer
        .post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let case = the_case(&app);
    let fields = [
        ("decision", "approve"),
        ("reason", "risk_understood"),
        ("note", "typed text"),
    ];
    let page = decide(&reviewer, &case, &fields).await;
    assert_eq!(page.status, 409);
    assert!(page.says("A screening hit of this subject is undecided."));
    assert_eq!(
        page.field("Note").value.trim(),
        "typed text",
        "nothing typed is lost"
    );
    assert_eq!(the_case(&app).status, Status::Open);
}

#[tokio::test]
async fn a_form_that_lacks_something_comes_back_with_what_was_typed() {
    let app = app_with(&[RISKY]).await;
    let reviewer = app.as_reviewer();
    let case = the_case(&app);
    reviewer
        .post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let case = the_case(&app);
    let note = "<script>alert(1)</script> & \"quoted\"";
    let page = decide(&reviewer, &case, &[("note", note)]).await;
    assert_eq!(page.status, 422);
    assert!(page.says("Choose what you decide."));
    assert_eq!(page.field("Note").value.trim(), note);
    assert!(!page.body.contains("<script>alert"));
    assert_eq!(the_case(&app).version, case.version, "nothing was decided");
}

#[tokio::test]
async fn a_high_risk_is_approved_by_two_people() {
    let app = app_with(&[RISKY]).await;
    let (ann, ben) = (app.as_reviewer(), app.as_second_reviewer());
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let fields = [
        ("decision", "approve"),
        ("reason", "risk_understood"),
        ("note", "seen it all"),
    ];
    let page = decide(&ann, &the_case(&app), &fields).await;
    assert_eq!(page.status, 303);
    assert_eq!(the_case(&app).status, Status::Proposed);

    // The proposer sees why they cannot approve, and cannot.
    let page = ann.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("You cannot approve this yourself"));
    assert!(!page.has_button("Approve the proposal"));
    let read = app
        .services
        .db
        .read(|conn| decisions::of_case(conn, case.id));
    let proposal = read.unwrap().pop().unwrap();
    let id = proposal.id.to_string();
    let approval = format!("/reviews/{}/approval", case.id);
    assert_eq!(
        ann.post_form(&approval, &[("proposal", &id)]).await.status,
        409
    );
    assert!(
        ann.get("/reviews/approvals")
            .await
            .says("Nothing awaits you")
    );

    let page = ben.get("/reviews/approvals").await;
    let rows = page.table("Proposals, the oldest first");
    assert_eq!(rows[0][..3], ["Approve case 1", "DEMO-41", "Test reviewer"]);
    assert_eq!(
        ben.post_form(&approval, &[("proposal", &id)]).await.status,
        303
    );
    let closed = reread(&app, case.id);
    assert_eq!(closed.status, Status::Approved);
    assert_eq!(events(&app, "kyc.decision_proposed"), 1);
    assert_eq!(events(&app, "kyc.case_approved"), 1);
    let page = ben.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("approved by Test second reviewer"));
}

#[tokio::test]
async fn a_strong_hit_is_judged_by_two_people_and_stays_judged() {
    let app = app_with(&[LISTED]).await;
    let (ann, ben) = (app.as_reviewer(), app.as_second_reviewer());
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let hit = hits_of(&app, &case).remove(0);
    let base = format!("/reviews/{}/hits/{}", case.id, hit.id);
    let fields = [
        ("outcome", "dismissed"),
        ("hit_reason", "document_differs"),
        ("hit_note", "other passport"),
        ("version", "1"),
    ];
    let page = ann.post_form(&format!("{base}/disposition"), &fields).await;
    assert_eq!(page.status, 303, "{}", page.text());
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Proposed);
    assert_eq!(
        ann.post_form(&format!("{base}/approval"), &[]).await.status,
        409
    );
    let page = ben.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.has_button("Agree about the hit"));
    assert_eq!(
        ben.post_form(&format!("{base}/approval"), &[]).await.status,
        303
    );
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Dismissed);
    let rated = reread(&app, case.id);
    assert!(rated.score < case.score, "a dismissed hit no longer counts");

    // The same file, and something else about the subject: what was decided stands.
    take_in(
        &app.services,
        &app.db,
        &csv(&[&LISTED.replace("accountant", "engineer")]),
    );
    app.run_jobs();
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Dismissed);
    // Another name: the two records have to be compared again.
    take_in(
        &app.services,
        &app.db,
        &csv(&[&LISTED.replace("Zoltan F", "Zoltan Z F")]),
    );
    app.run_jobs();
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Open);
    assert_eq!(events(&app, "screening.hit_reopened"), 1);
}

#[tokio::test]
async fn a_stale_page_gets_what_changed_and_keeps_what_was_typed() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let seen = the_case(&app);
    take_in(
        &app.services,
        &app.db,
        &csv(&[&RISKY.replace("teacher", "arms dealer")]),
    );
    app.run_jobs();
    let fields = [
        ("decision", "reject"),
        ("reason", "outside_appetite"),
        ("note", "my words"),
    ];
    let page = decide(&ann, &seen, &fields).await;
    assert_eq!(page.status, 409);
    assert!(page.says("What changed since you opened the case"));
    assert!(page.says("assessed the subject anew"));
    assert_eq!(page.field("Note").value.trim(), "my words");
    let page = decide(&ann, &the_case(&app), &fields).await;
    assert_eq!(page.status, 303);
    assert_eq!(reread(&app, case.id).status, Status::Rejected);
}

#[tokio::test]
async fn claiming_next_takes_what_is_due_first_and_then_there_is_none() {
    let app = app_with(&[LISTED, RISKY]).await;
    let (ann, ben) = (app.as_reviewer(), app.as_second_reviewer());
    let due = open_cases(&app);
    let first = ann.post_form("/reviews/next", &[]).await;
    let second = ben.post_form("/reviews/next", &[]).await;
    assert_eq!(first.location(), format!("/reviews/{}", due[0].id));
    assert_eq!(second.location(), format!("/reviews/{}", due[1].id));
    assert_eq!(
        ann.post_form("/reviews/next", &[]).await.location(),
        "/reviews?notice=none"
    );
    let claim = format!("/reviews/{}/claim", due[0].id);
    assert_eq!(ben.post_form(&claim, &[]).await.status, 409);
    app.advance(chrono::Duration::minutes(31));
    let ben = app.as_second_reviewer();
    assert_eq!(
        ben.post_form(&claim, &[]).await.status,
        303,
        "the lease has run out"
    );
}

#[tokio::test]
async fn who_may_not_decide_is_kept_out() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app);
    for client in [app.as_operator(), app.as_admin()] {
        assert_eq!(client.get("/reviews").await.status, 403);
        assert_eq!(
            client.get(&format!("/reviews/{}", case.id)).await.status,
            403
        );
    }
    let auditor = app.as_auditor();
    assert_eq!(
        auditor.get(&format!("/reviews/{}", case.id)).await.status,
        200
    );
    let claim = format!("/reviews/{}/claim", case.id);
    assert_eq!(auditor.post_form(&claim, &[]).await.status, 403);
    assert_eq!(app.as_compliance().post_form(&claim, &[]).await.status, 303);
}

#[tokio::test]
async fn of_two_claims_at_once_one_holds() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app).id;
    let (ann, ben) = (app.as_reviewer().person, app.as_second_reviewer().person);
    let together = Barrier::new(2);
    let claim = |by| {
        together.wait();
        act(&app, by, |tx| actions::claim(tx, case, by))
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| claim(ann));
        let second = scope.spawn(|| claim(ben));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let lost = first.err().or(second.err()).unwrap();
    assert!(
        matches!(lost, ReviewError::Case(CaseRefusal::ClaimedByOther)),
        "{lost}"
    );
    assert_eq!(events(&app, "kyc.case_claimed"), 1);
}

#[tokio::test]
async fn of_two_approvals_at_once_one_counts() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app).id;
    let people = [app.as_reviewer().person, app.as_second_reviewer().person];
    let proposer = app.as_compliance().person;
    let proposal = propose(&app, case, proposer);
    let together = Barrier::new(2);
    let approve = |by| {
        together.wait();
        act(&app, by, |tx| actions::approve(tx, case, by, proposal))
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| approve(people[0]));
        let second = scope.spawn(|| approve(people[1]));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    assert_eq!(reread(&app, case).status, Status::Approved);
    assert_eq!(events(&app, "kyc.case_approved"), 1);
}

fn propose(
    app: &TestApp,
    case: CaseId,
    by: PersonId,
) -> signalbox::features::reviews::case::DecisionId {
    act(app, by, |tx| actions::claim(tx, case, by)).unwrap();
    let seen = reread(app, case).version;
    let decide = Decide {
        by,
        verdict: Verdict::Approve,
        reasons: &["risk_understood".to_owned()],
        note: "fine",
        seen,
    };
    let effect = act(app, by, |tx| actions::decide(tx, case, &decide)).unwrap();
    assert_eq!(effect, Effect::Proposed);
    let read = app.services.db.read(|conn| decisions::of_case(conn, case));
    read.unwrap().pop().unwrap().id
}

#[tokio::test]
async fn the_database_refuses_what_the_code_forgets() {
    let app = app_with(&[RISKY, LISTED]).await;
    let cases = open_cases(&app);
    let (listed, risky) = (&cases[0], &cases[1]);
    let by = app.as_compliance().person;
    propose(&app, risky.id, by);
    let mut conn = app.db.connect_superuser();
    let mut refused = |statement: &str, id: CaseId, constraint: &str| {
        let outcome = diesel::sql_query(statement)
            .bind::<SqlUuid, _>(id.uuid())
            .execute(&mut conn);
        let error = outcome.expect_err(statement).to_string();
        let known = match constraint {
            "" => true,
            constraint => error.contains(constraint),
        };
        assert!(known, "{error}");
    };
    refused(
        "UPDATE case_decision SET approver_id = proposer_id, approved_at = now() WHERE case_id = $1",
        risky.id,
        "case_decision_four_eyes",
    );
    refused(
        "UPDATE case_decision SET state = 'effective' WHERE case_id = $1",
        risky.id,
        "case_decision_second_person",
    );
    refused(
        "UPDATE review_case SET status = 'approved', closed_at = now() WHERE id = $1",
        risky.id,
        "second person",
    );
    let dismissed = act(&app, by, |tx| {
        actions::claim(tx, listed.id, by)?;
        let hit = hits::of_subjects(tx, &[listed.subject])?.remove(0);
        let judgement = Judgement {
            by,
            outcome: Outcome::Dismissed,
            reason: "birth_differs",
            note: "note",
            seen: hit.version,
        };
        actions::judge_hit(tx, listed.id, hit.id, &judgement)
    });
    assert!(!dismissed.unwrap(), "an exact hit needs two people");
    let mut conn = app.db.connect_superuser();
    let error = conn
        .batch_execute(
            "UPDATE screening_disposition SET approver_id = proposer_id, approved_at = now()",
        )
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("screening_disposition_four_eyes"),
        "{error}"
    );
}

#[tokio::test]
async fn notes_and_parking_stand_in_the_timeline_sealed() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    let path = |what: &str| format!("/reviews/{}/{what}", case.id);
    ann.post_form(&path("claim"), &[]).await;
    assert_eq!(
        ann.post_form(&path("notes"), &[("remark", "")])
            .await
            .status,
        422
    );
    let page = ann
        .post_form(&path("notes"), &[("remark", "called the bank")])
        .await;
    assert_eq!(page.status, 303);
    let fields = [
        ("parking_days", "3"),
        ("parking_reason", "waiting for papers"),
    ];
    assert_eq!(ann.post_form(&path("parking"), &fields).await.status, 303);
    let page = ann.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("called the bank") && page.says("waiting for papers"));
    assert!(page.says("This case is parked."));
    let sealed: Vec<Vec<u8>> = {
        use signalbox::foundation::db::schema::case_step;
        case_step::table
            .filter(case_step::note.is_not_null())
            .select(case_step::note.assume_not_null())
            .load(&mut app.db.connect_superuser())
            .unwrap()
    };
    assert_eq!(sealed.len(), 2);
    assert!(
        sealed
            .iter()
            .all(|note| !String::from_utf8_lossy(note).contains("bank"))
    );
    app.advance(chrono::Duration::days(3));
    app.run_jobs();
    assert_eq!(the_case(&app).status, Status::Open);
    assert_eq!(events(&app, "kyc.case_resumed"), 1);
}
