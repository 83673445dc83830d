//! A countersignature that somebody owes is asked for until it is given.

use chrono::TimeDelta;
use signalbox::features::alerts::silences::runner;

use super::hand::second;
use super::{open, report, tick, watched};
use crate::packs::apply;
use crate::support::app::TestApp;

const OURS: &str = include_str!("../../../packs/signalbox.toml");
const LAMP: &str = "Nobody has countersigned a silence of a red alert";
const OWED: &str = "A countersignature under a silence of a red alert";

fn is_lit(app: &TestApp) -> bool {
    runner::tick(&app.services).unwrap();
    tick(app);
    open(app).iter().any(|it| it.firing && it.name == LAMP)
}

#[tokio::test]
async fn a_countersignature_that_is_overdue_lights_a_lamp_of_our_own() {
    let app = watched().await;
    apply(&app, OURS);
    report(&app, 97.0);
    tick(&app);
    let silence = [
        ("platform", "demo"),
        ("matchers", "alertname=\"qos\""),
        ("lasts", "1h"),
        ("reason", "Deploying"),
        ("act", "save"),
    ];
    let made = app.as_operator().post_form("/silences", &silence).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let path = made.location().to_owned();
    assert!(!is_lit(&app), "it is owed, and not late");
    let (other, _) = second(&app);
    let centre = other.get("/account/notices").await;
    assert_eq!(centre.link(OWED), path);
    for nobody in [app.as_operator(), app.as_reviewer(), app.as_auditor()] {
        let centre = nobody.get("/account/notices").await;
        assert!(!centre.says(OWED), "{}", centre.text());
    }

    app.advance(TimeDelta::days(2));
    assert!(is_lit(&app));
    let (other, _) = second(&app);
    let centre = other.get("/account/notices").await;
    assert!(centre.says(&format!("{OWED}, overdue")));
    let lamp = open(&app).into_iter().find(|it| it.name == LAMP).unwrap();
    let page = app.as_operator().get(&format!("/alerts/{}", lamp.id)).await;
    assert!(page.says("Open Silences"), "its runbook stands beside it");

    let countersign = format!("{path}/countersignature");
    assert_eq!(other.post_form(&countersign, &[]).await.status, 303);
    assert!(!is_lit(&app));
    let centre = other.get("/account/notices").await;
    assert!(!centre.says(OWED));
}
