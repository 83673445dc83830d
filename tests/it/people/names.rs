//! Names are not unique: whoever decides about a person sees the address too, what the person holds, and who asks.

use signalbox::features::account;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::NewPerson;
use signalbox::foundation::kernel::Scope;

use super::{approve, asks, propose, waiting};
use crate::support::app::TestApp;

const LOOKALIKE: &str = "Test administrator (lookalike@test.example)";
const PROPOSER: &str = "Test administrator (admin@test.example)";

#[actix_web::test]
async fn whoever_approves_sees_the_addresses_of_the_person_and_of_who_proposed() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let mut fields = asks("administrator");
    fields.extend([
        ("email", "lookalike@test.example"),
        ("name", "Test administrator"),
    ]);
    let handed = admin.post_form("/people/invitation", &fields).await;
    assert_eq!(handed.texts(".lede"), [LOOKALIKE]);
    assert!(
        handed.says(&format!("Give it to {LOOKALIKE}, and to nobody else")),
        "{}",
        handed.text()
    );
    let list = second.get("/people").await;
    let rows = list.table("Waiting for a second administrator, the oldest first");
    assert_eq!(rows[0][1], "Test administrator lookalike@test.example");
    assert!(rows[0][2].ends_with(&format!("by {PROPOSER}")), "{rows:?}");

    let proposal = waiting(&admin).await;
    let page = second.get(&proposal).await;
    assert_eq!(page.texts(".lede"), [LOOKALIKE]);
    assert!(page.definition("Proposed").ends_with(PROPOSER));
    assert!(
        page.says(&format!("ends the sessions of {LOOKALIKE}")),
        "{}",
        page.text()
    );
    assert!(
        page.texts("bdi").contains(&"Test administrator".to_owned()),
        "a name turns nothing about it around"
    );
    assert_eq!(approve(&second, &proposal).await.status, 303);
    let answered = second.get(&proposal).await.definition("Answered");
    assert!(
        answered.ends_with("Test second administrator (second-admin@test.example)"),
        "{answered}"
    );
    let id = app.person_of("lookalike@test.example");
    let person = second.get(&format!("/people/{id}")).await;
    let rows = person.table("Proposals that were answered, the newest first");
    assert!(rows[0][2].ends_with(&format!("by {PROPOSER}")), "{rows:?}");
    let form = second.get(&format!("/people/{id}/grant")).await;
    assert!(form.says(&format!("For {LOOKALIKE}.")), "{}", form.text());
}

#[actix_web::test]
async fn the_halves_of_a_recovery_say_for_whom_they_are() {
    let app = TestApp::start().await;
    let (admin, second) = (app.as_admin(), app.second_admin());
    let operator = app.with_password(app.as_operator());
    let path = format!("/people/{}/recovery", operator.person);
    let code = admin
        .post_form(&path, &[("recovery_reason", "called")])
        .await;
    let link = approve(&second, &waiting(&admin).await).await;
    for page in [code, link] {
        let whom = "Give it to Test operator (operator@test.example) yourself";
        assert!(page.says(whom), "{}", page.text());
    }
}

#[actix_web::test]
async fn the_approver_sees_what_is_held_and_what_a_grant_takes_the_place_of() {
    let app = TestApp::start().await;
    let (admin, second, operator) = (app.as_admin(), app.second_admin(), app.as_operator());
    let mut boxed = asks("operator");
    boxed.extend([("role", "reviewer"), ("ends", "2026-06-01")]);
    propose(&admin, operator.person, &boxed).await;
    let proposal = waiting(&admin).await;
    let page = second.get(&proposal).await;
    assert_eq!(page.definition("Held now"), "Operator on every platform");
    assert_eq!(
        page.definition("What it changes"),
        "Replaces: Operator on every platformAdds: Reviewing admin"
    );
    assert_eq!(
        page.definition("Until"),
        "1 Jun 2026",
        "the day that was typed"
    );
    assert_eq!(approve(&second, &proposal).await.status, 303);
    assert!(!second.get(&proposal).await.says("Held now"));

    let person = format!("/people/{}", operator.person);
    let roles = admin.get(&person).await.table("Roles");
    assert_eq!(roles[0][3], "1 Jun 2026");
    propose(&admin, operator.person, &asks("operator")).await;
    let page = second.get(&waiting(&admin).await).await;
    assert_eq!(
        page.definition("What it changes"),
        "Replaces: Operator on every platform until 1 Jun 2026"
    );
}

#[actix_web::test]
async fn what_hides_in_a_name_or_an_address_is_refused() {
    let app = TestApp::start().await;
    let admin = app.as_admin();
    for (field, label, typed, words) in [
        (
            "name",
            "Name",
            "Demo\u{202e}nimda",
            "cannot be seen (U+202E)",
        ),
        ("name", "Name", "Demo\u{200b} administrator", "(U+200B)"),
        ("name", "Name", "---", "at least one letter or digit"),
        ("email", "Email", "\u{430}dmin@test.example", "(U+0430)"),
        ("email", "Email", "admin@t\u{e9}st.example", "xn-- form"),
        (
            "email",
            "Email",
            "ad\u{ad}min@test.example",
            "cannot be seen (U+00AD)",
        ),
    ] {
        let mut fields = asks("operator");
        fields.extend([("email", "new@test.example"), ("name", "Newcomer")]);
        fields.retain(|(name, _)| *name != field);
        fields.push((field, typed));
        let page = admin.post_form("/people/invitation", &fields).await;
        assert_eq!(page.status, 422, "{typed:?}");
        assert!(page.says(words), "{typed:?}: {}", page.text());
        assert_eq!(page.field(label).value, typed, "what was typed is kept");
    }
    // The command line holds to it as well.
    for (email, name) in [
        ("a@test.example", "Ada\u{2066}"),
        ("\u{430}@test.example", "Ada"),
    ] {
        let new = NewPerson {
            email: email.to_owned(),
            name: name.to_owned(),
            roles: vec![Role::Operator],
            scope: Scope::All,
            demo: false,
        };
        let actor = Actor::command_line("test");
        assert!(account::invite(&app.services, &actor, &new).is_err());
    }
}
