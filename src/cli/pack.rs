//! `signalbox pack`: checks and applies the files that describe platforms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Connected, failed};
use crate::features::packs::actions;
use crate::features::packs::lint;
use crate::features::packs::parameters::Given;

/// Check and apply packs, the files that describe platforms
///
/// Parameters such as ${API_URL:-http://localhost:8000} are taken from --set, then from the environment:
/// first with the platform in front (REGTECH_HORIZON_API_URL), then as they stand (API_URL).
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Say what is wrong with packs; exit code 1 if there are errors
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A parameter's value, for this run only
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Apply packs, each in one audited transaction
    Apply {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A parameter's value, stored with the definitions it stands in
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn run(args: Args) -> ExitCode {
    match args.command {
        Command::Check { files, set } => check(&files, &given(set)),
        Command::Apply { files, set } => apply(&files, &given(set)),
    }
}

fn given(set: Vec<(String, String)>) -> Given {
    let mut given = actions::environment();
    given.extend(set);
    given
}

fn check(files: &[PathBuf], given: &Given) -> ExitCode {
    let mut good = true;
    for path in files {
        let source = match read(path) {
            Ok(source) => source,
            Err(problem) => return failed(problem),
        };
        match actions::check(&source, given) {
            Ok((file, findings)) => {
                good &= !lint::has_errors(&findings);
                println!(
                    "{}: {}",
                    path.display(),
                    summary(&file.pack, findings.len())
                );
                for finding in &findings {
                    println!("  {finding}");
                }
            }
            Err(problems) => {
                good = false;
                println!("{}: cannot be read", path.display());
                for problem in &problems {
                    println!("  {problem}");
                }
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn summary(pack: &crate::features::packs::pack::Pack, findings: usize) -> String {
    format!(
        "{} services, {} probes, {} indicators, {} event types, {} heartbeats, {} rules, {} runbooks; {}",
        pack.services.len(),
        pack.all_probes().len(),
        pack.indicators.len(),
        pack.event_types.len(),
        pack.heartbeats.len(),
        pack.rules.len(),
        pack.runbooks.len(),
        match findings {
            0 => "nothing to say".to_owned(),
            1 => "one finding".to_owned(),
            count => format!("{count} findings"),
        }
    )
}

fn apply(files: &[PathBuf], given: &Given) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    for path in files {
        let source = match read(path) {
            Ok(source) => source,
            Err(problem) => return failed(problem),
        };
        match actions::apply(&connected.services, &connected.actor(), &source, given) {
            Ok(outcome) => {
                println!("{}: applied, revision {}", path.display(), outcome.revision);
                for finding in &outcome.findings {
                    println!("  {finding}");
                }
                for difference in &outcome.differences {
                    println!("  {difference}");
                }
                if outcome.differences.is_empty() {
                    println!("  nothing has changed");
                }
            }
            Err(error) => return failed(format!("{}: {error}", path.display())),
        }
    }
    ExitCode::SUCCESS
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
