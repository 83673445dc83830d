//! Reference files that are not part of the repository.

use serde_json::Value;

/// A JSON file of the reference. Where it is missing, the test that asks says so and passes.
pub fn json(path: &str) -> Option<Value> {
    let root = std::env::var("SIGNALBOX_REFERENCE")
        .unwrap_or_else(|_| format!("{}/../shared/reference", env!("CARGO_MANIFEST_DIR")));
    let file = format!("{root}/{path}");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            eprintln!("skipped for want of the reference file {path}");
            None
        }
    }
}
