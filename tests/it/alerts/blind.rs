//! Rules that cannot see what they watch are told of: each is a guard that lights nothing.

use signalbox::features::alerts::blind;
use signalbox::features::packs::store as packs;
use signalbox::features::packs::{Given, actions, own};
use signalbox::foundation::audit::Actor;

use super::{awake, open, report, tick};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

/// The names of those of the small pack.
fn blind(app: &TestApp) -> Vec<String> {
    let now = app.now();
    app.services
        .db
        .read(|conn| {
            let ids = blind::rules(conn, now)?;
            let names = ids.into_iter().map(|id| packs::named(conn, id));
            names.collect::<Result<Vec<_>, _>>()
        })
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[actix_web::test]
async fn what_has_nothing_to_read_for_ten_minutes_is_blind() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    tick(&app);
    awake(&app, 9);
    assert!(blind(&app).is_empty());
    awake(&app, 2);
    assert_eq!(blind(&app), ["api-down", "qos"], "neither ran nor reported");
    report(&app, 99.5);
    tick(&app);
    assert_eq!(blind(&app), ["api-down"]);
    let said = SMALL.replacen(
        "on.state = \"api-health\"\n",
        "on.state = \"api-health\"\nno_data = \"ok\"\n",
        1,
    );
    apply(&app, &said);
    tick(&app);
    assert!(blind(&app).is_empty(), "the pack says what silence means");
}

#[actix_web::test]
async fn a_blind_rule_lights_the_lamp_of_our_own_pack() {
    let app = TestApp::start().await;
    let actor = Actor::job("test");
    actions::apply(&app.services, &actor, own::TEXT, &Given::default()).unwrap();
    apply(&app, SMALL);
    let is_told = |app: &TestApp| {
        blind::report(&app.services).unwrap();
        tick(app);
        let lit = open(app);
        lit.iter()
            .any(|it| it.firing && it.name == "A rule cannot see what it watches")
    };
    tick(&app);
    assert!(!is_told(&app));
    awake(&app, 11);
    assert!(!is_told(&app), "it has not lasted");
    for _ in 0..9 {
        awake(&app, 1);
        assert!(!is_told(&app));
    }
    awake(&app, 1);
    assert!(is_told(&app));
}
