//! Whether the OpenID Connect provider is there and is who it should be.

use crate::features::posture::finding::Finding;
use crate::foundation::auth::provider::Provider;
use crate::foundation::config::Config;

const SUBJECT: &str = "provider";

/// Nothing where none is set up. One that is away is no reason not to start: people have other ways in.
pub(super) fn examine(config: &Config) -> Option<Finding> {
    let provider = match Provider::of(config) {
        Ok(provider) => provider?,
        Err(error) => {
            let mend = "see that SIGNALBOX_OIDC_ISSUER is its address";
            return Some(Finding::fail(SUBJECT, error.to_string(), mend));
        }
    };
    let issuer = provider.issuer();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answered = match runtime {
        Ok(runtime) => runtime.block_on(provider.examine()),
        Err(error) => Err(error.to_string()),
    };
    Some(match answered {
        Ok(()) => {
            let found = format!(
                "{issuer} answers; it is to send people back to {}",
                provider.back()
            );
            Finding::ok(SUBJECT, found)
        }
        Err(cause) => Finding::warn(
            SUBJECT,
            format!("{issuer} does not answer as a provider does: {cause}"),
            "until it does, nobody signs in with it; see SIGNALBOX_OIDC_ISSUER and the way out of this machine",
        ),
    })
}
