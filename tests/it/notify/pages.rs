//! Deliveries and webhooks as people see and change them.

use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::endpoint::Standing;
use signalbox::features::notify::notice::{About, Destination, State};
use signalbox::features::notify::signing::{Signed, secret_bytes};
use signalbox::features::notify::store::endpoints;
use signalbox::features::packs::store as packs;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::Scope;

use super::receivers::{Habit, MailServer, Receiver};
use super::{endpoint_at, enqueue, mail, mailing, to, told};
use crate::support::app::TestApp;
use crate::support::page::Page;

async fn add(app: &TestApp, name: &str, kind: &str, url: &str) -> Page {
    let fields = [("name", name), ("kind", kind), ("url", url)];
    app.as_admin().post_form("/webhooks", &fields).await
}

fn all(app: &TestApp) -> Vec<endpoints::Endpoint> {
    app.services.db.read(endpoints::all).unwrap()
}

#[actix_web::test]
async fn an_endpoint_is_added_tested_and_its_secret_is_shown_once() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start().await;
    let made = add(&app, "Operations", "standard", &receiver.url()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.heading(), "The secret, this once");
    let secret = made.texts("code").remove(0);
    assert!(secret.starts_with("whsec_"), "{secret}");

    let id = all(&app).remove(0).id;
    let admin = app.as_admin();
    let page = admin.get(&format!("/webhooks/{id}")).await;
    assert!(!page.body.contains("whsec_") && !page.body.contains("/in\""));
    let tested = admin.post_form(&format!("/webhooks/{id}/test"), &[]).await;
    assert_eq!(tested.status, 303, "{}", tested.text());
    let delivery = admin.get(tested.location()).await;
    assert_eq!(delivery.definition("State"), "Delivered");
    assert!(delivery.says("200 OK: said"), "{}", delivery.text());

    let request = receiver.seen().remove(0);
    let [id, timestamp, signatures] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.header(name));
    let signed = Signed {
        id: &id,
        timestamp: &timestamp,
        signatures: &signatures,
    };
    let secret = secret_bytes(&secret).unwrap();
    let checked = signed.check(&[&secret], request.body.as_bytes(), app.now());
    assert_eq!(checked, Ok(()));
    let events = app.events_of("endpoint.added");
    assert!(
        !events[0].to_string().contains("/in"),
        "the address is a secret"
    );
}

#[actix_web::test]
async fn a_test_shows_what_went_wrong_once_and_rings_for_nobody() {
    let receiver = Receiver::start(Habit::Answer(503));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let admin = app.as_admin();
    let tested = admin.post_form(&format!("/webhooks/{id}/test"), &[]).await;
    let delivery = admin.get(tested.location()).await;
    assert_eq!(delivery.definition("State"), "Given up");
    assert!(delivery.says("503"), "{}", delivery.text());
    assert!(app.events_of("notice.given_up").is_empty());
    assert_eq!(all(&app)[0].failures.count, 0);
    let list = app.as_operator().get("/deliveries").await;
    assert_eq!(list.heading(), "Every notice has been delivered");
    assert_eq!(deliver_due(&app.services).await.unwrap(), 0);
}

#[actix_web::test]
async fn bad_input_is_told_at_its_field_and_kept() {
    let app = TestApp::start_with(|services| {
        let mut config = (*services.config).clone();
        config.notices.webhook_networks = "".parse().unwrap();
        services.config = std::sync::Arc::new(config);
    })
    .await;
    let good = "https://hooks.bank.example/in";
    assert_eq!(add(&app, "Taken", "standard", good).await.status, 200);
    let long = "n".repeat(81);
    for (name, kind, url, field) in [
        ("", "standard", good, "name"),
        (long.as_str(), "standard", good, "name"),
        ("taken", "slack", good, "name"),
        ("A", "pigeon", good, "kind"),
        ("A", "standard", "", "url"),
        ("A", "standard", "http://hooks.bank.example/", "url"),
        ("A", "standard", "https://10.0.0.1/", "url"),
        ("A", "standard", "https://hooks.bank.example:25/", "url"),
    ] {
        let page = add(&app, name, kind, url).await;
        assert_eq!(page.status, 422, "{name} {kind} {url}");
        let at = format!("#field-{field}");
        assert!(
            page.body.contains(&format!("href=\"{at}\"")),
            "{name} {kind} {url}: {}",
            page.text()
        );
        assert_eq!(page.field("Name").value, name);
        assert_eq!(page.field("Address").value, url);
    }
    assert_eq!(all(&app).len(), 1);
}

#[actix_web::test]
async fn two_endpoints_of_one_name_are_not_made_at_once() {
    let app = TestApp::start().await;
    let url = "https://hooks.bank.example/in";
    let asked = (0..6).map(|_| add(&app, "Same", "slack", url));
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|page| page.status == 303).count();
    let refused = answers.iter().filter(|page| page.status == 422).count();
    assert_eq!((made, refused), (1, 5));
}

#[actix_web::test]
async fn a_paused_endpoint_holds_what_is_meant_for_it_until_it_is_resumed() {
    let receiver = Receiver::start(Habit::Answer(200));
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let admin = app.as_admin();
    let act = async |verb: &str| {
        let path = format!("/webhooks/{id}/{verb}");
        admin.post_form(&path, &[]).await.status
    };
    assert_eq!(act("pause").await, 303);
    assert_eq!(act("pause").await, 409);
    enqueue(&app, &to(Destination::Endpoint(id), "one"));
    assert_eq!(deliver_due(&app.services).await.unwrap(), 0);
    let list = app.as_operator().get("/deliveries").await;
    assert!(list.says("Held, endpoint off"), "{}", list.text());
    assert_eq!(act("resumption").await, 303);
    assert_eq!(deliver_due(&app.services).await.unwrap(), 1);

    enqueue(&app, &to(Destination::Endpoint(id), "two"));
    assert_eq!(act("removal").await, 303);
    assert_eq!(told(&app)[1].state, State::Cancelled);
    assert_eq!(all(&app)[0].standing, Standing::Retired);
    for verb in ["resumption", "secret", "test", "removal", "pause"] {
        assert_eq!(act(verb).await, 409, "{verb}");
    }
    // Its name is free again.
    let name = all(&app)[0].name.clone();
    let again = add(&app, &name, "slack", "https://hooks.bank.example/in").await;
    assert_eq!(again.status, 303);
}

#[actix_web::test]
async fn what_gives_access_asks_for_a_fresh_proof() {
    let app = TestApp::start().await;
    let id = endpoint_at(&app, "https://hooks.bank.example/in");
    let admin = app.as_admin();
    admin.post_form(&format!("/webhooks/{id}/pause"), &[]).await;
    app.advance(chrono::TimeDelta::minutes(11));
    let fields = [
        ("name", "A"),
        ("kind", "slack"),
        ("url", "https://a.example/"),
    ];
    for (path, fields) in [
        ("/webhooks".to_owned(), &fields[..]),
        (format!("/webhooks/{id}/secret"), &[]),
        (format!("/webhooks/{id}/resumption"), &[]),
    ] {
        let page = admin.post_form(&path, fields).await;
        let asked = (page.status, page.heading());
        assert_eq!(asked, (403, "Prove that it is you".to_owned()), "{path}");
    }
    assert_eq!(all(&app).len(), 1);
}

#[actix_web::test]
async fn what_was_given_up_can_be_tried_again_by_hand() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    server.refuse(Some("550 no such user"));
    let id = enqueue(&app, &mail("one")).unwrap();
    deliver_due(&app.services).await.unwrap();
    let operator = app.as_operator();
    let list = operator.get("/deliveries").await;
    assert_eq!(list.heading(), "1 notice was given up within a week");
    let page = operator.get(&format!("/deliveries/{id}")).await;
    assert!(page.definition("Why").contains("no such user"));
    server.refuse(None);
    let retry = format!("/deliveries/{id}/retry");
    assert_eq!(operator.post_form(&retry, &[]).await.status, 303);
    assert_eq!(told(&app)[0].state, State::Delivered);
    assert_eq!(told(&app)[0].attempts.len(), 2);
    assert_eq!(
        operator.post_form(&retry, &[]).await.status,
        409,
        "it has arrived"
    );
    assert_eq!(server.taken().len(), 1);
    let auditor = app.as_auditor();
    assert!(
        !auditor
            .get(&format!("/deliveries/{id}"))
            .await
            .has_button("Try now")
    );
    assert_eq!(auditor.post_form(&retry, &[]).await.status, 403);
}

#[actix_web::test]
async fn a_test_mail_goes_to_whoever_asks() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    let operator = app.as_operator();
    let page = operator.get("/deliveries").await;
    assert!(page.has_button("Send a test mail to operator@test.example"));
    let sent = operator.post_form("/deliveries/test", &[]).await;
    let delivery = operator.get(sent.location()).await;
    assert_eq!(delivery.definition("State"), "Delivered");
    assert!(server.taken()[0].to.contains("operator@test.example"));
}

#[actix_web::test]
async fn notices_of_no_platform_are_for_those_who_act_for_all() {
    let app = TestApp::start().await;
    let id = enqueue(&app, &mail("one")).unwrap();
    crate::packs::apply(&app, crate::packs::SMALL);
    let platforms = app.services.db.read(packs::platforms).unwrap();
    let one = Scope::one(platforms[0].id);
    let limited = app.as_limited("only@test.example", Role::Operator, one);
    let path = format!("/deliveries/{id}");
    assert_eq!(limited.get(&path).await.status, 404);
    assert!(!limited.get("/deliveries").await.says("Balances are not"));
    let retry = limited.post_form(&format!("{path}/retry"), &[]).await;
    assert_eq!(retry.status, 404);
    let test = limited.post_form("/deliveries/test", &[]).await;
    assert_eq!(test.status, 409);
    let operator = app.as_operator();
    let list = operator.get("/deliveries?channel=email").await;
    assert!(list.says("Balances are not synchronised"));
    let list = operator.get("/deliveries?channel=endpoint").await;
    assert!(!list.says("Balances are not synchronised"));
    assert_eq!(
        operator.get("/deliveries?cursor=nonsense").await.status,
        400
    );
    let about = About::new("alert", "7");
    assert_eq!(told(&app)[0].about, about);
}
