//! The file that shows a value: kept with it, handed out with an event, and never a reason to type anything again.

use sha2::{Digest, Sha256};
use signalbox::features::packs::pack::ItemId;
use signalbox::foundation::auth::Role;
use signalbox::foundation::db::schema::{file, indicator_claim};
use signalbox::foundation::kernel::{PlatformId, Scope};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::claims::watched;
use crate::support::app::TestApp;

const SHOWN: &str = "page 3: 97.4 % of all calls\n";

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn files(app: &TestApp) -> i64 {
    file::table
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap()
}

/// Where the page leads to a file.
fn link(body: &str, id: ItemId) -> String {
    let place = format!("/indicators/{id}/reports/");
    body.split('"')
        .find(|part| part.starts_with(&place) && part.ends_with("/file"))
        .map(str::to_owned)
        .expect("no file is shown")
}

/// RH-9
#[tokio::test]
async fn a_value_comes_with_the_file_that_shows_it() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let (page, report) = (
        format!("/indicators/{id}"),
        format!("/indicators/{id}/reports"),
    );
    assert!(
        operator
            .get(&page)
            .await
            .has_field("File that shows it (optional)")
    );
    let typed = [("value", "97.4"), ("evidence", "NCC report")];
    let sent = operator.upload(&report, &typed, &[("file", SHOWN)]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let shown = operator.get(&page).await;
    assert!(shown.says("File of 28"), "{}", shown.text());
    assert!(shown.says(&digest(SHOWN)));
    let told = &app.events_of("indicator.reported")[0]["details"];
    assert_eq!(told["sha256"], digest(SHOWN));
    assert!(told["file"].is_string());
    // Whoever may see the page may take it, and it is written down that they did.
    let place = link(&shown.body, id);
    let taken = app.as_auditor().get(&place).await;
    assert_eq!((taken.status, taken.body.as_str()), (200, SHOWN));
    assert!(
        taken
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let read = app.events_of("indicator.evidence_read");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["details"]["sha256"], digest(SHOWN));
    let far = PlatformId::new();
    app.db
        .connect_superuser()
        .batch_execute(&format!(
            "INSERT INTO platform (id, slug, name, created_at) VALUES ('{far}', 'far', 'Far', now())"
        ))
        .unwrap();
    let elsewhere = app.as_limited("far@test.example", Role::Operator, Scope::one(far));
    assert_eq!(elsewhere.get(&place).await.status, 404);
    let before = files(&app);
    let sent = elsewhere.upload(&report, &typed, &[("file", SHOWN)]).await;
    assert_eq!(
        (sent.status, files(&app)),
        (404, before),
        "and leaves no file"
    );
    // A value without a file has none.
    let sent = operator.post_form(&report, &typed).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let ids: Vec<uuid::Uuid> = indicator_claim::table
        .order(indicator_claim::id)
        .select(indicator_claim::id)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    let of = |id: uuid::Uuid| format!("{report}/{id}/file");
    assert_eq!((ids.len(), of(ids[0])), (2, place));
    assert_eq!(operator.get(&of(ids[1])).await.status, 404);
    assert_eq!(operator.get(&of(uuid::Uuid::now_v7())).await.status, 404);
}

#[tokio::test]
async fn what_was_typed_stays_when_the_file_or_the_form_is_wrong() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let report = format!("/indicators/{id}/reports");
    let other = digest("another file");
    let wrong = [
        ("value", "97.4"),
        ("evidence", "kept as typed"),
        ("sha256", other.as_str()),
    ];
    let page = operator.upload(&report, &wrong, &[("file", SHOWN)]).await;
    assert_eq!(page.status, 422);
    assert!(page.says("The file that came is another one"));
    assert!(page.says("Choose the file again"));
    assert_eq!(page.given(&report, "evidence"), "kept as typed");
    assert_eq!(page.given(&report, "sha256"), other);
    assert_eq!(files(&app), 0, "what is not kept is dropped");
    let right = digest(SHOWN).to_uppercase();
    let mended = [wrong[0], wrong[1], ("sha256", right.as_str())];
    let sent = operator.upload(&report, &mended, &[("file", SHOWN)]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    // An empty file is none, as a browser sends where nothing was chosen.
    let sent = operator.upload(&report, &wrong, &[("file", "")]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(files(&app), 1);
    let large = "x".repeat(16_000_001);
    let page = operator
        .upload(&report, &wrong[..2], &[("file", &large)])
        .await;
    assert_eq!(page.status, 422);
    assert!(
        page.says("This file has more than 16 MB"),
        "{}",
        page.text()
    );
    assert_eq!(page.given(&report, "evidence"), "kept as typed");
    assert_eq!(files(&app), 1, "and what had come of it is dropped");
    let endless = "x".repeat(32_100_000);
    let page = operator
        .upload(&report, &wrong[..2], &[("file", &endless)])
        .await;
    assert_eq!(page.status, 413, "nobody waits for its end");
    let long = "x".repeat(2_001);
    let wordy = [wrong[0], ("evidence", long.as_str())];
    let page = operator.upload(&report, &wordy, &[("file", SHOWN)]).await;
    assert!(page.status == 422 && page.says("at most 2000 characters"));
}

#[tokio::test]
async fn the_same_form_twice_is_one_value_and_one_file() {
    let (app, id) = watched(true).await;
    let operator = app.as_operator();
    let report = format!("/indicators/{id}/reports");
    let key = uuid::Uuid::now_v7().to_string();
    let typed = [
        ("value", "99.4"),
        ("evidence", "NCC report"),
        ("idempotency", key.as_str()),
    ];
    for _ in 0..2 {
        let sent = operator.upload(&report, &typed, &[("file", SHOWN)]).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
    }
    assert_eq!(files(&app), 1);
    assert_eq!(app.events_of("indicator.proposed").len(), 1);
    // Another file is another act.
    let sent = operator
        .upload(&report, &typed, &[("file", "another")])
        .await;
    assert_eq!((sent.status, files(&app)), (409, 1));
    // Whoever agrees sees what they agree to.
    let second = app.as_compliance().get(&format!("/indicators/{id}")).await;
    assert_eq!(
        app.as_compliance().get(&link(&second.body, id)).await.body,
        SHOWN
    );
}
