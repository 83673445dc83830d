//! `signalbox lists load ofac` and `plain`: puts a sanctions list in place.
//!
//! It ends with 0 when the list is in place (or was before), 1 when it is refused.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Subcommand;

use super::{Connected, failed};
use crate::features::screening::lists::{self, LoadError, Loaded, Order, Outcome};

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
    /// A list in the plain CSV format (reference, kind, name, strong_aliases, weak_aliases,
    /// dates_of_birth, countries, programs, remarks)
    Plain(PlainArgs),
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
    #[command(flatten)]
    order: OrderArgs,
}

#[derive(clap::Args, Debug)]
struct PlainArgs {
    /// The file
    file: PathBuf,
    /// The list's name: small letters, digits and hyphens, the same each time
    #[arg(long)]
    source: String,
    #[command(flatten)]
    order: OrderArgs,
}

#[derive(clap::Args, Debug)]
struct OrderArgs {
    /// The day on which the source published these files
    #[arg(long, value_name = "YYYY-MM-DD")]
    published: NaiveDate,
    /// Accept that a large share of the entries vanishes, and say how you know that it is right
    #[arg(long, value_name = "REASON")]
    accept_drop: Option<String>,
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
    #[error(
        "a list is called by small letters, digits and hyphens, and by a name of its own; \
         \"{0}\" is not such a name"
    )]
    Source(String),
    #[error("--accept-drop needs a reason in words")]
    Reason,
    #[error("the list is refused and nothing was changed: {0}")]
    Load(#[from] LoadError),
    #[error(
        "the list is refused and nothing was changed: {0} \
         (--accept-drop REASON)"
    )]
    Dropped(LoadError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    let What::Load(source) = &args.what;
    match load(source) {
        Ok(loaded) => {
            report(&loaded);
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

/// The files are read before the database is asked for: a wrong file costs nothing.
fn load(source: &Source) -> Result<Loaded, CommandError> {
    let (list, args) = match source {
        Source::Ofac(files) => {
            let published = files.order.published;
            let (sdn, alt, add) = (open(&files.sdn)?, open(&files.alt)?, open(&files.add)?);
            (lists::read_ofac(sdn, alt, add, published)?, &files.order)
        }
        Source::Plain(plain) => {
            if !lists::is_source(&plain.source) || lists::is_taken(&plain.source) {
                return Err(CommandError::Source(plain.source.clone()));
            }
            let file = open(&plain.file)?;
            let list = lists::read_plain(&plain.source, file, plain.order.published)?;
            (list, &plain.order)
        }
    };
    let accept_drop = args.accept_drop.as_deref().map(str::trim);
    if accept_drop == Some("") {
        return Err(CommandError::Reason);
    }
    let order = Order {
        accept_drop: accept_drop.map(str::to_owned),
        asked_by: None,
    };
    let connected = Connected::open()?;
    lists::load(&connected.services, &connected.actor(), &list, &order).map_err(|error| {
        if matches!(error, LoadError::Dropped { .. }) {
            CommandError::Dropped(error)
        } else {
            error.into()
        }
    })
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
    for note in &loaded.notes {
        eprintln!("note: {note}");
    }
    let version = loaded.version;
    match loaded.outcome {
        Outcome::Unchanged => {
            println!("These are the files of version {version}: nothing was changed.");
        }
        Outcome::Confirmed => println!(
            "These are the files of version {version}, published again: it is confirmed as current."
        ),
        Outcome::Loaded => println!(
            "Version {version} is in place: {} entries, {} names; {} added, {} changed, {} removed.",
            loaded.entries, loaded.names, loaded.added, loaded.changed, loaded.removed
        ),
    }
    for file in &loaded.files {
        // As sha256sum prints it, to be compared with.
        println!("{}  {}", file.sha256, file.name);
    }
}
