//! The demo's schedule of outages over the shipped packs, by the clock: each lamp that it names is lit in its time and goes
//! out again, no other is, and what a person has broken stays broken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use futures_util::future::join_all;
use signalbox::app::simulator::outages::{self, OUTAGES, ROUND};
use signalbox::app::simulator::{Habit, Mode, Simulator};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::rules;
use signalbox::features::alerts::store::{self as alerts, Alert};
use signalbox::features::alerts::suppression::{self, Kind};
use signalbox::features::connectors::runner as connectors;
use signalbox::features::health::actions as health;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::demo;
use signalbox::features::heartbeats::actions as heartbeats;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::{Check, ItemId, Rule};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store as packed;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::{Level, PlatformId, Scope};

use crate::heartbeats::ping;
use crate::packs::shipped;
use crate::support::app::TestApp;

/// Slower than the demo, of which most time is probing; every outage has to be long enough for this as well.
const STEP_SECS: u64 = 10;

/// Probes of what the schedule leaves alone, of which there are many.
const LEFT_ALONE: [&str; 10] = [
    "queue-events",
    "queue-ledger",
    "queue-transactions",
    "queue-webhooks",
    "queue-cgo",
    "queue-scan",
    "api-patience",
    "api-health-db",
    "api-health-redis",
    "backend-readiness",
];

/// A lamp: its platform, its rule and its level.
type Lit = (String, String, Level);

struct Round {
    app: TestApp,
    simulator: Simulator,
    checks: Checks,
    probes: health::Probes,
    platforms: BTreeMap<PlatformId, String>,
    rules: BTreeMap<ItemId, (String, String)>,
    second: u64,
    verification: Habit,
}

impl Round {
    async fn begin() -> Self {
        let app = TestApp::start().await;
        let clock = app.services.clock.clone();
        let simulator = Simulator::start_sites_by(0, clock).await.unwrap();
        let mut given: Given = simulator.parameters().into_iter().collect();
        for name in ["PROBE_INTERVAL", "STORE_INTERVAL", "CONNECTOR_EVERY"] {
            given.extend([(name, format!("{STEP_SECS}s"))]);
        }
        given.extend([("SYNC_EVERY", "20s"), ("SYNC_GRACE", "15s")]);
        given.extend([("PROBE_TIMEOUT", "3s"), ("STORE_TIMEOUT", "3s")]);
        for (name, pack) in shipped() {
            if name != "signalbox.toml" {
                packs::apply(&app.services, &Actor::job("demo"), &pack, &given).unwrap();
            }
        }
        let mut probes = crate::health::probes(&app);
        probes.retain(|_, item| {
            let is_ours = !matches!(item.spec.check, Check::Host(_) | Check::File(_));
            is_ours && !LEFT_ALONE.contains(&item.slug.as_str())
        });
        health::enrol(&app.services, &probes).unwrap();
        heartbeats::tick(&app.services).unwrap();
        let known = app.services.db.read(packed::platforms).unwrap();
        let platforms: BTreeMap<_, _> = known.into_iter().map(|it| (it.id, it.slug)).collect();
        let live = app.services.db.read(packed::live::<Rule>).unwrap();
        let rules = live
            .into_iter()
            .map(|it| (it.id, (platforms[&it.platform].clone(), it.slug)));
        let round = Self {
            rules: rules.collect(),
            platforms,
            simulator,
            checks: Checks::new().unwrap(),
            probes,
            second: 0,
            verification: Habit::Running,
            app,
        };
        for job in round.jobs() {
            assert_eq!(ping(&round.app, &job, "").await, 200, "{job}");
        }
        round
    }

    fn jobs(&self) -> Vec<String> {
        let live = packed::live::<signalbox::features::packs::pack::Heartbeat>;
        let live = self.app.services.db.read(live).unwrap().into_iter();
        // Of names that several platforms have, the jobs are at night.
        let names: BTreeSet<String> = live.map(|it| it.slug).collect();
        names.into_iter().collect()
    }

    /// Ten seconds go by, in which everybody does what they do.
    async fn step(&mut self) {
        let before = self.second;
        self.second += STEP_SECS;
        self.app
            .advance(TimeDelta::seconds(STEP_SECS.cast_signed()));
        if self.simulator.follow(self.second) {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        self.run_jobs().await;
        let services = &self.app.services;
        demo::report(services, &outages::values(self.second)).unwrap();
        for (platform, kind) in outages::events(before, self.second) {
            let actor = Actor::job("demo");
            health::report_event(services, &actor, kind, Some(platform)).unwrap();
        }
        connectors::call_due(services).await.unwrap();
        let claims = health::claim(services, &self.probes).unwrap();
        let runs = claims.into_iter().map(|claim| async {
            let item = &self.probes[&claim.probe];
            let (at, tally) = (self.app.now(), claim.tally.clone());
            let run = self.checks.run(&item.spec, at, tally).await;
            (item, claim, run)
        });
        for (item, claim, mut run) in join_all(runs).await {
            // How long it took here is for how busy this machine is; how late it was is the schedule's.
            if item.slug == "backend-health" && run.latency_us.is_some() {
                let late = outages::mode(self.second, "lait", "Backend") == Mode::Late;
                run.latency_us = Some(if late { 150_000 } else { 5_000 });
            }
            health::finish(services, item, claim, run).unwrap();
        }
        evaluate::tick(services).unwrap();
    }

    /// The synchronisation runs every twenty seconds; the verification whenever it is told to behave otherwise.
    async fn run_jobs(&mut self) {
        let sync = outages::habit(self.second, "finaegis", "Balance synchronisation");
        if self.second.is_multiple_of(20) && sync == Habit::Running {
            ping(&self.app, "balance-sync", "").await;
        }
        let habit = outages::habit(self.second, "finaegis", "Payment verification");
        if habit != self.verification || self.second.is_multiple_of(600) {
            let end = if habit == Habit::Failing { "/1" } else { "" };
            ping(&self.app, "payment-verification", end).await;
        }
        self.verification = habit;
    }

    fn firing(&self) -> Vec<Alert> {
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let open = self.app.services.db.read(open).unwrap().into_iter();
        open.filter(|alert| alert.firing).collect()
    }

    fn named(&self, alert: &Alert) -> Lit {
        let platform = self.platforms[&alert.platform].clone();
        (platform, alert.labels["alertname"].clone(), alert.level)
    }

    /// Rules whose condition holds without a lamp.
    fn pending(&self) -> Vec<(String, String)> {
        let states = self.app.services.db.read(rules::rule_states).unwrap();
        let pending = states.iter().filter(|(_, state)| {
            let active = &state.track.active_at;
            let holds = active.red.or(active.yellow).or(active.blue).is_some();
            holds && state.track.firing.is_none()
        });
        pending.map(|(id, _)| self.rules[id].clone()).collect()
    }

    fn is_held_back(&self, alert: &Alert) -> bool {
        let now = self.app.now();
        let read = |conn: &mut _| suppression::reasons(conn, alert, now);
        let reasons = self.app.services.db.read(read).unwrap();
        reasons.iter().any(|reason| reason.kind == Kind::Dependency)
    }
}

/// Which lamps an outage that is on or has just been may have lit.
fn allowed(second: u64) -> BTreeSet<Lit> {
    let seen = OUTAGES.iter().filter(|outage| outage.may_be_seen(second));
    seen.flat_map(|outage| outage.lights)
        .map(|(platform, rule, level)| ((*platform).to_owned(), (*rule).to_owned(), *level))
        .collect()
}

fn clock(second: u64) -> String {
    format!("{}:{:02}", second / 60, second % 60)
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = Text)]
    now: String,
    #[diesel(sql_type = BigInt)]
    times: i64,
}

/// How often breakers came to each state.
fn breaker_turns(app: &TestApp) -> BTreeMap<String, i64> {
    let count = "SELECT now, count(*) AS times FROM breaker_turn GROUP BY now";
    let turns: Vec<Turn> = sql_query(count)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    turns.into_iter().map(|it| (it.now, it.times)).collect()
}

#[actix_web::test]
async fn every_kind_of_lamp_is_lit_in_a_round_and_goes_out_again() {
    let mut round = Round::begin().await;
    let (mut seen, mut lit) = (BTreeSet::new(), BTreeSet::new());
    let (mut pending, mut held_back, mut flapped) = (BTreeSet::new(), false, false);
    let mut wrong = Vec::new();
    while round.second < ROUND {
        round.step().await;
        let (second, firing) = (round.second, round.firing());
        let now: BTreeSet<Lit> = firing.iter().map(|alert| round.named(alert)).collect();
        for (lamp, word) in now
            .difference(&lit)
            .map(|it| (it, "lit"))
            .chain(lit.difference(&now).map(|it| (it, "out")))
        {
            println!("{} {lamp:?} {word}", clock(second));
        }
        for lamp in now.difference(&allowed(second)) {
            wrong.push(format!("{} {lamp:?}", clock(second)));
        }
        pending.extend(round.pending());
        flapped |= firing.iter().any(|alert| alert.flapping_since.is_some());
        let app_down = firing
            .iter()
            .find(|alert| alert.labels["alertname"] == "app-down");
        held_back |= app_down.is_some_and(|alert| round.is_held_back(alert));
        seen.extend(now.iter().cloned());
        lit = now;
    }
    assert_eq!(wrong, [""; 0], "lamps that no outage of that time lights");
    let all = OUTAGES.iter().flat_map(|outage| outage.lights);
    let all: BTreeSet<Lit> = all
        .map(|(platform, rule, level)| ((*platform).to_owned(), (*rule).to_owned(), *level))
        .collect();
    assert_eq!(seen, all, "each lamp of the table, and no other");
    let levels: BTreeSet<Level> = seen.iter().map(|(_, _, level)| *level).collect();
    assert_eq!(
        levels,
        BTreeSet::from([Level::Blue, Level::Yellow, Level::Red])
    );
    let left: Vec<&str> = lit.iter().map(|(_, rule, _)| rule.as_str()).collect();
    assert_eq!(
        left,
        ["report-submitted"],
        "an event's, which lasts for an hour"
    );
    assert!(flapped, "the cache's lamp is held");
    assert!(held_back, "the application leans on its event store");
    for (platform, rule) in [
        ("regtech-horizon", "lumadb-connections"),
        ("debt-os", "queue-backlog"),
        ("lait", "database-connections"),
    ] {
        let rule = (platform.to_owned(), rule.to_owned());
        assert!(pending.contains(&rule), "{rule:?} was pending");
    }
    let turns = breaker_turns(&round.app);
    for state in ["open", "half_open", "closed"] {
        assert!(turns.contains_key(state), "{state}: {turns:?}");
    }
    round.simulator.stop().await;
}

#[actix_web::test]
async fn what_a_person_breaks_or_mends_stays_so() {
    let simulator = Simulator::start_sites(0).await.unwrap();
    let front_end = OUTAGES.iter().find(|it| it.what.contains("front end"));
    let begins = front_end.unwrap().begins;
    let mode = |second| outages::mode(second, "lait", "Front end");
    assert_eq!(mode(begins + 5), Mode::Refusing);
    let url = |name: &str| {
        let of = simulator.parameters().into_iter();
        of.into_iter().find(|(of, _)| of == name).unwrap().1
    };
    let (front, bank) = (url("LAIT_WEB_URL"), url("FINAEGIS_BANK_FIRST_URL"));
    let status = async |url: String| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = reqwest::get(url).await.ok();
        answer.map(|answer| answer.status().as_u16())
    };
    assert!(simulator.follow(begins + 5) && !simulator.follow(begins + 6));
    assert_eq!(status(front.clone()).await, None);
    assert!(simulator.set("lait", "Front end", Mode::Well));
    simulator.follow(begins + 10);
    assert_eq!(status(front.clone()).await, Some(200), "mended by hand");
    assert!(simulator.set("finaegis", "First bank", Mode::Failing));
    simulator.follow(0);
    assert_eq!(
        status(format!("{bank}/accounts")).await,
        Some(500),
        "broken by hand"
    );
    simulator.stop().await;
}
