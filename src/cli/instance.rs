//! A running instance: cluster, sealer, services, server, and the order in which they end.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::connect;
use crate::app::{self, Application};
use crate::foundation::Services;
use crate::foundation::config::Config;
use crate::foundation::db::cluster::{Cluster, ClusterConfig};
use crate::foundation::db::migrate;
use crate::foundation::db::roles::Role;
use crate::foundation::kernel::Secret;
use crate::foundation::telemetry::{logs, metrics};

/// How often the database and the sealer are looked after.
const LOOK: Duration = Duration::from_millis(500);

/// How long threads that still work for the application may take once it has stopped.
const RUNTIME_LIMIT: Duration = Duration::from_secs(1);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Everything that has been started, in the order in which it is to be dropped.
pub(super) struct Instance {
    pub services: Services,
    sealer: Option<Sealer>,
    cluster: Option<Cluster>,
}

impl Instance {
    /// Starts the database and the sealer. Main thread only; see [`Cluster::start`].
    pub(super) fn start(config: Config) -> Result<Self, Failure> {
        logs::start(&config.log_level);
        metrics::start();
        let cluster = match &config.database.app_url {
            Some(_) => None,
            None => Some(Cluster::start(&ClusterConfig::new(&config.data_dir))?),
        };
        let app_url = match (&cluster, &config.database.app_url) {
            (Some(cluster), _) => {
                migrate::up(&cluster.url(Role::Migrator))?;
                cluster.url(Role::App)
            }
            (None, Some(url)) => {
                refuse_pending_migrations(url)?;
                url.clone()
            }
            (None, None) => unreachable!("a cluster was started where no URL was given"),
        };
        let sealer_url = match &cluster {
            Some(cluster) => Some(cluster.url(Role::Sealer)),
            None => config.database.sealer_url.clone(),
        };
        let sealer = sealer_url
            .map(|url| Sealer::start(&config, &url, cluster.is_some()))
            .transpose()?;
        Ok(Self {
            services: connect::services(config, &app_url)?,
            sealer,
            cluster,
        })
    }

    /// Serves until Ctrl-C or SIGTERM, then ends everything in order: requests, workers, sealer,
    /// cluster.
    pub(super) fn run(mut self, on_ready: impl FnOnce(&Services, &Application)) -> ExitCode {
        let listener = match TcpListener::bind(self.services.config.web.bind) {
            Ok(listener) => listener,
            Err(error) => {
                let bind = self.services.config.web.bind;
                return super::failed(format!(
                    "cannot listen on {bind}: {error}. Stop what uses the port, or set SIGNALBOX_BIND"
                ));
            }
        };
        // On this thread: the cluster and the sealer that may have to be started again belong to it.
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return super::failed(error),
        };
        let services = self.services.clone();
        let outcome = runtime.block_on(async {
            // From here on nobody ends us without our noticing.
            let asked_to_end = listen_for_the_end()?;
            let running = app::start(services.clone(), listener)?;
            on_ready(&services, &running);
            tokio::select! {
                () = asked_to_end => {}
                () = self.look_after() => {}
            }
            tracing::info!("stopping");
            running.stop().await;
            Ok::<_, std::io::Error>(())
        });
        // Threads that wait for a silent database stay behind, and end with the process.
        runtime.shutdown_timeout(RUNTIME_LIMIT);
        if let Some(sealer) = self.sealer.take() {
            sealer.stop();
        }
        if let Some(cluster) = self.cluster.take()
            && let Err(error) = cluster.stop()
        {
            return super::failed(error);
        }
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::failed(error),
        }
    }
}

impl Instance {
    /// Starts the database and the sealer again should they end while we run. Both belong to this
    /// thread, which waits here for the end anyway.
    async fn look_after(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.cluster.as_mut().map(Cluster::revive) {
                Some(Ok(true)) => tracing::error!("PostgreSQL had ended by itself; started again"),
                Some(Err(error)) => {
                    tracing::error!(cause = %error, "PostgreSQL cannot be started again");
                }
                Some(Ok(false)) | None => {}
            }
            if let Some(sealer) = &mut self.sealer {
                sealer.revive();
            }
        }
    }
}

pub(super) async fn wait_for_the_end() -> std::io::Result<()> {
    listen_for_the_end()?.await;
    Ok(())
}

/// Listens at once, whenever it is waited for.
fn listen_for_the_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A database that others run is migrated by `signalbox migrate`, by somebody who means to.
fn refuse_pending_migrations(url: &Secret<String>) -> Result<(), Failure> {
    let pending = migrate::pending_at(url)?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the database lacks {} migration(s), the first is {}. Run `signalbox migrate` with \
         SIGNALBOX_MIGRATE_DATABASE_URL set",
        pending.len(),
        pending[0],
    )
    .into())
}

/// Takes out of a sealer's environment what it has no business with: whoever gets hold of it must not get
/// hold of the application's secrets too, by value or by file.
fn withhold(command: &mut Command) {
    for name in [
        "DATABASE_URL",
        "SIGNALBOX_ENCRYPTION_KEY",
        "SIGNALBOX_MIGRATE_DATABASE_URL",
    ] {
        command.env_remove(name).env_remove(format!("{name}_FILE"));
    }
    // What the supervisor wants to know is ours to say.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    // Its own address is given by value; a file would win over that.
    command.env_remove("SIGNALBOX_SEALER_DATABASE_URL_FILE");
}

/// The sealer's process. It alone reads the signing key.
struct Sealer {
    command: Command,
    child: Child,
    started: Instant,
}

impl Sealer {
    const PATIENCE: Duration = Duration::from_secs(3);

    /// One that ends at once, because the log is in doubt, is not asked more often than this.
    const PAUSE: Duration = Duration::from_secs(5);

    fn start(config: &Config, url: &Secret<String>, create_key: bool) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("sealer")
            .env("SIGNALBOX_SEALER_DATABASE_URL", url.expose())
            .env("SIGNALBOX_SEALER_KEY_FILE", &config.keys.sealer_file)
            .env("SIGNALBOX_DATA_DIR", &config.data_dir)
            .stdin(Stdio::null())
            // Ctrl-C is for us: the sealer ends when we have written our last event.
            .process_group(0);
        withhold(&mut command);
        if create_key {
            command.arg("--create-key");
        }
        if config.is_demo() {
            let log = File::create(config.data_dir.join("sealer.log"))?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        Ok(Self {
            child: command.spawn()?,
            command,
            started: Instant::now(),
        })
    }

    /// Starts it again where it has ended by itself.
    fn revive(&mut self) {
        if self.started.elapsed() < Self::PAUSE || matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.started = Instant::now();
        match self.command.spawn() {
            Ok(child) => {
                tracing::error!("the sealer had ended by itself; started again");
                self.child = child;
            }
            Err(error) => tracing::error!(cause = %error, "the sealer cannot be started again"),
        }
    }

    /// Asks it to finish its batch, and insists after a while.
    fn stop(mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < Self::PATIENCE {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_takes_less_than_a_supervisor_waits() {
        // compose.yml and docs/DEPLOYMENT.md say 30 s.
        let longest =
            Application::LONGEST_STOP + RUNTIME_LIMIT + Sealer::PATIENCE + Cluster::LONGEST_STOP;
        assert!(longest < Duration::from_secs(30), "{longest:?}");
    }

    #[test]
    fn a_sealer_is_told_no_secret_but_its_own() {
        let mut command = Command::new("true");
        withhold(&mut command);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .filter_map(|(name, _)| name.to_str())
            .collect();
        for name in [
            "DATABASE_URL",
            "DATABASE_URL_FILE",
            "SIGNALBOX_ENCRYPTION_KEY",
            "SIGNALBOX_ENCRYPTION_KEY_FILE",
            "SIGNALBOX_MIGRATE_DATABASE_URL",
            "SIGNALBOX_MIGRATE_DATABASE_URL_FILE",
            "SIGNALBOX_SEALER_DATABASE_URL_FILE",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
        ] {
            assert!(removed.contains(&name), "{name} is handed on");
        }
    }
}
