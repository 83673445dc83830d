//! Access reviews: a copy of who may do what, answered line by line, and signed.

use chrono::TimeDelta;
use diesel::RunQueryDsl as _;
use diesel::sql_query;
use futures_util::future::join;
use sha2::{Digest as _, Sha256};
use signalbox::foundation::auth::Role;
use signalbox::foundation::db::roles::Role as DbRole;

use super::{approve, asks, is_in, propose, roles_of, waiting};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

async fn open(admin: &Client) -> String {
    let opened = admin.post_form("/people/reviews", &[]).await;
    assert_eq!(opened.status, 303, "{}", opened.text());
    opened.location().to_owned()
}

/// The number of the line about this person.
async fn line_of(admin: &Client, review: &str, name: &str) -> String {
    let page = admin.get(review).await;
    let lines = page.table("Lines, by email");
    let row = lines
        .iter()
        .find(|row| row[1].starts_with(&format!("{name} ")));
    row.unwrap_or_else(|| panic!("no line about {name}: {lines:?}"))[0].clone()
}

async fn answer(admin: &Client, review: &str, line: &str, word: &str, note: &str) -> Page {
    let (field, beside) = (format!("answer-{line}"), format!("note-{line}"));
    let fields = [(field.as_str(), word), (beside.as_str(), note)];
    admin.post_form(&format!("{review}/answers"), &fields).await
}

#[actix_web::test]
async fn lines_are_answered_by_others_and_the_whole_is_signed() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    // In place of what the command line gave.
    let sent = propose(&admin, app.as_operator().person, &asks("operator")).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    approve(&second, &waiting(&admin).await).await;
    let (operator, reviewer) = (app.as_operator(), app.as_reviewer());
    assert_eq!(
        admin.get("/people/reviews").await.heading(),
        "No access review has been opened yet"
    );
    let review = open(&admin).await;
    assert_eq!(open(&second).await, review, "one at a time");
    let page = admin.get(&review).await;
    let lines = page.table("Lines, by email");
    assert_eq!(lines[0][1], "Test administrator admin@test.example");
    assert_eq!(
        page.definition("Opened").split_once(" by ").unwrap().1,
        "Test administrator (admin@test.example)"
    );
    assert_eq!(page.table("Lines, by email").len(), 4);
    assert_eq!(page.definition("Without an answer"), "4");
    assert!(!page.has_button("Sign"));

    let left = line_of(&admin, &review, "Test operator").await;
    let bare = answer(&admin, &review, &left, "revoked", " ").await;
    assert_eq!(bare.status, 422);
    assert!(
        bare.says(&format!("Line {left}: Say why it is revoked")),
        "{}",
        bare.text()
    );
    let noted = answer(&admin, &review, &left, "", "left the team").await;
    assert_eq!(noted.status, 422);
    assert!(
        noted.body.contains("left the team"),
        "what was typed is kept"
    );
    let revoked = answer(&admin, &review, &left, "revoked", "left the team").await;
    assert_eq!(revoked.location(), review, "{}", revoked.text());
    assert_eq!(roles_of(&app, operator.person), []);
    assert!(!is_in(&operator).await, "at once");
    assert_eq!(
        answer(&second, &review, &left, "confirmed", "")
            .await
            .status,
        409,
        "answered once"
    );

    let own = line_of(&admin, &review, "Test administrator").await;
    let own = answer(&admin, &review, &own, "confirmed", "").await;
    assert_eq!(own.status, 409);
    assert!(own.says("A line about yourself"), "{}", own.text());
    for (by, name) in [
        (&second, "Test administrator"),
        (&admin, "Test second administrator"),
        (&admin, "Test reviewer"),
    ] {
        let line = line_of(&admin, &review, name).await;
        assert_eq!(
            answer(by, &review, &line, "confirmed", "").await.status,
            303,
            "{name}"
        );
    }
    assert!(is_in(&reviewer).await);

    let signature = format!("{review}/signature");
    let wrong = admin
        .post_form(&signature, &[("signature", "Somebody")])
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.field("Your name").value, "Somebody");
    let signed = admin
        .post_form(&signature, &[("signature", " test  Administrator")])
        .await;
    assert_eq!(signed.location(), review, "{}", signed.text());
    let page = admin.get(&review).await;
    assert!(page.definition("Signed").contains("test Administrator"));
    assert_eq!(
        second
            .post_form(&signature, &[("signature", "Test second administrator")])
            .await
            .status,
        409
    );
    let told = app.events_of("access_review.signed");
    assert_eq!(told[0]["details"]["lines"], 4);
    assert_eq!(told[0]["details"]["revoked"], 1);
    assert_eq!(
        told[0]["details"]["lines_sha256"],
        page.definition("SHA-256 of all lines")
    );
    assert_eq!(app.events_of("access_review.line_revoked").len(), 1);
    assert_eq!(app.events_of("access_review.line_confirmed").len(), 3);
    assert_eq!(
        admin.get("/people/reviews").await.heading(),
        "The last access review is signed"
    );

    let auditor = app.as_auditor();
    let file = auditor.get(&page.link("Export as CSV")).await;
    assert_eq!(file.status, 200);
    assert!(
        file.header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let mut rows = csv::Reader::from_reader(file.body.as_bytes());
    let header = rows.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    let cell = |email: &str, column: &str| {
        let at = header.iter().position(|name| name == column).unwrap();
        let row = rows.iter().find(|row| &row[2] == email).unwrap();
        row[at].to_owned()
    };
    let (operator, reviewer) = ("operator@test.example", "reviewer@test.example");
    let administrator = "Test administrator <admin@test.example>";
    for (email, column, value) in [
        (operator, "answer", "revoked"),
        (operator, "note", "left the team"),
        (operator, "answered_by", administrator),
        (reviewer, "proposed_by", ""),
        (reviewer, "granted_by", "the command line (test)"),
        (operator, "proposed_by", administrator),
        (
            operator,
            "granted_by",
            "Test second administrator <second-admin@test.example>",
        ),
        (operator, "signed_by", administrator),
        (operator, "signature", "test Administrator"),
    ] {
        assert_eq!(cell(email, column), value, "{column} of {email}");
    }
    // Whoever has the file alone recomputes what was signed.
    let column = |name: &str| header.iter().position(|found| found == name).unwrap();
    let texts: Vec<&str> = rows.iter().map(|row| &row[column("signed_text")]).collect();
    let digest = Sha256::digest(format!("[{}]", texts.join(",")));
    assert_eq!(hex::encode(digest), cell(operator, "lines_sha256"));
    assert_eq!(
        cell(operator, "lines_sha256"),
        page.definition("SHA-256 of all lines")
    );
    let line: serde_json::Value = serde_json::from_str(texts[0]).unwrap();
    assert_eq!(line["position"], 1);
    assert_eq!(app.events_of("access_review.exported").len(), 1);
    assert_eq!(auditor.post_form("/people/reviews", &[]).await.status, 403);
    assert!(
        !auditor
            .get("/people/reviews")
            .await
            .has_button("Open a review now")
    );
}

#[actix_web::test]
async fn no_cell_of_the_file_is_a_formula() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    app.sign_in_as("evil@test.example", "=HYPERLINK(\"x\")", &[Role::Operator]);
    let review = open(&admin).await;
    let file = admin.get(&format!("{review}/file")).await;
    assert!(file.body.contains("'=HYPERLINK"), "{}", file.body);
}

/// The test clock starts on 2 March 2026 at 09:00.
#[actix_web::test]
async fn a_review_opens_each_month_and_is_overdue_after_two_weeks() {
    let app = TestApp::start().await;
    app.as_operator();
    app.run_jobs();
    let day = TimeDelta::days(1);
    app.advance(day * 30);
    app.run_jobs();
    let admin = app.as_admin();
    let page = admin.get("/people/reviews").await;
    assert!(
        page.heading().starts_with("An access review is open"),
        "{}",
        page.text()
    );
    let told = app.events_of("access_review.opened");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["actor"]["kind"], "job");
    app.advance(day * 14);
    let page = app.as_admin().get("/people/reviews").await;
    assert!(
        page.heading().starts_with("The access review is overdue"),
        "{}",
        page.text()
    );
    let people = app.as_admin().get("/people").await;
    assert!(people.says("The access review is overdue"));
    app.advance(day * 30);
    app.run_jobs();
    assert_eq!(
        app.events_of("access_review.opened").len(),
        1,
        "the open one stays"
    );
}

#[actix_web::test]
async fn the_last_two_administrators_are_not_revoked_by_a_review() {
    let app = TestApp::start().await;
    let admin = app.with_password(app.as_admin());
    app.with_password(app.second_admin());
    let review = open(&admin).await;
    let line = line_of(&admin, &review, "Test second administrator").await;
    let refused = answer(&admin, &review, &line, "revoked", "x").await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.says("the last two administrators"),
        "{}",
        refused.text()
    );
    assert_eq!(
        app.events_of("access_review.line_revoked").len(),
        0,
        "all or nothing"
    );
}

#[actix_web::test]
async fn of_two_answers_and_two_openings_at_once_one_counts() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    app.as_operator();
    let (one, other) = join(open(&admin), open(&second)).await;
    assert_eq!(
        app.events_of("access_review.opened").len(),
        1,
        "{one} {other}"
    );
    let review = open(&admin).await;
    let line = line_of(&admin, &review, "Test operator").await;
    let (one, other) = join(
        answer(&admin, &review, &line, "confirmed", ""),
        answer(&second, &review, &line, "revoked", "x"),
    )
    .await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "{} {}", one.text(), other.text());
}

#[actix_web::test]
async fn the_database_holds_to_the_rules_of_a_review() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    open(&admin).await;
    let id = admin.person;
    let answered = |by: &str, rest: &str| {
        format!("UPDATE access_review_line SET answered_by = '{by}', answered_at = now(), {rest}")
    };
    let other = app.second_admin().person.to_string();
    let own = id.to_string();
    let mut conn = app.db.connect(DbRole::App);
    for (statement, rule) in [
        (
            answered(&own, "answer = 'confirmed'"),
            "access_review_not_oneself",
        ),
        (
            answered(&other, "answer = 'revoked'"),
            "access_review_reason",
        ),
        (
            format!(
                "UPDATE access_review SET signed_at = now(), signed_by = '{own}', signature = 'x', \
                 lines_sha256 = sha256('x')"
            ),
            "every line is answered first",
        ),
        (
            "UPDATE access_review_line SET role = 'operator'".to_owned(),
            "permission denied",
        ),
        (
            "DELETE FROM access_review_line".to_owned(),
            "permission denied",
        ),
    ] {
        let told = sql_query(&statement)
            .execute(&mut conn)
            .unwrap_err()
            .to_string();
        assert!(told.contains(rule), "{statement}: {told}");
    }
    sql_query(answered(&other, "answer = 'confirmed'"))
        .execute(&mut conn)
        .unwrap();
    let again = sql_query(answered(&other, "answer = 'confirmed'")).execute(&mut conn);
    assert!(again.unwrap_err().to_string().contains("answered once"));
}
