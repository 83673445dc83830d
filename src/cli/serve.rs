use std::process::ExitCode;

use super::connect::is_demo_folder;
use super::failed;
use super::instance::Instance;
use crate::features::packs::{self, own};
use crate::foundation::Services;
use crate::foundation::audit::Actor;
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
        Ok(instance) => {
            if let Err(error) = watch_ourselves(&instance.services) {
                return failed(error);
            }
            instance.run(|services, _| {
                tracing::info!(url = %services.config.web.base_url, "serving");
            })
        }
        Err(error) => failed(error),
    }
}

/// Applies our own pack at the first start, whatever other packs are applied by then: nobody should have to ask to be told
/// that the audit log is not sealed. Afterwards it belongs to whoever changes it.
fn watch_ourselves(services: &Services) -> Result<(), Box<dyn std::error::Error>> {
    let platforms = services.db.read(packs::store::platforms)?;
    if platforms.iter().any(|it| it.slug == own::PLATFORM) {
        return Ok(());
    }
    let base = services.config.web.base_url.as_str();
    let given = [("SELF_URL", base.trim_end_matches('/').to_owned())];
    packs::actions::apply_if_changed(
        services,
        &Actor::job("serve"),
        own::TEXT,
        &given.into_iter().collect(),
    )?;
    Ok(())
}
