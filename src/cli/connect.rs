//! What a short command stands on: services over the database of this installation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;

use crate::app;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Audit};
use crate::foundation::auth::limits::Limits;
use crate::foundation::auth::password::{self, Hasher};
use crate::foundation::auth::provider::{self, Provider};
use crate::foundation::config::{Config, ConfigError, Mode};
use crate::foundation::crypto::{CryptoError, Keyring};
use crate::foundation::db::Db;
use crate::foundation::db::cluster::{Cluster, ClusterConfig, ClusterError};
use crate::foundation::db::roles::Role;
use crate::foundation::kernel::{Clock, Secret};
use crate::foundation::web::Board;

/// Longer than any user name that a system gives.
const MOST_NAME_CHARS: usize = 64;

/// Where the private cluster's encryption key lies, in the data folder.
pub(super) const ENCRYPTION_KEY_FILE: &str = "encryption.key";

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Passwords(#[from] password::Error),
    #[error("the OpenID Connect provider cannot be used: {0}")]
    Provider(#[from] provider::Unusable),
}

/// Services for the time of one command. A cluster that was started for it stops with it.
pub struct Connected {
    pub services: Services,
    cluster: Option<Cluster>,
}

impl Connected {
    /// Joins this installation's database, starting the private cluster where no instance runs.
    ///
    /// Call it from the main thread, before any runtime.
    pub fn open() -> Result<Self, ConnectError> {
        Self::open_as(Mode::Serve)
    }

    /// [`Connected::open`], for the demo's own commands.
    pub(super) fn open_as(mode: Mode) -> Result<Self, ConnectError> {
        let config = Config::from_env(mode)?;
        let (url, cluster) = if let Some(url) = &config.database.app_url {
            (url.clone(), None)
        } else {
            let cluster = Cluster::start_or_join(&ClusterConfig::new(&config.data_dir))?;
            (cluster.url(Role::App), Some(cluster))
        };
        Ok(Self {
            services: services(config, &url)?,
            cluster,
        })
    }

    /// The database's address for another role, where the private cluster knows it.
    #[must_use]
    pub fn url(&self, role: Role) -> Option<Secret<String>> {
        self.cluster.as_ref().map(|cluster| cluster.url(role))
    }

    /// Who runs the command, as the audit log names them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        command_line_actor()
    }
}

/// Everything below the features, over this database.
pub(super) fn services(config: Config, url: &Secret<String>) -> Result<Services, ConnectError> {
    let keyring = keyring(&config)?;
    let passwords = Hasher::new(config.password)?;
    let provider = Provider::of(&config)?;
    let clock = Clock::system();
    let db = Db::new(url, config.database.pools);
    Ok(Services {
        limits: Limits::new(config.web.rates),
        config: Arc::new(config),
        audit: Audit::new(db.clone(), clock.clone(), keyring.clone(), app::reactions),
        clock,
        db,
        keyring,
        passwords,
        provider,
        board: Board::default(),
    })
}

/// Where the private cluster's key lies.
pub(super) fn own_key_file(config: &Config) -> PathBuf {
    config.data_dir.join(ENCRYPTION_KEY_FILE)
}

fn keyring(config: &Config) -> Result<Keyring, CryptoError> {
    match (&config.keys.encryption_file, &config.keys.encryption) {
        (Some(file), _) => Keyring::load(file),
        (None, Some(key)) => Keyring::parse(key.expose()),
        (None, None) => Keyring::load_or_create(&own_key_file(config), Utc::now()),
    }
}

/// Who runs a command, as the audit log names them.
pub(super) fn command_line_actor() -> Actor {
    Actor::command_line(&os_user()).behind_sudo(sudo_user())
}

/// The operating-system user who runs the command, as the kernel knows them: the environment is what
/// the caller says. Without a name in the password file, their number.
#[must_use]
pub fn os_user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwords = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    user_name(&passwords, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn user_name(passwords: &str, uid: u32) -> Option<String> {
    let name = passwords.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then_some(name)
    })?;
    plain(name)
}

/// Whom sudo names. Only root can have been made by it, and root can say anything: it stands beside.
fn sudo_user() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    plain(&std::env::var("SUDO_USER").ok()?)
}

fn plain(name: &str) -> Option<String> {
    let fits =
        (1..=MOST_NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
}

/// Whether the demo made this data folder: its people have known passwords.
pub(super) fn is_demo_folder(data_dir: &Path) -> bool {
    data_dir.join(super::demo::MARK).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_by_the_password_file() {
        let passwords = "root:x:0:0:root:/root:/bin/sh\n\
                         # a comment\n\
                         short\n\
                         ana:x:1000:1000::/home/ana:/bin/sh\n";
        assert_eq!(user_name(passwords, 0).as_deref(), Some("root"));
        assert_eq!(user_name(passwords, 1000).as_deref(), Some("ana"));
        assert_eq!(user_name(passwords, 1), None);
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(plain("ana").as_deref(), Some("ana"));
        assert_eq!(plain(&"x".repeat(65)), None);
        assert_eq!(plain("a\nb"), None);
        assert_eq!(plain(""), None);
    }
}
