//! What production refuses: secrets that are missing, weak, or the ones everybody knows.

use url::Url;

use super::{Config, DatabaseConfig};
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

/// What is wrong with the secrets of an installation, whichever of its programs this is.
pub(super) fn production_problems(config: &Config) -> Vec<String> {
    let mut problems = address_problems(&config.database);
    match &config.keys.encryption {
        // The private cluster's is made on the spot.
        None if config.database.app_url.is_none() => {}
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

/// What is wrong with the database's addresses, those that are given.
pub(super) fn address_problems(database: &DatabaseConfig) -> Vec<String> {
    let addresses = [
        ("DATABASE_URL", &database.app_url),
        ("SIGNALBOX_MIGRATE_DATABASE_URL", &database.migrate_url),
        ("SIGNALBOX_SEALER_DATABASE_URL", &database.sealer_url),
    ];
    let given = addresses.iter().filter_map(|(name, url)| {
        let url = url.as_ref()?;
        address_problem(name, url.expose())
    });
    given.collect()
}

fn address_problem(name: &str, url: &str) -> Option<String> {
    // A user without a host is fine for libpq, and no URL: it means the socket.
    let parsed = Url::parse(&url.replacen("@/", "@%2F/", 1)).ok();
    let Some(url) = parsed.filter(|url| ["postgres", "postgresql"].contains(&url.scheme())) else {
        return Some(format!(
            "{name} is not a URL such as postgres://user:password@host/database"
        ));
    };
    let (is_local, password) = (is_local(&url), password(&url));
    if !is_local && password.len() < SHORTEST_PASSWORD {
        Some(format!(
            "{name} has a password shorter than {SHORTEST_PASSWORD} characters"
        ))
    } else if WELL_KNOWN.contains(&password.to_lowercase().as_str()) {
        Some(format!("{name} has a password that everybody knows"))
    } else if !is_local && !is_encrypted(&url) {
        Some(format!(
            "{name} leads over the network without TLS: add sslmode=verify-full"
        ))
    } else {
        None
    }
}

/// Whether every server that libpq may try is on this machine. The query wins over what stands before it.
fn is_local(url: &Url) -> bool {
    let stated = |wanted: &str| {
        let mut pairs = url.query_pairs();
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    let host = stated("hostaddr")
        .or_else(|| stated("host"))
        .or_else(|| url.host_str().map(decoded))
        .unwrap_or_default();
    host.split(',').all(|host| {
        let is_socket = host.is_empty() || host.starts_with(['/', '@']);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        is_socket
            || host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    })
}

fn password(url: &Url) -> String {
    let mut pairs = url.query_pairs();
    pairs
        .find_map(|(name, value)| (name == "password").then(|| value.into_owned()))
        .unwrap_or_else(|| decoded(url.password().unwrap_or_default()))
}

fn is_encrypted(url: &Url) -> bool {
    url.query_pairs().any(|(name, value)| {
        name == "sslmode" && ["require", "verify-ca", "verify-full"].contains(&&*value)
    })
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
