//! The pages: who is on call, and putting somebody in.

use chrono::TimeDelta;
use signalbox::features::oncall::duty;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{pack, rota, staffed};
use crate::support::app::TestApp;
use crate::support::page::Page;

#[actix_web::test]
async fn the_list_says_who_is_on_call_until_when_and_how_they_are_reached() {
    let app = staffed().await;
    let page = app.as_operator().get("/on-call").await;
    assert_eq!(page.heading(), "Grace is on call");
    let rows = page.table("Rotas, and who is on call now");
    assert!(rows[0][0].starts_with("Operations"), "{rows:?}");
    assert!(
        rows[0][1].contains("grace@test.example, +1 555 0101"),
        "{rows:?}"
    );
    // Nine in New York, where the clocks go forward in between.
    assert_eq!(rows[0][2], "9 Mar, 13:00");
    assert!(rows[0][3].starts_with("Ada"), "{rows:?}");
    let policies = page.table("Escalations, in words");
    assert_eq!(policies[0][1], "red alerts");
    assert_eq!(
        policies[0][2],
        "Tells at once Ada until somebody has it in hand."
    );
    let contacts = page.table("Contacts, as the packs name them");
    assert_eq!(contacts.len(), 3);
    let edsger = contacts
        .iter()
        .find(|row| row[0].starts_with("Edsger"))
        .unwrap();
    assert!(edsger[2].contains("No address is given here"), "{edsger:?}");
    app.advance(TimeDelta::days(7));
    let page = app.as_operator().get("/on-call").await;
    assert_eq!(page.heading(), "Ada is on call");
}

#[actix_web::test]
async fn a_rota_that_nobody_can_be_reached_on_is_the_first_thing_said() {
    let app = TestApp::start().await;
    super::apply(&app, &pack());
    let page = app.as_operator().get("/on-call").await;
    assert_eq!(
        page.heading(),
        "Nobody can be reached on the one rota",
        "it begins at nine"
    );
    assert!(page.says("Nobody is on call"));
    let alone = pack().replace("members = [\"grace\", \"ada\"]", "members = [\"edsger\"]");
    super::apply(&app, &alone);
    app.advance(TimeDelta::hours(6));
    let page = app.as_operator().get("/on-call").await;
    assert!(page.says("No address is given here"));
    let silent = crate::packs::SMALL.split("[[contact]]").next().unwrap();
    super::apply(&app, silent);
    let page = app.as_operator().get("/on-call").await;
    assert!(page.says("Nobody is told of anything yet"));
}

const COVER: [(&str, &str); 4] = [
    ("contact", "ada"),
    ("from", "2026-03-03T10:00"),
    ("until", "2026-03-04T10:00"),
    ("reason", "Grace is at the dentist's"),
];

fn with(field: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut cover = COVER.to_vec();
    cover.retain(|(name, _)| *name != field);
    cover.push((field, value));
    cover
}

fn shifts(page: &Page) -> Vec<(String, String)> {
    let rows = page.table("Who is on call, in your time zone");
    let row = |row: &Vec<String>| (row[0].clone(), row[1].clone());
    rows.iter().map(row).collect()
}

#[actix_web::test]
async fn somebody_is_put_in_for_a_time_and_taken_out_again() {
    let app = staffed().await;
    let operator = app.as_operator();
    let path = format!("/on-call/{}", rota(&app, "operations"));
    let page = operator.get(&path).await;
    assert_eq!(page.heading(), "Grace is on call");
    assert_eq!(shifts(&page).len(), 4 + 1);
    let sent = operator
        .post_form(&format!("{path}/overrides"), &COVER)
        .await;
    assert_eq!((sent.status, sent.location()), (303, path.as_str()));
    let page = operator.get(&path).await;
    let told = shifts(&page);
    assert_eq!(told[0].0, "Grace now");
    assert_eq!(
        told[1],
        ("Adaput in for Grace".to_owned(), "3 Mar, 10:00".to_owned())
    );
    assert_eq!(told[2], ("Grace".to_owned(), "4 Mar, 10:00".to_owned()));
    let event = &app.events_of("rota.put_in")[0];
    assert_eq!(event["details"]["rota"], "operations");
    assert_eq!(event["details"]["contact"], "ada");

    app.advance(TimeDelta::hours(20));
    let operator = app.as_operator();
    assert_eq!(operator.get(&path).await.heading(), "Ada is on call");
    let page = operator.get(&path).await;
    let cancel = page
        .actions()
        .into_iter()
        .find(|action| action.ends_with("/cancellation"))
        .unwrap();
    let sent = operator.post_form(&cancel, &[]).await;
    assert_eq!(sent.status, 303, "{cancel}");
    assert_eq!((sent.status, sent.location()), (303, path.as_str()));
    let page = operator.get(&path).await;
    assert_eq!(page.heading(), "Grace is on call");
    assert!(page.says("cancelled by Test operator"));
    assert_eq!(operator.post_form(&cancel, &[]).await.status, 409, "once");
    assert_eq!(app.events_of("rota.put_in_cancelled").len(), 1);
}

#[actix_web::test]
async fn what_makes_no_sense_is_said_and_what_was_typed_is_kept() {
    let app = staffed().await;
    let operator = app.as_operator();
    let path = format!("/on-call/{}/overrides", rota(&app, "operations"));
    for (field, value, says) in [
        ("contact", "", "Choose who stands in."),
        ("contact", "nobody", "Choose who stands in."),
        ("contact", "edsger", "Nothing reaches them"),
        ("from", "tomorrow", "Give a day and a time"),
        (
            "until",
            "2026-03-03T09:59",
            "The end comes after the beginning.",
        ),
        ("until", "2026-05-03T09:59", "At most five weeks at once."),
        ("from", "", "Give a day and a time"),
        ("reason", " ", "Say why"),
        ("reason", "a\u{8}b", "a character that cannot be seen"),
    ] {
        let page = operator.post_form(&path, &with(field, value)).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert!(page.says(says), "{field} {value}: {}", page.text());
        if field != "reason" {
            assert_eq!(page.field("Why").value, "Grace is at the dentist's");
        }
    }
    let mut over = with("from", "2026-03-01T10:00");
    over.retain(|(name, _)| *name != "until");
    over.push(("until", "2026-03-02T10:00"));
    let page = operator.post_form(&path, &over).await;
    assert!(page.says("That is over already."), "{}", page.text());
    assert!(app.events_of("rota.put_in").is_empty());
}

#[actix_web::test]
async fn putting_in_takes_the_operators_role_on_the_rotas_platform() {
    use diesel::connection::SimpleConnection;
    let app = staffed().await;
    let path = format!("/on-call/{}", rota(&app, "operations"));
    for role in Role::ALL {
        let client = app.as_role(role);
        let page = client.get(&path).await;
        assert_eq!(page.status, 200, "{role}");
        let may = role == Role::Operator;
        assert_eq!(page.has_button("Put in"), may, "{role}");
        if !may {
            let sent = client.post_form(&format!("{path}/overrides"), &COVER).await;
            assert_eq!(sent.status, 403, "{role}");
        }
    }
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited("there@test.example", Role::Operator, Scope::one(elsewhere));
    assert_eq!(stranger.get(&path).await.status, 404);
    let sent = stranger
        .post_form(&format!("{path}/overrides"), &COVER)
        .await;
    assert_eq!(sent.status, 404);
    assert!(
        stranger
            .get("/on-call")
            .await
            .says("Nobody is told of anything yet")
    );
}

#[actix_web::test]
async fn whoever_is_on_call_sees_it_on_every_page() {
    let app = staffed().await;
    let grace = app.sign_in_as("Grace@test.example", "Grace", &[Role::Operator]);
    let ada = app.sign_in_as("ada@test.example", "Ada", &[Role::Operator]);
    let now = app.now();
    let duties = app.services.db.read(|conn| duty::now(conn, now)).unwrap();
    app.services.board.post_duties(duties);
    let page = grace.get("/account").await;
    assert_eq!(
        page.definition("On call"),
        "Operations, Demo, until 9 Mar, 13:00"
    );
    assert!(
        grace
            .get("/alerts")
            .await
            .texts(".topbar a")
            .contains(&"On call".to_owned())
    );
    assert!(grace.get("/on-call").await.says("You are on call."));
    assert!(
        !ada.get("/alerts")
            .await
            .texts(".topbar a")
            .contains(&"On call".to_owned())
    );
    assert!(
        !ada.get("/account")
            .await
            .texts("dt")
            .contains(&"On call".to_owned())
    );
}
