//! Where a subject stands: assessed, screened, approved, looked at again.

use super::*;

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
async fn a_rejection_outlives_new_assessments_and_new_facts_ask_a_person() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app);
    assert_eq!(
        decide_alone(&app, case.id, Verdict::Reject).unwrap(),
        Effect::Decided
    );
    // Under another policy the same facts are harmless, and still nobody but a person approves them.
    weigh(&app, 2, "{geography,points,IR}", 0);
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

/// The job that had somebody to assess may be cancelled or given up; they are not forgotten with it.
#[tokio::test]
async fn whoever_was_passed_over_is_assessed_all_the_same() {
    const LOSE: &str = "UPDATE job SET state = 'cancelled', finished_at = now() \
        WHERE kind = 'reviews.assess_chunk' AND state = 'waiting'";
    const BEHIND: &str = "still to be compared";
    let app = TestApp::start().await;
    let wait = |tens_of_minutes: u32| {
        for _ in 0..tens_of_minutes {
            app.advance(chrono::Duration::minutes(10));
            app.run_jobs();
        }
    };
    load_demo_list(&app.services);
    app.run_jobs();
    take_in(&app.services, &app.db, &csv(&[PLAIN]));
    app.run_jobs();
    let plain = subjects(&app)[0];
    assert_eq!(standing_of(&app, plain), intake::Status::Approved);

    // One who is new, and one who was approved and now bears a listed name.
    let renamed = PLAIN.replace("Plain Sample-Demo", "Zoltan Fakename-Demo");
    take_in(&app.services, &app.db, &csv(&[LISTED, &renamed]));
    run(&app, LOSE);
    app.run_jobs();
    assert!(open_cases(&app).is_empty());
    assert!(app.as_reviewer().get("/reviews").await.says(BEHIND));
    wait(8);
    let cases = open_cases(&app);
    let mut names: Vec<&str> = cases.iter().map(|case| case.external_id.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["DEMO-1", "DEMO-7"]);
    assert!(!app.as_reviewer().get("/reviews").await.says(BEHIND));

    // A round over everybody after a new list is made good as well.
    run(
        &app,
        "UPDATE screening_list SET loaded_at = loaded_at + interval '2 hours'",
    );
    app.advance(chrono::Duration::minutes(60));
    assert!(app.as_reviewer().get("/reviews").await.says(BEHIND));
    wait(14);
    assert!(!app.as_reviewer().get("/reviews").await.says(BEHIND));
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
    weigh(&app, 2, "{geography,points,IR}", 900);
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
    weigh(&app, 3, "{pep}", 900);
    take_in(&app.services, &app.db, &csv(&[PLAIN]));
    assert_eq!(
        app.run_jobs().done,
        0,
        "a policy that may not be is not used"
    );
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

/// Puts another version of the risk policy in force, with one weight changed.
fn weigh(app: &TestApp, version: i32, path: &str, points: u16) {
    run(
        app,
        &format!(
            "INSERT INTO policy (key, version, effective_from, value, proposed_by, proposed_at, \
                 approved_by, approved_at, payload_sha256, approved_sha256) \
             SELECT key, {version}, '2026-03-02T09:00:00Z', jsonb_set(value, '{path}', '{points}'), \
                 'a', now(), 'b', now(), sha256('test'), sha256('test') \
             FROM policy WHERE key = 'kyc.risk' AND version = 1"
        ),
    );
}
