//! The server process: made, started, watched, stopped.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::binaries::Binaries;
use super::folder::DataFolder;
use super::postmaster::{Postmaster, send, stop_orphan, wait};
use super::{ClusterError, io};
use crate::foundation::db::roles::{Passwords, Role};

const START_LIMIT: Duration = Duration::from_mins(1);
/// For a shutdown with a checkpoint, and for one without, which the next start makes good.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);
pub(super) const QUIT_LIMIT: Duration = Duration::from_secs(2);

/// A taken port, or the shared memory of a server that was killed a moment ago, goes away by itself.
const ATTEMPTS: u32 = 10;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(300);

const LOG_TAIL_LINES: usize = 12;

/// PostgreSQL as our child. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
}

/// Fills the data folder, out of sight, then puts it in place.
pub(super) fn initdb(
    binaries: &Binaries,
    folder: &DataFolder,
    passwords: &Passwords,
    durable: bool,
) -> Result<(), ClusterError> {
    let fresh = folder.new_database()?;
    let password_file = fresh.with_extension("pw");
    folder.write_for_server(&password_file, passwords.of(Role::Superuser).as_bytes())?;
    let mut command = as_server_user(folder, &binaries.program("initdb"))?;
    command
        .arg("--pgdata")
        .arg(&fresh)
        .arg("--pwfile")
        .arg(&password_file)
        .args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]);
    if !durable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(io("could not run initdb"));
    // The password has served its purpose whatever came of it.
    let removed = fs::remove_file(&password_file);
    let output = output?;
    removed.map_err(io(format!("could not remove {}", password_file.display())))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ClusterError::Initdb {
            folder: fresh,
            output,
        });
    }
    folder.keep(&fresh)
}

impl Server {
    /// Starts on a free port and waits until it accepts connections.
    pub fn start(
        binaries: &Binaries,
        folder: &DataFolder,
        durable: bool,
    ) -> Result<Self, ClusterError> {
        Self::start_on(None, binaries, folder, durable)
    }

    /// Starts again if the server has ended by itself, and says whether it had. The port stays: it
    /// stands in addresses that have been handed out.
    pub fn revive(
        &mut self,
        binaries: &Binaries,
        folder: &DataFolder,
        durable: bool,
    ) -> Result<bool, ClusterError> {
        if !self.ended()? {
            return Ok(false);
        }
        stop_orphan(folder)?;
        *self = Self::start_on(Some(self.port), binaries, folder, durable)?;
        Ok(true)
    }

    fn start_on(
        port: Option<u16>,
        binaries: &Binaries,
        folder: &DataFolder,
        durable: bool,
    ) -> Result<Self, ClusterError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(port, binaries, folder, durable) {
                Err(ClusterError::Start { tail, .. }) if attempt < ATTEMPTS && passes(&tail) => {
                    attempt += 1;
                    sleep(ATTEMPT_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    fn try_start(
        port: Option<u16>,
        binaries: &Binaries,
        folder: &DataFolder,
        durable: bool,
    ) -> Result<Self, ClusterError> {
        let port = match port {
            Some(port) => port,
            None => free_port().map_err(io("could not find a free port on 127.0.0.1"))?,
        };
        let log = folder.log()?;
        let already_said = log.metadata().map_or(0, |meta| meta.len());
        let mut command = as_server_user(folder, &binaries.program("postgres"))?;
        command.arg("-D").arg(folder.database());
        for setting in settings(port, durable) {
            command.arg("-c").arg(setting);
        }
        let errors = log
            .try_clone()
            .map_err(io("could not share PostgreSQL's log"))?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(io("could not start PostgreSQL"))?;
        let mut server = Self { child, port };
        if server.wait_until_ready(folder) {
            return Ok(server);
        }
        server.stop()?;
        let log = folder.log_path();
        Err(ClusterError::Start {
            tail: tail(&log, already_said),
            log,
        })
    }

    fn wait_until_ready(&mut self, folder: &DataFolder) -> bool {
        let pid = self.pid();
        wait(START_LIMIT, || {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let ready =
                Postmaster::read(folder).is_some_and(|found| found.ready && found.pid == pid);
            (ended || ready).then_some(ready)
        })
        .unwrap_or(false)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fast shutdown; when that takes too long immediate, which the next start recovers from; then the end.
    pub fn stop(&mut self) -> Result<(), ClusterError> {
        for (signal, limit) in [(Signal::INT, STOP_LIMIT), (Signal::QUIT, QUIT_LIMIT)] {
            if self.ended()? {
                return Ok(());
            }
            send(self.pid(), signal);
            wait(limit, || self.child.try_wait().ok().flatten());
        }
        if !self.ended()? {
            self.child
                .kill()
                .and_then(|()| self.child.wait())
                .map_err(io("could not end PostgreSQL"))?;
        }
        Ok(())
    }

    fn ended(&mut self) -> Result<bool, ClusterError> {
        Ok(self
            .child
            .try_wait()
            .map_err(io("could not look after PostgreSQL"))?
            .is_some())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell; the next start deals with what remains.
        let _ = self.stop();
    }
}

/// `setpriv` takes the privileges away and, after that, asks the kernel to end the server with us: a
/// change of user would clear such a wish made earlier.
fn as_server_user(folder: &DataFolder, program: &Path) -> Result<Command, ClusterError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let setpriv = env::split_paths(&path)
        .map(|dir| dir.join("setpriv"))
        .find(|file| file.is_file());
    let mut command = Command::new(setpriv.ok_or(ClusterError::NoSetpriv)?);
    if let Some(account) = folder.account() {
        command
            .arg(format!("--reuid={}", account.uid))
            .arg(format!("--regid={}", account.gid));
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    // PGDATA, PGPORT and their like, set for someone else's database, must not reach ours.
    command
        .env_clear()
        .env("PATH", path)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8");
    if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null());
    Ok(command)
}

fn settings(port: u16, durable: bool) -> Vec<String> {
    let switch = if durable { "on" } else { "off" };
    vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "cluster_name=signalbox".to_owned(),
        "max_connections=200".to_owned(),
        "shared_buffers=256MB".to_owned(),
        "max_wal_size=2GB".to_owned(),
        "wal_compression=on".to_owned(),
        "password_encryption=scram-sha-256".to_owned(),
        "idle_in_transaction_session_timeout=60s".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "log_line_prefix=%m [%p] %q%u@%d ".to_owned(),
        "log_checkpoints=off".to_owned(),
        format!("fsync={switch}"),
        format!("full_page_writes={switch}"),
        format!("synchronous_commit={switch}"),
    ]
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn passes(tail: &str) -> bool {
    tail.contains("could not bind") || tail.contains("pre-existing shared memory block")
}

/// The last lines that were written after `from` bytes.
fn tail(log: &Path, from: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let fresh = bytes
        .get(usize::try_from(from).unwrap_or(0)..)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(fresh);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_log_is_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let old = "an earlier run\n";
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}")).collect();
        fs::write(file.path(), format!("{old}{}\n", lines.join("\n"))).unwrap();
        let shown = tail(file.path(), old.len() as u64);
        assert!(shown.starts_with("line 8\n") && shown.ends_with("line 19"));
    }
}
