//! Reference files that are not part of the repository.

use serde_json::Value;

/// A JSON file of the reference. Where it is missing, the test that asks says so and passes.
pub fn json(path: &str) -> Option<Value> {
    let root = std::env::var("SIGNALBOX_REFERENCE")
        .unwrap_or_else(|_| format!("{}/../shared/reference", env!("CARGO_MANIFEST_DIR")));
    let file = format!("{root}/{path}");
    if let Ok(bytes) = std::fs::read(&file) {
        Some(serde_json::from_slice(&bytes).unwrap())
    } else {
        eprintln!("skipped for want of the reference file {path}");
        None
    }
}
