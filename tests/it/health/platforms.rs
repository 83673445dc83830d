//! The guides' platforms, simulated: what their metrics say lights the lamp that the guide asks for, when it says so.

use chrono::TimeDelta;
use signalbox::app::simulator::{Mode, Simulator};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self as alerts, Alert};
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::packs::actions as packs_actions;
use signalbox::features::packs::pack::Check;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::{Level, Scope};

use super::probes;
use crate::packs::shipped;
use crate::support::app::TestApp;

const STEP_SECS: i64 = 15;

/// A platform whose metrics alone are read.
struct Platform {
    app: TestApp,
    simulator: Simulator,
    scrapes: actions::Probes,
    checks: Checks,
    name: &'static str,
}

impl Platform {
    async fn start(name: &'static str) -> Self {
        let app = TestApp::start().await;
        let simulator = Simulator::start_sites(0).await.unwrap();
        let mut given: Given = simulator.parameters().into_iter().collect();
        given.extend([
            ("PROBE_INTERVAL", format!("{STEP_SECS}s")),
            ("PROBE_TIMEOUT", "5s".to_owned()),
        ]);
        let pack = shipped()
            .into_iter()
            .find(|(file, _)| file.starts_with(name))
            .unwrap()
            .1;
        packs_actions::apply(&app.services, &Actor::command_line("tester"), &pack, &given).unwrap();
        let mut scrapes = probes(&app);
        scrapes.retain(|_, probe| matches!(probe.spec.check, Check::Prometheus(_)));
        actions::enrol(&app.services, &scrapes).unwrap();
        let platform = Self {
            app,
            simulator,
            scrapes,
            checks: Checks::new().unwrap(),
            name,
        };
        platform.lasts(TimeDelta::minutes(7)).await;
        platform
    }

    async fn becomes(&self, mode: Mode) {
        assert!(self.simulator.set(self.name, "API", mode));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    async fn lasts(&self, time: TimeDelta) {
        for _ in 0..time.num_seconds() / STEP_SECS {
            self.app.advance(TimeDelta::seconds(STEP_SECS));
            for claim in actions::claim(&self.app.services, &self.scrapes).unwrap() {
                let scrape = &self.scrapes[&claim.probe];
                let run = self.checks.run(&scrape.spec, self.app.now(), None).await;
                actions::finish(&self.app.services, scrape, claim, run).unwrap();
            }
            evaluate::tick(&self.app.services).unwrap();
        }
    }

    fn lit(&self, name: &str) -> Option<Alert> {
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let mut open = self.app.services.db.read(open).unwrap().into_iter();
        open.find(|alert| alert.firing && alert.name == name)
    }

    /// In this mode the lamp is lit after `late`, not yet after `early`, and goes out when all is well again.
    async fn lights(&self, mode: Mode, name: &str, level: Level, (early, late): (i64, i64)) {
        assert!(self.lit(name).is_none(), "{name}");
        self.becomes(mode).await;
        self.lasts(TimeDelta::seconds(early)).await;
        assert!(self.lit(name).is_none(), "{name}: too early");
        self.lasts(TimeDelta::seconds(late - early)).await;
        let alert = self.lit(name).unwrap_or_else(|| panic!("{name}: too late"));
        assert_eq!(alert.level, level, "{name}");
        self.becomes(Mode::Well).await;
        self.lasts(TimeDelta::minutes(7)).await;
        assert!(self.lit(name).is_none(), "{name}: {}", alert.summary);
    }
}

/// RH-8, RH-10
#[tokio::test]
async fn late_data_and_a_metric_that_is_gone_are_yellow() {
    let platform = Platform::start("regtech-horizon").await;
    platform
        .lights(Mode::Lagging, "Data is late", Level::Yellow, (0, 15))
        .await;
    let unseen = "Nobody says how late the data is";
    platform
        .lights(Mode::Silent, unseen, Level::Yellow, (300, 330))
        .await;
    let page = platform.app.as_operator().get("/").await;
    assert!(page.says("RegTech Horizon API: Data is late"));
    let page = platform.app.as_operator().get("/services").await;
    let service = page.link("API");
    let page = platform.app.as_operator().get(&service).await;
    for figure in [
        "Data is late",
        "http_requests_total",
        "report_generation_duration_seconds",
    ] {
        assert!(page.says(figure), "{figure}");
    }
    assert!(page.says("scrape api-metrics") && page.says("rate of http_requests_total over 5m"));
    assert!(page.says("16 a second"), "240 requests each 15 s");
}

/// FC-17: over 5 % for two minutes.
#[tokio::test]
async fn failing_requests_are_red_after_two_minutes() {
    let platform = Platform::start("finchat").await;
    platform
        .lights(
            Mode::Erring,
            "Too many requests fail",
            Level::Red,
            (120, 330),
        )
        .await;
}

/// DO-11, DO-17
#[tokio::test]
async fn a_share_of_errors_over_one_per_cent_is_red_after_five_minutes() {
    let platform = Platform::start("debt-os").await;
    platform
        .lights(Mode::Erring, "High error rate", Level::Red, (300, 360))
        .await;
}

/// DO-10, DO-12, DO-18
#[tokio::test]
async fn slow_requests_and_a_long_queue_are_yellow() {
    let platform = Platform::start("debt-os").await;
    platform
        .lights(Mode::Lagging, "Requests take long", Level::Yellow, (0, 120))
        .await;
    platform
        .lights(Mode::Lagging, "The queue grows", Level::Yellow, (600, 630))
        .await;
}
