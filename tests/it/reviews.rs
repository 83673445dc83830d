//! The KYC desk: cases open, are claimed by one, decided, and approved by somebody else.

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use signalbox::features::intake;
use signalbox::features::reviews::actions::{self, Decide, ReviewError};
use signalbox::features::reviews::assess::{self, Ground};
use signalbox::features::reviews::case::{Case, CaseId, CaseRefusal, Effect, OpenedFor};
use signalbox::features::reviews::hit_actions;
use signalbox::features::reviews::store::queue::{self, Wanted};
use signalbox::features::reviews::store::{assessments, cases, decisions};
use signalbox::features::reviews::verdict::{Status, Verdict};
use signalbox::features::screening::actions::Judgement;
use signalbox::features::screening::hit::{Hit, HitRefusal, HitStatus, Outcome};
use signalbox::features::screening::index::Scratch;
use signalbox::features::screening::{dispositions, hits, lists};
use signalbox::foundation::audit::{Actor, Event, Subject, Tx};
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::{self, NewPerson};
use signalbox::foundation::config::Mode;
use signalbox::foundation::db;
use signalbox::foundation::kernel::{PersonId, PlatformId, Scope, SubjectId};

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
    let wanted = Wanted::open(Scope::All);
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

/// The disposition that is proposed on a hit.
fn proposal_of(app: &TestApp, hit: &Hit) -> String {
    let read = app
        .services
        .db
        .read(|conn| dispositions::of_subject(conn, hit.subject));
    read.unwrap()[&hit.id].id.to_string()
}

fn standing_of(app: &TestApp, subject: SubjectId) -> intake::Status {
    let keyring = &app.services.keyring;
    let read = app
        .services
        .db
        .read(|conn| intake::store::records(conn, keyring, &[subject]));
    read.unwrap().pop().unwrap().status
}

/// What is said about a hit by one person, and agreed to by another.
fn judge_by_two(app: &TestApp, case: &Case, outcome: Outcome) {
    let (ann, ben) = (app.as_reviewer().person, app.as_second_reviewer().person);
    let hit = hits_of(app, case).remove(0);
    act(app, ann, |tx| actions::claim(tx, case.id, ann)).unwrap();
    let judgement = Judgement {
        by: ann,
        outcome,
        reason: "identifiers_agree",
        note: "compared",
        seen: hit.version,
    };
    let holds = act(app, ann, |tx| {
        hit_actions::judge(tx, case.id, hit.id, &judgement)
    });
    assert!(!holds.unwrap(), "two people are needed");
    let seen = proposal_of(app, &hit).parse().unwrap();
    act(app, ben, |tx| {
        hit_actions::second(tx, case.id, hit.id, ben, seen)
    })
    .unwrap();
}

/// One person decides a case that they claim.
fn decide_alone(app: &TestApp, case: CaseId, verdict: Verdict) -> Result<Effect, ReviewError> {
    let ann = app.as_reviewer().person;
    act(app, ann, |tx| actions::claim(tx, case, ann))?;
    let decide = Decide {
        by: ann,
        verdict,
        reasons: &["outside_appetite".to_owned()],
        note: "seen",
        seen: reread(app, case).version,
    };
    act(app, ann, |tx| actions::decide(tx, case, &decide))
}

fn run(app: &TestApp, statement: &str) {
    app.db.connect_superuser().batch_execute(statement).unwrap();
}

/// Signs somebody in who holds a role on one platform only.
fn as_reviewer_of(app: &TestApp, email: &str, scope: Scope) -> Client {
    let new = NewPerson {
        email: email.to_owned(),
        name: "Test limited reviewer".to_owned(),
        roles: vec![Role::Reviewer],
        scope,
        demo: false,
    };
    app.services
        .audit
        .write::<_, people::Refusal>(&Actor::command_line("test"), |tx| people::add(tx, &new))
        .unwrap();
    app.sign_in_as(email, "Test limited reviewer", &[Role::Reviewer])
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
    let proposal = proposal_of(&app, &hit);
    let seen = [("disposition", proposal.as_str())];
    assert_eq!(
        ann.post_form(&format!("{base}/approval"), &seen)
            .await
            .status,
        409
    );
    let page = ben.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.has_button("Agree about the hit"));
    assert_eq!(
        ben.post_form(&format!("{base}/approval"), &seen)
            .await
            .status,
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
        hit_actions::judge(tx, listed.id, hit.id, &judgement)
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

#[tokio::test]
async fn a_rejection_outlives_new_assessments_and_new_facts_ask_a_person() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app);
    assert_eq!(
        decide_alone(&app, case.id, Verdict::Reject).unwrap(),
        Effect::Decided
    );
    // Under another policy the same facts are harmless, and still nobody but a person approves them.
    run(
        &app,
        "INSERT INTO policy SELECT key, 2, '2026-03-02T09:00:00Z', \
             jsonb_set(value, '{geography,points,IR}', '0'), 'a', now(), 'b', now() \
         FROM policy WHERE key = 'kyc.risk' AND version = 1",
    );
    assert_eq!(reassess(&app, &[case.subject]).assessed, 1);
    assert_eq!(standing_of(&app, case.subject), intake::Status::Rejected);
    assert!(open_cases(&app).is_empty());
    let lower = RISKY.replace("IR,IR", "CZ,CZ");
    // Other facts: a person looks, the machine does not approve.
    take_in(&app.services, &app.db, &csv(&[&lower]));
    app.run_jobs();
    let again = the_case(&app);
    assert_eq!(standing_of(&app, case.subject), intake::Status::InReview);
    assert_eq!(
        decide_alone(&app, again.id, Verdict::Reject).unwrap(),
        Effect::Decided
    );
    assert_eq!(standing_of(&app, case.subject), intake::Status::Rejected);
}

/// What the jobs do, for these subjects.
fn reassess(app: &TestApp, subjects: &[SubjectId]) -> assess::Tally {
    let (ground, records) = ground(app, subjects);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    write(app, &ground, &compared, &mut scratch)
}

fn ground(app: &TestApp, subjects: &[SubjectId]) -> (Ground, Vec<intake::store::SubjectRecord>) {
    let (keyring, now) = (&app.services.keyring, app.now());
    let read = app
        .services
        .db
        .read::<_, ReviewError>(|conn| Ok(Ground::of(conn, keyring, subjects, now, true)?));
    read.unwrap()
}

fn write(
    app: &TestApp,
    ground: &Ground,
    compared: &[assess::Compared<'_>],
    scratch: &mut Scratch,
) -> assess::Tally {
    let written = app
        .services
        .audit
        .write::<_, ReviewError>(&Actor::command_line("test"), |tx| {
            let tally = assess::write(tx, ground, compared, scratch)?;
            tx.record(Event::new(
                "kyc.subjects_assessed",
                Subject::new("job", "test"),
            ))?;
            Ok(tally)
        });
    written.unwrap()
}

#[tokio::test]
async fn a_job_that_compared_before_a_person_judged_undoes_nothing() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    let (ground, records) = ground(&app, &[case.subject]);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    judge_by_two(&app, &case, Outcome::Confirmed);
    let tally = write(&app, &ground, &compared, &mut scratch);
    assert_eq!(tally.compared_again, 0);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Confirmed);
}

#[tokio::test]
async fn a_job_that_compared_old_facts_compares_again_under_the_lock() {
    let app = app_with(&[PLAIN]).await;
    let subject = {
        let read = app
            .services
            .db
            .read(|conn| intake::store::ids_after(conn, None, 1));
        read.unwrap()[0]
    };
    let (ground, records) = ground(&app, &[subject]);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    let renamed = PLAIN.replace(
        "Plain Sample-Demo,1990-05-06",
        "Zoltan Fakename-Demo,1971-03-14",
    );
    take_in(&app.services, &app.db, &csv(&[&renamed]));
    app.run_jobs();
    let case = the_case(&app);
    // The older comparison found nothing; written late, it must not take the hit away.
    let tally = write(&app, &ground, &compared, &mut scratch);
    assert_eq!(tally.compared_again, 1);
    assert_eq!(tally.hits_withdrawn, 0);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Open);
}

#[tokio::test]
async fn a_job_and_a_person_at_once_both_come_through() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    let ann = app.as_reviewer().person;
    act(&app, ann, |tx| actions::claim(tx, case.id, ann)).unwrap();
    let hit = hits_of(&app, &case).remove(0);
    let changed = LISTED.replace("HU,HU", "SK,SK");
    take_in(&app.services, &app.db, &csv(&[&changed]));
    let together = Barrier::new(2);
    let judgement = Judgement {
        by: ann,
        outcome: Outcome::NeedsInformation,
        reason: "facts_missing",
        note: "which one",
        seen: hit.version,
    };
    thread::scope(|scope| {
        let job = scope.spawn(|| {
            together.wait();
            app.run_jobs()
        });
        let person = scope.spawn(|| {
            together.wait();
            act(&app, ann, |tx| {
                hit_actions::judge(tx, case.id, hit.id, &judgement)
            })
        });
        assert_eq!(job.join().unwrap().failed, 0);
        let judged = person.join().unwrap();
        let fair = matches!(judged, Ok(true) | Err(ReviewError::Hit(HitRefusal::Stale)));
        assert!(fair, "{judged:?}");
    });
    assert_eq!(
        hits_of(&app, &case)[0].status,
        HitStatus::Open,
        "it was compared anew"
    );
}

#[tokio::test]
async fn of_two_that_stand_in_each_others_way_one_is_told_to_try_again() {
    let app = app_with(&[PLAIN, RISKY]).await;
    let ids = subjects(&app);
    let together = Barrier::new(2);
    let lock = |first: SubjectId, second: SubjectId| {
        let actor = Actor::command_line("test");
        app.services.audit.write::<_, db::Error>(&actor, |tx| {
            intake::store::lock_standings(tx, &[first])?;
            together.wait();
            intake::store::lock_standings(tx, &[second])?;
            tx.record(Event::new(
                "kyc.subjects_assessed",
                Subject::new("job", "test"),
            ))?;
            Ok(())
        })
    };
    let outcomes = thread::scope(|scope| {
        let one = scope.spawn(|| lock(ids[0], ids[1]));
        let other = scope.spawn(|| lock(ids[1], ids[0]));
        [one.join().unwrap(), other.join().unwrap()]
    });
    let lost: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(
        matches!(lost.as_slice(), [db::Error::Unavailable(_)]),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_confirmed_hit_has_a_clock_that_survives_reopening_and_ends_with_a_report() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    judge_by_two(&app, &case, Outcome::Confirmed);
    let hit = hits_of(&app, &case).remove(0);
    assert_eq!(hit.status, HitStatus::Confirmed);
    // Monday the 2nd of March, ten business days of New York.
    assert_eq!(hit.report_due.unwrap().to_string(), "2026-03-16");
    let refused = decide_alone(&app, case.id, Verdict::Approve);
    assert!(
        matches!(refused, Err(ReviewError::Case(CaseRefusal::ConfirmedHit))),
        "{refused:?}"
    );

    take_in(
        &app.services,
        &app.db,
        &csv(&[&LISTED.replace("Zoltan F", "Zoltan Z F")]),
    );
    app.run_jobs();
    let reopened = hits_of(&app, &case).remove(0);
    assert_eq!(reopened.status, HitStatus::Open);
    assert_eq!(reopened.report_due, hit.report_due, "the clock runs on");
    // Even where the two are no longer alike, only two people take a confirmation back.
    take_in(
        &app.services,
        &app.db,
        &csv(&[&LISTED.replace("Zoltan Fakename-Demo", "Somebody Else")]),
    );
    app.run_jobs();
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Open);

    app.advance(chrono::Duration::days(15));
    let ann = app.as_reviewer();
    let page = ann.get("/reviews").await;
    let rows = page.table("To be reported, what is due first");
    assert_eq!(rows.len(), 1);
    assert!(rows[0][5].contains("Overdue by a day"), "{rows:?}");
    let report = format!("/reviews/{}/hits/{}/report", case.id, hit.id);
    let fields = [("report_reference", "")];
    assert_eq!(ann.post_form(&report, &fields).await.status, 422);
    let fields = [("report_reference", "OFAC-REF-77")];
    assert_eq!(ann.post_form(&report, &fields).await.status, 303);
    assert_eq!(ann.post_form(&report, &fields).await.status, 409);
    let page = ann.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("OFAC-REF-77"));
    let page = ann.get("/reviews").await;
    assert!(!page.says("To be reported"));
    assert_eq!(events(&app, "screening.hit_reported"), 1);
}

/// One listed person, published on a day.
fn load_list(app: &TestApp, remarks: &str, published: &str) {
    let nulls = "-0- ,".repeat(7);
    let sdn = format!("1,\"FAKENAME, Ana\",individual,DEMO,{nulls}\"{remarks}\"\r\n\u{1a}");
    let published = published.parse().unwrap();
    let none = || &b""[..];
    let list = lists::read_ofac(sdn.as_bytes(), none(), none(), published).unwrap();
    lists::load(&app.services, &Actor::command_line("test"), list).unwrap();
    assert_eq!(app.run_jobs().failed, 0);
}

#[tokio::test]
async fn a_change_of_the_list_opens_a_decided_hit_again() {
    let app = TestApp::start().await;
    load_list(&app, "DOB 14 Mar 1971.", "2026-01-01");
    let ana = "DEMO-9,person,Ana Fakename,1971-03-14,CZ,CZ,teacher,X9";
    take_in(&app.services, &app.db, &csv(&[ana]));
    app.run_jobs();
    let case = the_case(&app);
    judge_by_two(&app, &case, Outcome::Dismissed);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Dismissed);
    load_list(
        &app,
        "DOB 14 Mar 1971; nationality Czech Republic.",
        "2026-02-01",
    );
    let hit = hits_of(&app, &case).remove(0);
    assert_eq!((hit.status, hit.list_version), (HitStatus::Open, 2));
    assert_eq!(events(&app, "screening.hit_reopened"), 1);
}

#[tokio::test]
async fn an_answer_about_a_hit_is_to_what_was_on_the_page() {
    let app = app_with(&[LISTED]).await;
    let (ann, ben) = (app.as_reviewer(), app.as_second_reviewer());
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let hit = hits_of(&app, &case).remove(0);
    let base = format!("/reviews/{}/hits/{}", case.id, hit.id);
    let say = async |outcome: &str, version: i32| {
        let version = version.to_string();
        let fields = [
            ("outcome", outcome),
            ("hit_reason", "document_differs"),
            ("hit_note", "compared"),
            ("version", version.as_str()),
        ];
        let page = ann.post_form(&format!("{base}/disposition"), &fields).await;
        assert_eq!(page.status, 303, "{}", page.text());
    };
    say("dismissed", 1).await;
    let old = proposal_of(&app, &hit);
    let old = [("disposition", old.as_str())];
    let page = ann.post_form(&format!("{base}/refusal"), &old).await;
    assert_eq!(page.status, 303);
    say("confirmed", 3).await;
    let page = ben.post_form(&format!("{base}/approval"), &old).await;
    assert_eq!(page.status, 409);
    assert!(page.says("What you answered is no longer what is proposed."));
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Proposed);
}

#[tokio::test]
async fn no_case_is_closed_over_an_undecided_hit() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    let refused = decide_alone(&app, case.id, Verdict::Reject);
    assert!(
        matches!(refused, Err(ReviewError::Case(CaseRefusal::UndecidedHit))),
        "{refused:?}"
    );
    let error = app
        .db
        .connect_superuser()
        .batch_execute("UPDATE review_case SET status = 'rejected', closed_at = now()")
        .unwrap_err();
    assert!(error.to_string().contains("undecided"), "{error}");
    let error = app
        .db
        .connect_superuser()
        .batch_execute("UPDATE screening_hit SET status = 'dismissed'")
        .unwrap_err();
    assert!(error.to_string().contains("its disposition"), "{error}");
}

#[tokio::test]
async fn while_no_list_counts_nobody_is_approved_by_the_machine() {
    let app = TestApp::start().await;
    take_in(&app.services, &app.db, &csv(&[PLAIN, RISKY]));
    app.run_jobs();
    let case = the_case(&app);
    let reviewer = app.as_reviewer();
    let page = reviewer.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("Not screened"));
    assert!(!page.says("No listed name resembles this subject."));
    let subjects = subjects(&app);
    let plain = *subjects.iter().find(|id| **id != case.subject).unwrap();
    assert_eq!(standing_of(&app, plain), intake::Status::Pending);
    let page = reviewer.get("/reviews").await;
    assert!(page.says("No list is loaded: nobody can be screened."));

    load_demo_list(&app.services);
    let page = reviewer.get("/reviews").await;
    assert!(page.says("2 subjects are still to be compared"));
    app.run_jobs();
    assert_eq!(standing_of(&app, plain), intake::Status::Approved);
    let page = reviewer.get("/reviews").await;
    assert!(!page.says("still to be compared"));
    let page = reviewer.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.says("No listed name resembles this subject."));
    assert!(page.says("Compared with demo-invented version 1"));
}

fn subjects(app: &TestApp) -> Vec<SubjectId> {
    let read = app
        .services
        .db
        .read(|conn| intake::store::ids_after(conn, None, 100));
    read.unwrap()
}

#[tokio::test]
async fn invented_names_do_not_count_in_production() {
    let app = TestApp::start_as(Mode::Serve).await;
    load_demo_list(&app.services);
    take_in(&app.services, &app.db, &csv(&[PLAIN]));
    app.run_jobs();
    assert_eq!(
        standing_of(&app, subjects(&app)[0]),
        intake::Status::Pending
    );
}

#[tokio::test]
async fn a_list_that_is_loaded_during_a_rescreening_begins_its_own() {
    let first = Event::new(
        "screening.list_loaded",
        Subject::new("screening_list", "one"),
    );
    let second = Event::new(
        "screening.list_loaded",
        Subject::new("screening_list", "two"),
    );
    let app = TestApp::start().await;
    for event in [first, second] {
        app.services
            .audit
            .write::<_, ReviewError>(&Actor::command_line("test"), |tx| {
                tx.record(event)?;
                Ok(())
            })
            .unwrap();
    }
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let waiting = diesel::sql_query(
        "SELECT count(*) AS count FROM job WHERE kind = 'reviews.assess_all' AND state = 'waiting'",
    )
    .get_result::<Count>(&mut app.db.connect_superuser())
    .unwrap();
    assert_eq!(waiting.count, 2);
    assert_eq!(app.run_jobs().failed, 0);
}

#[tokio::test]
async fn an_approval_runs_out_and_so_does_a_paper() {
    let header = format!("{HEADER},id_expires");
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    let rows = format!(
        "{header}\n{PLAIN},2026-05-01\n{},\n",
        PLAIN.replace("DEMO-1", "DEMO-2").replace("Plain", "Other")
    );
    take_in(&app.services, &app.db, &rows);
    app.run_jobs();
    assert!(open_cases(&app).is_empty());
    // Another telephone number moves nothing; the paper expires by its own date.
    app.advance(chrono::Duration::days(70));
    app.run_jobs();
    let case = the_case(&app);
    assert_eq!(case.external_id, "DEMO-1");
    assert_eq!(case.opened_for, OpenedFor::DocumentExpired);
    assert_eq!(standing_of(&app, case.subject), intake::Status::Expired);
    let page = app
        .as_reviewer()
        .get(&format!("/reviews/{}", case.id))
        .await;
    assert!(page.says("Opened because the identity document has expired."));
    decide_alone(&app, case.id, Verdict::Approve).unwrap();
    assert_eq!(standing_of(&app, case.subject), intake::Status::Approved);
    app.advance(chrono::Duration::days(1));
    app.run_jobs();
    assert!(
        open_cases(&app).is_empty(),
        "what was seen is not brought up again"
    );
    // Twelve months after the first approval of the other one.
    app.advance(chrono::Duration::days(300));
    app.run_jobs();
    let case = the_case(&app);
    assert_eq!(case.external_id, "DEMO-2");
    assert_eq!(case.opened_for, OpenedFor::ReviewDue);
    assert_eq!(events(&app, "kyc.profile_expired"), 2);
}

#[tokio::test]
async fn a_change_that_nobody_judges_by_opens_no_case_and_moves_no_review() {
    let header = format!("{HEADER},phone");
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    let send = |rows: &str| {
        take_in(&app.services, &app.db, &format!("{header}\n{rows}\n"));
        app.run_jobs();
    };
    send(&format!("{RISKY},+36 1 234 5678"));
    let case = the_case(&app);
    let proposal = propose(&app, case.id, app.as_compliance().person);
    let ben = app.as_reviewer().person;
    act(&app, ben, |tx| actions::approve(tx, case.id, ben, proposal)).unwrap();
    let review_at = |app: &TestApp| {
        let read = app
            .services
            .db
            .read(|conn| assessments::of_subjects(conn, &[case.subject]));
        read.unwrap()[&case.subject].review_at.unwrap()
    };
    let approved = review_at(&app);
    app.advance(chrono::Duration::days(20));
    send(&format!("{RISKY},+36 1 999 0000"));
    assert!(open_cases(&app).is_empty());
    assert_eq!(standing_of(&app, case.subject), intake::Status::Approved);
    let pep = format!(
        "{},+36 1 999 0000",
        RISKY.replace("teacher", "casino owner")
    );
    send(&pep);
    assert_eq!(open_cases(&app).len(), 1, "the risk has changed");
    assert_eq!(review_at(&app), approved, "nothing puts a review off");
}

#[tokio::test]
async fn an_open_case_is_judged_by_the_policy_that_it_was_opened_under() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app);
    run(
        &app,
        "INSERT INTO policy SELECT key, 2, '2026-03-02T09:00:00Z', \
             jsonb_set(value, '{geography,points,IR}', '900'), 'a', now(), 'b', now() \
         FROM policy WHERE key = 'kyc.risk' AND version = 1",
    );
    take_in(
        &app.services,
        &app.db,
        &csv(&[&RISKY.replace("teacher", "casino owner")]),
    );
    app.run_jobs();
    let changed = reread(&app, case.id);
    assert_eq!(changed.policy_version, 1);
    assert_eq!(
        changed.score,
        case.score + 150,
        "the old weight of a country"
    );
    run(
        &app,
        "INSERT INTO policy SELECT key, 3, '2026-03-02T09:00:00Z', \
             jsonb_set(value, '{pep}', '900'), 'a', now(), 'b', now() \
         FROM policy WHERE key = 'kyc.risk' AND version = 1",
    );
    take_in(&app.services, &app.db, &csv(&[PLAIN]));
    assert_eq!(
        app.run_jobs().done,
        0,
        "a policy that may not be is not used"
    );
}

#[tokio::test]
async fn a_claim_that_was_lost_costs_nothing_that_was_typed() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    let path = |what: &str| format!("/reviews/{}/{what}", case.id);
    ann.post_form(&path("claim"), &[]).await;
    let seen = the_case(&app);
    app.advance(chrono::Duration::minutes(31));
    let ann = app.sign_in_as(&ann.email, "Test reviewer", &[]);
    let fields = [
        ("decision", "reject"),
        ("reason", "outside_appetite"),
        ("note", "an hour's work"),
    ];
    let page = decide(&ann, &seen, &fields).await;
    assert_eq!(page.status, 409);
    assert_eq!(page.field("Note").value.trim(), "an hour's work");
    assert!(page.has_button("Claim and go on"));
    let page = ann.post_form(&path("claim"), &fields).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.field("Note").value.trim(), "an hour's work");
    assert!(page.has_button("Send decision"));
    let page = decide(&ann, &the_case(&app), &fields).await;
    assert_eq!(page.status, 303);
    // A closed case keeps what is typed into it as well.
    let page = ann
        .post_form(
            &path("parking"),
            &[("parking_days", "3"), ("parking_reason", "papers to come")],
        )
        .await;
    assert_eq!(page.status, 409);
    assert_eq!(
        page.field("What it waits for").value.trim(),
        "papers to come"
    );
}

#[tokio::test]
async fn whoever_works_on_a_case_keeps_it() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    let path = |what: &str| format!("/reviews/{}/{what}", case.id);
    ann.post_form(&path("claim"), &[]).await;
    app.advance(chrono::Duration::minutes(20));
    let ann = app.as_reviewer();
    let page = ann.get(&format!("/reviews/{}", case.id)).await;
    assert!(page.has_button("Renew"));
    let version = the_case(&app).version;
    ann.post_form(&path("notes"), &[("remark", "at work")])
        .await;
    assert_eq!(the_case(&app).version, version, "no page grew stale");
    app.advance(chrono::Duration::minutes(20));
    let ben = app.as_second_reviewer();
    assert_eq!(ben.post_form(&path("claim"), &[]).await.status, 409);
}

#[tokio::test]
async fn a_double_click_on_claim_next_leads_twice_to_the_same_case() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let key = uuid::Uuid::now_v7().to_string();
    let fields = [("idempotency", key.as_str())];
    let first = ann.post_form("/reviews/next", &fields).await;
    let second = ann.post_form("/reviews/next", &fields).await;
    assert_eq!(first.location(), second.location());
    assert!(first.location().starts_with("/reviews/"));
}

#[tokio::test]
async fn who_is_limited_to_a_platform_sees_and_does_nothing_elsewhere() {
    let app = app_with(&[RISKY, LISTED]).await;
    let case = the_case_of(&app, "DEMO-41");
    let here = as_reviewer_of(&app, "here@test.example", Scope::one(case.platform));
    let other = PlatformId::new();
    run(
        &app,
        &format!(
            "INSERT INTO platform (id, slug, name, created_at) \
             VALUES ('{other}', 'other', 'Other platform', now())"
        ),
    );
    let elsewhere = as_reviewer_of(&app, "elsewhere@test.example", Scope::one(other));
    let page = here.get("/reviews").await;
    assert_eq!(page.table("Cases, what is due first").len(), 2);
    assert!(elsewhere.get("/reviews").await.says("The queue is empty"));
    let path = format!("/reviews/{}", case.id);
    let subject = format!("/subjects/{}", case.subject);
    for page in [&path, &subject] {
        assert_eq!(here.get(page).await.status, 200);
        assert_eq!(elsewhere.get(page).await.status, 404);
    }
    let next = elsewhere.post_form("/reviews/next", &[]).await;
    assert_eq!(next.location(), "/reviews?notice=none");
    let id = uuid::Uuid::now_v7().to_string();
    let hit = hits_of(&app, &the_case_of(&app, "DEMO-7")).remove(0);
    let listed = format!(
        "/reviews/{}/hits/{}",
        the_case_of(&app, "DEMO-7").id,
        hit.id
    );
    let posts: [(String, Vec<(&str, &str)>); 10] = [
        (format!("{path}/claim"), vec![]),
        (format!("{path}/release"), vec![]),
        (format!("{path}/notes"), vec![("remark", "x")]),
        (
            format!("{path}/parking"),
            vec![("parking_days", "1"), ("parking_reason", "x")],
        ),
        (
            format!("{path}/decision"),
            vec![
                ("decision", "reject"),
                ("reason", "outside_appetite"),
                ("note", "x"),
                ("version", "1"),
            ],
        ),
        (format!("{path}/approval"), vec![("proposal", &id)]),
        (
            format!("{path}/refusal"),
            vec![("proposal", &id), ("refusal", "x")],
        ),
        (
            format!("{listed}/disposition"),
            vec![
                ("outcome", "dismissed"),
                ("hit_reason", "name_differs"),
                ("hit_note", "x"),
                ("version", "1"),
            ],
        ),
        (format!("{listed}/approval"), vec![("disposition", &id)]),
        (format!("{listed}/report"), vec![("report_reference", "x")]),
    ];
    for (action, fields) in posts {
        assert_eq!(
            elsewhere.post_form(&action, &fields).await.status,
            404,
            "{action}"
        );
    }
    propose(&app, case.id, app.as_compliance().person);
    assert!(here.get("/reviews/approvals").await.says("DEMO-41"));
    assert!(!elsewhere.get("/reviews/approvals").await.says("DEMO-41"));
}

fn the_case_of(app: &TestApp, external_id: &str) -> Case {
    open_cases(app)
        .into_iter()
        .find(|case| case.external_id == external_id)
        .unwrap()
}

#[tokio::test]
async fn the_page_of_a_subject_lists_their_cases_and_why() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app);
    let page = app
        .as_reviewer()
        .get(&format!("/subjects/{}", case.subject))
        .await;
    assert_eq!(page.table("Cases, the newest first")[0][0], "KYC 1");
    assert!(page.says("Lives in Iran"));
    assert!(page.says("Compared with demo-invented version 1"));
}
