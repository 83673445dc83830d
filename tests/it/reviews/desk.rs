//! Claims, decisions, notes, and who may do what.

use super::*;

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
async fn a_decision_does_not_rest_on_reasons_against_it() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let case = the_case(&app);
    let fields = [
        ("decision", "approve"),
        ("reason", "identity_verified"),
        ("reason", "documents_missing"),
        ("note", "all is well"),
    ];
    let page = decide(&ann, &case, &fields).await;
    assert_eq!(page.status, 422);
    assert!(page.says(
        "“Documents missing or expired” is a reason to reject or ask for information. To approve, choose from:"
    ));
    assert_eq!(page.texts("input[checked] + span").len(), 3);
    let groups = page.texts("[role=group] > .hint");
    assert_eq!(
        groups,
        [
            "To approve",
            "To reject or ask for information",
            "To reject",
            "To ask for information"
        ]
    );
    assert_eq!(the_case(&app).status, Status::Open);
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
    assert!(page.says("it is in its form below"));
    assert_eq!(
        page.texts("input[checked] + span"),
        ["Reject", "Outside what we accept"],
        "what was chosen is chosen still"
    );
    let page = decide(&ann, &the_case(&app), &fields).await;
    assert_eq!(page.status, 303);
    assert_eq!(reread(&app, case.id).status, Status::Rejected);
}

#[tokio::test]
async fn a_decision_that_comes_after_another_is_shown_as_text_and_said_to_be_lost() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let case = the_case(&app);
    ann.post_form(&format!("/reviews/{}/claim", case.id), &[])
        .await;
    let seen = the_case(&app);
    let first = [
        ("decision", "reject"),
        ("reason", "outside_appetite"),
        ("note", "in another tab"),
    ];
    assert_eq!(decide(&ann, &seen, &first).await.status, 303);
    let second = [
        ("decision", "request_information"),
        ("reason", "documents_missing"),
        ("note", "my words"),
    ];
    let page = decide(&ann, &seen, &second).await;
    assert_eq!(page.status, 409);
    assert!(page.says("This case is closed."));
    assert!(page.says("It was not sent, and it cannot be: the case is closed."));
    for untrue in ["decide again", "Look again, then send it", "in its form"] {
        assert!(!page.says(untrue), "{untrue}");
    }
    assert_eq!(page.definition("Decision"), "Ask for information");
    assert_eq!(page.definition("Reasons"), "Documents missing or expired");
    assert_eq!(page.field("Note").value.trim(), "my words");
    assert!(!page.has_button("Claim and go on"));
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
