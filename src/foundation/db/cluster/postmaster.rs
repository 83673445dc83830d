//! What the data folder's processes say of themselves, and how those that were left behind are ended.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::DataFolder;
use super::{ClusterError, io};

const FAST_LIMIT: Duration = Duration::from_secs(15);
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(5);

const TICK: Duration = Duration::from_millis(5);

/// What `postmaster.pid` says: pid, folder, start, port, socket, address, shared memory, state.
pub(super) struct Postmaster {
    pub pid: u32,
    pub port: u16,
    pub ready: bool,
}

impl Postmaster {
    fn file(folder: &DataFolder) -> PathBuf {
        folder.database().join("postmaster.pid")
    }

    pub fn read(folder: &DataFolder) -> Option<Self> {
        Self::parse(&fs::read_to_string(Self::file(folder)).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let pid = lines.first()?.parse().ok()?;
        let port = lines.get(3).and_then(|line| line.parse().ok()).unwrap_or(0);
        Some(Self {
            pid,
            port,
            ready: lines.get(7) == Some(&"ready"),
        })
    }
}

/// Ends a server that outlived the instance it belonged to, and clears away what a dead one left. The
/// caller holds the folder's lock, so that nobody else can be its owner.
pub(super) fn stop_orphan(folder: &DataFolder) -> Result<(), ClusterError> {
    let Some(postmaster) = Postmaster::read(folder) else {
        return Ok(());
    };
    for (signal, limit) in [(Signal::INT, FAST_LIMIT), (Signal::QUIT, IMMEDIATE_LIMIT)] {
        if !runs_in(postmaster.pid, folder) {
            break;
        }
        send(postmaster.pid, signal);
        wait(limit, || (!runs_in(postmaster.pid, folder)).then_some(()));
    }
    end_backends(folder)?;
    // PostgreSQL would refuse if some other process had been given that pid meanwhile.
    match fs::remove_file(Postmaster::file(folder)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io("could not clear away a stale postmaster.pid")(error))
        }
        _ => Ok(()),
    }
}

/// A server process that was killed leaves its backends: one that is busy goes on writing. Two
/// generations on the same files would destroy them, so nothing starts before the old one is gone.
fn end_backends(folder: &DataFolder) -> Result<(), ClusterError> {
    for pid in processes_in(folder) {
        send(pid, Signal::QUIT);
    }
    let gone = || processes_in(folder).is_empty().then_some(());
    wait(IMMEDIATE_LIMIT, gone).ok_or_else(|| ClusterError::Orphan {
        folder: folder.database().to_path_buf(),
        pid: processes_in(folder).first().copied().unwrap_or_default(),
    })
}

/// The port of the server that a live instance runs, once it is ready.
pub(super) fn wait_for_running(folder: &DataFolder, limit: Duration) -> Result<u16, ClusterError> {
    let running =
        || Postmaster::read(folder).filter(|found| found.ready && runs_in(found.pid, folder));
    let found = wait(limit, running).ok_or_else(|| ClusterError::NotReady {
        folder: folder.root().to_path_buf(),
    })?;
    Ok(found.port)
}

/// PostgreSQL makes its data folder its working folder: no other process with that pid would.
fn runs_in(pid: u32, folder: &DataFolder) -> bool {
    let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
    cwd.is_ok_and(|cwd| cwd == folder.database())
}

fn processes_in(folder: &DataFolder) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| runs_in(*pid, folder))
        .collect()
}

/// A process that is gone already needs no signal.
pub(super) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Asks again and again until there is an answer or time is up.
pub(super) fn wait<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_postmaster_file() {
        let text = "4711\n/data\n1763600000\n40123\n\n127.0.0.1\n  1234  5678\nready   \n";
        let found = Postmaster::parse(text).unwrap();
        assert_eq!((found.pid, found.port, found.ready), (4711, 40123, true));
    }

    #[test]
    fn a_server_that_is_starting_is_not_ready() {
        let found = Postmaster::parse("4711\n/data\n1763600000\n40123\n").unwrap();
        assert!(!found.ready);
    }
}
