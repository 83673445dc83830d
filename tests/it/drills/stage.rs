//! What drills are played on: the application over a guide's pack, and everything that the pack looks at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{Text, Timestamptz};
use diesel::{PgConnection, RunQueryDsl as _, sql_query};
use signalbox::app::simulator::Simulator;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self as alerts, Alert};
use signalbox::features::connectors::runner as connectors;
use signalbox::features::connectors::store as breakers;
use signalbox::features::health::actions as health;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::store as probed;
use signalbox::features::heartbeats::actions as heartbeats;
use signalbox::features::logs::actions as logs;
use signalbox::features::oncall::engine;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::{Pack, Probe, Rule, Sli, Source};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store::Item;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Scope;
use tempfile::TempDir;

use super::{Drill, Guide, MINUTE, Way};
use crate::heartbeats::ping;
use crate::oncall::guides::addresses;
use crate::support::app::TestApp;
use crate::support::scraped::Exporter;

/// Longer than a lamp that has come and gone is remembered to have done so.
const BETWEEN: TimeDelta = TimeDelta::minutes(31);

/// A longer wait is leapt over, but for its end.
const LEAP_OVER: TimeDelta = TimeDelta::minutes(30);
const AFTER_A_LEAP: TimeDelta = TimeDelta::minutes(12);

const OTHERS: [&str; 3] = ["OPENAI_URL", "ANTHROPIC_URL", "GITHUB_URL"];

/// How often jobs that run give signs of life, and figures that nobody asks for are reported.
const ROUND: TimeDelta = TimeDelta::minutes(4);

pub struct Stage {
    pub app: TestApp,
    pub pack: Pack,
    pub(super) simulator: Simulator,
    /// Serves pages of metrics that no simulated service has.
    pub(super) exporter: Exporter,
    /// Services that the platform buys from somebody, by the parameter of their address.
    pub(super) others: BTreeMap<&'static str, Exporter>,
    pub(super) checks: Checks,
    pub(super) probes: health::Probes,
    pub(super) logs: Vec<logs::Source>,
    pub(super) conn: PgConnection,
    _folder: TempDir,
    /// Jobs that run.
    pub(super) running: Vec<String>,
    /// What is reported by itself, with its good value.
    pub(super) reported: Vec<(&'static str, f64)>,
    /// What no longer is.
    pub(super) silent: Option<(&'static str, f64)>,
    pub(super) round_at: DateTime<Utc>,
    /// The drill's own.
    pub(super) way: Way,
    pub(super) is_bad: bool,
    pub(super) rule: Option<Rule>,
    pub(super) grown: Vec<f64>,
    pub(super) scraped_at: DateTime<Utc>,
    /// When results were last added up.
    pub(super) added_at: DateTime<Utc>,
}

/// The guide's pack, with what is given, and these besides.
pub fn read(guide: &Guide, more: &[(String, String)]) -> Pack {
    let source = source(guide);
    packs::check(&source, &given(guide, &source, more))
        .unwrap()
        .0
        .pack
}

/// Something for each parameter without which a part of the pack is left out.
pub fn all_that_may_be_given(guide: &Guide) -> Vec<(String, String)> {
    let source = source(guide);
    let parts = source.split("only_with = \"${").skip(1);
    let names = parts.filter_map(|rest| rest.split(":-").next());
    names
        .map(|name| match name.rsplit('_').next() {
            Some("FILES") => (name.to_owned(), "/srv/simulated/*".to_owned()),
            Some("ADDRESS") => (name.to_owned(), "localhost:443".to_owned()),
            _ => (name.to_owned(), "http://localhost:9".to_owned()),
        })
        .collect()
}

fn source(guide: &Guide) -> String {
    let file = format!("{}.toml", guide.pack);
    let mut shipped = crate::packs::shipped().into_iter();
    shipped.find(|(name, _)| *name == file).unwrap().1
}

fn given(guide: &Guide, source: &str, more: &[(String, String)]) -> Given {
    let mut given = addresses(source);
    given.extend(guide.given.iter().copied());
    given.extend(more.iter().cloned());
    given
}

/// Where a platform's files and logs are.
fn files(folder: &TempDir) -> impl Iterator<Item = (String, String)> {
    let path = folder.path().display().to_string();
    let files = ["DUMP", "LOG", "CACHE"].map(|name| {
        let files = format!("{path}/{}/*", name.to_lowercase());
        (format!("{name}_FILES"), files)
    });
    let logs = ["API", "INGESTION", "BACKEND", "APP"].map(|name| {
        let files = format!("{path}/lines/{}.log*", name.to_lowercase());
        (format!("{name}_LOG"), files)
    });
    files.into_iter().chain(logs)
}

impl Stage {
    /// All that these drills need.
    pub async fn set(guide: &Guide, drills: &[Drill]) -> Self {
        let app = TestApp::start().await;
        let simulator = Simulator::start_sites(0).await.unwrap();
        let exporter = Exporter::start().await;
        let folder = tempfile::tempdir().unwrap();
        let base = |of: &Exporter| of.url.trim_end_matches("/metrics").to_owned();
        let mut others = BTreeMap::new();
        for whose in OTHERS {
            others.insert(whose, Exporter::start().await);
        }
        let mut more = simulator.parameters();
        more.extend(files(&folder));
        let filings = more.iter().find(|(name, _)| name == "FINCHAT_EDGAR_URL");
        let filings = filings.unwrap().1.clone();
        more.push(("FILINGS_URL".to_owned(), filings));
        more.push(("CONTAINERS_URL".to_owned(), base(&exporter)));
        more.extend(
            others
                .iter()
                .map(|(name, of)| ((*name).to_owned(), base(of))),
        );
        let (pack, source) = (read(guide, &more), source(guide));
        let given = given(guide, &source, &more);
        packs::apply(
            &app.services,
            &Actor::command_line("tester"),
            &source,
            &given,
        )
        .unwrap();
        let probes = crate::health::probes(&app);
        health::enrol(&app.services, &probes).unwrap();
        heartbeats::tick(&app.services).unwrap();
        let mut stage = Self {
            logs: logs::enrol(&app.services).unwrap(),
            conn: app.db.connect_superuser(),
            running: pack.heartbeats.iter().map(|it| it.id.clone()).collect(),
            reported: Vec::new(),
            silent: None,
            round_at: DateTime::UNIX_EPOCH,
            way: Way::Event(""),
            is_bad: false,
            rule: None,
            grown: Vec::new(),
            scraped_at: app.now(),
            added_at: app.now(),
            checks: Checks::new().unwrap(),
            _folder: folder,
            app,
            pack,
            simulator,
            exporter,
            others,
            probes,
        };
        stage.begin_logs();
        stage.reported = stage.reported_by_themselves(guide);
        for drill in drills {
            if let Way::Unheard(job) = drill.breaks {
                stage.running.retain(|it| it != job);
            }
        }
        stage
    }

    /// The figures whose age a rule asks for, each as its drills call it good.
    fn reported_by_themselves(&self, guide: &Guide) -> Vec<(&'static str, f64)> {
        let good = |name: &str| {
            guide.all().find_map(|drill| match drill.breaks {
                Way::Reported(of, _, good) if of == name => Some((of, good)),
                _ => None,
            })
        };
        let aged = self.pack.rules.iter().filter_map(|rule| match &rule.on {
            Source::Age(name) => Some(name),
            _ => None,
        });
        aged.map(|name| good(name).unwrap()).collect()
    }

    /// The first look at a log finds where its files end.
    fn begin_logs(&self) {
        for log in &self.logs {
            let path = self.log_file(&log.item.slug);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap();
            logs::read_files(&self.app.services, log).unwrap();
        }
    }

    pub(super) fn log_file(&self, log: &str) -> PathBuf {
        let log = self.pack.log_sources.iter().find(|it| it.id == log);
        log.unwrap().files().unwrap().trim_end_matches('*').into()
    }

    /// All is well, and has been for a moment.
    pub async fn begin(&mut self, drill: &Drill) {
        self.app.advance(BETWEEN);
        let rule = self.pack.rules.iter().find(|it| it.id == drill.rule);
        let rule = rule.unwrap_or_else(|| panic!("there is no rule {}", drill.rule));
        self.rule = Some(rule.clone());
        (self.way, self.is_bad) = (drill.breaks, false);
        self.grown.clear();
        self.scraped_at = self.app.now();
        self.write_files();
        self.add_up_an_hour();
        if let Way::Reported(name, _, good) = drill.breaks {
            self.report(name, good);
        }
        self.round().await;
        for _ in 0..2 {
            self.app.advance(TimeDelta::seconds(1));
            self.hasten();
            self.look().await;
        }
        self.pass(MINUTE).await;
        if let Way::Missed(job) = drill.breaks {
            self.come_to_the_slot_of(job);
            self.round().await;
            self.look().await;
        }
    }

    /// So many seconds go by, and whatever is due in them is done.
    pub async fn pass(&mut self, secs: i64) {
        let until = self.app.now() + TimeDelta::seconds(secs);
        if secs > LEAP_OVER.num_seconds() && self.has_to_last() {
            // It lasts from when it is seen.
            let due = self.next_due().unwrap_or(until).min(until);
            self.app.advance(due.max(self.app.now()) - self.app.now());
            self.look().await;
        }
        if until - self.app.now() > LEAP_OVER {
            self.app.advance(until - self.app.now() - AFTER_A_LEAP);
            self.hasten();
            self.look().await;
        }
        while self.app.now() < until {
            let now = self.app.now();
            let next = self.next_due().map_or(until, |due| due.min(until));
            self.app.advance(next.max(now) - now);
            self.look().await;
            if self.app.now() == now {
                self.app.advance(TimeDelta::seconds(1));
            }
        }
    }

    fn has_to_last(&self) -> bool {
        let mut levels = self.rule.iter().flat_map(Rule::levels);
        levels.any(|(_, condition)| condition.lasting.millis() > 0)
    }

    /// When the rule of this drill has something new to read.
    fn next_due(&self) -> Option<DateTime<Utc>> {
        let now = self.app.now();
        match &self.rule.as_ref()?.on {
            Source::Connector(slug) => {
                let connector = self.pack.connectors.iter().find(|it| it.id == *slug)?;
                let all = self.app.services.db.read(breakers::all).unwrap();
                let ours = all.iter().filter(|held| held.name == connector.name);
                ours.filter_map(|held| held.due_at).min()
            }
            Source::BurnRate(_) if self.watched().is_none() => {
                Some(now + TimeDelta::seconds(MINUTE))
            }
            _ => {
                let watched = self.watched()?;
                let states = self.app.services.db.read(probed::states).unwrap();
                states.get(&watched.id).map(|state| state.due_at)
            }
        }
    }

    /// The probe that the drill is about.
    fn watched(&self) -> Option<&Item<Probe>> {
        let on = &self.rule.as_ref()?.on;
        let slug = match on {
            Source::BurnRate(slo) => {
                let slo = self.pack.slos.iter().find(|it| it.id == *slo)?;
                match &slo.on {
                    Sli::Counted(of) => Some(of.scrape.as_str()),
                    _ => None,
                }
            }
            _ => on.probe(),
        }?;
        self.probes.values().find(|item| item.slug == slug)
    }

    /// Nobody missed what was not looked at meanwhile.
    fn hasten(&mut self) {
        let Some(id) = self.watched().map(|item| item.id) else {
            return;
        };
        sql_query("UPDATE probe_state SET due_at = $1 WHERE probe_id::text = $2")
            .bind::<Timestamptz, _>(self.app.now())
            .bind::<Text, _>(id.to_string())
            .execute(&mut self.conn)
            .unwrap();
    }

    /// What is due is done, the rules look, and steps are taken.
    pub async fn look(&mut self) {
        if self.app.now() - self.round_at >= ROUND {
            self.round().await;
        }
        self.run_what_is_due().await;
        let on = self.rule.as_ref().map(|rule| rule.on.clone());
        match on {
            Some(Source::Connector(_)) => {
                connectors::call_due(&self.app.services).await.unwrap();
            }
            Some(Source::Log(of)) => {
                let log = self.logs.iter().find(|it| it.item.slug == of.source);
                logs::read_files(&self.app.services, log.unwrap()).unwrap();
            }
            Some(Source::BurnRate(_)) => self.add_up_this_minute(),
            _ => {}
        }
        self.tick();
    }

    /// As if another process had gone on evaluating, so that nothing was a standstill.
    fn tick(&mut self) {
        sql_query("UPDATE rule_tick SET at = $1")
            .bind::<Timestamptz, _>(self.app.now())
            .execute(&mut self.conn)
            .unwrap();
        evaluate::tick(&self.app.services).unwrap();
        engine::tick(&self.app.services).unwrap();
    }

    async fn round(&mut self) {
        self.round_at = self.app.now();
        for job in &self.running {
            assert_eq!(ping(&self.app, job, "").await, 200, "{job}");
        }
        for (name, good) in &self.reported {
            if !(self.is_bad && matches!(self.way, Way::Reported(of, ..) if of == *name)) {
                self.report(name, *good);
            }
        }
    }

    async fn run_what_is_due(&mut self) {
        let Some(item) = self.watched().cloned() else {
            return;
        };
        let only = [(item.id, item.clone())].into_iter().collect();
        for claim in health::claim(&self.app.services, &only).unwrap() {
            let run = self.run_of(&item.spec, claim.tally.clone()).await;
            health::finish(&self.app.services, &item, claim, run).unwrap();
        }
    }

    /// What is lit, by the name of its rule.
    pub fn lit(&self) -> Vec<(String, Alert)> {
        let open = |conn: &mut _| alerts::open(conn, &Scope::All);
        let open = self.app.services.db.read(open).unwrap().into_iter();
        open.filter(|alert| alert.firing)
            .map(|alert| (alert.labels["alertname"].clone(), alert))
            .collect()
    }
}
