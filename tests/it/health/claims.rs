//! Indicators by hand: who says what they were, and how it is known.

use chrono::TimeDelta;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::health::store::claims::{self, Said};
use signalbox::features::health::store::reports;
use signalbox::features::packs::pack::{Indicator, ItemId};
use signalbox::features::packs::store as packs;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{Level, Scope};

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

pub async fn watched(four_eyes: bool) -> (TestApp, ItemId) {
    let app = TestApp::start().await;
    let unit = "unit = \"%\"";
    let with = format!("{unit}\nfour_eyes = {four_eyes}");
    apply(&app, &SMALL.replace(unit, &with));
    let live = app.services.db.read(packs::live::<Indicator>).unwrap();
    (app, live[0].id)
}

async fn report(client: &Client, id: ItemId, fields: &[(&str, &str)]) -> Page {
    client
        .post_form(&format!("/indicators/{id}/reports"), fields)
        .await
}

fn said(app: &TestApp, id: ItemId) -> Vec<Said> {
    let read = |conn: &mut _| claims::reports(conn, id, 100);
    app.services.db.read(read).unwrap()
}

fn lit(app: &TestApp) -> Option<Level> {
    evaluate::tick(&app.services).unwrap();
    let open = |conn: &mut _| alerts::open(conn, &Scope::All);
    let open = app.services.db.read(open).unwrap();
    open.iter()
        .find(|alert| alert.firing)
        .map(|alert| alert.level)
}

const EVIDENCE: &str = "NCC report of November, page 3 <b>annex</b>";

/// RH-9
#[tokio::test]
async fn a_value_by_hand_lights_its_lamp_with_its_evidence() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let digest = "AB".repeat(32);
    let fields = [
        ("value", "97,4"),
        ("evidence", EVIDENCE),
        ("sha256", digest.as_str()),
    ];
    assert_eq!(report(&operator, id, &fields).await.status, 303);
    assert_eq!(lit(&app), Some(Level::Red));
    let page = operator.get(&format!("/indicators/{id}")).await;
    assert!(page.says(EVIDENCE) && !page.body.contains("<b>annex"));
    assert!(page.says(&"ab".repeat(32)));
    let event = &app.events_of("indicator.reported")[0];
    assert_eq!(event["details"]["value"], "97.4");
    assert_eq!(event["details"]["evidence"], EVIDENCE);
    let overview = operator.get("/").await;
    assert_eq!(
        overview.link("NCC quality of service"),
        format!("/indicators/{id}")
    );
    assert!(operator.get("/indicators").await.says("97.4 %"));
}

#[tokio::test]
async fn what_makes_no_sense_is_said_with_what_was_typed() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let tomorrow = (app.now() + TimeDelta::days(1))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    let long_ago = (app.now() - TimeDelta::days(40))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    for (field, value, says) in [
        ("value", "many", "Write a number"),
        ("value", "NaN", "Write a number"),
        ("as_of", tomorrow.as_str(), "Nobody knows yet"),
        ("as_of", long_ago.as_str(), "31 days"),
        ("as_of", "soon", "Write the day and the time"),
        ("evidence", " ", "Say how it is known"),
        ("evidence", "a\u{1b}b", "cannot be seen"),
        ("sha256", "abc", "A SHA-256 has 64 characters"),
        ("corrects", "nothing", "Choose which value"),
    ] {
        let mut fields = vec![("value", "97.4"), ("evidence", "kept as typed")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let page = report(&operator, id, &fields).await;
        assert!(page.status == 422 && page.says(says), "{field} {value}");
        assert!(field == "evidence" || page.body.contains("kept as typed"));
    }
    assert!(said(&app, id).is_empty());
}

#[tokio::test]
async fn a_correction_is_added_and_what_was_said_stays() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let at = (app.now() - TimeDelta::hours(2))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    let first = [
        ("value", "79.4"),
        ("evidence", "Report"),
        ("as_of", at.as_str()),
    ];
    assert_eq!(report(&operator, id, &first).await.status, 303);
    let wrong = said(&app, id)[0].claim.as_ref().unwrap().id.to_string();
    let second = [
        ("value", "97.4"),
        ("evidence", "Digits were swapped"),
        ("as_of", at.as_str()),
        ("corrects", wrong.as_str()),
    ];
    assert_eq!(report(&operator, id, &second).await.status, 303);
    let all = said(&app, id);
    assert_eq!(
        (all[0].value, all[1].value),
        (97.4, 79.4),
        "the correction counts"
    );
    // An older value that comes late does not stand in for the newest.
    let older = (app.now() - TimeDelta::hours(9))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    let late = [
        ("value", "50"),
        ("evidence", "Found"),
        ("as_of", older.as_str()),
    ];
    assert_eq!(report(&operator, id, &late).await.status, 303);
    assert!((said(&app, id)[0].value - 97.4).abs() < f64::EPSILON);
}

/// The wrong value is the newer one by its own moment: that is how a moment that was typed wrong is corrected, too.
#[tokio::test]
async fn what_is_corrected_is_read_no_more() {
    let (app, id) = watched(false).await;
    let operator = app.as_operator();
    let wrong = [("value", "9.74"), ("evidence", "Report")];
    assert_eq!(report(&operator, id, &wrong).await.status, 303);
    assert_eq!(lit(&app), Some(Level::Red));
    let corrected = said(&app, id)[0].claim.as_ref().unwrap().id.to_string();
    let at = (app.now() - TimeDelta::minutes(5))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    let right = [
        ("value", "99.4"),
        ("evidence", "A digit was lost"),
        ("as_of", at.as_str()),
        ("corrects", corrected.as_str()),
    ];
    assert_eq!(report(&operator, id, &right).await.status, 303);
    assert_eq!(lit(&app), None, "the correction counts, though it is older");
    let read = |conn: &mut _| reports::last_reports(conn, &[id]);
    let last = app.services.db.read(read).unwrap()[&id];
    assert!((last.value - 99.4).abs() < f64::EPSILON);
    let all = said(&app, id);
    assert_eq!(all.len(), 2, "what was said stays");
    assert!(all[0].superseded && !all[1].superseded);
    let page = operator.get(&format!("/indicators/{id}")).await;
    assert!(page.says("another value stands in its place"));

    // It is corrected once, and whoever comes later keeps what was typed.
    let again = report(&operator, id, &right).await;
    assert!(again.status == 409 && again.says("does not count, or not any more"));
    assert!(again.body.contains("A digit was lost"));
    assert_eq!(said(&app, id).len(), 2);
}

#[tokio::test]
async fn of_two_corrections_of_one_value_one_counts() {
    let (app, id) = watched(true).await;
    let (first, second) = (app.as_operator(), app.as_compliance());
    let approve = || async {
        let page = second.get(&format!("/indicators/{id}")).await;
        let approval = page.actions().into_iter();
        let mut approval = approval.filter(|action| action.ends_with("/approval"));
        let approval = approval.next().unwrap();
        second.post_form(&approval, &[]).await.status
    };
    let wrong = [("value", "9.74"), ("evidence", "Report")];
    // What lights a lamp takes one person, what changes it for the better two.
    assert_eq!(report(&first, id, &wrong).await.status, 303);
    let corrected = said(&app, id)[0].claim.as_ref().unwrap().id.to_string();
    for value in ["97.4", "99.9"] {
        let fields = [
            ("value", value),
            ("evidence", "Corrected"),
            ("corrects", corrected.as_str()),
        ];
        assert_eq!(report(&first, id, &fields).await.status, 303);
    }
    assert_eq!(approve().await, 303);
    assert_eq!(approve().await, 409, "the other one came first");
    let counting: Vec<f64> = said(&app, id)
        .iter()
        .filter(|it| !it.superseded)
        .map(|it| it.value)
        .collect();
    assert_eq!(counting.len(), 1, "{counting:?}");
}

#[tokio::test]
async fn where_four_eyes_are_asked_for_a_value_counts_when_a_second_agrees() {
    let (app, id) = watched(true).await;
    let (first, second) = (app.as_operator(), app.as_compliance());
    let fields = [("value", "99.4"), ("evidence", EVIDENCE)];
    assert_eq!(report(&first, id, &fields).await.status, 303);
    assert_eq!(lit(&app), None);
    let page = second.get(&format!("/indicators/{id}")).await;
    assert!(page.says("Waits for a second person: 99.4 %"));
    let approval = page
        .actions()
        .into_iter()
        .find(|action| action.ends_with("/approval"))
        .unwrap();
    let own = first.post_form(&approval, &[]).await;
    assert!(own.status == 409 && own.says("You reported this value yourself."));
    let both = futures_util::future::join(
        second.post_form(&approval, &[]),
        app.sign_in_as("third@test.example", "Third", &[Role::Operator])
            .post_form(&approval, &[]),
    )
    .await;
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "one agreement is enough");
    assert_eq!(said(&app, id).len(), 1);
    assert_eq!(lit(&app), None);

    assert_eq!(report(&first, id, &fields).await.status, 303);
    let page = first.get(&format!("/indicators/{id}")).await;
    let refusal = page
        .actions()
        .into_iter()
        .find(|it| it.ends_with("/refusal"));
    assert_eq!(first.post_form(&refusal.unwrap(), &[]).await.status, 303);
    assert_eq!(app.events_of("indicator.withdrawn").len(), 1);
    assert_eq!(said(&app, id).len(), 1);
}

/// RH-9: at three in the morning one person says that it is in breach; that it is over takes two.
#[tokio::test]
async fn a_lamp_is_lit_by_one_person_and_put_out_by_two() {
    let (app, id) = watched(true).await;
    let operator = app.as_operator();
    let say = async |value: &str| {
        app.advance(TimeDelta::minutes(5));
        let fields = [("value", value), ("evidence", EVIDENCE)];
        assert_eq!(report(&operator, id, &fields).await.status, 303);
        lit(&app)
    };
    let counted = || said(&app, id).len();
    assert_eq!(say("98.5").await, Some(Level::Yellow), "worse than nothing");
    assert_eq!(say("98.2").await, Some(Level::Yellow));
    assert_eq!(counted(), 1, "no worse, so it waits");
    assert_eq!(say("97.4").await, Some(Level::Red));
    assert_eq!(counted(), 2);
    assert_eq!(
        say("99.5").await,
        Some(Level::Red),
        "one person says that it is over"
    );
    assert_eq!(counted(), 2);
    let page = app.as_compliance().get(&format!("/indicators/{id}")).await;
    let approvals = page
        .actions()
        .into_iter()
        .filter(|it| it.ends_with("/approval"));
    for approval in approvals.collect::<Vec<_>>() {
        assert_eq!(
            app.as_compliance().post_form(&approval, &[]).await.status,
            303
        );
    }
    assert_eq!(lit(&app), None);
    // What is said of an earlier time lights nothing, and so it waits.
    let at = (app.now() - TimeDelta::hours(2))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    let fields = [
        ("value", "97.0"),
        ("evidence", EVIDENCE),
        ("as_of", at.as_str()),
    ];
    let before = counted();
    assert_eq!(report(&operator, id, &fields).await.status, 303);
    assert_eq!(counted(), before);
}

/// The database says so as well.
#[tokio::test]
async fn nobody_edits_a_value_or_agrees_to_their_own() {
    use diesel::connection::SimpleConnection;
    use signalbox::foundation::db::roles::Role as DbRole;
    let (app, id) = watched(true).await;
    let fields = [("value", "99.4"), ("evidence", "Report")];
    assert_eq!(report(&app.as_operator(), id, &fields).await.status, 303);
    let mut app_role = app.db.connect(DbRole::App);
    for sql in [
        "UPDATE indicator_claim SET value = 99",
        "UPDATE indicator_claim SET evidence = 'another'",
        "DELETE FROM indicator_claim",
    ] {
        let refused = app_role.batch_execute(sql).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{sql}: {refused}");
    }
    let own = "UPDATE indicator_claim SET answer = 'approved', answered_at = now(), answered_by = made_by";
    let refused = app_role.batch_execute(own).unwrap_err().to_string();
    assert!(refused.contains("indicator_claim_four_eyes"), "{refused}");
}

#[tokio::test]
async fn whoever_only_looks_reports_nothing() {
    let (app, id) = watched(false).await;
    let fields = [("value", "97.4"), ("evidence", "Report")];
    for client in [app.as_auditor(), app.as_reviewer(), app.as_admin()] {
        assert_eq!(client.get(&format!("/indicators/{id}")).await.status, 200);
        assert_eq!(report(&client, id, &fields).await.status, 403);
    }
}
