//! Giving the sign: one POST to an address that the installation names.

use std::time::Duration;

use crate::foundation::web::outgoing::{self, why};

const PATIENCE: Duration = Duration::from_secs(10);

/// Gives it.
///
/// # Errors
/// Why nobody has heard it, without the address, which is a secret.
pub async fn give(url: &str) -> Result<(), String> {
    // Whoever watches us is elsewhere, so the way there may lead through a proxy (`HTTPS_PROXY`).
    let client = outgoing::client()
        .user_agent(outgoing::OURSELVES)
        .timeout(PATIENCE)
        .build()
        .map_err(|error| why(&error))?;
    match client.post(url).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status().as_u16())),
        Err(error) => Err(why(&error)),
    }
}
