//! The machine: programs, ports, room.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::cli::healthcheck;
use crate::features::posture::finding::Finding;
use crate::foundation::db::cluster::Survey;

/// Below this share free the database soon stops taking writes.
const DISK_WARN_PERCENT: u64 = 10;
const DISK_FAIL_PERCENT: u64 = 2;

pub(super) fn port(bind: SocketAddr, is_tls: bool) -> Finding {
    match TcpListener::bind(bind) {
        Ok(_) => Finding::ok("port", format!("{bind} is free")),
        Err(_) if healthcheck::answers(bind, is_tls) => {
            Finding::ok("port", format!("Signalbox answers on {bind}"))
        }
        Err(error) => Finding::fail(
            "port",
            format!("{bind}: {error}"),
            "stop what listens there, or set SIGNALBOX_BIND to another address",
        ),
    }
}

pub(super) fn programs(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &survey.binaries {
        Ok(binaries) => {
            let (version, dir) = (binaries.version(), binaries.dir().display());
            findings.push(Finding::ok(
                "PostgreSQL",
                format!("version {version} in {dir}"),
            ));
        }
        Err(error) => findings.push(Finding::fail(
            "PostgreSQL",
            error.to_string(),
            "run script/setup, or set DATABASE_URL",
        )),
    }
    match &survey.database {
        Ok(folder) => findings.push(Finding::ok("database folder", folder.display().to_string())),
        Err(error) => findings.push(Finding::fail(
            "database folder",
            error.to_string(),
            "mend what it says, or set SIGNALBOX_DATA_DIR",
        )),
    }
    if let Some(pid) = &survey.held_by {
        findings.push(Finding::ok(
            "instance",
            format!("process {pid} runs on this data folder"),
        ));
    }
    findings
}

pub(super) fn disk(folder: &Path) -> Option<Finding> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let percent = (stat.f_bavail * 100).checked_div(stat.f_blocks)?;
    let gib = stat.f_bavail * stat.f_frsize / (1 << 30);
    let found = format!("{percent} % free, {gib} GiB");
    let mend = "make room: PostgreSQL stops when the disk is full";
    Some(if percent < DISK_FAIL_PERCENT {
        Finding::fail("disk", found, mend)
    } else if percent < DISK_WARN_PERCENT {
        Finding::warn("disk", found, mend)
    } else {
        Finding::ok("disk", found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::posture::finding::Verdict;

    #[test]
    fn a_port_that_a_stranger_holds_is_to_be_mended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bind = listener.local_addr().unwrap();
        std::thread::spawn(move || drop(listener.accept()));
        assert_eq!(port(bind, false).verdict, Verdict::Fail);
    }
}
