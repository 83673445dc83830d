//! `signalbox simulate`: stands in for the platforms that the packs describe.

use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::failed;
use crate::app::simulator::{self, Job, Simulator, outages};
use crate::features::capacity;
use crate::features::health::actions::report_event;
use crate::features::health::demo;
use crate::features::heartbeats::{self, actions as beats};
use crate::features::packs::actions as packs;
use crate::features::packs::own;
use crate::features::packs::pack::Heartbeat;
use crate::features::packs::parameters::Given;
use crate::features::packs::store as defined;
use crate::features::slo;
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::db;
use crate::foundation::db::PoolKind;

/// Answer as the five platforms do, on loopback, with a page to break and mend each
///
/// The page listens on --port, the services on the ports after it. --parameters prints what to set so that
/// `signalbox pack apply` points the packs here.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where the page is
    #[arg(long, default_value_t = simulator::DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,
    /// Where the platforms' dumps are written
    #[arg(long, default_value = "var/simulated")]
    files: PathBuf,
    /// Only print the packs' parameters, as NAME=VALUE lines
    #[arg(long)]
    parameters: bool,
    /// End with the process that started us, and run the jobs that it names on standard input
    #[arg(long, hide = true)]
    with_parent: bool,
    /// Let things go wrong by the schedule, which began at this second since 1970
    #[arg(long, hide = true)]
    outages_since: Option<i64>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    // The packs' patterns begin at the root.
    let files = match std::path::absolute(&args.files) {
        Ok(files) => files,
        Err(error) => return failed(error),
    };
    if args.parameters {
        for (name, value) in simulator::parameters(args.port, &files) {
            println!("{name}={value}");
        }
        return ExitCode::SUCCESS;
    }
    if args.with_parent
        && let Err(error) = end_with_parent()
    {
        return failed(error);
    }
    let begun = args
        .outages_since
        .and_then(|second| DateTime::from_timestamp(second, 0));
    let served = actix_web::rt::System::new().block_on(async {
        let simulator = Simulator::start(args.port, &files, begun).await?;
        if args.with_parent {
            for job in named_jobs().await? {
                simulator.run(job, &client()?);
            }
        }
        println!(
            "The simulated platforms are at http://127.0.0.1:{}  (Ctrl-C ends them)",
            args.port
        );
        super::instance::wait_for_the_end().await?;
        simulator.stop().await;
        Ok::<_, io::Error>(())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format!(
            "the simulator cannot listen on {} and the ports after it, or not write to {}: {error}",
            args.port,
            files.display()
        )),
    }
}

/// The jobs that the demo names, one a line, until it has named them all.
async fn named_jobs() -> io::Result<Vec<Job>> {
    let read = || {
        let lines = io::stdin().lock().lines();
        lines
            .map(|line| serde_json::from_str(&line?).map_err(io::Error::other))
            .collect()
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(io::Error::other)?
}

fn client() -> io::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(io::Error::other)
}

/// A demo that is killed cannot end us, and our ports must be free for the next one.
fn end_with_parent() -> io::Result<()> {
    let parent = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    // It may have gone before we asked.
    if rustix::process::getppid() == parent {
        Ok(())
    } else {
        Err(io::ErrorKind::Interrupted.into())
    }
}

/// The packs that ship with the product.
const PACKS: [&str; 6] = [
    include_str!("../../packs/regtech-horizon.toml"),
    include_str!("../../packs/lait.toml"),
    include_str!("../../packs/finaegis.toml"),
    include_str!("../../packs/finchat.toml"),
    include_str!("../../packs/debt-os.toml"),
    own::TEXT,
];

/// For the demo: starts the simulator, points the packs at it, and gives charts a labelled past. Where it is not calm,
/// things go wrong by themselves from now on.
pub(super) fn stand_in(
    services: &Services,
    is_calm: bool,
) -> Result<Simulated, Box<dyn std::error::Error + Send + Sync>> {
    let port = services.config.simulator.unwrap_or(simulator::DEFAULT_PORT);
    let files = std::path::absolute(services.config.data_dir.join("simulated"))?;
    let begun = (!is_calm).then(Utc::now);
    let mut simulated = Simulated::start(port, &files, begun)?;
    let own = own_address(services);
    let mut given: Given = simulator::parameters(port, &files).into_iter().collect();
    given.extend([("SELF_URL", own)]);
    for pack in PACKS {
        packs::apply_if_changed(services, &Actor::job("demo"), pack, &given)?;
    }
    demo::fill(services)?;
    slo::demo::fill(services)?;
    capacity::demo::fill(services)?;
    beats::enrol(services)?;
    simulated.name_jobs(&jobs(services, &own_address(services))?)?;
    simulated.report(services.clone(), begun);
    Ok(simulated)
}

fn own_address(services: &Services) -> String {
    let base = services.config.web.base_url.as_str();
    base.trim_end_matches('/').to_owned()
}

/// The jobs behind the packs' heartbeats, each with the address that it is to call.
fn jobs(services: &Services, own: &str) -> db::Result<Vec<Job>> {
    services.db.read_on(PoolKind::Jobs, |conn| {
        let platforms = defined::platforms(conn)?;
        let mut jobs = Vec::new();
        for item in defined::live::<Heartbeat>(conn)? {
            let secret = heartbeats::store::secret(conn, &services.keyring, item.id)?;
            let Some(platform) = platforms.iter().find(|it| it.id == item.platform) else {
                continue;
            };
            let zone = item.spec.zone(platform.zone.name()).to_owned();
            let every = item.spec.every.map(|every| every.millis().unsigned_abs());
            jobs.push(Job {
                platform: platform.slug.clone(),
                name: item.name,
                address: format!("{own}/ping/{}", secret.expose()),
                every_secs: every.map(|millis| millis / 1_000),
                cron: item.spec.cron,
                zone,
            });
        }
        Ok(jobs)
    })
}

/// The simulator as a process of the demo's own, and what the simulated platforms report; both end with
/// the value.
pub(super) struct Simulated {
    process: Child,
    reports: Option<(Sender<()>, JoinHandle<()>)>,
}

/// More often than the packs expect any report.
const REPORT_EVERY: Duration = Duration::from_secs(20);

/// How soon the schedule of outages is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Simulated {
    fn start(port: u16, files: &Path, begun: Option<DateTime<Utc>>) -> io::Result<Self> {
        let since = begun.map(|begun| format!("--outages-since={}", begun.timestamp()));
        let process = Command::new(std::env::current_exe()?)
            .args(["simulate", "--with-parent", "--port", &port.to_string()])
            .arg("--files")
            .arg(files)
            .args(since)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C is for the demo, which ends this process after its own probes.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            process,
            reports: None,
        })
    }

    /// Tells the simulator which jobs it is to run, by a way that no list of processes shows.
    fn name_jobs(&mut self, jobs: &[Job]) -> io::Result<()> {
        let Some(mut told) = self.process.stdin.take() else {
            return Ok(());
        };
        for job in jobs {
            writeln!(told, "{}", serde_json::to_string(job)?)?;
        }
        Ok(())
    }

    /// Reports for the simulated platforms from now on.
    fn report(&mut self, services: Services, begun: Option<DateTime<Utc>>) {
        let (stop, stopped) = mpsc::channel();
        let reporting = thread::spawn(move || {
            let mut reports = Reports::new(begun);
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = reports.make(&services) {
                    tracing::warn!(%error, "the simulated platforms could not report");
                }
            }
        });
        self.reports = Some((stop, reporting));
    }
}

/// What the simulated platforms have reported.
struct Reports {
    begun: Option<DateTime<Utc>>,
    /// Up to which second events were.
    events_until: u64,
    values: Vec<(&'static str, f64)>,
    values_at: Instant,
}

impl Reports {
    fn new(begun: Option<DateTime<Utc>>) -> Self {
        Self {
            begun,
            events_until: 0,
            values: Vec::new(),
            values_at: Instant::now(),
        }
    }

    /// Values come again before they are stale, and at once when they change.
    fn make(&mut self, services: &Services) -> Result<(), Box<dyn std::error::Error>> {
        let second = self.begun.map(|begun| outages::second(begun, Utc::now()));
        let values = second.map(outages::values).unwrap_or_default();
        if values != self.values || self.values_at.elapsed() >= REPORT_EVERY {
            demo::report(services, &values)?;
            (self.values, self.values_at) = (values, Instant::now());
        }
        if let Some(second) = second {
            let events = outages::events(self.events_until, second);
            self.events_until = second;
            for (platform, kind) in events {
                report_event(services, &Actor::job("demo"), kind, Some(platform))?;
            }
        }
        Ok(())
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some((stop, reporting)) = self.reports.take() {
            drop(stop);
            let _ = reporting.join();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
