use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::Utc;

use super::{Connected, decide, failed};
use crate::foundation::audit::Log;
use crate::foundation::audit::export::ExportRequest;
use crate::foundation::audit::note::{self, SignedCheckpoint, VerificationKey};
use crate::foundation::audit::sealer;
use crate::foundation::audit::verify::{self, Failure, Outside};

/// Input that cannot be judged at all.
const UNUSABLE: u8 = 2;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write a verifiable export of the log into a new folder
    Export(Export),
    /// Print the key that exports are verified with, or change it
    Key(Key),
    /// Go on after a restore, after damage, or without the lost key: where the sealer says so
    #[command(subcommand)]
    Epoch(decide::Epoch),
    /// Give up the bodies of the oldest events, in whole partitions; the tree keeps their hashes
    Prune(decide::Prune),
    /// Verify an export, without any database
    ///
    /// Ends with 0 when everything holds, 1 when something does not and names it, 2 when the input
    /// cannot be read.
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Which log: main, or sar
    #[arg(long, default_value = "main")]
    log: Log,
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The first event [default: the oldest that is kept]
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// The event to stop before [default: the end]
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Decrypt personal details into the export
    #[arg(long)]
    with_details: bool,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Option<decide::KeyCommand>,
    /// The sealer's key file; run this where the sealer runs
    #[arg(long, env = "SIGNALBOX_SEALER_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Where it lies when no file is named
    #[arg(long, env = "SIGNALBOX_DATA_DIR", default_value = "var")]
    data_dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The folder of the export
    folder: PathBuf,
    /// The verification key, as `signalbox audit key` prints it where the sealer runs
    ///
    /// Where the key was changed: today's first, then the former ones
    #[arg(long, value_name = "KEY")]
    vkey: Vec<String>,
    /// Checkpoints kept outside the database: an anchor file, or an older export's `checkpoint`
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
}

pub(super) fn run(command: Command) -> ExitCode {
    match command {
        Command::Export(args) => export(&args),
        Command::Key(args) => match args.command {
            Some(command) => decide::key(&command),
            None => key(&args),
        },
        Command::Epoch(command) => decide::epoch(&command),
        Command::Prune(args) => decide::prune(&args),
        Command::Verify(args) => verify(&args),
    }
}

fn export(args: &Export) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let request = ExportRequest {
        log: args.log,
        from: args.from,
        to: args.to,
        disclose: args.with_details,
    };
    let mut show = progress();
    match connected
        .services
        .audit
        .export(&connected.actor(), &request, &args.out, &mut show)
    {
        Ok(exported) => {
            println!(
                "{} events of {} in {}\nmanifest sha256 {}",
                exported.manifest.count,
                exported.manifest.origin,
                args.out.display(),
                exported.sha256
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

/// A line that counts up, where somebody watches.
fn progress() -> impl FnMut(u64, u64) -> bool {
    let watched = std::io::stderr().is_terminal();
    move |done, total| {
        if watched {
            let end = if done == total { "\n" } else { "" };
            let mut stderr = std::io::stderr();
            let _ = write!(stderr, "\r{done} of {total} events{end}");
        }
        true
    }
}

fn key(args: &Key) -> ExitCode {
    let in_folder = || args.data_dir.join("sealer.key");
    match sealer::read_key(&args.key_file.clone().unwrap_or_else(in_folder)) {
        Ok(signer) => {
            println!("{}", signer.verification_key());
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

fn verify(args: &Verify) -> ExitCode {
    let outside = match outside(args) {
        Ok(outside) => outside,
        Err(problem) => return unusable(problem),
    };
    match verify::verify(&args.folder, &outside) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(Failure::Refuted { place, problem }) => {
            println!("not verified: {place}: {problem}");
            ExitCode::FAILURE
        }
        Err(Failure::Unusable(problem)) => unusable(problem),
    }
}

fn outside(args: &Verify) -> Result<Outside, String> {
    let keys = args
        .vkey
        .iter()
        .map(|key| key.parse::<VerificationKey>())
        .collect::<Result<_, _>>();
    let mut anchors = Vec::new();
    for path in &args.anchor {
        anchors.extend(read_anchors(path)?);
    }
    Ok(Outside {
        keys: keys.map_err(|e| e.to_string())?,
        anchors,
        now: Utc::now(),
    })
}

fn read_anchors(path: &Path) -> Result<Vec<SignedCheckpoint>, String> {
    let named = |error: &dyn Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
    let notes = note::parse_all(&text).map_err(|e| named(&e))?;
    if notes.is_empty() {
        Err(named(&"holds no checkpoint"))
    } else {
        Ok(notes)
    }
}

fn unusable(problem: impl Display) -> ExitCode {
    println!("unusable: {problem}");
    ExitCode::from(UNUSABLE)
}
