//! `signalbox doctor`: what is wrong with the set-up and how to mend it.
//!
//! It changes nothing. Where the private cluster has been made but does not run, it is started for the
//! questions and stopped again.

mod machine;
mod provider;

use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;

use crate::features::posture::finding::{Finding, Verdict};
use crate::features::posture::{database, files, notices, settings};
use crate::foundation::config::{Config, ConfigError, Mode};
use crate::foundation::db::cluster::{Cluster, ClusterConfig, survey};
use crate::foundation::db::roles::Role;
use crate::foundation::kernel::Secret;

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

fn examine() -> Vec<Finding> {
    let config = match Config::from_env(Mode::Serve) {
        Ok(config) => config,
        // Without a configuration that can be read there is nothing sensible to look at.
        Err(error) => return misconfigured(&error),
    };
    let mut findings = vec![Finding::ok("configuration", "can be used")];
    findings.push(machine::port(config.web.bind, config.web.tls.is_some()));
    findings.extend(data_dir(&config.data_dir));
    findings.extend(files::secrets(&config));
    findings.push(settings::metrics(&config));
    let now = Utc::now();
    let certificates = config.web.tls.iter();
    findings.extend(certificates.map(|paths| settings::certificate(paths, now)));
    findings.extend(settings::proxies(&config));
    findings.extend(provider::examine(&config));
    findings.push(notices::mail(&config.notices));
    findings.extend(match &config.database.app_url {
        Some(app) => database::examine(&config, app, config.database.sealer_url.as_ref(), false),
        None => private_cluster(&config),
    });
    findings
}

fn data_dir(folder: &Path) -> Vec<Finding> {
    let Some(rights) = files::folder(folder) else {
        let will_be = format!("{} will be made", folder.display());
        return vec![Finding::ok("data folder", will_be)];
    };
    let room = machine::disk(folder);
    [rights].into_iter().chain(room).collect()
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
