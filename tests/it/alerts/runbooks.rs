//! The page of all runbooks, and the ways that lead to each.

use super::scope::operator_of;
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

const RESTORE: &str = r#"
[[runbook]]
id = "restore"
title = "Bring the data back"
owner = "Databases"
version = "3"
next_review = "2029-01-01"
steps = ["Agree on the dump."]
"#;

fn with_restore() -> String {
    let leads_on = "steps = [\"Look.\", \"Mend.\"]";
    let source = SMALL.replacen(leads_on, &format!("{leads_on}\nthen = [\"restore\"]"), 1);
    assert_ne!(source, SMALL);
    format!("{source}{RESTORE}")
}

#[actix_web::test]
async fn the_list_says_which_are_overdue_and_what_leads_to_each() {
    let app = TestApp::start().await;
    apply(&app, &with_restore());
    let other = SMALL
        .replacen(
            "id = \"demo\"\nname = \"Demo\"",
            "id = \"other\"\nname = \"Elsewhere\"",
            1,
        )
        .replace("title = \"Mend it\"", "title = \"Mend far\"");
    apply(&app, &other);
    let limited = operator_of(&app, "demo");
    let page = limited.get("/runbooks").await;
    assert_eq!(page.heading(), "2 runbooks, none overdue for a review");
    assert!(!page.says("Mend far"), "it is another platform's");
    let rows = page.table("Runbooks, those overdue for a review first");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[0][0].contains("Mend it") && rows[0][0].contains("2 steps"),
        "{rows:?}"
    );
    assert!(rows[0][4].contains("rule: API is down"), "{rows:?}");
    assert!(rows[1][4].contains("runbook: Mend it"), "{rows:?}");
    assert_eq!(
        (rows[1][1].as_str(), rows[1][2].as_str()),
        ("Databases", "3")
    );

    apply(
        &app,
        &with_restore().replacen("2027-01-01", "2020-01-01", 1),
    );
    let page = limited.get("/runbooks").await;
    assert_eq!(page.heading(), "1 of 2 runbooks is overdue for a review");
    let rows = page.table("Runbooks, those overdue for a review first");
    assert!(
        rows[0][3].contains("Overdue") && !rows[1][3].contains("Overdue"),
        "{rows:?}"
    );

    let one = limited.get(&page.link("Mend it")).await;
    assert!(one.says("It may lead on to"));
    let next = limited.get(&one.link("Bring the data back")).await;
    assert!(next.says("runbook: Mend it"), "{}", next.text());
}
