//! `signalbox doctor`: what is wrong with the set-up and how to mend it.
//!
//! It changes nothing. Where the private cluster has been made but does not run, it is started for the
//! questions and stopped again.

mod database;
mod machine;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::Utc;

use crate::foundation::config::{Config, ConfigError, Mode, TlsConfig};
use crate::foundation::db::cluster::{Cluster, ClusterConfig, survey};
use crate::foundation::db::roles::Role;
use crate::foundation::kernel::Secret;
use crate::foundation::web::tls;

/// Variables whose value may come from a file instead.
const SECRETS: [&str; 4] = [
    "DATABASE_URL",
    "SIGNALBOX_MIGRATE_DATABASE_URL",
    "SIGNALBOX_SEALER_DATABASE_URL",
    "SIGNALBOX_ENCRYPTION_KEY",
];

/// Check the machine, the configuration and the database, and say how to mend what is wrong
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show only what needs attention
    #[arg(long, short)]
    quiet: bool,
}

/// Exit code 0 unless something has to be mended; a warning is not that.
pub(super) fn run(args: &Args) -> ExitCode {
    let findings = examine();
    for finding in &findings {
        if !args.quiet || finding.verdict != Verdict::Ok {
            println!("{finding}");
        }
    }
    let count = |verdict| {
        findings
            .iter()
            .filter(|each| each.verdict == verdict)
            .count()
    };
    let failed = count(Verdict::Fail);
    println!(
        "{} ok, {} to look at, {failed} to mend",
        count(Verdict::Ok),
        count(Verdict::Warn)
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// Will not work, or not safely.
    Fail,
}

#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    subject: &'static str,
    found: String,
    mend: Option<String>,
}

impl Finding {
    fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            subject,
            found: found.into(),
            mend: None,
        }
    }

    fn warn(subject: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            subject,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }

    fn fail(subject: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            subject,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{word:<5} {:<16} {}", self.subject, self.found)?;
        match &self.mend {
            Some(mend) => write!(f, "\n      {:<16} → {mend}", ""),
            None => Ok(()),
        }
    }
}

fn examine() -> Vec<Finding> {
    let config = match Config::from_env(Mode::Serve) {
        Ok(config) => config,
        // Without a configuration that can be read there is nothing sensible to look at.
        Err(error) => return misconfigured(&error),
    };
    let mut findings = vec![Finding::ok("configuration", "can be used")];
    findings.push(machine::port(config.web.bind, config.web.tls.is_some()));
    findings.extend(machine::data_dir(&config.data_dir));
    findings.extend(machine::secret_file("sealer key", &config.keys.sealer_file));
    findings.extend(secrets(&config));
    findings.push(metrics(&config));
    findings.extend(config.web.tls.iter().flat_map(certificate));
    findings.extend(proxies(&config));
    findings.extend(match &config.database.app_url {
        Some(app) => database::examine(&config, app, config.database.sealer_url.as_ref(), false),
        None => private_cluster(&config),
    });
    findings
}

/// Files with secrets in them: those that variables name, and those that were made on the spot.
fn secrets(config: &Config) -> Vec<Finding> {
    let named = SECRETS
        .iter()
        .filter_map(|name| std::env::var_os(format!("{name}_FILE")))
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let made = ["encryption.key", "postgres.passwords"].map(|name| config.data_dir.join(name));
    named
        .chain(made)
        .filter_map(|file| machine::secret_file("secrets", &file))
        .collect()
}

fn metrics(config: &Config) -> Finding {
    match config.web.metrics_bind {
        None => Finding::ok(
            "metrics",
            "shown nowhere; SIGNALBOX_METRICS_BIND gives them an address",
        ),
        Some(bind) if bind.ip().is_loopback() => Finding::ok("metrics", format!("on {bind}")),
        Some(bind) => Finding::warn(
            "metrics",
            format!("on {bind}, which others may reach: it asks nobody who they are"),
            "see that only your scraper gets there",
        ),
    }
}

/// Behind a proxy that is not named, everybody seems to come from its address, and shares its limits.
fn proxies(config: &Config) -> Option<Finding> {
    let behind_one = config.web.is_https() && config.web.tls.is_none();
    (behind_one && config.web.trusted_proxies.is_empty()).then(|| {
        Finding::warn(
            "proxies",
            "people come by https, so through a proxy, and SIGNALBOX_TRUSTED_PROXIES names none",
            "name the proxy's network, so that limits and the log see people's own addresses",
        )
    })
}

/// The certificate that is served without a proxy, and who can read its key.
fn certificate(files: &TlsConfig) -> Vec<Finding> {
    const SUBJECT: &str = "certificate";
    let shown = files.certificate.display();
    let finding = match tls::load(files) {
        Err(error) => Finding::fail(
            SUBJECT,
            error.to_string(),
            "put a certificate and its key there; until then the server does not start",
        ),
        Ok(loaded) => match tls::due(loaded.ends_at, Utc::now()) {
            Some(why) => Finding::warn(
                SUBJECT,
                format!("{shown}: {why}"),
                "renew it; the server takes the new one by itself within a minute",
            ),
            None => Finding::ok(SUBJECT, shown.to_string()),
        },
    };
    let key = machine::secret_file("secrets", &files.key);
    [finding].into_iter().chain(key).collect()
}

fn misconfigured(error: &ConfigError) -> Vec<Finding> {
    let mend = "set it as .env.example says, and ask again";
    let problems = error.0.iter();
    problems
        .map(|problem| Finding::fail("configuration", problem, mend))
        .collect()
}

fn private_cluster(config: &Config) -> Vec<Finding> {
    let survey = survey(&config.data_dir);
    let mut findings = machine::programs(&survey);
    let made = survey.database.as_ref().is_ok_and(|folder| folder.exists());
    if findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Fail)
    {
        return findings;
    }
    if !made {
        findings.push(Finding::ok("database", "will be made by the first start"));
        return findings;
    }
    match Cluster::start_or_join(&ClusterConfig::new(&config.data_dir)) {
        Ok(cluster) => {
            findings.extend(through(config, &cluster));
            if let Err(error) = cluster.stop() {
                let mend = "see postgres.log in the data folder";
                findings.push(Finding::fail("database", error.to_string(), mend));
            }
        }
        Err(error) => {
            let mend = "see postgres.log in the data folder";
            findings.push(Finding::fail("database", error.to_string(), mend));
        }
    }
    findings
}

fn through(config: &Config, cluster: &Cluster) -> Vec<Finding> {
    let app: Secret<String> = cluster.url(Role::App);
    let sealer = cluster.url(Role::Sealer);
    database::examine(config, &app, Some(&sealer), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_a_sentence_with_its_remedy() {
        let finding = Finding::fail("port", "8080 is taken", "stop what listens there");
        let expected = "FAIL  port             8080 is taken\n                       → stop what listens there";
        assert_eq!(finding.to_string(), expected);
    }

    #[test]
    fn a_proxy_that_nobody_named_is_pointed_out() {
        let mut config = Config::read(Mode::Demo, &|_| None).unwrap();
        assert!(proxies(&config).is_none());
        config.web.base_url = "https://signalbox.example".parse().unwrap();
        let warned = proxies(&config).map(|finding| finding.verdict);
        assert_eq!(warned, Some(Verdict::Warn));
        config.web.trusted_proxies = "10.0.0.0/8".parse().unwrap();
        assert!(proxies(&config).is_none());
    }
}
