//! What is learned: written, signed, approved by somebody else; and what is to be done, until it is.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join;
use signalbox::features::incidents::incident::State;
use signalbox::foundation::auth::Role;

use super::{act, opened, refused, stored, watched};
use crate::support::app::TestApp;
use crate::support::personas::Client;

pub const WHOLE: [(&str, &str); 4] = [
    ("summary", "It stood still"),
    ("cause", "A disk was full"),
    ("went_well", "The alert came at once"),
    ("went_badly", "The spare was away"),
];

/// A red incident that is resolved: its page.
pub async fn resolved(app: &TestApp) -> String {
    let at = opened(app, "red").await;
    act(&app.as_operator(), &at, "state", &[("to", "resolved")]).await;
    at
}

pub async fn digest(who: &Client, at: &str) -> String {
    let page = who.get(&format!("{at}/review")).await;
    page.given(&format!("{at}/review/approval"), "digest")
}

/// Saves it over what stands there.
pub async fn write(who: &Client, at: &str, fields: &[(&str, &str)]) {
    let path = format!("{at}/review");
    let base = who.get(&path).await.given(&path, "base");
    let mut fields = fields.to_vec();
    fields.push(("base", &base));
    act(who, at, "review", &fields).await;
}

/// Signs what stands there.
pub async fn sign(who: &Client, at: &str) {
    let page = who.get(&format!("{at}/review")).await;
    let read = page.given(&format!("{at}/review/signature"), "digest");
    act(who, at, "review/signature", &[("digest", &read)]).await;
}

async fn approved(who: &Client, at: &str, read: &str) -> (u16, String) {
    refused(who, at, "review/approval", &[("digest", read)]).await
}

#[actix_web::test]
async fn a_red_incident_is_closed_by_a_review_that_two_people_have_signed() {
    let app = watched().await;
    let (author, other) = (app.as_operator(), app.as_admin());
    let corrector = crate::checklists::second(&app);
    let at = resolved(&app).await;
    let page = author.get(&at).await;
    assert!(
        page.says("five business days after it was resolved"),
        "{}",
        page.text()
    );
    assert!(!page.has_button("Close it without a review"));
    let page = author.get(&format!("{at}/review")).await;
    assert_eq!(page.heading(), "The review is not written yet");
    write(&author, &at, &WHOLE[..2]).await;
    let (status, _) = refused(&author, &at, "review/signature", &[]).await;
    assert_eq!(status, 409, "half a review is not signed");
    write(&author, &at, &WHOLE).await;
    sign(&author, &at).await;
    let page = author.get(&format!("{at}/review")).await;
    assert!(page.says("You wrote or signed this review"));
    assert!(!page.has_button("Approve the review"));
    let read = digest(&other, &at).await;
    let (status, said) = approved(&author, &at, &read).await;
    assert_eq!(status, 409);
    assert!(said.contains("does not approve it"), "{said}");
    let (status, _) = approved(&other, &at, "something else").await;
    assert_eq!(status, 409, "what was not read is not approved");
    // Changed after it was read: the signature is void.
    let mut changed = WHOLE;
    changed[1].1 = "Two disks were full";
    write(&corrector, &at, &changed).await;
    assert_eq!(approved(&other, &at, &read).await.0, 409);
    sign(&corrector, &at).await;
    // Whoever wrote first has written it still.
    let now = digest(&other, &at).await;
    let (status, said) = approved(&author, &at, &now).await;
    assert_eq!(status, 409);
    assert!(said.contains("does not approve it"), "{said}");
    assert!(
        !author
            .get(&format!("{at}/review"))
            .await
            .has_button("Approve the review")
    );
    act(&other, &at, "review/return", &[("reason", "Which disks?")]).await;
    assert!(author.get(&at).await.says("Which disks?"));
    sign(&author, &at).await;
    let read = digest(&other, &at).await;
    act(&other, &at, "review/approval", &[("digest", &read)]).await;
    assert_eq!(stored(&app, &at).state, State::Reviewed);
    let page = other.get(&format!("{at}/review")).await;
    assert!(page.says("closed for good") && page.says("Two disks were full"));
    assert_eq!(refused(&author, &at, "review", &WHOLE).await.0, 409);
    assert_eq!(app.events_of("incident.reviewed").len(), 1);
}

#[actix_web::test]
async fn what_is_to_be_done_is_part_of_what_is_signed_and_approved() {
    let app = watched().await;
    let (author, giver, other) = (
        app.as_operator(),
        crate::checklists::second(&app),
        app.as_admin(),
    );
    let at = resolved(&app).await;
    let owner = author.person.to_string();
    let add = [
        ("action", "Buy a disk"),
        ("owner", owner.as_str()),
        ("due", "2026-04-01"),
    ];
    act(&giver, &at, "actions", &add).await;
    write(&author, &at, &WHOLE).await;
    sign(&author, &at).await;
    let page = giver.get(&format!("{at}/review")).await;
    assert!(!page.has_button("Approve the review"), "it is their action");
    let read = digest(&other, &at).await;
    assert_eq!(approved(&giver, &at, &read).await.0, 409);
    let page = author.get(&format!("{at}/review")).await;
    let action = page.texts("#field-ended option");
    assert_eq!(action, ["Choose one", "Buy a disk"]);
    let (before, _) = page.body.split_once("\">Buy a disk</option>").unwrap();
    let id = before.rsplit("value=\"").next().unwrap();
    let drop = [("ended", id), ("how", "dropped"), ("outcome", "No")];
    act(&author, &at, "actions/end", &drop).await;
    let (status, said) = approved(&other, &at, &read).await;
    assert_eq!(status, 409);
    assert!(said.contains("Nobody has signed it"), "{said}");
    let (status, said) = refused(&author, &at, "review/signature", &[("digest", &read)]).await;
    assert_eq!(status, 409);
    assert!(said.contains("changed since you read it"), "{said}");
    sign(&author, &at).await;
    let read = digest(&other, &at).await;
    act(&giver, &at, "actions", &add).await;
    assert_eq!(approved(&other, &at, &read).await.0, 409);
    sign(&author, &at).await;
    let read = digest(&other, &at).await;
    act(&other, &at, "review/approval", &[("digest", &read)]).await;
    assert_eq!(stored(&app, &at).state, State::Reviewed);
}

#[actix_web::test]
async fn of_two_who_write_at_once_neither_loses_what_they_typed() {
    let app = watched().await;
    let (one, two) = (app.as_operator(), crate::checklists::second(&app));
    let at = resolved(&app).await;
    let path = format!("{at}/review");
    let base = two.get(&path).await.given(&path, "base");
    write(&one, &at, &WHOLE).await;
    let mine = [
        ("summary", "It was down"),
        ("cause", "A cable"),
        ("base", &base),
    ];
    let page = two.post_form(&path, &mine).await;
    assert_eq!(page.status, 422);
    assert!(page.says("Somebody else has saved the review since you opened it."));
    assert_eq!(page.field("Cause (optional)").value, "A cable");
    assert!(
        page.says("A disk was full"),
        "what stands now is there to read"
    );
    let signed = refused(&two, &at, "review/signature", &[("digest", &base)]).await;
    assert_eq!(signed.0, 409);
    let base = page.given(&path, "base");
    let mine = [
        ("summary", "It was down"),
        ("cause", "A cable"),
        ("base", &base),
    ];
    act(&two, &at, "review", &mine).await;
    let page = one.get(&path).await;
    assert_eq!(page.field("Cause (optional)").value, "A cable");
    assert!(
        !page.has_button("Sign the review"),
        "two parts are empty again"
    );
}

#[actix_web::test]
async fn two_who_approve_at_once_approve_once() {
    let app = watched().await;
    let author = app.as_operator();
    let roles = [Role::Operator];
    let (one, two) = (
        app.sign_in_as("one@test.example", "One", &roles),
        app.sign_in_as("two@test.example", "Two", &roles),
    );
    let at = resolved(&app).await;
    write(&author, &at, &WHOLE).await;
    sign(&author, &at).await;
    let read = digest(&one, &at).await;
    let path = format!("{at}/review/approval");
    let fields = [("digest", read.as_str())];
    let both = join(one.post_form(&path, &fields), two.post_form(&path, &fields)).await;
    let mut statuses = [both.0.status, both.1.status].map(u16::from);
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(app.events_of("incident.reviewed").len(), 1);
}

/// The database says so as well as the code.
#[actix_web::test]
async fn the_database_refuses_ones_own_approval_and_closing_what_was_red() {
    let app = watched().await;
    let author = app.as_operator();
    let at = resolved(&app).await;
    write(&author, &at, &WHOLE).await;
    sign(&author, &at).await;
    let mut conn = app.db.connect_superuser();
    let corrector = crate::checklists::second(&app);
    let mut changed = WHOLE;
    changed[0].1 = "It stood still for an hour";
    write(&corrector, &at, &changed).await;
    sign(&corrector, &at).await;
    for own in ["signed_by", "saved_by", "authors[1]"] {
        let own = format!(
            "UPDATE incident_review SET approved_at = now(), approved_by = {own}, approved_name = 'x'"
        );
        let error = conn.batch_execute(&own).unwrap_err().to_string();
        assert!(error.contains("\"incident_review_four_eyes\""), "{error}");
    }
    let mut refuses = |changes: &[(&str, &str)]| {
        for (change, why) in changes {
            let error = conn.batch_execute(change).unwrap_err().to_string();
            assert!(error.contains(why), "{change}: {error}");
        }
    };
    refuses(&[
        (
            "UPDATE incident SET state = 'closed', closed_at = now()",
            "\"incident_red_is_reviewed\"",
        ),
        (
            "UPDATE incident SET state = 'reviewed', closed_at = now()",
            "an incident is reviewed by an approved review",
        ),
        (
            "UPDATE incident SET was_red = false, level = 'yellow'",
            "an incident keeps what was decided",
        ),
        (
            "UPDATE incident_review SET authors = ARRAY[saved_by]",
            "a review keeps what was agreed to",
        ),
        (
            "UPDATE incident_review SET cause = 'Nobody'",
            "a review keeps what was agreed to",
        ),
    ]);
    let owner = author.person.to_string();
    let add = [
        ("action", "Buy a disk"),
        ("owner", owner.as_str()),
        ("due", "2026-04-01"),
    ];
    act(&author, &at, "actions", &add).await;
    sign(&author, &at).await;
    let other = app.as_admin();
    let read = digest(&other, &at).await;
    act(&other, &at, "review/approval", &[("digest", &read)]).await;
    refuses(&[
        (
            "UPDATE incident SET level = 'yellow'",
            "an incident keeps what was decided",
        ),
        (
            "UPDATE incident_review SET summary = 'Nothing'",
            "a review keeps what was agreed to",
        ),
        (
            "UPDATE incident_action SET text = 'Nothing'",
            "an action keeps what was given",
        ),
        (
            "INSERT INTO incident_action (id, incident_id, text, owner_id, owner_name, due, overdue_at, state, outcome, \
             made_at, made_name) SELECT gen_random_uuid(), incident_id, text, owner_id, owner_name, due, overdue_at, \
             state, outcome, made_at, made_name FROM incident_action",
            "a closed incident takes no more actions",
        ),
    ]);
}

#[actix_web::test]
async fn opened_again_a_signature_holds_no_more() {
    let app = watched().await;
    let author = app.as_operator();
    let at = resolved(&app).await;
    write(&author, &at, &WHOLE).await;
    sign(&author, &at).await;
    act(
        &author,
        &at,
        "state",
        &[("to", "open"), ("note", "It came back")],
    )
    .await;
    let (status, said) = refused(&author, &at, "review/signature", &[]).await;
    assert_eq!(status, 422);
    assert!(
        said.contains("resolved before its review is signed"),
        "{said}"
    );
    act(&author, &at, "state", &[("to", "resolved")]).await;
    sign(&author, &at).await;
}

#[actix_web::test]
async fn a_review_that_is_overdue_is_told_on_the_list() {
    let app = watched().await;
    resolved(&app).await;
    // Monday; five business days later it is the next Monday, and then it is late.
    app.advance(TimeDelta::days(7));
    assert!(!app.as_auditor().get("/incidents").await.says("overdue"));
    app.advance(TimeDelta::days(1));
    let list = app.as_auditor().get("/incidents").await;
    assert!(list.says("1 review is overdue."), "{}", list.text());
    assert!(list.says("its review, which is overdue"));
}

#[actix_web::test]
async fn an_action_is_tracked_until_it_is_done_or_dropped_for_a_reason() {
    let app = watched().await;
    let operator = app.as_operator();
    let at = opened(&app, "yellow").await;
    let owner = operator.person.to_string();
    let add = |text, due| [("action", text), ("owner", owner.as_str()), ("due", due)];
    for (fields, why) in [
        (add("Buy a disk", "yesterday"), "Give the day"),
        (
            add("Buy a disk", "2026-03-01"),
            "Choose today or a day to come.",
        ),
        (add(" ", "2026-03-05"), "Say what is to be done."),
    ] {
        let (status, said) = refused(&operator, &at, "actions", &fields).await;
        assert_eq!(status, 422);
        assert!(said.contains(why), "{said}");
    }
    let nobody = [("action", "Buy"), ("owner", "me"), ("due", "2026-03-05")];
    assert_eq!(refused(&operator, &at, "actions", &nobody).await.0, 422);
    act(&operator, &at, "actions", &add("Buy a disk", "2026-03-04")).await;
    act(
        &operator,
        &at,
        "actions",
        &add("Train the team", "2026-03-04"),
    )
    .await;
    app.advance(TimeDelta::days(2));
    let operator = app.as_operator();
    assert!(
        !operator.get("/incidents").await.says("overdue"),
        "until the end of the day"
    );
    app.advance(TimeDelta::days(1));
    let operator = app.as_operator();
    let list = operator.get("/incidents").await;
    assert!(list.says("2 actions are overdue."), "{}", list.text());
    // Closed, the incident still has its actions.
    act(&operator, &at, "state", &[("to", "resolved")]).await;
    act(
        &operator,
        &at,
        "state",
        &[("to", "closed"), ("note", "Small")],
    )
    .await;
    let page = operator.get(&format!("{at}/review")).await;
    let disk = page.field("Action").name;
    assert_eq!(disk, "ended");
    let ids: Vec<String> = page
        .texts("#field-ended option")
        .into_iter()
        .filter(|it| it != "Choose one")
        .collect();
    assert_eq!(ids, ["Buy a disk", "Train the team"]);
    let html = page.body.clone();
    let id_of = |text: &str| {
        let before = html.split(&format!("\">{text}</option>")).next().unwrap();
        before.rsplit("value=\"").next().unwrap().to_owned()
    };
    let (disk, team) = (id_of("Buy a disk"), id_of("Train the team"));
    let drop = [
        ("ended", team.as_str()),
        ("how", "dropped"),
        ("outcome", " "),
    ];
    let (status, said) = refused(&operator, &at, "actions/end", &drop).await;
    assert_eq!(status, 422);
    assert!(said.contains("Say why it is not done."), "{said}");
    let drop = [
        ("ended", team.as_str()),
        ("how", "dropped"),
        ("outcome", "They know it"),
    ];
    act(&operator, &at, "actions/end", &drop).await;
    let done = [("ended", disk.as_str()), ("how", "done"), ("outcome", "")];
    let path = format!("{at}/actions/end");
    let both = join(
        operator.post_form(&path, &done),
        operator.post_form(&path, &done),
    )
    .await;
    let mut statuses = [both.0.status, both.1.status].map(u16::from);
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert!(!operator.get("/incidents").await.says("overdue"));
    assert!(
        operator
            .get(&format!("{at}/review"))
            .await
            .says("They know it")
    );
    assert_eq!(app.events_of("incident.action_done").len(), 1);
}
