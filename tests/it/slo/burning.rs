//! A service fails, and the lamp of its budget is lit at the right moment.

use chrono::TimeDelta;
use signalbox::features::alerts::burning::{self, Targets};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self, Alert};
use signalbox::features::health::actions;
use signalbox::features::health::probe::{ErrorKind, Outcome, Run};
use signalbox::features::packs::pack::{Probe, Sli};
use signalbox::features::packs::store as packs;
use signalbox::features::slo::store::months;
use signalbox::foundation::db;
use signalbox::foundation::kernel::{Level, Scope};

use super::TARGET;
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::scraped::Ground;

const RULE: &str = "
[[rule]]
id = \"budget\"
name = \"The budget burns\"
on.burn_rate = \"availability\"
red = {}
yellow = {}
runbook = \"mend\"
";

struct Ward {
    app: TestApp,
    probes: actions::Probes,
}

impl Ward {
    async fn new() -> Self {
        let app = TestApp::start().await;
        apply(&app, &format!("{SMALL}{TARGET}{RULE}"));
        let live = app.services.db.read(packs::live::<Probe>).unwrap();
        let probes: actions::Probes = live.into_iter().map(|item| (item.id, item)).collect();
        actions::enrol(&app.services, &probes).unwrap();
        Self { app, probes }
    }

    /// So many runs of the probe, half a minute apart.
    fn run(&self, count: u32, good: bool) {
        for _ in 0..count {
            self.app.advance(TimeDelta::seconds(30));
            let services = &self.app.services;
            let claim = actions::claim(services, &self.probes).unwrap().remove(0);
            let run = Run {
                at: self.app.now(),
                outcome: if good {
                    Outcome::Good(Vec::new())
                } else {
                    Outcome::failed(ErrorKind::Refused, "refused")
                },
                latency_us: Some(7_000),
                attempts: 1,
                tally: None,
                scraped: Vec::new(),
            };
            let item = &self.probes[&claim.probe];
            actions::finish(services, item, claim, run).unwrap();
        }
    }

    fn lit(&self) -> Option<Alert> {
        actions::tidy(&self.app.services).unwrap();
        evaluate::tick(&self.app.services).unwrap();
        let open = |conn: &mut _| store::open(conn, &Scope::All);
        let open = self.app.services.db.read(open).unwrap();
        open.into_iter()
            .find(|alert| alert.firing && alert.name == "The budget burns")
    }
}

/// LT-27: of 120 results in an hour, two that fail use up the budget more than 14.4 times too fast.
#[tokio::test]
async fn a_budget_that_burns_lights_the_right_lamp_and_goes_out() {
    let ward = Ward::new().await;
    ward.run(10, true);
    assert!(ward.lit().is_none());
    ward.run(349, true);
    assert!(ward.lit().is_none());
    ward.run(1, false);
    // One in 361 over six hours is 2.8 times too fast, and over three days too.
    assert_eq!(ward.lit().unwrap().level, Level::Yellow);
    ward.run(1, false);
    let red = ward.lit().unwrap();
    assert_eq!(red.level, Level::Red);
    assert!(
        red.summary
            .contains("times too fast, over the last 1h and 5m"),
        "{}",
        red.summary
    );
    let page = ward
        .app
        .as_operator()
        .get(&format!("/alerts/{}", red.id))
        .await;
    assert!(
        page.says("Mend.") && page.says("API"),
        "its runbook and its service"
    );

    // It goes on no more: the short window of red is over after five minutes, those of yellow later.
    ward.run(12, true);
    let yellow = ward.lit().unwrap();
    assert_eq!((yellow.id, yellow.level), (red.id, Level::Yellow));
    ward.run(180, true);
    assert!(ward.lit().is_some(), "over three days it still burns");
    ward.run(560, true);
    assert!(ward.lit().is_none(), "six hours after it ended");
}

/// The long windows are remembered for a minute, and say the same as when they are read anew.
#[tokio::test]
async fn what_is_remembered_says_what_is_read() {
    let ward = Ward::new().await;
    ward.run(41, true);
    for round in 0..6 {
        ward.run(1, round % 3 != 0);
        ward.run(1, round % 2 == 0);
        ward.lit();
        let now = ward.app.now();
        let read = |conn: &mut _| {
            let targets = Targets::read(conn, &Scope::All, now - TimeDelta::days(4))?;
            let slo = &targets.slos[0];
            let source = targets.source(slo).unwrap();
            let planned = targets.planned(slo);
            let anew = burning::of(conn, slo, source, &planned, now)?;
            let first = burning::in_this_minute(conn, slo, source, &planned, now)?;
            let again = burning::in_this_minute(conn, slo, source, &planned, now)?;
            Ok::<_, db::Error>([anew, first, again])
        };
        let [anew, first, again] = ward.app.services.db.read(read).unwrap();
        assert!(anew.is_some_and(|it| it.rate > 0.0), "{round}");
        assert_eq!((first, again), (anew, anew), "{round}");
    }
}

/// A demo begins with a past that was invented, and its budgets are kept in it.
#[tokio::test]
async fn a_past_that_was_invented_lights_no_lamp_and_freezes_its_months() {
    let app = TestApp::start().await;
    for (_, source) in crate::packs::shipped() {
        apply(&app, &source);
    }
    signalbox::features::health::demo::fill(&app.services).unwrap();
    signalbox::features::slo::demo::fill(&app.services).unwrap();
    let frozen = |conn: &mut _| months::all(conn, &Scope::All);
    let frozen = app.services.db.read(frozen).unwrap();
    assert!(!frozen.is_empty(), "a month is frozen from the start");
    assert_eq!(
        app.events_of("service_level.month_frozen").len(),
        frozen.len()
    );
    signalbox::features::slo::demo::fill(&app.services).unwrap();
    let again = |conn: &mut _| months::all(conn, &Scope::All);
    assert_eq!(app.services.db.read(again).unwrap().len(), frozen.len());
    for round in 0..8 {
        let now = app.now();
        let read = |conn: &mut _| {
            let targets = Targets::read(conn, &Scope::All, now - TimeDelta::days(4))?;
            let (mut lit, mut unmeasured) = (Vec::new(), Vec::new());
            for slo in &targets.slos {
                let Some(source) = targets.source(slo) else {
                    continue;
                };
                let burn = burning::of(conn, slo, source, &targets.planned(slo), now)?;
                if burn.is_some_and(|it| it.red || it.yellow) {
                    lit.push(slo.slug.clone());
                }
                if matches!(source.sli, Sli::Availability(_) | Sli::Latency(_)) && burn.is_none() {
                    unmeasured.push(slo.slug.clone());
                }
            }
            assert!(!targets.slos.is_empty());
            Ok::<_, db::Error>((lit, unmeasured))
        };
        let (lit, unmeasured) = app.services.db.read(read).unwrap();
        assert_eq!(lit, [""; 0], "{now}");
        // Where nothing is measured, nothing could be lit.
        assert!(round > 0 || unmeasured.is_empty(), "{unmeasured:?}");
        app.advance(TimeDelta::minutes(45));
    }
}

#[tokio::test]
async fn too_few_results_are_no_data() {
    let ward = Ward::new().await;
    ward.run(19, false);
    assert!(ward.lit().is_none());
    ward.run(1, false);
    assert_eq!(ward.lit().unwrap().level, Level::Red);
}

#[tokio::test]
async fn a_share_of_what_is_scraped_burns_as_well() {
    let ground = Ground::with(
        "
[[slo]]
id = \"errors\"
name = \"Errors\"
service = \"api\"
on.counted = { scrape = \"metrics\", total = 'r_total', good = 'r_total{code=\"200\"}' }
target = \"99%\"
[[rule]]
id = \"budget\"
name = \"Errors burn\"
on.burn_rate = \"errors\"
red = {}
runbook = \"mend\"
",
    )
    .await;
    let page = |good: u32, bad: u32| {
        format!("r_total{{code=\"200\"}} {good}\nr_total{{code=\"500\"}} {bad}\n")
    };
    for turn in 0..8 {
        ground.turn(&page(turn * 100, 0)).await;
    }
    assert!(ground.lit().is_empty());
    for turn in 0..8 {
        ground.turn(&page(700, turn * 100)).await;
    }
    let lit = ground.lit().remove(0);
    assert_eq!((lit.name.as_str(), lit.level), ("Errors burn", Level::Red));
}
