//! Stands in for the platforms in the demo and in tests: answers as each guide's services do, on
//! loopback, runs the jobs that they run by themselves, and can be broken and mended one by one.
//!
//! Invariants:
//! - it listens on 127.0.0.1 only and knows nothing of Signalbox: probes reach it as they reach the
//!   real thing, and its jobs know their address and no more;
//! - every address that it stands in for is a parameter of a pack, so the packs are the real ones;
//! - what a person has broken or mended stays so, whatever the schedule of outages says.

mod crons;
mod dumps;
mod hand;
mod inbox;
mod logs;
mod metrics;
pub mod outages;
mod page;
mod redis;
mod site;
mod sites;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use chrono::{DateTime, Utc};

use crons::Cron;
pub use crons::{Habit, Job};
pub use site::Mode;
use site::Site;

use crate::foundation::kernel::Clock;

/// The page's port where none is asked for; the sites follow it.
pub const DEFAULT_PORT: u16 = 7100;

/// The jobs that are stood in for; more may come while the page is open.
type Crons = Arc<Mutex<Vec<Cron>>>;

/// Running stand-ins.
pub struct Simulator {
    sites: Vec<Site>,
    crons: Crons,
    page: Option<(SocketAddr, ServerHandle)>,
}

impl Simulator {
    /// Starts every site, and the page to break and mend them, and writes the platforms' dumps and logs into `folder`.
    /// With port 0 each gets a free port. The schedule of outages runs from `begun` on, or not at all.
    pub async fn start(port: u16, folder: &Path, begun: Option<DateTime<Utc>>) -> io::Result<Self> {
        dumps::keep(folder)?;
        let mut simulator = Self::start_sites(port).await?;
        logs::keep(folder, simulator.sites.clone())?;
        let (sites, crons) = (simulator.sites.clone(), Arc::clone(&simulator.crons));
        if let Some(begun) = begun {
            tokio::spawn(keep_to_schedule(sites.clone(), Arc::clone(&crons), begun));
        }
        simulator.page = Some(page::serve(port, sites, crons, begun)?);
        Ok(simulator)
    }

    /// Starts the sites without a page, for tests.
    pub async fn start_sites(port: u16) -> io::Result<Self> {
        Self::start_sites_by(port, Clock::system()).await
    }

    /// [`Simulator::start_sites`], whose ages are those of this clock.
    pub async fn start_sites_by(port: u16, clock: Clock) -> io::Result<Self> {
        let mut sites = Vec::new();
        for (index, described) in (1..).zip(sites::all()) {
            let port = if port == 0 { 0 } else { port + index };
            sites.push(Site::start(described, port, clock.clone()).await?);
        }
        Ok(Self {
            sites,
            crons: Crons::default(),
            page: None,
        })
    }

    /// Runs a job from now on.
    pub fn run(&self, job: Job, client: &reqwest::Client) {
        let cron = Cron::start(job, client.clone());
        self.lock().push(cron);
    }

    /// Lets the job of this name run, fail or stand still. False if there is none.
    pub fn set_job(&self, platform: &str, name: &str, habit: Habit) -> bool {
        let crons = self.lock();
        let mut named = crons.iter();
        let cron = named.find(|cron| cron.job.platform == platform && cron.job.name == name);
        cron.is_some_and(|cron| cron.set(habit))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cron>> {
        lock(&self.crons)
    }

    /// Breaks and mends what nobody has touched, as the schedule has it at this second. True if that changed anything.
    pub fn follow(&self, second: u64) -> bool {
        follow(&self.sites, &self.lock(), second)
    }

    /// Where the page is.
    #[must_use]
    pub fn page(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(|(address, _)| *address)
    }

    /// Breaks or mends the site of this name. False if there is none.
    pub fn set(&self, platform: &str, service: &str, mode: Mode) -> bool {
        let site = self.sites.iter().find(|site| site.is(platform, service));
        site.is_some_and(|site| site.set(mode))
    }

    /// The platform and name of every site.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.sites
            .iter()
            .map(|site| (site.described.platform, site.described.name))
    }

    /// The parameters that point the packs at these sites.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.sites.iter().flat_map(Site::parameters).collect()
    }

    pub async fn stop(self) {
        for site in &self.sites {
            site.stop();
        }
        if let Some((_, handle)) = self.page {
            handle.stop(true).await;
        }
    }
}

fn lock(crons: &Crons) -> MutexGuard<'_, Vec<Cron>> {
    crons.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(sites: &[Site], crons: &[Cron], second: u64) -> bool {
    let mut has_changed = false;
    for site in sites {
        let mode = outages::mode(second, site.described.platform, site.described.name);
        has_changed |= site.follow(mode);
    }
    for cron in crons {
        let habit = outages::habit(second, &cron.job.platform, &cron.job.name);
        has_changed |= cron.follow(habit);
    }
    has_changed
}

async fn keep_to_schedule(sites: Vec<Site>, crons: Crons, begun: DateTime<Utc>) {
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    loop {
        follow(&sites, &lock(&crons), outages::second(begun, Utc::now()));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The first of a few ranges of ports that nobody uses, so that two demos can run on one machine.
#[must_use]
pub fn free_port() -> u16 {
    const RANGES: usize = 8;
    const APART: usize = 100;
    let needed = 1 + u16::try_from(sites::all().len()).unwrap_or(u16::MAX);
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    (DEFAULT_PORT..)
        .step_by(APART)
        .take(RANGES)
        .find(|base| (*base..base + needed).all(is_free))
        .unwrap_or(DEFAULT_PORT)
}

/// Who is told in the demo: its people where they have a part in it, and an endpoint of its own.
const PEOPLE: [(&str, &str); 23] = [
    ("ONCALL_FIRST_NAME", "Demo operator"),
    ("ONCALL_FIRST_EMAIL", "operator@demo.signalbox"),
    ("ONCALL_FIRST_ENDPOINT", "Simulated receiver"),
    ("ONCALL_FIRST_PHONE", "+1 555 0100"),
    ("ONCALL_SECOND_EMAIL", "backup@demo.signalbox"),
    ("TEAM_LEAD_EMAIL", "lead@demo.signalbox"),
    ("TEAM_LEAD_ENDPOINT", "Simulated receiver"),
    ("SECURITY_TEAM_EMAIL", "security@demo.signalbox"),
    ("INFRASTRUCTURE_EMAIL", "infrastructure@demo.signalbox"),
    ("PLATFORM_TEAM_EMAIL", "platform-team@demo.signalbox"),
    ("BANK_INTEGRATION_EMAIL", "banks@demo.signalbox"),
    ("FINANCE_EMAIL", "finance@demo.signalbox"),
    ("OPERATIONS_NAME", "Demo operator"),
    ("OPERATIONS_EMAIL", "operator@demo.signalbox"),
    ("OPERATIONS_ENDPOINT", "Simulated receiver"),
    ("OPERATIONS_RESERVE_EMAIL", "reserve@demo.signalbox"),
    ("COMPLIANCE_EMAIL", "compliance@demo.signalbox"),
    ("SYSTEM_ADMIN_EMAIL", "system-admin@demo.signalbox"),
    ("SYSTEM_ADMIN_ENDPOINT", "Simulated receiver"),
    ("DATABASE_ADMIN_EMAIL", "database-admin@demo.signalbox"),
    ("ADMINISTRATOR_FIRST_NAME", "Demo administrator"),
    ("ADMINISTRATOR_FIRST_EMAIL", "admin@demo.signalbox"),
    ("ADMINISTRATOR_SECOND_EMAIL", "second-admin@demo.signalbox"),
];

/// The parameters that point the packs at a simulator on this port with its dumps and logs in `folder`, with intervals
/// short enough to see a service turn red within half a minute.
#[must_use]
pub fn parameters(port: u16, folder: &Path) -> Vec<(String, String)> {
    const QUICK: [(&str, &str); 11] = [
        ("CONNECTOR_EVERY", "10s"),
        ("PROBE_INTERVAL", "5s"),
        ("PROBE_TIMEOUT", "3s"),
        ("STORE_INTERVAL", "3s"),
        ("STORE_TIMEOUT", "2s"),
        ("HOST_INTERVAL", "10s"),
        ("FILE_INTERVAL", "5s"),
        ("FILE_TIMEOUT", "3s"),
        ("PATIENCE_INTERVAL", "25s"),
        ("SYNC_EVERY", "20s"),
        ("SYNC_GRACE", "15s"),
    ];
    let quick = QUICK
        .iter()
        .chain(&PEOPLE)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let addressed = (1..).zip(sites::all()).flat_map(|(index, described)| {
        let address = SocketAddr::from(([127, 0, 0, 1], port + index));
        described.parameters(address)
    });
    let written = dumps::parameters(folder).chain(logs::parameters(folder));
    quick.chain(addressed).chain(written).collect()
}
