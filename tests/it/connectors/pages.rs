//! The pages of connectors.

use chrono::TimeDelta;
use signalbox::features::connectors::breaker::Verdict;
use signalbox::features::connectors::gate;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{accounts, call, ended, go, open, pack, with_bank};
use crate::packs::apply;

#[tokio::test]
async fn the_list_says_what_is_cut_off_first() {
    let (app, _bank) = with_bank().await;
    let operator = app.as_operator();
    let page = operator.get("/connectors").await;
    assert_eq!(page.heading(), "2 of 2 connectors were never called");
    call(&app).await;
    let page = operator.get("/connectors").await;
    assert_eq!(page.heading(), "All 2 connectors answer");
    open(&app, accounts(&app).id);
    let page = operator.get("/connectors").await;
    assert_eq!(page.heading(), "1 of 2 connectors is cut off");
    let rows = page.table("Connectors, worst first");
    assert!(rows[0][0].contains("Bank: accounts") && rows[0][1].contains("Open"));
    let overview = operator.get("/").await;
    assert!(overview.says("Connectors not cut off"));
}

#[tokio::test]
async fn the_page_of_one_tells_its_changes_and_what_it_answered() {
    let (app, bank) = with_bank().await;
    call(&app).await;
    bank.answers("HTTP/1.1 429 Slow down\r\nretry-after: 90");
    app.advance(TimeDelta::minutes(5));
    call(&app).await;
    let id = accounts(&app).id;
    let page = app.as_auditor().get(&format!("/connectors/{id}")).await;
    assert!(
        page.definition("Calls so far")
            .contains("1 told to wait (429)")
    );
    assert_eq!(page.definition("429 in the last 24 h"), "1");
    assert!(
        page.definition("It asked us to wait")
            .contains("Retry-After")
    );
    assert!(page.says("status 429, asks to wait 90 s") && page.says("Retry-After: 90 s"));
    assert!(page.says("None: it has been closed from the first."));
    let change = format!("/connectors/{id}/change");
    assert!(
        !page.actions().contains(&change),
        "an auditor acts on nothing"
    );
    app.advance(TimeDelta::minutes(2));
    open(&app, id);
    let page = app.as_auditor().get(&format!("/connectors/{id}")).await;
    assert!(page.says("Five failures in a row."));
}

#[tokio::test]
async fn a_warning_that_the_pack_lives_with_stands_on_its_page() {
    let (app, bank) = with_bank().await;
    let id = accounts(&app).id;
    let page = app.as_operator().get(&format!("/connectors/{id}")).await;
    assert!(!page.says("Accepted warning"));
    let whole = pack(&bank.url);
    let (unread, _) = whole.split_once("[[rule]]\nid = \"bank-cut-off\"").unwrap();
    let accept = "[[accept]]\nwarning = \"unread-connector\"\non = \"bank\"\n\
                  reason = \"Another program watches it.\"\n";
    apply(&app, &format!("{unread}{accept}"));
    let page = app.as_operator().get(&format!("/connectors/{id}")).await;
    assert!(page.says("Accepted warning") && page.says("Another program watches it."));
}

/// What somebody else's server says is text, whatever it says.
#[tokio::test]
async fn an_answer_is_never_mark_up() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    let mut told = ended(Verdict::Failed);
    told.answer = format!("<script>alert(1)</script>\0\u{1b}[2J{}", "x".repeat(500));
    gate::tell(&app.services, go(&app, id).unwrap(), &told).unwrap();
    let page = app.as_operator().get(&format!("/connectors/{id}")).await;
    assert!(!page.body.contains("<script>alert"));
    assert!(page.says("<script>alert(1)</script>"));
}

#[tokio::test]
async fn of_another_platform_there_is_nothing() {
    let (app, _bank) = with_bank().await;
    let id = accounts(&app).id;
    let other = PlatformId::new();
    {
        use diesel::connection::SimpleConnection;
        let insert = format!(
            "INSERT INTO platform (id, slug, name, created_at) VALUES ('{other}', 'o', 'Other', now())"
        );
        app.db.connect_superuser().batch_execute(&insert).unwrap();
    }
    let elsewhere = app.as_limited("else@test.example", Role::Operator, Scope::one(other));
    assert_eq!(
        elsewhere.get(&format!("/connectors/{id}")).await.status,
        404
    );
    assert!(!elsewhere.get("/connectors").await.says("Bank"));
    let fields = [("change", "force_open"), ("reason", "Mine now")];
    let sent = elsewhere
        .post_form(&format!("/connectors/{id}/change"), &fields)
        .await;
    assert_eq!(sent.status, 404);
}
