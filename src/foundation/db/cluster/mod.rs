//! The private PostgreSQL cluster: what lets one binary start on a machine that has PostgreSQL's
//! programs but no database made for us.
//!
//! Invariants:
//! - One live instance per data folder. The kernel's lock on `signalbox.lock` says who it is, and goes
//!   with its process whatever way that ends.
//! - PostgreSQL never runs as root, listens on 127.0.0.1 only, has no unix socket and asks everyone for
//!   a password (SCRAM) that was generated here.
//! - It dies with the thread that started it (`PR_SET_PDEATHSIG`, set through `setpriv`), and Ctrl-C in
//!   the terminal does not reach it: it has a process group of its own.
//! - A server that ends by itself is started again by its instance, on the same port, and only when no
//!   process of the old one is left: two generations on the same files would destroy them.
//! - A data folder appears under its name only when `initdb` has finished with it.
//!
//! Deliberately absent: upgrades between major versions of PostgreSQL, replication, tuning. Whoever
//! needs those has a database of their own and sets `DATABASE_URL`.

mod account;
mod binaries;
mod folder;
mod postmaster;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::account::Account;
use self::folder::{DataFolder, Lock};
use self::server::Server;
use super::connect;
use super::roles::{self, Passwords, Role};
use crate::foundation::kernel::Secret;

pub use self::binaries::Binaries;

/// The database that everything lives in.
pub const DATABASE: &str = "signalbox";

/// How long a joining command waits for an instance that is still starting.
const JOIN_WAIT: Duration = Duration::from_secs(30);

/// Where the cluster lives and how careful it is.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// `SIGNALBOX_DATA_DIR`; made when it does not exist.
    pub data_dir: PathBuf,
    /// Off only for throw-away clusters: a crash of the machine then loses the data.
    pub durable: bool,
}

impl ClusterConfig {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durable: true,
        }
    }
}

/// Why there is no cluster. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "PostgreSQL's server programs were not found: neither `postgres` on PATH nor anything under \
         /usr/lib/postgresql. Install PostgreSQL 15 or newer (Debian: apt install postgresql), or set DATABASE_URL"
    )]
    NotFound,
    #[error(
        "the newest PostgreSQL found is {version} in {dir}; Signalbox needs 15 or newer (on Ubuntu 22.04 take it \
         from apt.postgresql.org), or a database of your own in DATABASE_URL"
    )]
    TooOld { version: u32, dir: PathBuf },
    #[error(
        "{folder} was made by PostgreSQL {made_by} and only PostgreSQL {found} is installed: install {made_by} \
         beside it, or move the folder away to start with an empty database"
    )]
    OtherVersion {
        folder: PathBuf,
        made_by: u32,
        found: u32,
    },
    #[error(
        "`setpriv` was not found on PATH; it comes with util-linux (Debian: apt install util-linux)"
    )]
    NoSetpriv,
    #[error(
        "PostgreSQL refuses to run as root, and this system has neither a user `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    #[error(
        "{folder} is in use by another instance of Signalbox, process {pid}. Stop that one first, or use another SIGNALBOX_DATA_DIR"
    )]
    InUse { folder: PathBuf, pid: String },
    #[error(
        "{folder} holds a database but {file}, with its passwords, is missing or incomplete: put it back from a \
         backup, or move the folder away to start with an empty database"
    )]
    PasswordsMissing { folder: PathBuf, file: PathBuf },
    #[error("initdb failed in {folder}: {output}")]
    Initdb { folder: PathBuf, output: String },
    #[error("PostgreSQL did not start. The end of {log}:\n{tail}")]
    Start { log: PathBuf, tail: String },
    #[error(
        "PostgreSQL (process {pid}), left behind in {folder} by an earlier run, does not stop: end it by hand"
    )]
    Orphan { folder: PathBuf, pid: u32 },
    #[error("the instance that holds {folder} did not become ready in {} s", JOIN_WAIT.as_secs())]
    NotReady { folder: PathBuf },
    #[error("could not prepare the database's roles: {0}")]
    Roles(String),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

/// Gives an I/O error the sentence that it lacks.
fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ClusterError {
    let what = what.into();
    move |source| ClusterError::Io { what, source }
}

/// A running cluster: either ours to stop, or that of a live instance which we joined.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    passwords: Passwords,
    owned: Option<Owned>,
}

/// The server before the lock: fields are dropped in this order, so that the data folder is free only
/// when PostgreSQL has left it.
#[derive(Debug)]
struct Owned {
    server: Server,
    lock: Lock,
    binaries: Binaries,
    folder: DataFolder,
    durable: bool,
}

impl Cluster {
    /// The longest that [`Cluster::stop`] takes.
    pub const LONGEST_STOP: Duration = server::STOP_LIMIT.saturating_add(server::QUIT_LIMIT);

    /// Starts the cluster of this data folder and makes what is missing: the folder, roles, database.
    ///
    /// Call it **from the main thread, before any runtime starts**: the kernel stops PostgreSQL when the
    /// *thread* that started it ends, not only the process.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] when a live instance holds the folder; what is wrong with the machine
    /// otherwise.
    pub fn start(config: &ClusterConfig) -> Result<Self, ClusterError> {
        let folder = DataFolder::prepare(&config.data_dir, Account::for_server()?)?;
        let lock = folder.lock()?;
        Self::start_locked(config, folder, lock)
    }

    /// For the command line, which works while the server runs: joins the cluster of a live instance, or
    /// else starts the cluster for as long as the command takes. The rule of [`Cluster::start`] about
    /// threads holds.
    pub fn start_or_join(config: &ClusterConfig) -> Result<Self, ClusterError> {
        let folder = DataFolder::prepare(&config.data_dir, Account::for_server()?)?;
        match folder.lock() {
            Ok(lock) => Self::start_locked(config, folder, lock),
            Err(ClusterError::InUse { .. }) => Self::join(&folder),
            Err(error) => Err(error),
        }
    }

    fn start_locked(
        config: &ClusterConfig,
        folder: DataFolder,
        lock: Lock,
    ) -> Result<Self, ClusterError> {
        let binaries = Binaries::find_for(folder.made_by()?, folder.database())?;
        postmaster::stop_orphan(&folder)?;
        let passwords = folder.passwords()?;
        if !folder.holds_database() {
            server::initdb(&binaries, &folder, &passwords, config.durable)?;
        }
        let server = Server::start(&binaries, &folder, config.durable)?;
        let cluster = Self {
            port: server.port(),
            passwords,
            owned: Some(Owned {
                server,
                lock,
                binaries,
                folder,
                durable: config.durable,
            }),
        };
        cluster.make_roles()?;
        Ok(cluster)
    }

    fn join(folder: &DataFolder) -> Result<Self, ClusterError> {
        let port = postmaster::wait_for_running(folder, JOIN_WAIT)?;
        Ok(Self {
            port,
            passwords: folder.passwords()?,
            owned: None,
        })
    }

    fn make_roles(&self) -> Result<(), ClusterError> {
        let report = |error: &dyn std::fmt::Display| ClusterError::Roles(error.to_string());
        let url = self.url_of(Role::Superuser, "postgres");
        let mut conn = connect(&url).map_err(|error| report(&error))?;
        roles::ensure(&mut conn, &self.passwords).map_err(|error| report(&error))?;
        roles::ensure_database(&mut conn, DATABASE).map_err(|error| report(&error))
    }

    /// The connection URL of this role, password included.
    pub fn url(&self, role: Role) -> Secret<String> {
        self.url_of(role, DATABASE)
    }

    fn url_of(&self, role: Role, database: &str) -> Secret<String> {
        let name = role.name();
        let password = self.passwords.of(role);
        Secret::new(format!(
            "postgres://{name}:{password}@127.0.0.1:{}/{database}",
            self.port
        ))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this process runs the cluster, rather than having joined that of another.
    pub fn is_ours(&self) -> bool {
        self.owned.is_some()
    }

    /// The server's process; nothing for a cluster that we joined.
    pub fn pid(&self) -> Option<u32> {
        self.owned.as_ref().map(|owned| owned.server.pid())
    }

    /// Starts the server of a cluster of ours again if it has ended by itself, on the port that its
    /// addresses name; says whether it had to. The rule of [`Cluster::start`] about threads holds.
    pub fn revive(&mut self) -> Result<bool, ClusterError> {
        match &mut self.owned {
            Some(owned) => owned
                .server
                .revive(&owned.binaries, &owned.folder, owned.durable),
            None => Ok(false),
        }
    }

    /// Stops a cluster of ours: fast shutdown, then less kindly, in bounded time. A joined cluster is
    /// left alone. Dropping does the same but cannot report.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        match self.owned.take() {
            Some(Owned {
                mut server, lock, ..
            }) => {
                let outcome = server.stop();
                drop(lock);
                outcome
            }
            None => Ok(()),
        }
    }
}

/// What `doctor` says about the machine and the data folder, without starting anything.
#[derive(Debug)]
pub struct Survey {
    pub binaries: Result<Binaries, ClusterError>,
    /// Where the database would lie or lies.
    pub database: Result<PathBuf, ClusterError>,
    /// The process that holds the data folder now.
    pub held_by: Option<String>,
}

/// Looks without touching: no folder is made and no lock is kept.
pub fn survey(data_dir: &Path) -> Survey {
    let account = Account::for_server();
    Survey {
        binaries: Binaries::find(),
        database: account.and_then(|account| DataFolder::locate(data_dir, account.as_ref())),
        held_by: folder::holder(data_dir),
    }
}

#[cfg(test)]
mod tests;
