//! What probes can do, one shape each.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Measure, Prometheus, Queue};
use crate::features::packs::quantity::Lasting;

/// What a probe does. Each carries only what it needs, and passwords only as the name of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Check {
    Http(Http),
    Tcp(Tcp),
    Tls(Certificate),
    Postgres(Postgres),
    Redis(Redis),
    Host(Host),
    File(Files),
    Prometheus(Prometheus),
    /// A message queue. In a box: it holds two ways to ask.
    Queue(Box<Queue>),
}

impl Check {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Host(_) => "host",
            Self::File(_) => "file",
            Self::Prometheus(_) => "prometheus",
            Self::Queue(_) => "queue",
        }
    }

    /// Where it looks, for people.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Http(http) => http.url.clone(),
            Self::Prometheus(scrape) => scrape.url.clone(),
            Self::Tcp(tcp) => tcp.address.clone(),
            Self::Tls(tls) if tls.name.is_empty() => tls.address.clone(),
            Self::Tls(tls) => format!("{} as {}", tls.address, tls.name),
            Self::Postgres(pg) => format!("{}:{}/{}", pg.host, pg.port, pg.database),
            Self::Redis(redis) => format!("{}/{}", redis.address, redis.database),
            Self::Host(host) => format!("this host, disk {}", host.disk),
            Self::File(files) => format!("{} of {}", files.which.as_str(), files.pattern),
            Self::Queue(queue) => queue.target(),
        }
    }

    /// The figures that a run brings besides its latency.
    #[must_use]
    pub const fn measures(&self) -> &'static [Measure] {
        match self {
            Self::Http(_) | Self::Tcp(_) | Self::Prometheus(_) => &[],
            Self::Tls(_) => &[Measure::Days],
            Self::Postgres(_) => &[
                Measure::Connections,
                Measure::Size,
                Measure::Lag,
                Measure::Query,
                Measure::Bloat,
                Measure::Replicas,
            ],
            Self::Redis(_) => &[
                Measure::Hits,
                Measure::Memory,
                Measure::Clients,
                Measure::Saved,
                Measure::Lag,
            ],
            Self::Host(_) => &[Measure::Cpu, Measure::Memory, Measure::Disk],
            Self::File(_) => &[
                Measure::Age,
                Measure::Size,
                Measure::Count,
                Measure::Relative,
            ],
            Self::Queue(queue) => queue.measures(),
        }
    }

    /// Whether somebody is asked who takes time to answer. This host and its files are only looked at, and so
    /// have no latency.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        !matches!(self, Self::Host(_) | Self::File(_))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub url: String,
    /// Statuses that count as an answer.
    #[serde(default = "ok_status")]
    pub status: Vec<u16>,
    /// JSON pointer (RFC 6901) and the value that must stand there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// Text that the body must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Header and the text that it must hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
}

fn ok_status() -> Vec<u16> {
    vec![200]
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// `host:port`
    pub address: String,
}

/// Host and port of `host:port`; the host of `[::1]:443` without its brackets.
#[must_use]
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((host.trim_matches(['[', ']']), port))
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// `host:port`
    pub address: String,
    /// Whom we ask for, and whose name the certificate must bear. Empty: the host.
    #[serde(default)]
    pub name: String,
    /// A PEM file of the authorities to trust instead of the system's. Empty: those.
    #[serde(default)]
    pub trust: String,
}

impl Certificate {
    #[must_use]
    pub fn name(&self) -> &str {
        let host = host_and_port(&self.address).map_or("", |(host, _)| host);
        if self.name.is_empty() {
            host
        } else {
            &self.name
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    pub host: String,
    #[serde(default = "postgres_port", deserialize_with = "typed")]
    pub port: u16,
    pub database: String,
    pub user: String,
    /// Read at every run, so that a rotated password needs no new pack. Empty: no password.
    #[serde(default)]
    pub password_file: String,
    #[serde(default)]
    pub tls: Tls,
}

const fn postgres_port() -> u16 {
    5432
}

/// A value stands as itself in the file, or as text when it comes from a parameter.
fn typed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Typed<T> {
        Value(T),
        Text(String),
    }
    match Typed::deserialize(deserializer)? {
        Typed::Value(value) => Ok(value),
        Typed::Text(text) => text
            .parse()
            .map_err(|error| serde::de::Error::custom(format!("\"{text}\": {error}"))),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    Disable,
    #[default]
    Prefer,
    Require,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `host:port`
    pub address: String,
    /// Empty: the default user.
    #[serde(default)]
    pub user: String,
    /// Read at every run. Empty: no password.
    #[serde(default)]
    pub password_file: String,
    #[serde(default, deserialize_with = "typed")]
    pub tls: bool,
    #[serde(default, deserialize_with = "typed")]
    pub database: u32,
    /// How long the platform keeps what in it, for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lifetimes: BTreeMap<String, Lasting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Mount point whose used share is read.
    #[serde(default = "root")]
    pub disk: String,
}

fn root() -> String {
    "/".to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// `/var/backups/*.dump`: one folder, and a name in which `*` and `?` stand for anything.
    pub pattern: String,
    /// Which of those that match is looked at.
    #[serde(default)]
    pub which: Which,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    #[default]
    Newest,
    Oldest,
}

impl Which {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }
}
