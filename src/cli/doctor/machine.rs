//! The machine: programs, folders, files, ports.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Finding;
use crate::cli::healthcheck;
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

pub(super) fn data_dir(folder: &Path) -> Vec<Finding> {
    let Ok(meta) = fs::metadata(folder) else {
        return vec![Finding::ok(
            "data folder",
            format!("{} will be made", folder.display()),
        )];
    };
    let mut findings = vec![folder_rights(folder, &meta)];
    findings.extend(disk(folder));
    findings
}

fn folder_rights(folder: &Path, meta: &fs::Metadata) -> Finding {
    let shown = folder.display();
    let mode = meta.permissions().mode() & 0o777;
    if !meta.is_dir() {
        return Finding::fail(
            "data folder",
            format!("{shown} is no folder"),
            "set SIGNALBOX_DATA_DIR",
        );
    }
    let us = rustix::process::geteuid();
    if !us.is_root() && meta.uid() != us.as_raw() {
        let found = format!(
            "{shown} belongs to user {}, we are {}",
            meta.uid(),
            us.as_raw()
        );
        return Finding::fail("data folder", found, "run as its owner, or chown it");
    }
    if mode & 0o022 != 0 {
        let found = format!("{shown} can be written by others (mode {mode:o})");
        return Finding::fail("data folder", found, format!("chmod 711 {shown}"));
    }
    // Others may pass through, as PostgreSQL's user has to, but need not look around. What is secret in
    // there is closed by itself.
    if mode & 0o044 != 0 {
        let found = format!("{shown} can be listed by others (mode {mode:o})");
        return Finding::warn("data folder", found, format!("chmod 711 {shown}"));
    }
    Finding::ok("data folder", format!("{shown}, mode {mode:o}"))
}

fn disk(folder: &Path) -> Option<Finding> {
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

/// A file that is not there yet is made with the right mode.
pub(super) fn secret_file(subject: &'static str, file: &Path) -> Option<Finding> {
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let shown = file.display();
    Some(if mode & 0o077 > 0 {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        Finding::fail(subject, found, format!("chmod 600 {shown}"))
    } else {
        Finding::ok(subject, format!("{shown}, mode {mode:o}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_is_to_be_mended() {
        let folder = tempfile::tempdir().unwrap();
        let verdict =
            || folder_rights(folder.path(), &fs::metadata(folder.path()).unwrap()).verdict;
        set_mode(folder.path(), 0o777);
        assert_eq!(verdict(), Verdict::Fail);
        set_mode(folder.path(), 0o755);
        assert_eq!(verdict(), Verdict::Warn);
        set_mode(folder.path(), 0o711);
        assert_eq!(verdict(), Verdict::Ok);
    }

    #[test]
    fn a_key_that_others_can_read_is_to_be_mended() {
        let file = tempfile::NamedTempFile::new().unwrap();
        set_mode(file.path(), 0o640);
        let finding = secret_file("sealer key", file.path()).unwrap();
        assert_eq!(finding.verdict, Verdict::Fail);
        set_mode(file.path(), 0o600);
        let finding = secret_file("sealer key", file.path()).unwrap();
        assert_eq!(finding.verdict, Verdict::Ok);
    }

    #[test]
    fn a_port_that_a_stranger_holds_is_to_be_mended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bind = listener.local_addr().unwrap();
        std::thread::spawn(move || drop(listener.accept()));
        assert_eq!(port(bind, false).verdict, Verdict::Fail);
    }
}
