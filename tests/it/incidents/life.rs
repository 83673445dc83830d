//! From the first word to the last, and who may say them.

use chrono::TimeDelta;
use futures_util::future::join;
use signalbox::foundation::auth::Role;

use super::{act, declare, lights, live, opened, refused, stored, watched};
use crate::alerts::scope::operator_of;
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::personas::Client;

fn second(app: &TestApp) -> Client {
    app.sign_in_as("second@test.example", "Second operator", &[Role::Operator])
}

#[actix_web::test]
async fn an_incident_is_opened_by_hand_led_mended_and_closed() {
    let app = watched().await;
    let operator = app.as_operator();
    let list = operator.get("/incidents").await;
    assert_eq!(list.heading(), "No incident is open");
    assert!(list.says("No incident was resolved in the last 90 days"));
    let at = opened(&app, "yellow").await;
    let list = operator.get("/incidents").await;
    assert_eq!(list.heading(), "1 incident is open");
    assert!(list.says("Nobody leads it."), "{}", list.text());
    assert_eq!(list.link("The API stands still"), at);
    app.advance(TimeDelta::minutes(4));
    act(&operator, &at, "command", &[("person", "me")]).await;
    let page = operator.get(&at).await;
    assert_eq!(page.heading(), "The API stands still");
    assert!(page.says("Test operator opened it. Test operator leads it."));
    assert_eq!(page.definition("In hand after"), "4 min");
    let said = [
        ("audience", "everybody"),
        ("text", "Payments are late.\nMore at noon."),
    ];
    act(&operator, &at, "updates", &said).await;
    app.advance(TimeDelta::minutes(6));
    act(
        &operator,
        &at,
        "state",
        &[("to", "mitigated"), ("note", "The spare runs")],
    )
    .await;
    app.advance(TimeDelta::minutes(20));
    let operator = app.as_operator();
    act(&operator, &at, "state", &[("to", "resolved"), ("note", "")]).await;
    let page = operator.get(&at).await;
    assert_eq!(page.definition("Resolved after"), "30 min");
    assert!(page.says("Measured from the moment at which it was opened"));
    assert!(page.says("for everybody"), "{}", page.text());
    let whats = page.texts(".timeline li > span:first-child");
    let begin = |what: &str| whats.iter().position(|it| it.starts_with(what)).unwrap();
    assert!(begin("Resolved") < begin("Mitigated"), "the newest first");
    assert!(begin("Mitigated") < begin("Update, for everybody"));
    assert!(begin("Update") < begin("Test operator leads"));
    assert_eq!(begin("Opened by hand"), whats.len() - 1);
    let (status, said) = refused(&operator, &at, "state", &[("to", "closed")]).await;
    assert_eq!(status, 422, "{said}");
    assert!(said.contains("Say why it needs no review."));
    app.advance(TimeDelta::seconds(1));
    act(
        &operator,
        &at,
        "state",
        &[("to", "closed"), ("note", "A known fault")],
    )
    .await;
    let list = operator.get("/incidents").await;
    assert_eq!(list.heading(), "No incident is open");
    let means = list.table("How long it took, on average");
    assert_eq!(means[0][1..], ["1", "4 min", "30 min"]);
    let (status, _) = refused(
        &operator,
        &at,
        "state",
        &[("to", "open"), ("note", "Again")],
    )
    .await;
    assert_eq!(status, 409, "closed for good");
    let mut kinds: Vec<String> = app
        .events()
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .filter(|kind| kind.starts_with("incident."))
        .map(str::to_owned)
        .collect();
    // What is done at one moment of the test's clock has no order.
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "incident.closed",
            "incident.command_given",
            "incident.mitigated",
            "incident.opened",
            "incident.resolved",
            "incident.updated"
        ]
    );
}

#[actix_web::test]
async fn an_alert_opens_one_and_its_story_is_in_it() {
    let app = watched().await;
    let operator = app.as_operator();
    let alert = lights(&app, 97.0).remove(0);
    let page = operator.get(&format!("/alerts/{}", alert.id)).await;
    let form = operator.get(&page.link("Declare an incident")).await;
    assert_eq!(form.field("What is wrong").value, "Quality is in breach");
    app.advance(TimeDelta::minutes(3));
    act(
        &operator,
        &format!("/alerts/{}", alert.id),
        "acknowledgement",
        &[],
    )
    .await;
    app.advance(TimeDelta::minutes(7));
    let id = alert.id.to_string();
    let sent = declare(&operator, "Quality is in breach", "red", &id).await;
    let at = sent.location().to_owned();
    let page = operator.get(&at).await;
    assert_eq!(page.definition("In hand after"), "3 min");
    let list = operator.get("/incidents").await;
    assert_eq!(list.table("Open")[0][4], "3 min", "the list says the same");
    assert!(page.says("Measured from the moment at which the first of its alerts fired"));
    assert!(page.says("Red alert fired"), "{}", page.text());
    assert!(page.says("Test operator acknowledged it"));
    assert!(page.says("the alert Quality is in breach"), "its source");
    let of_alert = operator.get(&format!("/alerts/{id}")).await;
    assert_eq!(of_alert.link("Quality is in breach"), at);
    assert!(!of_alert.says("Declare an incident"), "it belongs to one");
    // What happens to the alert later is in the story too.
    lights(&app, 99.5);
    assert!(operator.get(&at).await.says("Resolved"));
    // The steps of its runbook.
    assert!(page.says("0 of 2 steps done."));
    let step = page.form(&format!("{at}/steps"));
    let step: Vec<(&str, &str)> = step
        .iter()
        .filter(|(name, _)| name != "idempotency")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    act(&operator, &at, "steps", &step).await;
    let page = operator.get(&at).await;
    assert!(page.says("1 of 2 steps done.") && page.says("Done: Test operator"));
    assert_eq!(
        refused(&operator, &at, "steps", &step).await.0,
        409,
        "done already"
    );
    let mut undone = step.clone();
    undone
        .iter_mut()
        .find(|(name, _)| *name == "ticked")
        .unwrap()
        .1 = "no";
    act(&operator, &at, "steps", &undone).await;
    let page = operator.get(&at).await;
    assert!(
        page.says("0 of 2 steps done.") && page.says("Step 1 of Mend it is not done after all")
    );
    // A runbook that is worded anew has not been done.
    apply(&app, &SMALL.replace("\"Look.\"", "\"Look twice.\""));
    let (status, said) = refused(&operator, &at, "steps", &step).await;
    assert_eq!(status, 409);
    assert!(
        said.contains("has been changed since you read it"),
        "{said}"
    );
}

#[actix_web::test]
async fn an_alert_belongs_to_one_incident_at_a_time() {
    let app = watched().await;
    let (first, other) = (app.as_operator(), second(&app));
    let id = lights(&app, 97.0).remove(0).id.to_string();
    let both = join(
        declare(&first, "Mine", "red", &id),
        declare(&other, "Theirs", "red", &id),
    )
    .await;
    let mut statuses = [both.0.status, both.1.status].map(u16::from);
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(live(&app).len(), 1);
    let refusal = [both.0, both.1]
        .into_iter()
        .find(|it| it.status == 409)
        .unwrap();
    assert!(refusal.says("This alert belongs to another incident."));
    let at = refusal.link("Open that incident");
    assert_eq!(live(&app)[0].id.to_string(), at.rsplit('/').next().unwrap());

    let elsewhere = opened(&app, "yellow").await;
    assert_eq!(
        refused(&first, &elsewhere, "alerts", &[("alert", &id)])
            .await
            .0,
        409
    );
    let (status, said) = refused(&first, &at, "alerts/detachment", &[("detach", &id)]).await;
    assert_eq!(status, 422);
    assert!(said.contains("Say why it does not belong"), "{said}");
    let off = [("detach", id.as_str()), ("reason", "Another disk")];
    act(&first, &at, "alerts/detachment", &off).await;
    assert!(first.get(&at).await.says("taken off"));
    act(&first, &elsewhere, "alerts", &[("alert", &id)]).await;
    let page = first.get(&elsewhere).await;
    assert!(page.says("Alert attached: Quality is in breach"));
    // Resolved, it gives its alerts back; opened again, it has them while no other has.
    act(&first, &elsewhere, "state", &[("to", "resolved")]).await;
    act(&first, &at, "alerts", &[("alert", &id)]).await;
    act(
        &first,
        &elsewhere,
        "state",
        &[("to", "open"), ("note", "It came back")],
    )
    .await;
    let page = first.get(&elsewhere).await;
    assert!(
        page.says("It belongs to another incident by now."),
        "{}",
        page.text()
    );
}

#[actix_web::test]
async fn command_is_handed_over_and_two_who_take_it_are_in_an_order() {
    let app = watched().await;
    let (first, other) = (app.as_operator(), second(&app));
    let at = opened(&app, "red").await;
    let take = [("person", "me")];
    let path = format!("{at}/command");
    let both = join(first.post_form(&path, &take), other.post_form(&path, &take)).await;
    assert_eq!([both.0.status, both.1.status].map(u16::from), [303, 303]);
    let given = app.events_of("incident.command_given");
    // At one moment their order is that of the seal: the second says whom it took over from.
    let first_given = given
        .iter()
        .find(|event| event["details"].get("before").is_none())
        .unwrap();
    let then = given
        .iter()
        .find(|event| event["details"].get("before").is_some())
        .unwrap();
    assert_eq!(given.len(), 2);
    assert_eq!(
        then["details"]["before"],
        first_given["details"]["commander"]
    );
    let leader = stored(&app, &at).commander.unwrap();
    assert_eq!(then["details"]["commander"], leader.id.to_string());
    // To somebody who does not work on incidents it is not handed.
    let auditor = app.as_auditor().person.to_string();
    let (status, said) = refused(&first, &at, "command", &[("person", &auditor)]).await;
    assert_eq!(status, 422);
    assert!(said.contains("Choose somebody who works on"), "{said}");
    let to = if leader.id == first.person {
        &other
    } else {
        &first
    };
    let hand = [
        ("person", to.person.to_string()),
        ("command_note", "The spare runs".to_owned()),
    ];
    let hand = hand.each_ref().map(|(name, value)| (*name, value.as_str()));
    act(&first, &at, "command", &hand).await;
    let page = first.get(&at).await;
    assert!(page.says("and took over from") && page.says("The spare runs"));
}

#[actix_web::test]
async fn two_who_resolve_it_resolve_it_once() {
    let app = watched().await;
    let (first, other) = (app.as_operator(), second(&app));
    let at = opened(&app, "red").await;
    let path = format!("{at}/state");
    let to = [("to", "resolved")];
    let both = join(first.post_form(&path, &to), other.post_form(&path, &to)).await;
    let mut statuses = [both.0.status, both.1.status].map(u16::from);
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    assert_eq!(app.events_of("incident.resolved").len(), 1);
}

#[actix_web::test]
async fn an_update_stays_and_is_corrected_once() {
    let app = watched().await;
    let (first, other) = (app.as_operator(), second(&app));
    let at = opened(&app, "red").await;
    let (status, said) = refused(
        &first,
        &at,
        "updates",
        &[("audience", "team"), ("text", " ")],
    )
    .await;
    assert_eq!(status, 422);
    assert!(said.contains("Say how it stands."), "{said}");
    act(
        &first,
        &at,
        "updates",
        &[("audience", "team"), ("text", "It is the disk")],
    )
    .await;
    let page = first.get(&at).await;
    let correct = page.link("Correct this update: It is the disk");
    let form = first.get(&correct).await;
    assert_eq!(form.field("Update").value, "It is the disk");
    let entry = correct.split(['=', '#']).nth(1).unwrap();
    let with = |text| [("audience", "team"), ("text", text), ("corrects", entry)];
    let path = format!("{at}/updates");
    let (a, b) = (with("It is the network"), with("It is the power"));
    let both = join(first.post_form(&path, &a), other.post_form(&path, &b)).await;
    let mut statuses = [both.0.status, both.1.status].map(u16::from);
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
    let page = first.get(&at).await;
    assert!(
        page.says("corrected") && page.says("It is the disk"),
        "it stays"
    );
    assert!(page.says("in place of an earlier one"));
    assert_eq!(app.events_of("incident.update_corrected").len(), 1);
}

#[actix_web::test]
async fn severity_is_changed_for_a_reason_and_red_is_not_forgotten() {
    let app = watched().await;
    let operator = app.as_operator();
    let at = opened(&app, "red").await;
    assert_eq!(
        refused(&operator, &at, "level", &[("level", "yellow")])
            .await
            .0,
        422
    );
    let lower = [("level", "yellow"), ("level_note", "Few are concerned")];
    act(&operator, &at, "level", &lower).await;
    act(&operator, &at, "state", &[("to", "resolved")]).await;
    let close = [("to", "closed"), ("note", "It was small")];
    let (status, said) = refused(&operator, &at, "state", &close).await;
    assert_eq!(status, 409);
    assert!(said.contains("closed by its review"), "{said}");
    let blue = [("level", "blue"), ("level_note", "Smaller still")];
    assert_eq!(refused(&operator, &at, "level", &blue).await.0, 422);
}

#[actix_web::test]
async fn what_is_wrong_with_the_form_is_said_and_what_was_typed_is_kept() {
    let app = watched().await;
    let operator = app.as_operator();
    let sent = declare(&operator, " ", "mauve", "").await;
    assert_eq!(sent.status, 422);
    assert!(sent.says("Say what is wrong, in one line.") && sent.says("Choose how severe it is."));
    assert_eq!(
        sent.field("What is known so far (optional)").value,
        "What is known"
    );
    let long = "x".repeat(201);
    for title in [long.as_str(), "two\nlines", "hidden\u{1b}[2J"] {
        let sent = declare(&operator, title, "red", "").await;
        assert_eq!(sent.status, 422, "{title:?}");
    }
    let nobodys = "01900000-0000-7000-8000-000000000000";
    assert_eq!(declare(&operator, "Down", "red", nobodys).await.status, 404);
    assert_eq!(live(&app).len(), 0);
    assert_eq!(
        operator
            .get(&format!("/incidents/new?alert={nobodys}"))
            .await
            .status,
        404
    );
    assert_eq!(operator.get("/incidents?state=gone").await.status, 400);
    let hostile = "<script>alert(1)</script> '; DROP TABLE incident; --";
    let sent = declare(&operator, hostile, "red", "").await;
    let page = operator.get(sent.location()).await;
    assert_eq!(page.heading(), hostile);
    assert!(page.texts("main script").is_empty());
    assert_eq!(
        operator.get("/incidents").await.link(hostile),
        sent.location()
    );
}

#[actix_web::test]
async fn who_only_reads_changes_nothing_and_elsewhere_there_is_nothing() {
    let app = watched().await;
    let other = SMALL.replacen(
        "id = \"demo\"\nname = \"Demo\"",
        "id = \"other\"\nname = \"Elsewhere\"",
        1,
    );
    apply(&app, &other);
    let alert = lights(&app, 97.0).remove(0).id.to_string();
    let at = opened(&app, "red").await;
    for reader in [app.as_auditor(), app.as_compliance(), app.as_admin()] {
        let page = reader.get(&at).await;
        assert_eq!(page.status, 200);
        let forms: Vec<String> = page.actions();
        assert!(
            !forms.iter().any(|it| it.starts_with("/incidents")),
            "{forms:?}"
        );
        assert_eq!(
            refused(&reader, &at, "state", &[("to", "resolved")])
                .await
                .0,
            403
        );
        assert_eq!(declare(&reader, "Mine", "red", "").await.status, 403);
        assert_eq!(reader.get("/incidents/new").await.status, 403);
    }
    assert_eq!(app.as_reviewer().get(&at).await.status, 403);
    assert!(
        !app.as_reviewer()
            .get(&format!("/alerts/{alert}"))
            .await
            .says("Incident")
    );

    let far = operator_of(&app, "other");
    assert_eq!(far.get(&at).await.status, 404);
    assert_eq!(far.get(&format!("{at}/review")).await.status, 404);
    assert!(!far.get("/incidents").await.says("The API stands still"));
    assert_eq!(far.get("/incidents").await.heading(), "No incident is open");
    assert_eq!(
        far.get(&format!("/incidents/new?alert={alert}"))
            .await
            .status,
        404
    );
    for (what, fields) in [
        ("state", vec![("to", "resolved")]),
        ("command", vec![("person", "me")]),
        ("level", vec![("level", "yellow"), ("level_note", "no")]),
        ("updates", vec![("audience", "team"), ("text", "Hello")]),
        ("alerts", vec![("alert", alert.as_str())]),
        (
            "alerts/detachment",
            vec![("detach", alert.as_str()), ("reason", "no")],
        ),
        ("review", vec![("summary", "Hello")]),
        ("review/signature", vec![]),
        ("review/approval", vec![]),
        ("review/return", vec![("reason", "no")]),
    ] {
        assert_eq!(refused(&far, &at, what, &fields).await.0, 404, "{what}");
    }
    // An alert of one platform is no part of an incident of another, whoever asks.
    let there = [
        ("platform", "other"),
        ("title", "Down there"),
        ("level", "red"),
        ("alert", alert.as_str()),
    ];
    let sent = app.as_operator().post_form("/incidents", &there).await;
    assert_eq!(sent.status, 422);
    assert!(sent.says("Choose the platform of the alert."));
    assert_eq!(live(&app).len(), 1);
}

#[actix_web::test]
async fn the_list_is_filtered_and_paged() {
    let app = watched().await;
    let operator = app.as_operator();
    for number in 0..52 {
        let sent = declare(&operator, &format!("Number {number}"), "yellow", "").await;
        let at = sent.location().to_owned();
        act(&operator, &at, "state", &[("to", "resolved")]).await;
        app.advance(TimeDelta::seconds(1));
    }
    opened(&app, "yellow").await;
    let first = operator.get("/incidents").await;
    assert_eq!(first.table("Open").len(), 1);
    assert_eq!(first.table("Over").len(), 50);
    let next = operator.get(&first.link("Next")).await;
    let rest = next.table("Over");
    assert_eq!(rest.len(), 2);
    assert!(rest[1][1].starts_with("Number 0"), "{rest:?}");
    assert!(!next.says("The API stands still"));
    let open = operator.get("/incidents?state=open").await;
    assert!(open.texts("#over").is_empty());
    assert_eq!(open.table("Open").len(), 1);
    let nowhere = operator.get("/incidents?platform=nowhere").await;
    assert!(nowhere.says("No incidents here"));
    let here = operator
        .get("/incidents?platform=demo&state=resolved")
        .await;
    assert_eq!(here.table("Over").len(), 50);
    let on = here.link("Next");
    assert!(
        on.contains("state=resolved") && on.contains("platform=demo"),
        "{on}"
    );
}

/// Somebody else was quicker: nothing that was typed is lost.
#[actix_web::test]
async fn what_was_typed_comes_back_with_the_refusal() {
    let app = watched().await;
    let operator = app.as_operator();
    let alert = lights(&app, 97.0).remove(0).id.to_string();
    let at = declare(&operator, "The first", "yellow", &alert).await;
    let at = at.location().to_owned();
    let second = declare(&operator, "The second", "yellow", &alert).await;
    assert_eq!(second.status, 409);
    assert!(second.says("This alert belongs to another incident."));
    assert_eq!(second.link("Open that incident"), at);
    assert_eq!(second.field("What is wrong").value, "The second");
    act(&operator, &at, "state", &[("to", "resolved")]).await;
    let close = [("to", "closed"), ("note", "Small")];
    act(&operator, &at, "state", &close).await;
    let late = [("audience", "team"), ("text", "A long update")];
    let (status, said) = refused(&operator, &at, "updates", &late).await;
    assert_eq!(status, 409);
    assert!(said.contains("It is closed for good"), "{said}");
    assert!(said.contains("A long update"), "{said}");
}

/// A note may be as long as it may be, whatever stands above it.
#[actix_web::test]
async fn the_longest_note_is_kept_to_its_end() {
    let app = watched().await;
    let operator = app.as_operator();
    let note = format!("{}the end", "x".repeat(3_993));
    let fields = [
        ("platform", "demo"),
        ("title", "Long"),
        ("level", "yellow"),
        ("note", &note),
    ];
    let sent = operator.post_form("/incidents", &fields).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert!(operator.get(sent.location()).await.says("xthe end"));
}

/// A form that is sent twice opens one.
#[actix_web::test]
async fn a_double_submit_opens_one() {
    let app = watched().await;
    let operator = app.as_operator();
    let key = "01900000-0000-7000-8000-000000000001";
    let fields = [
        ("platform", "demo"),
        ("title", "Once"),
        ("level", "red"),
        ("idempotency", key),
    ];
    let both = join(
        operator.post_form("/incidents", &fields),
        operator.post_form("/incidents", &fields),
    )
    .await;
    assert_eq!([both.0.status, both.1.status].map(u16::from), [303, 303]);
    assert_eq!(both.0.location(), both.1.location());
    assert_eq!(live(&app).len(), 1);
}

#[actix_web::test]
async fn a_runbook_that_no_alert_leads_to_is_opened_and_ticked() {
    let app = watched().await;
    let operator = app.as_operator();
    let at = opened(&app, "yellow").await;
    let page = operator.get(&at).await;
    assert!(!page.says("steps done."), "it has no alert");
    let (status, said) = refused(&operator, &at, "runbooks", &[("runbook", "")]).await;
    assert_eq!(status, 422);
    assert!(said.contains("Choose a runbook."), "{said}");

    let runbook = page.option("What to do", "Mend it");
    act(&operator, &at, "runbooks", &[("runbook", &runbook)]).await;
    let page = operator.get(&at).await;
    assert!(page.says("0 of 2 steps done."), "{}", page.text());
    assert!(page.says("Runbook opened: Mend it"), "the story tells it");
    assert!(!page.has_field("What to do"), "there is no other");
    let again = refused(&operator, &at, "runbooks", &[("runbook", &runbook)]).await;
    assert_eq!(again.0, 409);
    let step = [
        ("runbook", runbook.as_str()),
        ("position", "0"),
        ("text", "Look."),
        ("ticked", "yes"),
    ];
    act(&operator, &at, "steps", &step).await;
    assert!(operator.get(&at).await.says("1 of 2 steps done."));
    assert_eq!(app.events_of("incident.runbook_opened").len(), 1);

    // A pack that drops it takes nobody's steps away.
    apply(&app, &SMALL.replace("\"mend\"", "\"mend-otherwise\""));
    let page = operator.get(&at).await;
    assert!(page.says("1 of 2 steps done."), "{}", page.text());
    assert!(page.says("It is not in force any more"), "{}", page.text());
    assert!(page.has_field("What to do"), "another can be opened");
}
