//! Programs of others that tests hold us against. They are unpacked by `script/setup` and never installed, so that no
//! server of theirs runs.

use std::path::{Path, PathBuf};

/// Debian's Alertmanager, which starts only where its templates are. Nothing where either is missing.
pub fn alertmanager() -> Option<PathBuf> {
    let templates = Path::new("/usr/share/prometheus/alertmanager/default.tmpl");
    find("prometheus-alertmanager")
        .filter(|_| is_there(templates.is_file(), "Alertmanager's templates"))
}

/// Where a program is. Nothing where it is missing, which is said by name.
pub fn find(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/prometheus/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(own)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    is_there(found.is_some(), name);
    found
}

/// Says what is missing, and fails where nothing may be.
fn is_there(found: bool, what: &str) -> bool {
    if !found {
        assert!(
            std::env::var_os("SIGNALBOX_REQUIRE_PROGRAMS").is_none(),
            "{what} is missing"
        );
        eprintln!("skipped for want of {what}: script/setup unpacks it where apt-get is");
    }
    found
}
