//! `signalbox lists load ofac`: puts a sanctions list in place.
//!
//! It ends with 0 when the list is in place (or was before), 1 when it is refused.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Subcommand;

use super::{Connected, failed};
use crate::features::screening::lists::{self, LoadError, Loaded};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Load a version of a list; what is the same as before stays untouched
    #[command(subcommand)]
    Load(Source),
}

#[derive(Debug, Subcommand)]
enum Source {
    /// OFAC's list of specially designated nationals, in its three CSV files
    Ofac(OfacArgs),
}

#[derive(clap::Args, Debug)]
struct OfacArgs {
    /// sdn.csv: the entries
    #[arg(long)]
    sdn: PathBuf,
    /// alt.csv: the aliases
    #[arg(long)]
    alt: PathBuf,
    /// add.csv: the addresses
    #[arg(long)]
    add: PathBuf,
    /// The day on which OFAC published these files
    #[arg(long, value_name = "YYYY-MM-DD")]
    published: NaiveDate,
}

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{path} cannot be opened: {source}")]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Connect(#[from] super::connect::ConnectError),
    #[error("the list is refused and nothing was changed: {0}")]
    Load(#[from] LoadError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    let What::Load(Source::Ofac(files)) = &args.what;
    match load(files) {
        Ok(loaded) => {
            report(&loaded);
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

/// The files are read before the database is asked for: a wrong file costs nothing.
fn load(files: &OfacArgs) -> Result<Loaded, CommandError> {
    let list = lists::read_ofac(
        open(&files.sdn)?,
        open(&files.alt)?,
        open(&files.add)?,
        files.published,
    )?;
    for warning in &list.warnings {
        eprintln!("note: {warning}");
    }
    let connected = Connected::open()?;
    Ok(lists::load(&connected.services, &connected.actor(), list)?)
}

fn open(path: &Path) -> Result<BufReader<File>, CommandError> {
    match File::open(path) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(source) => Err(CommandError::Open {
            path: path.to_owned(),
            source,
        }),
    }
}

fn report(loaded: &Loaded) {
    if loaded.unchanged {
        println!(
            "These are the files of version {}: nothing was changed.",
            loaded.version
        );
    } else {
        println!(
            "Version {} is in place: {} entries, {} names; {} added, {} changed, {} removed.",
            loaded.version,
            loaded.entries,
            loaded.names,
            loaded.added,
            loaded.changed,
            loaded.removed
        );
    }
    println!("SHA-256 {}", hex::encode(loaded.sha256));
}
