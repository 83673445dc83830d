use std::process::ExitCode;

use super::failed;
use super::instance::Instance;
use crate::foundation::config::{Config, Mode};

/// Marks a data folder whose people have passwords that a page shows.
pub(super) const MARK: &str = "this-is-a-demo";

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> ExitCode {
    let config = match Config::from_env(Mode::Demo) {
        Ok(config) => config,
        Err(error) => return failed(error),
    };
    if let Err(error) = mark(&config) {
        return failed(error);
    }
    match Instance::start(config) {
        Ok(instance) => instance.run(|services| {
            println!(
                "Signalbox's demo is at {}  (Ctrl-C ends it)",
                services.config.web.base_url.as_str().trim_end_matches('/')
            );
        }),
        Err(error) => failed(error),
    }
}

/// Refuses a folder that production data lies in: the demo's people must not appear there.
fn mark(config: &Config) -> Result<(), String> {
    let mark = config.data_dir.join(MARK);
    let has_data = config.data_dir.join("encryption.key").exists();
    if has_data && !mark.exists() {
        return Err(format!(
            "{} was not made by the demo. Set SIGNALBOX_DATA_DIR to another folder",
            config.data_dir.display()
        ));
    }
    std::fs::create_dir_all(&config.data_dir)
        .and_then(|()| std::fs::write(&mark, "The passwords of its people are public.\n"))
        .map_err(|error| format!("{} cannot be written: {error}", mark.display()))
}
