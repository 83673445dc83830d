//! `signalbox migrate`: brings a database to the state that this program expects, or back.

use std::process::ExitCode;

use crate::foundation::config::{Config, DatabaseConfig};
use crate::foundation::db::cluster::{Cluster, ClusterConfig};
use crate::foundation::db::roles::{Passwords, Role};
use crate::foundation::db::{migrate, roles};
use crate::foundation::kernel::Secret;

/// Bring the database up to date (SIGNALBOX_MIGRATE_DATABASE_URL, else the private cluster)
///
/// With a superuser's URL it also makes the database roles; `signalbox_app` and `signalbox_sealer` get
/// the passwords that stand in DATABASE_URL and SIGNALBOX_SEALER_DATABASE_URL.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Take back this many of the last migrations instead
    #[arg(long, value_name = "STEPS", conflicts_with = "pending")]
    down: Option<usize>,
    /// Only list what is missing; exit code 1 if anything is
    #[arg(long)]
    pending: bool,
}

impl Args {
    /// Looking and going back change nothing that concerns roles.
    fn applies(&self) -> bool {
        !self.pending && self.down.is_none()
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    match migrate(args) {
        Ok(code) => code,
        Err(problem) => super::failed(problem),
    }
}

fn migrate(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (data_dir, database) = Config::database_from_env()?;
    if let Some(url) = target(&database)? {
        if args.applies() {
            make_roles(&url, &database)?;
        }
        return work(args, &url);
    }
    let cluster = Cluster::start_or_join(&ClusterConfig::new(data_dir))?;
    let done = work(args, &cluster.url(Role::Migrator));
    cluster.stop()?;
    done
}

/// Nothing means the private cluster.
fn target(database: &DatabaseConfig) -> Result<Option<Secret<String>>, &'static str> {
    match (&database.migrate_url, &database.app_url) {
        (Some(url), _) => Ok(Some(url.clone())),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(
            "DATABASE_URL is set, so there is no private cluster: give the migrator's or a superuser's \
             URL in SIGNALBOX_MIGRATE_DATABASE_URL",
        ),
    }
}

fn make_roles(url: &Secret<String>, database: &DatabaseConfig) -> Result<(), roles::SetupError> {
    let mut passwords = Passwords::default();
    let urls = [
        (Role::App, &database.app_url),
        (Role::Sealer, &database.sealer_url),
    ];
    for (role, url) in urls {
        if let Some(password) = url.as_ref().and_then(|url| password_of(role, url)) {
            passwords = passwords.with(role, password);
        }
    }
    let made = roles::set_up(url, &passwords)?;
    for role in made {
        println!("made the role {role}");
    }
    Ok(())
}

/// Only if the URL is that role's: someone may have named their users otherwise.
fn password_of(role: Role, url: &Secret<String>) -> Option<String> {
    let url = url::Url::parse(url.expose()).ok()?;
    let password = url.password().filter(|_| url.username() == role.name())?;
    let decoded = percent_encoding::percent_decode_str(password)
        .decode_utf8()
        .ok()?;
    Some(decoded.into_owned())
}

fn work(args: &Args, url: &Secret<String>) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if args.pending {
        let pending = migrate::pending_at(url)?;
        list("missing", &pending);
        return Ok(if pending.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    match args.down {
        Some(steps) => list("took back", &migrate::down(url, steps)?),
        None => list("applied", &migrate::up(url)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(verb: &str, names: &[String]) {
    if names.is_empty() {
        println!("nothing to do");
    }
    for name in names {
        println!("{verb} {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_from_the_roles_own_url_only() {
        let url = Secret::from("postgres://signalbox_app:a%2Fb@db/signalbox");
        assert_eq!(password_of(Role::App, &url), Some("a/b".to_owned()));
        assert_eq!(password_of(Role::Sealer, &url), None);
    }
}
