//! Configuration: a struct per concern, read from the environment once at start-up.
//!
//! Every secret `NAME` may come from a file named by `NAME_FILE`. Problems are collected and told
//! together, because a person who mends one at a time is a person who restarts ten times.

mod notices;
mod provider;
mod read;
mod secrets;
mod supervisor;

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

pub use self::notices::{MailConfig, NoticesConfig, Protection};
pub use self::provider::ProviderConfig;
pub(super) use self::provider::is_loopback;
use self::read::Reader;
pub use self::supervisor::SupervisorConfig;
use super::kernel::{Networks, Secret};

/// Where a demo shows its metrics, so that a newcomer sees them without setting anything. A reverse proxy
/// makes every caller look local, so production has to say where they may be seen.
pub const DEMO_METRICS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);

/// Whether this is the real thing. It decides what may be missing, not how the product behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loopback only, demo people and demo data, secrets made on the spot.
    Demo,
    /// Production.
    Serve,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    pub data_dir: PathBuf,
    pub web: WebConfig,
    pub database: DatabaseConfig,
    pub keys: KeysConfig,
    pub password: PasswordConfig,
    /// The organisation's own place to sign in, where it has one.
    pub provider: Option<ProviderConfig>,
    pub notices: NoticesConfig,
    pub supervisor: SupervisorConfig,
    pub log_level: String,
    /// The port of the page that breaks and mends the demo's simulated platforms. The demo sets it.
    pub simulator: Option<u16>,
}

/// More than any server's `max_connections` that makes sense.
const MOST_CONNECTIONS: u32 = 1_000;
const MOST_WORKERS: u32 = 256;
/// Requests in a minute: as good as no limit.
const HIGHEST_RATE: u32 = 1_000_000;

#[derive(Clone, Debug)]
pub struct WebConfig {
    pub bind: SocketAddr,
    /// Where people reach us: links, origins and cookie flags follow from it.
    pub base_url: Url,
    /// Where `/metrics` is served. Without it production serves them nowhere, and the demo on
    /// [`DEMO_METRICS`] if that is free.
    pub metrics_bind: Option<SocketAddr>,
    pub workers: usize,
    /// Where HTTPS is served directly; without it a proxy has to do it.
    pub tls: Option<TlsConfig>,
    /// Whose `X-Forwarded-For` is believed; nobody's by default.
    pub trusted_proxies: Networks,
    pub rates: RateConfig,
}

/// How often somebody may ask in a minute.
#[derive(Clone, Copy, Debug)]
pub struct RateConfig {
    /// An address from which nobody is signed in.
    pub address: u32,
    pub session: u32,
    pub key: u32,
}

impl RateConfig {
    /// Where nothing is set.
    pub const USUAL: Self = Self {
        address: 100,
        session: 600,
        key: 600,
    };
}

/// The files of HTTPS, in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, and those that lead to one which browsers know.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl WebConfig {
    /// Whether cookies can be `Secure` and carry the `__Host-` prefix.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }

    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base_url)
    }
}

/// Database addresses. Where `app_url` is missing, the private cluster is started.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    pub app_url: Option<Secret<String>>,
    pub migrate_url: Option<Secret<String>>,
    pub sealer_url: Option<Secret<String>>,
    pub pools: PoolSizes,
}

/// Connections kept for each kind of work, so that one kind cannot starve another. Their sum, the
/// sealer's two and the probes' own must stay under the server's `max_connections`.
#[derive(Clone, Copy, Debug)]
pub struct PoolSizes {
    pub web: u32,
    pub sign_in: u32,
    pub jobs: u32,
    pub exports: u32,
}

#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// The key that encrypts personal data; `None` where the private cluster keeps its own file.
    pub encryption: Option<Secret<String>>,
    /// The file that it came from, which is read again when it changes.
    pub encryption_file: Option<PathBuf>,
    /// Where the sealer's signing key lies; only the sealer reads it.
    pub sealer_file: PathBuf,
}

/// Cost of a password hash (argon2id).
#[derive(Clone, Copy, Debug)]
pub struct PasswordConfig {
    pub memory_kib: u32,
    pub passes: u32,
}

/// Everything that is wrong with the environment, in one message.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", .0.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Where the demo's simulated platforms can be broken and mended.
    #[must_use]
    pub fn simulator_url(&self) -> Option<String> {
        self.simulator
            .map(|port| format!("http://127.0.0.1:{port}/"))
    }

    /// Reads the process's environment.
    pub fn from_env(mode: Mode) -> Result<Self, ConfigError> {
        Self::read(mode, &|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`, so that a test needs no environment of its own.
    pub fn read(mode: Mode, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let data_dir = PathBuf::from(reader.text("SIGNALBOX_DATA_DIR", "var"));
        let web = read_web(&mut reader);
        let database = read_database(&mut reader);
        let provider = provider::read(&mut reader, mode);
        let notices = notices::read(&mut reader, mode);
        let supervisor = supervisor::read(&mut reader, std::process::id());
        let config = Self {
            mode,
            provider,
            notices,
            supervisor,
            keys: KeysConfig {
                encryption: reader.secret("SIGNALBOX_ENCRYPTION_KEY"),
                encryption_file: reader
                    .optional("SIGNALBOX_ENCRYPTION_KEY_FILE")
                    .map(PathBuf::from),
                sealer_file: reader
                    .optional("SIGNALBOX_SEALER_KEY_FILE")
                    .map_or_else(|| data_dir.join("sealer.key"), PathBuf::from),
            },
            data_dir,
            web,
            database,
            password: PasswordConfig {
                memory_kib: 19_456,
                passes: 2,
            },
            log_level: reader.log_level("LOG_LEVEL", "info"),
            simulator: None,
        };
        let mut problems = reader.problems();
        problems.extend(config.refusals());
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(problems))
        }
    }

    /// The data folder and the database's addresses, for commands that need nothing else and should
    /// work while the rest is still missing or wrong.
    pub fn database_from_env() -> Result<(PathBuf, DatabaseConfig), ConfigError> {
        let lookup = |name: &str| std::env::var(name).ok();
        let mut reader = Reader::new(&lookup);
        let data_dir = PathBuf::from(reader.text("SIGNALBOX_DATA_DIR", "var"));
        let database = read_database(&mut reader);
        let mut problems = reader.problems();
        problems.extend(secrets::address_problems(&database));
        if problems.is_empty() {
            Ok((data_dir, database))
        } else {
            Err(ConfigError(problems))
        }
    }

    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.mode == Mode::Demo
    }

    fn refusals(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.web.tls.is_some() && !self.web.is_https() {
            problems.push(
                "SSL_CERT_PATH is set, so people come by https, and SIGNALBOX_BASE_URL must say so"
                    .to_owned(),
            );
        }
        match self.mode {
            Mode::Demo => {
                if !self.web.bind.ip().is_loopback() || !self.web.is_loopback() {
                    problems.push(
                        "the demo shows its passwords, so it runs on loopback only: leave \
                         SIGNALBOX_BIND and SIGNALBOX_BASE_URL at their defaults, or use `serve`"
                            .to_owned(),
                    );
                }
                if self.database.app_url.is_some() {
                    problems.push(
                        "the demo makes its own database: unset DATABASE_URL, or use `serve`"
                            .to_owned(),
                    );
                }
            }
            Mode::Serve => {
                if !self.web.is_https() && !self.web.is_loopback() {
                    problems.push(
                        "SIGNALBOX_BASE_URL must be https: session cookies would travel in the \
                         open (http is accepted on localhost only)"
                            .to_owned(),
                    );
                }
                problems.extend(secrets::production_problems(self));
            }
        }
        problems
    }
}

fn read_web(reader: &mut Reader<'_>) -> WebConfig {
    let bind: SocketAddr = reader.parsed("SIGNALBOX_BIND", "127.0.0.1:8080", "an address and port");
    let tls = read_tls(reader);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base_url = format!("{scheme}://localhost:{}", bind.port());
    WebConfig {
        tls,
        bind,
        base_url: reader.parsed("SIGNALBOX_BASE_URL", &base_url, "a URL"),
        metrics_bind: reader.parsed_optional("SIGNALBOX_METRICS_BIND", "an address and port"),
        workers: reader.count("SIGNALBOX_WORKERS", 4, MOST_WORKERS) as usize,
        trusted_proxies: reader.parsed(
            "SIGNALBOX_TRUSTED_PROXIES",
            "",
            "a comma-separated list of networks such as 10.0.0.0/8",
        ),
        rates: RateConfig {
            address: reader.count(
                "SIGNALBOX_RATE_ADDRESS",
                RateConfig::USUAL.address,
                HIGHEST_RATE,
            ),
            session: reader.count(
                "SIGNALBOX_RATE_SESSION",
                RateConfig::USUAL.session,
                HIGHEST_RATE,
            ),
            key: reader.count("SIGNALBOX_RATE_KEY", RateConfig::USUAL.key, HIGHEST_RATE),
        },
    }
}

/// A certificate without its key is a mistake, and so is the reverse.
fn read_tls(reader: &mut Reader<'_>) -> Option<TlsConfig> {
    let [certificate, key] = ["SSL_CERT_PATH", "SSL_KEY_PATH"].map(|name| reader.optional(name));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsConfig {
            certificate: certificate.into(),
            key: key.into(),
        }),
        (None, None) => None,
        (Some(_), None) => {
            reader
                .add("SSL_CERT_PATH is set and SSL_KEY_PATH, which names the private key, is not");
            None
        }
        (None, Some(_)) => {
            reader
                .add("SSL_KEY_PATH is set and SSL_CERT_PATH, which names the certificate, is not");
            None
        }
    }
}

fn read_database(reader: &mut Reader<'_>) -> DatabaseConfig {
    DatabaseConfig {
        app_url: reader.secret("DATABASE_URL"),
        migrate_url: reader.secret("SIGNALBOX_MIGRATE_DATABASE_URL"),
        sealer_url: reader.secret("SIGNALBOX_SEALER_DATABASE_URL"),
        pools: PoolSizes {
            web: reader.count("SIGNALBOX_POOL_WEB", 12, MOST_CONNECTIONS),
            sign_in: reader.count("SIGNALBOX_POOL_SIGN_IN", 3, MOST_CONNECTIONS),
            jobs: reader.count("SIGNALBOX_POOL_JOBS", 6, MOST_CONNECTIONS),
            exports: reader.count("SIGNALBOX_POOL_EXPORTS", 2, MOST_CONNECTIONS),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mode: Mode, vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let vars: Vec<(String, String)> = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::read(mode, &|name| {
            vars.iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn an_empty_environment_is_a_demo() {
        let config = read(Mode::Demo, &[]).unwrap();
        assert_eq!(config.web.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(config.web.base_url.as_str(), "http://localhost:8080/");
        assert_eq!(config.keys.sealer_file, PathBuf::from("var/sealer.key"));
    }

    #[test]
    fn https_is_served_with_both_files_or_not_at_all() {
        let both = [("SSL_CERT_PATH", "cert.pem"), ("SSL_KEY_PATH", "key.pem")];
        let config = read(Mode::Demo, &both).unwrap();
        assert!(config.web.tls.is_some() && config.web.is_https());
        assert_eq!(config.web.base_url.as_str(), "https://localhost:8080/");
        for (one, other) in [(0, "SSL_KEY_PATH"), (1, "SSL_CERT_PATH")] {
            let error = read(Mode::Demo, &[both[one]]).unwrap_err().to_string();
            assert!(error.contains(other), "{error}");
        }
        let plain = [
            both[0],
            both[1],
            ("SIGNALBOX_BASE_URL", "http://localhost:8080"),
        ];
        assert!(read(Mode::Demo, &plain).is_err());
    }

    #[test]
    fn the_demo_is_loopback_only() {
        assert!(read(Mode::Demo, &[("SIGNALBOX_BIND", "0.0.0.0:8080")]).is_err());
    }

    #[test]
    fn production_names_every_problem_at_once() {
        let error = read(
            Mode::Serve,
            &[
                ("SIGNALBOX_BIND", "nonsense"),
                ("SIGNALBOX_BASE_URL", "http://signalbox.example"),
                (
                    "DATABASE_URL",
                    "postgres://signalbox_app:changeme@db/signalbox",
                ),
            ],
        )
        .unwrap_err()
        .to_string();
        for name in [
            "SIGNALBOX_BIND",
            "SIGNALBOX_BASE_URL",
            "DATABASE_URL",
            "SIGNALBOX_ENCRYPTION_KEY",
        ] {
            assert!(error.contains(name), "{name} missing from:\n{error}");
        }
    }

    #[test]
    fn every_address_is_looked_at_whatever_else_is_set() {
        let cases = [
            (
                "SIGNALBOX_SEALER_DATABASE_URL",
                "postgres://signalbox_sealer:changeme@db/signalbox",
            ),
            (
                "SIGNALBOX_SEALER_DATABASE_URL",
                "postgres://signalbox_sealer:vQ8-long-enough-to-pass-xT2@db/signalbox",
            ),
            (
                "SIGNALBOX_MIGRATE_DATABASE_URL",
                "postgres://postgres:postgres@localhost/signalbox",
            ),
            // libpq goes where the query says.
            (
                "SIGNALBOX_MIGRATE_DATABASE_URL",
                "postgres://u:vQ8-long-enough-to-pass-xT2@/signalbox?host=db.example.com",
            ),
            (
                "SIGNALBOX_SEALER_DATABASE_URL",
                "postgres://u:vQ8-long-enough-to-pass-xT2@localhost/signalbox?hostaddr=192.0.2.7",
            ),
            (
                "SIGNALBOX_SEALER_DATABASE_URL",
                "postgres://u@db/signalbox?sslmode=verify-full&password=changeme",
            ),
        ];
        for (name, url) in cases {
            let error = read(Mode::Serve, &[(name, url)]).expect_err(url);
            assert!(error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("vQ8"), "{error}");
        }
    }

    #[test]
    fn a_socket_or_loopback_needs_no_tls() {
        for url in [
            "postgres://signalbox_sealer:short@localhost/signalbox",
            "postgres://signalbox_sealer:short@127.0.0.1:5433/signalbox",
            "postgres://signalbox_sealer:short@%2Fvar%2Frun%2Fpostgresql/signalbox",
            "postgres://signalbox_sealer:short@/signalbox?host=/var/run/postgresql",
            "postgres:///signalbox",
        ] {
            let read = read(Mode::Serve, &[("SIGNALBOX_SEALER_DATABASE_URL", url)]);
            assert!(read.is_ok(), "{url}: {read:?}");
        }
    }

    #[test]
    fn a_pool_of_nothing_is_refused() {
        for name in ["SIGNALBOX_POOL_WEB", "SIGNALBOX_WORKERS"] {
            for value in ["0", "-1", "many", "99999999"] {
                let error = read(Mode::Demo, &[(name, value)]).unwrap_err().to_string();
                assert!(error.contains(name), "{error}");
            }
        }
    }

    #[test]
    fn a_log_level_that_is_none_is_refused() {
        for level in [
            "loud",
            "info,signalbox",
            "signalbox=loud",
            "info,,",
            "=info",
        ] {
            let error = read(Mode::Demo, &[("LOG_LEVEL", level)]).unwrap_err();
            assert!(error.to_string().contains("LOG_LEVEL"), "{error}");
        }
        for level in ["WARN", "off", "info,signalbox::foundation::db=debug"] {
            assert!(read(Mode::Demo, &[("LOG_LEVEL", level)]).is_ok(), "{level}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = read(
            Mode::Serve,
            &[
                ("SIGNALBOX_BASE_URL", "https://signalbox.example"),
                (
                    "DATABASE_URL",
                    "postgres://signalbox_app:vQ8-long-enough-to-pass-xT2@db/signalbox?sslmode=verify-full",
                ),
                (
                    "SIGNALBOX_ENCRYPTION_KEY",
                    "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=",
                ),
            ],
        )
        .unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("vQ8-long"), "{shown}");
        assert!(!shown.contains("q83vASN"), "{shown}");
    }
}
