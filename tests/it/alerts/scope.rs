//! Somebody who is there for one platform sees and touches that platform, and no other.

use signalbox::features::packs::store::platforms;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::people::{self, NewPerson, Refusal};
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::{open, tick};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::personas::Client;

/// An operator of the platform of this name.
pub fn operator_of(app: &TestApp, platform: &str) -> Client {
    let all = app.services.db.read(platforms).unwrap();
    let id: PlatformId = all.iter().find(|it| it.slug == platform).unwrap().id;
    let email = format!("{platform}@test.example");
    let new = NewPerson {
        email: email.clone(),
        name: "Test limited".to_owned(),
        roles: vec![Role::Operator],
        scope: Scope::one(id),
        demo: false,
    };
    app.services
        .audit
        .write::<_, Refusal>(&Actor::command_line("test"), |tx| people::add(tx, &new))
        .unwrap();
    app.sign_in_as(&email, "Test limited", &[Role::Operator])
}

#[tokio::test]
async fn a_person_of_one_platform_sees_and_acknowledges_there_only() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let other = SMALL
        .replacen(
            "id = \"demo\"\nname = \"Demo\"",
            "id = \"other\"\nname = \"Elsewhere\"",
            1,
        )
        .replace("name = \"API\"", "name = \"Far API\"")
        .replace("Quality is in breach", "Far breach")
        .replace("title = \"Mend it\"", "title = \"Mend far\"")
        .replace("NCC quality of service", "Far quality");
    apply(&app, &other);
    let actor = Actor::command_line("tester");
    for platform in ["demo", "other"] {
        signalbox::features::health::actions::report_indicator(
            &app.services,
            &actor,
            "ncc_qos",
            97.0,
            Some(platform),
        )
        .unwrap();
    }
    tick(&app);
    let of = |name: &str| {
        open(&app)
            .into_iter()
            .find(|alert| alert.name == name)
            .unwrap()
    };
    let (near, far) = (of("Quality is in breach"), of("Far breach"));

    let all = app.as_operator();
    let limited = operator_of(&app, "demo");
    for path in ["/", "/alerts", "/services", "/packs"] {
        let page = limited.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.says("Far") && !page.says("Elsewhere"), "{path}");
        let everything = all.get(path).await;
        assert!(
            everything.says("Far") || everything.says("Elsewhere"),
            "{path}"
        );
    }
    let overview = limited.get("/").await;
    assert_eq!(overview.heading(), "1 alert needs attention");
    assert!(overview.says("Quality is in breach"));

    let far_service = all.get("/services").await.link("Far API");
    let far_runbook = all.get(&far_service).await.link("Mend far");
    let far_alert = format!("/alerts/{}", far.id);
    for path in [&far_service, &far_runbook, &far_alert] {
        assert_eq!(limited.get(path).await.status, 404, "{path}");
        assert_eq!(all.get(path).await.status, 200, "{path}");
    }
    let near_service = limited.get("/services").await.link("API");
    assert_eq!(limited.get(&near_service).await.status, 200);

    let far_id = far.id.to_string();
    let near_id = near.id.to_string();
    let acknowledge = format!("{far_alert}/acknowledgement");
    assert_eq!(limited.post_form(&acknowledge, &[]).await.status, 404);
    for act in ["release", "assignment", "snooze"] {
        let fields = [("lasts", "1h"), ("reason", "x"), ("person", "")];
        let path = format!("{far_alert}/{act}");
        let sent = limited.post_form(&path, &fields).await;
        assert_eq!(sent.status, 404, "{act}");
    }
    let both = [("alert", near_id.as_str()), ("alert", far_id.as_str())];
    let several = "/alerts/acknowledgement";
    assert_eq!(limited.post_form(several, &both).await.status, 404);
    assert!(
        app.events_of("alert.acknowledged").is_empty(),
        "one elsewhere stops all of them"
    );
    assert_eq!(limited.post_form(several, &both[..1]).await.status, 303);
    assert_eq!(app.events_of("alert.acknowledged").len(), 1);
}
