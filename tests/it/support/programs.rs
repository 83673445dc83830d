//! Programs of others that tests hold us against. They are unpacked by `script/setup` and never installed, so that no
//! server of theirs runs.

use std::path::{Path, PathBuf};

/// Where a program is. Nothing where it is missing, which is said by name.
pub fn find(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/prometheus/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(own)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("SIGNALBOX_REQUIRE_PROGRAMS").is_none(),
            "{name} is missing"
        );
        eprintln!("skipped for want of {name}: script/setup unpacks it where apt-get is");
    }
    found
}
