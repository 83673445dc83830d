//! A real PostgreSQL of a scenario's own, as durable as the one that people run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diesel::{Connection, PgConnection};
use rustix::process::{Pid, Signal, kill_process};
use signalbox::foundation::Services;
use signalbox::foundation::audit::sealer;
use signalbox::foundation::config::Mode;
use signalbox::foundation::db::cluster::{Cluster, ClusterConfig};
use signalbox::foundation::db::migrate;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::{Clock, Secret};
use tempfile::TempDir;

use crate::support::app::services_at;

/// Dropping it stops the server and removes the data.
pub struct Plant {
    cluster: Cluster,
    folder: TempDir,
}

impl Plant {
    /// Call it on the thread that outlives the scenario: the server ends with that thread.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's user has to come through when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Cluster::start(&ClusterConfig::new(folder.path().join("var"))).unwrap();
        migrate::up(&cluster.url(Role::Migrator)).unwrap();
        let plant = Self { cluster, folder };
        sealer::create_key(&plant.sealer_key(), Some("faults")).unwrap();
        plant
    }

    pub fn url(&self, role: Role) -> Secret<String> {
        self.cluster.url(role)
    }

    pub fn superuser(&self) -> PgConnection {
        PgConnection::establish(self.url(Role::Superuser).expose()).unwrap()
    }

    /// Services on the real clock.
    pub fn services(&self, port: u16) -> Services {
        services_at(Mode::Demo, port, &self.url(Role::App), Clock::system())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn sealer_key(&self) -> PathBuf {
        self.path("sealer.key")
    }

    /// `kill -9` of the server's first process.
    pub fn kill(&self) {
        signal(self.cluster.pid().unwrap(), Signal::KILL);
    }

    /// Starts a killed server again, as the instance that owns it does.
    pub fn revive(&mut self) {
        super::wait_until(
            "the death of PostgreSQL is noticed",
            std::time::Duration::from_secs(20),
            || self.cluster.revive().unwrap(),
        );
    }

    /// Makes the server fall silent without closing a single connection, until the value is dropped.
    pub fn freeze(&self) -> Frozen {
        let postmaster = self.cluster.pid().unwrap();
        let mut frozen = vec![postmaster];
        signal(postmaster, Signal::STOP);
        frozen.extend(children_of(postmaster));
        for pid in &frozen {
            signal(*pid, Signal::STOP);
        }
        Frozen(frozen)
    }
}

/// Processes that go on when this is dropped.
pub struct Frozen(Vec<u32>);

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, Signal::CONT);
        }
    }
}

pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // It may have ended by itself meanwhile.
    let _ = kill_process(pid, signal);
}

fn children_of(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name before it stands in brackets and may hold anything.
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(1)?.parse().ok()
}
