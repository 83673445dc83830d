//! Hits: judged by one or two, kept, opened again, reported.

use super::*;

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
        "reading it again is the same act"
    );
    app.advance(chrono::TimeDelta::minutes(16));
    // The session has ended as well.
    let reviewer = app.as_reviewer();
    for page in reviewer
        .in_tabs(&app, &format!("/reviews/{}", case.id))
        .await
    {
        assert_eq!(page.heading(), "Zoltan Fakename-Demo");
    }
    assert_eq!(
        events(&app, "kyc.case_read"),
        2,
        "of three tabs at once, one"
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
async fn a_strong_hit_is_judged_by_two_people_and_stays_judged() {
    let app = app_with(&[LISTED]).await;
    let (ann, ben) = (app.as_reviewer(), app.as_second_reviewer());
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let hit = hits_of(&app, &case).remove(0);
    let base = format!("/reviews/{}/hits/{}", case.id, hit.id);
    let contrary = [
        ("outcome", "dismissed"),
        ("hit_reason", "identifiers_agree"),
        ("hit_note", "other passport"),
        ("version", "1"),
    ];
    let page = ann
        .post_form(&format!("{base}/disposition"), &contrary)
        .await;
    assert_eq!(page.status, 422);
    assert!(page.says(
        "“Name and date or papers agree” is a reason to confirm. To dismiss, choose from: Date of"
    ));
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
    let page = ben.get(&format!("/reviews/{}", case.id)).await;
    let timeline = page.texts("#timeline li").join("\n");
    for line in [
        "Test reviewer proposed to dismiss the hit on FAKENAME-DEMO, Zoltan (papers differ)",
        "other passport",
        "Test second reviewer agreed to dismiss the hit on FAKENAME-DEMO, Zoltan",
    ] {
        assert!(timeline.contains(line), "{line} in {timeline}");
    }
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

/// Else nobody could ever take back what wrong facts had two people confirm.
#[tokio::test]
async fn a_confirmed_hit_is_judged_again_once_the_subject_is_another() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    judge_by_two(&app, &case, Outcome::Confirmed);
    let another = LISTED.replace("Zoltan Fakename-Demo", "Somebody Else");
    take_in(&app.services, &app.db, &csv(&[&another]));
    app.run_jobs();
    let hit = hits_of(&app, &case).remove(0);
    assert_eq!(hit.status, HitStatus::Open);
    assert!(hit.report_due.is_some(), "the clock runs on");
    reassess(&app, &[case.subject]);
    assert_eq!(events(&app, "screening.hit_reopened"), 1, "once");
    judge_by_two(&app, &case, Outcome::Dismissed);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Dismissed);
    assert_eq!(
        decide_alone(&app, case.id, Verdict::Approve).unwrap(),
        Effect::Decided
    );
}

#[tokio::test]
async fn a_hit_stays_open_behind_fifty_that_are_more_alike() {
    let app = TestApp::start().await;
    let (unlike, alike) = ("DOB 1975.", "DOB 14 Mar 1971.");
    load_namesakes(&app, &[unlike], "2026-01-01");
    let ana = "DEMO-9,person,Ana Fakename,1971-03-14,CZ,CZ,teacher,X9";
    take_in(&app.services, &app.db, &csv(&[ana]));
    app.run_jobs();
    let case = the_case(&app);
    assert_eq!(hits_of(&app, &case).len(), 1);
    let mut many = vec![unlike];
    many.extend([alike; 50]);
    load_namesakes(&app, &many, "2026-02-01");
    let hits = hits_of(&app, &case);
    assert_eq!(hits.len(), 51);
    assert!(hits.iter().all(|hit| hit.status == HitStatus::Open));
    assert_eq!(events(&app, "screening.hit_withdrawn"), 0);
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
        let reason = match outcome {
            "confirmed" => "identifiers_agree",
            _ => "document_differs",
        };
        let fields = [
            ("outcome", outcome),
            ("hit_reason", reason),
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
    let other = ann.get(&format!("/reviews/{}", case.id)).await;
    assert!(
        other
            .texts("#timeline li")
            .join(" ")
            .contains("proposed to dismiss"),
        "what was taken back was said all the same"
    );
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
