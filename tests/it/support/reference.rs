//! Reference files that are not part of the repository.

use std::path::PathBuf;

use serde_json::Value;

/// A JSON file of the reference. Where it is missing, the test that asks says so and passes.
pub fn json(path: &str) -> Option<Value> {
    let bytes = std::fs::read(file(path)?).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// Where a file of the reference is; where it is missing, that is said.
pub fn file(path: &str) -> Option<PathBuf> {
    let root = std::env::var("SIGNALBOX_REFERENCE")
        .unwrap_or_else(|_| format!("{}/../shared/reference", env!("CARGO_MANIFEST_DIR")));
    let file = PathBuf::from(root).join(path);
    if file.is_file() {
        Some(file)
    } else {
        eprintln!("skipped for want of the reference file {path}");
        None
    }
}
