//! Files and folders that hold secrets: who else can read or change them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::foundation::config::Config;

/// The data folder. One that is not there yet is made with the right mode.
pub fn folder(folder: &Path) -> Option<Finding> {
    let meta = fs::metadata(folder).ok()?;
    Some(folder_rights(folder, &meta))
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

/// A file that is not there yet is made with the right mode.
pub fn secret(subject: &'static str, file: &Path) -> Option<Finding> {
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let shown = file.display();
    Some(if mode & 0o077 > 0 {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        Finding::fail(subject, found, format!("chmod 600 {shown}"))
    } else {
        Finding::ok(subject, format!("{shown}, mode {mode:o}"))
    })
}

/// Variables whose value may come from a file instead.
const SECRETS: [&str; 5] = [
    "DATABASE_URL",
    "SIGNALBOX_MIGRATE_DATABASE_URL",
    "SIGNALBOX_SEALER_DATABASE_URL",
    "SIGNALBOX_ENCRYPTION_KEY",
    "SIGNALBOX_OIDC_CLIENT_SECRET",
];

/// Files with secrets in them: those that variables name, and those that were made on the spot.
pub fn secrets(config: &Config) -> Vec<Finding> {
    let named = SECRETS
        .iter()
        .filter_map(|name| std::env::var_os(format!("{name}_FILE")))
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let made = ["encryption.key", "postgres.passwords"].map(|name| config.data_dir.join(name));
    let sealer = secret("sealer key", &config.keys.sealer_file);
    let tls = config.web.tls.iter().map(|paths| paths.key.clone());
    let others = named
        .chain(made)
        .chain(tls)
        .filter_map(|file| secret("secrets", &file));
    sealer.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
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
        let finding = secret("sealer key", file.path()).unwrap();
        assert_eq!(finding.verdict, Verdict::Fail);
        set_mode(file.path(), 0o600);
        let finding = secret("sealer key", file.path()).unwrap();
        assert_eq!(finding.verdict, Verdict::Ok);
    }
}
