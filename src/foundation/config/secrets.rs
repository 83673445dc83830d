//! What production refuses: secrets that are missing, weak, or the ones everybody knows.

use url::Url;

use super::Config;
use crate::foundation::crypto::Keyring;

const SHORTEST_PASSWORD: usize = 16;

/// Values that stand in examples all over the world.
const WELL_KNOWN: &[&str] = &[
    "changeme",
    "change-me",
    "password",
    "postgres",
    "secret",
    "signalbox",
    "example",
    "default",
];

pub(super) fn production_problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(url) = &config.database.app_url {
        problems.extend(database_problem("DATABASE_URL", url.expose()));
    }
    if let Some(url) = &config.database.sealer_url {
        problems.extend(database_problem(
            "SIGNALBOX_SEALER_DATABASE_URL",
            url.expose(),
        ));
    }
    match &config.keys.encryption {
        None => problems.push(
            "SIGNALBOX_ENCRYPTION_KEY_FILE is missing: personal data cannot be stored without it \
             (make one with `openssl rand -base64 32`)"
                .to_owned(),
        ),
        Some(key) => {
            if let Err(error) = Keyring::parse(key.expose()) {
                problems.push(format!("SIGNALBOX_ENCRYPTION_KEY: {error}"));
            }
        }
    }
    problems
}

fn database_problem(name: &str, url: &str) -> Option<String> {
    let Ok(url) = Url::parse(url) else {
        return Some(format!(
            "{name} is not a URL such as postgres://user:password@host/database"
        ));
    };
    let local = matches!(
        url.host_str(),
        None | Some("localhost" | "127.0.0.1" | "[::1]")
    );
    let password = url.password().unwrap_or_default();
    let encrypted = url.query_pairs().any(|(key, value)| {
        key == "sslmode" && ["require", "verify-ca", "verify-full"].contains(&&*value)
    });
    let lower = password.to_lowercase();
    if !local && password.len() < SHORTEST_PASSWORD {
        Some(format!(
            "{name} has a password shorter than {SHORTEST_PASSWORD} characters"
        ))
    } else if WELL_KNOWN.contains(&lower.as_str()) {
        Some(format!("{name} has a password that everybody knows"))
    } else if !local && !encrypted {
        Some(format!(
            "{name} leads over the network without TLS: add sslmode=verify-full"
        ))
    } else {
        None
    }
}
