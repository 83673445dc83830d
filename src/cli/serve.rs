use std::process::ExitCode;

use super::connect::is_demo_folder;
use super::failed;
use super::instance::Instance;
use crate::foundation::config::{Config, Mode};

pub(super) fn run() -> ExitCode {
    let config = match Config::from_env(Mode::Serve) {
        Ok(config) => config,
        Err(error) => return failed(error),
    };
    if config.database.app_url.is_none() && is_demo_folder(&config.data_dir) {
        return failed(format!(
            "{} was made by the demo, whose passwords are on its sign-in page. Set \
             SIGNALBOX_DATA_DIR to another folder",
            config.data_dir.display()
        ));
    }
    match Instance::start(config) {
        Ok(instance) => instance.run(|services, _| {
            tracing::info!(url = %services.config.web.base_url, "serving");
        }),
        Err(error) => failed(error),
    }
}
