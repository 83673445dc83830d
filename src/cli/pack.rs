//! `signalbox pack`: checks, compares, applies and exports the files that describe platforms.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Connected, failed};
use crate::features::packs::parameters::Given;
use crate::features::packs::{actions, changes, lint, store};
use crate::foundation::db;

/// Check, apply and export packs, the files that describe platforms
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
    /// Say what applying packs would change, and what of it lowers a guard; nothing is written
    Diff {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A parameter's value, for this run only
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Write the pack that runs to a file, to the letter, with what was changed from the pages
    Export {
        /// Where to; - is the standard output
        file: PathBuf,
        /// Whose pack; by default the file's name without its ending
        #[arg(long, value_name = "ID")]
        platform: Option<String>,
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
        Command::Diff { files, set } => diff(&files, &given(set)),
        Command::Export { file, platform } => export(&file, platform),
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

fn diff(files: &[PathBuf], given: &Given) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    for path in files {
        let told = read(path).and_then(|source| {
            let prepared =
                actions::Prepared::new(&source, given).map_err(|error| error.to_string())?;
            let looked = connected.services.db.read(|conn| {
                Ok::<_, db::Error>((prepared.differences(conn)?, prepared.lowers(conn)?))
            });
            looked.map_err(|error| error.to_string())
        });
        let (differences, lowers) = match told {
            Ok(told) => told,
            Err(error) => return failed(format!("{}: {error}", path.display())),
        };
        println!("{}", path.display());
        for difference in &differences {
            println!("  {difference}");
        }
        if differences.is_empty() {
            println!("  nothing would change");
        }
        for lowering in &lowers {
            println!("  lowers, or may: {lowering}");
        }
    }
    ExitCode::SUCCESS
}

fn export(path: &Path, platform: Option<String>) -> ExitCode {
    let to_output = path == Path::new("-");
    let stem = path.file_stem().filter(|_| !to_output);
    let named = platform.or_else(|| stem.map(|stem| stem.to_string_lossy().into_owned()));
    let Some(platform) = named else {
        return failed("say whose pack: --platform ID");
    };
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let running = connected.services.db.read(|conn| {
        let found = store::find(conn, &platform)?;
        let found = found.ok_or(changes::Refusal::Database(db::Error::NotFound))?;
        changes::running(conn, &found)
    });
    let running = match running {
        Ok(running) => running,
        Err(changes::Refusal::Database(db::Error::NotFound)) => {
            return failed(format!(
                "no pack has been applied to a platform \"{platform}\""
            ));
        }
        Err(changes::Refusal::NoSource) => {
            return failed(format!(
                "the pack of {platform} was applied before Signalbox kept what packs say: \
                 apply its file once more, and it can be exported from then on"
            ));
        }
        Err(error) => return failed(error),
    };
    let source = running.kept.source.as_bytes();
    let written = if to_output {
        std::io::stdout().lock().write_all(source)
    } else {
        fs::write(path, source)
    };
    match written {
        Ok(()) if to_output => ExitCode::SUCCESS,
        Ok(()) => {
            let applied = &running.applied;
            println!(
                "{}: revision {} of {platform}, version {}",
                path.display(),
                applied.revision,
                applied.version
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(format!("{}: {error}", path.display())),
    }
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
