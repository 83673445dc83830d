//! Giving the sign: one POST to an address that the installation names.

use std::error::Error as _;
use std::time::Duration;

use reqwest::redirect;

const PATIENCE: Duration = Duration::from_secs(10);

/// Gives it.
///
/// # Errors
/// Why nobody has heard it, without the address, which is a secret.
pub async fn give(url: &str) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("Signalbox/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build()
        .map_err(|error| innermost(&error))?;
    match client.post(url).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status().as_u16())),
        Err(error) => Err(innermost(&error)),
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    if error.source().is_none() {
        return "it could not be asked".to_owned();
    }
    last.to_string().chars().take(200).collect()
}
